//! `GET /api/mizan/ws`: the socket of a page.
//!
//! JSON in text frames. To the server: `{"op":"ping"}`, and
//! `{"op":"call","id":7,"fn":"echo","args":{..}}`, which is answered as over HTTP, in any order:
//! `{"op":"result","id":7,"result":T}` or `{"op":"result","id":7,"error":{..}}`. What is none of
//! these is answered `{"op":"error","id"?,"error":{..}}`, and the socket goes on.
//!
//! An upgrade is a GET, and yet has effects; a browser makes it for any site's page, with the
//! visitor's cookies (CWE-1385). So it goes through the same check as a call. Whose session it is
//! is found out anew for each call.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `peer` | who is at the other end, and whether they still are who they were |
//! | `conversation` | frames as they come and go, for as long as both sides want |
//! | `call` | calls |
//! | `channel` | what is joined over the socket |
//! | `mount` | the instances of live contexts that the page shows |
//! | `frame` | frames in JSON |
//! | `head` | the head of the request that opened the socket |
//! | `head` | the head of the request that opened the socket |

mod call;
mod channel;
mod conversation;
mod frame;
mod head;
mod mount;
mod peer;

pub(crate) use peer::Seats;

use self::peer::Peer;
use super::{Site, answer, call::bounded, serve::Stopping};
use crate::{Error, Result};
use axum::{
    body::Body,
    extract::{FromRequestParts, Request, ws::WebSocketUpgrade},
    routing::{MethodRouter, get},
};
use http::{HeaderValue, Response, header::SEC_WEBSOCKET_VERSION, request::Parts};
use std::sync::Arc;

/// What is read at a time; tungstenite's default is 128 KiB for each socket.
const BUFFER: usize = 4 * 1024;

pub(super) fn route(site: &Arc<Site>) -> MethodRouter {
    let site = Arc::clone(site);
    get(move |request: Request| upgrade(site, request))
        .fallback(|request| answer::method_not_allowed("GET", request))
}

async fn upgrade(site: Arc<Site>, request: Request) -> Response<Body> {
    let (mut parts, _) = request.into_parts();
    // The server waits for what holds it
    let stopping = parts.extensions.remove::<Stopping>();
    match prepare(&site, parts).await {
        Ok((upgrade, peer)) => upgrade
            .max_message_size(site.body_limit)
            .max_frame_size(site.body_limit)
            .read_buffer_size(BUFFER)
            .on_failed_upgrade(|error| tracing::debug!(%error, "a socket did not open"))
            .on_upgrade(move |socket| peer.serve(socket, stopping)),
        Err(error) => refuse(&error),
    }
}

async fn prepare(site: &Arc<Site>, parts: Parts) -> Result<(WebSocketUpgrade, Arc<Peer>)> {
    let mut parts = site.cross_site.admit_upgrade(parts, &site.proxies)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let peer = Peer::new(Arc::clone(site), head::detached(parts));
    let peer = bounded(site, "socket", peer).await?;
    let upgrade = upgrade.map_err(|_| Error::bad_request("the endpoint speaks WebSocket only"))?;
    Ok((upgrade, Arc::new(peer)))
}

/// Says no, and which version would do (RFC 6455, section 4.4).
fn refuse(error: &Error) -> Response<Body> {
    const VERSION: HeaderValue = HeaderValue::from_static("13");
    let mut response = answer::error(error);
    response
        .headers_mut()
        .insert(SEC_WEBSOCKET_VERSION, VERSION);
    response
}
