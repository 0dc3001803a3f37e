//! The answers, in the memory of this process.

use super::{
    facts::{Facts, MOST as MOST_FACTS},
    place::Subject,
    policy::{Age, CachePolicy},
};
use bytes::Bytes;
use metrics::Gauge;
use moka::{ops::compute::Op, sync::Cache};
use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

/// What an entry takes beside its texts, in bytes: the cache's own structures, about.
const OVERHEAD: usize = 512;

/// An answer.
pub(crate) struct Stored {
    pub(super) text: Bytes,
    pub(super) facts: Facts,
    pub(super) subject: Subject,
    /// The clock's time from before it was read.
    pub(super) read_at: u64,
    /// When that clock began.
    pub(super) era: u64,
    pub(super) since: Instant,
    pub(super) policy: CachePolicy,
}

impl Stored {
    pub(super) fn age(&self) -> Age {
        self.policy.judge(self.since.elapsed())
    }
}

/// What stands at a key.
#[derive(Clone)]
pub(super) enum Entry {
    Answer(Arc<Stored>),
    /// Answers depend on these of the caller, and stand at keys of their own.
    Depends(Arc<Facts>),
    /// A run did something beside answering then: each reader makes their own.
    Acts(Instant),
}

pub(super) struct Memory {
    cache: Cache<Arc<str>, Entry>,
    /// What they take, once somebody wants to know.
    bytes: Arc<OnceLock<Gauge>>,
}

impl Memory {
    /// Room for so many bytes.
    pub(super) fn new(most: u64) -> Self {
        let bytes = Arc::<OnceLock<Gauge>>::default();
        let counted = Arc::clone(&bytes);
        // Also of what is replaced, and of what there is no room for
        let gone = move |key: Arc<Arc<str>>, entry: Entry, _| {
            if let Some(bytes) = counted.get() {
                bytes.decrement(size(&key, &entry));
            }
        };
        let cache = Cache::builder()
            .max_capacity(most)
            .weigher(size)
            .eviction_listener(gone);
        Self {
            cache: cache.build(),
            bytes,
        }
    }

    /// Says from now on what all take: called once, before there is anything.
    pub(super) fn count(&self, bytes: Gauge) {
        // A second time it is the same one
        let _ = self.bytes.set(bytes);
    }

    /// Notes what is about to be put in.
    fn comes(&self, key: &Arc<str>, entry: &Entry) {
        if let Some(bytes) = self.bytes.get() {
            bytes.increment(size(key, entry));
        }
    }

    /// What they take, by the cache's own account.
    #[cfg(test)]
    pub(super) fn taken(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.weighted_size()
    }

    pub(super) fn get(&self, key: &str) -> Option<Entry> {
        self.cache.get(key)
    }

    pub(super) fn insert(&self, key: Arc<str>, answer: Arc<Stored>) {
        self.put(key, Entry::Answer(answer));
    }

    /// Notes that a run has just done something beside answering.
    pub(super) fn acts(&self, key: Arc<str>) {
        self.put(key, Entry::Acts(Instant::now()));
    }

    fn put(&self, key: Arc<str>, entry: Entry) {
        self.comes(&key, &entry);
        self.cache.insert(key, entry);
    }

    /// Notes what answers at a key depend on, beside what is known of them already.
    pub(super) fn depends(&self, key: Arc<str>, facts: &Facts) -> Arc<Facts> {
        let all = |known: Option<&Facts>| match known {
            Some(known) if known.is_superset(facts) => None,
            Some(known) if known.len() < MOST_FACTS => Some(Arc::new(known | facts)),
            _ => Some(Arc::new(facts.clone())),
        };
        let known = |entry: Option<&Entry>| match entry {
            Some(Entry::Depends(known)) => Some(Arc::clone(known)),
            _ => None,
        };
        let entry = self
            .cache
            .entry(Arc::clone(&key))
            .and_compute_with(|entry| {
                let known = known(entry.as_ref().map(|entry| entry.value()));
                match all(known.as_deref()) {
                    Some(all) => {
                        let entry = Entry::Depends(all);
                        self.comes(&key, &entry);
                        Op::Put(entry)
                    }
                    None => Op::Nop,
                }
            });
        let entry = entry.into_entry();
        known(entry.as_ref().map(|entry| entry.value())).unwrap_or_else(|| Arc::new(facts.clone()))
    }
}

/// What an entry takes, in bytes.
fn size(key: &Arc<str>, entry: &Entry) -> u32 {
    let size = match entry {
        Entry::Answer(answer) => answer.text.len() + answer.facts.len() * 64,
        Entry::Depends(facts) => facts.len() * 64,
        Entry::Acts(_) => 0,
    };
    u32::try_from(OVERHEAD + key.len() + size).unwrap_or(u32::MAX)
}
