//! A channel in a page that is being rendered: nothing is joined.

use crate::{
    channel::{Position, shown::Shown},
    context::Value,
};
use leptos::prelude::Signal;
use std::sync::Arc;

/// A channel that the browser will ask for.
pub(crate) struct Asked;

impl Asked {
    pub(crate) fn new(_: &'static str, _: &'static [&'static str], _: &[Value], _: bool) -> Self {
        Self
    }
}

pub(crate) struct Subscription;

impl Subscription {
    pub(crate) fn new(_: Box<dyn Fn() -> Asked + Send + Sync>, _: Arc<dyn Shown>) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the browser's has something to send on")]
    pub(crate) fn send(&self, _: String) {}

    #[expect(clippy::unused_self, reason = "the browser's has a position")]
    pub(crate) fn since(&self, _: Signal<Option<Position>>) {}
}
