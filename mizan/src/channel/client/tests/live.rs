//! Live contexts.

use super::{Opened, one, page, said, sent, settle};
use crate::{
    Query,
    browser::fake::{Asked, asked, opened, page_has, pass},
    context::client::{Handle, Page},
};
use leptos::{
    context::provide_context,
    prelude::{Get, RwSignal, Set},
    reactive::owner::Owner,
};
use serde_json::{Value, json};
use std::time::Duration;

#[mizan::context(live)]
struct BoardContext {
    id: i64,
}

#[mizan::client(context = BoardContext)]
async fn board_name(id: i64) -> mizan::Result<String> {
    unreachable!("{id}")
}

#[mizan::client(affects = BoardContext)]
async fn rename_board(id: i64, name: String) -> mizan::Result<()> {
    unreachable!("{id} {name}")
}

#[mizan::client(merge = board_name)]
async fn shout(id: i64) -> mizan::Result<String> {
    unreachable!("{id}")
}

fn version(offset: u64) -> Value {
    json!({ "epoch": "e", "offset": offset })
}

fn bundle(name: &str, offset: u64) -> String {
    json!({ "data": { "board_name": name }, "version": version(offset) }).to_string()
}

fn went_stale(id: i64, offset: u64) -> Value {
    json!({ "op": "invalidate", "contexts": [format!("board;id={id}")], "epoch": "e", "offset": offset })
}

/// What the page carries of the board 5.
fn rendered(offset: u64) {
    let board = json!({
        "context": "board", "params": { "id": 5 },
        "data": { "board_name": "five" }, "version": version(offset)
    });
    page_has(&[&board.to_string()]);
}

fn show(owner: &Owner, id: impl Fn() -> i64 + Send + Sync + 'static) -> Query<String> {
    owner.with(|| {
        let instance = Handle::provided(move || BoardContext { id: id() });
        provide_context(crate::context::Provided::<BoardContext>::new(instance));
        use_board_name()
    })
}

fn name(owner: &Owner, query: Query<String>) -> Option<String> {
    owner.with(|| query.get()).and_then(Result::ok)
}

async fn connected() -> Opened {
    settle().await;
    let socket = one().await;
    socket.accept();
    socket
}

