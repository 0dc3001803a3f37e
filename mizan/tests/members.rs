//! Who is in a channel, who may stay there, and how many sockets and frames there may be.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/users.rs"]
mod users;

use axum::Router;
use futures::StreamExt;
use mizan::{
    Mizan,
    auth::Sessions,
    channel::{ChannelContext, Channels},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use served::{Served, Socket};
use std::time::{Duration, Instant};
use support::{call, options};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{self, Message};
use users::{Account, Accounts, call_with, session_of};

/// After which time nobody hears anything who may not.
const SOON: Duration = Duration::from_secs(5);

#[mizan::channel]
struct DeskChannel {
    name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Person {
    name: String,
    is_typing: bool,
}

#[mizan::channel_handler]
impl Channel for DeskChannel {
    type ClientMessage = bool;
    type ServerMessage = String;
    type Presence = Person;

    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        let account = mizan::current_user::<Account>().await?;
        Ok(match self.name.as_str() {
            "staff" => account.is_some_and(|account| account.is_staff),
            "users" => account.is_some(),
            _ => true,
        })
    }

    async fn on_connect(&self, cx: &ChannelContext) -> mizan::Result<()> {
        self.is_here(cx, false).await
    }

    async fn receive(&self, cx: &ChannelContext, is_typing: bool) -> mizan::Result<Option<String>> {
        self.is_here(cx, is_typing).await?;
        Ok(None)
    }
}

mizan::server! {
    impl DeskChannel {
        async fn is_here(&self, cx: &ChannelContext, is_typing: bool) -> mizan::Result<()> {
            if let Some(account) = mizan::current_user::<Account>().await? {
                let name = account.name;
                cx.set_presence(self, &Person { name, is_typing })?;
            }
            Ok(())
        }
    }
}

#[mizan::client]
async fn tell(name: String, text: String) -> mizan::Result<()> {
    DeskChannel { name }.push(text).await?;
    Ok(())
}

#[mizan::client]
async fn wait() -> mizan::Result<()> {
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(())
}

struct Server {
    app: Router,
    served: Served,
    accounts: Accounts,
}

impl Server {
    async fn start() -> Self {
        Self::with(|mizan| mizan).await
    }

    async fn with(change: impl FnOnce(Mizan) -> Mizan) -> Self {
        let accounts = Accounts::new();
        let mizan = Mizan::new(options()).users(accounts.clone());
        let app = change(mizan).api().unwrap();
        Self {
            served: Served::start(app.clone()).await,
            app,
            accounts,
        }
    }

    async fn tell(&self, name: &str, text: &str) {
        let body = json!({ "name": name, "text": text }).to_string();
        assert_eq!(call(&self.app, "tell", body).await.status, 200);
    }
}

async fn join(socket: &mut Socket, id: u64, name: &str) {
    socket
        .send(json!({ "op": "join", "id": id, "channel": "desk", "params": { "name": name }, "presence": true }))
        .await;
    // Who is elsewhere may be told meanwhile
    loop {
        let frame = socket.receive().await;
        match frame["op"].as_str() {
            Some("joined") if frame["id"] == id => return,
            Some("presence") => {}
            _ => panic!("{frame}"),
        }
    }
}

/// Follows who is there until that is as expected.
struct Room(Vec<(String, Value)>);

impl Room {
    fn new() -> Self {
        Self(Vec::new())
    }

    async fn becomes(&mut self, socket: &mut Socket, expected: &[(&str, bool)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, is_typing)| json!({ "name": name, "is_typing": is_typing }))
            .collect();
        let reached = timeout(Duration::from_secs(15), async {
            loop {
                let there: Vec<_> = self.0.iter().map(|(_, meta)| meta.clone()).collect();
                if there == expected {
                    return;
                }
                self.take(&socket.receive().await);
            }
        });
        assert!(reached.await.is_ok(), "{:?} is not {expected:?}", self.0);
    }

    fn take(&mut self, frame: &Value) {
        assert_eq!(frame["op"], "presence", "{frame}");
        for key in frame["left"].as_array().unwrap() {
            self.0.retain(|(known, _)| key != known.as_str());
        }
        for joined in frame["joined"].as_array().unwrap() {
            let key = joined["key"].as_str().unwrap();
            match self.0.iter_mut().find(|(known, _)| known == key) {
                Some((_, meta)) => *meta = joined["meta"].clone(),
                None => self.0.push((key.to_owned(), joined["meta"].clone())),
            }
        }
        // Keys are in the order in which their members came
        self.0.sort_by(|a, b| a.0.cmp(&b.0));
    }
}

#[tokio::test]
async fn who_is_there_is_seen_by_all() {
    let server = Server::start().await;
    sees(&server, &server, "a").await;
    server.served.stop().await;
}

