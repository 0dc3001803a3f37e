//! Live contexts: what one changes, all who may see it learn, and nobody else.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[cfg(any(feature = "redis", feature = "nats"))]
#[path = "support/layers.rs"]
mod layers;
#[cfg(any(feature = "redis", feature = "nats"))]
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/users.rs"]
mod users;

use axum::{Router, body::Body, http::Request};
use mizan::{Mizan, channel::Channels};
#[cfg(any(feature = "redis", feature = "nats"))]
use proxy::Proxy;
use serde_json::{Value, json};
use served::{Served, Socket};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::{call, get, options, send};
use tokio::time::timeout;
use users::{Account, Accounts, call_with, session_of};

#[mizan::context(live)]
struct BoardContext {
    id: i64,
}

/// How often members ran.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

#[mizan::client(context = BoardContext)]
async fn board_name(id: i64) -> mizan::Result<String> {
    mizan::state::<Runs>().0.fetch_add(1, Ordering::Relaxed);
    Ok(format!("board {id}"))
}

#[mizan::client(affects = BoardContext)]
async fn rename(id: i64, name: String) -> mizan::Result<()> {
    let _ = (id, name);
    Ok(())
}

#[mizan::client(merge = board_name)]
async fn shout(id: i64) -> mizan::Result<String> {
    Ok(format!("BOARD {id}"))
}

#[mizan::client(affects = BoardContext(..))]
async fn rename_all() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(affects = BoardContext)]
async fn fail(id: i64) -> mizan::Result<()> {
    Err(mizan::Error::conflict(format!("not {id}")))
}

#[mizan::context(live)]
struct OfficeContext;

#[mizan::client(context = OfficeContext, auth = "staff")]
async fn office() -> mizan::Result<String> {
    Ok("the office".to_owned())
}

#[mizan::client(affects = OfficeContext)]
async fn tidy() -> mizan::Result<()> {
    Ok(())
}

/// What each has for themselves.
#[mizan::context(live)]
struct CartContext;

#[mizan::client(context = CartContext)]
async fn cart() -> mizan::Result<Option<String>> {
    let account = mizan::current_user::<Account>().await?;
    Ok(account.map(|account| account.name))
}

#[mizan::client(affects = own(CartContext))]
async fn buy() -> mizan::Result<()> {
    Ok(())
}

/// One that may not be read often.
#[mizan::context(live)]
struct ArchiveContext {
    id: i64,
}

#[mizan::client(context = ArchiveContext, rate = "2/day")]
async fn archive(id: i64) -> mizan::Result<i64> {
    Ok(id)
}

/// One that is not live.
#[mizan::context]
struct DeskContext;

#[mizan::client(context = DeskContext)]
async fn desk() -> mizan::Result<u8> {
    Ok(1)
}

#[mizan::client(affects = DeskContext)]
async fn clear() -> mizan::Result<()> {
    Ok(())
}

struct Server {
    app: Router,
    served: Served,
    accounts: Accounts,
    runs: Runs,
}

impl Server {
    async fn start() -> Self {
        Self::with(Channels::memory()).await
    }

    async fn with(channels: Channels) -> Self {
        let (accounts, runs) = (Accounts::new(), Runs::default());
        let app = Mizan::new(options())
            .users(accounts.clone())
            .provide(runs.clone())
            .channels(channels)
            .api()
            .unwrap();
        let served = Served::start(app.clone()).await;
        let server = Self {
            app,
            served,
            accounts,
            runs,
        };
        // The layer is followed as soon as it can be
        for context in ["board?id=1", "office"] {
            let known = timeout(Duration::from_secs(10), async {
                while server.read(context).await["version"].is_null() {}
            });
            known.await.unwrap();
        }
        server
    }

    async fn read(&self, context: &str) -> Value {
        get(&self.app, &format!("/api/mizan/ctx/{context}"))
            .await
            .json()
    }

    async fn call(&self, function: &str, body: Value) -> Value {
        call(&self.app, function, body.to_string()).await.json()
    }

    fn runs(&self) -> usize {
        self.runs.0.load(Ordering::Relaxed)
    }
}

async fn mount(socket: &mut Socket, keys: &[&str], versions: &[&Value]) -> Value {
    socket
        .send(json!({ "op": "mount", "contexts": keys, "versions": versions }))
        .await;
    let mut told = Vec::new();
    loop {
        let frame = socket.receive().await;
        match frame["op"].as_str() {
            Some("mounted") => {
                let mut keys: Vec<_> = frame["contexts"].as_array().unwrap().clone();
                keys.sort_by_key(ToString::to_string);
                return json!({ "shown": keys, "stale": told });
            }
            Some("invalidate") => told.push(frame["contexts"][0].clone()),
            _ => panic!("{frame}"),
        }
    }
}

