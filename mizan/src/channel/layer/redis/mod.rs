//! `redis:`: a stream, a hash and a sorted set for each group, and publish/subscribe to tell the
//! nodes.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `names` | what things are called in Redis |
//! | `scripts` | what it does at once |
//!
//! A script numbers a message, adds it to the stream and publishes it, all at once, so that what
//! is told and what is kept have one order. Publish/subscribe loses what is said while a node is
//! cut off; the next message shows the gap, and after a reconnection every group is looked at.
//!
//! The set knows at which offset the messages' keys are; it forgets them with the messages. The
//! three of a group have one hash tag, so that they are on one node of a cluster. Their names begin
//! with what the application is called; those of publish/subscribe, which has no databases, also
//! with the number of the database.

mod names;
mod scripts;
#[cfg(test)]
mod tests;

use self::{
    names::Names,
    scripts::{HAS, PAST, PUBLISH},
};
use super::{
    Event, Layer, Limits, Listener, Message, Past,
    log::{self, Retained},
    reads::Reads,
};
use crate::{Error, Result, application::application, channel::Position};
use bytes::Bytes;
use fred::{
    clients::SubscriberClient,
    prelude::{
        Builder, Client, ClientLike, Config, EventInterface, LuaInterface, PubsubInterface,
        ReconnectPolicy,
    },
    types::{Message as Published, RespVersion, config::Server},
};
use futures::{FutureExt, future::BoxFuture};
use std::{
    error::Error as StdError,
    fmt,
    sync::{Arc, OnceLock, Weak},
    time::Duration,
};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use uuid::Uuid;

/// How long a command may take.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long to wait before subscriptions are renewed again.
const BEFORE_RETRY: Duration = Duration::from_millis(200);

/// How many messages may wait to be told. Beyond that some are lost, and every group is looked at.
const MOST_UNHEARD: usize = 4096;

/// For how many milliseconds it is remembered where a group is, beyond its messages: who was there
/// has missed nothing then.
const REMEMBERED: u64 = 24 * 60 * 60 * 1000;

pub(crate) struct Redis {
    limits: Limits,
    names: Names,
    client: Client,
    subscriber: SubscriberClient,
    reads: Arc<Reads<Result<Arc<Read>>>>,
    listener: Arc<OnceLock<Listener>>,
}

/// What Redis says of a group's past.
struct Read {
    now: Duration,
    started: Duration,
    /// With the messages that somebody has asked for; `None` where nothing is known of the group.
    retained: Option<Retained>,
}

impl Read {
    /// Takes apart what the script returns.
    fn new(past: &[String]) -> Option<Self> {
        let [now, started, epoch, began, last, messages @ ..] = past else {
            return None;
        };
        let messages = messages.chunks_exact(2).map(|message| Message {
            offset: message[0].parse().unwrap_or_default(),
            text: Bytes::copy_from_slice(message[1].as_bytes()),
        });
        let retained = (!epoch.is_empty()).then(|| Retained {
            epoch: epoch.clone(),
            began: milliseconds(began),
            last: last.parse().unwrap_or_default(),
            messages: messages.collect(),
        });
        Some(Self {
            now: milliseconds(now),
            started: milliseconds(started),
            retained,
        })
    }
}

/// How groups are read.
fn reads(client: Client, names: Names, age: Duration) -> Arc<Reads<Result<Arc<Read>>>> {
    Reads::new(move |group, after| {
        let (client, keys) = (client.clone(), names.keys(group));
        async move {
            let after = after.map(|after| after.to_string()).unwrap_or_default();
            let past = client.eval(PAST, keys, vec![age.as_millis().to_string(), after]);
            let past: Vec<String> = past.await.map_err(unavailable)?;
            let read = Read::new(&past).map(Arc::new);
            read.ok_or_else(|| unavailable("the script returned something else"))
        }
        .boxed()
    })
}

impl Redis {
    /// Connects to the Redis at a URL. `prefix` in its query is what the application is called
    /// there.
    ///
    /// # Errors
    ///
    /// Where it can't be reached.
    pub(crate) async fn connect(
        url: &str,
        limits: Limits,
    ) -> std::result::Result<Self, Box<dyn StdError + Send + Sync>> {
        let (url, application) = application(url)?;
        let config = Config::from_url(&url)?;
        let names = Names::new(application, config.database);
        let mut builder = Builder::from_config(config);
        builder
            .with_connection_config(|config| config.connection_timeout = LONGEST_WAIT)
            .with_performance_config(|config| {
                config.default_command_timeout = LONGEST_WAIT;
                config.broadcast_channel_capacity = MOST_UNHEARD;
            })
            .set_policy(ReconnectPolicy::new_exponential(0, 100, 5000, 2));
        let client = builder.build()?;
        // Where a connection that has subscribed may ask something as well
        let subscriber = builder
            .with_config(|config| config.version = RespVersion::RESP3)
            .build_subscriber_client()?;
        client.init().await?;
        subscriber.init().await?;
        subscriber.subscribe(names.signals()).await?;
        settled(&subscriber).await?;
        let listener = Arc::new(OnceLock::new());
        // From now on, whenever the task begins
        let (messages, reconnections) = (subscriber.message_rx(), subscriber.reconnect_rx());
        tokio::spawn(listen(
            subscriber.clone(),
            messages,
            reconnections,
            names.clone(),
            Arc::downgrade(&listener),
        ));
        Ok(Self {
            limits,
            reads: reads(client.clone(), names.clone(), limits.age),
            names,
            client,
            subscriber,
            listener,
        })
    }
}

