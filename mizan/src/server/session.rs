//! `GET /api/mizan/session`, and `POST /api/mizan/token`.

use super::{
    Site, answer,
    body::{self, Expected},
    call::{Work, bounded},
};
use crate::{
    Error, Result,
    auth::{bearer, principal},
    request::{Scope, Way, in_owner},
};
use axum::{
    body::Body,
    extract::Request,
    routing::{MethodRouter, get, post},
};
use http::{HeaderMap, Response, StatusCode, header, request::Parts};
use serde::{Deserialize, Serialize};
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
    let work = Work::new(Scope::new(Arc::clone(&site), Way::Bundle));
    let answered = async {
        let text = bounded(&site, "session", who(&work, parts)).await?;
        Ok::<_, Error>((text, work.commit(None).await?))
    };
    match answered.await {
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
    work.provide(parts);
    let user = in_owner(&work.owner, principal).await?;
    let user = user.map(|principal| principal.public());
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

#[derive(Deserialize)]
struct Refresh {
    refresh_token: String,
}

async fn token(site: Arc<Site>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match bounded(&site, "token", refresh(&site, parts, body)).await {
        Ok(text) => answer::json(StatusCode::OK, text),
        Err(error) => answer::error(&error),
    }
}

async fn refresh(site: &Site, parts: Parts, body: Body) -> Result<Vec<u8>> {
    let expected = Expected::of(&parts.headers);
    let admitted = async {
        let parts = site.cross_site.admit(parts, &site.proxies)?;
        let bearer = site.bearer.as_deref();
        let bearer = bearer.ok_or_else(|| Error::not_found("this server gives no tokens"))?;
        if !is_json(&parts.headers) {
            return Err(Error::unsupported_media_type(
                "the endpoint takes application/json",
            ));
        }
        Ok(bearer)
    };
    let bearer = match admitted.await {
        Ok(admitted) => admitted,
        Err(error) => {
            body::discard(expected, body).await;
            return Err(error);
        }
    };
    let body = body::read(expected, body, site.body_limit).await?;
    let refresh = serde_json::from_slice::<Refresh>(&body);
    let refresh = refresh.map_err(|_| Error::invalid_field("refresh_token", "is missing"))?;
    let pair = bearer.refresh(&refresh.refresh_token, site).await?;
    let pair = pair.ok_or_else(|| Error::unauthorized("the token is not valid"))?;
    Ok(serde_json::to_vec(&pair)?)
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok()?.parse::<mime::Mime>().ok());
    value.is_some_and(|value| value.essence_str() == mime::APPLICATION_JSON.essence_str())
}
