//! `POST /api/mizan/call/<fn>`
//!
//! One route for each function, so that axum's router finds it; from there the bytes of the body
//! go straight to the function and its answer's bytes straight into the response.

use super::{
    Site, answer,
    body::{self, Expected},
    flush::Flush,
    repeats::{self, Claim, Repeats, Turn},
};
use crate::{
    Code, Error, Result,
    auth::{self, Commit, bearer},
    call::server::{About, Encoding, Registration, panicked},
    context::wire,
    limit,
    request::{Scope, Way, in_owner, owner},
};
use axum::{
    body::Body,
    extract::Request,
    routing::{MethodRouter, post},
};
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};
use leptos::{prelude::provide_context, reactive::owner::Owner};
use leptos_axum::ResponseOptions;
use server_fn::{error::ServerFnUrlError, redirect::REDIRECT_HEADER};
use std::{
    future::Future, panic::AssertUnwindSafe, pin::pin, sync::Arc, task::Poll, time::Duration,
};
use tracing::Instrument;

/// The header that says what the browser shows.
const MOUNTED: HeaderName = HeaderName::from_static(wire::MOUNTED);

/// The endpoint of one function.
pub(super) fn route(function: &'static Registration, site: &Arc<Site>) -> MethodRouter {
    let site = Arc::clone(site);
    post(move |request: Request| handle(function, site, request))
        .fallback(|request| answer::method_not_allowed("POST", request))
}

async fn handle(
    function: &'static Registration,
    site: Arc<Site>,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let expected = Expected::of(&parts.headers);
    let parts = match site.cross_site.admit(parts, &site.proxies) {
        Ok(parts) => parts,
        // A form of another site's gets no page of this one
        Err(error) => {
            body::discard(expected, body).await;
            return answer::error(&error);
        }
    };
    let key = match repeats::key(&parts.headers) {
        Ok(key) => key,
        Err(error) => {
            body::discard(expected, body).await;
            return answer::error(&error);
        }
    };
    let asked = Asked {
        parts,
        body,
        expected,
    };
    match key {
        None => respond(function, site, asked, None).await,
        Some(key) => without_caller(respond(function, site, asked, Some(key))).await,
    }
}

/// A request that may have effects.
struct Asked {
    parts: Parts,
    body: Body,
    expected: Expected,
}

/// Answers a request to its end, whether or not somebody waits for the answer: one that has lost
/// its connection asks for it again.
pub(super) async fn without_caller(
    answer: impl Future<Output = Response<Body>> + Send + 'static,
) -> Response<Body> {
    let task = tokio::spawn(answer.in_current_span());
    let answered = task.await;
    answered.unwrap_or_else(|error| answer::error(&Error::internal(error)))
}

async fn respond(
    function: &'static Registration,
    site: Arc<Site>,
    asked: Asked,
    key: Option<Arc<str>>,
) -> Response<Body> {
    let Asked {
        parts,
        body,
        expected,
    } = asked;
    // What a form without JavaScript goes back to
    let form = Form::of(function, &parts.headers);
    let mounted = parts.headers.get(MOUNTED).cloned();
    let encoding = encoding(&parts.headers, function);
    let work = Work::new(Scope::new(Arc::clone(&site), Way::Call));
    let received = Received {
        body,
        expected,
        encoding,
    };
    let (mut claim, repeats) = (None, &work.scope.site().repeats);
    let run = |body, encoding| dispatch(function, key, repeats, &mut claim, body, encoding);
    let mut result = work.run(&function.about, parts, received, run).await;
    let (mut failed, is_form) = (result.is_err(), form.is_some());
    let mut flush = Flush::publish(&work).await;
    if result.is_ok() && !is_form {
        flush.refresh(&work, mounted.as_ref()).await;
    }
    let commit = work.commit(result.as_ref().err()).await;
    let commit = commit.unwrap_or_else(|error| {
        failed = true;
        result = Err(error);
        Commit::default()
    });
    let code = result.as_ref().err().map(Error::code);
    let mut response = match (form, result) {
        (_, Ok(Done::Again(answer))) => answer.give(),
        (Some(form), result) => form.answer(function, result.map(drop)),
        (None, Ok(Done::Now(text))) => complete(text, &flush),
        // What a call inside of this one did remains done
        (None, Err(error)) => {
            flush = flush.without_data();
            answer::failure(&error, |text| flush.write(text))
        }
    };
    flush.announce(response.headers_mut());
    answer::extend(&mut response, &work.options, |name| {
        // A call that failed goes nowhere, or its error would be seen by nobody
        let goes_somewhere = *name == header::LOCATION || name.as_str() == REDIRECT_HEADER;
        let for_the_router = name.as_str() == REDIRECT_HEADER && is_form;
        !(failed && goes_somewhere || for_the_router)
    });
    if let Some(claim) = claim {
        claim.keep(code, &mut response).await;
    }
    answer::commit(&mut response, commit);
    response
}

