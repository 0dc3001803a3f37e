//! The socket of a page: calls, whose they are, and what somebody may send instead.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/users.rs"]
mod users;

use futures::{SinkExt, StreamExt};
use mizan::Mizan;
use serde_json::{Value, json};
use served::Served;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::options;
use tokio_tungstenite::tungstenite::Message;
use users::{Accounts, call_with, session_of};

#[mizan::client]
async fn echo(text: String) -> mizan::Result<String> {
    Ok(text)
}

#[mizan::client(auth = "staff")]
async fn for_staff() -> mizan::Result<u8> {
    Ok(1)
}

#[mizan::client(private)]
async fn hidden() -> mizan::Result<u8> {
    Ok(1)
}

#[mizan::client(affects = "global")]
async fn change(fail: bool) -> mizan::Result<u8> {
    match fail {
        true => Err(mizan::Error::conflict("not now")),
        false => Ok(1),
    }
}

#[mizan::client]
async fn set_cookie() -> mizan::Result<()> {
    mizan::cookies().set(("a", "b"));
    Ok(())
}

#[mizan::client]
async fn count() -> mizan::Result<u32> {
    let session = mizan::session();
    let count = session.get::<u32>("count").await?.unwrap_or(0) + 1;
    session.insert("count", count).await?;
    Ok(count)
}

#[mizan::client]
async fn explode() -> mizan::Result<()> {
    panic!("a secret panic text")
}

