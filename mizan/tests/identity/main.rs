//! Sessions: signing in and out, and everything that somebody may send instead of their own cookie.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "../support/log.rs"]
mod log;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/users.rs"]
mod users;

mod failing;
mod page;

use axum::{Router, body::Body, http::Request};
use leptos::config::Env;
use log::Log;
use mizan::{
    Mizan,
    auth::{AuthnBackend, SessionStore, Sessions},
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::{get, options, send};
use tokio::sync::Notify;
use tower_sessions::{
    session::{Id, Record},
    session_store,
};
use users::{Accounts, call_with, cookie, session_of};

#[mizan::client(context = "global")]
async fn me() -> mizan::Result<Option<String>> {
    users::who().await
}

#[mizan::context]
struct SecretContext {}

#[mizan::client(context = SecretContext, auth)]
async fn secret() -> mizan::Result<String> {
    Ok("of those who have signed in".to_owned())
}

/// Something that an anonymous visitor's session may hold.
#[mizan::client]
async fn put(text: String) -> mizan::Result<()> {
    mizan::session().insert("text", text).await?;
    Ok(())
}

#[mizan::client]
async fn read() -> mizan::Result<Option<String>> {
    Ok(mizan::session().get("text").await?)
}

/// Reads the session, waits, and writes it.
#[mizan::client]
async fn put_slowly() -> mizan::Result<()> {
    let Gate { read, go_on } = mizan::state();
    let session = mizan::session();
    let _: Option<String> = session.get("text").await?;
    read.notify_one();
    go_on.notified().await;
    session.insert("text", "written late").await?;
    Ok(())
}

#[derive(Clone, Default)]
struct Gate {
    read: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[mizan::client]
async fn put_and_fail(internal: bool) -> mizan::Result<()> {
    mizan::session().insert("text", "of a failure").await?;
    Err(match internal {
        true => mizan::Error::internal("something"),
        false => mizan::Error::conflict("not now"),
    })
}

fn server(accounts: &Accounts) -> Router {
    let mizan = Mizan::new(options()).users(accounts.clone());
    mizan.provide(Gate::default()).api().unwrap()
}

async fn who(app: &Router, cookie: &str) -> Value {
    let answer = call_with(app, "who", "{}", &[("cookie", cookie)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["result"].clone()
}

#[tokio::test]
async fn signing_in_and_out() {
    let app = server(&Accounts::new());
    assert_eq!(who(&app, "").await, Value::Null);

    let answer = call_with(&app, "sign_in", r#"{"name":"user"}"#, &[]).await;
    assert_eq!(answer.header("mizan-session"), "changed");
    let set = answer.header("set-cookie");
    assert!(set.starts_with("session="), "{set}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=34560000"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"), "in development: {set}");
    let session = cookie(&answer);
    assert_eq!(who(&app, &session).await, "user");

    let out = call_with(&app, "sign_out", "{}", &[("cookie", &session)]).await;
    assert_eq!(out.header("mizan-session"), "changed");
    assert!(
        out.header("set-cookie").contains("Max-Age=0"),
        "{:?}",
        out.headers
    );
    assert_eq!(who(&app, &session).await, Value::Null, "a replayed cookie");
}

#[tokio::test]
async fn who_is_not_known_gets_no_session() {
    let app = server(&Accounts::new());
    let answer = call_with(&app, "sign_in", r#"{"name":"nobody"}"#, &[]).await;
    assert_eq!(answer.code(), "VALIDATION_ERROR");
    assert_eq!(answer.header("set-cookie"), "");
    assert_eq!(answer.header("mizan-session"), "");
    let answer = call_with(&app, "who", "{}", &[]).await;
    assert_eq!(answer.header("set-cookie"), "", "who only looks gets none");
}

#[tokio::test]
async fn outside_of_development_the_cookie_is_for_this_host_over_tls_alone() {
    let mut options = options();
    options.env = Env::PROD;
    let app = Mizan::new(options).users(Accounts::new()).api().unwrap();
    let answer = call_with(&app, "sign_in", r#"{"name":"user"}"#, &[]).await;
    let set = answer.header("set-cookie");
    assert!(set.starts_with("__Host-session="), "{set}");
    assert!(
        set.contains("Secure") && set.contains("Path=/") && !set.contains("Domain"),
        "{set}"
    );
    assert_eq!(who(&app, &cookie(&answer)).await, "user");
    // A sibling subdomain can set this one, and it is nothing here
    let tossed = cookie(&answer).replace("__Host-", "");
    assert_eq!(who(&app, &tossed).await, Value::Null);
}

#[tokio::test]
async fn a_session_is_rotated_at_login() {
    let app = server(&Accounts::new());
    let answer = call_with(&app, "put", r#"{"text":"a cart"}"#, &[]).await;
    let before = cookie(&answer);

    // What an attacker has planted is not what the visitor signs in with (CWE-384)
    let headers = [("cookie", before.as_str())];
    let answer = call_with(&app, "sign_in", r#"{"name":"user"}"#, &headers).await;
    let after = cookie(&answer);
    assert_ne!(before, after);
    assert_eq!(who(&app, &before).await, Value::Null);
    assert_eq!(who(&app, &after).await, "user");
    let text = call_with(&app, "read", "{}", &[("cookie", &after)]).await;
    assert_eq!(text.json()["result"], "a cart", "what was in it goes along");

    // Once more as the same
    let headers = [("cookie", after.as_str())];
    let answer = call_with(&app, "sign_in", r#"{"name":"user"}"#, &headers).await;
    let again = cookie(&answer);
    assert_ne!(after, again);
    assert_eq!(who(&app, &after).await, Value::Null);

    // As somebody else: nothing of the first goes along
    let headers = [("cookie", again.as_str())];
    let answer = call_with(&app, "sign_in", r#"{"name":"staff"}"#, &headers).await;
    let other = cookie(&answer);
    assert_eq!(who(&app, &again).await, Value::Null);
    assert_eq!(who(&app, &other).await, "staff");
    let text = call_with(&app, "read", "{}", &[("cookie", &other)]).await;
    assert_eq!(text.json()["result"], Value::Null);
}

#[tokio::test]
async fn a_planted_id_is_never_taken_over() {
    let app = server(&Accounts::new());
    let planted = "session=AAAAAAAAAAAAAAAAAAAAAA";
    let answer = call_with(&app, "put", r#"{"text":"x"}"#, &[("cookie", planted)]).await;
    assert!(!cookie(&answer).is_empty() && cookie(&answer) != planted);
    let answer = call_with(
        &app,
        "sign_in",
        r#"{"name":"user"}"#,
        &[("cookie", planted)],
    )
    .await;
    assert!(!cookie(&answer).is_empty() && cookie(&answer) != planted);
}

#[tokio::test]
async fn what_is_no_session_is_nobodys() {
    let app = server(&Accounts::new());
    let session = session_of(&app, "user").await;
    let value = session.strip_prefix("session=").unwrap();
    let mut forged = value.to_owned().into_bytes();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let hostile = [
        format!("session={forged}"),
        format!("session={}", &value[..10]),
        format!("session={value}{value}"),
        "session=".to_owned(),
        "session".to_owned(),
        "session=%00%ff".to_owned(),
        "session=../../etc/passwd".to_owned(),
        format!("Session={value}"),
        format!("id={value}"),
        format!("__Host-session={value}"),
        "session=\"".to_owned(),
        format!("{}=x", "a".repeat(4000)),
    ];
    for cookie in &hostile {
        let headers = [("cookie", cookie.as_str())];
        let answer = call_with(&app, "who", "{}", &headers).await;
        assert_eq!(answer.json()["result"], Value::Null, "{cookie}");
    }
    assert_eq!(who(&app, &session).await, "user");
}

#[tokio::test]
async fn a_session_that_is_over_is_said_to_be() {
    let app = server(&Accounts::new());
    let session = session_of(&app, "user").await;
    call_with(&app, "sign_out", "{}", &[("cookie", &session)]).await;

    let request = Request::get("/api/mizan/ctx/secret").header("cookie", &session);
    let answer = send(&app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.json()["errors"]["secret"]["code"], "UNAUTHORIZED");
    assert_eq!(answer.header("mizan-session"), "expired");
    // The cookie stays: this answer may be late, and the browser's cookie be a new one by now
    assert_eq!(answer.header("set-cookie"), "");

    let anonymous = get(&app, "/api/mizan/ctx/secret").await;
    assert_eq!(anonymous.header("mizan-session"), "", "there was none");
    // Who never signed in has not been signed out
    let dead = "session=AAAAAAAAAAAAAAAAAAAAAA";
    let request = Request::get("/api/mizan/ctx/secret").header("cookie", dead);
    let answer = send(&app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("mizan-session"), "");
}

#[tokio::test]
async fn a_session_ends_with_its_time_and_not_while_it_is_used() {
    let sessions = Sessions::memory().expire_after(Duration::from_secs(2));
    let app = Mizan::new(options())
        .users(Accounts::new())
        .sessions(sessions);
    let app = app.api().unwrap();
    let (used, unused) = (
        session_of(&app, "user").await,
        session_of(&app, "user").await,
    );
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(who(&app, &used).await, "user");
    }
    assert_eq!(who(&app, &unused).await, Value::Null);
}

#[tokio::test]
async fn a_request_that_still_runs_does_not_bring_a_session_back() {
    let gate = Gate::default();
    let app = Mizan::new(options())
        .users(Accounts::new())
        .provide(gate.clone());
    let app = app.api().unwrap();
    let session = session_of(&app, "user").await;
    let slow = {
        let (app, session) = (app.clone(), session.clone());
        tokio::spawn(
            async move { call_with(&app, "put_slowly", "{}", &[("cookie", &session)]).await },
        )
    };
    gate.read.notified().await;
    call_with(&app, "sign_out", "{}", &[("cookie", &session)]).await;
    gate.go_on.notify_one();
    slow.await.unwrap();
    assert_eq!(who(&app, &session).await, Value::Null);
}

#[tokio::test]
async fn another_password_ends_all_sessions_and_so_does_the_end_of_the_account() {
    let accounts = Accounts::new();
    let app = server(&accounts);
    let (first, second) = (
        session_of(&app, "user").await,
        session_of(&app, "user").await,
    );
    let staff = session_of(&app, "staff").await;
    accounts.change(1, |account| account.secret = "another".to_owned());
    assert_eq!(who(&app, &first).await, Value::Null);
    assert_eq!(who(&app, &second).await, Value::Null);
    assert_eq!(who(&app, &staff).await, "staff");
    accounts.remove(2);
    assert_eq!(who(&app, &staff).await, Value::Null);
}

#[tokio::test]
async fn a_failure_of_the_servers_changes_no_session() {
    let app = server(&Accounts::new());
    let answer = call_with(&app, "put_and_fail", r#"{"internal":true}"#, &[]).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("set-cookie"), "");
    let answer = call_with(&app, "put_and_fail", r#"{"internal":false}"#, &[]).await;
    assert_eq!(answer.status, 409);
    let text = call_with(&app, "read", "{}", &[("cookie", &cookie(&answer))]).await;
    assert_eq!(text.json()["result"], "of a failure");
}

#[tokio::test]
async fn the_answer_to_a_login_brings_everything_anew() {
    let app = server(&Accounts::new());
    let headers = [("mizan-mounted", "global, secret")];
    let answer = call_with(&app, "sign_in", r#"{"name":"user"}"#, &headers).await;
    let refreshed = answer.json()["refreshed"].clone();
    let expected = json!([
        { "context": "global", "params": {}, "data": { "me": "user" } },
        { "context": "secret", "params": {}, "data": { "secret": "of those who have signed in" } },
    ]);
    assert_eq!(refreshed, expected);
    assert_eq!(
        answer.json()["invalidate"],
        Value::Null,
        "it is stale for this caller alone"
    );
    assert_eq!(answer.header("mizan-invalidate"), "");

    let session = cookie(&answer);
    let headers = [
        ("mizan-mounted", "global, secret"),
        ("cookie", session.as_str()),
    ];
    let answer = call_with(&app, "sign_out", "{}", &headers).await;
    let refreshed = answer.json()["refreshed"].clone();
    assert_eq!(refreshed[0]["data"]["me"], Value::Null);
    assert_eq!(refreshed[1]["errors"]["secret"]["code"], "UNAUTHORIZED");
}

#[tokio::test]
async fn the_session_as_others_see_it() {
    let app = server(&Accounts::new());
    let anonymous = get(&app, "/api/mizan/session").await;
    assert_eq!(
        anonymous.json(),
        json!({ "authenticated": false, "user": null })
    );
    assert_eq!(anonymous.header("cache-control"), "no-store");
    let session = session_of(&app, "user").await;
    let request = Request::get("/api/mizan/session").header("cookie", &session);
    let answer = send(&app, request.body(Body::empty()).unwrap()).await;
    let expected = json!({ "authenticated": true, "user": { "name": "user" } });
    assert_eq!(answer.json(), expected);
    assert_eq!(call_with(&app, "../session", "{}", &[]).await.status, 404);
}

#[tokio::test]
async fn a_server_without_users_has_anonymous_visitors() {
    let app = Mizan::new(options()).api().unwrap();
    let answer = get(&app, "/api/mizan/ctx/secret").await;
    assert_eq!(answer.json()["errors"]["secret"]["code"], "UNAUTHORIZED");
    let answer = get(&app, "/api/mizan/session").await;
    assert_eq!(answer.json()["authenticated"], false);
    let answer = call_with(&app, "put", r#"{"text":"x"}"#, &[]).await;
    let text = call_with(&app, "read", "{}", &[("cookie", &cookie(&answer))]).await;
    assert_eq!(text.json()["result"], "x", "sessions need no users");
}

#[mizan::client]
async fn sign_out_and_write() -> mizan::Result<()> {
    mizan::auth::logout().await?;
    mizan::session().insert("text", "goodbye").await?;
    Ok(())
}

#[mizan::client]
async fn sign_in_and_fail(name: String) -> mizan::Result<()> {
    users::sign_in(name).await?;
    Err(mizan::Error::internal("something else"))
}

#[mizan::context]
struct ChangingContext {}

#[mizan::client(context = ChangingContext)]
async fn changing_member() -> mizan::Result<()> {
    mizan::auth::logout().await
}

#[tokio::test]
async fn a_cookie_has_one_name_and_one_value() {
    let mut options = options();
    options.env = Env::PROD;
    let app = Mizan::new(options).users(Accounts::new()).api().unwrap();
    let (mine, theirs) = (
        session_of(&app, "user").await,
        session_of(&app, "staff").await,
    );
    let value = theirs.strip_prefix("__Host-session=").unwrap();
    // What a sibling subdomain can set (CVE-2020-8184)
    let planted = format!("%5F%5FHost-session={value}; %5f%5fHost%2dsession={value}");
    assert_eq!(who(&app, &planted).await, Value::Null);
    assert_eq!(who(&app, &format!("{planted}; {mine}")).await, "user");
    assert_eq!(
        who(&app, &format!("{theirs}; {mine}")).await,
        Value::Null,
        "which one?"
    );
}

#[tokio::test]
async fn an_answer_from_before_a_login_leaves_the_new_cookie_alone() {
    let gate = Gate::default();
    let app = Mizan::new(options())
        .users(Accounts::new())
        .provide(gate.clone());
    let app = app.api().unwrap();
    let old = session_of(&app, "user").await;
    // One that has read the session, and writes it when it has another id
    let slow = {
        let (app, old) = (app.clone(), old.clone());
        tokio::spawn(async move { call_with(&app, "put_slowly", "{}", &[("cookie", &old)]).await })
    };
    gate.read.notified().await;
    let answer = call_with(&app, "sign_in", r#"{"name":"user"}"#, &[("cookie", &old)]).await;
    let new = cookie(&answer);
    gate.go_on.notify_one();
    assert_eq!(slow.await.unwrap().header("set-cookie"), "");
    // One that comes only now
    for function in ["who", "read"] {
        let answer = call_with(&app, function, "{}", &[("cookie", &old)]).await;
        assert_eq!(answer.header("set-cookie"), "", "{function}");
    }
    assert_eq!(who(&app, &new).await, "user");
}

#[tokio::test]
async fn what_is_written_after_a_logout_is_of_a_new_session() {
    let app = server(&Accounts::new());
    let old = session_of(&app, "user").await;
    let answer = call_with(&app, "sign_out_and_write", "{}", &[("cookie", &old)]).await;
    let new = cookie(&answer);
    assert!(!new.is_empty() && new.trim_end_matches(".u") != old.trim_end_matches(".u"));
    let text = call_with(&app, "read", "{}", &[("cookie", &new)]).await;
    assert_eq!(text.json()["result"], "goodbye");
    assert_eq!(who(&app, &new).await, Value::Null);
    assert_eq!(who(&app, &old).await, Value::Null);
}

#[tokio::test]
async fn who_has_signed_in_has_whatever_fails_after_it() {
    let app = server(&Accounts::new());
    let answer = call_with(&app, "sign_in_and_fail", r#"{"name":"user"}"#, &[]).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("mizan-session"), "changed");
    assert_eq!(who(&app, &cookie(&answer)).await, "user");
}

#[tokio::test]
async fn nobody_signs_out_by_reading() {
    let app = server(&Accounts::new());
    let session = session_of(&app, "user").await;
    let request = Request::get("/api/mizan/ctx/changing").header("cookie", &session);
    let answer = send(&app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(
        answer.json()["errors"]["changing_member"]["code"],
        "BAD_REQUEST"
    );
    assert_eq!(who(&app, &session).await, "user");
}

#[tokio::test]
async fn an_account_that_is_gone_takes_its_sessions_along() {
    let accounts = Accounts::new();
    let app = server(&accounts);
    let session = session_of(&app, "user").await;
    accounts.remove(1);
    let answer = call_with(&app, "who", "{}", &[("cookie", &session)]).await;
    assert_eq!(answer.header("mizan-session"), "expired");
    assert!(
        answer.header("set-cookie").contains("Max-Age=0"),
        "this request has ended it"
    );
    accounts.add(1, "user");
    assert_eq!(who(&app, &session).await, Value::Null);
}

#[mizan::client]
async fn plain() -> mizan::Result<()> {
    Ok(())
}

#[tokio::test]
async fn headers_and_arguments_make_nobody_staff() {
    let app = server(&Accounts::new());
    let headers = [
        ("x-user", "superuser"),
        ("x-user-id", "3"),
        ("x-forwarded-user", "superuser"),
        ("x-remote-user", "superuser"),
        ("authorization", "Basic c3VwZXJ1c2VyOng="),
    ];
    assert_eq!(
        call_with(&app, "who", "{}", &headers).await.json()["result"],
        Value::Null
    );
    let argument = r#"{"name":"user","is_staff":true}"#;
    let answer = call_with(&app, "sign_in", argument, &[]).await;
    assert_eq!(answer.code(), "VALIDATION_ERROR");
}
