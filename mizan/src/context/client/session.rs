use super::Page;
use leptos::prelude::{Get, RwSignal};

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
