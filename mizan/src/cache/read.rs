//! How a reader is answered.

use super::{
    Cache,
    answer::{Answered, Refused, Source},
    facts::{Concluded, Fact, Facts},
    flight::{Flight, Landed, Shareable},
    make::{Making, Run},
    memory::{Entry, Stored},
    place::{Place, Reader},
    policy::{Age, CachePolicy},
};
use crate::{
    Error, Result,
    auth::Guard,
    context::server::{MemberRegistration, Outcome, Parameters},
    request::{Scope, in_owner},
};
use futures::FutureExt;
use leptos::reactive::owner::Owner;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tracing::Instrument;

/// One who wants the answer of a member.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(super) scope: Scope,
    pub(super) member: &'static MemberRegistration,
    parameters: Parameters,
    pub(super) place: Arc<Place>,
    /// The key of an answer that is everybody's.
    pub(super) key: Arc<str>,
    pub(super) policy: CachePolicy,
    pub(super) timeout: Duration,
}

/// For how long nobody waits for a run of what did something beside answering.
const ACTS: Duration = Duration::from_secs(1);

/// How often a reader may find that what they waited for is somebody else's answer.
const MOST_TURNS: usize = 4;

impl Reading {
    /// Prepares to answer; `None` where the member's answers are not kept.
    pub(crate) fn new(
        scope: &Scope,
        member: &'static MemberRegistration,
        label: &str,
        parameters: &Parameters,
        place: &Arc<Place>,
        timeout: Duration,
    ) -> Option<Self> {
        let policy = scope.site().cache.policy_of(member.cache);
        (policy != CachePolicy::Never).then(|| Self {
            key: [label, &place.key].concat().into(),
            scope: scope.clone(),
            member,
            parameters: Arc::clone(parameters),
            place: Arc::clone(place),
            policy,
            timeout,
        })
    }

    /// The answer, where it is at hand and everybody's.
    pub(crate) fn at_hand(&self) -> Option<Arc<dyn Outcome>> {
        if self.member.admits(self.scope.site()) {
            return None;
        }
        match self.cache().memory.get(&self.key) {
            Some(Entry::Answer(stored)) => self.hit(&self.key, &Reader::EVERYBODY, stored),
            _ => None,
        }
    }

    /// The answer.
    pub(crate) async fn answer(self) -> Arc<dyn Outcome> {
        // Before anything else, and every time: what a guard says is not kept
        if self.member.admits(self.scope.site()) {
            let admitted = (self.member.admit)(&self.parameters, self.timeout).await;
            if let Err(error) = admitted {
                return Arc::new(Refused(error));
            }
        }
        let answered = async {
            match self.find().await {
                Ok(Some(outcome)) => outcome,
                // Nobody else's, so nobody waits for it
                Ok(None) => self.alone().await,
                Err(error) => Arc::new(Refused(error)),
            }
        };
        // All of it: those who wait for others' runs have a time of their own
        let answered = tokio::time::timeout(self.timeout, answered).await;
        answered.unwrap_or_else(|_| {
            let error = Error::unavailable("the function took too long");
            Arc::new(Refused(error))
        })
    }

    /// Looks for the answer, waits for it, or makes it; `None` where it can only be made for this
    /// reader.
    async fn find(&self) -> Result<Option<Arc<dyn Outcome>>> {
        let cache = self.cache();
        let nothing = BTreeMap::new();
        for _ in 0..MOST_TURNS {
            let facts = match cache.memory.get(&self.key) {
                Some(Entry::Depends(facts)) => facts,
                _ => Arc::new(self.facts_before()),
            };
            let reader = Reader::current(&facts, &nothing, &self.scope).await?;
            let key: Arc<str> = match facts.is_empty() {
                true => Arc::clone(&self.key),
                false => reader.key(&self.key).into(),
            };
            match cache.memory.get(&key) {
                Some(Entry::Answer(stored)) => {
                    if let Some(hit) = self.hit(&key, &reader, stored) {
                        return Ok(Some(hit));
                    }
                }
                Some(Entry::Acts(then)) if then.elapsed() < ACTS => return Ok(None),
                _ => {}
            }
            let (flight, is_first) = self.join(&key, &reader, &facts, false);
            match flight.await {
                Landed::Again => {}
                Landed::Alone(outcome) => return Ok(is_first.then_some(outcome)),
                Landed::Shareable(landed) if is_first => {
                    return Ok(Some(Arc::clone(&landed.outcome)));
                }
                Landed::Shareable(landed) => {
                    if let Some(outcome) = self.waited(&landed, &reader).await? {
                        return Ok(Some(outcome));
                    }
                }
            }
        }
        Ok(None)
    }