/// The key of what goes stale next, and its version.
async fn stale(socket: &mut Socket) -> (String, Value) {
    let frame = timeout(Duration::from_secs(10), socket.receive())
        .await
        .unwrap();
    assert_eq!(frame["op"], "invalidate", "{frame}");
    let key = frame["contexts"][0].as_str().unwrap().to_owned();
    (
        key,
        json!({ "epoch": frame["epoch"], "offset": frame["offset"] }),
    )
}

async fn silence(socket: &mut Socket) {
    let heard = timeout(Duration::from_millis(200), socket.receive()).await;
    assert!(heard.is_err(), "{heard:?}");
}

#[tokio::test]
async fn what_one_changes_others_learn() {
    let server = Server::start().await;
    learns(&server, &server).await;
    server.served.stop().await;
}

async fn learns(here: &Server, there: &Server) {
    let version = there.read("board?id=5").await["version"].clone();
    let mut one = there.served.connect("").await;
    let mut two = there.served.connect("").await;
    let twice = ["board;id=5", "board;id=5"];
    let shown = mount(&mut one, &twice, &[&version, &version]).await;
    assert_eq!(shown, json!({ "shown": ["board;id=5"], "stale": [] }));
    mount(&mut two, &["board;id=6"], &[&version]).await;

    here.call("rename", json!({ "id": 5, "name": "x" })).await;
    let (key, first) = stale(&mut one).await;
    assert_eq!(key, "board;id=5");
    silence(&mut two).await;
    // What a read says afterwards is at least of that version
    let version = there.read("board?id=5").await["version"].clone();
    assert_eq!(version, first);
    here.call("shout", json!({ "id": 5 })).await;
    let (key, second) = stale(&mut one).await;
    assert_eq!(key, "board;id=5");
    assert_eq!(
        second["offset"].as_u64(),
        first["offset"].as_u64().map(|offset| offset + 1)
    );
    here.call("rename_all", json!({})).await;
    for (socket, expected) in [(&mut one, "board;id=5"), (&mut two, "board;id=6")] {
        assert_eq!(stale(socket).await.0, expected);
    }
    here.call("fail", json!({ "id": 5 })).await;
    here.call("clear", json!({})).await;
    silence(&mut one).await;
    // Another page is shown
    mount(&mut one, &[], &[]).await;
    here.call("rename_all", json!({})).await;
    stale(&mut two).await;
    silence(&mut one).await;
}

#[tokio::test]
async fn what_goes_stale_between_a_page_and_its_socket_is_told() {
    let server = Server::start().await;
    let read = server.read("board?id=5").await;
    assert_eq!(read["data"]["board_name"], "board 5");
    let version = read["version"].clone();
    server.call("rename", json!({ "id": 6, "name": "x" })).await;
    let mut socket = server.served.connect("").await;
    let shown = mount(
        &mut socket,
        &["board;id=5", "board;id=6"],
        &[&version, &version],
    )
    .await;
    assert_eq!(shown["stale"], json!(["board;id=6"]));
    // And while the connection is gone, for so long that nobody knows any more
    drop(socket);
    for _ in 0..101 {
        server.call("rename", json!({ "id": 7, "name": "x" })).await;
    }
    let mut socket = server.served.connect("").await;
    let shown = mount(&mut socket, &["board;id=5"], &[&version]).await;
    assert_eq!(shown["stale"], json!(["board;id=5"]));
    for unknown in [json!(null), json!({ "epoch": "other", "offset": 1 })] {
        mount(&mut socket, &[], &[]).await;
        let shown = mount(&mut socket, &["board;id=5"], &[&unknown]).await;
        assert_eq!(shown["stale"], json!(["board;id=5"]), "{unknown}");
    }
    server.served.stop().await;
}

