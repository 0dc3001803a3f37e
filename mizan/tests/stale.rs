//! What goes stale other than in a call that answers for it: while a page is rendered, or outside of
//! a request. All who show it learn that too.
//!
//! The servers of all tests run in one process, and are told what goes stale outside of a request:
//! each test has instances of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/users.rs"]
mod users;

use axum::{Router, body::Body, http::Request};
use leptos::{config::LeptosOptions, prelude::*};
use leptos_router::{
    components::{Route, Router as Routed, Routes},
    path,
};
use mizan::Mizan;
use serde_json::{Value, json};
use served::{Served, Socket};
use std::time::Duration;
use support::{call, get, options, send};
use tokio::time::timeout;
use users::{Accounts, call_with, session_of};

#[mizan::context(live)]
struct BoardContext {
    id: i64,
}

#[mizan::client(context = BoardContext)]
async fn board(id: i64) -> mizan::Result<i64> {
    Ok(id)
}

#[mizan::client(affects = BoardContext)]
async fn rename(id: i64) -> mizan::Result<()> {
    let _ = id;
    Ok(())
}

/// What each has for themselves.
#[mizan::context(live)]
struct CartContext {
    id: i64,
}

#[mizan::client(context = CartContext)]
async fn cart(id: i64) -> mizan::Result<i64> {
    Ok(id)
}

#[mizan::client(affects = own(CartContext))]
async fn buy(id: i64) -> mizan::Result<()> {
    let _ = id;
    Ok(())
}

/// Calls something that succeeds, and then takes for ever.
#[mizan::client]
async fn rename_and_hang(id: i64) -> mizan::Result<()> {
    rename(id).await?;
    std::future::pending().await
}

/// Leaves it to a task.
#[mizan::client]
async fn rename_later(id: i64) -> mizan::Result<()> {
    tokio::spawn(async move {
        mizan::invalidate(BoardContext { id });
    });
    Err(mizan::Error::conflict("not now"))
}

/// Counts who looks, where others see it.
#[mizan::context]
struct DeskContext {
    id: i64,
}

#[mizan::client(context = DeskContext)]
async fn desk(id: i64) -> mizan::Result<()> {
    rename(id).await
}

#[mizan::client(affects = DeskContext)]
async fn clear(id: i64) -> mizan::Result<()> {
    let _ = id;
    Ok(())
}

#[component]
fn App() -> impl IntoView {
    view! {
        <Routed>
            <Routes fallback=|| "no such page">
                <Route path=path!("/called") view=Called/>
                <Route path=path!("/bought") view=Bought/>
                <Route path=path!("/said") view=Said/>
            </Routes>
        </Routed>
    }
}

#[component]
fn Called() -> impl IntoView {
    let renamed = Resource::new(|| 11, rename);
    view! { <Suspense>{move || renamed.get().map(|_| "renamed")}</Suspense> }
}

#[component]
fn Bought() -> impl IntoView {
    let bought = Resource::new(|| 12, buy);
    view! { <Suspense>{move || bought.get().map(|_| "bought")}</Suspense> }
}

#[component]
fn Said() -> impl IntoView {
    mizan::invalidate(BoardContext { id: 13 });
}

fn shell(_: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html lang="en"><head></head><body><App/></body></html> }
}

struct Server {
    app: Router,
    served: Served,
}

impl Server {
    async fn start() -> Self {
        let mizan = Mizan::new(options()).users(Accounts::new());
        let app = support::building(|| mizan.router(App, shell));
        Self {
            served: Served::start(app.clone()).await,
            app,
        }
    }

    /// A page that shows an instance.
    async fn shows(&self, key: &str, cookie: &str) -> Socket {
        let mut socket = self.served.connect(cookie).await;
        socket
            .send(json!({ "op": "mount", "contexts": [key] }))
            .await;
        // Nobody said which version it has
        while socket.next().await["op"] != "mounted" {}
        socket
    }
}

