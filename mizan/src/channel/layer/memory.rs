//! One process: groups live in its memory, and end with it.

use super::{
    Event, Layer, Limits, Listener, Past,
    log::{self, Log},
};
use crate::{Result, channel::Position};
use bytes::Bytes;
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::Instant;
use uuid::Uuid;

/// How much all histories may take together. Beyond that, those go first that had no message for
/// the longest time.
const MOST_BYTES: usize = 64 * 1024 * 1024;

pub(crate) struct Memory {
    limits: Limits,
    most_bytes: usize,
    started: Instant,
    /// The time by the calendar then: positions of an earlier process are older.
    began: Duration,
    groups: Mutex<Groups>,
    listener: OnceLock<Listener>,
}

struct Group {
    name: Arc<str>,
    /// `None` while it has no history.
    log: Option<Log>,
    /// Whether the node is told of it.
    is_subscribed: bool,
}

#[derive(Default)]
struct Groups {
    known: HashMap<Arc<str>, Group>,
    /// How much the logs take.
    bytes: usize,
    /// What came before this may have been forgotten before its time.
    forgotten: Duration,
    /// When it was last looked for histories that are over.
    swept: Duration,
}

impl Memory {
    pub(crate) fn new(limits: Limits) -> Self {
        let began = SystemTime::now().duration_since(UNIX_EPOCH);
        let began = began.unwrap_or_default();
        let groups = Groups {
            forgotten: began,
            ..Groups::default()
        };
        Self {
            limits,
            most_bytes: MOST_BYTES,
            started: Instant::now(),
            began,
            groups: Mutex::new(groups),
            listener: OnceLock::new(),
        }
    }

    /// The time since 1970, on a clock that never goes back.
    fn now(&self) -> Duration {
        self.began + self.started.elapsed() + Duration::from_millis(1)
    }

    fn groups(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, event: Event) {
        if let Some(listener) = self.listener.get() {
            listener(event);
        }
    }

    fn add(&self, group: &str, text: Bytes, key: Option<&str>) -> Position {
        let now = self.now();
        let mut groups = self.groups();
        groups.sweep(now, self.limits.age);
        let Groups { known, bytes, .. } = &mut *groups;
        let known = match known.get_mut(group) {
            Some(known) => known,
            None => known.entry(group.into()).or_insert_with_key(Group::new),
        };
        let log = known.log.get_or_insert_with(|| {
            let log = Log::new(Uuid::new_v4().simple().to_string().into(), now);
            *bytes += log.bytes();
            log
        });
        if let Some(position) = key.and_then(|key| log.find(key)) {
            return position;
        }
        let before = log.bytes();
        let message = log.push(text, key, now, self.limits);
        *bytes = *bytes + log.bytes() - before;
        let position = log.at(message.offset);
        let event = known.is_subscribed.then(|| Event::Message {
            group: Arc::clone(&known.name),
            epoch: Arc::clone(log.epoch()),
            message,
        });
        if groups.bytes > self.most_bytes {
            groups.make_room(self.most_bytes, now);
        }
        if let Some(event) = event {
            // With the lock, so that the order is the one of the offsets
            self.tell(event);
        }
        position
    }
}

impl Group {
    fn new(name: &Arc<str>) -> Self {
        Self {
            name: Arc::clone(name),
            log: None,
            is_subscribed: false,
        }
    }

    fn is_of_use(&self) -> bool {
        self.is_subscribed || self.log.is_some()
    }
}

impl Groups {
    /// Forgets, now and then, the histories of which nothing is left.
    fn sweep(&mut self, now: Duration, age: Duration) {
        if now.saturating_sub(self.swept) < age / 4 {
            return;
        }
        self.swept = now;
        let mut bytes = 0;
        self.known.retain(|_, group| {
            let is_over = |log: &mut Log| now.saturating_sub(log.touched) > age;
            if !group.is_subscribed {
                group.log.take_if(is_over);
            }
            bytes += group.log.as_ref().map_or(0, Log::bytes);
            group.is_of_use()
        });
        self.bytes = bytes;
    }

    fn make_room(&mut self, most_bytes: usize, now: Duration) {
        let groups = self.known.values_mut();
        let mut oldest: Vec<_> = groups.filter(|group| group.log.is_some()).collect();
        oldest.sort_unstable_by_key(|group| group.log.as_ref().map(|log| log.touched));
        for group in oldest {
            // Some more than needed, so that it is not done for each message
            if self.bytes <= most_bytes / 8 * 7 {
                break;
            }
            if let Some(log) = group.log.take() {
                self.bytes -= log.bytes();
            }
        }
        self.known.retain(|_, group| group.is_of_use());
        self.forgotten = now;
    }
}

impl Layer for Memory {
    fn is_shared(&self) -> bool {
        false
    }

    fn listen(&self, listener: Listener) {
        let _ = self.listener.set(listener);
    }

    fn subscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>> {
        let mut groups = self.groups();
        let known = groups.known.entry(group.into());
        known.or_insert_with_key(Group::new).is_subscribed = true;
        ready(Ok(())).boxed()
    }

    fn unsubscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, ()> {
        let now = self.now();
        let mut groups = self.groups();
        if let Some(known) = groups.known.get_mut(group) {
            known.is_subscribed = false;
            match &mut known.log {
                Some(log) => log.touched = now,
                None => drop(groups.known.remove(group)),
            }
        }
        ready(()).boxed()
    }

    fn publish<'a>(
        &'a self,
        group: &'a str,
        text: Bytes,
        key: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Position>> {
        ready(Ok(self.add(group, text, key))).boxed()
    }

    fn has<'a>(&'a self, group: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        let groups = self.groups();
        let log = groups.known.get(group).and_then(|known| known.log.as_ref());
        let has = log.is_some_and(|log| log.find(key).is_some());
        ready(Ok(has)).boxed()
    }

    fn past<'a>(
        &'a self,
        group: &'a str,
        since: Option<&'a Position>,
    ) -> BoxFuture<'a, Result<Past>> {
        let now = self.now();
        let mut groups = self.groups();
        let Groups { known, bytes, .. } = &mut *groups;
        let log = known.get_mut(group).and_then(|known| known.log.as_mut());
        let retained = log.map(|log| {
            *bytes -= log.bytes();
            log.expire(now, self.limits);
            *bytes += log.bytes();
            log.retained()
        });
        let past = log::past(retained, since, now, self.limits.age, groups.forgotten);
        ready(Ok(past)).boxed()
    }

    fn signal(&self, text: Bytes) -> BoxFuture<'_, Result<()>> {
        self.tell(Event::Signal(text));
        ready(Ok(())).boxed()
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
