//! What other nodes say.

use super::{
    super::fence::Slot,
    Redis,
    connection::{Connected, LONGEST_WAIT},
};
use fred::{
    clients::SubscriberClient,
    prelude::{ClientLike, EventInterface},
    types::Message,
};
use std::{
    pin::pin,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{
    sync::broadcast::Receiver,
    time::{interval, sleep, timeout},
};

/// How often it is looked whether the connection is still there.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// How long a node that was cut off waits before it takes anything from the store: the others, who
/// have just come back as well, have by then done what they purged meanwhile.
const QUIET: Duration = Duration::from_secs(2);

/// Where purges are heard of.
pub(super) struct Heard {
    pub(super) subscriber: SubscriberClient,
    pub(super) messages: Receiver<Message>,
    pub(super) connected: Arc<Connected>,
    /// Whether others use the connection.
    pub(super) is_in_use: bool,
}

impl Heard {
    /// Takes part in others' purges until the connection is lost. Returns whether somebody still
    /// wants to.
    pub(super) async fn listen(mut self, of: &Weak<Redis>) -> bool {
        let mut heartbeat = interval(HEARTBEAT);
        let mut errors = self.subscriber.error_rx();
        let mut quiet = pin!(sleep(QUIET));
        let is_wanted = loop {
            let ended = tokio::select! {
                message = self.messages.recv() => match message {
                    Ok(message) => self.heard(of, message.value.as_str().as_deref()),
                    Err(error) => Err(error.to_string()),
                },
                error = errors.recv() => Err(match error {
                    Ok((error, _)) => error.to_string(),
                    Err(error) => error.to_string(),
                }),
                () = self.connected.is_lost.notified() => Err("a command failed".to_owned()),
                () = &mut quiet, if !self.is_in_use => self.begin(of).await,
                _ = heartbeat.tick() => self.beat().await,
            };
            let Some(redis) = of.upgrade() else {
                break false;
            };
            if let Err(error) = ended {
                redis.lose(&self.connected, &error);
                break true;
            }
        };
        // Both are gone already, or not wanted
        let _ = self.connected.client.quit().await;
        let _ = self.subscriber.quit().await;
        is_wanted
    }

    /// Lets others use the connection.
    async fn begin(&mut self, of: &Weak<Redis>) -> std::result::Result<(), String> {
        self.is_in_use = true;
        match of.upgrade() {
            Some(redis) => redis.hand_over(&self.connected).await.map_err(text),
            None => Ok(()),
        }
    }

    /// Looks whether Redis is still there.
    async fn beat(&self) -> std::result::Result<(), String> {
        let both = async {
            self.connected.client.ping::<()>(None).await?;
            self.subscriber.ping::<()>(None).await
        };
        match timeout(LONGEST_WAIT, both).await {
            Ok(beat) => beat.map_err(text),
            Err(_) => Err("it does not answer".to_owned()),
        }
    }

    /// Does what another node says.
    ///
    /// # Errors
    ///
    /// Where the connection is of no use afterwards.
    fn heard(&self, of: &Weak<Redis>, text: Option<&str>) -> std::result::Result<(), String> {
        let mut words = text.unwrap_or_default().split(' ');
        match (words.next(), words.next()) {
            // By another clock it says nothing
            (Some("purge"), Some(epoch)) if epoch == self.connected.epoch => {
                let now = words.next().and_then(|now| now.parse().ok());
                let slots: Vec<Slot> = words.filter_map(|slot| slot.parse().ok()).collect();
                if let (Some(redis), Some(now)) = (of.upgrade(), now) {
                    redis.fences.raise_to(&slots, now);
                }
                Ok(())
            }
            (Some("epoch"), Some(epoch)) if epoch != self.connected.epoch => {
                Err("it has begun anew".to_owned())
            }
            _ => Ok(()),
        }
    }
}

fn text(error: fred::error::Error) -> String {
    error.to_string()
}
