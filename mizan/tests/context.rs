//! Contexts with parameters: providers in a page, and reads over HTTP.

mod support;

use axum::{Router, http::StatusCode};
use leptos::{config::LeptosOptions, prelude::*};
use leptos_router::{
    components::{Route, Router as Routed, Routes},
    path,
};
use mizan::{Error, Mizan};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use support::{get, options};

/// How often members ran for one server.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

fn count() {
    let Runs(runs) = mizan::state();
    runs.fetch_add(1, Ordering::SeqCst);
}

#[mizan::context]
struct ProfileContext {
    user_id: i64,
}

#[mizan::client(context = ProfileContext)]
async fn user_name(user_id: i64) -> mizan::Result<String> {
    count();
    match user_id {
        0 => Err(Error::not_found("nobody")),
        _ => Ok(format!("user {user_id}")),
    }
}

#[mizan::client(context = ProfileContext)]
async fn user_orders(user_id: i64) -> mizan::Result<Vec<i64>> {
    count();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    Ok(vec![user_id, user_id + 1])
}

/// As slow as the other one: they wait together.
#[mizan::client(context = ProfileContext)]
async fn user_friends(user_id: i64) -> mizan::Result<Vec<i64>> {
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    Ok(vec![-user_id])
}

/// A member that takes none of the parameters.
#[mizan::client(context = ProfileContext)]
async fn motto() -> mizan::Result<String> {
    Ok("</script>".to_owned())
}

#[mizan::context(name = "all_kinds")]
struct KindsContext {
    z: u64,
    flag: bool,
    text: String,
    maybe: Option<i8>,
}

#[mizan::client(context = KindsContext)]
async fn kinds(z: u64, flag: bool, text: String, maybe: Option<i8>) -> mizan::Result<Value> {
    Ok(json!([z, flag, text, maybe]))
}

#[mizan::client(context = "local")]
async fn greet(name: String) -> mizan::Result<String> {
    Ok(format!("Hello, {name}"))
}

#[component]
fn App() -> impl IntoView {
    view! {
        <Routed>
            <Routes fallback=|| "nothing">
                <Route path=path!("/") view=Nested/>
                <Route path=path!("/late") view=Late/>
                <Route path=path!("/outside") view=Outside/>
            </Routes>
        </Routed>
    }
}

#[component]
fn Name() -> impl IntoView {
    let name = use_user_name();
    view! {
        <Suspense>
            <ErrorBoundary fallback=|errors| view! { <i>{move || said(&errors.get())}</i> }>
                <b>{move || name.get()}</b>
            </ErrorBoundary>
        </Suspense>
    }
}

#[component]
fn Orders() -> impl IntoView {
    let orders = use_user_orders();
    view! { <Suspense><u>{move || Suspend::new(async move { orders.await.map(|orders| format!("{orders:?}")) })}</u></Suspense> }
}

#[component]
fn Nested() -> impl IntoView {
    let greeting = || {
        let greeting = use_greet();
        view! { <Suspense><p>{move || greeting.get()}</p></Suspense> }
    };
    view! {
        <ProfileContextProvider user_id=move || 5>
            <Name/>
            <ProfileContextProvider user_id=7><Name/><Orders/></ProfileContextProvider>
            <ProfileContextProvider user_id=RwSignal::new(5)><Name/><Orders/></ProfileContextProvider>
            <Name/>
            <GreetProvider name="Ada">{greeting}</GreetProvider>
        </ProfileContextProvider>
    }
}

/// A provider that comes when the page is half sent.
#[component]
fn Late() -> impl IntoView {
    let slow = Resource::new(
        || (),
        |()| async {
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
            9
        },
    );
    view! {
        <Suspense fallback=|| "wait">
            {move || Suspend::new(async move {
                let user_id = slow.await;
                view! { <ProfileContextProvider user_id><Orders/></ProfileContextProvider> }
            })}
        </Suspense>
    }
}

#[component]
fn Outside() -> impl IntoView {
    view! { <Name/><p>"the rest"</p> }
}

fn said(errors: &Errors) -> String {
    errors.iter().map(|(_, error)| error.to_string()).collect()
}

fn shell(_: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html lang="en"><head></head><body><App/></body></html> }
}

fn site() -> (Router, Runs) {
    let runs = Runs::default();
    let app = Mizan::new(options()).provide(runs.clone());
    (support::building(|| app.router(App, shell)), runs)
}

/// What the page carries, by slot.
fn payload(html: &str) -> Vec<Value> {
    (1_u64 << 30..)
        .skip(1)
        .map_while(|slot| {
            let start = format!("__RESOLVED_RESOURCES[{slot}] = ");
            let script = &html[html.find(&start)? + start.len()..];
            let literal = &script[..script.find("\";")? + 1];
            let text: String = serde_json::from_str(literal).ok()?;
            serde_json::from_str(&text).ok()
        })
        .collect()
}

