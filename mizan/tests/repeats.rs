//! `Idempotency-Key`: what is asked for again was done once.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;
#[path = "support/users.rs"]
mod users;

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, header},
};
use mizan::{Code, Error, Mizan};
use serde_json::json;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use support::{Answer, options, send};
use tokio::sync::Notify;
use users::{Accounts, session_of};

/// How often a body ran, and what some wait for.
#[derive(Clone, Default)]
struct Runs(Arc<(AtomicUsize, Notify)>);

impl Runs {
    fn count(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }
}

fn run() -> usize {
    let Runs(runs) = mizan::state();
    runs.0.fetch_add(1, Ordering::SeqCst) + 1
}

/// Says the how manieth run it was.
#[mizan::client(input = PostUrl)]
async fn order(text: String) -> mizan::Result<String> {
    mizan::cookies().set(("seen", "yes"));
    Ok(format!("{text} {}", run()))
}

#[mizan::client]
async fn another(text: String) -> mizan::Result<String> {
    Ok(format!("{text} {}", run()))
}

#[mizan::client]
async fn wait() -> mizan::Result<usize> {
    let Runs(runs) = mizan::state();
    runs.1.notified().await;
    Ok(run())
}

#[mizan::client]
async fn fail(code: String) -> mizan::Result<()> {
    let run = run();
    let code = Code::from_name(&code).unwrap_or(Code::Internal);
    assert!(code != Code::Internal, "on purpose");
    Err(Error::new(code, format!("run {run}")))
}

#[mizan::client(auth)]
async fn guarded() -> mizan::Result<usize> {
    Ok(run())
}

#[mizan::form]
struct OrderForm {
    text: String,
}

#[mizan::form_handler]
impl FormHandler for OrderForm {
    type Output = usize;

    async fn submit(self) -> mizan::Result<usize> {
        drop(self.text);
        Ok(run())
    }
}