/// How many run at the moment, and did at most.
#[derive(Clone, Default)]
struct Running {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[mizan::client]
async fn slow(milliseconds: u64) -> mizan::Result<()> {
    let Running { now, most } = mizan::state();
    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    now.fetch_sub(1, Ordering::SeqCst);
    Ok(())
}

struct Server {
    app: axum::Router,
    running: Running,
    served: Served,
}

impl Server {
    async fn start() -> Self {
        let running = Running::default();
        let mizan = Mizan::new(options()).users(Accounts::new());
        let app = mizan
            .provide(running.clone())
            .body_limit(64 * 1024)
            .api()
            .unwrap();
        Self {
            served: Served::start(app.clone()).await,
            app,
            running,
        }
    }
}

#[tokio::test]
async fn calls() {
    let server = Server::start().await;
    let mut socket = server.served.connect("").await;
    socket.send(json!({ "op": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "op": "pong" }));

    let answer = socket
        .call(7, "echo", json!({ "text": "hello \u{1f600}" }))
        .await;
    assert_eq!(
        answer,
        json!({ "op": "result", "id": 7, "result": "hello \u{1f600}" })
    );
    let answer = socket.call(8, "echo", json!({ "text": 1 })).await;
    assert_eq!(answer["id"], 8);
    assert_eq!(answer["error"]["code"], "VALIDATION_ERROR");
    assert!(
        answer["error"]["details"]["fields"]["text"].is_array(),
        "{answer}"
    );
    let answer = socket.call(9, "nothing", json!({})).await;
    assert_eq!(answer["error"]["code"], "NOT_FOUND");
    let answer = socket.call(10, "hidden", json!({})).await;
    assert_eq!(answer["error"]["code"], "FORBIDDEN");
    let answer = socket.call(11, "explode", json!({})).await;
    assert_eq!(answer["error"]["code"], "INTERNAL_ERROR");
    assert!(!answer.to_string().contains("secret"), "{answer}");
    let answer = socket.call(12, "change", json!({ "fail": false })).await;
    let expected =
        json!({ "op": "result", "id": 12, "result": 1, "invalidate": [{ "context": "global" }] });
    assert_eq!(answer, expected);
    let answer = socket.call(13, "change", json!({ "fail": true })).await;
    assert_eq!(answer["error"]["code"], "CONFLICT");
    assert_eq!(answer["invalidate"], Value::Null);
    server.served.stop().await;
}

#[tokio::test]
async fn answers_come_when_they_are_ready_and_no_socket_runs_everything_at_once() {
    let server = Server::start().await;
    let mut socket = server.served.connect("").await;
    socket
        .send(json!({ "op": "call", "id": 1, "fn": "slow", "args": { "milliseconds": 200 } }))
        .await;
    socket
        .send(json!({ "op": "call", "id": 2, "fn": "slow", "args": { "milliseconds": 1 } }))
        .await;
    assert_eq!(socket.receive().await["id"], 2);
    assert_eq!(socket.receive().await["id"], 1);
    for id in 0..100 {
        socket
            .send(json!({ "op": "call", "id": id, "fn": "slow", "args": { "milliseconds": 5 } }))
            .await;
    }
    for _ in 0..100 {
        socket.receive().await;
    }
    assert_eq!(server.running.most.load(Ordering::SeqCst), 16);
    server.served.stop().await;
}

#[mizan::client]
async fn long(letters: usize) -> mizan::Result<String> {
    Ok("x".repeat(letters))
}

/// Somebody who asks and does not read holds up nobody else, and ends what they asked for alone.
#[tokio::test]
async fn who_does_not_read_holds_up_nobody() {
    let server = Server::start().await;
    let mut deaf = server.served.connect("").await;
    // More than the buffers of both ends hold
    for id in 0..64 {
        let call = json!({ "op": "call", "id": id, "fn": "long", "args": { "letters": 1 << 20 } });
        let sent = tokio::time::timeout(Duration::from_secs(1), deaf.send(call));
        if sent.await.is_err() {
            break;
        }
    }
    let mut other = server.served.connect("").await;
    for id in 0..20 {
        let started = std::time::Instant::now();
        let answer = other.call(id, "echo", json!({ "text": "x" })).await;
        assert_eq!(answer["result"], "x");
        assert!(started.elapsed() < Duration::from_secs(1), "{started:?}");
    }
    // What the deaf one asked for has ended, read or not
    let answer = other.call(20, "slow", json!({ "milliseconds": 1 })).await;
    assert_eq!(answer["error"], Value::Null);
    assert_eq!(server.running.now.load(Ordering::SeqCst), 0);
    server.served.stop().await;
}

#[tokio::test]
async fn whose_calls_they_are_is_found_out_each_time() {
    let server = Server::start().await;
    let session = session_of(&server.app, "staff").await;
    let mut socket = server.served.connect(&session).await;
    assert_eq!(socket.call(1, "who", json!({})).await["result"], "staff");
    assert_eq!(socket.call(2, "for_staff", json!({})).await["result"], 1);
    // What is in the session can be changed: its cookie stays
    assert_eq!(socket.call(3, "count", json!({})).await["result"], 1);
    assert_eq!(socket.call(4, "count", json!({})).await["result"], 2);

    call_with(&server.app, "sign_out", "{}", &[("cookie", &session)]).await;
    assert_eq!(
        socket.call(5, "who", json!({})).await["result"],
        Value::Null
    );
    let answer = socket.call(6, "for_staff", json!({})).await;
    assert_eq!(answer["error"]["code"], "UNAUTHORIZED");
    server.served.stop().await;
}

#[tokio::test]
async fn what_sets_cookies_is_refused() {
    let server = Server::start().await;
    let session = session_of(&server.app, "user").await;
    let mut socket = server.served.connect("").await;
    for (function, args) in [
        ("sign_in", json!({ "name": "user" })),
        ("sign_out", json!({})),
        ("set_cookie", json!({})),
        ("count", json!({})),
    ] {
        let answer = socket.call(1, function, args).await;
        assert_eq!(
            answer["error"]["code"], "BAD_REQUEST",
            "{function}: {answer}"
        );
    }
    let mut socket = server.served.connect(&session).await;
    let answer = socket.call(1, "sign_out", json!({})).await;
    assert_eq!(answer["error"]["code"], "BAD_REQUEST");
    assert_eq!(socket.call(2, "who", json!({})).await["result"], "user");
    server.served.stop().await;
}

#[tokio::test]
async fn what_is_no_frame_is_answered_and_the_socket_goes_on() {
    let server = Server::start().await;
    let mut socket = server.served.connect("").await;
    let hostile = [
        ("", Value::Null),
        ("not json", Value::Null),
        ("[]", Value::Null),
        ("1", Value::Null),
        ("{}", Value::Null),
        (r#"{"op":1}"#, Value::Null),
        (r#"{"op":"call","id":"x","fn":"echo"}"#, Value::Null),
        (r#"{"op":"call","id":-1,"fn":"echo"}"#, Value::Null),
        (r#"{"op":"dance","id":3}"#, json!(3)),
        (r#"{"op":"call","id":3}"#, json!(3)),
        (r#"{"op":"call","fn":"echo"}"#, Value::Null),
        (r#"{"op":"ping"} {"op":"ping"}"#, Value::Null),
    ];
    for (frame, id) in hostile {
        socket.text(frame).await;
        let answer = socket.receive().await;
        assert_eq!(answer["op"], "error", "{frame}");
        assert_eq!(answer["id"], id, "{frame}");
        assert_eq!(answer["error"]["code"], "BAD_REQUEST", "{frame}");
    }
    let nested = format!(
        r#"{{"op":"call","id":1,"fn":"echo","args":{}{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    socket.text(&nested).await;
    assert!(socket.receive().await["error"].is_object());
    socket.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(socket.receive().await["error"]["code"], "BAD_REQUEST");
    let answer = socket
        .call(1, "echo", json!({ "text": "still here" }))
        .await;
    assert_eq!(answer["result"], "still here");

    // A frame over the limit ends this socket, and no other
    let mut other = server.served.connect("").await;
    socket.text(&"x".repeat(65 * 1024)).await;
    let ended = loop {
        match socket.0.next().await {
            Some(Ok(Message::Text(text))) => panic!("{text}"),
            Some(Ok(Message::Close(_)) | Err(_)) | None => break true,
            Some(Ok(_)) => {}
        }
    };
    assert!(ended);
    assert_eq!(
        other.call(1, "echo", json!({ "text": "x" })).await["result"],
        "x"
    );
    server.served.stop().await;
}

#[tokio::test]
async fn a_request_that_is_no_upgrade() {
    let server = Server::start().await;
    let answer = support::get(&server.app, "/api/mizan/ws").await;
    assert_eq!(answer.code(), "BAD_REQUEST");
    let answer = call_with(&server.app, "../ws", "{}", &[]).await;
    assert_eq!(answer.status, 404);
    server.served.stop().await;
}
