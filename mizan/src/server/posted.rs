//! Forms without JavaScript: `POST <the address of the page that the form is on>`.
//!
//! 1. The hidden input `mizan-form` says which form it is. It is submitted as its endpoint does it:
//!    the same guard, rate and rules, and what it makes stale is told before the answer.
//! 2. Where it is taken, the answer is a redirect, to the same address or to where the handler said,
//!    so that loading the page again posts nothing. That page is told by a cookie of a minute.
//! 3. Where it fails, the answer is the page, with the error's status: what was filled in stands in
//!    it, and what is wrong with that.
//! 4. A post with the hidden input `mizan-key` that is made again, pressed twice, say, gets the first
//!    answer. One that failed, or in which anything else is different, is another one: whoever goes
//!    back and corrects a mistake sends the same key again.
//!
//! 5. A button beside rows, `mizan-rows`, submits nothing: the page comes back with one row more or
//!    less, or in another order.
//!
//! What is wrong with a post as such (no form, a body that is too large) is an error, and no page.

use super::{
    Site, answer,
    body::{self, Expected},
    call::{Done, Received, Work, bounded, content_type, dispatch, without_caller},
    flush::Flush,
    page::{protected, rendered},
    repeats,
};
use crate::{
    Code, Error, Result,
    call::{
        arguments::check_utf8,
        server::{Encoding, log},
    },
    form::{
        FORM, KEY, Posted, ROW_BUTTONS, on_this_site,
        server::{FormRegistration, Said, change_rows, done_cookie, given_back},
    },
    request::{Scope, Way},
};
use axum::{body::Body, extract::Request};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header, request::Parts};
use server_fn::redirect::REDIRECT_HEADER;
use std::sync::Arc;

/// How a page is rendered.
pub(super) type Render = Arc<dyn Fn(Request) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// What a page does with a method that it is not asked for with.
#[derive(Clone)]
pub(super) struct Posts {
    site: Arc<Site>,
    render: Render,
}

impl Posts {
    pub(super) fn new(site: &Arc<Site>, render: Render) -> Self {
        Self {
            site: Arc::clone(site),
            render,
        }
    }

    pub(super) async fn answer(self, request: Request) -> Response<Body> {
        // Whoever presses twice goes away from the first answer, and gets it as the second
        without_caller(async move {
            let Self { site, render } = self;
            let take = |request, scope| async {
                let taken = take(request, scope, render).await;
                taken.unwrap_or_else(|error| answer::error(&error))
            };
            protected(&site, Way::Post, request, take).await
        })
        .await
    }
}

/// Takes a form.
///
/// # Errors
///
/// What is wrong with the request before it is known which form it is for.
async fn take(request: Request, scope: Scope, render: Render) -> Result<Response<Body>> {
    let site = Arc::clone(scope.site());
    let (parts, body) = request.into_parts();
    let expected = Expected::of(&parts.headers);
    if let Err(error) = admit(&parts, &site) {
        body::discard(expected, body).await;
        return refused(error);
    }
    let read = body::read(expected, body, site.body_limit);
    let body = bounded(&site, "page", read).await?;
    check_utf8(&body)?;
    let Some(name) = input(&body, FORM)? else {
        return refused(no_form());
    };
    let form = *site
        .forms
        .get(&*name)
        .ok_or_else(|| Error::not_found("there is no such form"))?;
    if let Some(change) = input(&body, ROW_BUTTONS)? {
        let mut pairs = given_back(form.schema, &body);
        change_rows(form.schema, &change, &mut pairs)?;
        scope.has_posted(Posted::changed(form.name, pairs));
        return Ok(shown(parts, Said::default(), &scope, render).await);
    }
    let key = input(&body, KEY)?.map(|_| repeats::key_of(&body));
    let submission = Submission { form, body, key };
    submission.take(parts, &scope, render).await
}

/// Decides on the head of a request.
fn admit(parts: &Parts, site: &Site) -> Result<()> {
    let is_named = parts.headers.contains_key(header::CONTENT_TYPE);
    if parts.method != Method::POST || site.forms.is_empty() || !is_named {
        return Err(no_form());
    }
    match content_type(&parts.headers) {
        Some(Encoding::Form) => Ok(()),
        _ => Err(Error::unsupported_media_type(
            "a page takes application/x-www-form-urlencoded",
        )),
    }
}

fn no_form() -> Error {
    Error::method_not_allowed("the page takes GET, HEAD, and POST of a form that is on it")
}

