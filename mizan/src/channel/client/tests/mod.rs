//! The browser's half on the host; the test is the server.

mod call;
mod identity;
mod live;
mod rooms;

use crate::{
    Code,
    browser::{
        Wake,
        fake::{Opened, opened, pass, run_tasks_here, wake},
    },
    channel::{Handle, Position, Status},
};
use leptos::{
    prelude::{Get, RwSignal, Set},
    reactive::owner::Owner,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

#[mizan::channel]
struct ChatChannel {
    room: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Post {
    text: String,
}

#[mizan::channel_handler]
impl Channel for ChatChannel {
    type ClientMessage = Post;
    type ServerMessage = String;

    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }
}

async fn page<T>(test: impl AsyncFnOnce(Owner) -> T) -> T {
    run_tasks_here();
    let owner = Owner::new();
    tokio::task::LocalSet::new().run_until(test(owner)).await
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// The socket that was opened, and nothing else.
async fn one() -> Opened {
    settle().await;
    let mut opened = opened();
    assert_eq!(opened.len(), 1);
    opened.remove(0)
}

fn sent(socket: &Opened) -> Vec<Value> {
    let frames = socket.sent();
    frames
        .iter()
        .map(|frame| serde_json::from_str(frame).unwrap())
        .collect()
}

fn said(socket: &Opened, frame: Value) {
    socket.say(&frame.to_string());
}

fn post(text: &str) -> Post {
    Post {
        text: text.to_owned(),
    }
}

#[tokio::test]
async fn a_channel_is_joined_over_one_socket_and_left_with_its_component() {
    page(async |owner: Owner| {
        let component = owner.child();
        let room = component.with(|| RwSignal::new("a".to_owned()));
        let chat = component.with(|| use_chat_channel(move || room.get()));
        let other = component.with(|| use_chat_channel("b".to_owned()));
        let socket = one().await;
        assert_eq!(sent(&socket), Vec::<Value>::new(), "it is not open yet");
        socket.accept();
        let join = |id: u64, room: &str| json!({ "op": "join", "id": id, "channel": "chat", "params": { "room": room } });
        assert_eq!(sent(&socket), [join(1, "a"), join(2, "b")]);
        said(&socket, json!({ "op": "joined", "id": 1, "epoch": "e", "offset": 5, "recovered": false }));
        assert_eq!(owner.with(|| (chat.status(), other.status())), (Status::Joined, Status::Connecting));
        said(&socket, json!({ "op": "message", "id": 1, "offset": 6, "message": "hello" }));
        said(&socket, json!({ "op": "message", "id": 7, "offset": 6, "message": "of nobody's" }));
        said(&socket, json!("nonsense"));
        assert_eq!(owner.with(|| chat.messages()), ["hello"]);
        assert_eq!(owner.with(|| other.messages()), Vec::<String>::new());
        assert_eq!(owner.with(|| chat.gaps()), 0, "nobody was there before");
        // Another room
        room.set("c".to_owned());
        settle().await;
        assert_eq!(sent(&socket), [json!({ "op": "leave", "id": 1 }), join(3, "c")]);
        assert_eq!(owner.with(|| chat.messages()), Vec::<String>::new());
        component.cleanup();
        settle().await;
        let mut left = sent(&socket);
        left.sort_by_key(|frame| frame["id"].as_u64());
        assert_eq!(left, [json!({ "op": "leave", "id": 2 }), json!({ "op": "leave", "id": 3 })]);
        assert!(!socket.is_closed());
        pass(Duration::from_secs(6));
        assert!(socket.is_closed(), "nobody uses it");
        pass(Duration::from_secs(600));
        assert!(opened().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_lost_comes_back_with_what_was_missed() {
    page(async |owner: Owner| {
        let chat = owner.with(|| use_chat_channel("a".to_owned()));
        let socket = one().await;
        socket.accept();
        sent(&socket);
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "e", "offset": 5, "recovered": false }),
        );
        said(
            &socket,
            json!({ "op": "message", "id": 1, "offset": 6, "message": "six" }),
        );
        socket.cut();
        assert_eq!(owner.with(|| chat.status()), Status::Reconnecting);
        owner.with(|| chat.send(&post("meanwhile")));
        pass(Duration::from_secs(1));
        let socket = one().await;
        socket.accept();
        let since = json!({ "epoch": "e", "offset": 6 });
        assert_eq!(sent(&socket)[0]["since"], since);
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "e", "offset": 8, "recovered": true }),
        );
        let message = &sent(&socket)[0];
        assert_eq!(
            (&message["op"], &message["message"]["text"]),
            (&json!("send"), &json!("meanwhile"))
        );
        assert_eq!(message["again"], Value::Null, "it was not sent before");
        said(
            &socket,
            json!({ "op": "message", "id": 1, "offset": 7, "message": "seven" }),
        );
        // Cut before the eighth
        socket.cut();
        pass(Duration::from_secs(2));
        let socket = one().await;
        socket.accept();
        assert_eq!(sent(&socket)[0]["since"]["offset"], 7);
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "e", "offset": 8, "recovered": true }),
        );
        let again = &sent(&socket)[0];
        assert_eq!(
            (&again["key"], &again["again"]),
            (&message["key"], &json!(true))
        );
        said(
            &socket,
            json!({ "op": "sent", "id": 1, "key": again["key"] }),
        );
        said(
            &socket,
            json!({ "op": "message", "id": 1, "offset": 8, "message": "eight" }),
        );
        assert_eq!(owner.with(|| chat.messages()), ["six", "seven", "eight"]);
        assert_eq!(owner.with(|| chat.gaps()), 0);
        // The server has another history
        socket.cut();
        wake(Wake::Reconnect);
        let socket = one().await;
        socket.accept();
        assert_eq!(sent(&socket).len(), 1, "what has arrived is not sent again");
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "f", "offset": 2, "recovered": false }),
        );
        assert_eq!(owner.with(|| chat.gaps()), 1);
        socket.cut();
        pass(Duration::from_secs(1));
        let socket = one().await;
        socket.accept();
        assert_eq!(
            sent(&socket)[0]["since"],
            json!({ "epoch": "f", "offset": 2 })
        );
    })
    .await;
}

