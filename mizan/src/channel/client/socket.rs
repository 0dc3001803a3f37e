use super::subscription::Joined;
use crate::{
    Error,
    browser::{self, Connection, Heard, Timer, Wake},
    channel::{Position, Status},
    json::Entries,
};
use serde_json::value::RawValue;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

/// How long to wait before the first attempt to connect again, and the longest before a later one.
const FIRST_WAIT: f64 = 500.0;
const LONGEST_WAIT: f64 = 30_000.0;

/// After which silence the server is asked whether it is there, and after which it is not.
const SILENCE: Duration = Duration::from_secs(25);
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection stays that nobody uses.
const LINGER: Duration = Duration::from_secs(5);

thread_local! {
    static SOCKET: Rc<Socket> = Rc::new(Socket::default());
}

/// The page's connection to the server, for everything that goes over it.
#[derive(Default)]
pub(super) struct Socket {
    state: RefCell<State>,
    joined: RefCell<Vec<(u64, Rc<Joined>)>>,
    last_id: Cell<u64>,
    /// How often it was tried to connect since it last was.
    attempts: Cell<u32>,
    /// Runs next: another attempt, a heartbeat, or the end of what nobody uses.
    timer: RefCell<Option<Timer>>,
    watches: Cell<bool>,
}

#[derive(Default)]
enum State {
    #[default]
    Closed,
    Opening(Connection),
    Open(Connection),
    /// It is tried again when the timer says so.
    Waiting,
}

impl Socket {
    pub(super) fn current() -> Rc<Self> {
        SOCKET.with(Rc::clone)
    }

    /// Joins a channel as soon as there is a connection, and again whenever there is another.
    pub(super) fn join(self: &Rc<Self>, joined: Rc<Joined>) -> u64 {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        if let State::Open(connection) = &*self.state.borrow() {
            connection.send(&joined.join(id));
        }
        self.joined.borrow_mut().push((id, joined));
        if matches!(*self.state.borrow(), State::Closed) {
            self.open();
        }
        id
    }

