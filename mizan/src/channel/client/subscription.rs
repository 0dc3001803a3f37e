use super::joined::{Channels, Joined};
use crate::{
    Error,
    channel::{Position, shown::Shown},
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
    sync::Arc,
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
        names: &'static [&'static str],
        values: &[Value],
        presence: bool,
    ) -> Self {
        let mut params = String::from("{");
        for (name, value) in names.iter().zip(values) {
            if *value == Value::Null {
                continue;
            }
            if params.len() > 1 {
                params.push(',');
            }
            params.push('"');
            params.push_str(name);
            params.push_str("\":");
            // A parameter can be written
            params.push_str(&serde_json::to_string(value).unwrap_or_default());
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
    asked: Box<dyn Fn() -> Asked + Send + Sync>,
    shown: Arc<dyn Shown>,
    /// What is asked for now.
    now: RefCell<Option<Rc<Joined>>>,
    /// From where to join; `None` where that is now.
    since: RefCell<Option<Box<Since>>>,
    /// Whether the component is gone.
    is_over: Cell<bool>,
}

/// Tells from where to join, once that is known. No signal, whose code would be there also where
/// nobody says since when.
type Since = dyn Fn() -> Option<Position>;

impl Subscription {
    pub(crate) fn new(asked: Box<dyn Fn() -> Asked + Send + Sync>, shown: Arc<dyn Shown>) -> Self {
        let inner = Rc::new(Inner {
            asked,
            shown,
            now: RefCell::default(),
            since: RefCell::default(),
            is_over: Cell::default(),
        });
        let following = Rc::clone(&inner);
        // After the component has said since when, and in the browser alone
        Effect::new(move || following.follow());
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
        if let Some(now) = now {
            now.say(message);
        }
    }

    pub(crate) fn since(&self, position: Signal<Option<Position>>) {
        *self.0.since.borrow_mut() = Some(Box::new(move || position.get()));
    }
}

impl Inner {
    /// Joins what is asked for, whenever that is another channel.
    fn follow(&self) {
        // An effect runs once even if its owner is gone by then, and its signals with it
        if self.is_over.get() {
            return;
        }
        let asked = (self.asked)();
        let before = self.now.borrow().clone();
        if before.as_ref().is_none_or(|now| now.asked != asked) {
            self.begin(asked, before.is_some());
        }
        self.join();
    }

    /// Another channel is asked for.
    fn begin(&self, asked: Asked, again: bool) {
        let unsent = self.leave();
        if again {
            self.shown.begin();
        }
        if unsent > 0 {
            self.shown.facts().fail(Error::network(format!(
                "the connection was gone: {unsent} of the messages before may be lost"
            )));
        }
        let joined = Joined::new(asked, Arc::clone(&self.shown));
        *self.now.borrow_mut() = Some(Rc::new(joined));
    }

    /// Joins it, as soon as it is known from where.
    fn join(&self) {
        let now = self.now.borrow().clone();
        let Some(now) = now.filter(|now| !now.is_asked_for()) else {
            return;
        };
        if let Some(since) = &*self.since.borrow() {
            let Some(position) = since() else { return };
            now.since(position);
        }
        Channels::current().join(now);
    }

    /// Returns how many messages are left behind.
    fn leave(&self) -> usize {
        let Some(now) = self.now.take() else { return 0 };
        Channels::current().leave(&now);
        now.unsent()
    }
}
