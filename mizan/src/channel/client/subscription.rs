use super::socket::Socket;
use crate::{
    Error, browser,
    channel::{Position, Status},
    context::Value,
    json::Entries,
};
use leptos::{
    prelude::{Effect, Get, Signal, on_cleanup},
    reactive::owner::Owner,
};
use send_wrapper::SendWrapper;
use serde_json::value::RawValue;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

/// How many messages wait for a connection.
const MOST_WAITING: usize = 100;

/// What a component sees of a channel.
pub(crate) trait Sink {
    /// Another channel was joined: nothing was said in it yet.
    fn begin(&self);
    fn message(&self, text: &RawValue);
    fn status(&self, status: Status);
    fn error(&self, error: Error);
    /// How many messages the server has yet to take.
    fn waiting(&self, messages: usize);
    /// Messages were lost.
    fn gap(&self);
    fn presence(&self, changes: Changes);
}

/// Who has come, or says something else of themselves, and who has left.
pub(crate) struct Changes {
    /// Whether nobody else is there.
    pub(crate) is_everybody: bool,
    pub(crate) joined: Vec<(String, Box<RawValue>)>,
    pub(crate) left: Vec<String>,
}

/// A channel to join: its name and parameters.
#[derive(Clone, PartialEq)]
pub(crate) struct Asked {
    channel: &'static str,
    /// JSON.
    params: String,
    /// Whether it wants to know who is there.
    presence: bool,
}

impl Asked {
    pub(crate) fn new(
        channel: &'static str,
        values: impl Iterator<Item = (&'static str, Value)>,
        presence: bool,
    ) -> Self {
        let mut params = String::from("{");
        for (name, value) in values {
            if value == Value::Null {
                continue;
            }
            if params.len() > 1 {
                params.push(',');
            }
            params.push('"');
            params.push_str(name);
            params.push_str("\":");
            // A parameter can be written
            params.push_str(&serde_json::to_string(&value).unwrap_or_default());
        }
        params.push('}');
        Self {
            channel,
            params,
            presence,
        }
    }
}

/// A channel that a component has joined, as long as its owner is there.
pub(crate) struct Subscription(SendWrapper<Rc<Inner>>);

struct Inner {
    sink: Rc<dyn Sink>,
    now: RefCell<Option<Rc<Now>>>,
    /// From where to join; `None` where that is now.
    since: Cell<Option<Signal<Option<Position>>>>,
    /// Whether the component is gone.
    is_over: Cell<bool>,
}

/// The channel that is asked for now.
struct Now {
    joined: Rc<Joined>,
    /// What the socket calls it, once it is known from where to join it.
    id: Cell<Option<u64>>,
}

impl Subscription {
    pub(crate) fn new(
        asked: impl Fn() -> Asked + Send + Sync + 'static,
        sink: Box<dyn Sink + Send + Sync>,
    ) -> Self {
        let inner = Rc::new(Inner {
            sink: Rc::from(sink as Box<dyn Sink>),
            now: RefCell::default(),
            since: Cell::default(),
            is_over: Cell::default(),
        });
        let joining = SendWrapper::new(Rc::clone(&inner));
        // After the component has said since when, and in the browser alone
        Effect::new(move |before: Option<Option<Asked>>| {
            // An effect runs once even if its owner is gone by then, and its signals with it
            if joining.is_over.get() {
                return None;
            }
            let (before, asked) = (before.flatten(), asked());
            if before.as_ref() != Some(&asked) {
                joining.begin(asked.clone(), before.is_some());
            }
            joining.join();
            Some(asked)
        });
        let leaving = SendWrapper::new(Rc::clone(&inner));
        if Owner::current().is_some() {
            on_cleanup(move || {
                leaving.is_over.set(true);
                leaving.leave();
            });
        }
        Self(SendWrapper::new(inner))
    }

    pub(crate) fn send(&self, message: String) {
        let now = self.0.now.borrow().clone();
        // The effect that joins has run by the time that anybody can say something
        let Some(now) = now else { return };
        if let Some(frame) = now.joined.say(now.id.get(), message) {
            Socket::current().send(&frame);
        }
    }

