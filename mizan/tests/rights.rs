//! Who may do and learn what over a socket, when many things happen at once.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/users.rs"]
mod users;

use axum::Router;
use leptos::prelude::{provide_context, use_context};
use mizan::{
    Mizan,
    channel::{ChannelContext, Channels},
};
use serde_json::{Value, json};
use served::{Served, Socket};
use std::time::Duration;
use support::{call, options};
use tokio::time::{sleep, timeout};
use users::{Accounts, call_with, session_of};

#[mizan::channel]
struct ChatChannel {
    room: String,
}

#[mizan::channel_handler]
impl Channel for ChatChannel {
    type ClientMessage = String;
    type ServerMessage = String;

    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        if self.room == "users" {
            return Ok(mizan::current_user::<users::Account>().await?.is_some());
        }
        Ok(true)
    }

    fn group(&self) -> String {
        if self.room == "trap" {
            panic!("a bug of the application's");
        }
        format!("review_{}", self.room)
    }

    async fn receive(&self, _: &ChannelContext, text: String) -> mizan::Result<Option<String>> {
        if text == "empty the safe" {
            mizan::invalidate(SafeContext);
            return Ok(None);
        }
        if text == "slow" {
            sleep(Duration::from_secs(1)).await;
            return Ok(None);
        }
        if text == "leave a note" {
            provide_context(Note);
            return Ok(None);
        }
        if text == "set a cookie" {
            mizan::cookies().set(("code", "1234"));
            return Ok(None);
        }
        if text == "look around" {
            let note = use_context::<Note>().map(|Note| "a note");
            let code = mizan::cookies().get("code");
            let who = mizan::current_user::<users::Account>().await?;
            let who = who.map(|account| account.name);
            return Ok(Some(format!("{note:?}, {code:?}, {who:?}")));
        }
        Ok(Some(text))
    }
}

/// What a handler provides.
#[derive(Clone)]
struct Note;

#[mizan::client]
async fn say(room: String, text: String) -> mizan::Result<u64> {
    Ok(ChatChannel { room }.push(text).await?.offset)
}

/// Read by whoever has the code: no user is needed.
#[mizan::context(live)]
struct SafeContext;

#[mizan::client(context = SafeContext)]
async fn safe() -> mizan::Result<u8> {
    let cookie = mizan::cookies().get("code");
    if cookie.as_deref() != Some("1234") {
        return Err(mizan::Error::forbidden("not without the code"));
    }
    Ok(1)
}

#[mizan::client(affects = SafeContext)]
async fn fill_safe() -> mizan::Result<()> {
    Ok(())
}

#[mizan::context(live)]
struct OfficeContext {
    id: i64,
}

#[mizan::client(context = OfficeContext, auth = "staff", rate = "1/min")]
async fn office(id: i64) -> mizan::Result<i64> {
    Ok(id)
}

#[mizan::client(affects = OfficeContext)]
async fn tidy() -> mizan::Result<()> {
    Ok(())
}

#[mizan::context(live)]
struct LoungeContext;

#[mizan::client(context = LoungeContext, auth = "staff")]
async fn lounge() -> mizan::Result<u8> {
    Ok(1)
}

struct Server {
    app: Router,
    served: Served,
    accounts: Accounts,
}

async fn server(channels: Channels) -> Server {
    let accounts = Accounts::new();
    let app = Mizan::new(options())
        .users(accounts.clone())
        .channels(channels)
        .api()
        .unwrap();
    let served = Served::start(app.clone()).await;
    Server {
        app,
        served,
        accounts,
    }
}

impl Server {
    async fn say(&self, room: &str, text: &str) {
        let body = json!({ "room": room, "text": text }).to_string();
        assert_eq!(call(&self.app, "say", body).await.status, 200);
    }
}

async fn mounted(socket: &mut Socket, key: &str) -> Value {
    socket
        .send(json!({ "op": "mount", "contexts": [key] }))
        .await;
    loop {
        let frame = socket.next().await;
        if frame["op"] == "mounted" {
            return frame["contexts"].clone();
        }
    }
}

#[tokio::test]
async fn a_panic_in_group_ends_one_join() {
    let server = server(Channels::memory()).await;
    let mut socket = server.served.connect("").await;
    socket.join(1, "a", None).await;
    let answer = socket.join(2, "trap", None).await;
    assert_eq!(answer["op"], "error");
    server.say("a", "still here").await;
    assert_eq!(socket.next().await["message"], "still here");
}

