//! What a component sees of a channel, and how it comes to see more.
//!
//! Values with triggers, and no signals: a signal's code exists anew for each type, in the wasm of
//! every application.

use super::Status;
use crate::{Error, json::Entries};
use leptos::{
    prelude::{Notify, Track},
    reactive::signal::ArcTrigger,
};
use serde_json::value::RawValue;
use std::sync::{PoisonError, RwLock};

/// A value that is followed as a signal's is.
pub(crate) struct Watched<T> {
    value: RwLock<T>,
    changed: ArcTrigger,
}

impl<T> Watched<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            value: RwLock::new(value),
            changed: ArcTrigger::new(),
        }
    }

    /// Looks at it, and again whenever it has changed.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        self.changed.track();
        self.peek(look)
    }

    /// Looks at it this once.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&self.value.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut T)) {
        change(&mut self.value.write().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify();
    }

    pub(crate) fn set(&self, value: T) {
        self.update(|shown| *shown = value);
    }
}

impl<T: Clone> Watched<T> {
    pub(crate) fn get(&self) -> T {
        self.with(T::clone)
    }
}

/// What there is to see of every channel, whatever its types.
pub(crate) struct Facts {
    pub(crate) status: Watched<Status>,
    /// Why the last message was refused.
    pub(crate) error: Watched<Option<Error>>,
    /// How many messages the server has yet to take.
    pub(crate) waiting: Watched<usize>,
    /// How often messages were lost.
    pub(crate) gaps: Watched<usize>,
}

impl Facts {
    pub(crate) fn new() -> Self {
        Self {
            status: Watched::new(Status::Connecting),
            error: Watched::new(None),
            waiting: Watched::new(0),
            gaps: Watched::new(0),
        }
    }

    pub(crate) fn set_status(&self, status: Status) {
        if self.status.peek(|shown| *shown != status) {
            self.status.set(status);
        }
    }

    pub(crate) fn fail(&self, error: Error) {
        self.error.set(Some(error));
    }

    pub(crate) fn forget_error(&self) {
        if self.error.peek(Option::is_some) {
            self.error.set(None);
        }
    }
}

/// What a component sees of a channel, its types put aside.
pub(crate) trait Shown: Send + Sync {
    fn facts(&self) -> &Facts;

    /// Forgets what was said and who was there: that is another channel's, or was for somebody else.
    fn clear(&self);

    /// Something was said.
    fn message(&self, text: &RawValue);

    /// Somebody has come or left; or this is who is there, all of them.
    fn presence(&self, is_everybody: bool, changes: &mut Entries);
}

impl dyn Shown {
    /// Begins anew, with another channel or as somebody else.
    pub(crate) fn begin(&self) {
        self.clear();
        let facts = self.facts();
        facts.forget_error();
        facts.waiting.set(0);
        facts.set_status(Status::Connecting);
    }
}
