//! Bearer tokens: given, taken, refused, refreshed and revoked.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/origins.rs"]
mod origins;
mod support;
#[path = "support/users.rs"]
mod users;

use axum::{Router, body::Body, http::Request};
use jsonwebtoken::{Algorithm, EncodingKey, Header, decode_header, encode};
use leptos::{config::LeptosOptions, prelude::*};
use leptos_router::{
    SsrMode,
    components::{Route, Router as Routed, Routes},
    path,
};
use mizan::{
    Mizan,
    auth::{
        TokenPair,
        token::{Key, Tokens},
    },
};
use origins::{HOST, ORIGINS};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use support::{get, options, send};
use users::{Account, Accounts, call_with, session_of};

#[mizan::client(context = "global")]
async fn me() -> mizan::Result<Option<String>> {
    users::who().await
}

#[mizan::client(auth = "staff")]
async fn for_staff() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(auth)]
async fn token() -> mizan::Result<TokenPair> {
    let account = mizan::current_user::<Account>().await?;
    mizan::auth::token::issue(&account.expect("the guard has seen it")).await
}

#[mizan::client]
async fn revoke(token: String) -> mizan::Result<()> {
    mizan::auth::token::revoke(&token).await
}

const AUDIENCE: &str = "https://api.example.com";
const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
const OTHER_SECRET: &[u8; 32] = b"another secret of thirty-two 's.";

fn tokens() -> Tokens {
    Tokens::new(AUDIENCE, Key::new("one", SECRET).unwrap())
}

/// Gives tokens where others only read.
#[mizan::client(context = "local", auth)]
async fn handed_out() -> mizan::Result<TokenPair> {
    let account = mizan::current_user::<Account>().await?;
    mizan::auth::token::issue(&account.expect("the guard has seen it")).await
}

fn server(accounts: &Accounts, tokens: Tokens) -> Router {
    let mizan = Mizan::new(options()).users(accounts.clone());
    mizan.tokens(tokens).api().unwrap()
}