#[tokio::test]
async fn providers_nest_and_run_each_instance_once() {
    let (app, Runs(runs)) = site();
    let page = get(&app, "/").await;
    assert_eq!(page.status, StatusCode::OK);
    let text = page.text.replace("<!>", "").replace("<!---->", "");
    assert_eq!(text.matches("<b>user 5</b>").count(), 3, "{text}");
    assert_eq!(text.matches("<b>user 7</b>").count(), 1, "{text}");
    assert!(
        text.contains("<u>[5, 6]</u>") && text.contains("<u>[7, 8]</u>"),
        "{text}"
    );
    assert!(text.contains("Hello, Ada"), "{text}");
    assert_eq!(
        runs.load(Ordering::SeqCst),
        4,
        "two members of two instances"
    );
    let payload = payload(&page.text);
    assert_eq!(payload.len(), 3, "{payload:?}");
    assert_eq!(
        payload[0],
        json!({"context": "profile", "params": {"user_id": 5}, "data": {
            "motto": "</script>", "user_friends": [-5], "user_name": "user 5", "user_orders": [5, 6],
        }})
    );
    assert_eq!(payload[2]["context"], "greet");
    assert_eq!(payload[2]["params"], json!({"name": "Ada"}));
}

#[tokio::test]
async fn a_provider_that_comes_late_is_in_the_payload_too() {
    let (app, _) = site();
    let page = get(&app, "/late").await;
    assert!(page.text.contains("[9, 10]"), "{}", page.text);
    let payload = payload(&page.text);
    assert_eq!(payload[0]["data"]["user_orders"], json!([9, 10]));
}

#[tokio::test]
async fn a_hook_outside_of_its_provider_says_so_and_leaves_the_page_alive() {
    let (app, _) = site();
    let page = get(&app, "/outside").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text
            .contains("`use_user_name()` was called outside of a `&lt;ProfileContextProvider&gt;`"),
        "{}",
        page.text
    );
    assert!(page.text.contains("the rest"));
}

#[tokio::test]
async fn an_instance_is_read_in_one_request() {
    let (app, Runs(runs)) = site();
    let answer = get(&app, "/api/mizan/ctx/profile?user_id=5").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.json(),
        json!({"data": {"motto": "</script>", "user_friends": [-5], "user_name": "user 5", "user_orders": [5, 6]}})
    );
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    let answer = get(&app, "/api/mizan/ctx/profile?user_id=0").await;
    assert_eq!(answer.json()["errors"]["user_name"]["code"], "NOT_FOUND");
    assert_eq!(answer.json()["data"]["user_orders"], json!([0, 1]));
    let answer = get(
        &app,
        "/api/mizan/ctx/all_kinds?text=a+b%26%C3%A9&z=18446744073709551615&flag=true",
    )
    .await;
    assert_eq!(
        answer.json()["data"]["kinds"],
        json!([u64::MAX, true, "a b&\u{e9}", null])
    );
    let answer = get(
        &app,
        "/api/mizan/ctx/all_kinds?text=&z=0&flag=false&maybe=-1",
    )
    .await;
    assert_eq!(answer.json()["data"]["kinds"], json!([0, false, "", -1]));
}

/// On a clock that only moves when everybody waits.
#[tokio::test(start_paused = true)]
async fn members_run_at_the_same_time() {
    let (app, _) = site();
    for path in ["/api/mizan/ctx/profile?user_id=5", "/"] {
        let started = tokio::time::Instant::now();
        assert_eq!(get(&app, path).await.status, StatusCode::OK);
        let elapsed = started.elapsed().as_millis();
        assert!((20..40).contains(&elapsed), "{path}: {elapsed} ms");
    }
}

#[tokio::test]
async fn a_query_with_ten_thousand_parameters_is_answered_shortly() {
    let (app, _) = site();
    let many: String = (0..12_000).map(|number| format!("{number:x}&")).collect();
    for context in ["profile", "nobody"] {
        let started = std::time::Instant::now();
        let answer = get(&app, &format!("/api/mizan/ctx/{context}?{many}")).await;
        assert!(answer.status.is_client_error());
        assert!(answer.text.len() < 4_000 && started.elapsed().as_millis() < 500);
    }
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let (app, Runs(runs)) = site();
    for (query, field, message) in [
        ("", "user_id", "is missing"),
        ("?user_id=", "user_id", "is not a whole number of 64 bits"),
        ("?user_id=x", "user_id", "is not a whole number of 64 bits"),
        (
            "?user_id=1.5",
            "user_id",
            "is not a whole number of 64 bits",
        ),
        (
            "?user_id=9223372036854775808",
            "user_id",
            "is not a whole number of 64 bits",
        ),
        ("?user_id=1&user_id=1", "user_id", "is given twice"),
        (
            "?user_id=1&admin=1",
            "admin",
            "is not one of the parameters",
        ),
        ("?USER_ID=1", "USER_ID", "is not one of the parameters"),
        (
            "?user_id=1;user_id=2",
            "user_id",
            "is not a whole number of 64 bits",
        ),
    ] {
        let answer = get(&app, &format!("/api/mizan/ctx/profile{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        let fields = answer.json()["error"]["details"]["fields"].clone();
        assert_eq!(fields[field], json!([message]), "{query}: {fields}");
    }
    let all = get(&app, "/api/mizan/ctx/all_kinds?flag=1&maybe=300").await;
    let fields = all.json()["error"]["details"]["fields"].clone();
    assert_eq!(
        fields.as_object().map(serde_json::Map::len),
        Some(4),
        "{fields}"
    );
    let encoding = get(&app, "/api/mizan/ctx/profile?user_id=%ff").await;
    assert_eq!(encoding.status, StatusCode::BAD_REQUEST);
    for unknown in ["nobody", "Profile", "ProfileContext", "profile%20"] {
        let answer = get(&app, &format!("/api/mizan/ctx/{unknown}?user_id=1")).await;
        assert_eq!(answer.code(), "NOT_FOUND", "{unknown}");
    }
    assert_eq!(runs.load(Ordering::SeqCst), 0, "nothing ran");
}