    /// What a run ended in that was begun for somebody else, and joined as this reader; `None`
    /// where it is not theirs.
    async fn waited(
        &self,
        landed: &Shareable,
        joined: &Reader,
    ) -> Result<Option<Arc<dyn Outcome>>> {
        let facts = &landed.facts;
        let reader = Reader::current(facts, &BTreeMap::new(), &self.scope).await?;
        // Whether it counted when it was joined is known where it was joined as theirs, and read
        // nothing before it began
        let has_counted = reader.subject == joined.subject && !facts.iter().any(Fact::is_identity);
        let counts = has_counted || {
            let fences = &self.cache().fences;
            let slots = self.place.slots(reader.subject, fences);
            fences.is_current_since(slots, landed.read_at)
        };
        let is_theirs = counts && reader.digest == landed.digest;
        Ok(is_theirs.then(|| Answered::waited(Arc::clone(&landed.outcome))))
    }

    /// Runs the function for this reader alone.
    async fn alone(&self) -> Arc<dyn Outcome> {
        let run = Run::new(&self.scope);
        let outcome = self.body(&run.owner).await;
        let concluded = run.conclude(&self.scope);
        if !concluded.is_shareable {
            self.note_acting(&run, &concluded).await;
        }
        outcome
    }

    /// Notes that a run did something beside answering: whoever would wait for another one soon
    /// would wait for nothing.
    pub(super) async fn note_acting(&self, run: &Run, concluded: &Concluded) {
        let facts = self.depends(&concluded.facts());
        let reader = || Reader::current(&facts, &concluded.told, &self.scope);
        if let Ok(reader) = in_owner(&run.owner, reader).await {
            let key = reader.key(&self.key);
            self.cache().memory.acts(key.into());
        }
    }

    /// All that answers here depend on, as far as that is known.
    pub(super) fn depends(&self, facts: &Facts) -> Arc<Facts> {
        let (memory, key) = (&self.cache().memory, &self.key);
        let is_known = matches!(memory.get(key), Some(Entry::Depends(_)));
        match is_known || !facts.is_empty() {
            true => memory.depends(Arc::clone(key), facts),
            false => Arc::default(),
        }
    }

    /// Runs the function.
    pub(super) async fn body(&self, owner: &Owner) -> Arc<dyn Outcome> {
        let body = || (self.member.body)(&self.parameters, self.timeout);
        in_owner(owner, body).await
    }

    pub(super) fn cache(&self) -> &Cache {
        &self.scope.site().cache
    }

    /// What is known to make a difference before the function was ever run.
    fn facts_before(&self) -> Facts {
        let is_guarded = self.member.guard != Guard::None;
        is_guarded.then_some(Fact::User).into_iter().collect()
    }

    /// An answer that was found, if it still counts.
    fn hit(
        &self,
        key: &Arc<str>,
        reader: &Reader,
        stored: Arc<Stored>,
    ) -> Option<Arc<dyn Outcome>> {
        if !self.cache().counts(&stored, &self.place) {
            return None;
        }
        let source = match stored.age() {
            Age::Fresh => Source::Hit,
            Age::Stale => {
                // For those who come later
                let _ = self.join(key, reader, &stored.facts, true);
                Source::Stale
            }
            Age::Over => return None,
        };
        Some(Answered::kept(stored, source))
    }

    /// Waits for the run that is under way, or begins one, which goes on whoever waits for it.
    /// Returns whether it was begun here.
    fn join(&self, key: &Arc<str>, reader: &Reader, facts: &Facts, anew: bool) -> (Flight, bool) {
        let cache = self.cache();
        let slots = self.place.slots(reader.subject, &cache.fences);
        let (flight, is_first) = cache.flights.join(key, &cache.fences, slots, |read_at| {
            let making = Making {
                reading: self.clone(),
                run: Run::new(&self.scope),
                key: Arc::clone(key),
                facts: facts.clone(),
                subject: reader.subject,
                read_at,
                anew,
            };
            // In a task of its own: what a layer has left with that of one reader is not in reach
            let landed = tokio::spawn(making.make().in_current_span());
            let shut_down = |_| {
                let error = Error::unavailable("the server is shutting down");
                Landed::Alone(Arc::new(Refused(error)))
            };
            landed
                .map(move |landed| landed.unwrap_or_else(shut_down))
                .boxed()
        });
        (flight, is_first)
    }
}