#[tokio::test]
async fn the_answer_brings_the_version_that_others_are_told() {
    let server = Server::start().await;
    let mut socket = server.served.connect("").await;
    let version = server.read("board?id=5").await["version"].clone();
    mount(&mut socket, &["board;id=5"], &[&version]).await;
    let mounted = [("mizan-mounted", "board;id=5")];
    let body = json!({ "id": 5, "name": "x" }).to_string();
    let answer = call_with(&server.app, "rename", &body, &mounted)
        .await
        .json();
    let refreshed = &answer["refreshed"][0];
    assert_eq!(refreshed["data"]["board_name"], "board 5", "{answer}");
    assert_eq!(stale(&mut socket).await.1, refreshed["version"]);
    let answer = server.call("shout", json!({ "id": 5 })).await;
    assert_eq!(stale(&mut socket).await.1, answer["merge"][0]["version"]);
    // Over the socket too
    socket
        .send(json!({ "op": "call", "id": 3, "fn": "rename", "args": { "id": 5, "name": "x" }, "mounted": "board;id=5" }))
        .await;
    let mut frames = [socket.receive().await, socket.receive().await];
    frames.sort_by_key(|frame| frame["op"].to_string());
    let [told, answer] = frames;
    assert_eq!(
        told["offset"], answer["refreshed"][0]["version"]["offset"],
        "{answer}"
    );
    // A context that is not live has no versions
    assert_eq!(server.read("desk").await, json!({ "data": { "desk": 1 } }));
    server.served.stop().await;
}

#[tokio::test]
async fn who_may_not_read_it_learns_nothing() {
    let server = Server::start().await;
    let staff = session_of(&server.app, "staff").await;
    let user = session_of(&server.app, "user").await;
    let nothing = json!(null);
    for session in ["", &user] {
        let mut socket = server.served.connect(session).await;
        let shown = mount(
            &mut socket,
            &["office", "board;id=5"],
            &[&nothing, &nothing],
        )
        .await;
        assert_eq!(shown["shown"], json!(["board;id=5"]), "{session}");
    }
    let mut socket = server.served.connect(&staff).await;
    mount(&mut socket, &["office"], &[&nothing]).await;
    let mut stranger = server.served.connect("").await;
    mount(&mut stranger, &["office"], &[&nothing]).await;
    server.call("tidy", json!({})).await;
    stale(&mut socket).await;
    silence(&mut stranger).await;
    // They may no longer
    server
        .accounts
        .change(2, |account| account.is_staff = false);
    let frame = timeout(Duration::from_secs(5), socket.receive())
        .await
        .unwrap();
    assert_eq!(frame, json!({ "op": "mounted", "contexts": [] }));
    server.call("tidy", json!({})).await;
    silence(&mut socket).await;
    server.served.stop().await;
}

#[tokio::test]
async fn what_is_ones_own_is_on_ones_own_screens() {
    let server = Server::start().await;
    let [user, other, staff] = [
        session_of(&server.app, "user").await,
        session_of(&server.app, "user").await,
        session_of(&server.app, "staff").await,
    ];
    let version = server.read("cart").await["version"].clone();
    let mut sockets = Vec::new();
    for session in [&user, &other, &staff, ""] {
        let mut socket = server.served.connect(session).await;
        mount(&mut socket, &["cart"], &[&version]).await;
        sockets.push(socket);
    }
    call_with(&server.app, "buy", "{}", &[("cookie", &user)]).await;
    for (index, socket) in sockets.iter_mut().enumerate() {
        if index < 2 {
            assert_eq!(stale(socket).await.0, "cart");
        } else {
            silence(socket).await;
        }
    }
    // Of somebody who is nobody, nobody hears
    server.call("buy", json!({})).await;
    for socket in &mut sockets {
        silence(socket).await;
    }
    // Nor those who come later
    let mut late = server.served.connect(&staff).await;
    let shown = mount(&mut late, &["cart"], &[&version]).await;
    assert_eq!(shown["stale"], json!([]));
    let mut late = server.served.connect(&other).await;
    let shown = mount(&mut late, &["cart"], &[&version]).await;
    assert_eq!(shown["stale"], json!(["cart"]));
    server.served.stop().await;
}

#[tokio::test]
async fn what_is_no_mount_is_answered() {
    let server = Server::start().await;
    let mut socket = server.served.connect("").await;
    socket.send(json!({ "op": "mount" })).await;
    assert_eq!(socket.receive().await["error"]["code"], "BAD_REQUEST");
    socket.send(json!({ "op": "mount", "contexts": [5] })).await;
    assert_eq!(socket.receive().await["error"]["code"], "BAD_REQUEST");
    let many: Vec<_> = (0..257).map(|id| format!("board;id={id}")).collect();
    socket
        .send(json!({ "op": "mount", "contexts": many }))
        .await;
    assert_eq!(socket.receive().await["error"]["code"], "TOO_MANY_REQUESTS");
    let strange = [
        "",
        "nothing",
        "board",
        "board;id=x",
        "board;id=5;x=1",
        "desk",
        "(",
        "board;id=5, board;id=6",
    ];
    let none = json!(null);
    let shown = mount(&mut socket, &strange, &[&none; 8]).await;
    assert_eq!(shown, json!({ "shown": [], "stale": [] }));
    server.served.stop().await;
}

