//! What channels are compared with: sockets of axum's, as its documentation would have them.
//!
//! They read into buffers as large as Mizan's, and send the same bytes.

use axum::{
    Json, Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    response::Response,
    routing::{any, post},
};
use serde::Deserialize;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::broadcast;

/// What is read at a time.
const BUFFER: usize = 4 * 1024;

/// How many messages may wait for a socket.
const WAITING: usize = 1024;

#[derive(Clone)]
struct News {
    sender: broadcast::Sender<Utf8Bytes>,
    offset: Arc<AtomicU64>,
}

/// `/echo` says what it hears; `/news` does so too, and says what is announced to `/announce`.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/echo", any(echo))
        .route("/news", any(news))
        .route("/announce", post(announce))
        .with_state(News {
            sender: broadcast::Sender::new(WAITING),
            offset: Arc::default(),
        })
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    let upgrade = upgrade.read_buffer_size(BUFFER);
    upgrade.on_upgrade(async |mut socket: WebSocket| {
        while let Some(Ok(frame)) = socket.recv().await {
            if matches!(frame, Message::Text(_)) && socket.send(frame).await.is_err() {
                return;
            }
        }
    })
}

async fn news(upgrade: WebSocketUpgrade, State(news): State<News>) -> Response {
    let mut announced = news.sender.subscribe();
    let upgrade = upgrade.read_buffer_size(BUFFER);
    upgrade.on_upgrade(async move |mut socket: WebSocket| {
        loop {
            let frame = tokio::select! {
                frame = socket.recv() => match frame {
                    Some(Ok(Message::Text(text))) => text,
                    Some(Ok(_)) => continue,
                    Some(Err(_)) | None => return,
                },
                Ok(text) = announced.recv() => text,
                else => return,
            };
            if socket.send(Message::Text(frame)).await.is_err() {
                return;
            }
        }
    })
}

#[derive(Deserialize)]
struct Announce {
    text: String,
    times: usize,
}

async fn announce(State(news): State<News>, Json(Announce { text, times }): Json<Announce>) {
    for _ in 0..times {
        let offset = news.offset.fetch_add(1, Ordering::Relaxed) + 1;
        // As a message of a channel is written
        let frame = format!(r#"{{"op":"message","id":1,"offset":{offset},"message":"{text}"}}"#);
        // Nobody may listen
        let _ = news.sender.send(frame.into());
    }
}
