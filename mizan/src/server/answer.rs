//! How answers of the API are written.

use super::{body, security};
use crate::{Code, Error, Result, call::wire::JSON, error::ErrorEnvelope};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use leptos_axum::ResponseOptions;
use std::sync::LazyLock;

/// What every answer carries, put together once.
static HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    // Room for a few more: cookies, a redirect
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    security::protect(&mut headers);
    headers
});

/// An answer in JSON that nobody may store.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().clone_from(&HEADERS);
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
    let status =
        StatusCode::from_u16(error.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut body = serde_json::to_vec(&ErrorEnvelope { error }).unwrap_or_default();
    body.pop(); // the brace
    let before = body.len();
    if more(&mut body).is_err() {
        body.truncate(before);
    }
    body.push(b'}');
    let mut response = json(status, body);
    if error.code() == Code::Unavailable {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
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

async fn discard(request: Request) {
    let (parts, body) = request.into_parts();
    body::discard(&parts.headers, body).await;
}
