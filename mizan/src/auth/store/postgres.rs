//! `postgres:`

use super::{ConnectError, LONGEST_WAIT, Sessions, clean};
use futures::{FutureExt, future::BoxFuture};
use sqlx::postgres::PgPoolOptions;
use tower_sessions_sqlx_store::PostgresStore;

pub(super) fn connect(url: &str) -> BoxFuture<'_, Result<Sessions, ConnectError>> {
    async move {
        let pool = PgPoolOptions::new().acquire_timeout(LONGEST_WAIT);
        let pool = pool.connect(url).await;
        let store = PostgresStore::new(pool.map_err(ConnectError::new)?);
        store.migrate().await.map_err(ConnectError::new)?;
        clean(store.clone());
        Ok(Sessions::new(store))
    }
    .boxed()
}
