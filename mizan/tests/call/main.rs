//! The endpoint of a function: what it answers to everything that can be sent to it.

#[path = "../support/log.rs"]
mod log;
#[path = "../support/mod.rs"]
mod support;

mod effects;
mod input;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use log::Log;
use mizan::{Code, Error, Mizan};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};
use support::{call, call_as, get, options, send};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct EchoOutput {
    message: String,
}

#[mizan::client]
async fn echo(text: String) -> mizan::Result<EchoOutput> {
    Ok(EchoOutput { message: text })
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    integer: i64,
    wide: u64,
    float: f64,
    flag: bool,
    text: Option<String>,
    list: Vec<u8>,
    unit: (),
    choice: Choice,
    map: BTreeMap<String, i32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Choice {
    Plain,
    Tuple(u8, String),
    Struct { at: (i32, i32) },
}

#[mizan::client]
async fn mirror(
    value: Everything,
    maybe: Option<Vec<Choice>>,
) -> mizan::Result<(Everything, Option<Vec<Choice>>)> {
    Ok((value, maybe))
}

#[mizan::client]
async fn nothing() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client]
async fn add(left: i32, right: i32) -> mizan::Result<i32> {
    left.checked_add(right)
        .ok_or_else(|| Error::bad_request("the sum is out of range"))
}

#[mizan::client]
async fn fail(code: String) -> mizan::Result<()> {
    let code = Code::from_name(&code).ok_or_else(|| Error::not_found("no such code"))?;
    Err(Error::new(code, "because").with_details(&json!({ "hint": 7 })))
}

#[mizan::client]
async fn trip() -> mizan::Result<String> {
    Ok(std::fs::read_to_string("/secret/place/that/is/not/there")?)
}

#[mizan::client]
async fn explode(at: u8) -> mizan::Result<u8> {
    let parts = [1, 2];
    tokio::task::yield_now().await;
    assert!(at != 9, "a secret panic text");
    Ok(parts[usize::from(at)])
}

#[mizan::client(private)]
async fn hidden() -> mizan::Result<u8> {
    Ok(1)
}

#[mizan::client]
async fn through_hidden() -> mizan::Result<u8> {
    hidden().await
}

#[mizan::client(name = Sum)]
async fn total(numbers: Vec<i64>) -> mizan::Result<i64> {
    Ok(numbers.iter().sum())
}

#[mizan::client]
async fn sleep() -> mizan::Result<()> {
    std::future::pending::<()>().await;
    Ok(())
}

#[derive(Clone)]
struct Greeting(String);

#[derive(Clone)]
struct Missing;

#[mizan::client]
async fn greet(#[serde(default)] name: String) -> mizan::Result<String> {
    let Greeting(hello) = mizan::state();
    Ok(format!("{hello}, {name}"))
}

#[mizan::client]
async fn unprovided() -> mizan::Result<()> {
    let Missing = mizan::state();
    Ok(())
}

/// A type whose own code panics, on the way in or out.
struct Trap(bool);

impl Serialize for Trap {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(!self.0, "a secret panic text");
        serializer.serialize_bool(self.0)
    }
}

impl<'de> Deserialize<'de> for Trap {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let armed = bool::deserialize(deserializer)?;
        assert!(!armed, "a secret panic text");
        Ok(Self(true))
    }
}

impl Clone for Trap {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl std::fmt::Debug for Trap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trap")
    }
}

#[mizan::client]
async fn trapped(trap: Trap) -> mizan::Result<Trap> {
    Ok(trap)
}

fn app() -> Router {
    Mizan::new(options())
        .provide(Greeting("Hello".to_owned()))
        .request_timeout(Duration::from_millis(300))
        .api()
        .expect("the functions fit together")
}

#[tokio::test]
async fn answers_are_an_envelope_that_nobody_stores() {
    let answer = call(&app(), "echo", r#"{"text":"hi"}"#).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text, r#"{"result":{"message":"hi"}}"#);
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
}

#[tokio::test]
async fn every_kind_of_value_survives_both_ways() {
    let value = Everything {
        integer: i64::MIN,
        wide: u64::MAX,
        float: 0.1,
        flag: true,
        text: Some(String::new()),
        list: vec![],
        unit: (),
        choice: Choice::Struct { at: (-1, 1) },
        map: [("</script>\u{2028}\0".to_owned(), -5)].into(),
    };
    for maybe in [
        None,
        Some(vec![]),
        Some(vec![Choice::Plain, Choice::Tuple(255, "é😀".to_owned())]),
    ] {
        let sent = json!({ "value": value, "maybe": maybe }).to_string();
        let answer = call(&app(), "mirror", sent).await;
        let result: (Everything, Option<Vec<Choice>>) =
            serde_json::from_value(answer.json()["result"].clone()).unwrap();
        assert_eq!(result, (value.clone(), maybe));
    }
    assert_eq!(
        call(&app(), "nothing", "{}").await.text,
        r#"{"result":null}"#
    );
    assert_eq!(
        call(&app(), "total", r#"{"numbers":[1,2]}"#).await.text,
        r#"{"result":3}"#
    );
}

#[tokio::test]
async fn a_function_is_called_on_the_server_like_any_other() {
    assert_eq!(add(2, 3).await.unwrap(), 5);
    assert_eq!(hidden().await.unwrap(), 1);
    assert_eq!(total(vec![1, 2]).await.unwrap(), 3);
    assert_eq!(
        explode(7).await.unwrap_err().code(),
        Code::Internal,
        "also a direct call catches the panic"
    );
}

#[tokio::test]
async fn every_code_has_its_status() {
    for &code in Code::ALL {
        let answer = call(&app(), "fail", json!({ "code": code.name() }).to_string()).await;
        let expected = if code == Code::Network {
            500
        } else {
            code.status()
        };
        assert_eq!(answer.status.as_u16(), expected, "{code}");
        let body = json!({ "error": { "code": code.name(), "message": "because", "details": { "hint": 7 } } });
        assert_eq!(answer.json(), body);
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    }
}

#[tokio::test]
async fn private_functions_are_for_the_server() {
    let answer = call(&app(), "hidden", "{}").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::FORBIDDEN, "FORBIDDEN")
    );
    assert_eq!(
        call(&app(), "through_hidden", "{}").await.json()["result"],
        1
    );
}

