//! How an answer is made: by a run of its function, here or on another node.

use super::{
    answer::{Answered, Refused, Source},
    facts::{Concluded, Fact, Facts, Tracked},
    fence::{Moment, Slot},
    flight::{Landed, Shareable},
    memory::Stored,
    place::{Reader, Subject},
    read::Reading,
    remote::{Found, Kept, Lease, Remote, Wanted},
};
use crate::{
    Result,
    auth::{Guard, principal},
    call::server::panicked,
    context::server::Outcome,
    request::{Scope, head, in_owner, owner, with_owner},
};
use bytes::Bytes;
use futures::FutureExt;
use leptos::{
    prelude::provide_context,
    reactive::owner::{Owner, use_context},
};
use leptos_axum::ResponseOptions;
use std::{
    collections::BTreeMap,
    mem::take,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

/// How often it is looked whether another node has made an answer.
const BETWEEN: Duration = Duration::from_millis(20);

/// For how long a store keeps an answer at most.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

/// An answer that is about to be made, for one reader and those who wait for the same.
pub(super) struct Making {
    pub(super) reading: Reading,
    pub(super) run: Run,
    pub(super) key: Arc<str>,
    /// What it is known to depend on.
    pub(super) facts: Facts,
    pub(super) subject: Subject,
    /// This node's clock, from before.
    pub(super) read_at: Moment,
    /// Whether one that is there does not do.
    pub(super) anew: bool,
}

/// The time from before an answer was read.
#[derive(Clone, Copy)]
struct Clock {
    /// When the clock began; `None` where nothing may be kept.
    era: Option<u64>,
    read_at: u64,
}

/// Where an answer is kept.
struct Spot {
    key: Arc<str>,
    facts: Arc<Facts>,
    stored: Arc<Stored>,
}

impl Making {
    /// Makes the answer.
    pub(super) async fn make(self) -> Landed {
        let name = self.reading.member.name;
        let landed = AssertUnwindSafe(self.fetch()).catch_unwind();
        let landed = landed.await.unwrap_or_else(|panic| {
            let error = panicked(name, &*panic);
            Landed::Alone(Arc::new(Refused(error)))
        });
        let flights = &self.reading.cache().flights;
        flights.land(&self.key, self.read_at);
        landed
    }

    /// Takes it from another node, or runs the function.
    async fn fetch(&self) -> Landed {
        let Some(remote) = &self.reading.cache().remote else {
            let clock = Clock {
                era: Some(0),
                read_at: self.read_at.time,
            };
            return self.run(clock).await.0;
        };
        let lease = match self.ask(&**remote).await {
            Ok(landed) => return landed,
            Err(lease) => lease,
        };
        let clock = Clock {
            era: lease.as_ref().map(|lease| lease.era),
            read_at: lease.as_ref().map_or(0, |lease| lease.read_at),
        };
        let (landed, spot) = self.run(clock).await;
        if let Some(lease) = lease {
            match spot {
                Some(spot) => {
                    // By the lease's clock, or by a later one, of which nothing is kept then
                    let slots = self.slots(spot.stored.subject);
                    let wanted = self.wanted(&spot.key, &spot.facts, slots);
                    let kept = kept(&spot.stored);
                    remote.keep(&wanted, &lease, Some(&kept)).await;
                }
                None => {
                    let wanted = self.wanted(&self.key, &self.facts, Vec::new());
                    remote.keep(&wanted, &lease, None).await;
                }
            }
        }
        landed
    }

    fn slots(&self, subject: Subject) -> Vec<Slot> {
        let fences = &self.reading.cache().fences;
        self.reading.place.slots(subject, fences).collect()
    }

    fn wanted<'a>(&'a self, key: &'a str, facts: &'a Facts, slots: Vec<Slot>) -> Wanted<'a> {
        Wanted {
            base: &self.reading.key,
            key,
            facts,
            slots,
            anew: self.anew,
            timeout: self.reading.timeout,
        }
    }

    /// Asks the store, and waits for the node that makes the answer. Returns the lease where it is
    /// to be made here, and nothing where the store is of no use.
    async fn ask(&self, remote: &dyn Remote) -> std::result::Result<Landed, Option<Lease>> {
        let until = Instant::now() + self.reading.timeout;
        loop {
            let era = remote.era().ok_or(None)?;
            // By that era's clock, or by a later one: then the era is over
            let wanted = self.wanted(&self.key, &self.facts, self.slots(self.subject));
            match remote.find(&wanted, era).await {
                Found::Answer(kept) => return self.found(kept, era).await.ok_or(None),
                Found::Depends(facts) => {
                    let memory = &self.reading.cache().memory;
                    memory.depends(Arc::clone(&self.reading.key), &facts);
                    return Ok(Landed::Again);
                }
                Found::Lease(lease) => return Err(Some(lease)),
                Found::Wait if Instant::now() < until => tokio::time::sleep(BETWEEN).await,
                Found::Wait | Found::Down => return Err(None),
            }
        }
    }

    /// Takes over what another node has made.
    async fn found(&self, kept: Kept, era: u64) -> Option<Landed> {
        let (reading, nothing) = (&self.reading, BTreeMap::new());
        let current = async |facts| {
            let reader = || Reader::current(facts, &nothing, &reading.scope);
            in_owner(&self.run.owner, reader).await.ok()
        };
        // Whose it is: those who wait may be others
        let digest = current(&kept.facts).await?.digest;
        let reader = current(&self.facts).await?;
        let stored = Arc::new(Stored {
            text: kept.text,
            facts: kept.facts.clone(),
            subject: reader.subject,
            read_at: kept.read_at,
            era,
            since: Instant::now().checked_sub(kept.age)?,
            policy: reading.policy,
        });
        let memory = &reading.cache().memory;
        memory.insert(Arc::clone(&self.key), Arc::clone(&stored));
        Some(Landed::shareable(Shareable {
            outcome: Answered::kept(stored, Source::Hit),
            facts: kept.facts,
            digest,
            read_at: self.read_at,
        }))
    }

    /// Runs the function, and keeps what it answers.
    async fn run(&self, clock: Clock) -> (Landed, Option<Spot>) {
        let (reading, run) = (&self.reading, &self.run);
        let outcome = match run.knows_the_guarded(reading.member.guard).await {
            Ok(()) => reading.body(&run.owner).await,
            Err(error) => Arc::new(Refused(error)),
        };
        let concluded = run.conclude(&reading.scope);
        if !concluded.is_shareable {
            reading.note_acting(run, &concluded).await;
            return (Landed::Alone(outcome), None);
        }
        let facts = concluded.facts();
        let (clock, read_at) = self.known_since(&facts, clock);
        let current = async |facts| {
            let reader = || Reader::current(facts, &concluded.told, &reading.scope);
            in_owner(&run.owner, reader).await
        };
        let Ok(of_run) = current(&facts).await else {
            return (Landed::Alone(outcome), None);
        };
        let mut shareable = Shareable {
            outcome: Arc::clone(&outcome),
            facts: facts.clone(),
            digest: of_run.digest,
            read_at,
        };
        // An error is told to those who wait, and not kept
        let Some(text) = written(reading.member.name, &*outcome) else {
            return (Landed::shareable(shareable), None);
        };
        let all = reading.depends(&facts);
        let Ok(reader) = current(&all).await else {
            return (Landed::shareable(shareable), None);
        };
        let stored = Arc::new(Stored {
            text: text.clone(),
            facts,
            subject: reader.subject,
            read_at: clock.read_at,
            era: clock.era.unwrap_or_default(),
            since: Instant::now(),
            policy: reading.policy,
        });
        shareable.outcome = Arc::new(Answered {
            text,
            source: Source::Miss,
            stored: Some(Arc::clone(&stored)),
            value: Some(outcome),
        });
        let spot = Spot {
            key: reader.key(&reading.key).into(),
            facts: all,
            stored,
        };
        let is_kept = clock.era.is_some() && self.keep(&spot);
        (Landed::shareable(shareable), is_kept.then_some(spot))
    }

    /// The time from before anything was read that a run depended on: the request may have found
    /// out earlier who its caller is, and what is in their session.
    fn known_since(&self, facts: &Facts, clock: Clock) -> (Clock, Moment) {
        let (reading, ours) = (&self.reading, self.read_at);
        let asked = reading.scope.identity().asked_at();
        let Some(asked) = asked.filter(|_| facts.iter().any(Fact::is_identity)) else {
            return (clock, ours);
        };
        if !reading.cache().fences.is_of(asked) {
            // Which of both is earlier nobody knows
            return (Clock { era: None, ..clock }, asked);
        }
        let read_at = clock.read_at.min(asked.time);
        let earlier = if asked.time < ours.time { asked } else { ours };
        (Clock { read_at, ..clock }, earlier)
    }

    /// Puts an answer into memory. Returns whether it is worth keeping.
    fn keep(&self, spot: &Spot) -> bool {
        let cache = self.reading.cache();
        // What was made stale meanwhile would only take the place of what was read since
        let place = &self.reading.place;
        let slots = place.slots(spot.stored.subject, &cache.fences);
        let is_current = cache.fences.is_current(slots, spot.stored.read_at);
        let is_oversize = spot.stored.text.len() > cache.largest;
        cache.oversize.increment(is_oversize.into());
        let is_kept = is_current && !is_oversize;
        if is_kept {
            let stored = Arc::clone(&spot.stored);
            cache.memory.insert(Arc::clone(&spot.key), stored);
        }
        is_kept
    }
}