async fn pair(app: &Router, name: &str) -> TokenPair {
    let session = session_of(app, name).await;
    let answer = call_with(app, "token", "{}", &[("cookie", &session)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    serde_json::from_value(answer.json()["result"].clone()).unwrap()
}

async fn status(app: &Router, function: &str, token: &str) -> u16 {
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    call_with(app, function, "{}", &headers)
        .await
        .status
        .as_u16()
}

async fn refresh(app: &Router, token: &str) -> Result<TokenPair, u16> {
    let request = Request::post("/api/mizan/token").header("content-type", "application/json");
    let body = json!({ "refresh_token": token }).to_string();
    let answer = send(app, request.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    match answer.status.as_u16() {
        200 => Ok(serde_json::from_value(answer.json()).unwrap()),
        status => Err(status),
    }
}

#[tokio::test]
async fn a_token_says_who_calls() {
    let app = server(&Accounts::new(), tokens());
    let pair = pair(&app, "staff").await;
    assert_eq!((pair.token_type.as_str(), pair.expires_in), ("Bearer", 600));
    let authorization = format!("Bearer {}", pair.access_token);
    let headers = [("authorization", authorization.as_str())];
    let answer = call_with(&app, "who", "{}", &headers).await;
    assert_eq!(answer.json()["result"], "staff");
    assert_eq!(answer.header("set-cookie"), "", "a token makes no session");
    assert_eq!(status(&app, "for_staff", &pair.access_token).await, 200);
    for path in ["/api/mizan/session", "/api/mizan/ctx/global"] {
        let request = Request::get(path).header("authorization", &authorization);
        let answer = send(&app, request.body(Body::empty()).unwrap()).await;
        assert!(answer.text.contains("staff"), "{}", answer.text);
    }
    let header = decode_header(&pair.access_token).unwrap();
    assert_eq!(header.kid.as_deref(), Some("one"));
    // The scheme's case is the sender's (RFC 9110, section 11.1)
    let headers = [("authorization", authorization.replace("Bearer", "bEARER"))];
    let headers = headers
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    assert_eq!(
        call_with(&app, "who", "{}", &headers).await.json()["result"],
        "staff"
    );
}

#[derive(Clone)]
struct Forged {
    header: Header,
    claims: Value,
    secret: Vec<u8>,
}

impl Forged {
    /// What the server itself would have signed.
    fn new(genuine: &str) -> Self {
        let claims = genuine.split('.').nth(1).unwrap();
        Self {
            header: decode_header(genuine).unwrap(),
            claims: serde_json::from_slice(&base64(claims)).unwrap(),
            secret: SECRET.to_vec(),
        }
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    fn signed(self) -> String {
        let key = EncodingKey::from_secret(&self.secret);
        encode(&self.header, &self.claims, &key).unwrap()
    }
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let value = LETTERS.iter().position(|one| *one == letter).unwrap();
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused_beside_a_valid_session_too() {
    let app = server(&Accounts::new(), tokens());
    let session = session_of(&app, "staff").await;
    let genuine = pair(&app, "staff").await;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let forged = Forged::new(&genuine.access_token);
    assert_eq!(
        status(&app, "who", &forged.clone().signed()).await,
        200,
        "as the server signs"
    );

    let mut other_secret = forged.clone();
    other_secret.secret = OTHER_SECRET.to_vec();
    let mut other_algorithm = forged.clone();
    other_algorithm.header.alg = Algorithm::HS512;
    let mut unknown_key = forged.clone();
    unknown_key.header.kid = Some("two".to_owned());
    let mut no_key = forged.clone();
    no_key.header.kid = None;
    let mut other_type = forged.clone();
    other_type.header.typ = Some("JWT".to_owned());
    let (head, rest) = genuine.access_token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    // {"alg":"none","typ":"at+jwt","kid":"one"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoib25lIn0";
    let hostile = [
        other_secret.signed(),
        other_algorithm.signed(),
        unknown_key.signed(),
        no_key.signed(),
        other_type.signed(),
        forged
            .clone()
            .with("aud", json!("https://elsewhere.example"))
            .signed(),
        forged.clone().without("aud").signed(),
        forged.clone().with("exp", json!(now - 60)).signed(),
        forged.clone().with("exp", json!(-1)).signed(),
        forged.clone().with("exp", json!("9999999999")).signed(),
        forged.clone().without("exp").signed(),
        forged.clone().with("sub", json!("99")).signed(),
        forged.clone().with("sub", json!("3")).signed(), // with another's fingerprint
        forged.clone().with("sub", json!("{")).signed(),
        forged.clone().without("sub").signed(),
        forged.clone().with("fpt", json!("")).signed(),
        forged.clone().without("fpt").signed(),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}"),
        format!("{head}.{claims}.{signature}A"),
        genuine.access_token[..genuine.access_token.len() - 5].to_owned(),
        genuine.refresh_token.clone(),
        session.strip_prefix("session=").unwrap().to_owned(),
        String::new(),
        "...".to_owned(),
        "x".repeat(8000),
    ];
    for token in &hostile {
        let authorization = format!("Bearer {token}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("cookie", &session),
        ];
        for function in ["who", "for_staff", "sign_out"] {
            let answer = call_with(&app, function, "{}", &headers).await;
            assert_eq!(answer.status, 401, "{function}: {token}");
            assert_eq!(answer.code(), "UNAUTHORIZED");
        }
        let request = Request::get("/api/mizan/ctx/global")
            .header("authorization", &authorization)
            .header("cookie", &session);
        let answer = send(&app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 401, "{token}");
    }
    let twice = [
        ("authorization", "Bearer x"),
        ("authorization", "Basic eA=="),
        ("cookie", session.as_str()),
    ];
    assert_eq!(call_with(&app, "who", "{}", &twice).await.status, 401);
    let twice = [
        ("authorization", "Basic eA=="),
        ("authorization", "Bearer x"),
        twice[2],
    ];
    assert_eq!(call_with(&app, "who", "{}", &twice).await.status, 401);
    let tab = [("authorization", "Bearer\tx"), ("cookie", session.as_str())];
    assert_eq!(call_with(&app, "who", "{}", &tab).await.status, 401);
    let basic = [
        ("authorization", "Basic eA=="),
        ("cookie", session.as_str()),
    ];
    assert_eq!(
        call_with(&app, "who", "{}", &basic).await.json()["result"],
        "staff"
    );
    let still = call_with(&app, "who", "{}", &[("cookie", &session)]).await;
    assert_eq!(still.json()["result"], "staff");
}

#[tokio::test]
async fn a_token_in_a_url_or_a_body_is_nobodys() {
    let app = server(&Accounts::new(), tokens());
    let token = pair(&app, "staff").await.access_token;
    for name in ["access_token", "token", "authorization", "bearer"] {
        let path = format!("/api/mizan/session?{name}={token}");
        assert_eq!(get(&app, &path).await.json()["authenticated"], false);
        let path = format!("who?{name}={token}");
        let answer = call_with(&app, &path, "{}", &[]).await;
        assert_eq!(answer.json()["result"], Value::Null);
        let cookie = format!("{name}={token}; session={token}");
        let answer = call_with(&app, "who", "{}", &[("cookie", &cookie)]).await;
        assert_eq!(answer.json()["result"], Value::Null);
    }
}

#[tokio::test]
async fn a_token_is_of_a_few_minutes() {
    let app = server(&Accounts::new(), tokens().time_to_live(Duration::ZERO));
    let token = pair(&app, "user").await.access_token;
    assert_eq!(
        status(&app, "who", &token).await,
        200,
        "clocks may differ by 5 seconds"
    );
    tokio::time::sleep(Duration::from_millis(7000)).await;
    assert_eq!(status(&app, "who", &token).await, 401);
}

#[tokio::test]
async fn a_token_is_revoked_by_what_its_user_may() {
    let accounts = Accounts::new();
    let app = server(&accounts, tokens());
    let changes: [fn(&mut Account); 4] = [
        |account| account.is_staff = false,
        |account| account.is_superuser = true,
        |account| account.permissions.push("publish".to_owned()),
        |account| account.secret.push('x'),
    ];
    for change in changes {
        let pair = pair(&app, "staff").await;
        assert_eq!(status(&app, "who", &pair.access_token).await, 200);
        accounts.change(2, change);
        assert_eq!(status(&app, "who", &pair.access_token).await, 401);
    }
    let token = pair(&app, "staff").await.access_token;
    accounts.remove(2);
    assert_eq!(status(&app, "who", &token).await, 401);
}

#[tokio::test]
async fn keys_are_rotated() {
    let accounts = Accounts::new();
    let old = server(&accounts, tokens());
    let by_old = pair(&old, "user").await.access_token;
    let new_key = || Key::new("two", OTHER_SECRET).unwrap();
    let both = Tokens::new(AUDIENCE, new_key()).accept(Key::new("one", SECRET).unwrap());
    let both = server(&accounts, both);
    assert_eq!(status(&both, "who", &by_old).await, 200);
    let by_new = pair(&both, "user").await.access_token;
    assert_eq!(decode_header(&by_new).unwrap().kid.as_deref(), Some("two"));
    let new = server(&accounts, Tokens::new(AUDIENCE, new_key()));
    assert_eq!(status(&new, "who", &by_old).await, 401);
    assert_eq!(status(&new, "who", &by_new).await, 200);
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let accounts = Accounts::new();
    let app = server(&accounts, tokens());
    let first = pair(&app, "user").await;
    let second = refresh(&app, &first.refresh_token).await.unwrap();
    assert_eq!(status(&app, "who", &second.access_token).await, 200);
    let third = refresh(&app, &second.refresh_token).await.unwrap();
    // Somebody has kept the first: whose the third is can't be known any more
    assert_eq!(refresh(&app, &first.refresh_token).await, Err(401));
    assert_eq!(refresh(&app, &third.refresh_token).await, Err(401));
}

/// A row of the matrix in `cross_site.rs`.
#[tokio::test]
async fn another_sites_page_refreshes_nothing() {
    let mizan = Mizan::new(options()).users(Accounts::new());
    let mizan = mizan.trusted_origins(["https://friend.example"]);
    let app = mizan.tokens(tokens()).api().unwrap();
    let mut pair = pair(&app, "user").await;
    for (from, origin, may) in ORIGINS {
        for content_type in [
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
        ] {
            let mut request = Request::post("/api/mizan/token")
                .header("host", HOST)
                .header("content-type", content_type);
            for (name, value) in *origin {
                request = request.header(*name, *value);
            }
            let body = json!({ "refresh_token": pair.refresh_token }).to_string();
            let answer = send(&app, request.body(Body::from(body)).unwrap()).await;
            let expected = match (*may, content_type) {
                (false, _) => 403,
                (true, "application/json") => 200,
                (true, _) => 415,
            };
            assert_eq!(answer.status, expected, "{from}, {content_type}");
            if expected == 200 {
                pair = serde_json::from_value(answer.json()).unwrap();
            }
        }
    }
    refresh(&app, &pair.refresh_token).await.unwrap();
}

#[tokio::test]
async fn of_two_refreshes_at_once_one_succeeds() {
    let app = server(&Accounts::new(), tokens());
    let first = pair(&app, "user").await;
    let both = futures::future::join_all((0..8).map(|_| refresh(&app, &first.refresh_token))).await;
    let succeeded = both.iter().filter(|result| result.is_ok()).count();
    assert_eq!(succeeded, 1);
}

#[tokio::test]
async fn a_refresh_follows_the_users_roles_and_ends_with_their_password() {
    let accounts = Accounts::new();
    let app = server(&accounts, tokens());
    let first = pair(&app, "user").await;
    accounts.change(1, |account| account.is_staff = true);
    assert_eq!(status(&app, "for_staff", &first.access_token).await, 401);
    let second = refresh(&app, &first.refresh_token).await.unwrap();
    assert_eq!(status(&app, "for_staff", &second.access_token).await, 200);
    accounts.change(1, |account| account.secret.push('x'));
    assert_eq!(refresh(&app, &second.refresh_token).await, Err(401));
    assert_eq!(refresh(&app, &second.refresh_token).await, Err(401));
}

#[tokio::test]
async fn a_refresh_token_can_be_revoked_and_is_no_session() {
    let app = server(&Accounts::new(), tokens());
    let first = pair(&app, "user").await;
    let (id, _) = first.refresh_token.split_once('.').unwrap();
    let cookie = format!("session={id}");
    let answer = call_with(&app, "who", "{}", &[("cookie", &cookie)]).await;
    assert_eq!(answer.json()["result"], Value::Null);

    // Nor can somebody who has it sign in with it, and take its line along under another id
    let headers = [("cookie", cookie.as_str())];
    let answer = call_with(&app, "sign_in", r#"{"name":"staff"}"#, &headers).await;
    let theirs = users::cookie(&answer);
    let theirs = theirs.trim_start_matches("session=").trim_end_matches(".u");
    let (_, secret) = first.refresh_token.split_once('.').unwrap();
    assert_eq!(refresh(&app, &format!("{theirs}.{secret}")).await, Err(401));
    let second = refresh(&app, &first.refresh_token).await.unwrap();
    let first = second;

    let body = json!({ "token": first.refresh_token }).to_string();
    assert_eq!(call_with(&app, "revoke", &body, &[]).await.status, 200);
    assert_eq!(
        call_with(&app, "revoke", &body, &[]).await.status,
        200,
        "as often as one likes"
    );
    assert_eq!(refresh(&app, &first.refresh_token).await, Err(401));
}

#[tokio::test]
async fn what_is_no_refresh_token() {
    let app = server(&Accounts::new(), tokens());
    let session = session_of(&app, "user").await;
    let id = session.strip_prefix("session=").unwrap();
    let access = pair(&app, "user").await.access_token;
    for token in [
        "",
        ".",
        "x",
        "x.y",
        id,
        &format!("{id}."),
        &format!("{id}.x"),
        &access,
    ] {
        assert_eq!(refresh(&app, token).await, Err(401), "{token}");
    }
    let send_as = async |content_type: &str, body: &str| {
        let request = Request::post("/api/mizan/token").header("content-type", content_type);
        send(&app, request.body(Body::from(body.to_owned())).unwrap())
            .await
            .status
            .as_u16()
    };
    assert_eq!(send_as("application/json", "{}").await, 422);
    assert_eq!(send_as("application/json", "not json").await, 422);
    assert_eq!(send_as("text/plain", "{}").await, 415);
    assert_eq!(get(&app, "/api/mizan/token").await.status, 405);
    // The session that was tried is still one
    let answer = call_with(&app, "who", "{}", &[("cookie", &session)]).await;
    assert_eq!(answer.json()["result"], "user");
}

#[tokio::test]
async fn a_caller_with_a_token_has_no_session_to_sign_in_with() {
    let app = server(&Accounts::new(), tokens());
    let token = pair(&app, "user").await.access_token;
    let authorization = format!("Bearer {token}");
    let headers = [("authorization", authorization.as_str())];
    let answer = call_with(&app, "sign_in", r#"{"name":"staff"}"#, &headers).await;
    assert_eq!(answer.code(), "BAD_REQUEST");
    let answer = call_with(&app, "sign_out", "{}", &headers).await;
    assert_eq!(answer.code(), "BAD_REQUEST");
}

#[mizan::client]
async fn session_text() -> mizan::Result<Option<String>> {
    mizan::session().insert("text", "by a token").await?;
    Ok(mizan::session().get("text").await?)
}

#[tokio::test]
async fn no_session_counts_beside_a_token() {
    let app = server(&Accounts::new(), tokens());
    let session = session_of(&app, "staff").await;
    let authorization = format!("Bearer {}", pair(&app, "user").await.access_token);
    let headers = [
        ("authorization", authorization.as_str()),
        ("cookie", session.as_str()),
    ];
    assert_eq!(
        call_with(&app, "who", "{}", &headers).await.json()["result"],
        "user"
    );
    let answer = call_with(&app, "session_text", "{}", &headers).await;
    assert_eq!(answer.json()["result"], "by a token");
    assert_eq!(
        answer.header("set-cookie"),
        "",
        "it is gone with the request"
    );
}

#[component]
fn Page() -> impl IntoView {
    let who = Resource::new(|| (), |()| users::who());
    view! { <Suspense>{move || Suspend::new(async move { format!("[{:?}]", who.await) })}</Suspense> }
}

#[component]
fn App() -> impl IntoView {
    view! { <Routed><Routes fallback=|| "nothing"><Route path=path!("/") view=Page ssr=SsrMode::Async/></Routes></Routed> }
}

fn shell(_: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html><head></head><body><App/></body></html> }
}

#[tokio::test]
async fn pages_take_tokens_too() {
    let mizan = Mizan::new(options())
        .users(Accounts::new())
        .tokens(tokens());
    let app = mizan.router(App, shell);
    let session = session_of(&app, "staff").await;
    let authorization = format!("Bearer {}", pair(&app, "user").await.access_token);
    for (authorization, status, text) in [
        (authorization.as_str(), 200, "user"),
        ("Bearer x", 401, "UNAUTHORIZED"),
    ] {
        let request = Request::get("/").header("cookie", &session);
        let request = request.header("authorization", authorization);
        let answer = send(&app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.text.contains(text), "{}", answer.text);
    }
}

#[test]
fn settings_that_do_not_fit_together_stop_the_server() {
    let twice = tokens().accept(Key::new("one", OTHER_SECRET).unwrap());
    let error = Mizan::new(options()).tokens(twice).api().unwrap_err();
    assert_eq!(error.mistakes().len(), 2, "{error}");
}

#[tokio::test]
async fn a_server_without_keys_knows_no_tokens() {
    let app = Mizan::new(options()).users(Accounts::new()).api().unwrap();
    let session = session_of(&app, "user").await;
    let answer = call_with(&app, "token", "{}", &[("cookie", &session)]).await;
    assert_eq!(answer.code(), "NOT_IMPLEMENTED");
    assert_eq!(refresh(&app, "x.y").await, Err(404));
}

#[test]
fn a_short_key_is_none() {
    let error = Key::new("one", b"a password").unwrap_err();
    assert!(error.to_string().contains("at least 32 bytes"), "{error}");
}

#[tokio::test]
async fn tokens_are_given_once() {
    let app = server(&Accounts::new(), tokens());
    let cookie = session_of(&app, "staff").await;
    let mut given = Vec::new();
    for _ in 0..2 {
        let request = Request::get("/api/mizan/ctx/handed_out").header("cookie", &cookie);
        let answer = send(&app, request.body(Body::empty()).unwrap()).await;
        let token = &answer.json()["data"]["handed_out"]["refresh_token"];
        given.push(token.as_str().unwrap().to_owned());
    }
    assert_ne!(given[0], given[1]);
}
