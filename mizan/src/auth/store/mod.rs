//! Where sessions are kept.

mod connect;
mod memory;
mod revoking;

pub use connect::ConnectError;

use self::{memory::MemoryStore, revoking::Revoking};
use super::{Session, SessionStore};
use crate::{Error, Result};
use cookie::time::{self, OffsetDateTime};
use std::{sync::Arc, time::Duration};
use tower_sessions::{Expiry, session::Id};

/// Under which key a session notes when it was last renewed, in seconds since 1970.
const RENEWED: &str = "mizan.renewed";

/// How often a session that is used is renewed.
const RENEWAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Sessions, and where they are kept: in memory by default.
///
/// # Example
///
/// ```
/// use mizan::auth::Sessions;
/// use std::time::Duration;
///
/// # async fn example() -> Result<(), mizan::auth::ConnectError> {
/// let sessions = Sessions::connect("memory:").await? // or sqlite:, postgres:, redis:
///     .expire_after(Duration::from_secs(60 * 60));
/// # let _ = sessions;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Sessions {
    store: Arc<Revoking>,
    expire_after: Duration,
}

impl Sessions {
    /// Keeps sessions in the memory of this process: they end with it, and other nodes don't know
    /// them. At most 64 MiB; beyond that those go first that were not used for the longest time.
    pub fn memory() -> Self {
        Self::new(MemoryStore::new(64 * 1024 * 1024))
    }

    /// Keeps sessions in a store of tower-sessions.
    pub fn new(store: impl SessionStore) -> Self {
        Self {
            store: Arc::new(Revoking::new(store)),
            expire_after: Duration::from_secs(14 * 24 * 60 * 60),
        }
    }

    /// Sets after which time without a request a session ends; two weeks by default. Requests
    /// are noticed once a day, or four times within a shorter time.
    pub fn expire_after(mut self, time: Duration) -> Self {
        self.expire_after = time;
        self
    }

    /// The session with an id, or a new one. It is loaded when it is first used.
    pub(crate) fn open(&self, id: Option<Id>) -> Session {
        let time = self.expire_after.try_into().unwrap_or(time::Duration::MAX);
        let expiry = Expiry::OnInactivity(time);
        Session::new(id, Arc::clone(&self.store), Some(expiry))
    }

    /// Notes now and then that a session is used, so that it does not end while it is.
    pub(super) async fn renew(&self, session: &Session) -> Result<()> {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let renewed: Option<i64> = session.get(RENEWED).await.map_err(unavailable)?;
        let interval = RENEWAL.min(self.expire_after / 4).as_secs().cast_signed();
        if renewed.is_none_or(|renewed| now - renewed >= interval) {
            session.insert(RENEWED, now).await.map_err(unavailable)?;
        }
        Ok(())
    }

    /// Writes a session into the store.
    pub(super) async fn save(&self, session: &Session) -> Result<()> {
        session.save().await.map_err(unavailable)
    }

    /// Ends a session.
    pub(super) async fn end(&self, session: &Session) -> Result<()> {
        session.flush().await.map_err(unavailable)
    }
}

impl<S: SessionStore> From<S> for Sessions {
    fn from(store: S) -> Self {
        Self::new(store)
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self::memory()
    }
}

fn unavailable(error: tower_sessions::session::Error) -> Error {
    tracing::error!(%error, "the sessions' store failed");
    Error::unavailable("sessions are out of order at the moment")
}
