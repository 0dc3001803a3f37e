//! How answers of the API are written.

use super::{
    body::{self, Expected},
    security,
};
use crate::{
    Code, Error, Result,
    auth::{Commit, wire},
    call::{server::log, wire::JSON},
    error::ErrorEnvelope,
    request::Scope,
};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use leptos_axum::ResponseOptions;
use std::sync::LazyLock;

pub(super) const SESSION: HeaderName = HeaderName::from_static(wire::SESSION);

/// What every answer carries, put together once.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    // Room for a few more: cookies, a redirect
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    security::protect(&mut headers);
    headers
});

/// The same for the answers of contexts, where nothing may have to grow.
static READ: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HEADERS.clone();
    // Others stand in their place in the end
    headers.insert(header::ETAG, HeaderValue::from_static(""));
    headers
});

/// An answer in JSON that nobody may store.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    answer(status, body, &HEADERS)
}

/// An answer in JSON, of which it has to be said who may store it, and as what.
pub(super) fn read(
    status: StatusCode,
    body: Vec<u8>,
    control: HeaderValue,
    tag: HeaderValue,
) -> Response<Body> {
    let mut response = answer(status, body, &READ);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, control);
    headers.insert(header::ETAG, tag);
    response
}

fn answer(status: StatusCode, body: Vec<u8>, headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers.clone();
    response
}

/// The answer that an error is, with the status of its code.
pub(super) fn error(error: &Error) -> Response<Body> {
    failure(error, |_| Ok(()))
}

/// The same, with something more behind the error.
pub(super) fn failure(
    error: &Error,
    more: impl FnOnce(&mut Vec<u8>) -> Result<()>,
) -> Response<Body> {
    // What was not logged where it happened
    log("server", error);
    written(error, more)
}

fn written(error: &Error, more: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Response<Body> {
    let mut body = serde_json::to_vec(&ErrorEnvelope { error }).unwrap_or_default();
    body.pop(); // the brace
    let before = body.len();
    if more(&mut body).is_err() {
        body.truncate(before);
    }
    body.push(b'}');
    let mut response = json(status(error), body);
    retry_after(&mut response, error);
    response
}

/// The status of an error's code.
pub(super) fn status(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Says when to try again, where that is what an error means.
pub(super) fn retry_after(response: &mut Response<Body>, error: &Error) {
    let wait = match error.code() {
        Code::Unavailable => Some(1),
        Code::TooManyRequests => error.retry_after().map(|wait| wait.as_secs()),
        _ => None,
    };
    if let Some(seconds) = wait {
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
}

/// The answer that an error is; what stands around a route's body, or in an application's own
/// handler.
impl IntoResponse for Error {
    fn into_response(self) -> Response<Body> {
        // A function logs its own errors, and says which it was
        if Scope::current().is_none() {
            log("server", &self);
        }
        let mut response = written(&self, |_| Ok(()));
        response.extensions_mut().insert(self);
        response
    }
}

/// Adds what a body said about its answer, as far as it is wanted: cookies, a redirect, headers
/// of its own.
pub(super) fn extend(
    response: &mut Response<Body>,
    options: &ResponseOptions,
    wanted: impl Fn(&HeaderName) -> bool,
) {
    let Ok(mut parts) = options.0.write() else {
        return;
    };
    let headers = std::mem::take(&mut parts.headers);
    for (name, value) in headers.iter().filter(|(name, _)| wanted(name)) {
        // Several cookies; every other header has one value
        if *name == header::SET_COOKIE {
            response.headers_mut().append(name, value.clone());
        } else {
            response.headers_mut().insert(name, value.clone());
        }
    }
}

/// Adds what an answer has to say of the caller's session.
pub(super) fn commit(response: &mut Response<Body>, commit: Commit) {
    let headers = response.headers_mut();
    if let Some(cookie) = commit.cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
    if let Some(news) = commit.news {
        headers.insert(SESSION, HeaderValue::from_static(news));
    }
}

/// The answer under `/api/mizan` where there is nothing.
pub(super) async fn unknown_endpoint(request: Request) -> Response<Body> {
    discard(request).await;
    error(&Error::not_found("there is no such function or context"))
}

/// The answer to a method that an endpoint does not take.
pub(super) async fn method_not_allowed(allowed: &'static str, request: Request) -> Response<Body> {
    discard(request).await;
    let text = format!("the endpoint takes {allowed}");
    let mut response = error(&Error::method_not_allowed(text));
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(header::ALLOW, allowed);
    response
}

/// Reads the body of a request that nobody wants.
pub(super) async fn discard(request: Request) {
    let (parts, body) = request.into_parts();
    body::discard(Expected::of(&parts.headers), body).await;
}
