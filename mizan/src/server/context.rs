//! `GET /api/mizan/ctx/<context>`

use super::{
    Site, answer,
    call::{Work, bounded, in_owner},
};
use crate::{
    Error, Result,
    auth::{Commit, bearer, principal, who},
    call::server::buffer,
    channel::server::Reader,
    context::{
        Value,
        server::{Instance, Values, run_all, write_version},
    },
    request::{Scope, Way},
};
use axum::{
    body::Body,
    extract::Request,
    routing::{MethodRouter, get},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header, request::Parts};
use percent_encoding::percent_decode_str;
use std::{pin::pin, sync::Arc};
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
    let work = Work::new(Scope::new(Arc::clone(&site), Way::Bundle));
    let mut result = bounded(&site, "context", pin!(read(&work, parts))).await;
    let commit = work.commit(result.as_ref().err()).await;
    let commit = commit.unwrap_or_else(|error| {
        result = Err(error);
        Commit::default()
    });
    let mut response = match result {
        Ok(body) => answer(body, asked.as_ref()),
        Err(error) => answer::error(&error),
    };
    answer::extend(&mut response, &work.options, |name| {
        *name == header::SET_COOKIE
    });
    answer::commit(&mut response, commit);
    response
}

async fn read(work: &Work, parts: Parts) -> Result<Vec<u8>> {
    let site = work.scope.site();
    bearer::present(&work.scope, &parts.headers).await?;
    // The last segment as it is: no name of a context has a letter that would be escaped
    let context = parts.uri.path().rsplit('/').next().unwrap_or_default();
    let entry = site.contexts.get(context);
    let entry = entry.ok_or_else(|| Error::not_found("there is no such context"))?;
    let instance = Instance::read(entry.context, values(parts.uri.query())?)?;
    let headers = parts.headers.clone();
    work.provide(parts);
    // What is read from here on is at least of this version
    let version = site.live.version(instance.context);
    // A member that takes too long leaves the others their answers: a little before all of it does
    let timeout = site.request_timeout.mul_f64(0.95);
    let outcomes = in_owner(&work.owner, || run_all(&entry.members, &instance, timeout)).await;
    if entry.context.is_live {
        let who = who(in_owner(&work.owner, principal).await?)?;
        let reader = Reader::new(who, &headers, &instance);
        site.live.judge(reader, &outcomes);
    }
    let mut text = buffer();
    text.push(b'{');
    outcomes.write(&mut text)?;
    write_version(&mut text, version.as_ref())?;
    text.push(b'}');
    Ok(text)
}

/// The parameters in a query.
fn values(query: Option<&str>) -> Result<Values> {
    let mut values = Values::default();
    let pairs = query.unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        values.push(decoded(name)?, Value::Text(decoded(value)?));
    }
    Ok(values)
}

/// Decodes as a form does, where `+` is a space.
fn decoded(text: &str) -> Result<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(Into::into)
        .map_err(|_| Error::bad_request("the query is not encoded in UTF-8"))
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
