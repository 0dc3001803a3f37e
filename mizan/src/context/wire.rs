//! A bundle on the wire: `{"data":{"member":T},"errors"?:{"member":{"code","message"}}}`.

use crate::Error;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The answers of a context's members, still in JSON.
#[derive(Serialize, Deserialize, Default, Clone)]
pub(crate) struct Bundle {
    pub(crate) data: BTreeMap<String, Box<RawValue>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) errors: BTreeMap<String, Error>,
}

/// A bundle in the page, with the instance that it is of.
#[derive(Serialize, Deserialize)]
pub(crate) struct Payload {
    pub(crate) instance: String,
    pub(crate) bundle: Bundle,
}

/// The slot of the page's data that the first bundle is in; the others follow.
///
/// Leptos numbers its own from 0, by the order in which a page creates its resources. These are
/// far above, so that the two never meet, and below 2^32, the end of a JavaScript array.
pub(crate) const FIRST_SLOT: usize = 1 << 30;
