//! How answers of the API are written.

use super::security;
use crate::{Code, Error, call::wire::JSON, error::ErrorEnvelope};
use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};

/// An answer in JSON that nobody may store.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.reserve(6);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    security::protect(headers);
    response
}

/// The answer that an error is, with the status of its code.
pub(super) fn error(error: &Error) -> Response<Body> {
    let status =
        StatusCode::from_u16(error.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&ErrorEnvelope { error }).unwrap_or_default();
    let mut response = json(status, body);
    if error.code() == Code::Unavailable {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The answer under `/api/mizan` where there is no such function or context.
pub(super) async fn unknown_endpoint() -> Response<Body> {
    error(&Error::not_found("there is no such function"))
}

/// The answer to a method that an endpoint does not take.
pub(super) fn method_not_allowed(allowed: &'static str) -> Response<Body> {
    let mut response = error(&Error::method_not_allowed(format!(
        "the endpoint takes {allowed}"
    )));
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}