/// The answer that an error is; with what the page takes, where that is what is wrong.
fn refused(error: Error) -> Result<Response<Body>> {
    if error.code() != Code::MethodNotAllowed {
        return Err(error);
    }
    let mut response = answer::error(&error);
    let allowed = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(header::ALLOW, allowed);
    Ok(response)
}

/// The text of an input of Mizan's own.
fn input(body: &[u8], name: &str) -> Result<Option<String>> {
    let mut found = form_urlencoded::parse(body).filter(|(known, _)| known == name);
    let first = found.next();
    if found.next().is_some() {
        return Err(Error::invalid_field(name, "is given more than once"));
    }
    Ok(first.map(|(_, text)| text.into_owned()))
}

/// A form that was sent to a page.
struct Submission {
    form: &'static FormRegistration,
    body: Bytes,
    key: Option<Arc<str>>,
}

impl Submission {
    async fn take(self, parts: Parts, scope: &Scope, render: Render) -> Result<Response<Body>> {
        let Self { form, body, key } = self;
        let submit = form.submit();
        let work = Work::new(scope.clone());
        let received = Received {
            body: Body::from(body.clone()),
            expected: Expected::Sent,
            encoding: Ok(Encoding::Form),
        };
        let (mut claim, repeats) = (None, &scope.site().repeats);
        let run = |body, encoding| dispatch(submit, key, repeats, &mut claim, body, encoding);
        let result = work.run(&submit.about, parts.clone(), received, run).await;
        let flush = Flush::publish(&work).await;
        let done = match result {
            Ok(done) => done,
            Err(error) => {
                // Whoever waits for it makes it again
                drop(claim);
                log(submit.about.name, &error);
                scope.identity().forget().await;
                let pairs = given_back(form.schema, &body);
                scope.has_posted(Posted::failed(form.name, pairs, error.clone()));
                let mut response = failed(parts, &work, render, &error).await;
                flush.announce(response.headers_mut());
                return Ok(response);
            }
        };
        let mut response = match done {
            Done::Again(answer) => answer.give(),
            Done::Now(_) => taken(&parts.uri, &work, &flush)?,
        };
        // An answer is kept without its cookies: who has signed in by it would get none
        if let Some(claim) = claim.filter(|_| !scope.identity().has_changed()) {
            claim.keep(None, &mut response).await;
        }
        if let Some(cookie) = done_cookie(form.name, scope.is_development()) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}

/// Sends the browser to the page that it is on, to ask for it, or to where the handler said.
fn taken(uri: &Uri, work: &Work, flush: &Flush) -> Result<Response<Body>> {
    let address = uri.path_and_query().map_or("/", |address| address.as_str());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    let location = HeaderValue::from_str(on_this_site(address))?;
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    flush.announce(headers);
    answer::extend(&mut response, &work.options, |name| {
        *name != REDIRECT_HEADER
    });
    Ok(response)
}

/// Renders the page of a form that failed.
async fn failed(parts: Parts, work: &Work, render: Render, error: &Error) -> Response<Body> {
    let mut response = shown(parts, said(work), &work.scope, render).await;
    // A page that goes elsewhere, or has failed itself, says that
    if matches!(response.status(), StatusCode::OK | StatusCode::NOT_FOUND) {
        *response.status_mut() = answer::status(error);
        answer::retry_after(&mut response, error);
    }
    response
}

/// Renders the page that a form was posted to.
async fn shown(parts: Parts, said: Said, scope: &Scope, render: Render) -> Response<Body> {
    let request = asked_for(parts, said);
    let mut response = rendered(scope.site(), render(request)).await;
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    response
}

/// What a post that failed has said of the answer all the same. It goes nowhere, or its error would
/// be seen by nobody.
fn said(work: &Work) -> Said {
    let options = work.options.0.write();
    let mut headers = options.map_or_else(
        |_| HeaderMap::new(),
        |mut options| std::mem::take(&mut options.headers),
    );
    headers.remove(header::LOCATION);
    headers.remove(REDIRECT_HEADER);
    Said(headers)
}

/// The request for a page, in place of one that has posted to it.
fn asked_for(mut parts: Parts, said: Said) -> Request {
    parts.method = Method::GET;
    for of_body in [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::TRANSFER_ENCODING,
        header::EXPECT,
    ] {
        parts.headers.remove(of_body);
    }
    parts.extensions.insert(said);
    Request::from_parts(parts, Body::empty())
}
