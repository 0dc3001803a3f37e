//! A bundle on the wire: `{"data":{"member":T},"errors"?:{"member":{"code","message"}}}`.

use crate::json::Entries;
use serde::Serialize;

/// The answers of a context's members, still in JSON.
#[derive(Clone, Default, Serialize)]
pub(crate) struct Bundle {
    pub(crate) data: Entries,
    /// Each one a [`crate::Error`].
    #[serde(skip_serializing_if = "Entries::is_empty")]
    pub(crate) errors: Entries,
}

/// A bundle in the page, with the instance that it is of.
#[derive(Serialize)]
pub(crate) struct Payload {
    pub(crate) instance: String,
    pub(crate) bundle: Bundle,
}

/// The slot of the page's data that the first bundle is in; the others follow.
///
/// Leptos numbers its own from 0, by the order in which a page creates its resources. These are
/// far above, so that the two never meet, and below 2^32, the end of a JavaScript array.
pub(crate) const FIRST_SLOT: usize = 1 << 30;
