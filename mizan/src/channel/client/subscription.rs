use super::joined::{Channels, Joined};
use crate::{
    Error,
    channel::{Position, Status, sink::Sink},
    context::Value,
};
use leptos::{
    prelude::{Effect, Get, Signal, on_cleanup},
    reactive::owner::Owner,
};
use send_wrapper::SendWrapper;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

/// A channel to join: its name and parameters.
#[derive(Clone, PartialEq)]
pub(crate) struct Asked {
    pub(super) channel: &'static str,
    /// JSON.
    pub(super) params: String,
    /// Whether it wants to know who is there.
    pub(super) presence: bool,
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
    since: RefCell<Option<Box<Since>>>,
    /// Whether the component is gone.
    is_over: Cell<bool>,
}

/// Tells from where to join, once that is known. No signal, whose code would be there also where
/// nobody says since when.
type Since = dyn Fn() -> Option<Position>;

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
            since: RefCell::default(),
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
        now.joined.say(now.id.get(), message);
    }

    pub(crate) fn since(&self, position: Signal<Option<Position>>) {
        *self.0.since.borrow_mut() = Some(Box::new(move || position.get()));
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
        let joined = Rc::new(Joined::new(asked, Rc::clone(&self.sink)));
        let id = Cell::new(None);
        *self.now.borrow_mut() = Some(Rc::new(Now { joined, id }));
    }

    /// Joins it, as soon as it is known from where.
    fn join(&self) {
        let now = self.now.borrow().clone();
        let Some(now) = now.filter(|now| now.id.get().is_none()) else {
            return;
        };
        if let Some(since) = &*self.since.borrow() {
            let Some(position) = since() else { return };
            now.joined.since(position);
        }
        let id = Channels::current().join(Rc::clone(&now.joined));
        now.id.set(Some(id));
    }

    /// Returns how many messages are left behind.
    fn leave(&self) -> usize {
        let Some(now) = self.now.take() else { return 0 };
        if let Some(id) = now.id.get() {
            Channels::current().leave(id);
        }
        now.joined.unsent()
    }
}
