//! Functions that are views of their own: what is asked of them, and what they answer.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;
#[path = "support/users.rs"]
mod users;

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    http::{HeaderName, Request, Response, StatusCode, header},
    response::{Html, IntoResponse, Redirect},
};
use futures::stream;
use leptos::{config::LeptosOptions, prelude::*};
use leptos_router::{
    SsrMode,
    components::{Route, Router as Routed, Routes},
    hooks::use_params_map,
    path,
};
use mizan::{Mizan, auth};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use support::{Answer, get, options, send};
use tower::ServiceExt;
use users::{Account, Accounts, call_with, session_of};

// What is asked

/// Somebody's page.
#[mizan::client(route = "/profile/{id}")]
pub async fn profile(id: i64, tab: Option<String>) -> impl IntoResponse {
    format!("{id} {tab:?}")
}

#[mizan::client(route = "/texts/{text}/end")]
async fn text(text: String) -> String {
    text
}

#[mizan::client(route = "/keywords/{type}")]
async fn keyword(r#type: u8) -> String {
    r#type.to_string()
}

#[mizan::client(route = "/files/{*path}")]
async fn file(path: String) -> String {
    path
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Order {
    NewestFirst,
    ByName,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Area {
    city: String,
    radius: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Owner(String);

#[mizan::client(route = "/search/{order}", methods = [GET, DELETE, POST])]
async fn search(
    order: Order,
    r#type: u8,
    #[serde(default)] exact: bool,
    #[serde(default)] tags: Vec<String>,
    area: Option<Area>,
    ratio: Option<f64>,
    owner: Option<Owner>,
) -> Json<serde_json::Value> {
    let values = (r#type, exact, tags, area, ratio, owner);
    Json(serde_json::json!({ "order": order, "values": values }))
}

#[mizan::client(route = "/notes/{id}", methods = [POST, PUT])]
async fn write(id: u32, text: String, done: Option<bool>) -> mizan::Result<impl IntoResponse> {
    Ok(format!("{id} {text} {done:?}"))
}

#[mizan::client(route = "/notes/{id}", methods = [DELETE])]
async fn remove(id: u32) -> StatusCode {
    if id == 0 {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::NO_CONTENT
    }
}

#[mizan::client(route = "/ping", methods = [POST])]
async fn ping() {}

// What is answered

#[mizan::client(route = "/answers/html")]
async fn markup() -> Html<&'static str> {
    Html("<p>Hello</p>")
}

#[mizan::client(route = "/answers/bytes")]
async fn picture() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "image/gif"),
        (header::CACHE_CONTROL, "public, max-age=60"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    ];
    (StatusCode::CREATED, headers, Bytes::from_static(b"GIF89a"))
}

#[mizan::client(route = "/answers/stream")]
async fn stream() -> mizan::Result<impl IntoResponse> {
    let pieces = ["one ", "two ", "three"].map(Ok::<_, Infallible>);
    Ok(Body::from_stream(stream::iter(pieces)))
}

#[mizan::client(route = "/answers/{kind}")]
async fn failing(kind: String) -> mizan::Result<String> {
    match &*kind {
        "missing" => Err(mizan::Error::not_found("there is no such thing")),
        "broken" => Err(std::io::Error::other("the secret").into()),
        "panic" => panic!("the secret"),
        "slow" => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            Ok(kind)
        }
        _ => Ok(kind),
    }
}

#[mizan::client(route = "/answers/error/with-header")]
async fn error_with_header() -> impl IntoResponse {
    let headers = [(header::WWW_AUTHENTICATE, "Basic")];
    (headers, mizan::Error::unauthorized("who are you?"))
}

#[mizan::client(route = "/go", methods = [GET, POST])]
async fn go(to: String, fails: Option<bool>) -> mizan::Result<()> {
    mizan::cookies().set(("went", to.clone()));
    mizan::redirect(to);
    match fails {
        Some(true) => Err(mizan::Error::conflict("not now")),
        _ => Ok(()),
    }
}

