//! A channel in a page that is being rendered: nothing is joined.

use crate::{
    Error,
    channel::{Position, Status},
    context::Value,
};
use leptos::prelude::Signal;
use serde_json::value::RawValue;

/// What a component sees of a channel; nothing of it changes here.
pub(crate) trait Sink {
    fn begin(&self);
    fn message(&self, text: &RawValue);
    fn status(&self, status: Status);
    fn error(&self, error: Error);
    fn waiting(&self, messages: usize);
    fn gap(&self);
    fn presence(&self, changes: Changes);
}

/// Who has come and left.
pub(crate) struct Changes {
    pub(crate) is_everybody: bool,
    pub(crate) joined: Vec<(String, Box<RawValue>)>,
    pub(crate) left: Vec<String>,
}

/// A channel that the browser will ask for.
pub(crate) struct Asked;

impl Asked {
    pub(crate) fn new(
        _: &'static str,
        _: impl Iterator<Item = (&'static str, Value)>,
        _: bool,
    ) -> Self {
        Self
    }
}

pub(crate) struct Subscription;

impl Subscription {
    pub(crate) fn new(
        _: impl Fn() -> Asked + Send + Sync + 'static,
        _: Box<dyn Sink + Send + Sync>,
    ) -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "the browser's has something to send on")]
    pub(crate) fn send(&self, _: String) {}

    #[expect(clippy::unused_self, reason = "the browser's has a position")]
    pub(crate) fn since(&self, _: Signal<Option<Position>>) {}
}
