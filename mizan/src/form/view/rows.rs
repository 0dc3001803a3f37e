use super::field;
use crate::form::handle::At;
use leptos::prelude::AnyView;
use std::sync::Arc;

/// Any number of groups.
pub(super) fn view(at: &Arc<At>) -> AnyView {
    field::group(at, at.id(""), field::all(&at.group()))
}
