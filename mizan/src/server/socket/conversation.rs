//! Frames as they come and go.

use super::{
    call::Asked,
    channel::{Join, Lanes, Said},
    frame::{self, Frame},
    mount::Mounts,
    peer::Peer,
};
use crate::{
    Error,
    call::server::panicked,
    channel::server::{End, Line},
    server::{call::in_time, flush::instance_of, serve::Stopping},
};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use bytes::Bytes;
use futures::{
    FutureExt, SinkExt,
    future::{BoxFuture, pending},
};
use http::HeaderValue;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    iter,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, Interval, MissedTickBehavior, interval, sleep_until},
};
use tungstenite::{Error as SocketError, error::CapacityError};

/// How much of what a socket asks for is done at a time; the next frame is read when something has
/// ended.
const MOST_STEPS: usize = 16;

/// How often the server asks whether somebody is still there.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// After which silence nobody is.
const SILENCE: Duration = Duration::from_secs(75);

/// How long a frame may take to be sent: a peer that does not read is gone.
const LONGEST_SEND: Duration = Duration::from_secs(10);

/// Something to do for a socket.
pub(super) type Step = BoxFuture<'static, Done>;

/// What it ended in.
pub(super) enum Done {
    /// Nothing is to be said, or it is on the line already.
    Silence,
    Answer(Utf8Bytes),
    /// It was looked who is there.
    Looked {
        /// Whether it is somebody else, or they may something else.
        is_changed: bool,
    },
}

impl From<Option<Utf8Bytes>> for Done {
    fn from(answer: Option<Utf8Bytes>) -> Self {
        answer.map_or(Self::Silence, Self::Answer)
    }
}

