//! Channels that come and go while the connection does.

use super::*;

fn joined(id: u64, offset: u64) -> Value {
    json!({ "op": "joined", "id": id, "epoch": "e", "offset": offset, "recovered": false })
}

#[tokio::test]
async fn a_room_that_is_changed_while_the_connection_is_gone_is_joined() {
    page(async |owner: Owner| {
        let room = owner.with(|| RwSignal::new("a".to_owned()));
        let _chat = owner.with(|| use_chat_channel(move || room.get()));
        let socket = one().await;
        socket.accept();
        said(&socket, joined(1, 5));
        socket.cut();
        room.set("b".to_owned());
        settle().await;
        for _ in 0..60 {
            pass(Duration::from_secs(10));
        }
        settle().await;
        assert!(!opened().is_empty(), "it is tried again");
    })
    .await;
}

#[tokio::test]
async fn a_room_that_is_changed_keeps_the_heartbeat() {
    page(async |owner: Owner| {
        let room = owner.with(|| RwSignal::new("a".to_owned()));
        let _chat = owner.with(|| use_chat_channel(move || room.get()));
        let socket = one().await;
        socket.accept();
        said(&socket, joined(1, 5));
        // From here on the connection is dead, and nobody has noticed
        room.set("b".to_owned());
        settle().await;
        sent(&socket);
        for _ in 0..60 {
            pass(Duration::from_secs(10));
        }
        assert!(
            socket.is_closed() || !sent(&socket).is_empty(),
            "a server that is silent for ten minutes is asked"
        );
    })
    .await;
}

#[tokio::test]
async fn who_is_there_outlives_a_loss_that_the_server_tells() {
    page(async |owner: Owner| {
        let desk = owner.with(|| use_desk_channel(5));
        let socket = one().await;
        socket.accept();
        let present = |key: &str, meta: &str| json!({ "key": key, "meta": meta });
        said(&socket, joined(1, 5));
        said(&socket, json!({ "op": "presence", "id": 1, "joined": [present("1", "Ada"), present("2", "Bob")], "left": [] }));
        // What the hub sends to members where the layer has lost messages
        said(&socket, json!({ "op": "joined", "id": 1, "epoch": "f", "offset": 1, "recovered": false }));
        let everybody = [present("1", "Ada"), present("2", "Bob")];
        said(&socket, json!({ "op": "presence", "id": 1, "joined": everybody, "left": [] }));
        said(&socket, json!({ "op": "presence", "id": 1, "joined": [present("3", "Cleo")], "left": [] }));
        assert_eq!(owner.with(|| desk.presence()), ["Ada", "Bob", "Cleo"]);
    })
    .await;
}

#[tokio::test]
async fn a_history_that_begins_is_the_one_to_resume() {
    page(async |owner: Owner| {
        let chat = owner.with(|| use_chat_channel("a".to_owned()));
        let socket = one().await;
        socket.accept();
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "@17", "offset": 0, "recovered": false }),
        );
        said(
            &socket,
            json!({ "op": "message", "id": 1, "offset": 1, "epoch": "e", "message": "one" }),
        );
        said(
            &socket,
            json!({ "op": "message", "id": 1, "offset": 2, "message": "two" }),
        );
        owner.with(|| chat.send(&post("on its way")));
        sent(&socket);
        // The server tells of a loss, on the same connection: what is on its way arrives
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "f", "offset": 4, "recovered": false }),
        );
        assert_eq!(sent(&socket), Vec::<Value>::new());
        said(
            &socket,
            json!({ "op": "message", "id": 1, "offset": 1, "epoch": "g", "message": "three" }),
        );
        socket.cut();
        pass(Duration::from_secs(1));
        let socket = one().await;
        socket.accept();
        assert_eq!(
            sent(&socket)[0]["since"],
            json!({ "epoch": "g", "offset": 1 })
        );
        assert_eq!(owner.with(|| chat.messages()), ["one", "two", "three"]);
    })
    .await;
}
