//! A server on a real port, and the other end of its sockets.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use axum::Router;
use futures::{SinkExt, StreamExt};
use mizan::server::Serve;
use serde_json::{Value, json};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// An application that listens on a free port of the loopback interface.
pub(crate) struct Served {
    pub(crate) addr: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start(app: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = Serve::new(app).drain_delay(Duration::ZERO);
        let ended = tokio::spawn(serve.run(listener, async {
            let _ = stopped.await;
        }));
        Self { addr, stop, ended }
    }

    /// Opens a socket as the one whose cookie it is.
    pub(crate) async fn connect(&self, cookie: &str) -> Socket {
        self.try_connect(cookie).await.unwrap()
    }

    pub(crate) async fn try_connect(
        &self,
        cookie: &str,
    ) -> Result<Socket, tokio_tungstenite::tungstenite::Error> {
        let url = format!("ws://{}/api/mizan/ws", self.addr);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("cookie", cookie.parse().unwrap());
        Ok(Socket(connect_async(request).await?.0))
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.await.unwrap();
    }
}

pub(crate) struct Socket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn send(&mut self, frame: Value) {
        self.text(&frame.to_string()).await;
    }

    pub(crate) async fn text(&mut self, frame: &str) {
        self.0.send(Message::text(frame)).await.unwrap();
    }

    pub(crate) async fn receive(&mut self) -> Value {
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// What comes next, and soon.
    pub(crate) async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(Duration::from_secs(5), self.receive());
        next.await.expect("a frame")
    }

    /// Joins a room of the channel `chat`, and returns what is answered.
    pub(crate) async fn join(&mut self, id: u64, room: &str, since: Option<Value>) -> Value {
        let mut join =
            json!({ "op": "join", "id": id, "channel": "chat", "params": { "room": room } });
        if let Some(since) = since {
            join["since"] = since;
        }
        self.send(join).await;
        self.next().await
    }

    pub(crate) async fn call(&mut self, id: u64, function: &str, args: Value) -> Value {
        self.send(json!({ "op": "call", "id": id, "fn": function, "args": args }))
            .await;
        self.receive().await
    }
}