#[mizan::client(route = "/status")]
async fn status() -> &'static str {
    expect_context::<leptos_axum::ResponseOptions>().set_status(StatusCode::IM_A_TEAPOT);
    "short and stout"
}

#[mizan::client(route = "/cacheable-cookie")]
async fn cacheable_cookie() -> impl IntoResponse {
    mizan::cookies().set(("mine", "1"));
    ([(header::CACHE_CONTROL, "public, max-age=60")], "x")
}

// Who asks

#[mizan::client(route = "/login", methods = [POST])]
async fn login(name: String) -> mizan::Result<Redirect> {
    let user = auth::authenticate::<Accounts>(name).await;
    let Some(user) = user? else {
        return Err(mizan::Error::unauthorized("nobody is called that"));
    };
    auth::login(&user).await?;
    Ok(Redirect::to("/me"))
}

#[mizan::client(route = "/me", auth)]
async fn me() -> mizan::Result<String> {
    let user = mizan::current_user::<Account>().await?;
    Ok(user.map(|user| user.name).unwrap_or_default())
}

#[mizan::client(route = "/limited", rate = "2/day")]
async fn limited() {}

#[mizan::client]
async fn by_way_of_a_call() -> mizan::Result<u16> {
    Ok(me().await?.status().as_u16())
}

// What goes stale

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<BTreeMap<u32, String>>>);

impl Notes {
    fn set(&self, id: u32, text: &str) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.insert(id, text.to_owned());
    }
}

#[mizan::context]
struct NoteContext {
    id: u32,
}

#[mizan::client(context = NoteContext, cache = "forever")]
async fn note(id: u32) -> mizan::Result<String> {
    let Notes(notes) = mizan::state();
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(notes.get(&id).cloned().unwrap_or_default())
}

#[mizan::client(route = "/board/{id}", methods = [POST], affects = NoteContext)]
async fn rewrite(id: u32, text: String) -> impl IntoResponse {
    let notes: Notes = mizan::state();
    notes.set(id, &text);
    match &*text {
        "fails" => StatusCode::CONFLICT.into_response(),
        "errs" => mizan::Error::conflict("no").into_response(),
        _ => Redirect::to(&format!("/board/{id}")).into_response(),
    }
}

#[mizan::client(affects = NoteContext)]
async fn inner(id: u32) -> mizan::Result<()> {
    let notes: Notes = mizan::state();
    notes.set(id, "by the inner one");
    Ok(())
}

#[mizan::client(route = "/outer/{id}")]
async fn outer(id: u32) -> mizan::Result<()> {
    inner(id).await?;
    Err(mizan::Error::conflict("after all"))
}

#[component]
fn App() -> impl IntoView {
    view! {
        <Routed>
            <Routes fallback=|| "nothing">
                <Route path=path!("/board/:id") view=Board ssr=SsrMode::Async/>
                <Route path=path!("/links") view=Links/>
            </Routes>
        </Routed>
    }
}

#[component]
fn Board() -> impl IntoView {
    let params = use_params_map();
    let id = move || {
        params
            .with(|params| params.get("id")?.parse().ok())
            .unwrap_or(0)
    };
    view! { <NoteContextProvider id=id><Shown/></NoteContextProvider> }
}

#[component]
fn Shown() -> impl IntoView {
    let note = use_note();
    view! { <Suspense><p>"[" {move || note.get()} "]"</p></Suspense> }
}

#[component]
fn Links() -> impl IntoView {
    view! {
        <a href=Profile { id: 5, tab: None }.url()>"Five"</a>
        <form method="post" action=Rewrite::action(7)><input name="text"/></form>
    }
}

fn shell(_: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html><head></head><body><App/></body></html> }
}

fn mizan() -> Mizan {
    Mizan::new(options())
        .users(Accounts::new())
        .provide(Notes::default())
}

fn app() -> Router {
    mizan().api().unwrap()
}

