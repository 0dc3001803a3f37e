use crate::{
    browser::{self, Connection, Heard, Timer, Wake},
    channel::Position,
    context::client::on_change,
    json::Entries,
};
use std::{
    cell::{Cell, RefCell},
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

/// Something that goes over the page's socket.
pub(super) trait Use {
    /// Whether it needs a connection.
    fn is_needed(&self) -> bool;

    /// There is one: it says what it has to.
    fn opened(&self, socket: &Socket);

    /// The server has said something, to this use or another.
    fn hear(&self, op: &str, frame: &mut Entries);

    /// The connection is gone.
    fn lost(&self);

    /// The visitor has become somebody else.
    fn changed(&self) {}
}

thread_local! {
    /// Lives as long as the page.
    static SOCKET: &'static Socket = Box::leak(Box::default());
}

/// The page's connection to the server, for everything that goes over it.
#[derive(Default)]
pub(super) struct Socket {
    state: RefCell<State>,
    uses: RefCell<Vec<&'static dyn Use>>,
    /// How often it was tried to connect since it last was.
    attempts: Cell<u32>,
    /// Runs next: another attempt, or a heartbeat.
    timer: RefCell<Option<Timer>>,
    /// Ends what nobody uses.
    lingering: RefCell<Option<Timer>>,
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
    pub(super) fn current() -> &'static Self {
        SOCKET.with(|socket| *socket)
    }

    /// Carries something, from now on.
    pub(super) fn carry(&self, part: &'static dyn Use) {
        self.uses.borrow_mut().push(part);
    }

    /// Sends a frame. Returns whether there is a connection to send it over.
    pub(super) fn send(&self, frame: &str) -> bool {
        let state = self.state.borrow();
        if let State::Open(connection) = &*state {
            connection.send(frame);
            return true;
        }
        false
    }

    /// Opens a connection, unless there is one, or will be.
    pub(super) fn open(&'static self) {
        if matches!(*self.state.borrow(), State::Closed) {
            self.connect();
        }
    }

    /// Closes the connection in a while, if nobody needs it any more.
    pub(super) fn linger(&'static self) {
        if self.is_needed() {
            return;
        }
        let timer = Timer::new(LINGER, || self.close_unused());
        let before = self.lingering.borrow_mut().replace(timer);
        drop(before);
    }

    fn is_needed(&self) -> bool {
        self.uses.borrow().iter().any(|part| part.is_needed())
    }

    fn connect(&'static self) {
        self.watch();
        let connection = Connection::open(|heard| self.hear(heard));
        let is_opening = connection.is_some();
        *self.state.borrow_mut() = connection.map_or(State::Waiting, State::Opening);
        if is_opening {
            // One that neither opens nor fails
            self.after(PATIENCE, Self::lose);
        } else {
            self.wait();
        }
    }

    fn hear(&'static self, heard: Heard) {
        match heard {
            Heard::Opened => self.opened(),
            Heard::Text(text) => {
                // Not before: a server may let everybody in, and end
                self.attempts.set(0);
                self.listen();
                self.take(&text);
            }
            Heard::Closed => self.lose(),
        }
    }

    fn opened(&'static self) {
        let state = self.state.take();
        let State::Opening(connection) = state else {
            *self.state.borrow_mut() = state;
            return;
        };
        *self.state.borrow_mut() = State::Open(connection);
        for part in self.uses() {
            part.opened(self);
        }
        self.listen();
    }

    /// Takes a frame of the server's.
    fn take(&self, text: &str) {
        let Ok(mut frame) = serde_json::from_str::<Entries>(text) else {
            return;
        };
        let Ok(op) = frame.take_text("op") else {
            return;
        };
        for part in self.uses() {
            part.hear(&op, &mut frame);
        }
    }

    /// The connection is gone: another one is tried after a while.
    fn lose(&'static self) {
        drop(self.state.take());
        for part in self.uses() {
            part.lost();
        }
        if self.is_needed() {
            self.wait();
        } else {
            drop(self.timer.take());
        }
    }

    /// Connects anew: the visitor has become somebody else, whose cookie the server is yet to see.
    fn begin_anew(&'static self) {
        for part in self.uses() {
            part.changed();
        }
        if matches!(*self.state.borrow(), State::Closed) {
            return;
        }
        drop(self.state.take());
        for part in self.uses() {
            part.lost();
        }
        if self.is_needed() {
            self.connect();
        } else {
            drop(self.timer.take());
        }
    }

    fn wait(&'static self) {
        *self.state.borrow_mut() = State::Waiting;
        let attempts = self.attempts.get();
        self.attempts.set(attempts.saturating_add(1));
        let longest = (FIRST_WAIT * f64::from(1 << attempts.min(6))).min(LONGEST_WAIT);
        // All of it at random (AWS's "full jitter"): thousands come back to a server that restarts
        let wait = longest * browser::jitter();
        self.after(Duration::from_millis(wait as u64), Self::try_again);
    }

    fn try_again(&'static self) {
        if matches!(*self.state.borrow(), State::Waiting) {
            self.connect();
        }
    }

    /// Tries at once, where it waits: the network is back, or the page is looked at again. A
    /// connection may be gone without a word by then.
    fn watch(&'static self) {
        if self.watches.replace(true) {
            return;
        }
        browser::on_wake(|why| {
            if why == Wake::Reconnect {
                self.attempts.set(0);
            }
            self.try_again();
            self.ask();
        });
        on_change(|| Self::current().begin_anew());
    }

    /// Waits for the next frame; after a silence the server is asked for one.
    fn listen(&'static self) {
        self.after(SILENCE, Self::ask);
        self.linger();
    }

    /// Asks the server whether it is there, and takes silence for a no.
    fn ask(&'static self) {
        if self.send(r#"{"op":"ping"}"#) {
            self.after(PATIENCE, Self::lose);
        }
    }

    fn close_unused(&self) {
        if !self.is_needed() {
            drop(self.state.take());
            drop(self.timer.take());
        }
    }

    fn after(&'static self, time: Duration, run: fn(&'static Self)) {
        let timer = Timer::new(time, move || run(self));
        let before = self.timer.borrow_mut().replace(timer);
        drop(before);
    }

    fn uses(&self) -> Vec<&'static dyn Use> {
        self.uses.borrow().clone()
    }
}

pub(super) fn number(frame: &mut Entries, name: &str) -> Option<u64> {
    frame.take(name)?.get().parse().ok()
}

pub(super) fn position(frame: &mut Entries) -> Option<Position> {
    Some(Position {
        epoch: frame.take_text("epoch").ok()?,
        offset: number(frame, "offset")?,
    })
}