/// Why a socket ends: what is said then, if anything can be.
type Goodbye = Option<(u16, &'static str)>;

fn goodbye(end: End) -> Goodbye {
    match end {
        End::TooSlow => Some((close_code::AGAIN, "too slow: join again")),
    }
}

const GOING_AWAY: Goodbye = Some((close_code::AWAY, "the server stops"));

/// What has panicked was nothing that somebody waits for an answer to: what the socket has joined or
/// shows may not be what its page believes. It comes back, and says it anew.
const DAMAGED: Goodbye = Some((close_code::ERROR, "something went wrong: come back"));

/// What is said of a panic in the log.
const SOCKET: &str = "socket";

/// How a conversation ends.
enum Ended {
    By(Goodbye),
    /// The server wants to stop.
    Stopping,
}

/// A socket while it is open.
struct Conversation {
    peer: Arc<Peer>,
    socket: WebSocket,
    line: Arc<Line>,
    lanes: Lanes,
    mounts: Mounts,
    /// Those that wait, each in a task of its own: what one holds is not held up by who does not
    /// read.
    steps: JoinSet<Done>,
    pace: Pace,
    /// Whether it is being looked who is there.
    is_looking: bool,
}

impl Peer {
    pub(super) async fn serve(self: Arc<Self>, socket: WebSocket, stopping: Option<Stopping>) {
        let mut conversation = Conversation {
            line: Arc::clone(&self.line),
            lanes: Lanes::default(),
            mounts: Mounts::default(),
            steps: JoinSet::new(),
            pace: Pace::new(self.site.frames_per_second),
            is_looking: false,
            peer: self,
            socket,
        };
        let ended = AssertUnwindSafe(conversation.until_it_ends(stopping.clone()));
        let goodbye = ended.catch_unwind().await.unwrap_or_else(|panic| {
            panicked(SOCKET, &*panic);
            DAMAGED
        });
        conversation.end(goodbye, stopping).await;
    }
}

impl Conversation {
    async fn until_it_ends(&mut self, stopping: Option<Stopping>) -> Goodbye {
        let Some(mut stopping) = stopping else {
            return match self.converse(pending()).await {
                Ended::By(goodbye) => goodbye,
                Ended::Stopping => GOING_AWAY,
            };
        };
        let mut over = stopping.clone();
        // Not cut off where it is: what is being sent has been taken off the line
        match self.converse(stopping.begun()).await {
            Ended::By(goodbye) => goodbye,
            Ended::Stopping => tokio::select! {
                goodbye = self.finish() => goodbye,
                () = over.over() => GOING_AWAY,
            },
        }
    }

    /// Leaves everything, which a server that stops waits for.
    async fn end(mut self, goodbye: Goodbye, stopping: Option<Stopping>) {
        // Dropped they would be cut off anywhere
        self.steps.detach_all();
        self.lanes.end(&self.peer, stopping.as_ref());
        if let Some((code, reason)) = goodbye {
            let close = Message::Close(Some(CloseFrame {
                code,
                reason: reason.into(),
            }));
            sent(pin!(self.socket.send(close))).await;
        }
    }

    /// Answers frames, and sends what waits, until one side ends it, or the server stops.
    async fn converse(&mut self, stops: impl Future<Output = ()>) -> Ended {
        let mut stops = pin!(stops);
        let mut heartbeat = every(HEARTBEAT);
        let mut look = every(self.peer.site.identity_recheck);
        let mut heard = Instant::now();
        loop {
            let reads = self.steps.len() < MOST_STEPS && !self.pace.is_spent();
            let resumes = self.pace.resumes();
            let sent = tokio::select! {
                frame = self.socket.recv(), if reads => {
                    heard = Instant::now();
                    self.pace.count(heard);
                    match frame {
                        Some(Ok(frame)) => match self.take(frame).await {
                            Ok(()) => continue,
                            Err(goodbye) => return Ended::By(goodbye),
                        },
                        Some(Err(error)) => return Ended::By(broken(error)),
                        None => return Ended::By(None),
                    }
                }
                Some(done) = self.steps.join_next() => {
                    if self.steps.len() + 1 == MOST_STEPS {
                        // Nobody has listened until now
                        heard = Instant::now();
                    }
                    match done.map(|done| self.note(done)) {
                        Ok(Some(answer)) => self.send(Message::Text(answer)).await,
                        Ok(None) => true,
                        // Nobody aborts them: it has panicked, and no answer was waited for
                        Err(_) => return Ended::By(DAMAGED),
                    }
                }
                frames = self.line.take() => match frames {
                    Ok(frames) => self.send_all(frames).await,
                    Err(end) => return Ended::By(goodbye(end)),
                },
                () = &mut stops => return Ended::Stopping,
                // Made when it is looked at: a clock for each frame is a cost
                () = async { sleep_until(resumes).await }, if self.pace.is_spent() => {
                    self.pace.resume();
                    true
                }
                _ = look.tick(), if self.is_to_be_looked_after() => {
                    self.look();
                    true
                }
                _ = heartbeat.tick() => {
                    // Where it is not listened to, nobody can say that they are there
                    let is_there = !reads || heard.elapsed() <= SILENCE;
                    is_there && self.send(Message::Ping(Bytes::new())).await
                }
            };
            if !sent {
                return Ended::By(None);
            }
        }
    }

    /// Does what was asked for, and takes no more.
    async fn finish(&mut self) -> Goodbye {
        loop {
            let sent = tokio::select! {
                done = self.steps.join_next() => match done {
                    Some(Ok(Done::Answer(answer))) => self.send(Message::Text(answer)).await,
                    Some(_) => true,
                    None => break,
                },
                frames = self.line.take() => match frames {
                    Ok(frames) => self.send_all(frames).await,
                    Err(end) => return goodbye(end),
                },
            };
            if !sent {
                return None;
            }
        }
        if let Ok(frames) = self.line.take_now() {
            self.send_all(frames).await;
        }
        GOING_AWAY
    }

    /// Sends a frame. Returns whether that was possible.
    async fn send(&mut self, message: Message) -> bool {
        sent(pin!(self.socket.send(message))).await
    }

    /// Sends frames at once.
    async fn send_all(&mut self, frames: impl IntoIterator<Item = Utf8Bytes>) -> bool {
        let all = async {
            for frame in frames {
                self.socket.feed(Message::Text(frame)).await?;
            }
            self.socket.flush().await
        };
        sent(pin!(all)).await
    }

    /// Sends what tungstenite has to say by itself.
    async fn flush(&mut self) -> bool {
        sent(pin!(self.socket.flush())).await
    }

    /// Does a step as far as that takes no waiting, which is the whole of most; the rest in a task
    /// of its own. Returns what is to be answered already.
    fn begin(
        &mut self,
        mut step: impl Future<Output = Done> + Send + Unpin + 'static,
    ) -> Option<Utf8Bytes> {
        let Some(done) = (&mut step).now_or_never() else {
            self.steps.spawn(step);
            return None;
        };
        self.note(done)
    }

    /// Notes what a step has ended in. Returns what is to be answered.
    fn note(&mut self, done: Done) -> Option<Utf8Bytes> {
        match done {
            Done::Answer(answer) => return Some(answer),
            Done::Silence => {}
            Done::Looked { is_changed } => {
                self.is_looking = false;
                if is_changed {
                    self.ask_again();
                }
            }
        }
        None
    }

    /// Whether somebody is there who might sign out, or something could not be found out.
    fn is_to_be_looked_after(&self) -> bool {
        self.peer.is_somebody() && !self.is_looking || self.mounts.are_unsettled()
    }

    /// Looks after who is there, where they have joined something.
    fn look(&mut self) {
        if self.mounts.are_unsettled() {
            let step = self.mounts.ask_again(&self.peer, &self.line);
            self.steps.spawn(step);
        }
        let is_idle = self.lanes.are_empty() && self.mounts.are_empty();
        if is_idle || self.is_looking || !self.peer.is_somebody() {
            return;
        }
        self.is_looking = true;
        let peer = Arc::clone(&self.peer);
        self.steps.spawn(async move {
            Done::Looked {
                is_changed: peer.has_changed().await,
            }
        });
    }

    /// Asks again whether they may what they do.
    fn ask_again(&mut self) {
        for step in self.lanes.ask_again(&self.peer, &self.line) {
            self.steps.spawn(step);
        }
        if !self.mounts.are_empty() {
            let step = self.mounts.ask_again(&self.peer, &self.line);
            self.steps.spawn(step);
        }
    }

    /// Takes a frame.
    ///
    /// # Errors
    ///
    /// Where it ends the socket.
    async fn take(&mut self, frame: Message) -> Result<(), Goodbye> {
        let answer = match frame {
            Message::Text(text) => match self.understand_or_refuse(&text) {
                Ok(step) => match self.begin(answered(step, &text)) {
                    Some(answer) => answer,
                    None => return self.send_waiting(None).await,
                },
                Err(answer) => answer,
            },
            Message::Binary(_) => frame::error(None, None, &Error::bad_request("frames are text")),
            Message::Pong(_) => return Ok(()),
            // tungstenite answers pings itself, into a buffer without an end
            Message::Ping(_) => return self.flush().await.then_some(()).ok_or(None),
            // And a Close, which is sent here
            Message::Close(_) => {
                self.flush().await;
                return Err(None);
            }
        };
        self.send_waiting(Some(answer)).await
    }

    /// Sends an answer, and at once with it what waits on the line, such as what it has led to.
    ///
    /// # Errors
    ///
    /// Where it ends the socket.
    async fn send_waiting(&mut self, answer: Option<Utf8Bytes>) -> Result<(), Goodbye> {
        let frames = self.line.take_now().map_err(goodbye)?;
        if answer.is_none() && frames.is_empty() {
            return Ok(());
        }
        let sent = self.send_all(answer.into_iter().chain(frames)).await;
        sent.then_some(()).ok_or(None)
    }

    /// What a frame asks for, whatever the application's own types do while it is read.
    fn understand_or_refuse(&mut self, text: &Utf8Bytes) -> Result<Step, Utf8Bytes> {
        let understood = catch_unwind(AssertUnwindSafe(|| self.understand(text)));
        understood.unwrap_or_else(|panic| Err(frame::refusal(text, &panicked(SOCKET, &*panic)).1))
    }

    /// What a frame asks for: something to do, or what can be answered at once.
    fn understand(&mut self, text: &str) -> Result<Step, Utf8Bytes> {
        let refused = |id, error: Error| frame::error(id, None, &error);
        let Ok(frame) = serde_json::from_str::<Frame<'_>>(text) else {
            let error = Error::bad_request("a frame is one JSON object with an `op`");
            return Err(refused(None, error));
        };
        let missing = |what: &'static str| Err(refused(frame.id, Error::bad_request(what)));
        let (peer, line) = (&self.peer, &self.line);
        match &*frame.op {
            "ping" => Err(r#"{"op":"pong"}"#.into()),
            "call" => {
                let (Some(id), Some(name)) = (frame.id, &frame.function) else {
                    return missing("a call has an `id`, a number, and a `fn`");
                };
                let arguments = frame.args.map_or("{}", RawValue::get);
                let header = |text: &Option<Cow<'_, str>>| {
                    let text = text.as_deref()?;
                    HeaderValue::from_str(text).ok()
                };
                let asked = Asked {
                    id,
                    function: peer.site.functions.get(&**name).copied(),
                    arguments: Bytes::copy_from_slice(arguments.as_bytes()),
                    build: header(&frame.build),
                    mounted: header(&frame.mounted),
                };
                let call = Arc::clone(peer).call(asked);
                Ok(call.map(Done::Answer).boxed())
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
                let step = self.lanes.join(peer, line, join);
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
                let key = said.key.clone();
                let step = self.lanes.send(peer, said);
                step.map_err(|error| frame::error(Some(id), key.as_deref(), &error))
            }
            "mount" => {
                let Some(keys) = frame.contexts else {
                    return missing("a mount has `contexts`, a list of keys");
                };
                if let Err(error) = Mounts::check(keys.len()) {
                    return Err(refused(None, error));
                }
                let versions = frame.versions.into_iter().chain(iter::repeat(None));
                let wanted = keys.iter().zip(versions);
                // What does not exist can't go stale
                let wanted = wanted
                    .filter_map(|(key, version)| Some((instance_of(key, &peer.site)?, version)));
                Ok(self.mounts.mount(peer, line, wanted.collect()))
            }
            "leave" => {
                let Some(id) = frame.id else {
                    return missing("a leave has an `id`, a number");
                };
                let step = self.lanes.leave(peer, line, id);
                step.map_err(|error| refused(Some(id), error))
            }
            _ => missing("the server knows no such `op`"),
        }
    }
}

