use super::Page;
use leptos::prelude::{Get, RwSignal};
use std::cell::Cell;

thread_local! {
    /// What else has to be done when the visitor becomes somebody else.
    static CHANGED: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// Calls `run` whenever the visitor has become somebody else.
pub(crate) fn on_change(run: fn()) {
    CHANGED.set(Some(run));
}

/// The visitor has become somebody else.
pub(super) fn changed() {
    if let Some(run) = CHANGED.get() {
        run();
    }
}

/// Whether the visitor's session is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionSignal(RwSignal<bool>);

impl SessionSignal {
    pub(crate) fn current() -> Self {
        Self(Page::current().expired().into())
    }

    pub(crate) fn expired(self) -> bool {
        self.0.get()
    }
}
