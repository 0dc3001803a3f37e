//! A hundred thousand instances that were provided leave nothing on the server.

mod support;

use axum::Router;
use leptos::{config::LeptosOptions, prelude::*};
use leptos_router::{
    components::{Route, Router as Routed, Routes},
    hooks::use_params_map,
    path,
};
use mizan::{Mizan, cache::Cache};
use support::{get, options};

/// Counts what is allocated.
#[global_allocator]
static ALLOCATED: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// All tests of the process allocate: one at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// How many providers a page has.
const PROVIDERS: u64 = 100;

#[mizan::context]
struct NumberContext {
    number: u64,
}

#[mizan::client(context = NumberContext)]
async fn at_once(number: u64) -> mizan::Result<u64> {
    Ok(number)
}

#[mizan::client(context = NumberContext)]
async fn later(number: u64) -> mizan::Result<String> {
    tokio::task::yield_now().await;
    Ok(number.to_string())
}

#[mizan::client(affects = NumberContext)]
async fn change(number: u64) -> mizan::Result<u64> {
    Ok(number)
}

#[mizan::client(context = "local")]
async fn count(number: u64) -> mizan::Result<u64> {
    Ok(number)
}

#[component]
fn App() -> impl IntoView {
    view! { <Routed><Routes fallback=|| "nothing"><Route path=path!("/:first") view=Page/></Routes></Routed> }
}

#[component]
fn Page() -> impl IntoView {
    let first = use_params_map().with_untracked(|params| params.get("first"));
    let first = first
        .and_then(|first| first.parse::<u64>().ok())
        .unwrap_or_default();
    let number = |number| view! { <NumberContextProvider number><Number/></NumberContextProvider> };
    (first..first + PROVIDERS).map(number).collect_view()
}

#[component]
fn Number() -> impl IntoView {
    let (at_once, later) = (use_at_once(), use_later());
    view! { <Suspense>{move || at_once.get()} <b>{move || later.get()}</b></Suspense> }
}

fn shell(_: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html lang="en"><head></head><body><App/></body></html> }
}

async fn round(app: &Router, first: u64) {
    let page = get(app, &format!("/{first}")).await;
    assert!(
        page.text.contains(&format!("<b>{first}</b>")),
        "{}",
        page.text
    );
    get(app, &format!("/api/mizan/ctx/number?number={first}")).await;
    let body = format!("{{\"number\":{first}}}");
    support::call(app, "change", body).await;
}

/// Many more answers than there is room for.
#[tokio::test]
async fn the_cache_stays_within_its_bound() {
    const BOUND: usize = 2 * 1024 * 1024;
    let _alone = ALONE.lock().await;
    let cache = Cache::memory().max_bytes(BOUND as u64);
    let app = Mizan::new(options()).cache(cache).api().unwrap();
    let before = ALLOCATED.allocated();
    for number in 0..50_000 {
        get(&app, &format!("/api/mizan/ctx/count?number={number}")).await;
        if number % 1_000 == 0 {
            let taken = ALLOCATED.allocated().saturating_sub(before);
            assert!(taken <= BOUND, "{taken} bytes after {number}");
        }
    }
    // It is of use: the last ones are there
    assert!(ALLOCATED.allocated() - before > BOUND / 4);
}

#[tokio::test]
async fn memory_is_the_same_afterwards() {
    let _alone = ALONE.lock().await;
    // Full after the first pages, and then the same
    let cache = Cache::memory().max_bytes(1024 * 1024);
    let app = Mizan::new(options()).cache(cache).router(App, shell);
    for page in 0..60 {
        round(&app, page * PROVIDERS).await;
    }
    let before = ALLOCATED.allocated();
    for page in 0..1_000 {
        round(&app, page * PROVIDERS).await;
    }
    // The cache's own tables come and go by 400 KiB; one entry of 16 bytes for each instance would
    // be 1.5 MiB
    let grown = ALLOCATED.allocated().saturating_sub(before);
    assert!(
        grown < 1024 * 1024,
        "100,000 instances left {grown} bytes behind"
    );
}