/// A step that ends in an answer to what was asked, also where it panics. Where there is no `id` to
/// answer under, that is the end of the socket.
fn answered(step: Step, asked: &Utf8Bytes) -> impl Future<Output = Done> + Send + Unpin + 'static {
    let asked = asked.clone();
    AssertUnwindSafe(step).catch_unwind().map(move |done| {
        done.unwrap_or_else(
            |panic| match frame::refusal(&asked, &panicked(SOCKET, &*panic)) {
                (Some(_), answer) => Done::Answer(answer),
                (None, _) => resume_unwind(panic),
            },
        )
    })
}

/// Sends, unless that takes too long. Returns whether it was possible.
async fn sent<E>(sending: impl Future<Output = Result<(), E>> + Unpin) -> bool {
    matches!(in_time(LONGEST_SEND, sending).await, Some(Ok(())))
}

/// What is said of a frame that is none (RFC 6455, section 7.4.1).
fn broken(error: axum::Error) -> Goodbye {
    let error = error.into_inner();
    match error.downcast_ref::<SocketError>()? {
        SocketError::Protocol(_) => Some((close_code::PROTOCOL, "that is no frame")),
        SocketError::Utf8(_) => Some((close_code::INVALID, "text is UTF-8")),
        SocketError::Capacity(CapacityError::MessageTooLong { .. }) => {
            Some((close_code::SIZE, "the frame is too large"))
        }
        _ => None,
    }
}

