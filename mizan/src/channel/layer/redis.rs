//! `redis:`: a stream and a hash for each group, and publish/subscribe to tell the nodes.
//!
//! A script numbers a message, adds it to the stream and publishes it, all at once, so that what
//! is told and what is kept have one order. Publish/subscribe loses what is said while a node is
//! cut off; the next message shows the gap, and after a reconnection every group is looked at.
//!
//! Both keys of a group have one hash tag, so that they are on one node of a cluster.

use super::{
    Event, Layer, Limits, Listener, Message, Past,
    log::{self, Retained},
};
use crate::{Error, Result, channel::Position};
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

/// Under which channel nodes talk to all nodes.
const SIGNALS: &str = "mizan:signals";

/// What the channel of a group begins with.
const GROUP: &str = "mizan:group:";

/// For how many milliseconds it is remembered where a group is, beyond its messages: who was there
/// has missed nothing then.
const REMEMBERED: u64 = 24 * 60 * 60 * 1000;

/// KEYS: the group's hash, its stream. ARGV: its channel, text, key, a new epoch, how many messages
/// are kept, for how many milliseconds, and how much longer it is remembered where the group is.
/// Returns the epoch and the offset.
///
/// What another run of the server has kept is not gone on with: one that crashed may have come back
/// with what it had some time before.
const PUBLISH: &str = r"
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local known = redis.call('HMGET', KEYS[1], 'epoch', 'run')
local epoch = known[1]
if not epoch or known[2] ~= run then
    epoch = ARGV[4]
    redis.call('DEL', KEYS[1], KEYS[2])
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'began', now, 'run', run)
end
if ARGV[3] ~= '' then
    for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', '+')) do
        if entry[2][6] == ARGV[3] then
            return { epoch, entry[2][2] }
        end
    end
end
local offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
local latest = math.max(now, tonumber(redis.call('HGET', KEYS[1], 'latest') or 0))
redis.call('HSET', KEYS[1], 'latest', latest)
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[5], latest .. '-' .. offset,
    'offset', offset, 'text', ARGV[2], 'key', ARGV[3])
redis.call('XTRIM', KEYS[2], 'MINID', now - ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[6] + ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PUBLISH', ARGV[1], epoch .. ' ' .. offset .. ' ' .. ARGV[2])
return { epoch, tostring(offset) }
";

/// KEYS: the group's hash, its stream. ARGV: for how many milliseconds messages are kept, and the
/// offset after which they are wanted; nothing where none are. Returns the time, when Redis was
/// started, the epoch, when it began, the last offset, and the messages with their offsets.
const PAST: &str = r"
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local server = redis.call('INFO', 'server')
local up = string.match(server, 'uptime_in_seconds:(%d+)')
local known = redis.call('HMGET', KEYS[1], 'epoch', 'began', 'offset', 'run')
if known[4] ~= string.match(server, 'run_id:(%x+)') then
    return { tostring(now), tostring(now - up * 1000), '', '0', '0' }
end
local past = { tostring(now), tostring(now - up * 1000), known[1] or '', known[2] or '0', known[3] or '0' }
if ARGV[2] ~= '' then
    for _, entry in ipairs(redis.call('XRANGE', KEYS[2], now - ARGV[1], '+')) do
        if tonumber(entry[2][2]) > tonumber(ARGV[2]) then
            past[#past + 1] = entry[2][2]
            past[#past + 1] = entry[2][4]
        end
    end
end
return past
";

/// KEYS: the group's stream. ARGV: a key. Returns whether a message has it.
const HAS: &str = r"
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
    if entry[2][6] == ARGV[1] then
        return 1
    end
end
return 0
";

pub(crate) struct Redis {
    limits: Limits,
    client: Client,
    subscriber: SubscriberClient,
    listener: Arc<OnceLock<Listener>>,
}

impl Redis {
    /// Connects to the Redis at a URL.
    ///
    /// # Errors
    ///
    /// Where it can't be reached.
    pub(crate) async fn connect(
        url: &str,
        limits: Limits,
    ) -> std::result::Result<Self, fred::error::Error> {
        let mut builder = Builder::from_config(Config::from_url(url)?);
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
        subscriber.subscribe(SIGNALS).await?;
        settled(&subscriber).await?;
        let listener = Arc::new(OnceLock::new());
        // From now on, whenever the task begins
        let (messages, reconnections) = (subscriber.message_rx(), subscriber.reconnect_rx());
        tokio::spawn(listen(
            subscriber.clone(),
            messages,
            reconnections,
            Arc::downgrade(&listener),
        ));
        Ok(Self {
            limits,
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
    listener: Weak<OnceLock<Listener>>,
) {
    loop {
        let event = tokio::select! {
            message = messages.recv() => match message {
                Ok(message) => event(&message),
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
fn event(message: &Published) -> Option<Event> {
    let text = message.value.as_str()?;
    if message.channel == SIGNALS {
        return Some(Event::Signal(Bytes::copy_from_slice(text.as_bytes())));
    }
    let group = message.channel.strip_prefix(GROUP)?;
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

/// The keys of a group's hash and stream.
fn keys(group: &str) -> [String; 2] {
    ["", ":log"].map(|end| format!("mizan:{{{group}}}{end}"))
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
            let subscribed = self.subscriber.subscribe(format!("{GROUP}{group}"));
            subscribed.await.map_err(unavailable)?;
            settled(&self.subscriber).await.map_err(unavailable)
        }
        .boxed()
    }

    fn unsubscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, ()> {
        async move {
            let unsubscribed = self.subscriber.unsubscribe(format!("{GROUP}{group}"));
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
                format!("{GROUP}{group}").into_bytes(),
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
                .eval(PUBLISH, keys(group).to_vec(), arguments)
                .await;
            let (epoch, offset): (String, u64) = published.map_err(unavailable)?;
            Ok(Position { epoch, offset })
        }
        .boxed()
    }

    fn has<'a>(&'a self, group: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        async move {
            let [_, stream] = keys(group);
            let has = self
                .client
                .eval(HAS, vec![stream], vec![key.to_owned()])
                .await;
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
            let age = self.limits.age;
            let after = since.map(|since| since.offset.to_string());
            let arguments = vec![age.as_millis().to_string(), after.unwrap_or_default()];
            let past = self
                .client
                .eval(PAST, keys(group).to_vec(), arguments)
                .await;
            let past: Vec<String> = past.map_err(unavailable)?;
            let [now, started, epoch, began, last, messages @ ..] = &past[..] else {
                return Err(unavailable("the script returned something else"));
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
            let (now, started) = (milliseconds(now), milliseconds(started));
            Ok(log::past(retained, since, now, age, started))
        }
        .boxed()
    }

    fn signal(&self, text: Bytes) -> BoxFuture<'_, Result<()>> {
        let signalled = self.client.publish::<(), _, _>(SIGNALS, text);
        signalled.map(|done| done.map_err(unavailable)).boxed()
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn unavailable(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "the layer of channels failed");
    Error::unavailable("channels are out of order at the moment")
}
