//! What is counted, for whoever installs a recorder of the crate `metrics` before the router is
//! built.
//!
//! Each number has a handle from the start: to count is then an atomic addition.

use super::answer::{Answered, Refused, Source};
use crate::context::server::Outcome;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use std::any::Any;

/// What is counted of a member's readers.
pub(crate) struct MemberMeters {
    hits: Counter,
    misses: Counter,
    waits: Counter,
    stale: Counter,
}

impl MemberMeters {
    pub(crate) fn of(context: &'static str, member: &'static str) -> Self {
        Self {
            hits: counter!(HITS, "context" => context, "member" => member),
            misses: counter!(MISSES, "context" => context, "member" => member),
            waits: counter!(WAITS, "context" => context, "member" => member),
            stale: counter!(STALE, "context" => context, "member" => member),
        }
    }

    /// Counts a reader who was given this. One who was not let in is none; and who waited for a
    /// run that failed counts as if it had been run for them.
    pub(crate) fn count(&self, outcome: &dyn Outcome) {
        let source = match Answered::of(outcome) {
            Some(answered) => answered.source,
            None if (outcome as &dyn Any).is::<Refused>() => return,
            None => Source::Miss,
        };
        let counter = match source {
            Source::Hit => &self.hits,
            Source::Stale => &self.stale,
            Source::Waited => &self.waits,
            Source::Miss => &self.misses,
        };
        counter.increment(1);
    }
}

/// What is counted of the whole.
pub(super) struct CacheMeters {
    /// Answers that were too large to be kept.
    pub(super) oversize: Counter,
    /// What all take in memory.
    pub(super) bytes: Gauge,
}

impl CacheMeters {
    pub(super) fn register() -> Self {
        for (name, what) in [
            (HITS, "Readers who were given an answer that was kept."),
            (MISSES, "Readers for whom the function was run."),
            (WAITS, "Readers who waited for a run that was under way."),
            (
                STALE,
                "Readers who were given an answer past its time, while a new one was made.",
            ),
            (PURGES, "Mutations that ended answers of a context."),
            (OVERSIZE, "Answers that were too large to be kept."),
        ] {
            describe_counter!(name, what);
        }
        describe_gauge!(BYTES, "What the answers take in memory, in bytes.");
        Self {
            oversize: counter!(OVERSIZE),
            bytes: gauge!(BYTES),
        }
    }
}

/// How often answers of a context were ended.
pub(crate) fn purges(context: &'static str) -> Counter {
    counter!(PURGES, "context" => context)
}

const HITS: &str = "mizan_cache_hits_total";
const MISSES: &str = "mizan_cache_misses_total";
const WAITS: &str = "mizan_cache_waits_total";
const STALE: &str = "mizan_cache_stale_total";
const PURGES: &str = "mizan_cache_purges_total";
const OVERSIZE: &str = "mizan_cache_oversize_total";
const BYTES: &str = "mizan_cache_bytes";
