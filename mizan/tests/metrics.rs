//! What is counted of the cache, as Prometheus reads it. One test: a process has one recorder.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use axum::{
    Router,
    http::{StatusCode, header},
};
use futures::future::join_all;
use mizan::{Mizan, cache::Cache, server::Metrics};
use std::{net::SocketAddr, time::Duration};
use support::{call, get, options};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

#[mizan::context]
struct NoteContext {
    id: i64,
}

#[mizan::client(context = NoteContext)]
async fn note(id: i64) -> mizan::Result<String> {
    sleep(Duration::from_millis(20)).await;
    Ok(format!("note {id}"))
}

#[mizan::client(context = NoteContext, cache = false)]
async fn uncached(id: i64) -> mizan::Result<i64> {
    Ok(id)
}

#[mizan::client(context = NoteContext, auth)]
async fn guarded(id: i64) -> mizan::Result<i64> {
    Ok(id)
}

#[mizan::client(affects = NoteContext)]
async fn write_note(id: i64) -> mizan::Result<()> {
    let _ = id;
    Ok(())
}

/// Of a context of its own: all of it is at hand.
#[mizan::client(context = "local", cache = "10ms", stale_while_revalidate = "1h")]
async fn news(id: i64) -> mizan::Result<i64> {
    Ok(id)
}

#[mizan::client(context = "local")]
async fn large(size: u32) -> mizan::Result<String> {
    Ok("x".repeat(size as usize))
}

/// What stands behind the head.
async fn scrape(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The number of a line, zero where there is none.
fn number(text: &str, line: &str) -> f64 {
    let mut lines = text.lines();
    let value = lines.find_map(|one| one.strip_prefix(line)?.strip_prefix(' '));
    value.map_or(0.0, |value| value.parse().unwrap())
}

async fn read(app: &Router, path: &str) {
    let answer = get(app, &format!("/api/mizan/ctx/{path}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
}

#[tokio::test]
async fn hits_and_misses_are_counted_and_told_on_a_port_of_their_own() {
    let metrics = Metrics::listen("127.0.0.1:0").await.unwrap();
    let addr = metrics.local_addr().unwrap();
    let app = Mizan::new(options())
        .cache(Cache::memory().max_entry_bytes(100))
        .metrics(metrics)
        .api()
        .unwrap();
    let counted = async |name: &str, of: &str| {
        let text = scrape(addr, "/metrics").await;
        number(&text, &format!("mizan_cache_{name}{of}"))
    };
    let note = r#"{context="note",member="note"}"#;

    // A second recorder would count nothing
    let second = Metrics::listen("127.0.0.1:0").await;
    assert!(second.unwrap_err().to_string().contains("recorder"));

    read(&app, "note?id=1").await;
    for _ in 0..3 {
        read(&app, "note?id=1").await;
    }
    assert_eq!(counted("misses_total", note).await, 1.0);
    assert_eq!(counted("hits_total", note).await, 3.0);
    // What is not kept, and who is not let in, is neither
    for member in ["uncached", "guarded"] {
        let of = format!("{{context=\"note\",member=\"{member}\"}}");
        assert_eq!(counted("misses_total", &of).await, 0.0, "{member}");
        assert_eq!(counted("hits_total", &of).await, 0.0, "{member}");
    }

    // One runs it, and the others wait
    join_all((0..10).map(|_| read(&app, "note?id=2"))).await;
    assert_eq!(counted("misses_total", note).await, 2.0);
    assert_eq!(counted("waits_total", note).await, 9.0);

    call(&app, "write_note", r#"{"id":1}"#).await;
    assert_eq!(counted("purges_total", r#"{context="note"}"#).await, 1.0);
    read(&app, "note?id=1").await;
    assert_eq!(counted("misses_total", note).await, 3.0);

    // Answered at once, where nothing else of the context has to be run
    let news = r#"{context="news",member="news"}"#;
    read(&app, "news?id=1").await;
    read(&app, "news?id=1").await;
    sleep(Duration::from_millis(20)).await;
    read(&app, "news?id=1").await;
    assert_eq!(counted("misses_total", news).await, 1.0);
    assert_eq!(counted("hits_total", news).await, 1.0);
    assert_eq!(counted("stale_total", news).await, 1.0);

    let bytes = counted("bytes", "").await;
    assert!(bytes > 0.0);
    read(&app, "large?size=90").await;
    assert!(counted("bytes", "").await > bytes + 90.0);
    assert_eq!(counted("oversize_total", "").await, 0.0);
    read(&app, "large?size=99").await;
    assert_eq!(counted("oversize_total", "").await, 1.0);

    // There, and nothing else there; and not here
    let answer = scrape(addr, "/metrics").await;
    assert!(answer.contains("content-type: text/plain; version=0.0.4"));
    let none = scrape(addr, "/api/mizan/health").await;
    assert!(none.starts_with("HTTP/1.1 404 "), "{none}");
    let none = get(&app, "/metrics").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert_eq!(none.header(header::CONTENT_TYPE), "");
}