    pub(crate) fn since(&self, position: Signal<Option<Position>>) {
        self.0.since.set(Some(position));
    }
}

impl Inner {
    /// Another channel is asked for.
    fn begin(&self, asked: Asked, again: bool) {
        let unsent = self.leave();
        if again {
            self.sink.begin();
            self.sink.status(Status::Connecting);
        }
        if unsent > 0 {
            self.sink.error(Error::network(format!(
                "the connection was gone: {unsent} of the messages before may be lost"
            )));
        }
        let joined = Rc::new(Joined {
            asked,
            sink: Rc::clone(&self.sink),
            state: RefCell::new(Progress {
                position: None,
                status: Status::Connecting,
                waiting: VecDeque::new(),
                said: 0,
                knows_who_is_there: false,
            }),
        });
        let id = Cell::new(None);
        *self.now.borrow_mut() = Some(Rc::new(Now { joined, id }));
    }

    /// Joins it, as soon as it is known from where.
    fn join(&self) {
        let now = self.now.borrow().clone();
        let Some(now) = now.filter(|now| now.id.get().is_none()) else {
            return;
        };
        if let Some(since) = self.since.get() {
            let Some(position) = since.get() else { return };
            now.joined.state.borrow_mut().position = Some(position);
        }
        let id = Socket::current().join(Rc::clone(&now.joined));
        now.id.set(Some(id));
    }

    /// Returns how many messages are left behind.
    fn leave(&self) -> usize {
        let Some(now) = self.now.take() else { return 0 };
        if let Some(id) = now.id.get() {
            Socket::current().leave(id);
        }
        now.joined.unsent()
    }
}

/// A channel on the page's socket.
pub(super) struct Joined {
    asked: Asked,
    sink: Rc<dyn Sink>,
    state: RefCell<Progress>,
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
    /// The frame that asks for it.
    pub(super) fn join(&self, id: u64) -> String {
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

    /// The server has let it in. Returns what is to be said.
    pub(super) fn joined(&self, id: u64, position: Position, recovered: bool) -> Vec<String> {
        let (lost, frames) = {
            let mut state = self.state.borrow_mut();
            let lost = state.position.is_some() && !recovered;
            // What was missed follows, from where it was
            match &mut state.position {
                Some(known) if recovered => known.epoch = position.epoch,
                known => *known = Some(position),
            }
            state.status = Status::Joined;
            state.knows_who_is_there = false;
            let frames = state.waiting.iter_mut().map(|said| {
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
        frames
    }

    pub(super) fn message(&self, offset: u64, message: &RawValue) {
        if let Some(position) = &mut self.state.borrow_mut().position {
            position.offset = offset;
        }
        self.sink.message(message);
    }

    /// Somebody has come or left.
    pub(super) fn presence(&self, frame: &mut Entries) {
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

    /// Notes something to be said, and returns its frame where it can be sent now.
    fn say(&self, id: Option<u64>, message: String) -> Option<String> {
        let mut state = self.state.borrow_mut();
        if state.waiting.len() >= MOST_WAITING {
            drop(state);
            self.sink
                .error(Error::network("too many messages wait for the connection"));
            return None;
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
        frame
    }

    /// How many messages there was no connection for. Those that were sent over this one arrive
    /// before it is said that the channel is left.
    fn unsent(&self) -> usize {
        let state = self.state.borrow();
        if state.status == Status::Joined {
            0
        } else {
            state.waiting.len()
        }
    }

    /// A message has arrived.
    pub(super) fn settled(&self, key: &str) {
        let waiting = {
            let waiting = &mut self.state.borrow_mut().waiting;
            waiting.retain(|said| said.key != key);
            waiting.len()
        };
        self.sink.waiting(waiting);
    }

    /// A message was refused, or the channel where there is no key.
    pub(super) fn refused(&self, key: Option<&str>, error: Option<Error>) {
        let error = error.unwrap_or_else(|| Error::network("the server has ended it"));
        match key {
            Some(key) => {
                self.settled(key);
                self.sink.error(error);
            }
            None => {
                let status = Status::Refused(error);
                self.state.borrow_mut().status = status.clone();
                self.sink.status(status);
            }
        }
    }

    /// The connection is gone.
    pub(super) fn lost(&self) {
        let status = {
            let mut state = self.state.borrow_mut();
            state.status = super::socket::without_connection(&state.status);
            state.status.clone()
        };
        self.sink.status(status);
    }
}

/// What tells a message from all others.
fn key(number: u64) -> String {
    let random = || (browser::jitter() * f64::from(u32::MAX)) as u32;
    format!("{:x}{:x}-{number}", random(), random())
}