/// Ticks from a while after now on, and never in a burst.
fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval.reset();
    interval
}

/// How many frames a socket may send in a second. The next one is read after it: nothing is lost,
/// and who sends more waits.
struct Pace {
    most: u32,
    counted: u32,
    since: Instant,
}

impl Pace {
    fn new(most: u32) -> Self {
        Self {
            most,
            counted: 0,
            since: Instant::now(),
        }
    }

    fn count(&mut self, now: Instant) {
        if now >= self.resumes() {
            (self.counted, self.since) = (0, now);
        }
        self.counted += 1;
    }

    fn is_spent(&self) -> bool {
        self.counted >= self.most
    }

    fn resumes(&self) -> Instant {
        self.since + Duration::from_secs(1)
    }

    fn resume(&mut self) {
        (self.counted, self.since) = (0, Instant::now());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by it")]
mod tests {
    use super::*;

    async fn ends(asked: &str) -> Result<Done, Box<dyn std::any::Any + Send>> {
        let step = async { panic!("in a step") }.boxed();
        let step = answered(step, &Utf8Bytes::from(asked.to_owned()));
        AssertUnwindSafe(step).catch_unwind().await
    }

    #[tokio::test]
    async fn a_step_that_panics_is_answered_where_somebody_waits() {
        for (asked, expected) in [
            (
                r#"{"op":"send","id":1,"key":"k","message":2}"#,
                r#"{"op":"error","id":1,"key":"k","error":{"code":"INTERNAL_ERROR""#,
            ),
            (
                r#"{"op":"call","id":7,"fn":"echo"}"#,
                r#"{"op":"result","id":7,"error":{"code":"INTERNAL_ERROR""#,
            ),
        ] {
            match ends(asked).await {
                Ok(Done::Answer(answer)) => assert!(answer.starts_with(expected), "{answer}"),
                _ => panic!("no answer"),
            }
        }
        assert!(ends(r#"{"op":"mount","contexts":[]}"#).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_has_so_many_frames() {
        let mut pace = Pace::new(3);
        for _ in 0..2 {
            pace.count(Instant::now());
            assert!(!pace.is_spent());
        }
        pace.count(Instant::now());
        assert!(pace.is_spent());
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(Instant::now() < pace.resumes());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(Instant::now() >= pace.resumes());
        pace.resume();
        pace.count(Instant::now());
        assert!(!pace.is_spent());
        tokio::time::advance(Duration::from_secs(5)).await;
        for _ in 0..2 {
            pace.count(Instant::now());
            assert!(!pace.is_spent(), "another second has begun");
        }
    }
}
