use super::{
    socket::{Socket, Use, number, position},
    subscription::Asked,
};
use crate::{
    Code, Error,
    browser::{self, Timer},
    channel::{
        Position, Status,
        sink::{Changes, Sink},
    },
    json::Entries,
};
use serde_json::value::RawValue;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Duration,
};

/// How many messages wait for a connection.
const MOST_WAITING: usize = 100;

/// How long to wait, in milliseconds, before it is tried again to join what the server could not
/// let in; and how much longer at most.
const PAUSE: f64 = 1000.0;
const LONGER: f64 = 4000.0;

thread_local! {
    static CHANNELS: Rc<Channels> = {
        let channels = Rc::new(Channels::default());
        Socket::current().carry(Rc::clone(&channels) as Rc<dyn Use>);
        channels
    };
}

/// The channels that go over the page's socket, with what it calls them.
#[derive(Default)]
pub(super) struct Channels {
    joined: RefCell<Vec<(u64, Rc<Joined>)>>,
    last_id: Cell<u64>,
}

impl Channels {
    pub(super) fn current() -> Rc<Self> {
        CHANNELS.with(Rc::clone)
    }

    /// Joins a channel as soon as there is a connection, and again whenever there is another.
    pub(super) fn join(&self, joined: Rc<Joined>) -> u64 {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        let frame = joined.join(id);
        self.joined.borrow_mut().push((id, joined));
        let socket = Socket::current();
        if !socket.send(&frame) {
            socket.open();
        }
        id
    }