#[tokio::test]
async fn nothing_internal_is_sent() {
    let app = app();
    for (function, body) in [
        ("trip", "{}"),
        ("explode", r#"{"at":9}"#),
        ("explode", r#"{"at":7}"#),
        ("unprovided", "{}"),
        ("trapped", r#"{"trap":true}"#),
        ("trapped", r#"{"trap":false}"#),
    ] {
        let answer = call(&app, function, body).await;
        assert_eq!(
            answer.status,
            StatusCode::INTERNAL_SERVER_ERROR,
            "{function}"
        );
        let expected = json!({ "error": { "code": "INTERNAL_ERROR", "message": "something went wrong on the server" } });
        assert_eq!(answer.json(), expected);
        let everything = format!("{}{:?}", answer.text, answer.headers).to_lowercase();
        for secret in [
            "secret",
            "os error",
            "panick",
            ".rs",
            "/src",
            "index out of bounds",
            "missing",
            "mizan::state",
        ] {
            assert!(
                !everything.contains(secret),
                "{function} tells {secret:?}: {everything}"
            );
        }
    }
    let answer = call(&app, "echo", r#"{"text":"still there"}"#).await;
    assert_eq!(answer.status, StatusCode::OK, "the server lives");
}

#[tokio::test]
async fn state_comes_from_the_builder() {
    let answer = call(&app(), "greet", r#"{"name":"Ada"}"#).await;
    assert_eq!(answer.json()["result"], "Hello, Ada");
    let answer = call(&app(), "greet", "{}").await;
    assert_eq!(
        answer.json()["result"],
        "Hello, ",
        "serde's attributes on an argument count"
    );
}

#[tokio::test]
async fn each_call_has_a_span_with_its_name_code_and_duration() {
    let log = Log::default();
    let _guard = log.subscribe(tracing::Level::DEBUG);
    let app = app();
    call(&app, "echo", r#"{"text":"a"}"#).await;
    call(&app, "fail", r#"{"code":"CONFLICT"}"#).await;
    call(&app, "trip", "{}").await;
    let log = log.text();
    for expected in [
        r#"call{function="echo" code="OK" duration_us="#,
        r#"call{function="fail" code="CONFLICT" duration_us="#,
        r#"call{function="trip" code="INTERNAL_ERROR" duration_us="#,
    ] {
        assert!(log.contains(expected), "{expected} is not in:\n{log}");
    }
    assert!(
        log.contains("ERROR") && log.contains("tests/call/main.rs") && log.contains("No such file"),
        "the cause and its place are logged:\n{log}"
    );
}

#[tokio::test]
async fn what_takes_too_long_is_given_up() {
    let answer = call(&app(), "sleep", "{}").await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
    );
}

#[tokio::test]
async fn health_is_told() {
    let answer = get(&app(), "/api/mizan/health").await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (StatusCode::OK, r#"{"status":"ok"}"#)
    );
}

#[tokio::test]
async fn the_router_merges_with_the_applications_own() {
    use axum::{
        extract::State, middleware::map_response, response::Response, routing::get as get_route,
    };
    let own: Router = Router::new()
        .route(
            "/own",
            get_route(|State(n): State<u8>| async move { n.to_string() }),
        )
        .with_state(7);
    let app = app()
        .merge(own)
        .layer(map_response(async |mut response: Response| {
            response
                .headers_mut()
                .insert("x-layer", "here".parse().unwrap());
            response
        }));
    assert_eq!(get(&app, "/own").await.text, "7");
    let answer = call(&app, "echo", r#"{"text":"hi"}"#).await;
    assert_eq!(
        (answer.status, answer.header("x-layer")),
        (StatusCode::OK, "here")
    );
    let nested = Router::new().nest("/inner", self::app());
    assert_eq!(
        get(&nested, "/inner/api/mizan/health").await.status,
        StatusCode::OK
    );
}
