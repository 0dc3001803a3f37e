use std::time::Duration;

/// How long the server keeps the answers of a context's member: `cache = ..` of
/// `#[mizan::client]`, and [`Cache::policy`](super::Cache::policy) for members without.
///
/// Whatever the time, a mutation that affects an instance ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CachePolicy {
    /// Every reader runs the function: `cache = false`.
    Never,
    /// Until a mutation affects it: `cache = "forever"`.
    Forever,
    /// For a time: `cache = "5m"`.
    For {
        /// How long an answer counts as fresh.
        fresh: Duration,
        /// How much longer it is handed out while a new one is on its way:
        /// `stale_while_revalidate = "1h"`. Zero for not at all.
        stale: Duration,
    },
}

/// What the age of an answer makes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    /// Good until a new one is there.
    Stale,
    Over,
}

impl CachePolicy {
    /// How long an answer is of use; `None` where that has no end.
    pub(super) fn lasts(self) -> Option<Duration> {
        match self {
            Self::For { fresh, stale } => Some(fresh.saturating_add(stale)),
            Self::Never | Self::Forever => None,
        }
    }

    pub(super) fn judge(self, age: Duration) -> Age {
        match self {
            Self::Never => Age::Over,
            Self::Forever => Age::Fresh,
            Self::For { fresh, .. } if age < fresh => Age::Fresh,
            Self::For { fresh, stale } if age < fresh.saturating_add(stale) => Age::Stale,
            Self::For { .. } => Age::Over,
        }
    }
}
