//! What somebody gets who comes back, in what a layer and a slow connection make of it.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[cfg(any(feature = "redis", feature = "nats"))]
#[path = "support/layers.rs"]
mod layers;
#[cfg(feature = "redis")]
#[path = "support/own_redis.rs"]
mod own_redis;
#[path = "support/served.rs"]
mod served;
mod support;

use axum::Router;
use mizan::{
    Mizan,
    channel::{ChannelContext, Channels},
};
use serde_json::{Value, json};
use served::{Served, Socket};
use std::time::Duration;
use support::{call, options};
use tokio::time::sleep;

#[mizan::channel]
struct ChatChannel {
    room: String,
}

#[mizan::channel_handler]
impl Channel for ChatChannel {
    type ServerMessage = String;

    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }
}

#[mizan::client]
async fn say(room: String, text: String) -> mizan::Result<u64> {
    Ok(ChatChannel { room }.push(text).await?.offset)
}

#[mizan::client]
async fn say_much(room: String, bytes: usize) -> mizan::Result<u64> {
    Ok(ChatChannel { room }.push("x".repeat(bytes)).await?.offset)
}

#[mizan::client]
async fn say_often(room: String, times: usize, bytes: usize) -> mizan::Result<()> {
    let channel = ChatChannel { room };
    for _ in 0..times {
        channel.push("x".repeat(bytes)).await?;
    }
    Ok(())
}

struct Server {
    app: Router,
    served: Served,
}

async fn server(channels: Channels) -> Server {
    let app = Mizan::new(options()).channels(channels).api().unwrap();
    let served = Served::start(app.clone()).await;
    Server { app, served }
}

impl Server {
    async fn say(&self, room: &str, text: &str) {
        let body = json!({ "room": room, "text": text }).to_string();
        assert_eq!(call(&self.app, "say", body).await.status, 200);
    }

    async fn say_much(&self, room: &str, bytes: usize) {
        let body = json!({ "room": room, "bytes": bytes }).to_string();
        assert_eq!(call(&self.app, "say_much", body).await.status, 200);
    }
}

/// Joins an empty group, hears a message, loses the connection, comes back: what a browser does.
#[tokio::test]
async fn who_joined_an_empty_group_resumes() {
    let server = server(Channels::memory()).await;
    let mut socket = server.served.connect("").await;
    socket.join(1, "a", None).await;
    server.say("a", "one").await;
    let message = socket.next().await;
    assert_eq!(message["offset"], 1);
    drop(socket);
    server.say("a", "two").await;
    let mut socket = server.served.connect("").await;
    // The message began a history
    let since = json!({ "epoch": message["epoch"], "offset": message["offset"] });
    let again = socket.join(1, "a", Some(since)).await;
    assert_eq!(again["recovered"], true, "{again}");
}

/// Nobody says anything for longer than the history reaches: five minutes by default.
async fn quiet(url: &str) {
    let channels = Channels::builder().history(100, Duration::from_secs(1));
    let server = server(channels.connect(url).await.unwrap()).await;
    let room = uuid::Uuid::new_v4().to_string();
    let mut socket = server.served.connect("").await;
    socket.join(1, &room, None).await;
    server.say(&room, "one").await;
    assert_eq!(socket.next().await["message"], "one");
    for text in ["two", "three"] {
        sleep(Duration::from_millis(2500)).await;
        server.say(&room, text).await;
        let frame = socket.next().await;
        assert_eq!(frame["message"], text, "{frame}");
    }
    server.served.stop().await;
}

