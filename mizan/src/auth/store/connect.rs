use super::Sessions;
use std::fmt;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
use std::time::Duration;

/// How long a request waits for a store that is gone.
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "redis"))]
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Sessions {
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
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "memory" => Ok(Self::memory()),
            #[cfg(feature = "sqlite")]
            "sqlite" => sqlite(url).await,
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => postgres(url).await,
            #[cfg(feature = "redis")]
            "redis" | "rediss" => redis(url).await,
            _ => Err(ConnectError::new(format!(
                "there is no store for sessions at {scheme:?}: it is one of memory, sqlite, \
                 postgres and redis, each but the first with the feature of mizan's of that name"
            ))),
        }
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite(url: &str) -> Result<Sessions, ConnectError> {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};

    let options: SqliteConnectOptions = url.parse().map_err(ConnectError::new)?;
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .busy_timeout(LONGEST_WAIT);
    let pool = SqlitePoolOptions::new().acquire_timeout(LONGEST_WAIT);
    let pool = pool.connect_with(options).await;
    let store = tower_sessions_sqlx_store::SqliteStore::new(pool.map_err(ConnectError::new)?);
    store.migrate().await.map_err(ConnectError::new)?;
    clean(store.clone());
    Ok(Sessions::new(store))
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str) -> Result<Sessions, ConnectError> {
    let pool = sqlx::postgres::PgPoolOptions::new().acquire_timeout(LONGEST_WAIT);
    let pool = pool.connect(url).await;
    let store = tower_sessions_sqlx_store::PostgresStore::new(pool.map_err(ConnectError::new)?);
    store.migrate().await.map_err(ConnectError::new)?;
    clean(store.clone());
    Ok(Sessions::new(store))
}

/// Removes what has expired, as long as the runtime lives.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn clean(store: impl tower_sessions::session_store::ExpiredDeletion) {
    const INTERVAL: std::time::Duration = std::time::Duration::from_secs(60 * 60);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if let Err(error) = store.delete_expired().await {
                tracing::warn!(%error, "sessions that have expired could not be removed");
            }
        }
    });
}

#[cfg(feature = "redis")]
async fn redis(url: &str) -> Result<Sessions, ConnectError> {
    use fred::prelude::{Builder, ClientLike, Config, ReconnectPolicy};

    const CONNECTIONS: usize = 4;
    let config = Config::from_url(url).map_err(ConnectError::new)?;
    let client = Builder::from_config(config)
        .with_connection_config(|config| config.connection_timeout = LONGEST_WAIT)
        .with_performance_config(|config| config.default_command_timeout = LONGEST_WAIT)
        .set_policy(ReconnectPolicy::new_exponential(0, 100, 5000, 2))
        .build_pool(CONNECTIONS)
        .map_err(ConnectError::new)?;
    client.init().await.map_err(ConnectError::new)?;
    let store = tower_sessions_redis_store::RedisStore::new(client);
    Ok(Sessions::new(store))
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
