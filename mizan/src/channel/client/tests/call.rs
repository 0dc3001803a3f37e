//! Calls over the socket.

use super::{Opened, one, page, said, sent, settle};
use crate::{
    Code,
    browser::fake::{asked, opened, pass},
};
use leptos::reactive::owner::Owner;
use serde_json::json;
use std::time::Duration;

#[mizan::client(websocket)]
async fn double(number: i64) -> mizan::Result<i64> {
    Ok(number * 2)
}

async fn socket() -> Opened {
    settle().await;
    one().await
}

#[tokio::test]
async fn a_call_goes_over_the_socket_as_soon_as_it_is_open() {
    page(async |_: Owner| {
        let first = tokio::task::spawn_local(double(4));
        let second = tokio::task::spawn_local(double(5));
        let socket = socket().await;
        assert!(asked().is_empty(), "nothing goes over HTTP");
        socket.accept();
        let frames = sent(&socket);
        let call = &frames[0];
        assert_eq!(
            (&call["op"], &call["id"], &call["fn"], &call["args"]),
            (
                &json!("call"),
                &json!(1),
                &json!("double"),
                &json!({ "number": 4 })
            )
        );
        assert!(call["build"].is_string());
        said(&socket, json!({ "op": "result", "id": 2, "result": 10 }));
        let error = json!({ "code": "CONFLICT", "message": "not now" });
        said(&socket, json!({ "op": "result", "id": 1, "error": error }));
        assert_eq!(second.await.unwrap().unwrap(), 10);
        assert_eq!(first.await.unwrap().unwrap_err().code(), Code::Conflict);
        pass(Duration::from_secs(6));
        assert!(socket.is_closed(), "nobody uses it");
    })
    .await;
}

#[tokio::test]
async fn a_call_whose_connection_is_lost_says_so() {
    page(async |_: Owner| {
        let call = tokio::task::spawn_local(double(4));
        let socket = socket().await;
        socket.accept();
        socket.cut();
        assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Network);
        pass(Duration::from_secs(60));
        assert!(opened().is_empty(), "nobody wants another one");
        let call = tokio::task::spawn_local(double(4));
        let socket = super::call::socket().await;
        // It never opens
        socket.cut();
        assert_eq!(call.await.unwrap().unwrap_err().code(), Code::Network);
    })
    .await;
}
