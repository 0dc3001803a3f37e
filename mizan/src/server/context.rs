//! `GET /api/mizan/ctx/<context>`

use super::{
    Site, answer,
    call::{Work, bounded},
};
use crate::{
    Error, Result,
    auth::{Commit, bearer, principal, who},
    cache::Shared,
    call::server::buffer,
    channel::server::Reader,
    context::{
        Value,
        server::{Entry, Instance, Outcomes, Public, Values, answer_all, write_version},
    },
    request::{Scope, Way, in_owner},
};
use axum::{
    body::Body,
    extract::Request,
    routing::{MethodRouter, get},
};
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};
use percent_encoding::percent_decode_str;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
};
use xxhash_rust::xxh3::xxh3_128;

/// The endpoint of a context, which nothing has to be taken out of the path for; or of those that
/// there are not.
pub(super) fn route(context: Option<&'static str>, site: &Arc<Site>) -> MethodRouter {
    let site = Arc::clone(site);
    get(move |request: Request| handle(context, site, request))
        .fallback(|request| answer::method_not_allowed("GET, HEAD", request))
}

async fn handle(
    context: Option<&'static str>,
    site: Arc<Site>,
    request: Request,
) -> Response<Body> {
    let Some(entry) = context.and_then(|context| site.contexts.get(context)) else {
        return answer::error(&Error::not_found("there is no such context"));
    };
    let outcomes = match public(entry, &site, &request) {
        Some(Public::Now(outcomes)) => Some(outcomes),
        // Whoever waits for a run that is everybody's needs nothing of their own meanwhile
        Some(Public::Soon(soon)) => match bounded(&site, "context", soon.map(Ok)).await {
            Ok(outcomes) => outcomes,
            Err(error) => return answer::error(&error),
        },
        None => None,
    };
    let response = outcomes.and_then(|outcomes| everybodys(&outcomes, &site, request.headers()));
    match response {
        Some(response) => response,
        // Boxed: it is kilobytes, and most requests need none of it
        None => Box::pin(run(entry, &site, request)).await,
    }
}

/// What is in the cache and everybody's, or being made for everybody, where that is all of it:
/// nothing is run, so nothing of Leptos's has to be there, and nobody asks who the caller is.
fn public<'a>(entry: &'a Entry, site: &Site, request: &Request) -> Option<Public<'a>> {
    let headers = request.headers();
    // Whether a token is valid has to be found out first
    if site.bearer.is_some() && headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    // Of who reads a live one, and of which version that is, a note is taken
    if entry.context.is_live {
        return None;
    }
    let read = || {
        let instance = Instance::read(entry.context, values(request.uri().query()).ok()?).ok()?;
        entry.public(&instance, site)
    };
    // The parameters' own code may panic: on the long way it does so again, and that is told
    catch_unwind(AssertUnwindSafe(read)).ok()?
}

/// Answers with that.
fn everybodys(outcomes: &Outcomes, site: &Site, headers: &HeaderMap) -> Option<Response<Body>> {
    let mut text = Vec::with_capacity(outcomes.size());
    text.push(b'{');
    outcomes.write(&mut text).ok()?;
    text.push(b'}');
    let read = Read {
        body: text,
        shared: outcomes.shared(),
        sources: site.is_development().then(|| outcomes.sources()),
    };
    Some(answer(read, headers.get_all(header::IF_NONE_MATCH)))
}

/// Runs what has to be run.
async fn run(entry: &Entry, site: &Arc<Site>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let known = parts.headers.get_all(header::IF_NONE_MATCH).iter();
    let known: Vec<_> = known.cloned().collect();
    let work = Work::new(Scope::new(Arc::clone(site), Way::Bundle));
    let mut result = bounded(site, "context", pin!(read(entry, &work, parts))).await;
    let commit = work.commit(result.as_ref().err()).await;
    let commit = commit.unwrap_or_else(|error| {
        result = Err(error);
        Commit::default()
    });
    let mut response = match result {
        Ok(read) => answer(read, &known),
        Err(error) => answer::error(&error),
    };
    answer::extend(&mut response, &work.options, |name| {
        *name == header::SET_COOKIE
    });
    answer::commit(&mut response, commit);
    let headers = response.headers_mut();
    // What is said of a session is no more everybody's than a cookie is
    if headers.contains_key(header::SET_COOKIE) || headers.contains_key(answer::SESSION) {
        headers.insert(header::CACHE_CONTROL, PRIVATE);
    }
    response
}

