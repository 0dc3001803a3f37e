//! What the server tests share: requests through the router, without a socket.

#![allow(dead_code, reason = "each test file uses its own part")]

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
};
use leptos::config::LeptosOptions;
use serde_json::Value;
use std::sync::{Condvar, Mutex};
use tower::ServiceExt;

/// Options of an application whose site folder does not exist.
pub(crate) fn options() -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("app")
        .site_root("no-such-folder")
        .build()
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {:?}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or("no code")
            .to_owned()
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("")
    }
}

/// How many requests are under way.
static UNDER_WAY: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// Builds a router of pages while none is rendered.
///
/// Leptos asks the application for its routes, and lets no resource of the whole process load
/// meanwhile: a page that another test renders in that moment would wait for ever.
pub(crate) fn building<T>(build: impl FnOnce() -> T) -> T {
    let (count, changed) = &UNDER_WAY;
    let count = count.lock().expect("not poisoned");
    let none = changed.wait_while(count, |count| *count > 0);
    let none = none.expect("not poisoned");
    let built = build();
    drop(none);
    built
}

/// A request, as long as it is under way.
struct UnderWay;

impl UnderWay {
    fn begin() -> Self {
        *UNDER_WAY.0.lock().expect("not poisoned") += 1;
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Ok(mut count) = UNDER_WAY.0.lock() {
            *count -= 1;
        }
        UNDER_WAY.1.notify_all();
    }
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Answer {
    let _under_way = UnderWay::begin();
    let response = app
        .clone()
        .oneshot(request)
        .await
        .expect("a router never fails");
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.expect("the body ends");
    let text = String::from_utf8(bytes.into()).expect("the body is UTF-8");
    Answer {
        status: parts.status,
        headers: parts.headers,
        text,
    }
}

pub(crate) async fn get(app: &Router, path: &str) -> Answer {
    send(
        app,
        Request::get(path).body(Body::empty()).expect("a request"),
    )
    .await
}

/// Calls a function with JSON.
pub(crate) async fn call(app: &Router, function: &str, body: impl Into<Body>) -> Answer {
    call_as(app, function, "application/json", body).await
}

pub(crate) async fn call_as(
    app: &Router,
    function: &str,
    content_type: &str,
    body: impl Into<Body>,
) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/api/mizan/call/{function}"))
        .header(
            header::CONTENT_TYPE,
            HeaderValue::from_str(content_type).expect("a header"),
        )
        .body(body.into())
        .expect("a request");
    send(app, request).await
}
