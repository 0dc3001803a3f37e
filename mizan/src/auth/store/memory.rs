use cookie::time::OffsetDateTime;
use moka::{Expiry, ops::compute::Op, policy::EvictionPolicy, sync::Cache};
use serde_json::Value;
use std::time::{Duration, Instant};
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::Result,
};

/// What an entry takes beside its data, in bytes: the cache's own structures, about.
const OVERHEAD: usize = 768;

/// What a value takes by itself.
const VALUE: usize = size_of::<Value>();

/// What a node of the tree takes that an object is: room for 11 entries.
const NODE: usize = 11 * (size_of::<String>() + VALUE);

/// Sessions in memory, up to a number of bytes.
///
/// Not tower-sessions's own two: `MemoryStore` has no bound, and `MokaStore` counts sessions, not
/// bytes, and turns new ones away to keep those that are used often. Whoever fills it would keep
/// everybody else from signing in.
#[derive(Clone, Debug)]
pub(super) struct MemoryStore(Cache<Id, Record>);

impl MemoryStore {
    pub(super) fn new(max_capacity: u64) -> Self {
        let sessions = Cache::builder()
            .max_capacity(max_capacity)
            .weigher(|_, record: &Record| weight(record))
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(AsRecorded);
        Self(sessions.build())
    }
}

/// How many bytes a record takes, about.
fn weight(record: &Record) -> u32 {
    let entry = |(key, value): (&String, &Value)| 2 * (key.capacity() + VALUE) + footprint(value);
    let data: usize = record.data.iter().map(entry).sum();
    u32::try_from(OVERHEAD + data).unwrap_or(u32::MAX)
}

fn footprint(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => VALUE,
        Value::String(text) => VALUE + text.capacity(),
        Value::Array(values) => VALUE + values.iter().map(footprint).sum::<usize>(),
        Value::Object(entries) => {
            let nodes = NODE * (1 + entries.len() / 6);
            let entries = entries.iter();
            VALUE
                + nodes
                + entries
                    .map(|(key, value)| key.capacity() + footprint(value))
                    .sum::<usize>()
        }
    }
}

#[async_trait::async_trait]
impl SessionStore for MemoryStore {
    async fn create(&self, record: &mut Record) -> Result<()> {
        loop {
            let entry = self.0.entry(record.id).or_insert_with(|| record.clone());
            if entry.is_fresh() {
                return Ok(());
            }
            record.id = Id::default();
        }
    }

    async fn save(&self, record: &Record) -> Result<()> {
        // One that has ended meanwhile stays so
        let entry = self.0.entry(record.id);
        let _ = entry.and_compute_with(|existing| match existing {
            Some(_) => Op::Put(record.clone()),
            None => Op::Nop,
        });
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        Ok(self.0.get(id))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.0.invalidate(id);
        Ok(())
    }
}

/// Each session expires when its record says.
struct AsRecorded;

impl AsRecorded {
    fn left(record: &Record) -> Option<Duration> {
        let left = record.expiry_date - OffsetDateTime::now_utc();
        Some(left.try_into().unwrap_or(Duration::ZERO))
    }
}

impl Expiry<Id, Record> for AsRecorded {
    fn expire_after_create(&self, _: &Id, record: &Record, _: Instant) -> Option<Duration> {
        Self::left(record)
    }

    fn expire_after_update(
        &self,
        _: &Id,
        record: &Record,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Self::left(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(id: i128, letters: usize) -> Record {
        Record {
            id: Id(id),
            data: [("text".to_owned(), json!("x".repeat(letters)))].into(),
            expiry_date: OffsetDateTime::now_utc() + Duration::from_secs(60),
        }
    }

    #[tokio::test]
    async fn a_session_that_has_ended_is_not_brought_back_by_a_request_that_still_runs() {
        let store = MemoryStore::new(1 << 20);
        let mut first = record(1, 1);
        store.create(&mut first).await.unwrap();
        store.delete(&Id(1)).await.unwrap();
        store.save(&first).await.unwrap();
        assert_eq!(store.load(&Id(1)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_id_that_is_taken_is_not_given_again() {
        let store = MemoryStore::new(1 << 20);
        store.create(&mut record(1, 1)).await.unwrap();
        let mut other = record(1, 2);
        store.create(&mut other).await.unwrap();
        assert_ne!(other.id, Id(1));
        assert_eq!(store.load(&Id(1)).await.unwrap().unwrap().data["text"], "x");
    }

    #[tokio::test]
    async fn it_stays_within_its_bytes_and_keeps_the_newest() {
        let store = MemoryStore::new(1 << 20);
        for id in 0..10_000 {
            store.create(&mut record(id, 1000)).await.unwrap();
        }
        store.0.run_pending_tasks();
        assert!(store.0.weighted_size() <= 1 << 20);
        assert!(store.0.entry_count() > 400);
        assert!(store.load(&Id(9_999)).await.unwrap().is_some());
        assert!(store.load(&Id(0)).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn it_forgets_what_has_expired() {
        let store = MemoryStore::new(1 << 20);
        let mut past = record(1, 1);
        past.expiry_date = OffsetDateTime::now_utc() - Duration::from_secs(1);
        store.create(&mut past).await.unwrap();
        assert_eq!(store.load(&Id(1)).await.unwrap(), None);
    }
}