/// An answer, for other nodes.
fn kept(stored: &Stored) -> Kept {
    Kept {
        text: stored.text.clone(),
        facts: stored.facts.clone(),
        read_at: stored.read_at,
        age: Duration::ZERO,
        lasts: stored.policy.lasts().unwrap_or(FOREVER).min(FOREVER),
    }
}

/// Writes an answer; `None` where there is an error in its place.
fn written(name: &'static str, outcome: &dyn Outcome) -> Option<Bytes> {
    if outcome.failure().is_some() {
        return None;
    }
    let mut text = Vec::new();
    let write = AssertUnwindSafe(|| outcome.write(&mut text));
    match catch_unwind(write) {
        Ok(Ok(())) => Some(text.into()),
        // It is written once more into the answer, and logged there
        Ok(Err(_)) => None,
        Err(panic) => {
            panicked(name, &*panic);
            None
        }
    }
}

/// A run of a function: what it sees of its request, and what it does to that.
pub(super) struct Run {
    pub(super) owner: Owner,
    tracked: Arc<Tracked>,
    /// What it does to its answer by Leptos's own means.
    options: ResponseOptions,
}

impl Run {
    /// In an owner of its own: nothing of the request is in reach but what is noted.
    pub(super) fn new(scope: &Scope) -> Self {
        let tracked = Arc::new(Tracked::new(head(Clone::clone), use_context()));
        let (owner, options) = (owner(), ResponseOptions::default());
        with_owner(&owner, || {
            provide_context(scope.tracked(&tracked));
            provide_context(options.clone());
        });
        Self {
            owner,
            tracked,
            options,
        }
    }

    /// Notes who the caller is, where that made a difference already.
    async fn knows_the_guarded(&self, guard: Guard) -> Result<()> {
        match guard {
            Guard::None => Ok(()),
            _ => in_owner(&self.owner, principal).await.map(drop),
        }
    }

    /// What it has asked for. What it does to its answer is done to the request's.
    pub(super) fn conclude(&self, scope: &Scope) -> Concluded {
        let does = self.options.0.write().map(|mut does| take(&mut *does));
        let does = does.unwrap_or_default();
        if does.status.is_some() || !does.headers.is_empty() {
            self.tracked.mark_uncacheable();
            if let Some(options) = self.tracked.options()
                && let Ok(mut options) = options.0.write()
            {
                options.status = does.status.or(options.status);
                options.headers.extend(does.headers);
            }
        }
        let mut concluded = self.tracked.conclude();
        let has_asked = concluded.told.contains_key(&Fact::Session);
        concluded.is_shareable &= !(has_asked && scope.identity().has_changed_session());
        concluded
    }
}
