//! Requests that another site's page makes: the whole matrix of where they come from, what they
//! are for, and how they are written.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/origins.rs"]
mod origins;
#[path = "support/served.rs"]
mod served;
mod support;

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request, header},
};
use leptos::{config::LeptosOptions, prelude::*, server_fn::ServerFn};
use mizan::Mizan;
use origins::{HOST, ORIGINS};
use served::Served;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use support::{options, send};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How often something had an effect.
#[derive(Clone, Default)]
struct Effects(Arc<AtomicUsize>);

impl Effects {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

fn effect() {
    let Effects(effects) = mizan::state();
    effects.fetch_add(1, Ordering::SeqCst);
}

#[mizan::client]
async fn act() -> mizan::Result<()> {
    effect();
    Ok(())
}

#[mizan::client(input = PostUrl)]
async fn act_as_form() -> mizan::Result<()> {
    effect();
    Ok(())
}

#[mizan::form]
struct ActForm {}

#[mizan::form_handler]
impl FormHandler for ActForm {
    async fn submit(self) -> mizan::Result<()> {
        effect();
        Ok(())
    }
}

#[mizan::client(route = "/act", methods = [POST, PUT, PATCH, DELETE])]
async fn act_as_route() -> &'static str {
    effect();
    "done"
}

#[mizan::client(route = "/see")]
async fn see() -> &'static str {
    "seen"
}

#[mizan::context]
struct ReadContext {}

#[mizan::client(context = ReadContext)]
async fn read() -> mizan::Result<u8> {
    Ok(1)
}

/// One of Leptos's own.
#[server(endpoint = "of_leptos", input = server_fn::codec::Json)]
async fn of_leptos() -> Result<(), ServerFnError> {
    effect();
    Ok(())
}

fn app() -> impl IntoView {
    "nothing"
}

fn shell(_: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html><head></head><body>{app()}</body></html> }
}

/// How a body is written: the type, and what a plain function and one for forms say to it.
const TYPES: &[(Option<&str>, &str, u16, u16)] = &[
    (Some("application/json"), "{}", 200, 200),
    (Some("APPLICATION/JSON"), "{}", 200, 200),
    (Some("application/x-www-form-urlencoded"), "", 415, 200),
    (Some("multipart/form-data; boundary=x"), "--x--", 415, 415),
    (Some("text/plain"), "{}", 415, 415),
    (None, "{}", 415, 415),
];

fn server(effects: &Effects) -> Mizan {
    Mizan::new(options())
        .provide(effects.clone())
        .trusted_origins(["https://friend.example"])
}

fn request(
    method: Method,
    path: &str,
    origin: &[(&str, &str)],
    content_type: Option<&str>,
) -> axum::http::request::Builder {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, HOST);
    for (name, value) in origin {
        request = request.header(*name, *value);
    }
    match content_type {
        Some(content_type) => request.header(header::CONTENT_TYPE, content_type),
        None => request,
    }
}

#[tokio::test]
async fn calls_forms_and_reads() {
    let effects = Effects::default();
    let app = server(&effects).api().unwrap();
    for (from, origin, may) in ORIGINS {
        for (content_type, body, plain, form) in TYPES {
            for (function, status, acts) in [
                ("act", plain, true),
                ("act_as_form", form, true),
                ("act.submit", form, true),
                ("act.validate", form, false),
                ("act.schema", form, false),
            ] {
                let what = format!("{from}, {content_type:?}, {function}");
                let path = format!("/api/mizan/call/{function}");
                let request = request(Method::POST, &path, origin, *content_type);
                let answer = send(&app, request.body(Body::from(*body)).unwrap()).await;
                let expected = if *may { *status } else { 403 };
                assert_eq!(answer.status, expected, "{what}: {}", answer.text);
                let acted = usize::from(acts && expected == 200);
                assert_eq!(effects.take(), acted, "{what}");
            }
            // A form that the browser submits by itself: no page of ours for another site's
            let form_request = request(
                Method::POST,
                "/api/mizan/call/act_as_form",
                origin,
                *content_type,
            )
            .header(header::ACCEPT, "text/html,*/*;q=0.8")
            .header(header::REFERER, "https://evil.example/page");
            let answer = send(&app, form_request.body(Body::from(*body)).unwrap()).await;
            let is_form = content_type.is_some_and(|one| one.contains("urlencoded"));
            let expected = match (*may, is_form) {
                (false, _) => 403,
                (true, true) => 303,
                (true, false) => *form,
            };
            assert_eq!(
                answer.status, expected,
                "{from}, {content_type:?}: {}",
                answer.text
            );
            effects.take();
            // Reading has no effects, and its answer is the browser's to keep from others
            let request = request(Method::GET, "/api/mizan/ctx/read", origin, *content_type);
            let answer = send(&app, request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 200, "{from}");
            assert_eq!(answer.header("access-control-allow-origin"), "");
        }
    }
}

