//! `GET /api/mizan/ctx/<context>`

use super::{Site, answer};
use crate::{
    Error, Result,
    call::server::{MOST_NAMED, buffer, shorten},
    context::server::run_all,
    request::Scope,
};
use axum::{
    body::Body,
    extract::Request,
    routing::{MethodRouter, get},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header};
use leptos::prelude::provide_context;
use leptos_axum::ResponseOptions;
use std::{collections::BTreeMap, sync::Arc};
use xxhash_rust::xxh3::xxh3_128;

/// The endpoint of every context.
pub(super) fn route(site: &Arc<Site>) -> MethodRouter {
    let site = Arc::clone(site);
    get(move |request: Request| handle(site, request))
        .fallback(|request| answer::method_not_allowed("GET, HEAD", request))
}

async fn handle(site: Arc<Site>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let asked = parts.headers.get(header::IF_NONE_MATCH).cloned();
    let options = ResponseOptions::default();
    let mut response = match read(site, parts, options.clone()).await {
        Ok(body) => answer(body, asked.as_ref()),
        Err(error) => answer::error(&error),
    };
    answer::extend(&mut response, &options, |name| *name == header::SET_COOKIE);
    response
}

async fn read(
    site: Arc<Site>,
    parts: http::request::Parts,
    options: ResponseOptions,
) -> Result<Vec<u8>> {
    // The last segment as it is: no name of a context has a letter that would be escaped
    let context = parts.uri.path().rsplit('/').next().unwrap_or_default();
    let members = site
        .contexts
        .members(context)
        .ok_or_else(|| Error::not_found("there is no such context"))?;
    no_parameters(&parts.uri)?;
    let scope = Scope::new(Arc::clone(&site));
    let outcomes = super::call::in_owner(|| {
        provide_context(scope);
        provide_context(parts);
        provide_context(options);
        run_all(members, site.request_timeout)
    });
    let mut text = buffer();
    outcomes.await.write(&mut text)?;
    Ok(text)
}

/// The global context has no parameters; everything in the query is unknown.
fn no_parameters(uri: &Uri) -> Result<()> {
    let pairs = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    let unknown: BTreeMap<_, _> = pairs
        .take(MOST_NAMED)
        .map(|pair| shorten(pair.split('=').next().unwrap_or_default()))
        .map(|name| (name, vec!["is not a parameter of this context".to_owned()]))
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(Error::invalid_fields(unknown))
    }
}

fn answer(body: Vec<u8>, asked: Option<&HeaderValue>) -> Response<Body> {
    let tag = format!("\"{:032x}\"", xxh3_128(&body));
    let unchanged = asked
        .and_then(|value| value.to_str().ok())
        .is_some_and(|asked| {
            asked
                .split(',')
                .any(|one| one.trim().trim_start_matches("W/") == tag)
        });
    let mut response = if unchanged {
        answer::json(StatusCode::NOT_MODIFIED, Vec::new())
    } else {
        answer::json(StatusCode::OK, body)
    };
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.insert(
        header::VARY,
        HeaderValue::from_static("Cookie, Authorization"),
    );
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
