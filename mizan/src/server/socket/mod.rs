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

mod call;
mod channel;
mod frame;

use self::{
    channel::{Join, Lanes, Said, Step},
    frame::Frame,
};
use super::{Site, answer, call::bounded};
use crate::{
    Error, Result,
    auth::bearer,
    channel::server::{End, Line},
    request::{Scope, Way},
};
use axum::{
    body::Body,
    extract::{
        FromRequestParts, Request,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code},
    },
    routing::{MethodRouter, get},
};
use bytes::Bytes;
use futures::{FutureExt, SinkExt};
use http::{Response, request::Parts};
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

/// How much of what a socket asks for is done at a time; the next frame is read when something has
/// ended.
const MOST_STEPS: usize = 16;

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
            .on_upgrade(move |socket| {
                let parts = Arc::new(parts);
                Arc::new(Peer { site, parts }).serve(socket)
            }),
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
    parts: Arc<Parts>,
}

impl Peer {
    async fn serve(self: Arc<Self>, mut socket: WebSocket) {
        let line = Arc::new(Line::default());
        let mut lanes = Lanes::default();
        // Each in a task of its own: what one holds is not held up by who does not read
        let mut steps = JoinSet::new();
        let end = self
            .converse(&mut socket, &line, &mut lanes, &mut steps)
            .await;
        // Dropped it would be cut off anywhere
        steps.detach_all();
        lanes.end(&self);
        if let Some((code, reason)) = end {
            let close = Message::Close(Some(CloseFrame {
                code,
                reason: reason.into(),
            }));
            let _ = timeout(LONGEST_SEND, socket.send(close)).await;
        }
    }

    /// Answers frames, and sends what waits, until one side ends it. Returns what to say then.
    async fn converse(
        self: &Arc<Self>,
        socket: &mut WebSocket,
        line: &Arc<Line>,
        lanes: &mut Lanes,
        steps: &mut JoinSet<Option<Utf8Bytes>>,
    ) -> Option<(u16, &'static str)> {
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            let answer = tokio::select! {
                frame = socket.recv(), if steps.len() < MOST_STEPS => {
                    heard = Instant::now();
                    match frame {
                        Some(Ok(Message::Text(text))) => match self.understand(&text, line, lanes) {
                            Ok(step) => {
                                steps.spawn(step);
                                continue;
                            }
                            Err(answer) => answer,
                        },
                        Some(Ok(Message::Binary(_))) => {
                            frame::error(None, None, &Error::bad_request("frames are text"))
                        }
                        // tungstenite answers pings itself, into a buffer without an end
                        Some(Ok(Message::Ping(_))) => {
                            match timeout(LONGEST_SEND, socket.flush()).await {
                                Ok(Ok(())) => continue,
                                Ok(Err(_)) | Err(_) => return None,
                            }
                        }
                        Some(Ok(Message::Pong(_))) => continue,
                        // And a Close, which is sent here
                        Some(Ok(Message::Close(_))) => {
                            let _ = timeout(LONGEST_SEND, socket.flush()).await;
                            return None;
                        }
                        Some(Err(_)) | None => return None,
                    }
                }
                Some(answer) = steps.join_next() => {
                    if steps.len() + 1 == MOST_STEPS {
                        // Nobody has listened until now
                        heard = Instant::now();
                    }
                    match answer {
                        Ok(Some(answer)) => answer,
                        Ok(None) => continue,
                        // A panic was caught where it happened, and nobody aborts them
                        Err(_) => return None,
                    }
                }
                frames = line.take() => match frames {
                    Ok(frames) => {
                        let sent = async {
                            for frame in frames {
                                socket.feed(Message::Text(frame)).await?;
                            }
                            socket.flush().await
                        };
                        match timeout(LONGEST_SEND, sent).await {
                            Ok(Ok(())) => continue,
                            Ok(Err(_)) | Err(_) => return None,
                        }
                    }
                    Err(End::TooSlow) => return Some((close_code::AGAIN, "too slow: join again")),
                    Err(End::GoingAway) => return Some((close_code::AWAY, "the server stops")),
                },
                _ = heartbeat.tick() => {
                    if steps.len() < MOST_STEPS && heard.elapsed() > SILENCE {
                        return None;
                    }
                    match timeout(LONGEST_SEND, socket.send(Message::Ping(Bytes::new()))).await {
                        Ok(Ok(())) => continue,
                        Ok(Err(_)) | Err(_) => return None,
                    }
                }
            };
            match timeout(LONGEST_SEND, socket.send(Message::Text(answer))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return None,
            }
        }
    }

    /// What a frame asks for: something to do, or what can be answered at once.
    fn understand(
        self: &Arc<Self>,
        text: &str,
        line: &Arc<Line>,
        lanes: &mut Lanes,
    ) -> std::result::Result<Step, Utf8Bytes> {
        let refused = |id, error: Error| frame::error(id, None, &error);
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else {
            let error = Error::bad_request("a frame is one JSON object with an `op`");
            return Err(refused(None, error));
        };
        let missing = |what: &'static str| Err(refused(frame.id, Error::bad_request(what)));
        match &*frame.op {
            "ping" => Err(r#"{"op":"pong"}"#.into()),
            "call" => {
                let (Some(id), Some(name)) = (frame.id, &frame.function) else {
                    return missing("a call has an `id`, a number, and a `fn`");
                };
                let function = self.site.functions.get(&**name).copied();
                let arguments = frame.args.map_or("{}", RawValue::get);
                let arguments = Bytes::copy_from_slice(arguments.as_bytes());
                let call = Arc::clone(self).call(id, function, arguments);
                Ok(call.map(Some).boxed())
            }
            "join" => {
                let (Some(id), Some(channel)) = (frame.id, frame.channel) else {
                    return missing("a join has an `id`, a number, and a `channel`");
                };
                let join = Join {
                    id,
                    channel: channel.into_owned(),
                    params: frame.params.unwrap_or_default(),
                    since: frame.since,
                    presence: frame.presence,
                };
                let step = lanes.join(self, line, join);
                step.map_err(|error| refused(Some(id), error))
            }
            "send" => {
                let (Some(id), Some(message)) = (frame.id, frame.message) else {
                    return missing("a send has an `id`, a number, and a `message`");
                };
                let said = Said {
                    id,
                    message: message.get().to_owned(),
                    key: frame.key.map(Cow::into_owned),
                    again: frame.again,
                };
                let step = lanes.send(self, said);
                step.map_err(|error| refused(Some(id), error))
            }
            "leave" => {
                let Some(id) = frame.id else {
                    return missing("a leave has an `id`, a number");
                };
                let step = lanes.leave(self, line, id);
                step.map_err(|error| refused(Some(id), error))
            }
            _ => missing("the server knows no such `op`"),
        }
    }
}
