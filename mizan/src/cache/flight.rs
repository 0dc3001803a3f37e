//! Runs that are under way: of many who want an answer that is not there, one makes it.

use super::{
    facts::Facts,
    fence::{Fences, Moment, Slot},
};
use crate::context::server::Outcome;
use futures::future::{BoxFuture, FutureExt, Shared};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a run ended in.
#[derive(Clone)]
pub(super) enum Landed {
    /// An answer that may be others' as well.
    Shareable(Arc<Shareable>),
    /// One that is nobody's but the first reader's.
    Alone(Arc<dyn Outcome>),
    /// None: with what is known now, it has to be looked for again.
    Again,
}

/// An answer, and what tells whose it is.
pub(super) struct Shareable {
    pub(super) outcome: Arc<dyn Outcome>,
    /// What it depended on.
    pub(super) facts: Facts,
    /// The digest of the facts, of the caller it was run for.
    pub(super) digest: String,
    /// From before anything of it was read, what is known of the caller included.
    pub(super) read_at: Moment,
}

impl Landed {
    pub(super) fn shareable(shareable: Shareable) -> Self {
        Self::Shareable(Arc::new(shareable))
    }
}

pub(super) type Flight = Shared<BoxFuture<'static, Landed>>;

/// Those under way, by the key of the answer that is wanted.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<Arc<str>, Under>>);

struct Under {
    flight: Flight,
    /// From before it began.
    read_at: Moment,
}

impl Flights {
    /// Waits for the run that is under way, unless what it reads was made stale meanwhile; else
    /// begins one. Returns whether it was begun here.
    pub(super) fn join(
        &self,
        key: &Arc<str>,
        fences: &Fences,
        slots: impl Iterator<Item = Slot>,
        begin: impl FnOnce(Moment) -> BoxFuture<'static, Landed>,
    ) -> (Flight, bool) {
        let mut under_way = self.under_way();
        if let Some(flight) = current(&under_way, key, fences, slots) {
            return (flight, false);
        }
        let read_at = fences.moment();
        let flight = begin(read_at).shared();
        let under = Under {
            flight: flight.clone(),
            read_at,
        };
        under_way.insert(Arc::clone(key), under);
        (flight, true)
    }

    /// The run that is under way, unless what it reads was made stale meanwhile.
    pub(super) fn current(
        &self,
        key: &str,
        fences: &Fences,
        slots: impl Iterator<Item = Slot>,
    ) -> Option<Flight> {
        current(&self.under_way(), key, fences, slots)
    }

    /// Forgets the run that began then.
    pub(super) fn land(&self, key: &str, read_at: Moment) {
        let mut under_way = self.under_way();
        if under_way
            .get(key)
            .is_some_and(|under| under.read_at == read_at)
        {
            under_way.remove(key);
        }
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<Arc<str>, Under>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn current(
    under_way: &HashMap<Arc<str>, Under>,
    key: &str,
    fences: &Fences,
    slots: impl Iterator<Item = Slot>,
) -> Option<Flight> {
    let under = under_way.get(key)?;
    let is_current = fences.is_current_since(slots, under.read_at);
    is_current.then(|| under.flight.clone())
}
