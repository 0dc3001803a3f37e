//! Ten thousand bad requests leave nothing behind.

mod support;

use axum::{Router, body::Body};
use mizan::Mizan;
use support::{call_as, options};

#[mizan::client]
async fn echo(text: String) -> mizan::Result<String> {
    Ok(text)
}

#[mizan::client]
async fn explode(why: String) -> mizan::Result<()> {
    Err(std::io::Error::other(why))?
}

/// Bytes of memory that the process holds.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("a line");
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<usize>().ok())
        .expect("a number")
        * 1024
}

async fn round(app: &Router, large: &str) {
    let deep = format!("{{\"text\":{}", "[".repeat(10_000));
    let bodies: [(&str, &str, &str); 10] = [
        ("echo", "application/json", "{"),
        ("echo", "application/json", "{}"),
        ("echo", "application/json", "[1]"),
        ("echo", "application/json", "{\"text\":NaN}"),
        ("echo", "application/json", "{\"text\":1,\"more\":2}"),
        ("echo", "application/json", &deep),
        ("echo", "text/plain", "{\"text\":\"a\"}"),
        ("nope", "application/json", "{}"),
        ("explode", "application/json", "{\"why\":\"a\"}"),
        ("echo", "application/json", large),
    ];
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
    // What is allocated once, and the allocator's own reserves
    for _ in 0..100 {
        round(&app, &large).await;
    }
    let before = resident();
    for _ in 0..1000 {
        round(&app, &large).await;
    }
    let grown = resident().saturating_sub(before);
    assert!(
        grown < 4 * 1024 * 1024,
        "10,000 bad requests left {grown} bytes behind"
    );
}
