//! One suite for every store that sessions can be kept in, each asked by two nodes.
//!
//! `cargo xtask test` starts PostgreSQL and Redis, and says where.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;
#[path = "support/users.rs"]
mod users;

use axum::Router;
use mizan::{
    Mizan,
    auth::{
        Sessions, TokenPair,
        token::{Key, Tokens},
    },
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use support::options;
use tokio::sync::Notify;
use users::{Account, Accounts, call_with, cookie, session_of};

#[mizan::client]
async fn put(text: String) -> mizan::Result<()> {
    mizan::session().insert("text", text).await?;
    Ok(())
}

#[mizan::client]
async fn read() -> mizan::Result<Option<String>> {
    Ok(mizan::session().get("text").await?)
}

#[derive(Clone, Default)]
struct Gate {
    read: Arc<Notify>,
    go_on: Arc<Notify>,
}

#[mizan::client]
async fn put_slowly() -> mizan::Result<()> {
    let Gate { read, go_on } = mizan::state();
    let session = mizan::session();
    let _: Option<String> = session.get("text").await?;
    read.notify_one();
    go_on.notified().await;
    session.insert("text", "written late").await?;
    Ok(())
}

#[mizan::client(auth)]
async fn token() -> mizan::Result<TokenPair> {
    let account = mizan::current_user::<Account>().await?;
    mizan::auth::token::issue(&account.expect("the guard has seen it")).await
}

/// Two nodes with one store.
struct Nodes {
    accounts: Accounts,
    gate: Gate,
    first: Router,
    second: Router,
}

impl Nodes {
    async fn start(url: &str, expire_after: Duration) -> Self {
        let (accounts, gate) = (Accounts::new(), Gate::default());
        let node = async || {
            let sessions = Sessions::connect(url).await.unwrap();
            let key = Key::new("one", b"0123456789abcdef0123456789abcdef").unwrap();
            Mizan::new(options())
                .users(accounts.clone())
                .sessions(sessions.expire_after(expire_after))
                .tokens(Tokens::new("here", key))
                .provide(gate.clone())
                .api()
                .unwrap()
        };
        let (first, second) = (node().await, node().await);
        Self {
            accounts,
            gate,
            first,
            second,
        }
    }
}

async fn result(app: &Router, function: &str, body: &str, session: &str) -> Value {
    let answer = call_with(app, function, body, &[("cookie", session)]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["result"].clone()
}

async fn conformance(url: &str) {
    a_session_is_known_to_both(url).await;
    a_session_that_ended_stays_so(url).await;
    what_is_stored_comes_back(url).await;
    a_session_expires(url).await;
    tokens_are_refreshed_on_any_node(url).await;
}

const LONG: Duration = Duration::from_secs(1000);

async fn a_session_is_known_to_both(url: &str) {
    let nodes = Nodes::start(url, LONG).await;
    let session = session_of(&nodes.first, "user").await;
    assert_eq!(result(&nodes.second, "who", "{}", &session).await, "user");
    // Rotated on the other node
    let headers = [("cookie", session.as_str())];
    let answer = call_with(&nodes.second, "sign_in", r#"{"name":"user"}"#, &headers).await;
    let rotated = cookie(&answer);
    assert_eq!(result(&nodes.first, "who", "{}", &rotated).await, "user");
    assert_eq!(
        result(&nodes.first, "who", "{}", &session).await,
        Value::Null
    );
    // Another password ends it everywhere
    nodes.accounts.change(1, |account| account.secret.push('x'));
    assert_eq!(
        result(&nodes.first, "who", "{}", &rotated).await,
        Value::Null
    );
    assert_eq!(
        result(&nodes.second, "who", "{}", &rotated).await,
        Value::Null
    );
}

async fn a_session_that_ended_stays_so(url: &str) {
    let nodes = Nodes::start(url, LONG).await;
    let session = session_of(&nodes.first, "user").await;
    // It ends on the second node while a request on the first has it
    let slow = {
        let (app, session) = (nodes.first.clone(), session.clone());
        tokio::spawn(async move { result(&app, "put_slowly", "{}", &session).await })
    };
    nodes.gate.read.notified().await;
    result(&nodes.second, "sign_out", "{}", &session).await;
    nodes.gate.go_on.notify_one();
    slow.await.unwrap();
    for node in [&nodes.first, &nodes.second] {
        assert_eq!(result(node, "who", "{}", &session).await, Value::Null);
        assert_eq!(result(node, "read", "{}", &session).await, Value::Null);
    }
}

async fn what_is_stored_comes_back(url: &str) {
    let nodes = Nodes::start(url, LONG).await;
    let hostile = "'; DROP TABLE tower_sessions; -- \0 \u{1f600} \" \\ \r\n";
    for text in [hostile.to_owned(), String::new(), "x".repeat(100_000)] {
        let body = json!({ "text": text }).to_string();
        let session = cookie(&call_with(&nodes.first, "put", &body, &[]).await);
        assert_eq!(result(&nodes.second, "read", "{}", &session).await, text);
    }
}

async fn a_session_expires(url: &str) {
    let nodes = Nodes::start(url, Duration::from_secs(2)).await;
    let session = session_of(&nodes.first, "user").await;
    assert_eq!(result(&nodes.second, "who", "{}", &session).await, "user");
    tokio::time::sleep(Duration::from_millis(3100)).await;
    assert_eq!(
        result(&nodes.first, "who", "{}", &session).await,
        Value::Null
    );
    assert_eq!(
        result(&nodes.second, "who", "{}", &session).await,
        Value::Null
    );
}

async fn tokens_are_refreshed_on_any_node(url: &str) {
    let nodes = Nodes::start(url, LONG).await;
    let session = session_of(&nodes.first, "user").await;
    let pair = result(&nodes.first, "token", "{}", &session).await;
    let first: TokenPair = serde_json::from_value(pair).unwrap();
    let second = refresh(&nodes.second, &first.refresh_token).await.unwrap();
    let third = refresh(&nodes.first, &second.refresh_token).await.unwrap();
    assert!(refresh(&nodes.second, &first.refresh_token).await.is_none());
    assert!(refresh(&nodes.first, &third.refresh_token).await.is_none());
}

async fn refresh(app: &Router, token: &str) -> Option<TokenPair> {
    let request = axum::http::Request::post("/api/mizan/token");
    let request = request.header("content-type", "application/json");
    let body = json!({ "refresh_token": token }).to_string();
    let answer = support::send(app, request.body(body.into()).unwrap()).await;
    serde_json::from_value(answer.json()).ok()
}

/// What the harness has started.
fn service(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test host`"))
}

#[tokio::test]
async fn sqlite() {
    let folder = std::env::temp_dir().join(format!("mizan-sessions-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    conformance(&format!("sqlite://{}/sessions.db", folder.display())).await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn postgres() {
    conformance(&service("MIZAN_TEST_POSTGRES")).await;
}

#[tokio::test]
async fn redis() {
    conformance(&service("MIZAN_TEST_REDIS")).await;
}

#[tokio::test]
async fn what_is_no_store_is_told() {
    let error = Sessions::connect("mysql://localhost").await.unwrap_err();
    assert!(error.to_string().contains("\"mysql\""), "{error}");
    for url in [
        "sqlite:///no/such/folder/at/all.db",
        "postgres://mizan@127.0.0.1:1/postgres",
        "redis://127.0.0.1:1",
    ] {
        let connect = Sessions::connect(url);
        let connected = tokio::time::timeout(Duration::from_secs(20), connect).await;
        assert!(connected.expect("it gives up").is_err(), "{url}");
    }
}
