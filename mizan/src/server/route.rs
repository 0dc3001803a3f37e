//! Functions that are views of their own: `#[mizan::client(route = "/profile/{id}")]`.
//!
//! What happens around their bodies is what happens around a call's ([`Work`]); the answer is the
//! body's own.

use super::{
    Site, answer,
    body::{self, Expected},
    call::{Received, Work, content_type},
    flush::Flush,
    security,
};
use crate::{
    Code, Error, Result,
    auth::Commit,
    call::server::{Encoding, Outcome},
    request::{Scope, Way},
    route::server::{Answered, RouteRegistration, Sent},
};
use axum::{
    body::Body,
    extract::{FromRequestParts, RawPathParams, Request},
    routing::{MethodFilter, MethodRouter},
};
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use server_fn::redirect::REDIRECT_HEADER;
use std::{collections::BTreeMap, sync::Arc};

/// The routes at each path.
pub(super) fn routes(site: &Arc<Site>) -> BTreeMap<&'static str, MethodRouter> {
    let mut paths = BTreeMap::<_, MethodRouter>::new();
    for route in site.routes.iter().copied() {
        for method in route.methods.iter().filter_map(|method| filter(method)) {
            let site = Arc::clone(site);
            let at = paths.entry(route.path).or_default();
            *at = std::mem::take(at).on(method, move |request| handle(route, site, request));
        }
    }
    for at in paths.values_mut() {
        *at = std::mem::take(at).fallback(another_method);
    }
    paths
}

/// HEAD comes with GET.
fn filter(method: &str) -> Option<MethodFilter> {
    let method: Method = method.parse().ok()?;
    method.try_into().ok()
}

/// The answer to a method that no route at the path is for; axum adds which ones are.
async fn another_method(request: Request) -> Response<Body> {
    answer::discard(request).await;
    let code = Code::MethodNotAllowed;
    answer::error(&Error::new(code, code.default_message()))
}

async fn handle(
    route: &'static RouteRegistration,
    site: Arc<Site>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let expected = Expected::of(&parts.headers);
    let mut parts = match site.cross_site.admit(parts, &site.proxies) {
        Ok(parts) => parts,
        Err(error) => {
            body::discard(expected, body).await;
            return answer::error(&error);
        }
    };
    let sent = sent(&mut parts).await;
    let received = Received {
        body,
        expected,
        encoding: encoding(route, &parts),
    };
    let work = Work::new(Scope::new(site, Way::Call));
    let dispatch = |body, encoding| {
        (route.dispatch)(match encoding {
            Some(encoding) => sent.with_body(body, encoding),
            None => sent,
        })
    };
    let mut result = work.run(&route.about, parts, received, dispatch).await;
    let flush = Flush::publish(&work).await;
    let commit = work.commit(failure(&result).as_ref()).await;
    let commit = commit.unwrap_or_else(|error| {
        result = Err(error);
        Commit::default()
    });
    let mut response = match result {
        Ok(Answered(response)) => response,
        // What a call inside of this one did remains done
        Err(error) => answer::failure(&error, |text| flush.write(text)),
    };
    complete(&mut response, &work);
    flush.announce(response.headers_mut());
    answer::commit(&mut response, commit);
    protect(&mut response);
    response
}

/// What stands in the URL.
async fn sent(parts: &mut Parts) -> Sent {
    let path = RawPathParams::from_request_parts(parts, &()).await.ok();
    let query = parts.uri.query().unwrap_or_default();
    Sent::new(path.as_ref().map(|path| path.iter()), query)
}

/// Finds out how the arguments in the body are written, or why they are not wanted; `None` where
/// they are in the query.
fn encoding(route: &RouteRegistration, parts: &Parts) -> Result<Option<Encoding>> {
    if matches!(parts.method, Method::GET | Method::HEAD | Method::DELETE) {
        return Ok(None);
    }
    let is_named = parts.headers.contains_key(header::CONTENT_TYPE);
    match content_type(&parts.headers) {
        Some(encoding) => Ok(Some(encoding)),
        // Nothing to send, and nothing said of it
        None if !is_named && route.arguments.is_empty() => Ok(Some(Encoding::Form)),
        None => Err(Error::unsupported_media_type(
            "the route takes application/x-www-form-urlencoded or application/json",
        )),
    }
}

/// Why it failed, as far as that matters to the session: an answer may be a failure too.
fn failure(result: &Result<Answered>) -> Option<Error> {
    match result {
        Err(error) => Some(error.clone()),
        Ok(answered) if answered.0.status().is_server_error() => {
            let code = Code::Internal;
            Some(Error::new(code, code.default_message()))
        }
        Ok(answered) => answered.error().cloned(),
    }
}

/// Adds what the body said of its answer beside it. One that failed goes nowhere, or its error
/// would be seen by nobody.
fn complete(response: &mut Response<Body>, work: &Work) {
    let has_failed = response.status().as_u16() >= 400;
    let options = &work.options;
    let told = options.0.write().ok().map(|mut options| {
        let goes_somewhere = options.headers.contains_key(header::LOCATION);
        (options.status.take(), goes_somewhere)
    });
    let status = told.and_then(|(status, goes_somewhere)| match goes_somewhere {
        // Whatever it was asked with, a page is there to be got
        true => Some(StatusCode::SEE_OTHER),
        false => status,
    });
    if let Some(status) = status.filter(|_| !has_failed) {
        *response.status_mut() = status;
    }
    answer::extend(response, options, |name| {
        let goes_somewhere = *name == header::LOCATION && has_failed;
        // For Leptos's router, which has not asked
        !goes_somewhere && name.as_str() != REDIRECT_HEADER
    });
}

/// Adds the headers of every answer, where the body did not set them.
fn protect(response: &mut Response<Body>) {
    const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
    let headers = response.headers_mut();
    security::protect(headers);
    if headers.contains_key(header::SET_COOKIE) {
        // It is one caller's, whatever the body thinks
        headers.insert(header::CACHE_CONTROL, NO_STORE);
    } else {
        headers.entry(header::CACHE_CONTROL).or_insert(NO_STORE);
    }
}
