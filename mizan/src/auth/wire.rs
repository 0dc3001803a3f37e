//! What an answer says of the caller's session, and tokens.

use serde::{Deserialize, Serialize};

/// The header in which an answer says so.
#[cfg_attr(
    test,
    allow(dead_code, reason = "the stand-in for a browser has no headers")
)]
pub(crate) const SESSION: &str = "mizan-session";

/// Its value where the caller has signed in or out: all that the page shows may be out of date.
pub(crate) const CHANGED: &str = "changed";

/// Its value where the session that the caller named is over.
pub(crate) const EXPIRED: &str = "expired";

/// Tokens for a caller that is no browser, as an answer carries them (RFC 6749, section 5.1).
///
/// The server's half is in `mizan::auth::token`, with the feature `tokens`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPair {
    /// For the header `Authorization: Bearer ..` of requests.
    pub access_token: String,
    /// `Bearer`
    pub token_type: String,
    /// After how many seconds the access token expires.
    pub expires_in: u64,
    /// For `POST /api/mizan/token`, once: it answers with the next pair.
    pub refresh_token: String,
}

/// Without the tokens: they would end up in a log.
impl std::fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenPair")
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}
