//! `nats:`: one stream of JetStream for all groups, each with a subject of its own.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `names` | what things are called in NATS |
//! | `store` | the stream: what is added to it, and what is read |
//! | `node` | what the node knows of groups' ends, and the tasks that tell it |
//! | `clock` | the time that the positions of empty groups have |
//!
//! 1. **A message carries its epoch and offset** in a header. A node that adds one names the number
//!    of the last message it knows of the group; the server refuses it where there is another, and
//!    the node reads what that is and tries again. Who adds the only one pays one round trip, since
//!    the node remembers what it has added and was told. A group of which nothing is left begins
//!    another epoch.
//! 2. **Nodes are told by what the stream publishes again** once it has a message, under a subject
//!    for each group that they subscribe to as to any other. To subscribe to what is added would be
//!    as cheap, but shows what was refused, in an order that is not the stream's; a consumer would
//!    either bring the messages of all groups to each node, or be one more thing that the server
//!    keeps for each group and node.
//! 3. **Publish/subscribe loses what is said while a node is cut off**, or does not read. The next
//!    message shows the gap; and after a reconnection, or when NATS says that the stream was made
//!    anew or has another leader, every group is looked at.
//! 4. **Keys** are looked for by the server, which remembers them for as long as messages; where it
//!    remembers one whose message is gone because there were too many, the history is read.
//! 5. **Nobody is told that they missed nothing unless that is certain.** A mark in the stream says
//!    since when nothing was forgotten, and goes with all the rest when the stream is emptied,
//!    deleted or lost. To empty a single group by hand is the one thing that it does not show.
//!
//! The stream is kept in a file where a node makes it: the memory of nats-server 2.9 is searched
//! from end to end for the last message of a group, so that to add one takes the longer the more
//! there are. But a server that crashes may forget the last messages that it had confirmed, and
//! give their numbers to others. So what was added before the server was started counts as
//! forgotten, as it would be in memory: it takes a cluster, whose servers know what one forgets, to
//! keep histories. There somebody has to make the stream with three replicas, or give it them; a
//! node makes one.
//!
//! Who makes the stream themselves, or changes it, decides where it is stored, how often, and how
//! many bytes it may take: then it takes no more, and to add a message is answered with UNAVAILABLE
//! until old ones have expired.

mod clock;
mod names;
mod node;
mod store;
#[cfg(test)]
mod tests;

