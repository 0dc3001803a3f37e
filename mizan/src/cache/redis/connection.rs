//! How a node connects, and comes back when the connection was lost.

use super::{super::fence::seed, Redis, Result, heard::Heard, scripts::HELLO};
use fred::{
    prelude::{Builder, Client, ClientLike, Config, EventInterface, PubsubInterface},
    types::RespVersion,
};
use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};
use uuid::Uuid;

/// How long a command may take. One that takes longer is one that failed.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How long to wait before the next attempt to connect.
const BEFORE_RETRY: Duration = Duration::from_millis(250);

/// How many purges may wait to be heard of. Beyond that some are lost, as is the connection then.
const MOST_UNHEARD: usize = 16 * 1024;

/// A connection, and what counts on it.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) epoch: String,
    pub(super) era: u64,
    /// Wakes who connects again.
    pub(super) is_lost: Notify,
}

impl Redis {
    /// Takes part in others' purges for as long as somebody wants the cache.
    pub(super) fn listen_from_now_on(self: &Arc<Self>, config: Config, first: Heard) {
        let this = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut heard = Some(first);
            while let Some(now) = heard.take() {
                let still_there = now.listen(&this).await;
                if !still_there {
                    return;
                }
                heard = Self::try_again(&this, &config).await;
            }
        });
    }

    /// Connects again, after the connection was lost; `None` where nobody wants it any longer.
    async fn try_again(this: &Weak<Self>, config: &Config) -> Option<Heard> {
        let began = tokio::time::Instant::now();
        loop {
            sleep(BEFORE_RETRY).await;
            match this.upgrade()?.come_back(config).await {
                Ok(heard) => {
                    tracing::info!(
                        after = ?began.elapsed(),
                        "the cache's store can be reached again"
                    );
                    return Some(heard);
                }
                Err(error) => tracing::debug!(%error, "the cache's store can't be reached yet"),
            }
        }
    }

    /// Connects, and catches up.
    pub(super) async fn come_back(&self, config: &Config) -> Result<Heard> {
        let mut builder = Builder::from_config(config.clone());
        builder
            .with_connection_config(|config| config.connection_timeout = LONGEST_WAIT)
            .with_performance_config(|config| {
                config.default_command_timeout = LONGEST_WAIT;
                config.broadcast_channel_capacity = MOST_UNHEARD;
            });
        let client = builder.build()?;
        // Where a connection that has subscribed may ask something as well
        let subscriber = builder
            .with_config(|config| config.version = RespVersion::RESP3)
            .build_subscriber_client()?;
        client.init().await?;
        subscriber.init().await?;
        let messages = subscriber.message_rx();
        subscriber.subscribe(self.names.channel.as_str()).await?;
        // fred returns when that is sent; the answer to this comes when it was done
        subscriber.ping::<()>(None).await?;
        let is_first = self.eras.load(Ordering::SeqCst) == 0;
        let keys = vec![self.names.meta.clone(), self.names.fences.clone()];
        let arguments = vec![
            Uuid::new_v4().simple().to_string(),
            seed().to_string(),
            self.names.channel.clone(),
        ];
        let hello = HELLO.evalsha_with_reload(&client, keys, arguments);
        let (epoch, clock, seed): (String, u64, u64) = hello.await?;
        self.fences.begin(clock, seed);
        let connected = Arc::new(Connected {
            client,
            epoch,
            era: self.eras.fetch_add(1, Ordering::SeqCst) + 1,
            is_lost: Notify::new(),
        });
        // First of all: others read already
        self.send_unsent(&connected).await?;
        if is_first {
            self.hand_over(&connected).await?;
        }
        Ok(Heard {
            subscriber,
            messages,
            connected,
            is_in_use: is_first,
        })
    }

    /// Lets everybody use a connection, when nothing that was purged is left to be sent.
    pub(super) async fn hand_over(&self, connected: &Arc<Connected>) -> Result<()> {
        loop {
            self.send_unsent(connected).await?;
            // Whoever notes something from then on sees the connection
            let hand_over = || *self.write() = Some(Arc::clone(connected));
            if self.unsent.unless_any(hand_over) {
                return Ok(());
            }
        }
    }

    /// Purges what was purged while there was no connection.
    async fn send_unsent(&self, connected: &Connected) -> Result<()> {
        loop {
            let ended = self.unsent.some();
            if ended.is_empty() {
                return Ok(());
            }
            self.purge_on(connected, &ended).await?;
            self.unsent.forget(&ended);
        }
    }
}
