//! What things are called in Redis, what scripts are given, and what they say.

use super::{
    super::{
        facts::{Fact, Facts},
        fence::Slot,
        remote::{Found, Lease, Wanted},
    },
    frame,
};
use fred::types::Value;
use std::time::Duration;

/// What things are called in Redis; all in one hash slot of a cluster.
pub(super) struct Names {
    pub(super) meta: String,
    pub(super) fences: String,
    /// Publish/subscribe has no databases.
    pub(super) channel: String,
    prefix: String,
}

impl Names {
    pub(super) fn new(application: &str, database: Option<u8>) -> Self {
        let prefix = format!("{{{application}:cache}}");
        Self {
            meta: format!("{prefix}:meta"),
            fences: format!("{prefix}:fences"),
            channel: format!("{prefix}:{}", database.unwrap_or_default()),
            prefix,
        }
    }

    /// `leased` is the key of the answer that a lease is for.
    pub(super) fn keys(&self, wanted: &Wanted<'_>, leased: &str, epoch: &str) -> Vec<String> {
        let Self { prefix, .. } = self;
        let (base, key) = (wanted.base, wanted.key);
        vec![
            self.meta.clone(),
            self.fences.clone(),
            format!("{prefix}:{epoch}:answer:{key}"),
            format!("{prefix}:{epoch}:depends:{base}"),
            format!("{prefix}:{epoch}:lease:{leased}"),
        ]
    }
}

/// How many facts there are, these, and the slots.
pub(super) fn facts_and_slots(facts: &Facts, slots: &[Slot]) -> impl Iterator<Item = String> {
    let count = facts.len().to_string();
    let facts = facts.iter().map(|fact| {
        // A fact can be written
        serde_json::to_string(fact).unwrap_or_default()
    });
    [count]
        .into_iter()
        .chain(facts)
        .chain(slots.iter().map(ToString::to_string))
}

/// Reads what the script returns; `None` where that is not one of ours.
pub(super) fn read(found: Vec<Value>, key: &str, token: &str, era: u64) -> Option<Found> {
    let mut found = found.into_iter();
    match found.next()?.as_str()?.as_ref() {
        "answer" => {
            let bytes = found.next()?.into_bytes()?;
            let left = found.next()?.as_u64()?;
            let kept = frame::read(&bytes, Duration::from_millis(left))?;
            Some(Found::Answer(kept))
        }
        "depends" => {
            let facts = found.map(|fact| serde_json::from_str::<Fact>(&fact.as_str()?).ok());
            Some(Found::Depends(facts.collect::<Option<_>>()?))
        }
        "lease" => Some(Found::Lease(Lease {
            key: key.to_owned(),
            token: token.to_owned(),
            era,
            read_at: found.next()?.as_u64()?,
        })),
        "wait" => Some(Found::Wait),
        _ => None,
    }
}