#[tokio::test]
async fn what_the_server_refuses_is_told() {
    page(async |owner: Owner| {
        let chat = owner.with(|| use_chat_channel("a".to_owned()));
        let socket = one().await;
        socket.accept();
        let error = json!({ "code": "FORBIDDEN", "message": "you may not join that" });
        said(&socket, json!({ "op": "error", "id": 1, "error": error }));
        let Status::Refused(refused) = owner.with(|| chat.status()) else {
            panic!("it is refused");
        };
        assert_eq!(refused.code(), Code::Forbidden);

        let other = owner.with(|| use_chat_channel("b".to_owned()));
        settle().await;
        said(
            &socket,
            json!({ "op": "joined", "id": 2, "epoch": "e", "offset": 0, "recovered": false }),
        );
        sent(&socket);
        owner.with(|| other.send(&post("no")));
        let key = sent(&socket)[0]["key"].clone();
        let error = json!({ "code": "CONFLICT", "message": "not now" });
        said(
            &socket,
            json!({ "op": "error", "id": 2, "key": key, "error": error }),
        );
        assert_eq!(owner.with(|| other.error()).unwrap().code(), Code::Conflict);
        assert_eq!(
            owner.with(|| other.status()),
            Status::Joined,
            "the channel goes on"
        );
    })
    .await;
}

#[tokio::test]
async fn messages_that_wait_are_bounded() {
    page(async |owner: Owner| {
        let chat = owner.with(|| use_chat_channel("a".to_owned()));
        let socket = one().await;
        for number in 0..100 {
            owner.with(|| chat.send(&post(&number.to_string())));
        }
        assert_eq!(owner.with(|| chat.error()), None);
        owner.with(|| chat.send(&post("one too many")));
        assert_eq!(owner.with(|| chat.error()).unwrap().code(), Code::Network);
        socket.accept();
        sent(&socket);
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "e", "offset": 0, "recovered": false }),
        );
        let messages = sent(&socket);
        let texts: Vec<_> = messages
            .iter()
            .map(|message| message["message"]["text"].clone())
            .collect();
        let expected: Vec<_> = (0..100).map(|number| json!(number.to_string())).collect();
        assert_eq!(texts, expected, "in the order in which they were said");
    })
    .await;
}

