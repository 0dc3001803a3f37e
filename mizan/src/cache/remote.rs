//! A store that several nodes share, behind each one's memory.

use super::{facts::Facts, fence::Slot, place::Ended};
use bytes::Bytes;
use futures::future::BoxFuture;
use std::time::Duration;

/// Answers that several nodes share.
pub(super) trait Remote: Send + Sync {
    /// Which answers in memory count: those that were kept in this era. `None` while nobody knows
    /// what other nodes have purged, as the store can't be reached.
    fn era(&self) -> Option<u64>;

    /// Looks for an answer of an era, and takes the lease on making it where there is none.
    fn find<'a>(&'a self, wanted: &'a Wanted<'_>, era: u64) -> BoxFuture<'a, Found>;

    /// Keeps an answer, unless something has made it stale since the lease was taken, and gives
    /// the lease back.
    fn keep<'a>(
        &'a self,
        wanted: &'a Wanted<'_>,
        lease: &'a Lease,
        kept: Option<&'a Kept>,
    ) -> BoxFuture<'a, ()>;

    /// Ends answers, on every node. While the store can't be reached this is noted, and done
    /// before anything is read from it again.
    fn purge(&self, ended: Vec<Ended>) -> BoxFuture<'_, ()>;
}

/// An answer that is looked for.
pub(super) struct Wanted<'a> {
    /// The key of an answer that is everybody's.
    pub(super) base: &'a str,
    /// That of this reader's.
    pub(super) key: &'a str,
    /// What it is known to depend on.
    pub(super) facts: &'a Facts,
    pub(super) slots: Vec<Slot>,
    /// Whether one that is there does not do.
    pub(super) anew: bool,
    /// How long making it may take.
    pub(super) timeout: Duration,
}

/// What was found.
pub(super) enum Found {
    Answer(Kept),
    /// Answers depend on more than was known.
    Depends(Facts),
    /// Nothing: it is for the asker to make.
    Lease(Lease),
    /// Nothing, and somebody makes it.
    Wait,
    /// The store can't be reached, or the era is over.
    Down,
}

/// An answer, as it is kept.
pub(super) struct Kept {
    pub(super) text: Bytes,
    pub(super) facts: Facts,
    pub(super) read_at: u64,
    pub(super) age: Duration,
    /// For how long it is of use.
    pub(super) lasts: Duration,
}

/// The right to make an answer, which one node has at a time.
pub(super) struct Lease {
    /// Of the answer that was looked for.
    pub(super) key: String,
    pub(super) token: String,
    pub(super) era: u64,
    /// The clock's time from when it was taken.
    pub(super) read_at: u64,
}