#[tokio::test]
async fn memory_goes_on_after_a_silence() {
    quiet("memory:").await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_goes_on_after_a_silence() {
    if let Some(url) = layers::redis() {
        quiet(&url).await;
    }
}

#[cfg(feature = "nats")]
#[tokio::test]
async fn nats_goes_on_after_a_silence() {
    if let Some(url) = layers::nats() {
        quiet(&format!("{}/test-silence", url.trim_end_matches('/'))).await;
    }
}

/// What the history holds, who comes back gets.
#[tokio::test]
async fn a_long_history_can_be_resumed() {
    let server = server(Channels::memory()).await;
    let mut socket = server.served.connect("").await;
    let joined = socket.join(1, "a", None).await;
    drop(socket);
    for _ in 0..90 {
        server.say_much("a", 13_000).await;
    }
    let since = json!({ "epoch": joined["epoch"], "offset": joined["offset"] });
    let mut socket = server.served.connect("").await;
    let again = socket.join(1, "a", Some(since)).await;
    assert_eq!(again["recovered"], true);
    for offset in 1..=90 {
        assert_eq!(socket.next().await["offset"], offset);
    }
}

#[tokio::test]
async fn one_large_message_ends_nobody() {
    let server = server(Channels::memory()).await;
    let mut socket = server.served.connect("").await;
    socket.join(1, "a", None).await;
    server.say_much("a", 1_100_000).await;
    assert_eq!(socket.next().await["offset"], 1);
}

/// What had been taken off the line when the server stops is sent all the same: at least, what
/// comes after it is not sent without it.
#[tokio::test]
async fn a_server_that_stops_leaves_nothing_out() {
    use futures::StreamExt;
    use tokio::net::TcpSocket;
    use tokio_tungstenite::{MaybeTlsStream, client_async, tungstenite::Message};
    let offset = |frame: &Value| frame["offset"].as_u64().unwrap();
    for bursts in [3, 4, 5] {
        {
            let server = server(Channels::memory()).await;
            let tcp = TcpSocket::new_v4().unwrap();
            tcp.set_recv_buffer_size(8192).unwrap();
            let tcp = tcp.connect(server.served.addr).await.unwrap();
            let url = format!("ws://{}/api/mizan/ws", server.served.addr);
            let (slow, _) = client_async(url, MaybeTlsStream::Plain(tcp)).await.unwrap();
            let mut slow = Socket(slow);
            slow.join(1, "a", None).await;
            for _ in 0..bursts {
                let body = json!({ "room": "a", "times": 9, "bytes": 100_000 }).to_string();
                assert_eq!(call(&server.app, "say_often", body).await.status, 200);
                sleep(Duration::from_millis(50)).await;
            }
            let messages = bursts * 9;
            let mut offsets = Vec::new();
            sleep(Duration::from_millis(100)).await;
            for _ in 0..2 {
                server.say_much("a", 100_000).await;
            }
            let stop = tokio::spawn(server.served.stop());
            sleep(Duration::from_millis(300)).await;
            let mut code = None;
            while let Some(Ok(frame)) = slow.0.next().await {
                match frame {
                    Message::Text(text) => {
                        offsets.push(offset(&serde_json::from_str(&text).unwrap()));
                    }
                    Message::Close(close) => code = close.map(|close| u16::from(close.code)),
                    _ => {}
                }
            }
            let whole = offsets.windows(2).all(|two| two[1] == two[0] + 1);
            assert!(whole, "{messages} sent, {code:?}: {offsets:?}");
            stop.await.unwrap();
        }
    }
}

/// A Redis that crashes, and comes back with what it had saved before.
#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_has_forgotten_says_so() {
    if layers::redis().is_none() {
        return;
    }
    let mut redis = own_redis::OwnRedis::new();
    redis.start();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let server = server(Channels::connect(&url).await.unwrap()).await;
    for text in ["1", "2", "3"] {
        server.say("a", text).await;
    }
    redis.save();
    let mut socket = server.served.connect("").await;
    let joined = socket.join(1, "a", None).await;
    for text in ["4", "5"] {
        server.say("a", text).await;
        assert_eq!(socket.next().await["message"], text);
    }
    drop(socket);
    redis.stop();
    redis.start();
    for text in ["another 4", "another 5"] {
        let body = json!({ "room": "a", "text": text }).to_string();
        let said = tokio::time::timeout(Duration::from_secs(30), async {
            while call(&server.app, "say", body.clone()).await.status != 200 {}
        });
        said.await.unwrap();
    }
    // The browser comes back, with the position that it had
    let mut socket = server.served.connect("").await;
    let since = json!({ "epoch": joined["epoch"], "offset": 5 });
    let again = socket.join(1, "a", Some(since)).await;
    assert_eq!(
        again["recovered"], false,
        "two messages were not seen: {again}"
    );
    server.served.stop().await;
}
