//! One suite over all layers: what [`Layer`] promises.
//!
//! `MIZAN_TEST_REDIS` and `MIZAN_TEST_NATS` say where the servers are; without them a layer is left
//! out, except in CI. A test has groups of its own, and in NATS a stream of its own: runs and tests
//! share the servers.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "../../../../tests/support/proxy.rs"]
mod proxy;
mod suite;

use super::{Event, Layer, Limits, Past};
use crate::channel::{Channels, Position};
use bytes::Bytes;
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

/// How long to wait for what has to come.
const DEADLINE: Duration = Duration::from_secs(20);

/// What a layer's server is, and how the test that runs names its things.
pub(super) struct Server {
    pub(super) url: String,
    test: &'static str,
}

impl Server {
    fn memory(test: &'static str) -> Option<Self> {
        let url = "memory:".to_owned();
        Some(Self { url, test })
    }

    #[cfg(feature = "redis")]
    pub(super) fn redis(test: &'static str) -> Option<Self> {
        let url = from_environment("MIZAN_TEST_REDIS")?;
        Some(Self { url, test })
    }

    #[cfg(feature = "nats")]
    pub(super) fn nats(test: &'static str) -> Option<Self> {
        let url = from_environment("MIZAN_TEST_NATS")?;
        let url = format!("{}/test-{test}", url.trim_end_matches('/'));
        Some(Self { url, test })
    }

    /// A group that no other test knows.
    pub(super) fn group(&self) -> String {
        format!("{} {}", self.test, Uuid::new_v4())
    }

    pub(super) async fn node(&self, limits: Limits) -> Node {
        Node::connect(&self.url, limits).await
    }

    /// Two nodes; both are the same one where there can't be two.
    async fn nodes(&self, limits: Limits) -> [Node; 2] {
        let one = self.node(limits).await;
        let two = match self.url.as_str() {
            "memory:" => one.clone(),
            _ => self.node(limits).await,
        };
        [one, two]
    }
}

#[cfg(any(feature = "redis", feature = "nats"))]
fn from_environment(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    assert!(
        url.is_some() || std::env::var("CI").is_err(),
        "{variable} is not set"
    );
    url
}

/// A layer, and what it has told.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) layer: Arc<dyn Layer>,
    pub(super) told: watch::Receiver<Told>,
}

#[derive(Default)]
pub(super) struct Told {
    messages: Vec<Line>,
    /// How often it said that something may be lost.
    pub(super) lost: usize,
    pub(super) signals: Vec<Bytes>,
}

/// A message that was told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    group: String,
    pub(super) epoch: String,
    pub(super) offset: u64,
    text: Bytes,
}

impl Node {
    pub(super) async fn connect(url: &str, limits: Limits) -> Self {
        let channels = Channels::builder().history(limits.size, limits.age);
        let layer = channels.connect(url).await.unwrap().into_layer();
        let (tell, told) = watch::channel(Told::default());
        layer.listen(Arc::new(move |event| {
            tell.send_modify(|told| told.take(event));
        }));
        Self {
            layer: layer.into(),
            told,
        }
    }

    pub(super) async fn publish(&self, group: &str, text: &str) -> Position {
        let text = Bytes::copy_from_slice(text.as_bytes());
        self.layer.publish(group, text, None).await.unwrap()
    }

    async fn publish_once(&self, group: &str, text: &str, key: &str) -> Position {
        let text = Bytes::copy_from_slice(text.as_bytes());
        self.layer.publish(group, text, Some(key)).await.unwrap()
    }

    pub(super) async fn past(&self, group: &str, since: Option<&Position>) -> Past {
        self.layer.past(group, since).await.unwrap()
    }

    pub(super) async fn position(&self, group: &str) -> Position {
        let past = self.past(group, None).await;
        assert!(past.missed.is_none(), "nobody asked");
        past.position
    }

    /// The texts that came since, or that some are lost.
    pub(super) async fn missed(&self, group: &str, since: &Position) -> Option<Vec<String>> {
        texts(self.past(group, Some(since)).await)
    }

    /// Waits until what was told is enough.
    pub(super) async fn wait(&self, is_enough: impl FnMut(&Told) -> bool) {
        let mut told = self.told.clone();
        let waited = timeout(DEADLINE, told.wait_for(is_enough)).await.is_ok();
        let (messages, lost) = (told.borrow().messages.len(), told.borrow().lost);
        assert!(waited, "it told of {messages} messages and {lost} losses");
    }

    /// Waits until so many messages of a group were told, and returns them.
    pub(super) async fn heard(&self, group: &str, messages: usize) -> Vec<Line> {
        self.wait(|told| told.of(group).count() >= messages).await;
        self.told.borrow().of(group).cloned().collect()
    }

    /// The texts of a group that were told, once there are so many; their offsets follow each
    /// other, in one epoch.
    async fn texts(&self, group: &str, messages: usize) -> Vec<String> {
        let lines = self.heard(group, messages).await;
        for (before, after) in lines.iter().zip(&lines[1..]) {
            assert_eq!(after.offset, before.offset + 1);
            assert_eq!(after.epoch, before.epoch);
        }
        lines.iter().map(|line| text(&line.text)).collect()
    }
}

impl Told {
    fn take(&mut self, event: Event) {
        match event {
            Event::Message {
                group,
                epoch,
                message,
            } => self.messages.push(Line {
                group: group.to_string(),
                epoch: epoch.to_string(),
                offset: message.offset,
                text: message.text,
            }),
            Event::Lost => self.lost += 1,
            Event::Signal(signal) => self.signals.push(signal),
        }
    }

    fn of(&self, group: &str) -> impl Iterator<Item = &Line> {
        self.messages.iter().filter(move |line| line.group == group)
    }
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn texts(past: Past) -> Option<Vec<String>> {
    let missed = past.missed?;
    Some(missed.iter().map(|message| text(&message.text)).collect())
}

pub(super) fn at(epoch: &str, offset: u64) -> Position {
    Position {
        epoch: epoch.to_owned(),
        offset,
    }
}

fn few(size: usize) -> Limits {
    Limits {
        size,
        ..Limits::default()
    }
}

/// Runs the tests against one layer.
macro_rules! against {
    ($layer:ident: $($test:ident)*) => {
        mod $layer {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    if let Some(server) = super::Server::$layer(stringify!($test)) {
                        super::suite::$test(&server).await;
                    }
                }
            )*
        }
    };
}

/// Runs the tests against each layer.
macro_rules! suite {
    ($($test:ident)*) => {
        against! { memory: $($test)* }
        #[cfg(feature = "redis")]
        against! { redis: $($test)* }
        #[cfg(feature = "nats")]
        against! { nats: $($test)* }
    };
}

suite! {
    messages_have_offsets_and_an_order
    nodes_are_told_the_same
    a_key_counts_once_while_its_message_is_there
    who_comes_back_learns_what_they_missed
    what_is_too_old_is_lost
    who_unsubscribes_is_told_no_more
    signals_reach_all_nodes
    a_group_has_any_name
    large_messages_are_carried
    all_may_talk_at_once
    a_node_may_say_much_at_once
    many_come_back_at_once
    what_was_missed_while_cut_off_is_there_afterwards
}
