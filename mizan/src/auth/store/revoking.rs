use super::REFRESH;
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{sync::Arc, time::Duration};
use tower_sessions::{
    SessionStore,
    session::{Id, Record},
    session_store::Result,
};

/// How long it is remembered that a session has ended: longer than a request may take.
const REMEMBERED: Duration = Duration::from_secs(120);

/// How many of them.
const MOST_REMEMBERED: u64 = 10_000;

/// A store in which a session that has ended stays so.
///
/// A request that read the session before it ended writes it when it is over. SQL stores insert
/// what is missing: the visitor who signed out would be signed in again. So what is written has to
/// be there; and on the node where it ended, that is remembered for the time between the look and
/// the writing.
///
/// It also keeps visitors' sessions apart from what else is kept in the store: a refresh token names
/// its record, and must not open it as a cookie does.
#[derive(Clone, Debug)]
pub(super) struct Revoking {
    store: Arc<dyn SessionStore>,
    ended: Cache<Id, ()>,
    /// Records that have this are of its kind, and no others.
    kind: Kind,
}

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A visitor's session.
    Session,
    /// A refresh token.
    Refresh,
}

impl Kind {
    fn of(record: &Record) -> Self {
        if record.data.contains_key(REFRESH) {
            Self::Refresh
        } else {
            Self::Session
        }
    }
}

impl Revoking {
    pub(super) fn new(store: impl SessionStore) -> Self {
        let ended = Cache::builder()
            .max_capacity(MOST_REMEMBERED)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(REMEMBERED);
        Self {
            store: Arc::new(store),
            ended: ended.build(),
            kind: Kind::Session,
        }
    }

    /// The same store, for records of another kind.
    pub(super) fn of(&self, kind: Kind) -> Self {
        Self {
            kind,
            ..self.clone()
        }
    }

    /// Whether a session is known to have ended a moment ago.
    pub(super) fn has_ended(&self, id: Id) -> bool {
        self.ended.contains_key(&id)
    }
}

#[async_trait::async_trait]
impl SessionStore for Revoking {
    async fn create(&self, record: &mut Record) -> Result<()> {
        while self.has_ended(record.id) {
            // tower-sessions keeps the id of a record that was flushed
            record.id = Id::default();
        }
        self.store.create(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        if self.load(&record.id).await?.is_none() {
            self.ended.insert(record.id, ());
            return Ok(());
        }
        self.store.save(record).await?;
        if self.ended.contains_key(&record.id) {
            // It ended meanwhile
            self.store.delete(&record.id).await?;
        }
        Ok(())
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        if self.ended.contains_key(id) {
            return Ok(None);
        }
        let record = self.store.load(id).await?;
        Ok(record.filter(|record| Kind::of(record) == self.kind))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.ended.insert(*id, ());
        self.store.delete(id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cookie::time::OffsetDateTime;
    use std::sync::Mutex;
    use tower_sessions::MemoryStore;

    /// A store that inserts what is missing, and during whose next writing a session ends.
    #[derive(Clone, Debug, Default)]
    struct Upserting {
        store: MemoryStore,
        ends: Arc<Mutex<Option<(Revoking, Id)>>>,
    }

    #[async_trait::async_trait]
    impl SessionStore for Upserting {
        async fn create(&self, record: &mut Record) -> Result<()> {
            self.store.create(record).await
        }

        async fn save(&self, record: &Record) -> Result<()> {
            let ends = self.ends.lock().unwrap().take();
            if let Some((revoking, id)) = ends {
                revoking.delete(&id).await?;
            }
            self.store.save(record).await
        }

        async fn load(&self, id: &Id) -> Result<Option<Record>> {
            self.store.load(id).await
        }

        async fn delete(&self, id: &Id) -> Result<()> {
            self.store.delete(id).await
        }
    }

    #[tokio::test]
    async fn what_has_ended_stays_so() {
        let upserting = Upserting::default();
        let revoking = Revoking::new(upserting.clone());
        let mut record = Record {
            id: Id(1),
            data: [].into(),
            expiry_date: OffsetDateTime::now_utc() + Duration::from_secs(60),
        };
        revoking.create(&mut record).await.unwrap();
        revoking.save(&record).await.unwrap();
        assert!(revoking.load(&Id(1)).await.unwrap().is_some());

        // Between the look and the writing
        *upserting.ends.lock().unwrap() = Some((revoking.clone(), Id(1)));
        revoking.save(&record).await.unwrap();
        assert!(upserting.load(&Id(1)).await.unwrap().is_none());

        // On another node, which does not remember
        let other = Revoking::new(upserting.clone());
        other.save(&record).await.unwrap();
        assert!(upserting.load(&Id(1)).await.unwrap().is_none());
        assert!(other.has_ended(Id(1)), "who wrote can find out");

        // tower-sessions flushes a session, and creates it again under its id
        revoking.create(&mut record).await.unwrap();
        assert_ne!(record.id, Id(1));
    }

    #[tokio::test]
    async fn records_of_one_kind_are_not_those_of_another() {
        let sessions = Revoking::new(MemoryStore::default());
        let refreshes = sessions.of(Kind::Refresh);
        let mut record = Record {
            id: Id(1),
            data: [(REFRESH.to_owned(), serde_json::json!(1))].into(),
            expiry_date: OffsetDateTime::now_utc() + Duration::from_secs(60),
        };
        refreshes.create(&mut record).await.unwrap();
        assert!(refreshes.load(&Id(1)).await.unwrap().is_some());
        assert!(sessions.load(&Id(1)).await.unwrap().is_none());
    }
}
