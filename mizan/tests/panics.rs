//! What panics around a socket: it ends in an error, and the socket goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/users.rs"]
mod users;

use mizan::{
    Mizan,
    channel::ChannelContext,
    context::{ContextParam, Value as Written},
};
use serde_json::{Value, json};
use served::{Served, Socket};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};
use support::options;
use users::{Accounts, call_with, session_of};

/// A parameter that some values break: 13 can't be read, and 14 can't be copied.
#[derive(Debug, PartialEq)]
struct Fragile(i64);

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert_ne!(self.0, 14, "a secret panic text");
        Self(self.0)
    }
}

impl ContextParam for Fragile {
    const EXPECTED: &'static str = i64::EXPECTED;

    fn to_value(&self) -> Written {
        self.0.to_value()
    }

    fn from_value(value: Written) -> Option<Self> {
        let number = i64::from_value(value)?;
        assert_ne!(number, 13, "a secret panic text");
        Some(Self(number))
    }
}

impl serde::Serialize for Fragile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Fragile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self)
    }
}

#[mizan::context(live)]
struct GlassContext {
    id: Fragile,
}

#[mizan::client(context = GlassContext)]
async fn glass(id: Fragile) -> mizan::Result<i64> {
    Ok(id.0)
}

#[mizan::client(affects = GlassContext(..))]
async fn polish() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(affects = own(GlassContext(..)))]
async fn buy() -> mizan::Result<u8> {
    Ok(1)
}

/// Who has left.
#[derive(Clone, Default)]
struct Left(Arc<Mutex<Vec<i64>>>);

#[mizan::channel]
struct GlassChannel {
    id: Fragile,
}

#[mizan::channel_handler]
impl Channel for GlassChannel {
    type ClientMessage = u8;
    type ServerMessage = u8;

    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }

    async fn receive(&self, _: &ChannelContext, message: u8) -> mizan::Result<Option<u8>> {
        Ok(Some(message))
    }

    async fn on_disconnect(&self, _: &ChannelContext) {
        mizan::state::<Left>().0.lock().unwrap().push(self.id.0);
    }
}

struct Server {
    app: axum::Router,
    served: Served,
    accounts: Accounts,
    left: Left,
}

impl Server {
    async fn start() -> Self {
        let (accounts, left) = (Accounts::new(), Left::default());
        let mizan = Mizan::new(options()).users(accounts.clone());
        let app = mizan.provide(left.clone()).api().unwrap();
        Self {
            served: Served::start(app.clone()).await,
            app,
            accounts,
            left,
        }
    }
}

async fn join(socket: &mut Socket, number: u64, id: i64) -> Value {
    socket
        .send(json!({ "op": "join", "id": number, "channel": "glass", "params": { "id": id } }))
        .await;
    socket.next().await
}

fn broken() -> Value {
    json!({ "code": "INTERNAL_ERROR", "message": "something went wrong on the server" })
}

#[tokio::test]
async fn a_parameter_that_panics_ends_in_an_error() {
    let server = Server::start().await;
    let mut socket = server.served.connect("").await;
    assert_eq!(join(&mut socket, 1, 5).await["op"], "joined");
    let refused = join(&mut socket, 2, 13).await;
    assert_eq!(
        refused,
        json!({ "op": "error", "id": 2, "error": broken() })
    );
    assert_eq!(join(&mut socket, 2, 6).await["op"], "joined");
    // Nor does it take the place of others
    socket
        .send(json!({ "op": "mount", "contexts": ["glass;id=13", "glass;id=1"] }))
        .await;
    let mut frame = socket.next().await;
    while frame["op"] == "invalidate" {
        frame = socket.next().await;
    }
    assert_eq!(
        frame,
        json!({ "op": "mounted", "contexts": ["glass;id=1"] })
    );
    // What the page shows is told with each call, over HTTP as well
    let mounted = [("mizan-mounted", "glass;id=13, glass;id=1")];
    let answer = call_with(&server.app, "polish", "{}", &mounted).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["refreshed"][0]["params"], json!({ "id": 1 }));
    // All is left with the socket
    drop(socket);
    let left = async {
        while server.left.0.lock().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), left)
        .await
        .unwrap();
    server.served.stop().await;
}

#[tokio::test]
async fn a_member_that_panics_takes_no_call_with_it() {
    let server = Server::start().await;
    let mut socket = server.served.connect("").await;
    socket
        .send(json!({ "op": "call", "id": 7, "fn": "polish", "mounted": "glass;id=14" }))
        .await;
    // It was done; what could not be read again is only stale
    let stale = json!([{ "context": "glass" }]);
    assert_eq!(
        socket.next().await,
        json!({ "op": "result", "id": 7, "result": null, "invalidate": stale })
    );
    let mounted = [("mizan-mounted", "glass;id=14")];
    let answer = call_with(&server.app, "polish", "{}", &mounted).await;
    assert_eq!(
        answer.json(),
        json!({ "result": null, "invalidate": stale })
    );
    let answer = socket.call(8, "polish", json!({})).await;
    assert_eq!(answer["result"], Value::Null);
    assert_eq!(answer["error"], Value::Null);
    server.served.stop().await;
}

/// Who somebody is matters for what is theirs alone; what was done is done without that.
#[tokio::test]
async fn a_backend_that_panics_does_not_undo_a_call() {
    let server = Server::start().await;
    let cookie = session_of(&server.app, "user").await;
    let mut socket = server.served.connect(&cookie).await;
    let poisoned = AssertUnwindSafe(|| server.accounts.change(1, |_| panic!("poisoned")));
    assert!(catch_unwind(poisoned).is_err());
    assert_eq!(socket.call(1, "buy", json!({})).await["result"], 1);
    let answer = call_with(&server.app, "buy", "{}", &[("cookie", &cookie)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(socket.call(2, "buy", json!({})).await["result"], 1);
    server.served.stop().await;
}