    pub(super) fn leave(self: &Rc<Self>, id: u64) {
        self.joined.borrow_mut().retain(|(known, _)| *known != id);
        if let State::Open(connection) = &*self.state.borrow() {
            connection.send(&format!(r#"{{"op":"leave","id":{id}}}"#));
        }
        if self.joined.borrow().is_empty() {
            self.after(LINGER, Self::close_unused);
        }
    }

    /// Sends a frame, if there is a connection.
    pub(super) fn send(&self, frame: &str) {
        if let State::Open(connection) = &*self.state.borrow() {
            connection.send(frame);
        }
    }

    fn open(self: &Rc<Self>) {
        self.watch();
        let socket = Rc::downgrade(self);
        let connection = Connection::open(move |heard| {
            if let Some(socket) = socket.upgrade() {
                socket.hear(heard);
            }
        });
        *self.state.borrow_mut() = match connection {
            Some(connection) => State::Opening(connection),
            None => State::Waiting,
        };
        if matches!(*self.state.borrow(), State::Waiting) {
            self.wait();
        } else {
            // One that neither opens nor fails
            self.after(PATIENCE, Self::lose);
        }
    }

    fn hear(self: &Rc<Self>, heard: Heard) {
        match heard {
            Heard::Opened => self.opened(),
            Heard::Text(text) => {
                self.listen();
                self.take(&text);
            }
            Heard::Closed => self.lose(),
        }
    }

    fn opened(self: &Rc<Self>) {
        let state = self.state.take();
        let State::Opening(connection) = state else {
            *self.state.borrow_mut() = state;
            return;
        };
        self.attempts.set(0);
        for (id, joined) in &*self.joined.borrow() {
            connection.send(&joined.join(*id));
        }
        *self.state.borrow_mut() = State::Open(connection);
        self.listen();
    }

    /// Takes a frame of the server's.
    fn take(self: &Rc<Self>, text: &str) {
        let Ok(mut frame) = serde_json::from_str::<Entries>(text) else {
            return;
        };
        let Ok(op) = frame.take_text("op") else {
            return;
        };
        let Some(id) = frame.take("id").and_then(|id| number(&id)) else {
            return;
        };
        let found = {
            let joined = self.joined.borrow();
            let found = joined.iter().find(|(known, _)| *known == id);
            found.map(|(_, joined)| Rc::clone(joined))
        };
        // It was left, and the server did not know yet
        let Some(joined) = found else { return };
        match &*op {
            "joined" => {
                let recovered = frame
                    .take("recovered")
                    .is_some_and(|flag| flag.get() == "true");
                if let Some(position) = position(&mut frame) {
                    for message in joined.joined(id, position, recovered) {
                        self.send(&message);
                    }
                }
            }
            "message" => {
                let offset = frame.take("offset").and_then(|offset| number(&offset));
                if let (Some(offset), Some(message)) = (offset, frame.take("message")) {
                    joined.message(offset, &message);
                }
            }
            "presence" => joined.presence(&mut frame),
            "sent" => {
                if let Ok(key) = frame.take_text("key") {
                    joined.settled(&key);
                }
            }
            "left" | "error" => {
                let error = frame.take("error");
                let error = error.and_then(|error| serde_json::from_str::<Error>(error.get()).ok());
                joined.refused(frame.take_text("key").ok().as_deref(), error);
            }
            _ => {}
        }
    }

    /// The connection is gone: another one is tried after a while.
    fn lose(self: &Rc<Self>) {
        drop(self.state.take());
        if self.joined.borrow().is_empty() {
            *self.timer.borrow_mut() = None;
            return;
        }
        for joined in self.all() {
            joined.lost();
        }
        self.wait();
    }

    fn wait(self: &Rc<Self>) {
        *self.state.borrow_mut() = State::Waiting;
        let attempts = self.attempts.get();
        self.attempts.set(attempts.saturating_add(1));
        let longest = (FIRST_WAIT * f64::from(1 << attempts.min(6))).min(LONGEST_WAIT);
        // All of it at random (AWS's "full jitter"): thousands come back to a server that restarts
        let wait = longest * browser::jitter();
        self.after(Duration::from_millis(wait as u64), |socket| {
            if matches!(*socket.state.borrow(), State::Waiting) {
                socket.open();
            }
        });
    }

    /// Tries at once, where it waits: the network is back, or the page is looked at again.
    fn watch(self: &Rc<Self>) {
        if self.watches.replace(true) {
            return;
        }
        let socket = Rc::downgrade(self);
        browser::on_wake(move |why| {
            let Some(socket) = socket.upgrade() else {
                return;
            };
            if why == Wake::Reconnect {
                socket.attempts.set(0);
            }
            if matches!(*socket.state.borrow(), State::Waiting) {
                socket.open();
            }
        });
    }

    /// Waits for the next frame; after a silence the server is asked for one.
    fn listen(self: &Rc<Self>) {
        self.after(SILENCE, |socket| {
            socket.send(r#"{"op":"ping"}"#);
            socket.after(PATIENCE, Self::lose);
        });
        if self.joined.borrow().is_empty() {
            self.after(LINGER, Self::close_unused);
        }
    }

    fn close_unused(self: &Rc<Self>) {
        if self.joined.borrow().is_empty() {
            drop(self.state.take());
        }
    }

    fn after(self: &Rc<Self>, time: Duration, run: impl FnOnce(&Rc<Self>) + 'static) {
        let socket = Rc::downgrade(self);
        let timer = Timer::new(time, move || {
            if let Some(socket) = socket.upgrade() {
                run(&socket);
            }
        });
        let before = self.timer.borrow_mut().replace(timer);
        drop(before);
    }

    fn all(&self) -> Vec<Rc<Joined>> {
        let joined = self.joined.borrow();
        joined.iter().map(|(_, joined)| Rc::clone(joined)).collect()
    }
}

fn number(text: &RawValue) -> Option<u64> {
    text.get().parse().ok()
}

fn position(frame: &mut Entries) -> Option<Position> {
    Some(Position {
        epoch: frame.take_text("epoch").ok()?,
        offset: frame.take("offset").and_then(|offset| number(&offset))?,
    })
}

/// What a channel is while there is no connection.
pub(super) fn without_connection(status: &Status) -> Status {
    match status {
        Status::Connecting => Status::Connecting,
        _ => Status::Reconnecting,
    }
}
