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

use super::{
    Site, answer,
    body::Expected,
    call::{Received, Work, bounded},
    flush,
};
use crate::{
    Error, Result,
    auth::bearer,
    call::server::{Encoding, Registration, buffer},
    error::ErrorEnvelope,
    request::{Scope, Way},
};
use axum::{
    body::Body,
    extract::{
        FromRequestParts, Request,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use futures::{SinkExt, future::BoxFuture};
use http::{Response, header, request::Parts};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

/// How many calls of a socket run at a time; the next frame is read when one has ended.
const MOST_CALLS: usize = 16;

/// How often the server asks whether somebody is still there.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// After which silence nobody is.
const SILENCE: Duration = Duration::from_secs(75);

/// How long a frame may take to be sent: a peer that does not read is gone.
const LONGEST_SEND: Duration = Duration::from_secs(10);

/// What is read at a time; tungstenite's default is 128 KiB for each socket.
const BUFFER: usize = 4 * 1024;

pub(super) fn route(site: &Arc<Site>) -> MethodRouter {
    let site = Arc::clone(site);
    get(move |request: Request| upgrade(site, request))
        .fallback(|request| answer::method_not_allowed("GET", request))
}

async fn upgrade(site: Arc<Site>, request: Request) -> Response<Body> {
    let (parts, _) = request.into_parts();
    match prepare(&site, parts).await {
        Ok((upgrade, parts)) => upgrade
            .max_message_size(site.body_limit)
            .max_frame_size(site.body_limit)
            .read_buffer_size(BUFFER)
            .on_failed_upgrade(|error| tracing::debug!(%error, "a socket did not open"))
            .on_upgrade(move |socket| Arc::new(Peer { site, parts }).serve(socket)),
        Err(error) => answer::error(&error),
    }
}

async fn prepare(site: &Arc<Site>, parts: Parts) -> Result<(WebSocketUpgrade, Parts)> {
    let mut parts = site.cross_site.admit_upgrade(parts, &site.proxies)?;
    let scope = Scope::new(Arc::clone(site), Way::Socket);
    let token = bearer::present(&scope, &parts.headers);
    bounded(site, "socket", token).await?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let upgrade = upgrade.map_err(|_| Error::bad_request("the endpoint speaks WebSocket only"))?;
    Ok((upgrade, parts))
}

/// The other end of a socket.
struct Peer {
    site: Arc<Site>,
    /// The head of the request that opened the socket.
    parts: Parts,
}

/// A frame from the browser.
#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    op: Cow<'a, str>,
    id: Option<u64>,
    #[serde(borrow, rename = "fn")]
    function: Option<Cow<'a, str>>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

impl Peer {
    async fn serve(self: Arc<Self>, mut socket: WebSocket) {
        // Each in a task of its own: what a call holds is not held up by who does not read
        let mut calls = JoinSet::new();
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let answer = tokio::select! {
                frame = socket.recv(), if calls.len() < MOST_CALLS => {
                    heard = Instant::now();
                    match frame {
                        Some(Ok(Message::Text(text))) => match self.understand(&text) {
                            Ok(call) => {
                                calls.spawn(call);
                                continue;
                            }
                            Err(answer) => text_frame(answer),
                        },
                        Some(Ok(Message::Binary(_))) => {
                            text_frame(failed(None, &Error::bad_request("frames are text")))
                        }
                        // tungstenite answers pings itself, into a buffer without an end
                        Some(Ok(Message::Ping(_))) => {
                            match timeout(LONGEST_SEND, socket.flush()).await {
                                Ok(Ok(())) => continue,
                                Ok(Err(_)) | Err(_) => return,
                            }
                        }
                        Some(Ok(Message::Pong(_))) => continue,
                        // And a Close, which is sent here
                        Some(Ok(Message::Close(_))) => {
                            let _ = timeout(LONGEST_SEND, socket.flush()).await;
                            return;
                        }
                        Some(Err(_)) | None => return,
                    }
                }
                Some(answer) = calls.join_next() => {
                    if calls.len() + 1 == MOST_CALLS {
                        // Nobody has listened until now
                        heard = Instant::now();
                    }
                    // A panic was caught where it happened, and nobody aborts them
                    let Ok(answer) = answer else { return };
                    text_frame(answer)
                }
                _ = heartbeat.tick() => {
                    if calls.len() < MOST_CALLS && heard.elapsed() > SILENCE {
                        return;
                    }
                    Message::Ping(Bytes::new())
                }
            };
            match timeout(LONGEST_SEND, socket.send(answer)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    /// What a frame asks for: a call, or what can be answered at once.
    fn understand(
        self: &Arc<Self>,
        text: &str,
    ) -> std::result::Result<BoxFuture<'static, Vec<u8>>, Vec<u8>> {
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else {
            let error = Error::bad_request("a frame is one JSON object with an `op`");
            return Err(failed(None, &error));
        };
        match (&*frame.op, frame.id, frame.function) {
            ("ping", ..) => Err(br#"{"op":"pong"}"#.to_vec()),
            ("call", Some(id), Some(name)) => {
                let function = self.site.functions.get(&*name).copied();
                let arguments = frame.args.map_or("{}", RawValue::get);
                let arguments = Bytes::copy_from_slice(arguments.as_bytes());
                Ok(Box::pin(Arc::clone(self).call(id, function, arguments)))
            }
            ("call", id, _) => {
                let error = Error::bad_request("a call has an `id`, a number, and a `fn`");
                Err(failed(id, &error))
            }
            (_, id, _) => Err(failed(
                id,
                &Error::bad_request("the server knows no such `op`"),
            )),
        }
    }

    async fn call(
        self: Arc<Self>,
        id: u64,
        function: Option<&'static Registration>,
        arguments: Bytes,
    ) -> Vec<u8> {
        let work = Work::new(Scope::new(Arc::clone(&self.site), Way::Socket));
        let result = self.run(&work, function, arguments).await;
        let consequences = std::mem::take(&mut *work.scope.consequences());
        let mut text = buffer();
        text.extend_from_slice(format!(r#"{{"op":"result","id":{id},"#).as_bytes());
        let before = text.len();
        let written = match &result {
            // Without its brace
            Ok(result) => {
                text.extend_from_slice(&result[1..]);
                Ok(())
            }
            Err(error) => write_error(&mut text, error),
        };
        let written = written.and_then(|()| flush::write(&mut text, &consequences, &Vec::new()));
        if let Err(error) = written {
            text.truncate(before);
            // An error of ours can be written
            let _ = write_error(&mut text, &error);
        }
        text.push(b'}');
        text
    }

    async fn run(
        &self,
        work: &Work,
        function: Option<&'static Registration>,
        arguments: Bytes,
    ) -> Result<Vec<u8>> {
        let function = function.ok_or_else(|| Error::not_found("there is no such function"))?;
        if function.private {
            return Err(Error::forbidden("the function is for the server's own use"));
        }
        let received = Received {
            body: Body::from(arguments),
            expected: Expected::Sent,
            encoding: Ok(Encoding::Json),
        };
        let result = work.run(function, self.parts.clone(), received).await;
        let sets_cookies = {
            let options = work.options.0.read();
            options.is_ok_and(|options| options.headers.contains_key(header::SET_COOKIE))
        };
        if sets_cookies || work.scope.identity().needs_a_cookie().await {
            work.scope.needs_cookies()?;
        }
        work.commit(result.as_ref().err()).await?;
        result
    }
}

fn text_frame(text: Vec<u8>) -> Message {
    // It was written as JSON, from strings
    Message::Text(String::from_utf8(text).unwrap_or_default().into())
}

fn failed(id: Option<u64>, error: &Error) -> Vec<u8> {
    let mut text = br#"{"op":"error","#.to_vec();
    if let Some(id) = id {
        text.extend_from_slice(format!(r#""id":{id},"#).as_bytes());
    }
    // An error of ours can be written
    let _ = write_error(&mut text, error);
    text.push(b'}');
    text
}

/// Writes `"error":{..}`, without the braces around it.
fn write_error(text: &mut Vec<u8>, error: &Error) -> Result<()> {
    let written = serde_json::to_vec(&ErrorEnvelope { error })?;
    text.extend_from_slice(&written[1..written.len() - 1]);
    Ok(())
}
