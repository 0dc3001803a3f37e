//! What both halves know of channels on the wire.

use serde::{Deserialize, Serialize};

/// Where in a group's messages somebody is.
///
/// A server function can hand it to the page together with what it has read, and
/// [`since`](super::Handle::since) then joins the channel where the reading began, so that nothing is
/// lost in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Which history the offset counts in: another one begins where the former was lost.
    pub epoch: String,
    /// How many messages the group had.
    pub offset: u64,
}