#[tokio::test]
async fn strangers_learn_nothing_from_one_anothers_cookies() {
    let server = server(Channels::memory()).await;
    let mut knows = server.served.connect("code=1234").await;
    assert_eq!(mounted(&mut knows, "safe").await, json!(["safe"]));
    let mut stranger = server.served.connect("").await;
    assert_eq!(mounted(&mut stranger, "safe").await, json!([]));
}

#[tokio::test]
async fn strangers_keep_nobody_from_learning() {
    let server = server(Channels::memory()).await;
    let mut stranger = server.served.connect("").await;
    assert_eq!(mounted(&mut stranger, "safe").await, json!([]));
    let mut knows = server.served.connect("code=1234").await;
    assert_eq!(mounted(&mut knows, "safe").await, json!(["safe"]));
}

#[tokio::test]
async fn who_asks_too_often_may_not_read_it() {
    let server = server(Channels::memory()).await;
    let user = session_of(&server.app, "user").await;
    let mut socket = server.served.connect(&user).await;
    assert_eq!(mounted(&mut socket, "office;id=1").await, json!([]), "403");
    assert_eq!(
        mounted(&mut socket, "office;id=2").await,
        json!([]),
        "429, and no right to it"
    );
}

#[tokio::test]
async fn who_signs_out_is_out_in_five_seconds() {
    let server = server(Channels::memory()).await;
    let session = session_of(&server.app, "user").await;
    let mut socket = server.served.connect(&session).await;
    let joined = socket.join(1, "users", None).await;
    assert_eq!(joined["op"], "joined");
    for _ in 0..12 {
        socket
            .send(json!({ "op": "send", "id": 1, "message": "slow" }))
            .await;
    }
    let out = call_with(&server.app, "sign_out", "{}", &[("cookie", &session)]).await;
    assert_eq!(out.status, 200, "{}", out.text);
    let left = timeout(Duration::from_secs(5), async {
        while socket.receive().await["op"] != "left" {}
    });
    assert!(left.await.is_ok(), "what they had said holds it up");
    server.say("users", "a secret").await;
    // The last of what they had said is answered after it
    let said = timeout(Duration::from_secs(1), async {
        loop {
            let frame = socket.receive().await;
            assert_ne!(frame["message"], "a secret");
        }
    });
    assert!(said.await.is_err());
}

#[tokio::test]
async fn who_gains_a_role_is_asked_again() {
    let server = server(Channels::memory()).await;
    let session = session_of(&server.app, "user").await;
    let mut socket = server.served.connect(&session).await;
    assert_eq!(mounted(&mut socket, "lounge").await, json!([]));
    server.accounts.change(1, |account| account.is_staff = true);
    let frame = timeout(Duration::from_secs(6), socket.receive()).await;
    assert_eq!(frame.expect("asked again")["contexts"], json!(["lounge"]));
}

/// What is received runs in what the last message has left as it was, and in nothing else of it.
#[tokio::test]
async fn a_message_sees_nothing_of_the_one_before() {
    let server = server(Channels::memory()).await;
    let session = session_of(&server.app, "user").await;
    let mut socket = server
        .served
        .connect(&format!("{session}; code=none"))
        .await;
    socket.join(1, "a", None).await;
    let say = |text| json!({ "op": "send", "id": 1, "message": text });
    for round in 0..2 {
        socket.send(say("leave a note")).await;
        socket.send(say("look around")).await;
        let heard = socket.next().await;
        let expected = r#"None, Some("none"), Some("user")"#;
        assert_eq!(heard["message"], expected, "{round}");
        socket.send(say("set a cookie")).await;
        assert_eq!(socket.next().await["error"]["code"], "BAD_REQUEST");
    }
    let out = call_with(&server.app, "sign_out", "{}", &[("cookie", &session)]).await;
    assert_eq!(out.status, 200, "{}", out.text);
    socket.send(say("look around")).await;
    let heard = socket.next().await;
    assert_eq!(heard["message"], r#"None, Some("none"), None"#);
}

/// The functions of a channel "run as a call's body does".
#[tokio::test]
async fn what_a_handler_invalidates_is_told() {
    let server = server(Channels::memory()).await;
    let mut reader = server.served.connect("code=1234").await;
    assert_eq!(mounted(&mut reader, "safe").await, json!(["safe"]));
    let mut socket = server.served.connect("").await;
    socket.join(1, "a", None).await;
    socket
        .send(json!({ "op": "send", "id": 1, "message": "empty the safe", "key": "1" }))
        .await;
    assert_eq!(socket.next().await["op"], "sent");
    let told = timeout(Duration::from_secs(2), reader.receive()).await;
    assert_eq!(told.expect("it is told")["op"], "invalidate");
}
