//! Values with triggers, and no signals: a signal's code exists anew for each type, in the wasm of
//! every application.

use leptos::{
    prelude::{Notify, Track},
    reactive::signal::ArcTrigger,
};
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
