//! What an answer says of the caller's session.

/// The header in which an answer says so.
pub(crate) const SESSION: &str = "mizan-session";

/// Its value where the caller has signed in or out: all that the page shows may be out of date.
pub(crate) const CHANGED: &str = "changed";

/// Its value where the session that the caller named is over.
pub(crate) const EXPIRED: &str = "expired";
