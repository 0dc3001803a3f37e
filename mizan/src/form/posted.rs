//! What a page was asked for with, where a form was posted to it.

use super::Report;
use crate::Error;

/// What a page knows of a form that was posted to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Posted {
    /// What was filled in, without passwords.
    pub(crate) pairs: Vec<(String, String)>,
    /// What is wrong with that.
    pub(crate) report: Report,
    /// What else the submit failed with.
    pub(crate) error: Option<Error>,
    /// Whether it was taken.
    pub(crate) done: bool,
}

/// Returns what was posted to this page for the form of a name.
pub(crate) fn posted(_: &str) -> Option<Posted> {
    None
}

/// Returns where the form of a name is posted to: this page's own address.
pub(crate) fn action(_: &str) -> String {
    String::new()
}

/// Returns a key for a submit.
pub(crate) fn key() -> String {
    String::new()
}
