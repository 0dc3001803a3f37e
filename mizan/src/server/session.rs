//! `GET /api/mizan/session`, and `POST /api/mizan/token`.

use super::{
    Site, answer,
    body::{self, Expected},
    call::{Work, in_owner},
};
use crate::{
    Error, Result,
    auth::{Commit, bearer, principal},
    request::Scope,
};
use axum::{
    body::Body,
    extract::Request,
    routing::{MethodRouter, get, post},
};
use http::{Response, StatusCode, request::Parts};
use leptos::prelude::provide_context;
use serde::Serialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Who the caller is, for those who don't render pages.
pub(super) fn route(site: &Arc<Site>) -> MethodRouter {
    let site = Arc::clone(site);
    get(move |request: Request| session(site, request))
        .fallback(|request| answer::method_not_allowed("GET, HEAD", request))
}

#[derive(Serialize)]
struct Session {
    authenticated: bool,
    user: Option<Box<RawValue>>,
}

async fn session(site: Arc<Site>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let work = Work::new(Scope::new(site));
    let result = who(&work, parts).await;
    let commit = match &result {
        Ok(_) => work.commit(None).await,
        Err(_) => Ok(Commit::default()),
    };
    let answered = result.and_then(|text| Ok((text, commit?)));
    match answered {
        Ok((text, commit)) => {
            let mut response = answer::json(StatusCode::OK, text);
            answer::commit(&mut response, commit);
            response
        }
        Err(error) => answer::error(&error),
    }
}

async fn who(work: &Work, parts: Parts) -> Result<Vec<u8>> {
    bearer::present(&work.scope, &parts.headers).await?;
    let principal = in_owner(&work.owner, || {
        provide_context(work.scope.clone());
        provide_context(parts);
        principal()
    });
    let user = principal.await?.map(|principal| principal.public());
    Ok(serde_json::to_vec(&Session {
        authenticated: user.is_some(),
        user: user.transpose()?,
    })?)
}

/// New tokens for one that was given to be used for that once.
pub(super) fn token_route(site: &Arc<Site>) -> MethodRouter {
    let site = Arc::clone(site);
    post(move |request: Request| token(site, request))
        .fallback(|request| answer::method_not_allowed("POST", request))
}

async fn token(site: Arc<Site>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let expected = Expected::of(&parts.headers);
    let refreshed = async {
        let admitted = site.cross_site.admit(parts, &site.proxies);
        let (Ok(parts), Some(bearer)) = (&admitted, &site.bearer) else {
            body::discard(expected, body).await;
            return Err(match admitted {
                Err(error) => error,
                Ok(_) => Error::not_found("this server gives no tokens"),
            });
        };
        let body = body::read(&parts.headers, body, site.body_limit).await?;
        bearer.refresh(&body, &site).await
    };
    match tokio::time::timeout(site.request_timeout, refreshed).await {
        Ok(Ok(text)) => answer::json(StatusCode::OK, text),
        Ok(Err(error)) => answer::error(&error),
        Err(_) => answer::error(&Error::unavailable("the request took too long")),
    }
}
