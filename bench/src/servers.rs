//! The servers, each as its framework's documentation would have it.
//!
//! What Mizan does by itself the others are given as the usual layers: the security headers, the
//! timeout, the body limit of calls, the Content Security Policy of pages. What Mizan does
//! beyond that (catching panics, refusing unknown arguments, the look whether a call's span is
//! wanted) they are spared.

use axum::{
    Json, Router,
    body::Bytes,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, StatusCode, header},
    routing::{get, post},
    serve::ListenerExt,
};
use leptos::{config::LeptosOptions, nonce::use_nonce, prelude::expect_context};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list};
use mizan::{Mizan, server::Serve};
use serde::{Deserialize, Serialize};
use std::{error::Error, time::Duration};
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::{set_header::SetResponseHeaderLayer, timeout::TimeoutLayer};

/// One of the servers.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    /// `POST /api/echo` as a handler of axum's.
    Axum,
    /// `GET /api/listing` as a handler of axum's.
    AxumListing,
    /// `POST /api/echo` as a server function of Leptos's.
    LeptosCalls,
    /// A page of Leptos's.
    LeptosPages,
    /// The same, served as Leptos's official starter does it: without `TCP_NODELAY`.
    LeptosPagesNagle,
    /// A page, `POST /api/mizan/call/echo`, and channels.
    Mizan,
    /// Sockets of axum's.
    Sockets,
}

impl Server {
    /// What they are called on the command line.
    pub(crate) const NAMES: [&str; 7] = [
        "axum",
        "axum-listing",
        "leptos-calls",
        "leptos-pages",
        "leptos-pages-nagle",
        "mizan",
        "sockets",
    ];

    /// Finds a server by its name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "axum" => Self::Axum,
            "axum-listing" => Self::AxumListing,
            "leptos-calls" => Self::LeptosCalls,
            "leptos-pages" => Self::LeptosPages,
            "leptos-pages-nagle" => Self::LeptosPagesNagle,
            "mizan" => Self::Mizan,
            "sockets" => Self::Sockets,
            _ => return None,
        })
    }

    /// Serves until the process ends.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self {
            Self::Axum => without_delay(listener, axum_calls()).await,
            Self::AxumListing => without_delay(listener, axum_listing()?).await,
            Self::LeptosCalls => without_delay(listener, leptos_calls()).await,
            Self::LeptosPages => without_delay(listener, leptos_pages()).await,
            Self::LeptosPagesNagle => axum::serve(listener, leptos_pages()).await,
            Self::Sockets => without_delay(listener, crate::sockets::router()).await,
            Self::Mizan => {
                let stop = std::future::pending();
                Serve::new(mizan()?).run(listener, stop).await;
                Ok(())
            }
        }?;
        Ok(())
    }
}

/// axum's own server, with `TCP_NODELAY`.
async fn without_delay(listener: TcpListener, router: Router) -> std::io::Result<()> {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            eprintln!("TCP_NODELAY could not be set: {error}");
        }
    });
    axum::serve(listener, router).await
}

/// As many frames as a socket can send: what is measured is how long one takes.
const UNLIMITED: u32 = u32::MAX;

pub(crate) fn mizan() -> Result<Router, mizan::server::RegistryError> {
    Mizan::new(options())
        .users(crate::users::Accounts)
        .frames_per_second(UNLIMITED)
        .try_router(mizan_page::App, mizan_page::shell)
}

#[derive(Deserialize)]
struct Echo {
    text: String,
}

#[derive(Serialize)]
struct Echoed {
    message: String,
}

/// The envelope that Mizan answers with, so that both send the same bytes.
#[derive(Serialize)]
struct Answer<T> {
    result: T,
}

async fn echo(Json(Echo { text }): Json<Echo>) -> Json<Answer<Echoed>> {
    Json(Answer {
        result: Echoed { message: text },
    })
}

fn axum_calls() -> Router {
    layers_of_calls(Router::new().route("/api/echo", post(echo)))
}

/// The bytes that Mizan answers with out of its cache, and the headers: as fast as that can be done.
fn axum_listing() -> serde_json::Result<Router> {
    let products = crate::contexts::products(7);
    let body = serde_json::json!({ "data": { "listing": products } });
    let body = Bytes::from(serde_json::to_vec(&body)?);
    let listing = move || {
        let headers = [
            (header::CONTENT_TYPE, "application/json"),
            // As long as Mizan's
            (header::ETAG, "\"0123456789abcdef0123456789abcdef\""),
        ];
        std::future::ready((headers, body.clone()))
    };
    let router = Router::new().route("/api/listing", get(listing));
    Ok(router.layer(
        ServiceBuilder::new()
            .layer(headers("public, no-cache"))
            .layer(timeout()),
    ))
}

fn leptos_calls() -> Router {
    let options = options();
    // No pages: what is left is a route for each server function
    let router = Router::new().leptos_routes(&options, Vec::new(), || ());
    layers_of_calls(router.with_state(options))
}

fn leptos_pages() -> Router {
    let options = options();
    let document = {
        let options = options.clone();
        move || leptos_page::shell(options.clone())
    };
    let routes = generate_route_list(leptos_page::App);
    Router::new()
        .leptos_routes_with_context(&options, routes, content_security_policy, document)
        .layer(headers("private, no-cache"))
        .layer(timeout())
        .with_state(options)
}

fn options() -> LeptosOptions {
    LeptosOptions::builder()
        .output_name("page")
        .env(leptos::config::Env::PROD)
        .build()
}

fn layers_of_calls(router: Router) -> Router {
    router.layer(
        ServiceBuilder::new()
            .layer(headers("no-store"))
            .layer(timeout())
            .layer(DefaultBodyLimit::max(1024 * 1024)),
    )
}

/// The time that Mizan gives a request.
fn timeout() -> TimeoutLayer {
    TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(30))
}

type Header = SetResponseHeaderLayer<HeaderValue>;
type Both<A, B> = tower::layer::util::Stack<A, B>;

/// The headers that Mizan sends.
fn headers(cache_control: &'static str) -> Both<Both<Header, Header>, Both<Header, Header>> {
    let header = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Both::new(
        Both::new(
            header(header::CACHE_CONTROL, cache_control),
            header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ),
        Both::new(
            header(header::X_FRAME_OPTIONS, "DENY"),
            header(header::REFERRER_POLICY, "same-origin"),
        ),
    )
}

/// The Content Security Policy that Mizan's pages have, as Leptos's book shows how to set one.
fn content_security_policy() {
    let Some(nonce) = use_nonce() else { return };
    let policy = format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'nonce-{nonce}'; \
         style-src 'self' 'nonce-{nonce}'; style-src-attr 'unsafe-inline'; \
         img-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; \
         frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        expect_context::<ResponseOptions>().insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}
