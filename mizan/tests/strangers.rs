//! Two users on one server, a hundred thousand requests interleaved: neither ever sees what is the
//! other's. And a hundred thousand cookies that nobody gave out: they take no memory.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;
#[path = "support/users.rs"]
mod users;

use axum::{Router, body::Body, http::Request};
use futures::{StreamExt, stream};
use leptos::{config::LeptosOptions, prelude::*};
use leptos_router::{
    SsrMode,
    components::{Route, Router as Routed, Routes},
    path,
};
use mizan::Mizan;
use std::time::Duration;
use support::{options, send};
use tokio::sync::Mutex;
use users::{Accounts, call_with, session_of, who};

/// Counts what is allocated.
#[global_allocator]
static ALLOCATED: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// Held by each test: what is allocated is everybody's.
static ALONE: Mutex<()> = Mutex::const_new(());

/// How many requests are interleaved.
const REQUESTS: usize = 100_000;

/// Says who calls, before and after others had their turn.
async fn twice() -> mizan::Result<String> {
    let first = who().await?;
    tokio::task::yield_now().await;
    let second = who().await?;
    assert_eq!(first, second);
    let text: Option<String> = mizan::session().get("text").await?;
    Ok(format!(
        "{}'s {}",
        second.unwrap_or_default(),
        text.unwrap_or_default()
    ))
}

#[mizan::client(auth)]
async fn called() -> mizan::Result<String> {
    twice().await
}

#[mizan::client(context = "global", auth)]
async fn global() -> mizan::Result<String> {
    twice().await
}

#[mizan::context]
struct MineContext {}

#[mizan::client(context = MineContext, auth)]
async fn mine() -> mizan::Result<String> {
    twice().await
}

#[mizan::client(auth)]
async fn remember(text: String) -> mizan::Result<()> {
    mizan::session().insert("text", text).await?;
    Ok(())
}

#[component]
fn App() -> impl IntoView {
    view! {
        <Routed>
            <Routes fallback=|| "nothing">
                <Route path=path!("/") view=Page ssr=SsrMode::InOrder/>
            </Routes>
        </Routed>
    }
}

#[component]
fn Page() -> impl IntoView {
    let global = use_global();
    let called = Resource::new(|| (), |()| called());
    view! {
        <Suspense>{move || Suspend::new(async move { format!("[{:?}]", global.await) })}</Suspense>
        <Suspense>{move || Suspend::new(async move { format!("[{:?}]", called.await) })}</Suspense>
        <MineContextProvider><Mine/></MineContextProvider>
    }
}

#[component]
fn Mine() -> impl IntoView {
    let mine = use_mine();
    view! { <Suspense>{move || Suspend::new(async move { format!("[{:?}]", mine.await) })}</Suspense> }
}

fn shell(options: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html><head><HydrationScripts options/></head><body><App/></body></html> }
}

