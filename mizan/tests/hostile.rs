//! Ten thousand bad requests leave nothing behind.

mod support;

use axum::{Router, body::Body};
use mizan::Mizan;
use support::{call_as, get, options};

#[mizan::client]
async fn echo(text: String) -> mizan::Result<String> {
    Ok(text)
}

#[mizan::client]
async fn panic() -> mizan::Result<()> {
    panic!("on purpose")
}

#[mizan::client(context = "global")]
async fn member() -> mizan::Result<()> {
    panic!("on purpose")
}

#[mizan::client]
async fn explode(why: String) -> mizan::Result<()> {
    Err(std::io::Error::other(why))?
}

/// Counts what is allocated.
#[global_allocator]
static ALLOCATED: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

async fn round(app: &Router, large: &str) {
    let deep = format!("{{\"text\":{}", "[".repeat(10_000));
    let bodies: [(&str, &str, &str); 14] = [
        ("echo", "application/json", "{"),
        ("echo", "application/json", "{}"),
        ("echo", "application/json", "[1]"),
        ("echo", "application/json", "{\"text\":NaN}"),
        ("echo", "application/json", "{\"text\":1,\"more\":2}"),
        ("echo", "application/json", &deep),
        ("echo", "text/plain", "{\"text\":\"a\"}"),
        ("nope", "application/json", "{}"),
        ("explode", "application/json", "{\"why\":\"a\"}"),
        ("panic", "application/json", "{}"),
        ("panic", "application/x-www-form-urlencoded", "a=1"),
        ("echo", "application/json", "{\"text\":\"\\ud800\"}"),
        ("../echo", "application/json", "{}"),
        ("echo", "application/json", large),
    ];
    for path in ["ctx/global?x=1", "ctx/nope", "ctx/global", "call/echo"] {
        get(app, &format!("/api/mizan/{path}")).await;
    }
    for (function, content_type, body) in bodies {
        let answer = call_as(app, function, content_type, Body::from(body.to_owned())).await;
        assert!(answer.status.is_client_error() || answer.status.is_server_error());
    }
}

#[tokio::test]
async fn memory_is_the_same_afterwards() {
    let app = Mizan::new(options())
        .api()
        .expect("the functions fit together");
    let large = "x".repeat(2 * 1024 * 1024);
    // The text of each panic would be kept, with what else the test prints
    std::panic::set_hook(Box::new(|_| {}));
    // What is allocated once
    for _ in 0..100 {
        round(&app, &large).await;
    }
    let before = ALLOCATED.allocated();
    for _ in 0..600 {
        round(&app, &large).await;
    }
    let grown = ALLOCATED.allocated().saturating_sub(before);
    assert!(
        grown < 64 * 1024,
        "10,800 bad requests left {grown} bytes behind"
    );
}