#[tokio::test]
async fn a_silent_server_is_asked_and_then_left() {
    page(async |owner: Owner| {
        let _chat = owner.with(|| use_chat_channel("a".to_owned()));
        let socket = one().await;
        socket.accept();
        sent(&socket);
        pass(Duration::from_secs(26));
        assert_eq!(sent(&socket), [json!({ "op": "ping" })]);
        said(&socket, json!({ "op": "pong" }));
        pass(Duration::from_secs(26));
        assert_eq!(sent(&socket), [json!({ "op": "ping" })]);
        pass(Duration::from_secs(11));
        assert!(socket.is_closed());
        pass(Duration::from_secs(1));
        one().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_that_was_asleep_asks_at_once() {
    page(async |owner: Owner| {
        let _chat = owner.with(|| use_chat_channel("a".to_owned()));
        let socket = one().await;
        socket.accept();
        sent(&socket);
        wake(Wake::Focus);
        assert_eq!(sent(&socket), [json!({ "op": "ping" })]);
        said(&socket, json!({ "op": "pong" }));
        pass(Duration::from_secs(11));
        assert!(!socket.is_closed());
        wake(Wake::Reconnect);
        pass(Duration::from_secs(11));
        assert!(socket.is_closed(), "the network is another one");
        pass(Duration::from_secs(1));
        one().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_joins_from_where_its_data_was_read() {
    page(async |owner: Owner| {
        let position = Position {
            epoch: "e".to_owned(),
            offset: 3,
        };
        let chat: Handle<ChatChannel> =
            owner.with(|| use_chat_channel("a".to_owned()).since(position));
        let socket = one().await;
        socket.accept();
        assert_eq!(
            sent(&socket)[0]["since"],
            json!({ "epoch": "e", "offset": 3 })
        );
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "g", "offset": 9, "recovered": false }),
        );
        assert_eq!(
            owner.with(|| chat.gaps()),
            1,
            "what the page shows may be old"
        );
    })
    .await;
}

#[tokio::test]
async fn a_page_joins_when_it_knows_from_where() {
    page(async |owner: Owner| {
        let room = owner.with(|| RwSignal::new("a".to_owned()));
        let known = owner.with(|| RwSignal::new(None::<Position>));
        let at = |offset| Position {
            epoch: "e".to_owned(),
            offset,
        };
        let chat = owner.with(|| use_chat_channel(room).since(move || known.get()));
        settle().await;
        assert!(opened().is_empty(), "there is nothing to join yet");
        owner.with(|| chat.send(&post("early")));
        assert_eq!(owner.with(|| chat.waiting()), 1);
        known.set(Some(at(3)));
        let socket = one().await;
        socket.accept();
        assert_eq!(sent(&socket)[0]["since"]["offset"], 3);
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "e", "offset": 3, "recovered": true }),
        );
        let early = sent(&socket);
        assert_eq!(early[0]["message"]["text"], "early");
        said(
            &socket,
            json!({ "op": "sent", "id": 1, "key": early[0]["key"] }),
        );
        assert_eq!(owner.with(|| chat.waiting()), 0);
        // It was read again: the channel goes on from where it is
        known.set(Some(at(5)));
        settle().await;
        assert_eq!(sent(&socket), Vec::<Value>::new());
        // Another room, of which nothing is known yet
        known.set(None);
        room.set("b".to_owned());
        settle().await;
        assert_eq!(sent(&socket), [json!({ "op": "leave", "id": 1 })]);
        assert_eq!(owner.with(|| chat.status()), Status::Connecting);
        known.set(Some(at(7)));
        settle().await;
        let join = &sent(&socket)[0];
        assert_eq!(
            (&join["id"], &join["since"]["offset"]),
            (&json!(2), &json!(7))
        );
    })
    .await;
}

#[tokio::test]
async fn a_component_that_is_gone_at_once_joins_nothing() {
    page(async |owner: Owner| {
        let component = owner.child();
        let room = component.with(|| RwSignal::new("a".to_owned()));
        component.with(|| use_chat_channel(room));
        component.cleanup();
        settle().await;
        assert!(opened().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_is_left_behind_unsent_is_told() {
    page(async |owner: Owner| {
        let room = owner.with(|| RwSignal::new("a".to_owned()));
        let chat = owner.with(|| use_chat_channel(room));
        let socket = one().await;
        socket.accept();
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "e", "offset": 0, "recovered": false }),
        );
        owner.with(|| chat.send(&post("on its way")));
        room.set("b".to_owned());
        settle().await;
        assert_eq!(owner.with(|| (chat.error(), chat.waiting())), (None, 0));
        socket.cut();
        owner.with(|| chat.send(&post("unsent")));
        assert_eq!(owner.with(|| chat.waiting()), 1);
        room.set("c".to_owned());
        settle().await;
        assert_eq!(owner.with(|| chat.error()).unwrap().code(), Code::Network);
        owner.with(|| chat.send(&post("another")));
        assert_eq!(owner.with(|| chat.error()), None, "until the next one");
    })
    .await;
}

#[mizan::channel]
struct DeskChannel {
    id: i64,
}

#[mizan::channel_handler]
impl Channel for DeskChannel {
    type Presence = String;

    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }
}

#[tokio::test]
async fn who_is_there_is_known_anew_with_each_connection() {
    page(async |owner: Owner| {
        let desk = owner.with(|| use_desk_channel(5));
        let socket = one().await;
        socket.accept();
        assert_eq!(sent(&socket)[0]["presence"], true);
        let joined = json!({ "op": "joined", "id": 1, "epoch": "e", "offset": 0, "recovered": true });
        let present = |key: &str, meta: &str| json!({ "key": key, "meta": meta });
        said(&socket, joined.clone());
        said(&socket, json!({ "op": "presence", "id": 1, "joined": [present("1", "Ada"), present("2", "Bob")], "left": [] }));
        assert_eq!(owner.with(|| desk.presence()), ["Ada", "Bob"]);
        said(&socket, json!({ "op": "presence", "id": 1, "joined": [present("1", "Ada, typing"), present("3", "Cleo")], "left": ["2", "9"] }));
        assert_eq!(owner.with(|| desk.presence()), ["Ada, typing", "Cleo"]);
        socket.cut();
        assert_eq!(owner.with(|| desk.presence().len()), 2, "as far as is known");
        pass(Duration::from_secs(1));
        let socket = one().await;
        socket.accept();
        said(&socket, joined);
        said(&socket, json!({ "op": "presence", "id": 1, "joined": [present("4", "Ada")], "left": [] }));
        assert_eq!(owner.with(|| desk.presence()), ["Ada"]);
    })
    .await;
}
