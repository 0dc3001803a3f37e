use super::{
    socket::{Socket, Use, number, position},
    subscription::Asked,
};
use crate::{
    Code, Error,
    browser::{self, Timer},
    channel::{Position, Status, shown::Shown},
    json::Entries,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

/// How many messages wait for a connection.
const MOST_WAITING: usize = 100;

/// How long to wait, in milliseconds, before it is tried again to join what the server could not
/// let in; and how much longer at most.
const PAUSE: f64 = 1000.0;
const LONGER: f64 = 4000.0;

thread_local! {
    static CHANNELS: &'static Channels = {
        let channels: &Channels = Box::leak(Box::default());
        Socket::current().carry(channels);
        channels
    };
}

/// The channels that go over the page's socket.
#[derive(Default)]
pub(super) struct Channels {
    joined: RefCell<Vec<Rc<Joined>>>,
    last_id: Cell<u64>,
}

impl Channels {
    pub(super) fn current() -> &'static Self {
        CHANNELS.with(|channels| *channels)
    }

    /// Joins a channel as soon as there is a connection, and again whenever there is another.
    pub(super) fn join(&self, joined: Rc<Joined>) {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        joined.id.set(id);
        let frame = joined.join();
        self.joined.borrow_mut().push(joined);
        let socket = Socket::current();
        if !socket.send(&frame) {
            socket.open();
        }
    }

    pub(super) fn leave(&self, joined: &Joined) {
        if !joined.is_asked_for() {
            return;
        }
        let id = joined.id.get();
        self.joined
            .borrow_mut()
            .retain(|known| known.id.get() != id);
        let socket = Socket::current();
        socket.send(&format!(r#"{{"op":"leave","id":{id}}}"#));
        socket.linger();
    }

    fn find(&self, id: u64) -> Option<Rc<Joined>> {
        self.all().into_iter().find(|joined| joined.id.get() == id)
    }

    fn all(&self) -> Vec<Rc<Joined>> {
        self.joined.borrow().clone()
    }
}

impl Use for Channels {
    fn is_needed(&self) -> bool {
        !self.joined.borrow().is_empty()
    }

    fn opened(&self, socket: &Socket) {
        for joined in self.all() {
            socket.send(&joined.join());
        }
    }

    fn hear(&self, op: &str, frame: &mut Entries) {
        let hear = match op {
            "joined" => Joined::joined,
            "message" => Joined::message,
            "presence" => Joined::presence,
            "sent" => Joined::sent,
            "left" | "error" => Joined::refused,
            _ => return,
        };
        // One that is not found was left, and the server did not know yet
        if let Some(joined) = number(frame, "id").and_then(|id| self.find(id)) {
            hear(&joined, frame);
        }
    }

    fn lost(&self) {
        for joined in self.all() {
            joined.lost();
        }
    }

    fn changed(&self) {
        for joined in self.all() {
            joined.changed();
        }
    }
}

/// A channel on the page's socket.
pub(super) struct Joined {
    pub(super) asked: Asked,
    shown: Arc<dyn Shown>,
    /// What the socket calls it; 0 until it is asked for, when it is known from where to join it.
    id: Cell<u64>,
    state: RefCell<Progress>,
    /// Joins again what the server could not let in.
    retry: RefCell<Option<Timer>>,
}

struct Progress {
    /// Up to where the messages are known.
    position: Option<Position>,
    /// What was said and not acknowledged, in order.
    waiting: Vec<Said>,
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
    pub(super) fn new(asked: Asked, shown: Arc<dyn Shown>) -> Self {
        Self {
            asked,
            shown,
            id: Cell::default(),
            state: RefCell::new(Progress {
                position: None,
                waiting: Vec::new(),
                said: 0,
                knows_who_is_there: false,
                is_new: true,
            }),
            retry: RefCell::default(),
        }
    }

    pub(super) fn is_asked_for(&self) -> bool {
        self.id.get() > 0
    }

    /// Joins from a position on.
    pub(super) fn since(&self, position: Position) {
        self.state.borrow_mut().position = Some(position);
    }

    fn status(&self) -> Status {
        self.shown.facts().status.peek(Status::clone)
    }

    fn is_joined(&self) -> bool {
        self.status() == Status::Joined
    }

    /// The frame that asks for it.
    fn join(&self) -> String {
        let Asked {
            channel,
            params,
            presence,
        } = &self.asked;
        let id = self.id.get();
        let mut frame =
            format!(r#"{{"op":"join","id":{id},"channel":"{channel}","params":{params}"#);
        if let Some(Position { epoch, offset }) = &self.state.borrow().position {
            // A text can be written
            let epoch = serde_json::to_string(epoch).unwrap_or_default();
            frame.push_str(&format!(
                r#","since":{{"epoch":{epoch},"offset":{offset}}}"#
            ));
        }
        if *presence {
            frame.push_str(r#","presence":true"#);
        }
        frame.push('}');
        frame
    }

    /// The server has let it in: what waits is said.
    fn joined(&self, frame: &mut Entries) {
        let recovered = frame.take("recovered");
        let recovered = recovered.is_some_and(|flag| flag.get() == "true");
        let Some(position) = position(frame) else {
            return;
        };
        let (lost, frames): (_, Vec<_>) = {
            let mut state = self.state.borrow_mut();
            let lost = state.position.is_some() && !recovered;
            // What was missed follows, from where it was
            match &mut state.position {
                Some(known) if recovered => known.epoch = position.epoch,
                known => *known = Some(position),
            }
            state.knows_who_is_there = false;
            let is_new = std::mem::replace(&mut state.is_new, false);
            let unsent = state.waiting.iter_mut();
            let frames = unsent.filter(|said| is_new || !said.sent).map(|said| {
                let frame = said.frame(self.id.get());
                said.sent = true;
                frame
            });
            (lost, frames.collect())
        };
        let facts = self.shown.facts();
        if lost {
            facts.gaps.update(|gaps| *gaps += 1);
        }
        facts.set_status(Status::Joined);
        let socket = Socket::current();
        for frame in frames {
            socket.send(&frame);
        }
    }

    /// Takes a message; with the epoch where it begins another history.
    fn message(&self, frame: &mut Entries) {
        let (Some(offset), Some(message)) = (number(frame, "offset"), frame.take("message")) else {
            return;
        };
        if let Some(position) = &mut self.state.borrow_mut().position {
            position.offset = offset;
            if let Ok(epoch) = frame.take_text("epoch") {
                position.epoch = epoch;
            }
        }
        self.shown.message(&message);
    }

    /// Somebody has come or left.
    fn presence(&self, frame: &mut Entries) {
        let is_first = !std::mem::replace(&mut self.state.borrow_mut().knows_who_is_there, true);
        self.shown.presence(is_first, frame);
    }

    /// Says something, as soon as that is possible.
    pub(super) fn say(&self, message: String) {
        let facts = self.shown.facts();
        let status = self.status();
        if let Status::Refused(error) = status {
            facts.fail(error);
            return;
        }
        let mut state = self.state.borrow_mut();
        if state.waiting.len() >= MOST_WAITING {
            drop(state);
            facts.fail(Error::network("too many messages wait for the connection"));
            return;
        }
        state.said += 1;
        let is_joined = status == Status::Joined;
        let mut said = Said {
            key: key(state.said),
            message,
            sent: false,
        };
        let frame = is_joined.then(|| said.frame(self.id.get()));
        said.sent = is_joined;
        state.waiting.push(said);
        let waiting = state.waiting.len();
        drop(state);
        facts.waiting.set(waiting);
        if let Some(frame) = frame {
            Socket::current().send(&frame);
        }
    }

    /// How many messages there was no connection for. Those that were sent over this one arrive
    /// before it is said that the channel is left.
    pub(super) fn unsent(&self) -> usize {
        if self.is_joined() {
            0
        } else {
            self.state.borrow().waiting.len()
        }
    }

    /// A message has arrived.
    fn sent(&self, frame: &mut Entries) {
        if let Ok(key) = frame.take_text("key") {
            self.settle(&key);
        }
    }

    /// A message waits no more.
    fn settle(&self, key: &str) {
        let waiting = {
            let waiting = &mut self.state.borrow_mut().waiting;
            waiting.retain(|said| said.key != key);
            waiting.len()
        };
        self.shown.facts().waiting.set(waiting);
    }

    /// A message was refused, or the channel where there is no key.
    fn refused(&self, frame: &mut Entries) {
        let error = frame.take("error");
        let error = error.and_then(|error| Error::read(error.get()).ok());
        let error = error.unwrap_or_else(|| Error::network("the server has ended it"));
        let facts = self.shown.facts();
        if let Ok(key) = frame.take_text("key") {
            self.settle(&key);
            facts.fail(error);
            return;
        }
        let passes = matches!(error.code(), Code::Unavailable | Code::TooManyRequests);
        facts.set_status(if passes {
            *self.retry.borrow_mut() = Some(join_later(self.id.get()));
            Status::Reconnecting
        } else {
            Status::Refused(error)
        });
    }

    /// The visitor is somebody else: what was said to or by whoever it was is none of theirs.
    fn changed(&self) {
        let unsent = {
            let mut state = self.state.borrow_mut();
            state.position = None;
            std::mem::take(&mut state.waiting).len()
        };
        self.shown.begin();
        if unsent > 0 {
            self.shown.facts().fail(Error::network(format!(
                "{unsent} messages were not sent: somebody else has signed in"
            )));
        }
    }

    /// The connection is gone.
    fn lost(&self) {
        self.state.borrow_mut().is_new = true;
        drop(self.retry.take());
        if self.status() != Status::Connecting {
            self.shown.facts().set_status(Status::Reconnecting);
        }
    }
}

/// Joins again, after a while, what the server could not let in for a reason that passes.
fn join_later(id: u64) -> Timer {
    let pause = PAUSE + browser::jitter() * LONGER;
    Timer::new(Duration::from_millis(pause as u64), move || {
        if let Some(joined) = Channels::current().find(id) {
            Socket::current().send(&joined.join());
        }
    })
}

/// What tells a message from all others.
fn key(number: u64) -> String {
    let random = || (browser::jitter() * f64::from(u32::MAX)) as u32;
    format!("{:x}{:x}-{number}", random(), random())
}