/// Waits until Redis has done what was asked before: fred returns from a subscription when that is
/// sent, and what is published before it arrives would be missed in silence.
async fn settled(subscriber: &SubscriberClient) -> std::result::Result<(), fred::error::Error> {
    subscriber.ping::<()>(None).await
}

/// Tells the node what Redis says, until the layer is dropped.
async fn listen(
    subscriber: SubscriberClient,
    mut messages: Receiver<Published>,
    mut reconnections: Receiver<Server>,
    names: Names,
    listener: Weak<OnceLock<Listener>>,
) {
    let (signals, groups) = (names.signals(), names.groups());
    loop {
        let event = tokio::select! {
            message = messages.recv() => match message {
                Ok(message) => event(&message, &signals, &groups),
                Err(RecvError::Lagged(_)) => Some(Event::Lost),
                Err(RecvError::Closed) => return,
            },
            reconnection = reconnections.recv() => match reconnection {
                Ok(_) | Err(RecvError::Lagged(_)) => {
                    subscribe_again(&subscriber).await;
                    Some(Event::Lost)
                }
                Err(RecvError::Closed) => return,
            },
        };
        let Some(listener) = listener.upgrade() else {
            // It ends its subscriptions with its connection
            let _ = subscriber.quit().await;
            return;
        };
        if let (Some(event), Some(listener)) = (event, listener.get()) {
            listener(event);
        }
    }
}

/// Subscribes to everything on a new connection.
async fn subscribe_again(subscriber: &SubscriberClient) {
    let subscribed = async || {
        let channels: Vec<_> = subscriber.tracked_channels().into_iter().collect();
        subscriber.subscribe(channels).await?;
        settled(subscriber).await
    };
    while let Err(error) = subscribed().await {
        tracing::warn!(%error, "the subscriptions of channels could not be renewed yet");
        tokio::time::sleep(BEFORE_RETRY).await;
    }
}

/// What a message of Redis means; `None` where it is none of ours.
fn event(message: &Published, signals: &str, groups: &str) -> Option<Event> {
    let text = message.value.as_str()?;
    if message.channel == signals {
        return Some(Event::Signal(Bytes::copy_from_slice(text.as_bytes())));
    }
    let group = message.channel.strip_prefix(groups)?;
    let mut parts = text.splitn(3, ' ');
    let (epoch, offset, text) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Event::Message {
        group: group.into(),
        epoch: epoch.into(),
        message: Message {
            offset: offset.parse().ok()?,
            text: Bytes::copy_from_slice(text.as_bytes()),
        },
    })
}

fn milliseconds(text: &str) -> Duration {
    Duration::from_millis(text.parse().unwrap_or_default())
}

impl Layer for Redis {
    fn listen(&self, listener: Listener) {
        let _ = self.listener.set(listener);
    }

    fn subscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>> {
        async move {
            let subscribed = self.subscriber.subscribe(self.names.told(group));
            subscribed.await.map_err(unavailable)?;
            settled(&self.subscriber).await.map_err(unavailable)
        }
        .boxed()
    }

    fn unsubscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, ()> {
        async move {
            let unsubscribed = self.subscriber.unsubscribe(self.names.told(group));
            // Cut off it has ended as well
            let _ = unsubscribed.await;
            let _ = settled(&self.subscriber).await;
        }
        .boxed()
    }

    fn publish<'a>(
        &'a self,
        group: &'a str,
        text: Bytes,
        key: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Position>> {
        async move {
            let arguments = [
                self.names.told(group).into_bytes(),
                text.into(),
                key.unwrap_or_default().into(),
                Uuid::new_v4().simple().to_string().into(),
                self.limits.size.to_string().into(),
                self.limits.age.as_millis().to_string().into(),
                REMEMBERED.to_string().into(),
            ];
            let arguments = arguments.map(Bytes::from).to_vec();
            let published = self
                .client
                .eval(PUBLISH, self.names.keys(group), arguments)
                .await;
            let (epoch, offset): (String, u64) = published.map_err(unavailable)?;
            Ok(Position { epoch, offset })
        }
        .boxed()
    }

    fn has<'a>(&'a self, group: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        async move {
            let keys = self.names.keys(group);
            let has = self.client.eval(HAS, keys, vec![key.to_owned()]).await;
            has.map_err(unavailable)
        }
        .boxed()
    }

    fn past<'a>(
        &'a self,
        group: &'a str,
        since: Option<&'a Position>,
    ) -> BoxFuture<'a, Result<Past>> {
        async move {
            let read = self
                .reads
                .past(group, since.map(|since| since.offset))
                .await;
            let read = read.unwrap_or_else(|| Err(unavailable("the past can't be read")))?;
            let retained = read.retained.clone();
            let (now, age) = (read.now, self.limits.age);
            Ok(log::past(retained, since, now, age, read.started))
        }
        .boxed()
    }

    fn signal(&self, text: Bytes) -> BoxFuture<'_, Result<()>> {
        let signalled = self.client.publish::<(), _, _>(self.names.signals(), text);
        signalled.map(|done| done.map_err(unavailable)).boxed()
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("limits", &self.limits)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

fn unavailable(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "the layer of channels failed");
    Error::unavailable("channels are out of order at the moment")
}
