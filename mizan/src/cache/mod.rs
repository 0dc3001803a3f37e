//! Answers of context members, kept until a mutation makes them stale.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `policy` | how long answers are kept |
//! | `answer` | what a reader is given |
//! | `facts` | what an answer depended on, as its function asked for it |
//! | `place` | where an answer stands, and what of the caller is part of that |
//! | `fence` | when something was last made stale |
//! | `memory` | the answers |
//! | `flight` | runs that are under way, which many readers wait for |
//! | `meters` | what is counted |
//! | `remote` | a store behind the memory, which several nodes share |
//! | `redis` | one in Redis |
//! | `make` | how an answer is made, here or on another node |
//! | `read` | how all of that answers a reader |
//!
//! A reader's way: the limit and the guard of the function, which no cache stands in for; the
//! answer, where there is one that nothing has made stale; else a run that is under way; else one
//! of its own.

mod answer;
mod facts;
mod fence;
mod flight;
mod make;
mod memory;
mod meters;
mod place;
mod policy;
mod read;
#[cfg(feature = "redis")]
mod redis;
#[cfg_attr(
    not(feature = "redis"),
    expect(dead_code, reason = "there is no other store")
)]
mod remote;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    answer::{Answered, Refused, Shared},
    facts::{Fact, Told, Tracked, header_value},
    fence::Moment,
    meters::{MemberMeters, purges},
    place::Place,
    read::Reading,
};
pub use policy::CachePolicy;

use self::{
    answer::Source,
    fence::Fences,
    flight::{Flights, Landed},
    memory::{Entry, Memory, Stored},
    meters::CacheMeters,
    place::Ended,
    policy::Age,
    remote::Remote,
};
use crate::{context::server::Outcome, mutation::consequences::Stale, server::stale::Whose};
use futures::future::{BoxFuture, FutureExt};
use metrics::Counter;
use std::{fmt, sync::Arc};

/// Where the answers of context members are kept, and for how long: see
/// [`Mizan::cache`](crate::Mizan::cache).
///
/// # Example
///
/// ```
/// use mizan::cache::{Cache, CachePolicy};
///
/// let cache = Cache::memory()
///     .max_bytes(256 * 1024 * 1024)
///     .policy(CachePolicy::Never); // but for functions that say `cache = ..`
/// # let _ = cache;
/// ```
#[must_use]
pub struct Cache {
    policy: CachePolicy,
    most: u64,
    largest: usize,
    memory: Memory,
    fences: Arc<Fences>,
    flights: Flights,
    remote: Option<Arc<dyn Remote>>,
    oversize: Counter,
}

impl Cache {
    /// Keeps answers in the memory of this process: up to 64 MiB of them, each up to 1 MiB, until
    /// a mutation affects them.
    pub fn memory() -> Self {
        let most = 64 * 1024 * 1024;
        Self {
            policy: CachePolicy::Forever,
            most,
            largest: 1024 * 1024,
            memory: Memory::new(most),
            fences: Arc::new(Fences::new()),
            flights: Flights::default(),
            remote: None,
            oversize: Counter::noop(),
        }
    }