async fn signed_in(app: &Router, name: &str) -> String {
    let session = session_of(app, name).await;
    let body = format!(r#"{{"text":"{name}-secret"}}"#);
    let answer = call_with(app, "remember", &body, &[("cookie", &session)]).await;
    assert_eq!(answer.status, 200);
    session
}

/// How often a text stands in another.
fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_users_never_see_each_others_data() {
    let _alone = ALONE.lock().await;
    let app = Mizan::new(options())
        .users(Accounts::new())
        .router(App, shell);
    let sessions = [
        signed_in(&app, "user").await,
        signed_in(&app, "staff").await,
    ];
    let names = ["user", "staff"];
    let requests = stream::iter(0..REQUESTS).map(|number| {
        let (app, index) = (app.clone(), number % 2);
        let (session, own, other) = (sessions[index].clone(), names[index], names[1 - index]);
        tokio::spawn(async move {
            // Most of the time is the pages'
            let path = match number % 10 {
                0 | 1 => "/",
                2..6 => "/api/mizan/ctx/mine",
                _ => "/api/mizan/call/called",
            };
            let request = match path {
                "/api/mizan/call/called" => Request::post(path),
                _ => Request::get(path),
            };
            let request = request
                .header("content-type", "application/json")
                .header("cookie", session);
            let answer = send(&app, request.body(Body::from("{}")).unwrap()).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            let said = format!("{own}'s {own}-secret");
            // Shown three times, and twice in the payload
            let times = if path == "/" { 5 } else { 1 };
            let text = answer.text.replace("&#x27;", "'").replace("&#39;", "'");
            assert!(count(&text, &said) >= times, "{path}: {text}");
            assert_eq!(
                count(&text, &format!("{other}-secret")),
                0,
                "{path}: {text}"
            );
            assert_eq!(count(&text, &format!("{other}'s")), 0, "{path}: {text}");
        })
    });
    let ended = requests.buffer_unordered(64);
    let interleaved = ended.for_each(async |ended| ended.unwrap());
    let coming_and_going = stream::repeat(()).for_each(async |()| come_and_go(&app).await);
    tokio::select! {
        () = interleaved => {}
        () = coming_and_going => unreachable!("it has no end"),
    }
}

/// Signs the same two in and out, in sessions of their own, beside what else they do.
async fn come_and_go(app: &Router) {
    for name in ["user", "staff"] {
        let session = signed_in(app, name).await;
        let cookie = [("cookie", &*session)];
        let said = call_with(app, "called", "{}", &cookie).await;
        assert_eq!(said.json()["result"], format!("{name}'s {name}-secret"));
        let (ended, called) = tokio::join!(
            call_with(app, "sign_out", "{}", &cookie),
            call_with(app, "called", "{}", &cookie),
        );
        assert_eq!(ended.status, 200, "{}", ended.text);
        // Before it or after it; never somebody else
        match called.status.as_u16() {
            200 => assert_eq!(called.json()["result"], format!("{name}'s {name}-secret")),
            status => assert_eq!(status, 401, "{}", called.text),
        }
        let after = call_with(app, "called", "{}", &cookie).await;
        assert_eq!(after.status, 401, "{}", after.text);
    }
}

#[tokio::test]
async fn cookies_that_nobody_gave_out_take_no_memory() {
    let _alone = ALONE.lock().await;
    let app = Mizan::new(options()).users(Accounts::new()).api().unwrap();
    let ask = async |number: u64| {
        // 22 letters of base64, the last of which is one of four
        let cookie = format!("session={number:021}A.u");
        let answer = call_with(&app, "who", "{}", &[("cookie", &cookie)]).await;
        assert_eq!(
            answer.header("mizan-session"),
            "expired",
            "it is read as one: {cookie}"
        );
    };
    for number in 0..1_000 {
        ask(number).await;
    }
    let before = ALLOCATED.allocated();
    for number in 1_000..101_000 {
        ask(number).await;
    }
    let grown = ALLOCATED.allocated().saturating_sub(before);
    assert!(grown < 1024 * 1024, "{grown} bytes");
}

#[tokio::test]
async fn sessions_that_visitors_get_are_bounded() {
    let _alone = ALONE.lock().await;
    let app = Mizan::new(options()).users(Accounts::new()).api().unwrap();
    let before = ALLOCATED.allocated();
    for _ in 0..50_000 {
        let answer = call_with(&app, "sign_in", r#"{"name":"user"}"#, &[]).await;
        assert_eq!(answer.status, 200);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let grown = ALLOCATED.allocated().saturating_sub(before);
    // 64 MiB of sessions, and what is remembered of those that ended
    assert!(grown < 80 * 1024 * 1024, "{grown} bytes");
    // The newest is still there
    let session = session_of(&app, "user").await;
    let answer = call_with(&app, "who", "{}", &[("cookie", &session)]).await;
    assert_eq!(answer.json()["result"], "user");
}