async fn request() -> Asked {
    settle().await;
    let mut requests = asked();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

async fn no_request() {
    settle().await;
    assert!(asked().is_empty());
}

#[tokio::test]
async fn what_others_change_is_fetched_once() {
    page(async |owner: Owner| {
        rendered(3);
        let board = show(&owner, || 5);
        let socket = connected().await;
        let mount = json!({ "op": "mount", "contexts": ["board;id=5"], "versions": [version(3)] });
        assert_eq!(sent(&socket), [mount]);
        assert_eq!(name(&owner, board).as_deref(), Some("five"));
        no_request().await;
        // What the page has already
        said(&socket, went_stale(5, 3));
        said(&socket, went_stale(6, 4));
        no_request().await;
        said(&socket, went_stale(5, 4));
        let fetch = request().await;
        assert_eq!(fetch.path, "/api/mizan/ctx/board?id=5");
        // Meanwhile more goes stale: what is on its way may be older
        said(&socket, went_stale(5, 5));
        said(&socket, went_stale(5, 6));
        no_request().await;
        fetch.answer(&bundle("five, as of 5", 5));
        settle().await;
        pass(Duration::from_millis(50));
        request().await.answer(&bundle("five, as of 7", 7));
        settle().await;
        assert_eq!(name(&owner, board).as_deref(), Some("five, as of 7"));
        said(&socket, went_stale(5, 7));
        pass(Duration::from_secs(1));
        no_request().await;
        // Another history: nobody knows what is newer
        said(
            &socket,
            json!({ "op": "invalidate", "contexts": ["board;id=5"], "epoch": "f", "offset": 1 }),
        );
        request().await;
    })
    .await;
}

#[tokio::test]
async fn the_page_that_causes_it_does_not_fetch() {
    page(async |owner: Owner| {
        rendered(3);
        let board = show(&owner, || 5);
        let socket = connected().await;
        settle().await;
        // The socket may be faster than the answer
        let call = tokio::task::spawn_local(rename_board(5, "new".to_owned()));
        let request = request().await;
        said(&socket, went_stale(5, 4));
        no_request().await;
        let refreshed = json!({
            "context": "board", "params": { "id": 5 },
            "data": { "board_name": "new" }, "version": version(4)
        });
        request.answer(&json!({ "result": null, "refreshed": [refreshed] }).to_string());
        call.await.unwrap().unwrap();
        pass(Duration::from_secs(5));
        no_request().await;
        assert_eq!(name(&owner, board).as_deref(), Some("new"));
        // And slower
        said(&socket, went_stale(5, 4));
        pass(Duration::from_secs(5));
        no_request().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_merged_is_a_version_of_its_own() {
    page(async |owner: Owner| {
        rendered(3);
        let board = show(&owner, || 5);
        let socket = connected().await;
        settle().await;
        let merge = |offset: u64| {
            let merge = json!({ "context": "board", "params": { "id": 5 }, "member": "board_name", "value": "FIVE", "version": version(offset) });
            json!({ "result": "FIVE", "merge": [merge] }).to_string()
        };
        let call = tokio::task::spawn_local(shout(5));
        request().await.answer(&merge(4));
        call.await.unwrap().unwrap();
        said(&socket, went_stale(5, 4));
        pass(Duration::from_secs(5));
        no_request().await;
        assert_eq!(name(&owner, board).as_deref(), Some("FIVE"));
        // Somebody else has changed something before
        let call = tokio::task::spawn_local(shout(5));
        request().await.answer(&merge(6));
        call.await.unwrap().unwrap();
        said(&socket, went_stale(5, 6));
        request().await;
    })
    .await;
}

#[tokio::test]
async fn where_many_look_each_waits_a_time_of_its_own() {
    page(async |owner: Owner| {
        rendered(3);
        show(&owner, || 5);
        let socket = connected().await;
        let mut crowd = went_stale(5, 4);
        crowd["spread"] = json!(2000);
        said(&socket, crowd);
        no_request().await;
        pass(Duration::from_millis(1900));
        said(&socket, went_stale(5, 5));
        no_request().await;
        pass(Duration::from_millis(200));
        request().await.answer(&bundle("five", 5));
        settle().await;
        pass(Duration::from_secs(5));
        no_request().await;
    })
    .await;
}

#[tokio::test]
async fn the_server_knows_what_is_shown() {
    page(async |owner: Owner| {
        rendered(3);
        let id = owner.with(|| RwSignal::new(5));
        let component = owner.child();
        let board = show(&component, move || id.get());
        let socket = connected().await;
        assert_eq!(sent(&socket).len(), 1);
        id.set(6);
        settle().await;
        let _ = name(&component, board);
        let fetch = request().await;
        let contexts = |frames: &[Value]| frames.last().map(|frame| frame["contexts"].clone());
        assert_eq!(contexts(&sent(&socket)), Some(json!(["board;id=6"])));
        fetch.answer(&bundle("six", 9));
        settle().await;
        // The connection is lost: the server hears what is known
        socket.cut();
        pass(Duration::from_secs(1));
        let socket = connected().await;
        let mount = json!({ "op": "mount", "contexts": ["board;id=6"], "versions": [version(9)] });
        assert_eq!(sent(&socket), [mount]);
        component.cleanup();
        drop(component);
        settle().await;
        settle().await;
        assert_eq!(Page::current().live().len(), 0);
        assert_eq!(contexts(&sent(&socket)), Some(json!([])));
        pass(Duration::from_secs(6));
        assert!(socket.is_closed());
        assert!(opened().is_empty());
        assert_eq!(Page::current().live().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn somebody_else_has_another_connection() {
    page(async |owner: Owner| {
        rendered(3);
        show(&owner, || 5);
        let socket = connected().await;
        let call = tokio::task::spawn_local(rename_board(5, "new".to_owned()));
        request()
            .await
            .answer_saying("changed", 200, r#"{"result":null}"#);
        call.await.unwrap().unwrap();
        assert!(socket.is_closed());
        let socket = connected().await;
        assert_eq!(sent(&socket)[0]["op"], "mount");
        assert_eq!(
            asked().len(),
            1,
            "the board is fetched as whoever it is now"
        );
    })
    .await;
}