    /// Keeps answers where a URL says, and in the memory of this process in front of that.
    ///
    /// | URL | feature | what |
    /// | --- | --- | --- |
    /// | `memory:` | | the memory of this process alone |
    /// | `redis:..`, `rediss:..` | `redis` | Redis, which several nodes share; `prefix` in the query is what the application is called there |
    ///
    /// # Errors
    ///
    /// Where the store can't be reached, or the URL names one that this build has not.
    pub async fn connect(url: &str) -> std::result::Result<Self, ConnectError> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "memory" => Ok(Self::memory()),
            #[cfg(feature = "redis")]
            "redis" | "rediss" => {
                let mut cache = Self::memory();
                let redis = redis::Redis::connect(url, Arc::clone(&cache.fences));
                cache.remote = Some(redis.await.map_err(ConnectError)?);
                Ok(cache)
            }
            _ => Err(ConnectError(
                format!(
                    "there is no store for the cache at {scheme:?}: it is one of memory and redis, \
                     the latter with the feature of mizan's of that name"
                )
                .into(),
            )),
        }
    }

    /// Keeps nothing: every reader runs the functions, whatever they say of `cache`.
    pub fn none() -> Self {
        Self::memory().max_bytes(0)
    }

    /// Sets how many bytes answers may take in memory, all together; 64 MiB by default. Those that
    /// are read the least make room.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self.memory = Memory::new(bytes);
        self
    }

    /// Sets how many bytes one answer may have, in JSON; 1 MiB by default. A larger one is not
    /// kept.
    pub fn max_entry_bytes(mut self, bytes: usize) -> Self {
        self.largest = bytes;
        self
    }

    /// Sets how long answers are kept of functions that don't say it by `cache = ..`; until a
    /// mutation affects them by default.
    pub fn policy(mut self, policy: CachePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Counts what happens from now on, where somebody wants to know.
    pub(crate) fn count(&mut self) {
        let CacheMeters { oversize, bytes } = CacheMeters::register();
        self.oversize = oversize;
        self.memory.count(bytes);
    }

    /// Which answers in memory count; `None` where none does.
    fn era(&self) -> Option<u64> {
        self.remote.as_ref().map_or(Some(0), |remote| remote.era())
    }

    /// Whether other nodes have the same answers.
    pub(crate) fn is_shared(&self) -> bool {
        self.remote.is_some()
    }

    /// The time, for what is found out from now on.
    pub(crate) fn moment(&self) -> Moment {
        self.fences.moment()
    }

    /// How long the answers of a function are kept that says this of it.
    pub(crate) fn policy_of(&self, own: Option<CachePolicy>) -> CachePolicy {
        match self.most {
            0 => CachePolicy::Never,
            _ => own.unwrap_or(self.policy),
        }
    }

    /// Whether nothing has made an answer stale that stands at a place.
    fn counts(&self, stored: &Stored, place: &Place) -> bool {
        let slots = place.slots(stored.subject, &self.fences);
        let is_current = self.fences.is_current(slots, stored.read_at);
        // That was looked at before: what the clock says of another era means nothing
        is_current && self.era() == Some(stored.era)
    }

    /// The answer of a function that says this of its policy, where it is everybody's, and is at
    /// hand and fresh, or being made.
    pub(crate) fn at_hand(
        &self,
        policy: Option<CachePolicy>,
        label: &str,
        place: &Place,
    ) -> Option<AtHand> {
        if self.policy_of(policy) == CachePolicy::Never {
            return None;
        }
        let key = [label, &place.key].concat();
        match self.memory.get(&key) {
            Some(Entry::Answer(stored)) if self.counts(&stored, place) => {
                let is_fresh = stored.age() == Age::Fresh;
                is_fresh.then(|| AtHand::Now(Answered::kept(stored, Source::Hit)))
            }
            Some(Entry::Answer(_)) | None => self.under_way(&key, place).map(AtHand::Soon),
            Some(Entry::Depends(_) | Entry::Acts(_)) => None,
        }
    }

    /// What a run for everybody ends in; in `None`, where the answer is not everybody's.
    fn under_way(
        &self,
        key: &str,
        place: &Place,
    ) -> Option<BoxFuture<'static, Option<Arc<dyn Outcome>>>> {
        let slots = place.slots(place::EVERYBODY, &self.fences);
        let flight = self.flights.current(key, &self.fences, slots)?;
        let waited = |landed| match landed {
            Landed::Shareable(landed) if landed.facts.is_empty() => {
                Some(Answered::waited(Arc::clone(&landed.outcome)))
            }
            _ => None,
        };
        Some(flight.map(waited).boxed())
    }

    /// Ends answers. Where it is unknown whose `own(..)` is, everybody's are ended.
    pub(crate) async fn purge(&self, stale: impl Iterator<Item = &Stale>, whose: Whose) {
        let mut ended = Vec::new();
        for stale in stale {
            let subjects: &[_] = match whose {
                Whose::User(user) if stale.is_own() => &[place::VISITORS, place::of_user(user)],
                Whose::Visitor if stale.is_own() => &[place::VISITORS],
                _ => &[place::EVERYBODY],
            };
            let key = stale.key();
            ended.extend(subjects.iter().map(|subject| Ended {
                key: key.clone(),
                subject: *subject,
            }));
        }
        match &self.remote {
            _ if ended.is_empty() => {}
            Some(remote) => remote.purge(ended).await,
            None => self.fences.end(&ended),
        }
    }
}

/// An answer that is everybody's.
pub(crate) enum AtHand {
    Now(Arc<dyn Outcome>),
    /// It is being made. Ends in `None` where it turns out not to be everybody's.
    Soon(BoxFuture<'static, Option<Arc<dyn Outcome>>>),
}

/// Why a store for the cache can't be used.
#[derive(Debug)]
pub struct ConnectError(Box<dyn std::error::Error + Send + Sync>);

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answers can't be kept: {}", self.0)
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("policy", &self.policy)
            .field("max_bytes", &self.most)
            .field("max_entry_bytes", &self.largest)
            .finish_non_exhaustive()
    }
}