    pub(super) fn leave(&self, id: u64) {
        self.joined.borrow_mut().retain(|(known, _)| *known != id);
        let socket = Socket::current();
        socket.send(&format!(r#"{{"op":"leave","id":{id}}}"#));
        socket.linger();
    }

    fn find(&self, id: u64) -> Option<Rc<Joined>> {
        let joined = self.joined.borrow();
        let found = joined.iter().find(|(known, _)| *known == id);
        found.map(|(_, joined)| Rc::clone(joined))
    }

    fn all(&self) -> Vec<(u64, Rc<Joined>)> {
        self.joined.borrow().clone()
    }
}

impl Use for Channels {
    fn is_needed(&self) -> bool {
        !self.joined.borrow().is_empty()
    }

    fn opened(&self, socket: &Socket) {
        for (id, joined) in self.all() {
            socket.send(&joined.join(id));
        }
    }

    fn hear(&self, op: &str, frame: &mut Entries) {
        let is_ours = matches!(
            op,
            "joined" | "message" | "presence" | "sent" | "left" | "error"
        );
        let id = is_ours.then(|| frame.take("id")).flatten();
        let Some(id) = id.and_then(|id| number(&id)) else {
            return;
        };
        // It was left, and the server did not know yet
        let Some(joined) = self.find(id) else { return };
        match op {
            "joined" => {
                let recovered = frame
                    .take("recovered")
                    .is_some_and(|flag| flag.get() == "true");
                if let Some(position) = position(frame) {
                    joined.joined(id, position, recovered);
                }
            }
            "message" => {
                let offset = frame.take("offset").and_then(|offset| number(&offset));
                let epoch = frame.take_text("epoch").ok();
                if let (Some(offset), Some(message)) = (offset, frame.take("message")) {
                    joined.message(epoch, offset, &message);
                }
            }
            "presence" => joined.presence(frame),
            "sent" => {
                if let Ok(key) = frame.take_text("key") {
                    joined.settled(&key);
                }
            }
            _ => {
                let error = frame.take("error");
                let error = error.and_then(|error| serde_json::from_str::<Error>(error.get()).ok());
                joined.refused(id, frame.take_text("key").ok().as_deref(), error);
            }
        }
    }

    fn lost(&self) {
        for (_, joined) in self.all() {
            joined.lost();
        }
    }

    fn changed(&self) {
        for (_, joined) in self.all() {
            joined.changed();
        }
    }
}

/// A channel on the page's socket.
pub(super) struct Joined {
    asked: Asked,
    sink: Rc<dyn Sink>,
    state: RefCell<Progress>,
    /// Joins again what the server could not let in.
    retry: RefCell<Option<Timer>>,
}

struct Progress {
    /// Up to where the messages are known.
    position: Option<Position>,
    status: Status,
    /// What was said and not acknowledged, in order.
    waiting: VecDeque<Said>,
    said: u64,
    /// Whether it was told since it has joined.
    knows_who_is_there: bool,
    /// Whether it was asked for since the connection is there: what was sent over the one before
    /// may not have arrived.
    is_new: bool,
}

struct Said {
    key: String,
    message: String,
    /// Whether it was sent before: it may have arrived.
    sent: bool,
}

impl Said {
    fn frame(&self, id: u64) -> String {
        let again = if self.sent { r#","again":true"# } else { "" };
        let Self { key, message, .. } = self;
        format!(r#"{{"op":"send","id":{id},"key":"{key}","message":{message}{again}}}"#)
    }
}

impl Joined {
    pub(super) fn new(asked: Asked, sink: Rc<dyn Sink>) -> Self {
        Self {
            asked,
            sink,
            state: RefCell::new(Progress {
                position: None,
                status: Status::Connecting,
                waiting: VecDeque::new(),
                said: 0,
                knows_who_is_there: false,
                is_new: true,
            }),
            retry: RefCell::default(),
        }
    }

    /// Joins from a position on.
    pub(super) fn since(&self, position: Position) {
        self.state.borrow_mut().position = Some(position);
    }

    /// The frame that asks for it.
    fn join(&self, id: u64) -> String {
        let Asked {
            channel,
            params,
            presence,
        } = &self.asked;
        let mut frame =
            format!(r#"{{"op":"join","id":{id},"channel":"{channel}","params":{params}"#);
        if let Some(position) = &self.state.borrow().position {
            let since = serde_json::to_string(position).unwrap_or_default();
            frame.push_str(&format!(r#","since":{since}"#));
        }
        if *presence {
            frame.push_str(r#","presence":true"#);
        }
        frame.push('}');
        frame
    }

    /// The server has let it in: what waits is said.
    fn joined(&self, id: u64, position: Position, recovered: bool) {
        let (lost, frames): (_, Vec<_>) = {
            let mut state = self.state.borrow_mut();
            let lost = state.position.is_some() && !recovered;
            // What was missed follows, from where it was
            match &mut state.position {
                Some(known) if recovered => known.epoch = position.epoch,
                known => *known = Some(position),
            }
            state.status = Status::Joined;
            state.knows_who_is_there = false;
            let is_new = std::mem::replace(&mut state.is_new, false);
            let unsent = state.waiting.iter_mut();
            let frames = unsent.filter(|said| is_new || !said.sent).map(|said| {
                let frame = said.frame(id);
                said.sent = true;
                frame
            });
            (lost, frames.collect())
        };
        if lost {
            self.sink.gap();
        }
        self.sink.status(Status::Joined);
        let socket = Socket::current();
        for frame in frames {
            socket.send(&frame);
        }
    }

    /// Takes a message; with the epoch where it begins another history.
    fn message(&self, epoch: Option<String>, offset: u64, message: &RawValue) {
        if let Some(position) = &mut self.state.borrow_mut().position {
            position.offset = offset;
            if let Some(epoch) = epoch {
                position.epoch = epoch;
            }
        }
        self.sink.message(message);
    }

    /// Somebody has come or left.
    fn presence(&self, frame: &mut Entries) {
        let is_first = !std::mem::replace(&mut self.state.borrow_mut().knows_who_is_there, true);
        let joined = frame.take_list("joined").into_iter();
        let joined = joined
            .filter_map(|mut one: Entries| Some((one.take_text("key").ok()?, one.take("meta")?)));
        self.sink.presence(Changes {
            is_everybody: is_first,
            joined: joined.collect(),
            left: frame.take_list("left"),
        });
    }

    /// Says something, as soon as that is possible.
    pub(super) fn say(&self, id: Option<u64>, message: String) {
        let mut state = self.state.borrow_mut();
        if let Status::Refused(error) = &state.status {
            let error = error.clone();
            drop(state);
            self.sink.error(error);
            return;
        }
        if state.waiting.len() >= MOST_WAITING {
            drop(state);
            self.sink
                .error(Error::network("too many messages wait for the connection"));
            return;
        }
        state.said += 1;
        let is_joined = state.status == Status::Joined;
        let mut said = Said {
            key: key(state.said),
            message,
            sent: false,
        };
        let frame = id.filter(|_| is_joined).map(|id| said.frame(id));
        said.sent = is_joined;
        state.waiting.push_back(said);
        let waiting = state.waiting.len();
        drop(state);
        self.sink.waiting(waiting);
        if let Some(frame) = frame {
            Socket::current().send(&frame);
        }
    }

    /// How many messages there was no connection for. Those that were sent over this one arrive
    /// before it is said that the channel is left.
    pub(super) fn unsent(&self) -> usize {
        let state = self.state.borrow();
        if state.status == Status::Joined {
            0
        } else {
            state.waiting.len()
        }
    }

    /// A message has arrived.
    fn settled(&self, key: &str) {
        let waiting = {
            let waiting = &mut self.state.borrow_mut().waiting;
            waiting.retain(|said| said.key != key);
            waiting.len()
        };
        self.sink.waiting(waiting);
    }

    /// A message was refused, or the channel where there is no key.
    fn refused(&self, id: u64, key: Option<&str>, error: Option<Error>) {
        let error = error.unwrap_or_else(|| Error::network("the server has ended it"));
        if let Some(key) = key {
            self.settled(key);
            self.sink.error(error);
            return;
        }
        let passes = matches!(error.code(), Code::Unavailable | Code::TooManyRequests);
        let status = if passes {
            *self.retry.borrow_mut() = Some(join_later(id));
            Status::Reconnecting
        } else {
            Status::Refused(error)
        };
        self.state.borrow_mut().status = status.clone();
        self.sink.status(status);
    }

    /// The visitor is somebody else: what was said to or by whoever it was is none of theirs.
    fn changed(&self) {
        let unsent = {
            let mut state = self.state.borrow_mut();
            state.position = None;
            state.status = Status::Connecting;
            std::mem::take(&mut state.waiting).len()
        };
        self.sink.begin();
        self.sink.status(Status::Connecting);
        if unsent > 0 {
            self.sink.error(Error::network(format!(
                "{unsent} messages were not sent: somebody else has signed in"
            )));
        }
    }

    /// The connection is gone.
    fn lost(&self) {
        let status = {
            let mut state = self.state.borrow_mut();
            state.is_new = true;
            state.status = match state.status {
                Status::Connecting => Status::Connecting,
                _ => Status::Reconnecting,
            };
            state.status.clone()
        };
        drop(self.retry.take());
        self.sink.status(status);
    }
}

/// Joins again, after a while, what the server could not let in for a reason that passes.
fn join_later(id: u64) -> Timer {
    let pause = PAUSE + browser::jitter() * LONGER;
    Timer::new(Duration::from_millis(pause as u64), move || {
        if let Some(joined) = Channels::current().find(id) {
            Socket::current().send(&joined.join(id));
        }
    })
}

/// What tells a message from all others.
fn key(number: u64) -> String {
    let random = || (browser::jitter() * f64::from(u32::MAX)) as u32;
    format!("{:x}{:x}-{number}", random(), random())
}