#[tokio::test]
async fn routes() {
    let effects = Effects::default();
    let app = server(&effects).router(app, shell);
    for (from, origin, may) in ORIGINS {
        for (content_type, body, _, form) in TYPES {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let what = format!("{from}, {content_type:?}, {method}");
                let expected = match (*may, content_type) {
                    (false, _) => 403,
                    // It has nothing to read in a body
                    (true, _) if method == Method::DELETE => 200,
                    // Nor has it anything to say of one, and this is not empty
                    (true, None) => 422,
                    (true, Some(_)) => *form,
                };
                let request = request(method, "/act", origin, *content_type);
                let answer = send(&app, request.body(Body::from(*body)).unwrap()).await;
                assert_eq!(answer.status, expected, "{what}: {}", answer.text);
                assert_eq!(effects.take(), usize::from(expected == 200), "{what}");
            }
            // Following a link is nobody's harm
            for method in [Method::GET, Method::HEAD] {
                let request = request(method, "/see", origin, *content_type);
                let answer = send(&app, request.body(Body::empty()).unwrap()).await;
                assert_eq!(answer.status, 200, "{from}");
                assert_eq!(answer.header("access-control-allow-origin"), "");
            }
        }
    }
}

#[tokio::test]
async fn no_other_method_has_an_effect() {
    let effects = Effects::default();
    let app = server(&effects).api().unwrap();
    for method in [
        "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND",
    ] {
        for (_, origin, _) in ORIGINS {
            let method = method.parse().unwrap();
            let path = "/api/mizan/call/act?_method=POST";
            let request = request(method, path, origin, Some("application/json"))
                .header("x-http-method-override", "POST");
            let answer = send(&app, request.body("{}".into()).unwrap()).await;
            assert_eq!(answer.status, 405);
        }
    }
    assert_eq!(effects.take(), 0);
}

#[tokio::test]
async fn server_functions_of_leptos() {
    let effects = Effects::default();
    let app = server(&effects).router(app, shell);
    for (from, origin, may) in ORIGINS {
        let request = request(
            Method::POST,
            OfLeptos::PATH,
            origin,
            Some("application/json"),
        );
        let answer = send(&app, request.body("{}".into()).unwrap()).await;
        assert_eq!(
            answer.status,
            if *may { 200 } else { 403 },
            "{from}: {}",
            answer.text
        );
        assert_eq!(effects.take(), usize::from(*may), "{from}");
    }
}

#[tokio::test]
async fn upgrades() {
    let app = server(&Effects::default()).api().unwrap();
    let served = Served::start(app).await;
    for (from, origin, may) in ORIGINS {
        for (content_type, ..) in TYPES {
            let mut head = format!("GET /api/mizan/ws HTTP/1.1\r\nHost: {HOST}\r\n");
            let upgrade = [
                ("connection", "Upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ];
            let content_type = content_type.map(|one| ("content-type", one));
            for (name, value) in upgrade.iter().chain(*origin).chain(&content_type) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            head.push_str("\r\n");
            let mut stream = TcpStream::connect(served.addr).await.unwrap();
            stream.write_all(head.as_bytes()).await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            let expected = if *may { "HTTP/1.1 101" } else { "HTTP/1.1 403" };
            assert_eq!(std::str::from_utf8(&answer).unwrap(), expected, "{from}");
        }
    }
    served.stop().await;
}

/// Calls from `peer`, over a proxy that puts its own host in place of the browser's.
async fn through_proxy(app: &Router, peer: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::post("/api/mizan/call/act")
        .header(header::HOST, "internal:8080")
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from("{}")).unwrap();
    let peer: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    send(app, request).await.status.as_u16()
}

#[tokio::test]
async fn behind_a_reverse_proxy() {
    let effects = Effects::default();
    let trusting = server(&effects)
        .trusted_proxies(["10.0.0.0/8"])
        .api()
        .unwrap();
    let not = server(&effects).api().unwrap();
    let here = ("origin", "https://site.example");
    let forwarded = ("x-forwarded-host", "site.example");
    let evil = ("origin", "https://evil.example");
    let made_up = ("x-forwarded-host", "evil.example");
    let two = ("x-forwarded-host", "evil.example, site.example");
    let proxy = "10.1.2.3:4711";

    assert_eq!(
        through_proxy(&trusting, proxy, &[here, forwarded]).await,
        200
    );
    assert_eq!(
        through_proxy(&trusting, proxy, &[evil, forwarded]).await,
        403
    );
    assert_eq!(
        through_proxy(&trusting, proxy, &[evil, two]).await,
        403,
        "the nearest proxy's"
    );
    assert_eq!(
        through_proxy(&trusting, proxy, &[here]).await,
        403,
        "nobody says what it was"
    );
    // From anybody else the header is the sender's own word
    assert_eq!(
        through_proxy(&trusting, "9.9.9.9:1", &[evil, made_up]).await,
        403
    );
    assert_eq!(through_proxy(&not, proxy, &[evil, made_up]).await, 403);
    // What the browser itself says needs no host
    let same_origin = ("sec-fetch-site", "same-origin");
    assert_eq!(through_proxy(&not, proxy, &[here, same_origin]).await, 200);
}

#[tokio::test]
async fn settings_that_are_none_stop_the_server() {
    let mizan = Mizan::new(options())
        .provide(Effects::default())
        .trusted_origins(["friend.example/path"])
        .trusted_proxies(["proxy.local"]);
    let error = mizan.api().unwrap_err();
    let mistakes = error.mistakes();
    assert_eq!(mistakes.len(), 2, "{error}");
    assert!(error.to_string().contains("friend.example/path"), "{error}");
    assert!(error.to_string().contains("proxy.local"), "{error}");
}