async fn ask(app: &Router, method: &str, path: &str, of: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = match of {
        "" => request,
        of => request.header(header::CONTENT_TYPE, of),
    };
    send(app, request.body(body.into()).unwrap()).await
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

#[tokio::test]
async fn paths_are_typed() {
    let app = app();
    for (path, text) in [
        ("/profile/5", "5 None"),
        ("/profile/-5?tab=posts", "-5 Some(\"posts\")"),
        ("/profile/%35?tab=a%20b+c", "5 Some(\"a b c\")"),
        ("/profile/5?tab=%C3%BC", "5 Some(\"ü\")"),
        (
            "/profile/5?utm_source=x&utm[a][b][c][d][e][f][g]=y&%FF=%FF&tab=t&=&&",
            "5 Some(\"t\")",
        ),
        // What is in the path is there alone
        ("/profile/5?id=6", "5 None"),
        ("/keywords/5", "5"),
    ] {
        let answer = get(&app, path).await;
        assert_eq!(
            (answer.status, &*answer.text),
            (StatusCode::OK, text),
            "{path}"
        );
    }
    for path in [
        "/profile/x",
        "/profile/5x",
        "/profile/5.0",
        "/profile/",
        "/profile/99999999999999999999",
        "/profile/%00",
        "/profile/%FF",
        "/profile/5%FF",
        "/profile/5/",
        "/profile/5/6",
        "/search/oldest-first?type=1",
    ] {
        let answer = get(&app, path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    let answer = get(&app, "/profile/x").await;
    assert_eq!(answer.code(), "NOT_FOUND");
    assert!(!answer.text.contains('x') || !answer.text.contains("invalid digit"));
}

#[tokio::test]
async fn hostile_segments_are_texts() {
    let app = app();
    let long = "x".repeat(60_000);
    for (path, text) in [
        ("/texts/a%2Fb/end", "a/b"),
        ("/texts/%2e%2E/end", ".."),
        ("/texts/%2e%2e%2fetc%2Fpasswd/end", "../etc/passwd"),
        ("/texts/../end", ".."),
        ("/texts/%00/end", "\0"),
        ("/texts//end", ""),
        ("/texts/a+b/end", "a+b"),
        ("/texts/a%2Bb/end", "a+b"),
        ("/texts/%2525/end", "%25"),
        ("/texts/a=b&text=c;d/end", "a=b&text=c;d"),
        ("/texts/text[a]/end", "text[a]"),
        ("/texts/%F0%9F%A6%80/end", "🦀"),
        ("/files/a/b%2Fc/../d", "a/b/c/../d"),
        ("/files//etc/passwd", "/etc/passwd"),
        (&format!("/texts/{long}/end"), &long),
    ] {
        let answer = get(&app, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.text, text, "{path}");
    }
    for path in ["/texts/%FF/end", "/texts/%C3/end", "/files/"] {
        assert_eq!(get(&app, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn queries_are_typed() {
    let app = app();
    let full = "/search/newest-first?type=255&exact=true&tags[0]=a&tags[1]=b%26c&area[city]=K%C3%B6ln\
                &area[radius]=7&ratio=0.5&owner=67e55044-10b1-426f-9247-bb680e5fe0c8";
    let answer = get(&app, full).await;
    let expected = serde_json::json!({
        "order": "newest-first",
        "values": [
            255, true, ["a", "b&c"], { "city": "Köln", "radius": 7 }, 0.5,
            "67e55044-10b1-426f-9247-bb680e5fe0c8"
        ],
    });
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json(), expected);
    let answer = ask(&app, "DELETE", full, "", "").await;
    assert_eq!(
        answer.json(),
        expected,
        "a DELETE has its arguments in the query too"
    );
    let answer = get(&app, "/search/by-name?type=1").await;
    let expected =
        serde_json::json!({ "order": "by-name", "values": [1, false, [], null, null, null] });
    assert_eq!(answer.json(), expected);
    for (query, field) in [
        ("", "type"),
        ("type=256", "type"),
        ("type=-1", "type"),
        ("type=x", "type"),
        ("type", "type"),
        ("type=1&type=2", "type"),
        ("type=1&exact=maybe", "exact"),
        ("type=1&area[city]=a&area[radius]=x", "area.radius"),
        ("type=1&area[radius]=1", "area.city"),
        ("type=1&ratio=half", "ratio"),
    ] {
        let answer = get(&app, &format!("/search/by-name?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text);
        assert_eq!(answer.code(), "VALIDATION_ERROR");
        let fields = &answer.json()["error"]["details"]["fields"];
        assert!(fields[field].is_array(), "{query}: {}", answer.text);
    }
    let answer = get(&app, "/profile/5?tab=%FF").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("the query is not encoded in UTF-8"));
}

#[tokio::test]
async fn bodies_are_typed() {
    let app = mizan().body_limit(1000).api().unwrap();
    for (of, body, text) in [
        (FORM, "text=a+b%26c&done=true", "5 a b&c Some(true)"),
        (FORM, "text=&done=", "5  None"),
        (
            "application/x-www-form-urlencoded; charset=UTF-8",
            "text=a",
            "5 a None",
        ),
        (JSON, r#"{"text":"a","done":false}"#, "5 a Some(false)"),
        (
            "application/json; charset=utf-8",
            r#"{"text":"a"}"#,
            "5 a None",
        ),
    ] {
        for method in ["POST", "PUT"] {
            // What is in the query of these is nobody's
            let answer = ask(&app, method, "/notes/5?done=x", of, body).await;
            assert_eq!(
                (answer.status, &*answer.text),
                (StatusCode::OK, text),
                "{of} {body}"
            );
        }
    }
    let large = format!("text={}", "x".repeat(1000));
    for (of, body, status, told) in [
        (FORM, "", 422, "`text`: is missing"),
        (FORM, "text=a&other=b", 422, "`other`: is not an argument"),
        (FORM, "text=a&id=6", 422, "`id`: is not an argument"),
        (FORM, "text=a&text=b", 422, "`text`: is given twice"),
        (FORM, "text=a&done=x", 422, "`done`"),
        (FORM, "text=%FF", 400, "UTF-8"),
        (FORM, &large, 413, "1000"),
        (JSON, "{}", 422, "`text`: is missing"),
        (JSON, r#"{"text":1}"#, 422, "`text`"),
        (
            JSON,
            r#"{"text":"a","id":6}"#,
            422,
            "`id`: is not an argument",
        ),
        (JSON, r#"["a"]"#, 422, "one object"),
        (JSON, r#"{"text":"#, 400, ""),
        (JSON, "", 400, ""),
        ("text/plain", "text=a", 415, "application/json"),
        ("multipart/form-data; boundary=x", "--x--", 415, ""),
        ("application/json; charset=utf-16", "{}", 415, ""),
        ("", "text=a", 415, ""),
    ] {
        let answer = ask(&app, "POST", "/notes/5", of, body.to_owned()).await;
        assert_eq!(answer.status, status, "{of} {body}: {}", answer.text);
        assert!(answer.text.contains(told), "{of} {body}: {}", answer.text);
    }
    // The path before the body, as one would look for a thing before one changes it
    let answer = ask(&app, "POST", "/notes/x", FORM, "other=b").await;
    assert_eq!(answer.status, 404);
    // Nothing to send
    for (of, body, status) in [
        ("", "", 200),
        (FORM, "", 200),
        (JSON, "{}", 200),
        ("", "a=b", 422),
    ] {
        let answer = ask(&app, "POST", "/ping", of, body).await;
        assert_eq!(answer.status, status, "{of} {body}");
    }
}

#[tokio::test]
async fn methods() {
    let app = mizan().router(App, shell);
    assert_eq!(ask(&app, "DELETE", "/notes/1", "", "").await.status, 204);
    assert_eq!(ask(&app, "DELETE", "/notes/0", "", "").await.status, 404);
    for (method, path, allowed) in [
        ("GET", "/notes/1", &["DELETE", "POST", "PUT"][..]),
        ("PATCH", "/notes/1", &["DELETE", "POST", "PUT"]),
        ("POST", "/profile/1", &["GET", "HEAD"]),
        ("OPTIONS", "/profile/1", &["GET", "HEAD"]),
        ("TRACE", "/ping", &["POST"]),
        // With a page at the same path
        ("PUT", "/board/1", &["GET", "HEAD", "POST"]),
    ] {
        let answer = ask(&app, method, path, "", "").await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.code(), "METHOD_NOT_ALLOWED");
        let mut allow: Vec<_> = answer.header(header::ALLOW).split(',').collect();
        allow.sort_unstable();
        assert_eq!(allow, allowed, "{method} {path}");
    }
    let head = ask(&app, "HEAD", "/profile/5", "", "").await;
    assert_eq!((head.status, &*head.text), (StatusCode::OK, ""));
    assert_eq!(head.header(header::CONTENT_LENGTH), "6");
    // A page stays one
    let page = get(&app, "/board/1").await;
    assert_eq!(page.status, 200);
    assert!(page.text.starts_with("<!DOCTYPE html>"));
}

#[tokio::test]
async fn any_answer_with_the_headers_of_all() {
    let app = app();
    for (path, status, of, text, cache) in [
        (
            "/answers/html",
            200,
            "text/html; charset=utf-8",
            "<p>Hello</p>",
            "no-store",
        ),
        (
            "/answers/bytes",
            201,
            "image/gif",
            "GIF89a",
            "public, max-age=60",
        ),
        ("/answers/stream", 200, "", "one two three", "no-store"),
        (
            "/answers/ok",
            200,
            "text/plain; charset=utf-8",
            "ok",
            "no-store",
        ),
        (
            "/cacheable-cookie",
            200,
            "text/plain; charset=utf-8",
            "x",
            "no-store",
        ),
    ] {
        let answer = get(&app, path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.text, text, "{path}");
        assert_eq!(answer.header(header::CONTENT_TYPE), of, "{path}");
        assert_eq!(answer.header(header::CACHE_CONTROL), cache, "{path}");
        assert_eq!(
            answer.header(header::X_CONTENT_TYPE_OPTIONS),
            "nosniff",
            "{path}"
        );
        let frames = if path == "/answers/bytes" {
            "SAMEORIGIN"
        } else {
            "DENY"
        };
        assert_eq!(answer.header(header::X_FRAME_OPTIONS), frames, "{path}");
        assert_eq!(answer.header("mizan-invalidate"), "");
    }
    let answer = get(&app, "/status").await;
    assert_eq!(
        (answer.status, &*answer.text),
        (StatusCode::IM_A_TEAPOT, "short and stout")
    );
}

#[tokio::test(start_paused = true)]
async fn errors_have_their_envelope() {
    let app = app();
    for (path, status, code) in [
        ("/answers/missing", 404, "NOT_FOUND"),
        ("/answers/broken", 500, "INTERNAL_ERROR"),
        ("/answers/panic", 500, "INTERNAL_ERROR"),
        ("/answers/slow", 503, "UNAVAILABLE"),
        ("/answers/error/with-header", 401, "UNAUTHORIZED"),
    ] {
        let html = Request::get(path).header(header::ACCEPT, "text/html");
        let answer = send(&app, html.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.code(), code, "{path}");
        assert!(!answer.text.contains("secret"), "{path}");
        assert_eq!(answer.header(header::CONTENT_TYPE), JSON);
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(answer.header(header::X_FRAME_OPTIONS), "DENY");
    }
    let answer = get(&app, "/answers/error/with-header").await;
    assert_eq!(answer.header(header::WWW_AUTHENTICATE), "Basic");
}

#[tokio::test]
async fn redirects_and_cookies() {
    let app = app();
    for accept in ["text/html", "*/*"] {
        for (method, query, body) in [
            ("GET", "?to=/there%3Fa=b", ""),
            ("POST", "", "to=/there?a=b"),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(format!("/go{query}"))
                .header(header::ACCEPT, accept)
                .header(header::CONTENT_TYPE, FORM);
            let answer = send(&app, request.body(body.into()).unwrap()).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{method} {accept}");
            assert_eq!(answer.header(header::LOCATION), "/there?a=b");
            assert!(answer.header(header::SET_COOKIE).starts_with("went="));
            assert_eq!(answer.header("serverfnredirect"), "");
        }
    }
    // What failed is seen
    let answer = get(&app, "/go?to=/there&fails=true").await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.header(header::LOCATION), "");
    assert!(answer.header(header::SET_COOKIE).starts_with("went="));
    // No second header out of an argument
    let answer = get(&app, "/go?to=/%0d%0aset-cookie:%20x=y").await;
    assert_eq!(answer.header(header::LOCATION), "/%0D%0Aset-cookie:%20x=y");
}

#[tokio::test]
async fn sessions_guards_and_limits() {
    let app = app();
    let answer = get(&app, "/me").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::UNAUTHORIZED, "UNAUTHORIZED".to_owned())
    );
    let answer = ask(&app, "POST", "/login", FORM, "name=stranger").await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header(header::SET_COOKIE), "");
    let answer = ask(&app, "POST", "/login", FORM, "name=staff").await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    assert_eq!(answer.header(header::LOCATION), "/me");
    assert_eq!(answer.header("mizan-session"), "changed");
    let cookie = answer.header(header::SET_COOKIE).split(';').next().unwrap();
    let request = Request::get("/me").header(header::COOKIE, cookie);
    let answer = send(&app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.text, "staff");
    for status in [200, 200, 429] {
        assert_eq!(get(&app, "/limited").await.status, status);
    }
    // The guard is the function's, whatever asks it
    let answer = call_with(&app, "by_way_of_a_call", "{}", &[]).await;
    assert_eq!(answer.status, 401);
    let answer = call_with(&app, "by_way_of_a_call", "{}", &[("cookie", cookie)]).await;
    assert_eq!(answer.json()["result"], 200);
    let other = session_of(&app, "user").await;
    let answer = call_with(&app, "by_way_of_a_call", "{}", &[("cookie", &other)]).await;
    assert_eq!(answer.json()["result"], 200);
    // A route is no call
    assert_eq!(call_with(&app, "me", "{}", &[]).await.status, 404);
}

#[tokio::test]
async fn the_page_that_a_redirect_leads_to_is_fresh() {
    let app = mizan().router(App, shell);
    let invalidate = HeaderName::from_static("mizan-invalidate");
    for (id, text) in [(1, "first"), (1, "second"), (2, "other")] {
        // Another reader's copy is warm
        let path = format!("/api/mizan/ctx/note?id={id}");
        let before = get(&app, &path).await;
        assert_eq!(get(&app, &path).await.text, before.text);
        let action = Rewrite::action(id);
        let answer = ask(&app, "POST", &action, FORM, format!("text={text}")).await;
        assert_eq!(answer.status, 303);
        assert_eq!(answer.header(&invalidate), format!("note;id={id}"));
        let page = get(&app, answer.header(header::LOCATION)).await;
        assert!(page.text.contains(text), "{}", page.text);
        let after = get(&app, &path).await;
        assert_eq!(after.json()["data"]["note"], text);
    }
    // What fails has changed nothing, as far as it says
    for (text, status) in [("fails", 409), ("errs", 409)] {
        let answer = ask(&app, "POST", "/board/1", FORM, format!("text={text}")).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header(&invalidate), "");
    }
    let kept = get(&app, "/api/mizan/ctx/note?id=1").await;
    assert_eq!(kept.json()["data"]["note"], "second");
    // What a call inside of it did remains done
    let answer = get(&app, "/outer/1").await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.header(&invalidate), "note;id=1");
    let after = get(&app, "/api/mizan/ctx/note?id=1").await;
    assert_eq!(after.json()["data"]["note"], "by the inner one");
}

#[tokio::test]
async fn links_are_in_the_page() {
    let app = mizan().router(App, shell);
    let page = get(&app, "/links").await;
    assert!(page.text.contains(r#"href="/profile/5""#), "{}", page.text);
    assert!(page.text.contains(r#"action="/board/7""#), "{}", page.text);
}

#[component]
fn InTheWay() -> impl IntoView {
    view! {
        <Routed>
            <Routes fallback=|| "nothing">
                <Route path=path!("/me") view=|| "me"/>
                <Route path=path!("/profile/:other") view=|| "a profile"/>
                <Route path=path!("/login") view=|| "a page with a form to the route"/>
            </Routes>
        </Routed>
    }
}

#[tokio::test]
async fn a_page_in_the_place_of_a_route_stops_the_server() {
    let error = mizan().try_router(InTheWay, shell).unwrap_err();
    let [both, same] = error.mistakes() else {
        panic!("{error}");
    };
    assert!(both.starts_with("`me` (mizan/tests/route.rs:"), "{both}");
    assert!(both.ends_with("and a page are for GET /me"), "{both}");
    assert!(
        same.starts_with("/profile/{other} of a page and /profile/{id} of `profile`"),
        "{same}"
    );
}

#[tokio::test]
async fn an_error_answers_for_an_application_s_own_handler() {
    let fails = || async { Err::<(), _>(mizan::Error::conflict("taken")) };
    let app = app().route("/own", axum::routing::get(fails));
    let answer = get(&app, "/own").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::CONFLICT, "CONFLICT".to_owned())
    );
}

/// Everything that arguments can be, but for what a URL can't tell apart.
fn arguments() -> impl Strategy<Value = Search> {
    let order = prop_oneof![Just(Order::NewestFirst), Just(Order::ByName)];
    let tags = proptest::collection::vec(".*", 0..4);
    let area = (".*", any::<Option<u32>>()).prop_map(|(city, radius)| Area { city, radius });
    // What serde_json reads back to the last digit, too
    let ratio = any::<i32>().prop_map(|number| f64::from(number) / 8.0);
    let ratio = proptest::option::of(ratio);
    let owner = proptest::option::of(".+".prop_map(Owner));
    let area = proptest::option::of(area);
    (order, any::<u8>(), any::<bool>(), tags, area, ratio, owner).prop_map(
        |(order, r#type, exact, tags, area, ratio, owner)| Search {
            order,
            r#type,
            exact,
            tags,
            area,
            ratio,
            owner,
        },
    )
}

fn read(app: &Router, url: &str) -> (StatusCode, String) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let answer: Response<Body> = app
            .clone()
            .oneshot(Request::get(url).body(Body::empty()).unwrap())
            .await
            .unwrap();
        let status = answer.status();
        let text = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, String::from_utf8(text.into()).unwrap())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_url_says_is_read_back(arguments in arguments()) {
        let (status, text) = read(&app(), &arguments.url());
        prop_assert_eq!(status, 200, "{}: {}", arguments.url(), text);
        let Search { order, r#type, exact, tags, area, ratio, owner } = arguments;
        let values = (r#type, exact, tags, area, ratio, owner);
        let expected = serde_json::json!({ "order": order, "values": values });
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
    }

    #[test]
    fn and_in_a_path(id in any::<i64>(), tab in proptest::option::of(".+"), text in ".+", path in "(.+/)*.+") {
        let app = app();
        let answer = read(&app, &Profile { id, tab: tab.clone() }.url());
        prop_assert_eq!(answer.1, format!("{id} {tab:?}"));
        prop_assert_eq!(read(&app, &Text { text: text.clone() }.url()).1, text);
        prop_assert_eq!(read(&app, &File { path: path.clone() }.url()).1, path);
    }
}
