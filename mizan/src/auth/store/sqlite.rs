//! `sqlite:`

use super::{ConnectError, LONGEST_WAIT, Sessions, clean};
use futures::{FutureExt, future::BoxFuture};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use tower_sessions_sqlx_store::SqliteStore;

pub(super) fn connect(url: &str) -> BoxFuture<'_, Result<Sessions, ConnectError>> {
    async move {
        let options: SqliteConnectOptions = url.parse().map_err(ConnectError::new)?;
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(LONGEST_WAIT);
        let mut pool = SqlitePoolOptions::new().acquire_timeout(LONGEST_WAIT);
        if url.contains(":memory:") {
            // Each connection would have a database of its own
            pool = pool
                .max_connections(1)
                .idle_timeout(None)
                .max_lifetime(None);
        }
        let pool = pool.connect_with(options).await;
        let store = SqliteStore::new(pool.map_err(ConnectError::new)?);
        store.migrate().await.map_err(ConnectError::new)?;
        clean(store.clone());
        Ok(Sessions::new(store))
    }
    .boxed()
}
