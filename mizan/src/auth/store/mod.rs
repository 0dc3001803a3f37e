//! Where sessions are kept.

mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod revoking;
#[cfg(feature = "sqlite")]
mod sqlite;

use self::{
    memory::MemoryStore,
    revoking::{Kind, Revoking},
};
use super::{Session, SessionStore};
use crate::{Error, Result};
use cookie::time::{self, OffsetDateTime};
use futures::future::BoxFuture;
use std::{fmt, sync::Arc, time::Duration};
use tower_sessions::{Expiry, session::Id, session_store::ExpiredDeletion};

/// How long a request waits for a store that is gone.
#[cfg_attr(
    not(feature = "sqlite"),
    allow(dead_code, reason = "memory does not wait")
)]
const LONGEST_WAIT: Duration = Duration::from_secs(5);

type Connect = fn(&str) -> BoxFuture<'_, std::result::Result<Sessions, ConnectError>>;

/// The stores that this build has, by the schemes of their URLs.
const STORES: &[(&str, Connect)] = &[
    #[cfg(feature = "sqlite")]
    ("sqlite", sqlite::connect),
    #[cfg(feature = "postgres")]
    ("postgres", postgres::connect),
    #[cfg(feature = "postgres")]
    ("postgresql", postgres::connect),
    #[cfg(feature = "redis")]
    ("redis", redis::connect),
    #[cfg(feature = "redis")]
    ("rediss", redis::connect),
];

/// Under which key a record says that it is a refresh token's.
pub(super) const REFRESH: &str = "mizan.refresh";

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
    #[cfg_attr(not(feature = "tokens"), allow(dead_code, reason = "tokens need it"))]
    refreshes: Arc<Revoking>,
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
        let store = Revoking::new(store);
        Self {
            refreshes: Arc::new(store.of(Kind::Refresh)),
            store: Arc::new(store),
            expire_after: Duration::from_secs(14 * 24 * 60 * 60),
        }
    }

    /// Connects to the store that a URL names, and prepares it.
    ///
    /// | URL | feature | what |
    /// | --- | --- | --- |
    /// | `memory:` | | the memory of this process |
    /// | `sqlite:..` | `sqlite` | a table in a file; both are created |
    /// | `postgres:..` | `postgres` | a table, which is created |
    /// | `redis:..`, `rediss:..` | `redis` | keys that expire |
    ///
    /// Sessions that have expired are removed from a table once an hour.
    ///
    /// # Errors
    ///
    /// Where the store can't be reached, or the URL names one that this build has not.
    pub async fn connect(url: &str) -> std::result::Result<Self, ConnectError> {
        let scheme = url.split(':').next().unwrap_or_default();
        if scheme == "memory" {
            return Ok(Self::memory());
        }
        match STORES.iter().find(|(name, _)| *name == scheme) {
            Some((_, connect)) => connect(url).await,
            None => Err(ConnectError::new(format!(
                "there is no store for sessions at {scheme:?}: it is one of memory, sqlite, \
                 postgres and redis, each but the first with the feature of mizan's of that name"
            ))),
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

    /// The record of a refresh token, or a new one.
    #[cfg_attr(not(feature = "tokens"), allow(dead_code, reason = "tokens need it"))]
    pub(super) fn open_refresh(&self, id: Option<Id>, expiry: Expiry) -> Session {
        Session::new(id, Arc::clone(&self.refreshes), Some(expiry))
    }

    /// Notes now and then that a session is used, so that it does not end while it is. At once:
    /// a page may have begun, after which nothing is stored.
    pub(super) async fn renew(&self, session: &Session) -> Result<()> {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let renewed: Option<i64> = session.get(RENEWED).await.map_err(unavailable)?;
        let interval = RENEWAL.min(self.expire_after / 4).as_secs().cast_signed();
        if renewed.is_none_or(|renewed| now - renewed >= interval) {
            session.insert(RENEWED, now).await.map_err(unavailable)?;
            session.save().await.map_err(unavailable)?;
        }
        Ok(())
    }

    /// Notes that a session begins.
    pub(super) async fn begin(&self, session: &Session) -> Result<()> {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        session.insert(RENEWED, now).await.map_err(unavailable)
    }

    /// Writes a session into the store.
    pub(super) async fn save(&self, session: &Session) -> Result<()> {
        session.save().await.map_err(unavailable)
    }

    /// Whether a session is known to have ended a moment ago.
    pub(super) fn has_ended(&self, id: Id) -> bool {
        self.store.has_ended(id)
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

/// Removes what has expired from a table, as long as the runtime lives.
#[cfg_attr(
    not(feature = "sqlite"),
    allow(dead_code, reason = "memory forgets by itself")
)]
fn clean(store: impl ExpiredDeletion) {
    const INTERVAL: Duration = Duration::from_secs(60 * 60);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if let Err(error) = store.delete_expired().await {
                tracing::warn!(%error, "sessions that have expired could not be removed");
            }
        }
    });
}

/// Why a store for sessions can't be used.
#[derive(Debug)]
pub struct ConnectError(Box<dyn std::error::Error + Send + Sync>);

impl ConnectError {
    fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sessions can't be kept: {}", self.0)
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

pub(super) fn unavailable(error: tower_sessions::session::Error) -> Error {
    tracing::error!(%error, "the sessions' store failed");
    Error::unavailable("sessions are out of order at the moment")
}