/// Many changes in a moment are told once.
#[tokio::test(flavor = "multi_thread")]
async fn bursts_are_told_once() {
    let server = Server::start().await;
    let mut socket = server.served.connect("").await;
    let version = server.read("board?id=5").await["version"].clone();
    mount(&mut socket, &["board;id=5"], &[&version]).await;
    let mut last = Value::Null;
    for _ in 0..100 {
        last = server.call("shout", json!({ "id": 5 })).await["merge"][0]["version"].clone();
    }
    let mut told = 0;
    loop {
        told += 1;
        let (_, version) = stale(&mut socket).await;
        if version == last {
            break;
        }
    }
    assert!(told < 50, "{told}");
    silence(&mut socket).await;
    server.served.stop().await;
}

/// The members run once for all who look, and who looks is told over how long to spread requests.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_not_a_herd() {
    const CROWD: usize = 300;
    let server = Server::start().await;
    let version = server.read("board?id=5").await["version"].clone();
    let before = server.runs();
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut socket = server.served.connect("").await;
        let shown = mount(&mut socket, &["board;id=5"], &[&version]).await;
        assert_eq!(shown["stale"], json!([]));
        crowd.push(socket);
    }
    assert_eq!(server.runs(), before, "it was read a moment ago");
    server.call("rename", json!({ "id": 5, "name": "x" })).await;
    for socket in &mut crowd {
        let frame = socket.receive().await;
        assert_eq!(frame["spread"], 2 * (CROWD - 10), "{frame}");
    }
    server.served.stop().await;
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread")]
async fn redis_tells_other_nodes_what_went_stale() {
    if let Some(url) = layers::redis() {
        nodes_learn(&url).await;
    }
}

#[cfg(feature = "nats")]
#[tokio::test(flavor = "multi_thread")]
async fn nats_tells_other_nodes_what_went_stale() {
    if let Some(url) = layers::nats() {
        nodes_learn(&url).await;
    }
}

/// Two nodes, one of which is cut off, and comes back.
#[cfg(any(feature = "redis", feature = "nats"))]
async fn nodes_learn(url: &str) {
    let node = async |url: &str| Server::with(Channels::connect(url).await.unwrap()).await;
    let wire = Proxy::to(url).await;
    let (one, two) = (node(url).await, node(&wire.url).await);
    learns(&one, &two).await;
    let version = two.read("board?id=5").await["version"].clone();
    let (mut here, mut there) = (one.served.connect("").await, two.served.connect("").await);
    for socket in [&mut here, &mut there] {
        mount(socket, &["board;id=5"], &[&version]).await;
    }
    wire.cut();
    // What is made stale on either side is told on both, when that is possible
    one.call("rename", json!({ "id": 5, "name": "x" })).await;
    stale(&mut here).await;
    let renamed = two.call("rename", json!({ "id": 5, "name": "x" })).await;
    assert_eq!(renamed["result"], json!(null), "{renamed}");
    silence(&mut here).await;
    wire.heal();
    let told = timeout(Duration::from_secs(20), stale(&mut there)).await;
    assert_eq!(told.unwrap().0, "board;id=5");
    let told = timeout(Duration::from_secs(20), stale(&mut here)).await;
    assert_eq!(told.unwrap().0, "board;id=5");
    for server in [one, two] {
        server.served.stop().await;
    }
}

/// To look who may read an instance is the server's own doing, and no way around the rate either.
#[tokio::test]
async fn what_a_page_shows_takes_nothing_from_its_rate() {
    let server = Server::start().await;
    let cookie = session_of(&server.app, "user").await;
    let mut socket = server.served.connect(&cookie).await;
    let keys = ["archive;id=1", "archive;id=2", "archive;id=3"];
    let shown = mount(&mut socket, &keys, &[]).await;
    assert_eq!(shown["shown"].as_array().unwrap().len(), 2, "{shown}");
    for expected in [Value::Null, Value::Null, json!("TOO_MANY_REQUESTS")] {
        let request = Request::get("/api/mizan/ctx/archive?id=1").header("cookie", &cookie);
        let read = send(&server.app, request.body(Body::empty()).unwrap()).await;
        let read = read.json();
        assert_eq!(read["errors"]["archive"]["code"], expected, "{read}");
    }
    server.served.stop().await;
}