fn app() -> (Router, Runs) {
    let runs = Runs::default();
    let app = Mizan::new(options())
        .users(Accounts::new())
        .provide(runs.clone());
    (app.api().unwrap(), runs)
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn request(function: &str, body: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::post(format!("/api/mizan/call/{function}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

async fn keyed(app: &Router, function: &str, body: &str, key: &str) -> Answer {
    let headers = [JSON, ("idempotency-key", key)];
    send(app, request(function, body, &headers)).await
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer() {
    let (app, runs) = app();
    let body = r#"{"text":"tea"}"#;
    for _ in 0..3 {
        let answer = keyed(&app, "order", body, "a").await;
        assert_eq!(
            (answer.status.as_u16(), answer.text.as_str()),
            (200, r#"{"result":"tea 1"}"#)
        );
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
    }
    assert_eq!(runs.count(), 1);
    // Another key, another function, and none
    assert_eq!(
        keyed(&app, "order", body, "b").await.json()["result"],
        "tea 2"
    );
    assert_eq!(
        keyed(&app, "another", body, "a").await.json()["result"],
        "tea 3"
    );
    for run in [4, 5] {
        let answer = send(&app, request("order", body, &[JSON])).await;
        assert_eq!(answer.json()["result"], format!("tea {run}"));
    }
}

#[tokio::test]
async fn forms_too() {
    let (app, runs) = app();
    for _ in 0..2 {
        let answer = keyed(&app, "order.submit", r#"{"text":"tea"}"#, "a").await;
        assert_eq!(answer.json()["result"], 1);
        let form = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "text/html"),
            ("referer", "http://site/page"),
            ("idempotency-key", "b"),
        ];
        let answer = send(&app, request("order", "text=tea", &form)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header(header::LOCATION)),
            (303, "/page")
        );
    }
    assert_eq!(runs.count(), 2);
}

#[tokio::test]
async fn a_key_is_one_call_s() {
    let (app, runs) = app();
    keyed(&app, "order", r#"{"text":"tea"}"#, "a").await;
    let answer = keyed(&app, "order", r#"{"text":"coffee"}"#, "a").await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (422, "VALIDATION_ERROR".to_owned())
    );
    let again = keyed(&app, "order", r#"{"text":"tea"}"#, "a").await;
    assert_eq!(again.json()["result"], "tea 1", "the first is still known");
    assert_eq!(runs.count(), 1);
}

#[tokio::test]
async fn a_key_is_one_caller_s() {
    let (app, _) = app();
    let (ada, bob) = (
        session_of(&app, "user").await,
        session_of(&app, "staff").await,
    );
    let mut results = Vec::new();
    for (cookie, address) in [
        ("", "10.0.0.1:1"),
        ("", "10.0.0.2:1"),
        (&ada, "10.0.0.1:1"),
        (&bob, "10.0.0.1:1"),
        // The same again, from elsewhere
        (&ada, "10.0.0.2:1"),
        ("", "10.0.0.1:2"),
    ] {
        let headers = [JSON, ("idempotency-key", "a"), ("cookie", cookie)];
        let mut request = request("another", r#"{"text":"tea"}"#, &headers);
        let address: SocketAddr = address.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(address));
        results.push(send(&app, request).await.json()["result"].clone());
    }
    assert_eq!(
        results,
        ["tea 1", "tea 2", "tea 3", "tea 4", "tea 3", "tea 1"]
    );
}

#[tokio::test]
async fn what_was_not_done_is_done_now() {
    let (app, runs) = app();
    // Failures of the server's, and refusals
    for code in [
        "INTERNAL_ERROR",
        "UNAVAILABLE",
        "UNAUTHORIZED",
        "FORBIDDEN",
        "TOO_MANY_REQUESTS",
    ] {
        let (before, body) = (runs.count(), json!({ "code": code }).to_string());
        for _ in 0..2 {
            assert_eq!(keyed(&app, "fail", &body, code).await.code(), code);
        }
        assert_eq!(runs.count(), before + 2, "{code}");
    }
    // Any other is an answer
    for code in ["NOT_FOUND", "CONFLICT", "VALIDATION_ERROR"] {
        let (before, body) = (runs.count(), json!({ "code": code }).to_string());
        let first = keyed(&app, "fail", &body, code).await;
        let second = keyed(&app, "fail", &body, code).await;
        assert_eq!((first.status, first.text), (second.status, second.text));
        assert_eq!(runs.count(), before + 1, "{code}");
    }
    // Not even a guard's answer stands in its own way
    let before = runs.count();
    assert_eq!(keyed(&app, "guarded", "{}", "g").await.status, 401);
    let cookie = session_of(&app, "user").await;
    let headers = [JSON, ("idempotency-key", "g"), ("cookie", &cookie)];
    assert_eq!(
        send(&app, request("guarded", "{}", &headers)).await.status,
        200
    );
    assert_eq!(
        keyed(&app, "guarded", "{}", "g").await.status,
        401,
        "nor is it another's"
    );
    assert_eq!(runs.count(), before + 1);
}

#[tokio::test]
async fn those_who_come_too_early_wait() {
    let (app, runs) = app();
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let app = app.clone();
            tokio::spawn(async move { keyed(&app, "wait", "{}", "a").await.text })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = keyed(&app, "wait", r#"{ }"#, "a").await;
    assert_eq!(answer.status, 422, "another body need not wait");
    runs.0.1.notify_one();
    for call in calls {
        assert_eq!(call.await.unwrap(), r#"{"result":1}"#);
    }
    assert_eq!(runs.count(), 1);
}

#[tokio::test]
async fn a_call_goes_on_without_its_caller() {
    let (app, runs) = app();
    let call = keyed(&app, "wait", "{}", "a");
    let gone = tokio::time::timeout(Duration::from_millis(50), call).await;
    assert!(gone.is_err());
    runs.0.1.notify_one();
    assert_eq!(keyed(&app, "wait", "{}", "a").await.json()["result"], 1);
    assert_eq!(runs.count(), 1);
}

#[tokio::test]
async fn cookies_are_not_given_again() {
    let (app, _) = app();
    let body = r#"{"text":"tea"}"#;
    let first = keyed(&app, "order", body, "a").await;
    assert_eq!(
        first.header(header::SET_COOKIE).split(';').next(),
        Some("seen=yes")
    );
    assert_eq!(
        keyed(&app, "order", body, "a")
            .await
            .header(header::SET_COOKIE),
        ""
    );
    let body = r#"{"name":"user"}"#;
    let first = keyed(&app, "sign_in", body, "a").await;
    assert_eq!(
        (
            first.status.as_u16(),
            first.headers.contains_key(header::SET_COOKIE)
        ),
        (200, true)
    );
    let second = keyed(&app, "sign_in", body, "a").await;
    assert_eq!(
        (
            second.status.as_u16(),
            second.headers.contains_key(header::SET_COOKIE)
        ),
        (200, false)
    );
    assert_eq!(second.header("mizan-session"), "");
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let (app, runs) = app();
    let long = "x".repeat(256);
    for key in ["", &long] {
        let answer = keyed(&app, "order", r#"{"text":"tea"}"#, key).await;
        assert_eq!(answer.code(), "BAD_REQUEST", "{key:?}");
    }
    let twice = [JSON, ("idempotency-key", "a"), ("idempotency-key", "a")];
    let answer = send(&app, request("order", r#"{"text":"tea"}"#, &twice)).await;
    assert_eq!(answer.status, 400);
    assert_eq!(runs.count(), 0);
}