/// What is said to caches of an answer that is one caller's.
const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Which members' answers came out of the cache, in development: a Dictionary of RFC 9651.
const CACHE: HeaderName = HeaderName::from_static("mizan-cache");

/// A bundle.
struct Read {
    body: Vec<u8>,
    /// How it may be kept on its way.
    shared: Option<Shared>,
    /// Where its members' answers came from, in development.
    sources: Option<String>,
}

async fn read(entry: &Entry, work: &Work, parts: Parts) -> Result<Read> {
    let site = work.scope.site();
    bearer::present(&work.scope, &parts.headers).await?;
    let instance = Instance::read(entry.context, values(parts.uri.query())?)?;
    let headers = parts.headers.clone();
    work.provide(parts);
    // What is read from here on is at least of this version
    let version = site.live.version(instance.context);
    // A member that takes too long leaves the others their answers: a little before all of it does
    let timeout = site.request_timeout.mul_f64(0.95);
    let outcomes = {
        let answers = || answer_all(entry, &instance, &work.scope, timeout);
        in_owner(&work.owner, answers).await
    };
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
    Ok(Read {
        body: text,
        shared: outcomes.shared(),
        sources: work.scope.is_development().then(|| outcomes.sources()),
    })
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
    if !text.contains(['+', '%']) {
        return Ok(text.to_owned());
    }
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(Into::into)
        .map_err(|_| Error::bad_request("the query is not encoded in UTF-8"))
}

/// What is said to caches of an answer that is everybody's (RFC 9111, section 5.2.2; RFC 5861).
fn control(shared: &Shared) -> HeaderValue {
    let (fresh, stale) = (shared.fresh.as_secs(), shared.stale.as_secs());
    let control = match (fresh, stale) {
        (0, _) => return HeaderValue::from_static("public, no-cache"),
        (fresh, 0) => format!("public, max-age={fresh}"),
        (fresh, stale) => format!("public, max-age={fresh}, stale-while-revalidate={stale}"),
    };
    HeaderValue::from_str(&control).unwrap_or(PRIVATE)
}

/// The ETag of a body: a hash of it, in quotation marks.
fn tag(body: &[u8]) -> HeaderValue {
    let mut tag = [b'"'; 34];
    let bytes = xxh3_128(body).to_be_bytes();
    for (digits, byte) in tag[1..33].chunks_exact_mut(2).zip(bytes) {
        digits[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        digits[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    // Each of them is one that a header can carry
    HeaderValue::from_bytes(&tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether the browser has what has this tag, by the lines of its `If-None-Match` (RFC 9110, section
/// 13.1.2). Another's tag may have a comma in it; none of its parts looks like one of ours.
fn is_known<'a>(tag: &HeaderValue, lines: impl IntoIterator<Item = &'a HeaderValue>) -> bool {
    let is_ours = |one: &[u8]| {
        let one = one.trim_ascii();
        one == b"*" || tag.as_bytes() == one.strip_prefix(b"W/").unwrap_or(one)
    };
    let mut lines = lines.into_iter();
    lines.any(|line| line.as_bytes().split(|byte| *byte == b',').any(is_ours))
}

fn answer<'a>(read: Read, known: impl IntoIterator<Item = &'a HeaderValue>) -> Response<Body> {
    let Read {
        body,
        shared,
        sources,
    } = read;
    let tag = tag(&body);
    let (control, vary) = match &shared {
        Some(shared) => (
            control(shared),
            HeaderValue::from_str(&shared.vary.join(", ")),
        ),
        None => (
            PRIVATE,
            Ok(HeaderValue::from_static("Cookie, Authorization")),
        ),
    };
    let (status, body) = match is_known(&tag, known) {
        true => (StatusCode::NOT_MODIFIED, Vec::new()),
        false => (StatusCode::OK, body),
    };
    let mut response = answer::read(status, body, control, tag);
    let headers: &mut HeaderMap = response.headers_mut();
    if let Ok(vary) = vary
        && !vary.is_empty()
    {
        headers.insert(header::VARY, vary);
    }
    if let Some(Ok(sources)) = sources.as_deref().map(HeaderValue::from_str) {
        headers.insert(CACHE, sources);
    }
    response
}
