//! Somebody else in the same browser.

use super::*;
use crate::browser::fake::{asked, hear};

fn joined(id: u64, offset: u64) -> Value {
    json!({ "op": "joined", "id": id, "epoch": "e", "offset": offset, "recovered": false })
}

#[tokio::test]
async fn what_one_said_is_not_said_as_somebody_else() {
    page(async |owner: Owner| {
        // The page listens to other tabs
        owner.with(crate::context::client::Page::current);
        let chat = owner.with(|| use_chat_channel("a".to_owned()));
        let socket = one().await;
        socket.accept();
        said(&socket, joined(1, 5));
        said(
            &socket,
            json!({ "op": "message", "id": 1, "offset": 6, "message": "to Ada alone" }),
        );
        socket.cut();
        owner.with(|| chat.send(&post("by Ada")));
        // Bob signs in, in another tab
        hear();
        settle().await;
        let _ = asked();
        let socket = opened().pop().unwrap();
        socket.accept();
        assert_eq!(sent(&socket)[0]["since"], Value::Null);
        said(
            &socket,
            json!({ "op": "joined", "id": 1, "epoch": "e", "offset": 6, "recovered": false }),
        );
        assert_eq!(sent(&socket), Vec::<Value>::new(), "it was Ada who said it");
        assert_eq!(owner.with(|| chat.messages()), Vec::<String>::new());
        assert_eq!(owner.with(|| chat.error()).unwrap().code(), Code::Network);
    })
    .await;
}
