//! A form while a page is rendered: nobody fills it in.

use crate::form::state::State;
use std::sync::Arc;

/// What is under way: nothing, here.
#[derive(Default)]
pub(in crate::form) struct Work(());

/// Event handlers don't run on the server: nobody presses a button.
pub(in crate::form) fn send(_: &Arc<State>) {}

/// Its own rules are asked where it is submitted.
pub(in crate::form) fn changed(_: &Arc<State>, _: bool) {}

/// The same.
pub(in crate::form) fn unchanged(_: &Arc<State>, _: bool) {}

/// Nobody has submitted it.
pub(in crate::form) fn keep(_: &Arc<State>) {}
