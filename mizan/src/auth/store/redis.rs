//! `redis:`

use super::{ConnectError, LONGEST_WAIT, Sessions};
use fred::prelude::{Builder, ClientLike, Config, ReconnectPolicy};
use futures::{FutureExt, future::BoxFuture};
use tower_sessions_redis_store::RedisStore;

/// How many connections are open.
const CONNECTIONS: usize = 4;

pub(super) fn connect(url: &str) -> BoxFuture<'_, Result<Sessions, ConnectError>> {
    async move {
        let config = Config::from_url(url).map_err(ConnectError::new)?;
        let client = Builder::from_config(config)
            .with_connection_config(|config| config.connection_timeout = LONGEST_WAIT)
            .with_performance_config(|config| config.default_command_timeout = LONGEST_WAIT)
            .set_policy(ReconnectPolicy::new_exponential(0, 100, 5000, 2))
            .build_pool(CONNECTIONS)
            .map_err(ConnectError::new)?;
        client.init().await.map_err(ConnectError::new)?;
        Ok(Sessions::new(RedisStore::new(client)))
    }
    .boxed()
}
