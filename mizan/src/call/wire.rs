//! What goes over the wire around a call: `{"result":T}`.

use serde::{Deserialize, Serialize};

/// Under which every endpoint of Mizan lies.
pub(crate) const PREFIX: &str = "/api/mizan";

/// The content type of every body that Mizan writes.
pub(crate) const JSON: &str = "application/json";

/// The header that makes a call the same as another with it.
pub(crate) const KEY: &str = "idempotency-key";

/// The answer to a call that succeeded.
#[derive(Serialize, Deserialize)]
pub(crate) struct Answer<T> {
    pub(crate) result: T,
}
