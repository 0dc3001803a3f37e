//! What a reader is given.

use super::{facts::Fact, memory::Stored, policy::CachePolicy};
use crate::{Code, Error, Result, context::server::Outcome};
use bytes::Bytes;
use std::{any::Any, sync::Arc, time::Duration};

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Out of the cache.
    Hit,
    /// Out of the cache, past its time; a new one is on its way.
    Stale,
    /// From a run that was under way already.
    Waited,
    /// From a run for this reader.
    Miss,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Waited => "waited",
            Self::Miss => "miss",
        }
    }
}

/// An answer that is kept, or might have been.
pub(crate) struct Answered {
    pub(super) text: Bytes,
    pub(super) source: Source,
    /// As it is kept, where it is.
    pub(super) stored: Option<Arc<Stored>>,
    /// As the function returned it, where it has just been run.
    pub(super) value: Option<Arc<dyn Outcome>>,
}

impl Answered {
    /// What a member ended in, where it came through the cache.
    pub(crate) fn of(outcome: &dyn Outcome) -> Option<&Self> {
        let outcome: &dyn Any = outcome;
        outcome.downcast_ref()
    }

    pub(super) fn kept(stored: Arc<Stored>, source: Source) -> Arc<dyn Outcome> {
        Arc::new(Self {
            text: stored.text.clone(),
            source,
            stored: Some(stored),
            value: None,
        })
    }

    /// What another run ended in.
    pub(super) fn waited(outcome: Arc<dyn Outcome>) -> Arc<dyn Outcome> {
        match Self::of(&*outcome) {
            Some(answered) => Arc::new(Self {
                text: answered.text.clone(),
                source: Source::Waited,
                stored: answered.stored.clone(),
                value: answered.value.clone(),
            }),
            None => outcome,
        }
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    pub(crate) fn value(&self) -> Option<&Arc<dyn Outcome>> {
        self.value.as_ref()
    }

    /// Where it came from, for people.
    pub(crate) fn source(&self) -> &'static str {
        self.source.name()
    }

    /// How it may be kept on the way to the browser: for how long, and by what it differs. `None`
    /// where it is one caller's.
    pub(crate) fn shared(&self) -> Option<Shared> {
        let stored = self.stored.as_ref()?;
        let header = |fact: &Fact| match fact {
            Fact::Header(name) => Some(name.clone()),
            Fact::User | Fact::Session | Fact::Cookie(_) => None,
        };
        let vary = stored.facts.iter().map(header).collect::<Option<_>>()?;
        let (fresh, stale) = match stored.policy {
            CachePolicy::For { fresh, stale } => (fresh, stale),
            CachePolicy::Never | CachePolicy::Forever => Default::default(),
        };
        Some(Shared {
            fresh: fresh.saturating_sub(stored.since.elapsed()),
            stale,
            vary,
        })
    }
}

/// How an answer may be kept on its way, which is everybody's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    /// How much longer it is fresh; zero where it has to be asked each time.
    pub(crate) fresh: Duration,
    pub(crate) stale: Duration,
    /// The headers by which it differs.
    pub(crate) vary: Vec<Box<str>>,
}

impl Shared {
    /// How both of two may be.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.vary.extend(other.vary);
        self.vary.sort_unstable();
        self.vary.dedup();
        Self {
            fresh: self.fresh.min(other.fresh),
            stale: self.stale.min(other.stale),
            vary: self.vary,
        }
    }
}

/// That a reader was not let in, or that nobody can say whether they are.
pub(crate) struct Refused(pub(crate) Error);

impl Outcome for Refused {
    fn write(&self, _: &mut Vec<u8>) -> Result<()> {
        Err(self.0.clone())
    }

    fn failure(&self) -> Option<Code> {
        Some(self.0.code())
    }
}

impl Outcome for Answered {
    fn write(&self, text: &mut Vec<u8>) -> Result<()> {
        text.extend_from_slice(&self.text);
        Ok(())
    }

    fn failure(&self) -> Option<Code> {
        None
    }
}