/// What a call has come to.
pub(super) enum Done {
    /// The beginning of its answer.
    Now(Vec<u8>),
    /// It was made before.
    Again(repeats::Answer),
}

/// Makes a call, unless it has a key by which it was made before.
pub(super) async fn dispatch(
    function: &'static Registration,
    key: Option<Arc<str>>,
    repeats: &Repeats,
    claim: &mut Option<Claim>,
    body: Bytes,
    encoding: Encoding,
) -> Result<Done> {
    if let Some(key) = key {
        // Boxed: it is large, and most calls have none
        match Box::pin(repeats.turn(function.about.name, key, &body)).await? {
            Turn::First(first) => *claim = Some(first),
            Turn::Again(answer) => return Ok(Done::Again(answer)),
        }
    }
    (function.dispatch)(body, encoding).await.map(Done::Now)
}

/// The arguments of a call, before anything of them is looked at.
pub(super) struct Received<E> {
    pub(super) body: Body,
    pub(super) expected: Expected,
    /// How they are written, or why they are not wanted.
    pub(super) encoding: Result<E>,
}

/// A call on its way through the server.
pub(super) struct Work {
    pub(super) scope: Scope,
    pub(super) owner: Owner,
    pub(super) options: ResponseOptions,
}

impl Work {
    pub(super) fn new(scope: Scope) -> Self {
        Self::within(owner(), scope)
    }

    /// A part of what goes on in an owner that has the head of the request.
    pub(super) fn below(head: &Owner, scope: Scope) -> Self {
        let work = Self::within(head.child(), scope);
        work.owner.with(|| work.introduce());
        work
    }

    fn within(owner: Owner, scope: Scope) -> Self {
        Self {
            scope,
            owner,
            options: ResponseOptions::default(),
        }
    }

    /// Whether nothing is left of what ran in a part of it: it is as good as new then.
    pub(super) fn is_as_new(&self) -> bool {
        let Self { scope, options, .. } = self;
        // One is here, and one a context
        let is_kept = !scope.is_shared_by(2) || Arc::strong_count(&options.0) != 2;
        let is_answered = options.0.read().map_or(true, |options| {
            options.status.is_some() || !options.headers.is_empty()
        });
        !is_kept && !is_answered && scope.is_as_new()
    }

    /// Gives what runs in the owner what a body can ask for.
    pub(super) fn provide(&self, parts: Parts) {
        self.owner.with(|| {
            provide_context(parts);
            self.introduce();
        });
    }

    fn introduce(&self) {
        provide_context(self.scope.clone());
        provide_context(self.options.clone());
    }

    /// Runs a function, if the caller may: asked before the arguments are read.
    pub(super) async fn run<E, T, F: Future<Output = Result<T>>>(
        &self,
        function: &'static About,
        parts: Parts,
        received: Received<E>,
        dispatch: impl FnOnce(Bytes, E) -> F,
    ) -> Result<T> {
        // Pinned here, and not moved through everything around it: it is kilobytes
        let work = pin!(self.dispatch(function, parts, received, dispatch));
        bounded(self.scope.site(), function.name, work).await
    }

    async fn dispatch<E, T, F: Future<Output = Result<T>>>(
        &self,
        function: &'static About,
        parts: Parts,
        received: Received<E>,
        dispatch: impl FnOnce(Bytes, E) -> F,
    ) -> Result<T> {
        let Received {
            body,
            expected,
            encoding,
        } = received;
        let encoding = match self.admit(function, parts, encoding).await {
            Ok(encoding) => encoding,
            Err(error) => {
                body::discard(expected, body).await;
                return Err(error);
            }
        };
        let body = body::read(expected, body, self.scope.site().body_limit).await?;
        self.scope.admit();
        in_owner(&self.owner, || dispatch(body, encoding)).await
    }

    /// Lets the caller through, or doesn't.
    async fn admit<E>(
        &self,
        function: &'static About,
        parts: Parts,
        encoding: Result<E>,
    ) -> Result<E> {
        bearer::present(&self.scope, &parts.headers).await?;
        let encoding = encoding?;
        self.provide(parts);
        in_owner(&self.owner, || async {
            limit::count(function.name).await?;
            auth::admit(function.guard).await
        })
        .await?;
        Ok(encoding)
    }

    /// Stores the session, unless the call failed for a reason that is not the caller's.
    pub(super) async fn commit(&self, error: Option<&Error>) -> Result<Commit> {
        let identity = self.scope.identity();
        let is_ours = |code| matches!(code, Code::Internal | Code::Unavailable);
        // Who has signed out has, whatever came after it
        if error.map(Error::code).is_some_and(is_ours) && !identity.has_changed() {
            return Ok(Commit::default());
        }
        let Some(news) = identity.unless_asked() else {
            let commit = identity.commit(&self.scope);
            return Box::pin(bounded(self.scope.site(), "session", commit)).await;
        };
        Ok(news)
    }
}