use self::{
    clock::Clock,
    names::{Names, token},
    node::{End, History, Last, Node, Reader, Task, tell_changes, tell_messages, tell_signals},
    store::{Added, Entry, Failure, New, Store},
};
use super::{
    Layer, Limits, Listener, Message, Past,
    log::{self, Retained},
};
use crate::{Error, Result, application::APPLICATION, channel::Position};
use async_nats::{Client, ConnectOptions, ServerAddr, connection::State};
use bytes::Bytes;
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use std::{
    collections::HashMap,
    error::Error as StdError,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// How long a call may take.
const LONGEST_CALL: Duration = Duration::from_secs(5);

/// How long to wait before something is tried again, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(2);
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// How long to wait before it is connected again, at first and at most.
const FIRST_RECONNECT: Duration = Duration::from_millis(100);
const LONGEST_RECONNECT: Duration = Duration::from_secs(5);

/// How often the connection is tried; it counts as lost when the third try is due.
const PING: Duration = Duration::from_secs(5);

/// How many messages are read one by one: to read more at once costs the server a consumer.
const FEW: u64 = 16;

/// How much the clocks of the servers of a cluster may differ at most, and that as a part of the
/// age.
const SKEW: Duration = Duration::from_secs(1);
const SKEW_OF_AGE: u32 = 10;

pub(crate) struct Nats {
    limits: Limits,
    names: Names,
    client: Client,
    store: Store,
    clock: Clock,
    node: Arc<Node>,
    /// What tells of the groups that were subscribed to.
    told: Mutex<HashMap<Arc<str>, Task>>,
    /// What tells of signals and advisories.
    _told_always: [Task; 2],
}

impl Nats {
    /// Connects to the NATS at a URL, or at one of several with commas between them. The path of
    /// the first is what the application is called there, `mizan` if it has none.
    ///
    /// # Errors
    ///
    /// Where it can't be reached, or has no JetStream.
    pub(crate) async fn connect(
        url: &str,
        limits: Limits,
    ) -> std::result::Result<Self, Box<dyn StdError + Send + Sync>> {
        let servers: std::result::Result<Vec<ServerAddr>, _> =
            url.split(',').map(str::parse).collect();
        let servers = servers?;
        let path = servers.first().map(|server| server.clone().into_inner());
        let path = path.as_ref().map_or("", |url| url.path().trim_matches('/'));
        let application = if path.is_empty() { APPLICATION } else { path };
        let names = Names::new(application)?;

        let node = Arc::new(Node::new());
        let client = options(Arc::clone(&node)).connect(servers).await?;
        let store = Store::new(&client, names.clone(), limits, LONGEST_CALL).await?;
        store.make().await?;
        let signals = client.subscribe(names.signals()).await?;
        let advisories = client.subscribe(names.advisories()).await?;
        let nats = Self {
            limits,
            names,
            client,
            store,
            clock: Clock::new(limits.age),
            told: Mutex::default(),
            _told_always: [
                Task(tokio::spawn(tell_signals(signals, Arc::clone(&node)))),
                Task(tokio::spawn(tell_changes(advisories, Arc::clone(&node)))),
            ],
            node,
        };
        // The mark is there from now on; and the server knows of both subscriptions
        let clock = nats.attempt(|| nats.clock()).await;
        clock.map_err(|error| error.to_string())?;
        Ok(nats)
    }

    /// Does something until it is done, or has taken too long: again where another node was first,
    /// and once the stream is there where it was not.
    async fn attempt<T, F>(&self, operation: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = std::result::Result<T, Failure>>,
    {
        let attempts = async {
            let mut wait = FIRST_WAIT;
            loop {
                self.connected().await;
                let failure = match operation().await {
                    Ok(done) => return Ok(done),
                    Err(failure) => failure,
                };
                let failure = match failure {
                    Failure::Gone => match self.store.make().await {
                        Ok(was_made) => {
                            if was_made {
                                self.node.lose();
                            }
                            Failure::Gone
                        }
                        Err(failure) => failure,
                    },
                    failure => failure,
                };
                if let Failure::Other(error) = failure {
                    return Err(unavailable(error));
                }
                sleep(up_to(wait)).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        };
        let done = timeout(LONGEST_CALL, attempts).await;
        done.unwrap_or_else(|_| Err(unavailable("it took too long")))
    }

    /// Waits until there is a connection: what is sent while there is none would be sent once there
    /// is, when nobody waits for it any more.
    async fn connected(&self) {
        const AGAIN: Duration = Duration::from_millis(20);
        while self.client.connection_state() != State::Connected {
            sleep(AGAIN).await;
        }
    }

    async fn clock(&self) -> std::result::Result<clock::Reading, Failure> {
        let losses = self.node.losses.load(Ordering::Relaxed);
        self.clock.read(&self.store, losses).await
    }

    async fn last(&self, subject: &str, run: &str) -> std::result::Result<Option<Last>, Failure> {
        let last = self.store.last(subject).await?;
        Ok(last.map(|last| Last {
            sequence: last.sequence,
            position: (last.run == run).then_some(last.position),
            run: run.to_owned(),
        }))
    }

    async fn add(
        &self,
        group: &str,
        text: &Bytes,
        key: Option<&str>,
    ) -> std::result::Result<Position, Failure> {
        let end = self.node.end(group);
        let _turn = end.turn.lock().await;
        let subject = self.names.group(group);
        let key = key.map(token);
        let id = key.as_ref().map(|key| format!("{} {key}", token(group)));
        // That the server was started anew may be heard of later
        let run = self.store.run();
        let last = match end.last().filter(|last| last.run == run) {
            Some(last) => Some(last),
            None => self.last(&subject, &run).await?,
        };
        let keyed = (key.as_deref(), id);
        let after = (last, &*run);
        let sequence = match self.append(&end, &subject, after, text, keyed).await? {
            Ok(position) => return Ok(position),
            Err(sequence) => sequence,
        };
        let is_first = |first: &Entry| first.key == key && self.store.is_valid(first);
        if let Some(first) = self.store.at(sequence).await?.filter(is_first) {
            return Ok(first.position);
        }
        // The server remembers the key, but no longer has the message: nor does another one have it?
        let last = self.last(&subject, &run).await?;
        let all = self.store.all(&subject, true).await?;
        if let Some(entry) = all.into_iter().find(|entry| entry.key == key) {
            return Ok(entry.position);
        }
        let keyed = (key.as_deref(), None);
        let after = (last, &*run);
        let appended = self.append(&end, &subject, after, text, keyed).await?;
        appended.map_err(|_| Failure::Conflict)
    }

    /// Adds a message after what was the last one in a run of the server. Returns where it is, or the number of the one that the
    /// server knows to have had its key.
    async fn append(
        &self,
        end: &End,
        subject: &str,
        (last, run): (Option<Last>, &str),
        text: &Bytes,
        (key, id): (Option<&str>, Option<String>),
    ) -> std::result::Result<std::result::Result<Position, u64>, Failure> {
        let after = last.as_ref().map_or(0, |last| last.sequence);
        let position = last.and_then(|last| last.position);
        let position = position.map_or_else(first_position, |position| Position {
            offset: position.offset + 1,
            ..position
        });
        let new = New {
            subject,
            position: &position,
            after,
            key,
            id,
            run,
            text: text.clone(),
        };
        match self.store.add(new).await {
            Ok(Added::At(sequence)) => {
                end.is(Last {
                    position: Some(position.clone()),
                    sequence,
                    run: run.to_owned(),
                });
                Ok(Ok(position))
            }
            Ok(Added::Before(sequence)) => Ok(Err(sequence)),
            Err(failure) => {
                end.is_not(after);
                Err(failure)
            }
        }
    }

    async fn read(
        &self,
        group: &str,
        since: Option<&Position>,
    ) -> std::result::Result<Past, Failure> {
        let clock = self.clock().await?;
        let asked = Instant::now();
        let subject = self.names.group(group);
        let was_empty = since.is_some_and(|since| since.epoch.starts_with('@'));
        let last = self.store.last(&subject).await?;
        let last = last.filter(|last| self.store.is_valid(last));
        let after = match (&last, since) {
            (Some(_), Some(_)) if was_empty => Some(0),
            (Some(last), Some(since)) if comes_after(last, since) => Some(since.offset),
            _ => None,
        };
        let retained = match (last, after) {
            (Some(last), Some(after)) => {
                retained(&self.history(group, &subject, after, last).await?)
            }
            (last, _) => retained(last.as_slice()),
        };
        let is_empty = retained.is_none();
        let forgotten = match was_empty {
            // After the rest, so that it is not of a time when more was there
            true => {
                let mark = self.store.mark().await?;
                mark.filter(|mark| mark.is_valid).map(|mark| mark.since)
            }
            false => None,
        };
        let now = clock.latest(Instant::now());
        let age = self.limits.age;
        let age = age.saturating_sub(SKEW.min(age / SKEW_OF_AGE));
        let mut past = log::past(
            retained,
            since,
            now,
            age,
            forgotten.unwrap_or(Duration::MAX),
        );
        if is_empty {
            past.position = log::empty(clock.earliest(asked));
        }
        Ok(past)
    }

    /// The messages of a group that came after an offset. Who asks while others do waits for them,
    /// and takes what they got where that is enough: a thousand browsers that come back to a group
    /// read it a few times.
    async fn history(
        &self,
        group: &str,
        subject: &str,
        after: u64,
        last: Entry,
    ) -> std::result::Result<Arc<[Entry]>, Failure> {
        let reader = Reader::new(self.node.end(group));
        let mut known = reader.0.history.lock().await;
        if let Some(history) = known
            .as_ref()
            .filter(|known| known.has(after, &last.position))
        {
            return Ok(Arc::clone(&history.entries));
        }
        let few = match last.position.offset.saturating_sub(after) {
            ..=FEW => self.store.back_to(after.saturating_add(1), last).await?,
            _ => None,
        };
        let is_all = few.is_none();
        let entries = match few {
            Some(few) => few,
            None => self.store.all(subject, false).await?,
        };
        let entries: Arc<[Entry]> = entries.into();
        *known = Some(History {
            entries: Arc::clone(&entries),
            is_all,
        });
        Ok(entries)
    }

    fn told(&self) -> MutexGuard<'_, HashMap<Arc<str>, Task>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn options(node: Arc<Node>) -> ConnectOptions {
    ConnectOptions::new()
        .name("mizan")
        .connection_timeout(LONGEST_CALL)
        .request_timeout(Some(LONGEST_CALL))
        .ping_interval(PING)
        .reconnect_delay_callback(|attempts| {
            let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(10);
            let longest = (FIRST_RECONNECT * 2u32.pow(doublings)).min(LONGEST_RECONNECT);
            longest / 2 + up_to(longest / 2)
        })
        .event_callback(move |event| {
            use async_nats::Event::{Connected, SlowConsumer};
            if matches!(event, Connected | SlowConsumer(_)) {
                node.lose();
            }
            ready(())
        })
}

/// A duration that is not longer, and not the same on each node.
fn up_to(longest: Duration) -> Duration {
    let part = Uuid::new_v4().as_bytes()[0];
    longest * u32::from(part) / u32::from(u8::MAX)
}

fn first_position() -> Position {
    Position {
        epoch: Uuid::new_v4().simple().to_string(),
        offset: 1,
    }
}

/// Whether the last message of a group comes after what somebody has seen of its epoch.
fn comes_after(last: &Entry, since: &Position) -> bool {
    last.position.epoch == since.epoch && last.position.offset > since.offset
}

/// The history, of the messages that there are.
fn retained(entries: &[Entry]) -> Option<Retained> {
    let Position { epoch, offset } = entries.last()?.position.clone();
    let of_epoch = || {
        let entries = entries.iter();
        entries.filter(|entry| entry.position.epoch == epoch)
    };
    // Where the first one is gone, so is the beginning: then nobody asks when it was
    let began = of_epoch().next()?.at;
    let messages = of_epoch().map(|entry| Message {
        offset: entry.position.offset,
        text: entry.text.clone(),
    });
    Some(Retained {
        messages: messages.collect(),
        began,
        last: offset,
        epoch,
    })
}

impl Layer for Nats {
    fn listen(&self, listener: Listener) {
        let _ = self.node.listener.set(listener);
    }

    fn subscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>> {
        async move {
            if self.told().contains_key(group) {
                return Ok(());
            }
            let subject = self.names.group(group);
            let subscribed = timeout(LONGEST_CALL, self.client.subscribe(self.names.told(group)));
            let messages = subscribed.await.map_err(unavailable)?;
            let messages = messages.map_err(unavailable)?;
            let group: Arc<str> = group.into();
            let tell = tell_messages(messages, Arc::clone(&group), Arc::clone(&self.node));
            let task = Task(tokio::spawn(tell));
            // When the leader of the stream has answered, it has heard of the subscription as well:
            // both took the same way
            self.attempt(|| self.store.last(&subject)).await?;
            self.told().insert(group, task);
            Ok(())
        }
        .boxed()
    }

    fn unsubscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, ()> {
        async move {
            let task = self.told().remove(group);
            if let Some(task) = task {
                task.end().await;
            }
        }
        .boxed()
    }

    fn publish<'a>(
        &'a self,
        group: &'a str,
        text: Bytes,
        key: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Position>> {
        async move { self.attempt(|| self.add(group, &text, key)).await }.boxed()
    }

    fn has<'a>(&'a self, group: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        async move {
            let (subject, key) = (self.names.group(group), Some(token(key)));
            let all = self.attempt(|| self.store.all(&subject, true)).await?;
            Ok(all.iter().any(|entry| entry.key == key))
        }
        .boxed()
    }

    fn past<'a>(
        &'a self,
        group: &'a str,
        since: Option<&'a Position>,
    ) -> BoxFuture<'a, Result<Past>> {
        async move { self.attempt(|| self.read(group, since)).await }.boxed()
    }

    fn signal(&self, text: Bytes) -> BoxFuture<'_, Result<()>> {
        async move {
            self.attempt(|| async {
                let sent = self.client.publish(self.names.signals(), text.clone());
                sent.await.map_err(Failure::of)?;
                // Who answers this has taken the signal as well
                match self.store.mark().await {
                    Ok(_) | Err(Failure::Gone) => Ok(()),
                    Err(failure) => Err(failure),
                }
            })
            .await
        }
        .boxed()
    }
}

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats")
            .field("limits", &self.limits)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

fn unavailable(error: impl fmt::Display) -> Error {
    tracing::error!(%error, "the layer of channels failed");
    Error::unavailable("channels are out of order at the moment")
}