async fn is_stale(socket: &mut Socket, key: &str) {
    let frame = socket.next().await;
    assert_eq!(frame["op"], "invalidate", "{frame}");
    assert_eq!(frame["contexts"], json!([key]));
}

async fn silence(socket: &mut Socket) {
    let heard = timeout(Duration::from_millis(200), socket.receive()).await;
    assert!(heard.is_err(), "{heard:?}");
}

#[tokio::test]
async fn what_a_page_changes_while_it_is_rendered_others_learn() {
    let server = Server::start().await;
    let mut called = server.shows("board;id=11", "").await;
    let page = get(&server.app, "/called").await;
    assert!(page.text.contains("renamed"), "{}", page.text);
    is_stale(&mut called, "board;id=11").await;

    let mut said = server.shows("board;id=13", "").await;
    get(&server.app, "/said").await;
    is_stale(&mut said, "board;id=13").await;
    server.served.stop().await;
}

#[tokio::test]
async fn what_is_ones_own_in_a_page_they_alone_learn() {
    let server = Server::start().await;
    let cookie = session_of(&server.app, "user").await;
    let mut own = server.shows("cart;id=12", &cookie).await;
    let staff = session_of(&server.app, "staff").await;
    let mut other = server.shows("cart;id=12", &staff).await;
    let request = Request::get("/bought").header("cookie", &cookie);
    let page = send(&server.app, request.body(Body::empty()).unwrap()).await;
    assert!(page.text.contains("bought"), "{}", page.text);
    is_stale(&mut own, "cart;id=12").await;
    silence(&mut other).await;
    server.served.stop().await;
}

#[tokio::test]
async fn what_a_read_changes_others_learn() {
    let server = Server::start().await;
    let mut socket = server.shows("board;id=21", "").await;
    get(&server.app, "/api/mizan/ctx/desk?id=21").await;
    is_stale(&mut socket, "board;id=21").await;
    // And one that comes with an answer, after what the call itself did was told
    let mounted = [("mizan-mounted", "desk;id=21")];
    let answer = call_with(&server.app, "clear", r#"{"id":21}"#, &mounted).await;
    assert_eq!(answer.json()["refreshed"][0]["context"], "desk");
    is_stale(&mut socket, "board;id=21").await;
    server.served.stop().await;
}

#[tokio::test]
async fn what_was_done_is_told_when_the_caller_has_gone() {
    let server = Server::start().await;
    let mut socket = server.shows("board;id=31", "").await;
    let hanging = call(&server.app, "rename_and_hang", r#"{"id":31}"#);
    assert!(timeout(Duration::from_millis(100), hanging).await.is_err());
    is_stale(&mut socket, "board;id=31").await;
    server.served.stop().await;
}

#[tokio::test]
async fn outside_of_a_request_all_servers_tell() {
    let servers = [Server::start().await, Server::start().await];
    let mut sockets = Vec::new();
    for server in &servers {
        sockets.push(server.shows("board;id=41", "").await);
    }
    let mut told = async || {
        for socket in &mut sockets {
            is_stale(socket, "board;id=41").await;
        }
    };
    tokio::spawn(async { mizan::invalidate(BoardContext { id: 41 }) });
    told().await;
    // Where there is no runtime
    std::thread::spawn(|| mizan::invalidate(BoardContext { id: 41 }));
    told().await;
    rename(41).await.unwrap();
    told().await;
    let later = call(&servers[0].app, "rename_later", r#"{"id":41}"#).await;
    assert_eq!(later.code(), "CONFLICT");
    told().await;
    // In a body it counts as ever: where that succeeds, and once
    let answer = call(&servers[0].app, "rename", r#"{"id":41}"#).await;
    assert_eq!(answer.json()["result"], Value::Null);
    is_stale(&mut sockets[0], "board;id=41").await;
    silence(&mut sockets[0]).await;
    silence(&mut sockets[1]).await;
    for server in servers {
        server.served.stop().await;
    }
}
