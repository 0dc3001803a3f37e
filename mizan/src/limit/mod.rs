//! How often a function may be called: `rate = ".."`, and the default for those without.
//!
//! Each function counts for each caller: for a user by their id, for everybody else by their
//! address. Every run counts, also one during server rendering or out of another function, as
//! guards hold there. A function's rate is its own, whatever it is called through. What the server
//! runs by itself, to see who may read what a page shows, counts apart, up to the same rate: it takes
//! nothing from the caller, and nobody has it run more often than that.
//!
//! The algorithm is GCRA, the engine governor's (tower_governor's as well, which limits whole
//! routes by address; who calls is known inside a function only): `10/min` lets ten calls through
//! at once, and then one every six seconds.

mod caller;
mod rate;

pub(crate) use caller::Caller;
pub use rate::Rate;

use crate::{Error, Result, request::Scope};
use governor::{
    DefaultKeyedRateLimiter, RateLimiter,
    clock::{Clock, DefaultClock},
};
use std::{
    collections::HashMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// Counts a run of a function.
///
/// # Errors
///
/// TOO_MANY_REQUESTS over the limit.
pub(crate) async fn count(function: &'static str) -> Result<()> {
    // Most have none: that costs a look
    let is_limited = Scope::with(|scope| scope.site().limits.of(function).is_some());
    let Some(scope) = is_limited
        .filter(|limited| *limited)
        .and_then(|_| Scope::current())
    else {
        return Ok(());
    };
    match scope.site().limits.of(function) {
        // Boxed: it is large, and most functions have no limit
        Some(limiter) => {
            let caller = Box::pin(Caller::current(&scope)).await?;
            limiter.count((function, scope.is_look()), caller)
        }
        None => Ok(()),
    }
}

/// The limits of a server.
#[derive(Default)]
pub(crate) struct Limits {
    functions: HashMap<&'static str, Limiter>,
    default: Option<Limiter>,
}

impl Limits {
    pub(crate) fn new(
        functions: impl Iterator<Item = (&'static str, Rate)>,
        default: Option<Rate>,
    ) -> Self {
        Self {
            functions: functions
                .map(|(name, rate)| (name, Limiter::new(rate)))
                .collect(),
            default: default.map(Limiter::new),
        }
    }

    pub(crate) fn of(&self, function: &str) -> Option<&Limiter> {
        if self.functions.is_empty() {
            return self.default.as_ref();
        }
        self.functions.get(function).or(self.default.as_ref())
    }
}

/// After how many runs what no longer counts is forgotten.
const SWEEP: usize = 1024;

/// After how many runs the callers are counted.
const COUNT: usize = 64;

/// How many callers are told apart; beyond that, those share whom one attacker can be.
const MANY: usize = 100_000;

/// Beyond this even those share who are no neighbours.
const TOO_MANY: usize = 10 * MANY;

/// What is counted: a function, and whether the server runs it by itself.
type Counted = (&'static str, bool);

/// That, and for whom.
type Key = (Counted, Caller);

pub(crate) struct Limiter {
    counts: DefaultKeyedRateLimiter<Key>,
    runs: AtomicUsize,
    /// How many callers there were when they were last counted.
    callers: AtomicUsize,
}

impl Limiter {
    fn new(rate: Rate) -> Self {
        Self {
            counts: RateLimiter::keyed(rate.quota()),
            runs: AtomicUsize::new(0),
            callers: AtomicUsize::new(0),
        }
    }

    fn count(&self, counted: Counted, caller: Caller) -> Result<()> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        if run % SWEEP == SWEEP - 1 {
            self.counts.retain_recent();
        }
        if run.is_multiple_of(COUNT) {
            self.callers.store(self.counts.len(), Ordering::Relaxed);
        }
        let caller = match self.callers.load(Ordering::Relaxed) {
            ..MANY => caller,
            MANY..TOO_MANY => caller.site(),
            _ => caller.provider(),
        };
        self.counts.check_key(&(counted, caller)).map_err(|until| {
            let wait = until.wait_time_from(DefaultClock::default().now());
            Error::rate_limited(wait.max(Duration::from_secs(1)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv6Addr};

    fn from(subnet: u64) -> Caller {
        let address = Ipv6Addr::from_bits(u128::from(subnet) << 64);
        Caller::of(IpAddr::V6(address))
    }

    #[test]
    fn a_burst_then_one_at_a_time() {
        let limiter = Limiter::new(Rate::per_minute(3));
        for _ in 0..3 {
            limiter.count(("f", false), from(1)).unwrap();
        }
        let error = limiter.count(("f", false), from(1)).unwrap_err();
        assert_eq!(error.code(), crate::Code::TooManyRequests);
        let wait = error.retry_after().unwrap();
        assert!((19..=20).contains(&wait.as_secs()), "{wait:?}");
        // Another caller, another function, a look
        limiter.count(("f", false), from(2)).unwrap();
        limiter.count(("g", false), from(1)).unwrap();
        limiter.count(("f", true), from(1)).unwrap();
    }

    #[test]
    fn a_flood_of_addresses_takes_bounded_memory() {
        let limiter = Limiter::new(Rate::per_day(1));
        for subnet in 0..1_000_000_u64 {
            // All below one /32, as an attacker has them
            let _ = limiter.count(("f", false), from(subnet));
        }
        assert!(
            limiter.counts.len() <= MANY + COUNT + 20,
            "{}",
            limiter.counts.len()
        );
    }
}
