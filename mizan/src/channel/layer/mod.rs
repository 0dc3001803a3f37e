//! What carries messages between the nodes of a server, and keeps the history of groups.
//!
//! | file or folder | what is in it |
//! | --- | --- |
//! | `log` | the history of one group, and what can be replayed of it |
//! | `memory` | one process, by default |
//! | `redis` | `redis:`: a stream for each group, and publish/subscribe |
//! | `nats` | `nats:`: one stream of JetStream for all groups |
//! | `reads` | reads of the past that those share who ask at the same time |
//!
//! A layer numbers the messages of a group without gaps and hands them to every node that has
//! subscribed, in order. Where it has lost some, because it was cut off for longer than the
//! history reaches, it says so: it never leaves out a message in silence.

mod log;
mod memory;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "redis")]
mod reads;
#[cfg(feature = "redis")]
mod redis;
#[cfg(test)]
mod tests;

use super::Position;
use crate::Result;
use bytes::Bytes;
use futures::future::BoxFuture;
use std::{fmt, sync::Arc, time::Duration};

pub(crate) use memory::Memory;
#[cfg(feature = "nats")]
pub(crate) use nats::Nats;
#[cfg(feature = "redis")]
pub(crate) use redis::Redis;

/// How much of a group's past is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// At most so many messages.
    pub(crate) size: usize,
    /// None that is older.
    pub(crate) age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            size: 100,
            age: Duration::from_secs(5 * 60),
        }
    }
}

/// A message of a group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) offset: u64,
    /// JSON.
    pub(crate) text: Bytes,
}

/// What of a group's past a layer knows.
#[derive(Debug)]
pub(crate) struct Past {
    /// Where the group is.
    pub(crate) position: Position,
    /// What came after the position that was asked for, in order; `None` where some of that is
    /// lost, or no position was.
    pub(crate) missed: Option<Vec<Message>>,
}

/// What a layer tells the node.
#[derive(Debug)]
pub(crate) enum Event {
    /// A group that the node has subscribed to has a message, the next one of its epoch.
    Message {
        group: Arc<str>,
        epoch: Arc<str>,
        message: Message,
    },
    /// Messages of any group may never come.
    #[cfg_attr(
        not(any(test, feature = "redis", feature = "nats")),
        expect(dead_code, reason = "memory loses nothing on the way")
    )]
    Lost,
    /// What a node has said to all.
    Signal(Bytes),
}

/// What a node does about events. It is called in order, and does not block.
pub(crate) type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// Carries messages between nodes.
pub(crate) trait Layer: Send + Sync + fmt::Debug {
    /// Whether it reaches other nodes.
    fn is_shared(&self) -> bool {
        true
    }

    /// Starts to tell the node; called once, before anything else.
    fn listen(&self, listener: Listener);

    /// Tells the node of a group from now on; returns when it does.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached.
    fn subscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Ends that.
    fn unsubscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, ()>;

    /// Adds a message to a group, and returns where that is. A second one with the key of one in
    /// the history is not added: it returns where the first is.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached: it may or may not have been added.
    fn publish<'a>(
        &'a self,
        group: &'a str,
        text: Bytes,
        key: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Position>>;

    /// Whether a message with this key is in the history.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached.
    fn has<'a>(&'a self, group: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool>>;

    /// Returns where a group is, and what came after `since`.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached.
    fn past<'a>(
        &'a self,
        group: &'a str,
        since: Option<&'a Position>,
    ) -> BoxFuture<'a, Result<Past>>;

    /// Says something to all nodes that can be reached at the moment, this one among them.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached.
    fn signal(&self, text: Bytes) -> BoxFuture<'_, Result<()>>;
}
