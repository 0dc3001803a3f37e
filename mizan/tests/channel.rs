//! Channels on the server: who may join, what they get, and what they missed.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[cfg(any(feature = "redis", feature = "nats"))]
#[path = "support/layers.rs"]
mod layers;
#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/users.rs"]
mod users;

use mizan::{
    Mizan,
    channel::{ChannelContext, Channels},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use served::{Served, Socket};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{call, options};
use users::{Account, Accounts, session_of};

#[mizan::channel]
struct ChatChannel {
    room: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Post {
    text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    by: Option<String>,
    text: String,
}

/// What handlers were asked to do, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, what: &str) {
        self.0.lock().unwrap().push(what.to_owned());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[mizan::channel_handler]
impl Channel for ChatChannel {
    type ClientMessage = Post;
    type ServerMessage = Line;

    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        match self.room.as_str() {
            "closed" => Ok(false),
            "staff" => {
                let account = mizan::current_user::<Account>().await?;
                Ok(account.is_some_and(|account| account.is_staff))
            }
            "broken" => Err(mizan::Error::conflict("come back later")),
            "trap" => panic!("a secret panic text"),
            _ => Ok(true),
        }
    }

    async fn on_connect(&self, _: &ChannelContext) -> mizan::Result<()> {
        mizan::state::<Log>().add(&format!("connect {}", self.room));
        Ok(())
    }

    async fn on_disconnect(&self, _: &ChannelContext) {
        mizan::state::<Log>().add(&format!("disconnect {}", self.room));
    }

    async fn receive(&self, cx: &ChannelContext, mut post: Post) -> mizan::Result<Option<Line>> {
        match post.text.as_str() {
            "key" => post.text = format!("key {:?}", cx.key()),
            "fail" => return Err(mizan::Error::conflict("not now")),
            "panic" => panic!("a secret panic text"),
            "quiet" => return Ok(None),
            "slow" => tokio::time::sleep(Duration::from_millis(100)).await,
            _ => {}
        }
        let account = mizan::current_user::<Account>().await?;
        Ok(Some(Line {
            by: account.map(|account| account.name),
            text: post.text,
        }))
    }
}

/// One that takes nothing, with parameters of other types.
#[mizan::channel(name = "ticks")]
struct TickerChannel {
    id: i64,
    fast: Option<bool>,
}

#[mizan::channel_handler]
impl Channel for TickerChannel {
    type ServerMessage = u32;

    async fn authorize(&self, cx: &ChannelContext) -> mizan::Result<bool> {
        Ok(!cx.request().headers.contains_key("x-forbidden"))
    }
}

#[mizan::client]
async fn say(room: String, text: String) -> mizan::Result<u64> {
    let line = Line { by: None, text };
    Ok(ChatChannel { room }.push(line).await?.offset)
}

#[mizan::client]
async fn position(room: String) -> mizan::Result<mizan::channel::Position> {
    ChatChannel { room }.position().await
}

struct Server {
    app: axum::Router,
    served: Served,
    log: Log,
}

impl Server {
    async fn start() -> Self {
        Self::with(Channels::memory()).await
    }

    async fn with(channels: Channels) -> Self {
        let log = Log::default();
        let mizan = Mizan::new(options())
            .users(Accounts::new())
            .provide(log.clone());
        let app = mizan.channels(channels).api().unwrap();
        Self {
            served: Served::start(app.clone()).await,
            app,
            log,
        }
    }

    async fn connect(&self) -> Socket {
        self.served.connect("").await
    }

    async fn say(&self, room: &str, text: &str) {
        let body = json!({ "room": room, "text": text }).to_string();
        let answer = call(&self.app, "say", body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}

/// Joins a room, and returns the `joined` frame.
async fn join(socket: &mut Socket, id: u64, room: &str) -> Value {
    socket
        .send(json!({ "op": "join", "id": id, "channel": "chat", "params": { "room": room } }))
        .await;
    let joined = socket.receive().await;
    assert_eq!(joined["op"], "joined", "{joined}");
    assert_eq!(joined["id"], id);
    joined
}

async fn rejoin(socket: &mut Socket, room: &str, since: &Value) -> Value {
    let since = json!({ "epoch": since["epoch"], "offset": since["offset"] });
    let join = json!({ "op": "join", "id": 1, "channel": "chat", "params": { "room": room }, "since": since });
    socket.send(join).await;
    socket.receive().await
}

async fn post(socket: &mut Socket, id: u64, text: &str) {
    socket
        .send(json!({ "op": "send", "id": id, "message": { "text": text } }))
        .await;
}

/// The text of the next frame, which is a message.
async fn heard(socket: &mut Socket) -> String {
    let frame = socket.receive().await;
    assert_eq!(frame["op"], "message", "{frame}");
    frame["message"]["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_one_says_everybody_in_the_room_hears() {
    let server = Server::start().await;
    let session = session_of(&server.app, "user").await;
    let mut user = server.served.connect(&session).await;
    let mut other = server.connect().await;
    let mut elsewhere = server.connect().await;
    let joined = join(&mut user, 1, "a").await;
    assert_eq!(
        (&joined["offset"], &joined["recovered"]),
        (&json!(0), &json!(false))
    );
    join(&mut other, 7, "a").await;
    join(&mut elsewhere, 1, "b").await;

    post(&mut user, 1, "hello").await;
    let message = json!({ "by": "user", "text": "hello" });
    for (socket, id) in [(&mut user, 1), (&mut other, 7)] {
        let frame = socket.receive().await;
        // It begins the history
        assert_ne!(frame["epoch"], joined["epoch"]);
        let expected = json!({ "op": "message", "id": id, "offset": 1, "epoch": frame["epoch"], "message": message });
        assert_eq!(frame, expected);
    }
    server.say("a", "of the server").await;
    for socket in [&mut user, &mut other] {
        assert_eq!(heard(socket).await, "of the server");
    }
    // Nothing came before this
    server.say("b", "here").await;
    assert_eq!(heard(&mut elsewhere).await, "here");
    server.served.stop().await;
}

#[tokio::test]
async fn who_may_join_is_asked() {
    let server = Server::start().await;
    let mut socket = server.connect().await;
    for (room, code) in [
        ("closed", "FORBIDDEN"),
        ("staff", "FORBIDDEN"),
        ("broken", "CONFLICT"),
        ("trap", "INTERNAL_ERROR"),
    ] {
        socket
            .send(json!({ "op": "join", "id": 1, "channel": "chat", "params": { "room": room } }))
            .await;
        let answer = socket.receive().await;
        assert_eq!((&answer["op"], &answer["id"]), (&json!("error"), &json!(1)));
        assert_eq!(answer["error"]["code"], code, "{answer}");
        assert!(!answer.to_string().contains("secret"), "{answer}");
        post(&mut socket, 1, "I am in").await;
        assert_eq!(socket.receive().await["error"]["code"], "BAD_REQUEST");
    }
    let session = session_of(&server.app, "staff").await;
    let mut staff = server.served.connect(&session).await;
    join(&mut staff, 1, "staff").await;
    assert_eq!(server.log.all(), ["connect staff"]);
    server.served.stop().await;
}

#[tokio::test]
async fn what_is_no_request_is_answered() {
    let server = Server::start().await;
    let mut socket = server.connect().await;
    join(&mut socket, 1, "a").await;
    for (frame, code) in [
        (
            json!({ "op": "join", "id": 1, "channel": "chat", "params": { "room": "b" } }),
            "CONFLICT",
        ),
        (
            json!({ "op": "join", "id": 2, "channel": "nothing" }),
            "NOT_FOUND",
        ),
        (json!({ "op": "join", "id": 2 }), "BAD_REQUEST"),
        (
            json!({ "op": "join", "id": 2, "channel": "chat" }),
            "VALIDATION_ERROR",
        ),
        (
            json!({ "op": "join", "id": 2, "channel": "chat", "params": { "room": 1 } }),
            "VALIDATION_ERROR",
        ),
        (
            json!({ "op": "join", "id": 2, "channel": "chat", "params": { "room": ["a"] } }),
            "VALIDATION_ERROR",
        ),
        (
            json!({ "op": "join", "id": 2, "channel": "chat", "params": { "room": "a", "x": 1 } }),
            "VALIDATION_ERROR",
        ),
        (
            json!({ "op": "join", "id": 2, "channel": "ticks", "params": { "id": "x" } }),
            "VALIDATION_ERROR",
        ),
        (json!({ "op": "send", "id": 1 }), "BAD_REQUEST"),
        (
            json!({ "op": "send", "id": 1, "message": { "text": 1 } }),
            "VALIDATION_ERROR",
        ),
        (
            json!({ "op": "send", "id": 1, "message": {} }),
            "VALIDATION_ERROR",
        ),
        (
            json!({ "op": "send", "id": 1, "message": { "text": "fail" } }),
            "CONFLICT",
        ),
        (
            json!({ "op": "send", "id": 1, "message": { "text": "panic" } }),
            "INTERNAL_ERROR",
        ),
        (
            json!({ "op": "send", "id": 1, "message": { "text": "x" }, "key": "" }),
            "BAD_REQUEST",
        ),
        (
            json!({ "op": "send", "id": 1, "message": { "text": "x" }, "key": "k".repeat(65) }),
            "BAD_REQUEST",
        ),
        (
            json!({ "op": "send", "id": 2, "message": { "text": "x" } }),
            "BAD_REQUEST",
        ),
        (json!({ "op": "leave", "id": 2 }), "BAD_REQUEST"),
        (json!({ "op": "leave" }), "BAD_REQUEST"),
    ] {
        socket.send(frame.clone()).await;
        let answer = socket.receive().await;
        assert_eq!(answer["op"], "error", "{frame}: {answer}");
        assert_eq!(answer["id"], frame["id"], "{frame}");
        assert_eq!(answer["error"]["code"], code, "{frame}: {answer}");
    }
    socket
        .text(r#"{"op":"join","id":2,"channel":"chat","params":{"room":"a","room":"b"}}"#)
        .await;
    assert_eq!(socket.receive().await["error"]["code"], "VALIDATION_ERROR");
    // It goes on
    post(&mut socket, 1, "still here").await;
    assert_eq!(heard(&mut socket).await, "still here");
    for id in 2..=100 {
        join(&mut socket, id, "a").await;
    }
    socket
        .send(json!({ "op": "join", "id": 101, "channel": "chat", "params": { "room": "a" } }))
        .await;
    assert_eq!(socket.receive().await["error"]["code"], "TOO_MANY_REQUESTS");
    server.served.stop().await;
}

#[tokio::test]
async fn a_channel_that_takes_nothing_says_so() {
    let server = Server::start().await;
    let mut socket = server.connect().await;
    socket
        .send(json!({ "op": "join", "id": 1, "channel": "ticks", "params": { "id": 5, "fast": true } }))
        .await;
    assert_eq!(socket.receive().await["op"], "joined");
    socket
        .send(json!({ "op": "send", "id": 1, "message": null }))
        .await;
    assert_eq!(socket.receive().await["error"]["code"], "NOT_IMPLEMENTED");
    server.served.stop().await;
}

#[tokio::test]
async fn what_is_sent_is_taken_in_order_and_a_key_counts_once() {
    let server = Server::start().await;
    let mut socket = server.connect().await;
    join(&mut socket, 1, "a").await;
    for text in ["slow", "1", "2", "quiet", "3"] {
        post(&mut socket, 1, text).await;
    }
    for text in ["slow", "1", "2", "3"] {
        assert_eq!(heard(&mut socket).await, text);
    }
    let send = json!({ "op": "send", "id": 1, "message": { "text": "once" }, "key": "k1" });
    post(&mut socket, 1, "key").await;
    assert_eq!(heard(&mut socket).await, "key None");
    socket
        .send(json!({ "op": "send", "id": 1, "message": { "text": "key" }, "key": "k0" }))
        .await;
    let mut answers = [socket.receive().await, socket.receive().await];
    answers.sort_by_key(|answer| answer["op"].to_string());
    assert_eq!(answers[0]["message"]["text"], r#"key Some("k0")"#);
    socket.send(send.clone()).await;
    let mut answers = [socket.receive().await, socket.receive().await];
    answers.sort_by_key(|answer| answer["op"].to_string());
    assert_eq!(answers[0]["message"]["text"], "once");
    assert_eq!(answers[1], json!({ "op": "sent", "id": 1, "key": "k1" }));
    // Its answer was lost, and it is sent again: on another connection
    let mut again = server.connect().await;
    join(&mut again, 1, "a").await;
    let mut repeated = send;
    repeated["again"] = json!(true);
    again.send(repeated).await;
    assert_eq!(
        again.receive().await,
        json!({ "op": "sent", "id": 1, "key": "k1" })
    );
    server.say("a", "next").await;
    assert_eq!(heard(&mut socket).await, "next");
    server.served.stop().await;
}

#[tokio::test]
async fn who_leaves_hears_nothing_more() {
    let server = Server::start().await;
    let mut socket = server.connect().await;
    join(&mut socket, 1, "a").await;
    post(&mut socket, 1, "last").await;
    socket.send(json!({ "op": "leave", "id": 1 })).await;
    assert_eq!(heard(&mut socket).await, "last");
    assert_eq!(socket.receive().await, json!({ "op": "left", "id": 1 }));
    server.say("a", "after").await;
    // The number is free again, while it was left
    socket
        .send(json!({ "op": "join", "id": 1, "channel": "chat", "params": { "room": "b" } }))
        .await;
    socket.send(json!({ "op": "leave", "id": 1 })).await;
    socket
        .send(json!({ "op": "join", "id": 1, "channel": "chat", "params": { "room": "c" } }))
        .await;
    for op in ["joined", "left", "joined"] {
        assert_eq!(socket.receive().await["op"], op);
    }
    drop(socket);
    for _ in 0..100 {
        if server.log.all().len() == 6 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let expected = [
        "connect a",
        "disconnect a",
        "connect b",
        "disconnect b",
        "connect c",
        "disconnect c",
    ];
    assert_eq!(server.log.all(), expected);
    server.served.stop().await;
}

#[tokio::test]
async fn who_comes_back_gets_what_they_missed() {
    let server = Server::start().await;
    resumes(&server, "a").await;
    server.served.stop().await;
}

/// What any layer has to do about somebody who was away.
async fn resumes(server: &Server, room: &str) {
    let mut socket = server.connect().await;
    let empty = join(&mut socket, 1, room).await;
    drop(socket);
    for number in 1..=3 {
        server.say(room, &number.to_string()).await;
    }
    // From the beginning, which was seen
    let mut socket = server.connect().await;
    let joined = rejoin(&mut socket, room, &empty).await;
    assert_eq!(
        (&joined["offset"], &joined["recovered"]),
        (&json!(3), &json!(true))
    );
    for number in 1..=3 {
        assert_eq!(heard(&mut socket).await, number.to_string());
    }
    drop(socket);
    server.say(room, "4").await;
    let mut socket = server.connect().await;
    let again = rejoin(&mut socket, room, &joined).await;
    assert_eq!(
        (&again["offset"], &again["recovered"]),
        (&json!(4), &json!(true))
    );
    assert_eq!(again["epoch"], joined["epoch"]);
    assert_eq!(heard(&mut socket).await, "4");
    // Nothing was missed
    let mut other = server.connect().await;
    let joined = rejoin(&mut other, room, &again).await;
    assert_eq!(joined["recovered"], true);
    // More than is kept
    for number in 0..101 {
        server.say(room, &format!("many {number}")).await;
    }
    let mut socket = server.connect().await;
    let joined = rejoin(&mut socket, room, &again).await;
    assert_eq!(
        (&joined["offset"], &joined["recovered"]),
        (&json!(105), &json!(false))
    );
    server.say(room, "now").await;
    assert_eq!(heard(&mut socket).await, "now", "and nothing of before");
    for since in [
        json!({ "epoch": "another", "offset": 3 }),
        json!({ "epoch": again["epoch"], "offset": 1000 }),
        json!({ "epoch": "@1", "offset": 0 }),
    ] {
        let mut socket = server.connect().await;
        let joined = rejoin(&mut socket, room, &since).await;
        assert_eq!(joined["recovered"], false, "{since}");
    }
    // What a page has read
    let body = json!({ "room": room }).to_string();
    let page = call(&server.app, "position", body).await.json()["result"].clone();
    server.say(room, "between").await;
    let mut socket = server.connect().await;
    assert_eq!(rejoin(&mut socket, room, &page).await["recovered"], true);
    assert_eq!(heard(&mut socket).await, "between");
}

/// Joining while others talk: each message comes once, in order, whenever one joins.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_repeated_while_one_joins() {
    let server = Server::start().await;
    hears_everything(&server, "a").await;
    server.served.stop().await;
}

async fn hears_everything(server: &Server, room: &str) {
    const MESSAGES: u64 = 400;
    let talk = async {
        for number in 1..=MESSAGES {
            server.say(room, &number.to_string()).await;
        }
    };
    let listen = async {
        let mut joined = 0;
        for _ in 0..40 {
            let mut socket = server.connect().await;
            let position = join(&mut socket, 1, room).await;
            let from = position["offset"].as_u64().unwrap();
            let heard = tokio::time::timeout(Duration::from_millis(50), async {
                for number in from + 1..=MESSAGES {
                    assert_eq!(heard(&mut socket).await, number.to_string());
                }
            });
            let _ = heard.await;
            joined += 1;
        }
        joined
    };
    let ((), joined) = tokio::join!(talk, listen);
    assert_eq!(joined, 40);
}

/// A reader that never reads is let go, and its memory with it; the others hear everything.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_slow_is_let_go() {
    let server = Server::start().await;
    let mut deaf = server.connect().await;
    join(&mut deaf, 1, "a").await;
    let mut other = server.connect().await;
    join(&mut other, 1, "a").await;
    let text = "x".repeat(100_000);
    for number in 0..200 {
        server.say("a", &format!("{number} {text}")).await;
        assert!(heard(&mut other).await.starts_with(&format!("{number} ")));
    }
    // What had been sent, and then the end
    let ended = tokio::time::timeout(Duration::from_secs(20), async {
        use futures::StreamExt;
        use tokio_tungstenite::tungstenite::Message;
        let mut heard = 0;
        loop {
            match deaf.0.next().await {
                Some(Ok(Message::Text(_))) => heard += 1,
                Some(Ok(Message::Close(close))) => {
                    return (heard, close.map(|close| close.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (heard, None),
            }
        }
    });
    let (heard, code): (usize, Option<u16>) = ended.await.unwrap();
    assert!(heard < 200, "{heard}");
    assert!(code.is_none_or(|code| code == 1013), "{code:?}");
    server.served.stop().await;
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread")]
async fn redis_carries_messages_between_nodes() {
    if let Some(url) = layers::redis() {
        is_carried_between_nodes(&url).await;
    }
}

#[cfg(feature = "nats")]
#[tokio::test(flavor = "multi_thread")]
async fn nats_carries_messages_between_nodes() {
    if let Some(url) = layers::nats() {
        is_carried_between_nodes(&url).await;
    }
}

/// What any layer has to do that has several nodes.
#[cfg(any(feature = "redis", feature = "nats"))]
async fn is_carried_between_nodes(url: &str) {
    let connect = async || Channels::builder().connect(url).await.unwrap();
    let (one, two) = (
        Server::with(connect().await).await,
        Server::with(connect().await).await,
    );
    let room = format!("nodes {}", std::process::id());
    resumes(&one, &room).await;
    hears_everything(&two, &format!("{room} busy")).await;
    let mut here = one.connect().await;
    let mut there = two.connect().await;
    let room = format!("{room} both");
    join(&mut here, 1, &room).await;
    join(&mut there, 1, &room).await;
    for number in 0..20 {
        let from = if number % 2 == 0 { &one } else { &two };
        from.say(&room, &number.to_string()).await;
        assert_eq!(heard(&mut here).await, number.to_string());
        assert_eq!(heard(&mut there).await, number.to_string());
    }
    drop(there);
    one.say(&room, "away").await;
    let mut there = two.connect().await;
    let since = join(&mut there, 1, &room).await;
    assert_eq!(since["offset"], 21);
    one.served.stop().await;
    two.served.stop().await;
}
