//! The endpoint of a function: what it answers to everything that can be sent to it.

#[path = "support/log.rs"]
mod log;
mod support;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use log::Log;
use mizan::{Code, Error, Mizan};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
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

#[mizan::client]
async fn visit(again: bool) -> mizan::Result<Option<String>> {
    let cookies = mizan::cookies();
    let seen = cookies.get("seen");
    cookies.set(("seen", "first; second"));
    if again {
        cookies.set(("seen", "twice"));
        cookies.set(mizan::cookie::Cookie::build(("other", "x")).http_only(false));
        assert_eq!(
            cookies.get("seen").as_deref(),
            Some("twice"),
            "what was set is what is read"
        );
        cookies.remove("gone");
        assert_eq!(cookies.get("gone"), None, "and what was removed is not");
    }
    Ok(seen)
}

#[mizan::client]
async fn go(fail: bool) -> mizan::Result<u8> {
    mizan::redirect("/else where\n");
    if fail {
        Err(Error::conflict("stay"))
    } else {
        Ok(4)
    }
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

#[mizan::client(input = PostUrl)]
async fn sign(name: String, age: Option<u8>) -> mizan::Result<String> {
    if name == "Nobody" {
        return Err(Error::invalid_field("name", "is not a name"));
    }
    if name == "Mover" {
        mizan::redirect("/moved");
    }
    Ok(format!("{name} {age:?}"))
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

/// Malformed requests, and what each is answered. The last column is the field that is named.
#[tokio::test]
async fn bad_input_gets_the_right_code_and_names_the_field() {
    let deep = format!("{{\"text\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let nul = "{\"text\":\"a\0b\"}".to_owned();
    type Row<'a> = (&'a str, &'a str, &'a [u8], u16, &'a str, &'a str);
    let rows: &[Row<'_>] = &[
        ("empty", "echo", b"", 400, "BAD_REQUEST", ""),
        ("not JSON", "echo", b"{text", 400, "BAD_REQUEST", ""),
        ("cut off", "echo", b"{\"text\":\"a", 400, "BAD_REQUEST", ""),
        (
            "trailing text",
            "echo",
            b"{\"text\":\"a\"} x",
            400,
            "BAD_REQUEST",
            "",
        ),
        (
            "two values",
            "echo",
            b"{\"text\":\"a\"}{}",
            400,
            "BAD_REQUEST",
            "",
        ),
        (
            "NaN",
            "add",
            b"{\"left\":NaN,\"right\":1}",
            400,
            "BAD_REQUEST",
            "",
        ),
        (
            "Infinity",
            "add",
            b"{\"left\":1,\"right\":Infinity}",
            400,
            "BAD_REQUEST",
            "",
        ),
        ("deep", "echo", deep.as_bytes(), 400, "BAD_REQUEST", ""),
        (
            "invalid UTF-8",
            "echo",
            b"{\"text\":\"\xff\xfe\"}",
            400,
            "BAD_REQUEST",
            "",
        ),
        (
            "half a surrogate pair",
            "echo",
            b"{\"text\":\"\\ud800\"}",
            400,
            "BAD_REQUEST",
            "",
        ),
        ("a raw NUL", "echo", nul.as_bytes(), 400, "BAD_REQUEST", ""),
        ("an array", "echo", b"[\"a\"]", 422, "VALIDATION_ERROR", ""),
        ("null", "echo", b"null", 422, "VALIDATION_ERROR", ""),
        ("a string", "echo", b"\"text\"", 422, "VALIDATION_ERROR", ""),
        (
            "a missing field",
            "echo",
            b"{}",
            422,
            "VALIDATION_ERROR",
            "text",
        ),
        (
            "an unknown field",
            "echo",
            b"{\"text\":\"a\",\"admin\":true}",
            422,
            "VALIDATION_ERROR",
            "admin",
        ),
        (
            "an unknown field alone",
            "nothing",
            b"{\"x\":1}",
            422,
            "VALIDATION_ERROR",
            "x",
        ),
        (
            "a field twice",
            "echo",
            b"{\"text\":\"a\",\"text\":\"b\"}",
            422,
            "VALIDATION_ERROR",
            "text",
        ),
        (
            "a wrong type",
            "echo",
            b"{\"text\":7}",
            422,
            "VALIDATION_ERROR",
            "text",
        ),
        (
            "a number out of range",
            "add",
            b"{\"left\":3000000000,\"right\":1}",
            422,
            "VALIDATION_ERROR",
            "left",
        ),
        (
            "a nested field twice",
            "mirror",
            b"{\"value\":{\"integer\":1,\"integer\":2}}",
            422,
            "VALIDATION_ERROR",
            "value.integer",
        ),
        (
            "a fraction",
            "add",
            b"{\"left\":1,\"right\":1.5}",
            422,
            "VALIDATION_ERROR",
            "right",
        ),
        (
            "an object for a list",
            "total",
            b"{\"numbers\":{}}",
            422,
            "VALIDATION_ERROR",
            "numbers",
        ),
        (
            "an unknown field of a nested type",
            "mirror",
            b"{\"value\":{\"x\":1}}",
            422,
            "VALIDATION_ERROR",
            "value.integer",
        ),
        (
            "a wrong element",
            "total",
            b"{\"numbers\":[1,\"2\"]}",
            422,
            "VALIDATION_ERROR",
            "numbers[1]",
        ),
    ];
    let app = app();
    for &(what, function, body, status, code, field) in rows {
        let answer = call(&app, function, body.to_vec()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{what}: {}",
            answer.text
        );
        if !field.is_empty() {
            let fields = &answer.json()["error"]["details"]["fields"];
            assert!(
                fields[field].is_array(),
                "{what}: {field} is not named in {fields}"
            );
            assert_eq!(fields.as_object().unwrap().len(), 1, "{what}: {fields}");
        }
    }
}

#[tokio::test]
async fn several_mistakes_are_told_at_once() {
    let answer = call(&app(), "add", r#"{"left":"a","down":1,"up":2}"#).await;
    let fields = answer.json()["error"]["details"]["fields"].clone();
    let names: Vec<_> = fields.as_object().unwrap().keys().cloned().collect();
    assert!(
        ["down", "up"]
            .iter()
            .all(|name| names.contains(&(*name).to_owned())),
        "{names:?}"
    );
}

#[tokio::test]
async fn what_was_sent_does_not_come_back_at_full_length() {
    let name = "x".repeat(500_000);
    let app = app();
    let answer = call(&app, "echo", format!("{{\"{name}\":1}}")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.len() < 1000, "{} bytes", answer.text.len());
    let many: String = (0..100_000)
        .map(|number| format!("\"{number}\":0,"))
        .collect();
    let answer = call(&app, "echo", format!("{{{many}\"text\":\"a\"}}")).await;
    assert!(answer.text.len() < 4000, "{} bytes", answer.text.len());
    let wrong = format!("{{\"left\":\"{name}\",\"right\":1}}");
    let answer = call(&app, "add", wrong).await;
    assert!(answer.text.len() < 1000, "{} bytes", answer.text.len());
}

#[tokio::test]
async fn only_the_right_content_types_are_taken() {
    let app = app();
    let body = r#"{"text":"hi"}"#;
    for (content_type, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON;charset=UTF-8", 200),
        ("application/json; charset=latin1", 415),
        ("text/plain", 415),
        ("text/plain; application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("nonsense", 415),
        ("", 415),
    ] {
        let answer = call_as(&app, "echo", content_type, body).await;
        assert_eq!(answer.status.as_u16(), status, "{content_type}");
    }
    let request = Request::post("/api/mizan/call/echo")
        .body(Body::from(body))
        .unwrap();
    let answer = send(&app, request).await;
    assert_eq!(answer.code(), "UNSUPPORTED_MEDIA_TYPE", "none at all");
}

#[tokio::test]
async fn only_post_calls_a_function() {
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let request = Request::builder()
            .method(method.clone())
            .uri("/api/mizan/call/echo")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(r#"{"text":"hi"}"#))
            .unwrap();
        let answer = send(&app(), request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header(header::ALLOW), "POST");
    }
}

#[tokio::test]
async fn there_is_nothing_beside_the_functions() {
    let app = app();
    for path in [
        "nope",
        "Echo",
        "ECHO",
        "echo/",
        "echo/x",
        "..%2fecho",
        "%2e%2e/echo",
        "../ctx/global",
        "..%2f..%2f..%2fetc%2fpasswd",
        "echo%00",
        "%65cho%2f",
        "",
        "echo?x=1/../hidden",
        "%ff",
    ] {
        let answer = call(&app, path, r#"{"text":"hi"}"#).await;
        if path.starts_with("echo?") {
            assert_eq!(answer.status, StatusCode::OK, "a query changes nothing");
        } else {
            assert_eq!(answer.code(), "NOT_FOUND", "{path:?}: {}", answer.text);
        }
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
async fn cookies_are_read_and_set_safely() {
    let request = |again: bool| {
        Request::post("/api/mizan/call/visit")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::COOKIE, "a=b; seen=h%C3%A9; gone=1")
            .body(Body::from(json!({ "again": again }).to_string()))
            .unwrap()
    };
    let answer = send(&app(), request(false)).await;
    assert_eq!(answer.json()["result"], "hé");
    assert_eq!(
        answer.header(header::SET_COOKIE),
        "seen=first%3B%20second; HttpOnly; SameSite=Lax; Path=/",
        "in development, over HTTP"
    );
    let mut options = options();
    options.env = leptos::config::Env::PROD;
    let production = Mizan::new(options).api().unwrap();
    let answer = send(&production, request(true)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let mut cookies: Vec<_> = answer
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    cookies.sort_unstable();
    assert_eq!(cookies.len(), 3, "one for each name: {cookies:?}");
    assert!(
        cookies[0].starts_with("gone=; ") && cookies[0].contains("Max-Age=0"),
        "{cookies:?}"
    );
    assert!(
        !cookies[1].contains("HttpOnly"),
        "what was chosen stays: {cookies:?}"
    );
    assert_eq!(
        cookies[2],
        "seen=twice; HttpOnly; SameSite=Lax; Secure; Path=/"
    );
}

#[tokio::test]
async fn a_redirect_tells_the_router_of_the_page() {
    let answer = call(&app(), "go", r#"{"fail":false}"#).await;
    assert_eq!(
        (answer.status, answer.json()["result"].as_i64()),
        (StatusCode::OK, Some(4))
    );
    assert_eq!(answer.header(header::LOCATION), "/else%20where%0A");
    assert!(answer.headers.contains_key("serverfnredirect"));

    let answer = call(&app(), "go", r#"{"fail":true}"#).await;
    assert_eq!(answer.code(), "CONFLICT");
    assert!(
        !answer.headers.contains_key(header::LOCATION),
        "an error goes nowhere"
    );
    assert!(!answer.headers.contains_key("serverfnredirect"));
}

#[tokio::test]
async fn a_form_without_javascript_goes_back_to_its_page() {
    let app = app();
    let post = |body: &'static str, referer: Option<&'static str>| {
        let mut request = Request::post("/api/mizan/call/sign")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "text/html,application/xhtml+xml");
        if let Some(referer) = referer {
            request = request.header(header::REFERER, referer);
        }
        request.body(Body::from(body)).unwrap()
    };
    let page = Some("https://example.com/form?tab=2&__path=x&__err=y");
    let answer = send(&app, post("name=Ada", page)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(
        answer.header(header::LOCATION),
        "/form?tab=2",
        "without the error of last time"
    );

    let answer = send(&app, post("name=Nobody", page)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let location = answer.header(header::LOCATION);
    assert!(
        location.starts_with("/form?tab=2&__path=%2Fapi%2Fmizan%2Fcall%2Fsign&__err="),
        "{location}"
    );

    let answer = send(&app, post("name=Mover", page)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(
        answer.header(header::LOCATION),
        "/moved",
        "the function's own redirect"
    );

    for elsewhere in [
        "https://example.com//evil.example/x",
        "https://example.com/\\evil.example",
        "http://a/.//evil.example/x",
        "http://a/..//evil.example",
        "http://a/x/..//evil.example",
        "http://a/./\\evil.example",
        "nonsense",
    ] {
        let answer = send(&app, post("name=Ada", Some(elsewhere))).await;
        assert_eq!(answer.header(header::LOCATION), "/", "{elsewhere}");
    }
    let answer = send(&app, post("name=Nobody", None)).await;
    assert_eq!(
        answer.code(),
        "VALIDATION_ERROR",
        "without a page to go to, the error is not lost"
    );

    // The same endpoint for code: no page, no redirect
    let request = Request::post("/api/mizan/call/sign")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "text/html")
        .body(Body::from(r#"{"name":"Ada"}"#))
        .unwrap();
    assert_eq!(send(&app, request).await.json()["result"], "Ada None");
    let answer = call(&app, "sign", r#"{"name":"Ada","age":36}"#).await;
    assert_eq!(answer.json()["result"], "Ada Some(36)");
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        call_as(&app, "sign", form, "name=Ada&age=36").await.json()["result"],
        "Ada Some(36)"
    );
    for (body, field, message) in [
        ("age=3", "name", "is missing"),
        ("name=a&admin=1", "admin", "is not an argument"),
        ("name=a&age=x", "age", "invalid digit"),
        ("name=a&age=3&age=4", "age", "is given twice"),
        ("name=a&name=b", "name", "is given twice"),
        ("name=a&age[x]=3", "age", ""),
    ] {
        let answer = call_as(&app, "sign", form, body).await;
        assert_eq!(answer.code(), "VALIDATION_ERROR", "{body}");
        let messages = &answer.json()["error"]["details"]["fields"][field][0];
        let text = messages
            .as_str()
            .unwrap_or_else(|| panic!("{body}: {}", answer.text));
        assert!(text.contains(message), "{body}: {text}");
    }
    assert_eq!(
        call_as(&app, "sign", form, "name=%ff").await.code(),
        "BAD_REQUEST"
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
        log.contains("ERROR") && log.contains("tests/call.rs") && log.contains("No such file"),
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
async fn bodies_over_the_limit_are_refused() {
    let text = "x".repeat(2 * 1024 * 1024);
    let answer = call(&app(), "echo", json!({ "text": text }).to_string()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE")
    );

    let small = Mizan::new(options()).body_limit(20).api().unwrap();
    assert_eq!(
        call(&small, "echo", r#"{"text":"12345678"}"#).await.status,
        StatusCode::OK,
        "exactly 20"
    );
    assert_eq!(
        call(&small, "echo", r#"{"text":"1234567890"}"#)
            .await
            .status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let chunks = ["{\"text\":\"", "1234567890", "\"}"].map(Ok::<_, std::io::Error>);
    let stream = Body::from_stream(futures::stream::iter(chunks));
    assert_eq!(
        call(&small, "echo", stream).await.status,
        StatusCode::PAYLOAD_TOO_LARGE,
        "in chunks"
    );
    let broken = [Ok("{\"text\""), Err(std::io::Error::other("gone"))];
    let stream = Body::from_stream(futures::stream::iter(broken));
    assert_eq!(
        call(&app(), "echo", stream).await.code(),
        "BAD_REQUEST",
        "broken off"
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