/// Does something for as long as a request may take. What panics in it ends in an error: bodies are
/// caught where they run, and this is for types' own serde code, backends and stores.
pub(super) async fn bounded<T>(
    site: &Site,
    what: &'static str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let work = pin!(AssertUnwindSafe(work).catch_unwind());
    match in_time(site.request_timeout, work).await {
        Some(Ok(result)) => result,
        Some(Err(panic)) => Err(panicked(what, &*panic)),
        None => Err(Error::unavailable("the request took too long")),
    }
}

/// Does something for as long as it may take; `None` where it takes longer. What has not to wait
/// for anything needs no clock, which all threads share.
///
/// Whoever asks pins it: moved in here it would take its room twice.
pub(super) async fn in_time<F: Future + Unpin>(most: Duration, mut work: F) -> Option<F::Output> {
    if let Poll::Ready(done) = futures::poll!(&mut work) {
        return Some(done);
    }
    tokio::time::timeout(most, work).await.ok()
}

/// Ends an answer that has begun with its result.
fn complete(mut text: Vec<u8>, flush: &Flush) -> Response<Body> {
    match flush.write(&mut text) {
        Ok(()) => {
            text.push(b'}');
            answer::json(StatusCode::OK, text)
        }
        Err(error) => answer::error(&error),
    }
}

/// Finds out how the arguments are written, or why they are not wanted.
fn encoding(headers: &HeaderMap, function: &Registration) -> Result<Encoding> {
    let unsupported = || {
        let also = if function.form {
            " or application/x-www-form-urlencoded"
        } else {
            ""
        };
        Error::unsupported_media_type(format!("the function takes application/json{also}"))
    };
    if function.private {
        return Err(Error::forbidden("the function is for the server's own use"));
    }
    match content_type(headers) {
        Some(Encoding::Form) if !function.form => Err(unsupported()),
        encoding => encoding.ok_or_else(unsupported),
    }
}

/// What the header says of a body, where it is one of those that arguments are written as.
pub(super) fn content_type(headers: &HeaderMap) -> Option<Encoding> {
    let value = headers.get(header::CONTENT_TYPE)?;
    // What Mizan's own client sends needs no parsing
    if value == "application/json" {
        return Some(Encoding::Json);
    }
    let value: mime::Mime = value.to_str().ok()?.parse().ok()?;
    let charset = value.get_param(mime::CHARSET);
    if charset.is_some_and(|charset| charset != mime::UTF_8) {
        return None;
    }
    match value.essence_str() {
        "application/json" => Some(Encoding::Json),
        "application/x-www-form-urlencoded" => Some(Encoding::Form),
        _ => None,
    }
}

/// A form that the browser submitted by itself: the answer is a page.
struct Form {
    /// Path and query of the page that the form is on, where the browser told.
    page: Option<String>,
}

impl Form {
    fn of(function: &Registration, headers: &HeaderMap) -> Option<Self> {
        if !function.form {
            return None;
        }
        let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
        let is_form = matches!(encoding(headers, function), Ok(Encoding::Form));
        if !is_form || !accept.contains("text/html") {
            return None;
        }
        let page = headers
            .get(header::REFERER)
            .and_then(|referer| referer.to_str().ok()?.parse::<http::Uri>().ok())
            .and_then(|referer| Some(referer.path_and_query()?.as_str().to_owned()));
        Some(Self { page })
    }

    /// Goes back to the page; the error travels in its query, as Leptos's `ServerAction` reads it.
    fn answer(self, function: &Registration, result: Result<()>) -> Response<Body> {
        let location = match (result, self.page) {
            (Ok(()), page) => without_error(page.as_deref().unwrap_or("/")),
            (Err(error), Some(page)) => match with_error(function.path, &error, &page) {
                Some(location) => location,
                None => return answer::error(&error),
            },
            (Err(error), None) => return answer::error(&error),
        };
        let mut response = answer::json(StatusCode::SEE_OTHER, Vec::new());
        if let Ok(location) = HeaderValue::from_str(&location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response.headers_mut().remove(header::CONTENT_TYPE);
        response
    }
}

/// An origin for URLs that are only taken apart again.
const ANY_ORIGIN: &str = "http://localhost";

fn with_error(path: &str, error: &Error, page: &str) -> Option<String> {
    let page = without_error(page);
    let url = ServerFnUrlError::new(path, error.clone())
        .to_url(&format!("{ANY_ORIGIN}{page}"))
        .ok()?;
    on_this_site(url.as_str()).map(ToOwned::to_owned)
}

/// The page without the error of an earlier attempt; the root where the page is not one of ours.
fn without_error(page: &str) -> String {
    let mut url = format!("{ANY_ORIGIN}{page}");
    // Also normalizes the path: only then can it be judged
    ServerFnUrlError::<Error>::strip_error_info(&mut url);
    on_this_site(&url)
        .unwrap_or("/")
        .trim_end_matches('?')
        .to_owned()
}

/// The path and query of a normalized URL, unless a browser would take them for another site:
/// `//other.example` names a host.
fn on_this_site(url: &str) -> Option<&str> {
    let path = url.strip_prefix(ANY_ORIGIN)?;
    (path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\")).then_some(path)
}
