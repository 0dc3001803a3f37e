//! `GET /api/mizan/ctx/<context>`

use super::{Site, answer};
use crate::{Error, Result, context::server::Members, request::Scope};
use axum::{
    body::Body,
    extract::{Path, Request},
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
    get(move |Path(context): Path<String>, request: Request| handle(site, context, request))
        .fallback(|| async { answer::method_not_allowed("GET, HEAD") })
}

async fn handle(site: Arc<Site>, context: String, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let asked = parts.headers.get(header::IF_NONE_MATCH).cloned();
    match tokio::time::timeout(
        site.request_timeout,
        read(Arc::clone(&site), context, parts),
    )
    .await
    {
        Ok(Ok(body)) => answer(body, asked.as_ref()),
        Ok(Err(error)) => answer::error(&error),
        Err(_) => answer::error(&Error::unavailable("the context took too long")),
    }
}

async fn read(site: Arc<Site>, context: String, parts: http::request::Parts) -> Result<Vec<u8>> {
    let members = Members::of(&context, &site.context_members)
        .ok_or_else(|| Error::not_found("there is no such context"))?;
    no_parameters(&parts.uri)?;
    let scope = Scope::new(site);
    super::call::in_owner(move || {
        provide_context(scope);
        provide_context(parts);
        provide_context(ResponseOptions::default());
        members.run()
    })
    .await
    .encode()
}

/// The global context has no parameters; everything in the query is unknown.
fn no_parameters(uri: &Uri) -> Result<()> {
    let query = uri.query().unwrap_or_default();
    let names = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            pair.split('=')
                .next()
                .unwrap_or_default()
                .chars()
                .take(100)
                .collect::<String>()
        });
    let unknown: BTreeMap<_, _> = names
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