/// Two people, one of them on another node.
async fn sees(here: &Server, there: &Server, name: &str) {
    let (user, staff) = (
        session_of(&here.app, "user").await,
        session_of(&there.app, "staff").await,
    );
    let mut ada = here.served.connect(&user).await;
    join(&mut ada, 1, name).await;
    let mut seen_by_ada = Room::new();
    seen_by_ada.becomes(&mut ada, &[("user", false)]).await;
    let mut bob = there.served.connect(&staff).await;
    join(&mut bob, 7, name).await;
    let mut seen_by_bob = Room::new();
    let both = [("user", false), ("staff", false)];
    seen_by_bob.becomes(&mut bob, &both).await;
    seen_by_ada.becomes(&mut ada, &both).await;
    // Somebody who is nobody, and somebody elsewhere, are not seen
    let mut stranger = here.served.connect("").await;
    join(&mut stranger, 1, name).await;
    join(&mut bob, 8, &format!("not {name}")).await;
    bob.send(json!({ "op": "send", "id": 7, "message": true }))
        .await;
    let typing = [("user", false), ("staff", true)];
    seen_by_ada.becomes(&mut ada, &typing).await;
    // A tab crashes: its connection is simply gone
    drop(bob);
    seen_by_ada.becomes(&mut ada, &[("user", false)]).await;
    let mut again = there.served.connect(&staff).await;
    join(&mut again, 1, name).await;
    seen_by_ada.becomes(&mut ada, &both).await;
    again.send(json!({ "op": "leave", "id": 1 })).await;
    seen_by_ada.becomes(&mut ada, &[("user", false)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_people_ends_with_those_who_are_there() {
    let server = Server::with(|mizan| mizan.sockets_per_user(1000)).await;
    let user = session_of(&server.app, "user").await;
    let mut watch = server.served.connect(&user).await;
    join(&mut watch, 1, "a").await;
    let mut seen = Room::new();
    let come_and_go = async {
        let mut stay = Vec::new();
        for round in 0..10 {
            let sockets = (0..10).map(async |_| {
                let mut socket = server.served.connect(&user).await;
                join(&mut socket, 1, "a").await;
                socket
            });
            let sockets = futures::future::join_all(sockets).await;
            if round == 9 {
                stay = sockets;
            }
        }
        stay
    };
    let stay = come_and_go.await;
    seen.becomes(&mut watch, &[("user", false); 11]).await;
    drop(stay);
    seen.becomes(&mut watch, &[("user", false)]).await;
    server.served.stop().await;
}

/// Ends in the frame that ends the membership, and how long that took.
async fn left(socket: &mut Socket) -> (Value, Duration) {
    let began = Instant::now();
    let frame = timeout(2 * SOON, async {
        loop {
            let frame = socket.receive().await;
            if frame["op"] == "left" {
                return frame;
            }
        }
    });
    (frame.await.expect("they are still there"), began.elapsed())
}

async fn hears_nothing_of(server: &Server, socket: &mut Socket, name: &str) {
    server.tell(name, "a secret").await;
    let heard = timeout(Duration::from_millis(200), async {
        loop {
            let frame = socket.receive().await;
            assert_ne!(frame["op"], "message", "{frame}");
        }
    });
    assert!(heard.await.is_err());
}

#[tokio::test]
async fn who_signs_out_hears_nothing_more() {
    let server = Server::start().await;
    let session = session_of(&server.app, "user").await;
    let mut socket = server.served.connect(&session).await;
    join(&mut socket, 1, "users").await;
    join(&mut socket, 2, "all").await;
    let other = session_of(&server.app, "user").await;
    let mut other = server.served.connect(&other).await;
    join(&mut other, 1, "users").await;

    call_with(&server.app, "sign_out", "{}", &[("cookie", &session)]).await;
    let (frame, time) = left(&mut socket).await;
    assert_eq!(frame["id"], 1);
    assert_eq!(frame["error"]["code"], "FORBIDDEN", "{frame}");
    assert!(time < SOON, "{time:?}");
    hears_nothing_of(&server, &mut socket, "users").await;
    server.tell("all", "for everybody").await;
    loop {
        let frame = socket.receive().await;
        if frame["op"] == "message" {
            assert_eq!(frame["id"], 2);
            break;
        }
    }
    // Their other session goes on
    loop {
        let frame = other.receive().await;
        if frame["op"] == "message" {
            break;
        }
    }
    server.served.stop().await;
}

#[tokio::test]
async fn who_loses_a_role_is_let_go() {
    let server = Server::start().await;
    let session = session_of(&server.app, "staff").await;
    let mut socket = server.served.connect(&session).await;
    join(&mut socket, 1, "staff").await;
    join(&mut socket, 2, "users").await;
    server
        .accounts
        .change(2, |account| account.is_staff = false);
    let (frame, time) = left(&mut socket).await;
    assert_eq!(frame["id"], 1);
    assert!(time < SOON, "{time:?}");
    hears_nothing_of(&server, &mut socket, "staff").await;
    // The password is another: so all sessions are over
    server
        .accounts
        .change(2, |account| account.secret = "another".to_owned());
    let (frame, time) = left(&mut socket).await;
    assert_eq!(frame["id"], 2);
    assert!(time < SOON, "{time:?}");
    server.served.stop().await;
}

/// What a socket does by itself does not keep a session alive.
#[tokio::test]
async fn a_session_that_expires_ends_what_was_joined() {
    let sessions = Sessions::memory().expire_after(Duration::from_secs(2));
    let server = Server::with(|mizan| mizan.sessions(sessions)).await;
    let session = session_of(&server.app, "user").await;
    let mut socket = server.served.connect(&session).await;
    join(&mut socket, 1, "users").await;
    let (frame, time) = left(&mut socket).await;
    assert_eq!(frame["id"], 1);
    assert!(time < Duration::from_secs(2) + SOON, "{time:?}");
    server.served.stop().await;
}

#[tokio::test]
async fn a_user_has_so_many_sockets() {
    let server = Server::with(|mizan| mizan.sockets_per_user(2)).await;
    let session = session_of(&server.app, "user").await;
    let first = server.served.connect(&session).await;
    let _second = server.served.connect(&session).await;
    let refused = server.served.try_connect(&session).await;
    let Err(tungstenite::Error::Http(answer)) = refused else {
        panic!("it is refused");
    };
    assert_eq!(answer.status(), 429);
    let other = session_of(&server.app, "staff").await;
    server.served.connect(&other).await;
    for _ in 0..5 {
        server.served.connect("").await;
    }
    drop(first);
    let began = Instant::now();
    while server.served.try_connect(&session).await.is_err() {
        assert!(began.elapsed() < SOON);
        tokio::task::yield_now().await;
    }
    server.served.stop().await;
}

#[tokio::test]
async fn who_sends_too_much_waits_and_nobody_else() {
    let server = Server::with(|mizan| mizan.frames_per_second(20)).await;
    let mut hasty = server.served.connect("").await;
    let mut other = server.served.connect("").await;
    let began = Instant::now();
    for _ in 0..50 {
        hasty.send(json!({ "op": "ping" })).await;
    }
    other.send(json!({ "op": "ping" })).await;
    assert_eq!(other.receive().await["op"], "pong");
    assert!(began.elapsed() < Duration::from_millis(900));
    for _ in 0..50 {
        assert_eq!(hasty.receive().await["op"], "pong", "nothing is lost");
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(2), "{took:?}");
    server.served.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_was_asked_and_says_goodbye() {
    let server = Server::start().await;
    let mut socket = server.served.connect("").await;
    join(&mut socket, 1, "all").await;
    socket.receive().await;
    socket
        .send(json!({ "op": "call", "id": 5, "fn": "wait", "args": {} }))
        .await;
    // It has begun when this is answered
    socket.send(json!({ "op": "ping" })).await;
    assert_eq!(socket.receive().await["op"], "pong");
    let stopped = tokio::spawn(server.served.stop());
    let result = socket.receive().await;
    assert_eq!(
        (&result["op"], &result["id"]),
        (&json!("result"), &json!(5))
    );
    let Some(Ok(Message::Close(Some(close)))) = socket.0.next().await else {
        panic!("it is closed");
    };
    assert_eq!(u16::from(close.code), 1001);
    drop(socket);
    timeout(SOON, stopped).await.unwrap().unwrap();
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread")]
async fn people_are_seen_on_other_nodes() {
    let Ok(url) = std::env::var("MIZAN_TEST_REDIS") else {
        assert!(std::env::var("CI").is_err(), "there is no Redis");
        return;
    };
    let node = async || {
        let channels = Channels::builder().connect(&url).await.unwrap();
        Server::with(|mizan| mizan.channels(channels)).await
    };
    let (one, two) = (node().await, node().await);
    let name = format!("nodes {}", std::process::id());
    sees(&one, &two, &name).await;
    // One of them vanishes without a word
    let (user, staff) = (
        session_of(&one.app, "user").await,
        session_of(&two.app, "staff").await,
    );
    let mut ada = one.served.connect(&user).await;
    let mut bob = two.served.connect(&staff).await;
    let name = format!("{name} lost");
    join(&mut bob, 1, &name).await;
    join(&mut ada, 1, &name).await;
    let mut seen = Room::new();
    seen.becomes(&mut ada, &[("staff", false), ("user", false)])
        .await;
    one.served.stop().await;
    two.served.stop().await;
}
