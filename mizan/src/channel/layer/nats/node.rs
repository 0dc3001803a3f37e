//! What a node knows of groups' ends, and the tasks that tell it.

use super::store::{self, Entry};
use crate::channel::{
    Position,
    layer::{Event, Listener, Message},
};
use async_nats::Subscriber;
use futures::StreamExt;
use moka::sync::Cache;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

/// How long a node remembers where a group is, and of how many.
const REMEMBERED: Duration = Duration::from_secs(5 * 60);
const MOST_REMEMBERED: u64 = 10_000;

/// What the tasks have to know that tell the node.
pub(super) struct Node {
    pub(super) listener: OnceLock<Listener>,
    pub(super) ends: Cache<String, Arc<End>>,
    /// How often messages may have been lost.
    pub(super) losses: AtomicU64,
}

/// The end of a group, as far as the node knows.
#[derive(Default)]
pub(super) struct End {
    /// Who adds a message holds it: to try at once would only mean to fail.
    pub(super) turn: tokio::sync::Mutex<()>,
    pub(super) last: Mutex<Option<Last>>,
    /// What was read of the history last, while others wait to read it.
    pub(super) history: tokio::sync::Mutex<Option<History>>,
    /// How many read it, or wait.
    pub(super) readers: AtomicUsize,
}

/// The messages of a group.
#[derive(Clone)]
pub(super) struct History {
    pub(super) entries: Arc<[Entry]>,
    /// Whether there are no others.
    pub(super) is_all: bool,
}

impl History {
    /// Whether it has whatever there is after an offset, up to `last` at least.
    pub(super) fn has(&self, after: u64, last: &Position) -> bool {
        let (Some(begin), Some(end)) = (self.entries.first(), self.entries.last()) else {
            return false;
        };
        let reaches = end.position.epoch == last.epoch && end.position.offset >= last.offset;
        reaches && (self.is_all || begin.position.offset <= after.saturating_add(1))
    }
}

/// One of those who read a history; the last one that goes throws it away.
pub(super) struct Reader(pub(super) Arc<End>);

impl Reader {
    pub(super) fn new(end: Arc<End>) -> Self {
        end.readers.fetch_add(1, Ordering::Relaxed);
        Self(end)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.0.readers.fetch_sub(1, Ordering::Relaxed) == 1
            && let Ok(mut history) = self.0.history.try_lock()
        {
            *history = None;
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Last {
    /// `None` where it is of an earlier run of the server: what follows begins another epoch.
    pub(super) position: Option<Position>,
    /// Its number in the stream.
    pub(super) sequence: u64,
    /// In which run of the server it was the last one: in the next one its number may be another
    /// message's.
    pub(super) run: String,
}

/// A task that ends when this is dropped.
pub(super) struct Task(pub(super) JoinHandle<()>);

impl Task {
    /// Ends it, and waits until it has.
    pub(super) async fn end(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Node {
    pub(super) fn new() -> Self {
        Self {
            listener: OnceLock::new(),
            ends: Cache::builder()
                .max_capacity(MOST_REMEMBERED)
                .time_to_idle(REMEMBERED)
                .build(),
            losses: AtomicU64::new(0),
        }
    }

    pub(super) fn tell(&self, event: Event) {
        if let Some(listener) = self.listener.get() {
            listener(event);
        }
    }

    /// Takes notice that messages may have been lost, and that what is known may be of another
    /// stream.
    pub(super) fn lose(&self) {
        self.losses.fetch_add(1, Ordering::Relaxed);
        self.ends.invalidate_all();
        self.tell(Event::Lost);
    }

    pub(super) fn end(&self, group: &str) -> Arc<End> {
        self.ends.get_with_by_ref(group, Arc::default)
    }

    /// Takes notice of a message that somebody has added.
    pub(super) fn was_told(&self, group: &str, last: Last) {
        if let Some(end) = self.ends.get(group) {
            end.is(last);
        }
    }
}

impl End {
    pub(super) fn last(&self) -> Option<Last> {
        self.lock().clone()
    }

    /// Takes notice of a message, unless a later one of the server's run is known.
    pub(super) fn is(&self, new: Last) {
        let mut last = self.lock();
        if last
            .as_ref()
            .is_none_or(|last| last.run != new.run || last.sequence < new.sequence)
        {
            *last = Some(new);
        }
    }

    /// Takes notice that this is not the last message.
    pub(super) fn is_not(&self, sequence: u64) {
        let mut last = self.lock();
        if last.as_ref().is_some_and(|last| last.sequence == sequence) {
            *last = None;
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Last>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the node of a group.
pub(super) async fn tell_messages(mut messages: Subscriber, group: Arc<str>, node: Arc<Node>) {
    let mut known: Arc<str> = "".into();
    while let Some(message) = messages.next().await {
        let Some(headers) = message.headers else {
            continue;
        };
        let Some(position) = store::position(&headers) else {
            continue;
        };
        if *known != *position.epoch {
            known = position.epoch.as_str().into();
        }
        let told = Event::Message {
            group: Arc::clone(&group),
            epoch: Arc::clone(&known),
            message: Message {
                offset: position.offset,
                text: message.payload,
            },
        };
        let sequence = headers.get(async_nats::header::NATS_SEQUENCE);
        if let Some(sequence) = sequence.and_then(|sequence| sequence.as_str().parse().ok()) {
            let last = Last {
                position: Some(position),
                sequence,
                run: store::run(&headers),
            };
            node.was_told(&group, last);
        }
        node.tell(told);
    }
}

pub(super) async fn tell_signals(mut signals: Subscriber, node: Arc<Node>) {
    while let Some(signal) = signals.next().await {
        node.tell(Event::Signal(signal.payload));
    }
}

pub(super) async fn tell_changes(mut advisories: Subscriber, node: Arc<Node>) {
    while advisories.next().await.is_some() {
        node.lose();
    }
}
