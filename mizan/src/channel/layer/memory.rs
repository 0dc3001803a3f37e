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
    collections::{HashMap, HashSet},
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

#[derive(Default)]
struct Groups {
    logs: HashMap<Arc<str>, Log>,
    subscribed: HashSet<Arc<str>>,
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
        let (group, log) = groups.log(group, now);
        if let Some(position) = key.and_then(|key| log.find(key)) {
            return position;
        }
        let before = log.bytes();
        let message = log.push(text, key, now, self.limits);
        let (after, position) = (log.bytes(), log.at(message.offset));
        let epoch = Arc::clone(log.epoch());
        groups.bytes = groups.bytes + after - before;
        if groups.bytes > self.most_bytes {
            groups.make_room(self.most_bytes, now);
        }
        if groups.subscribed.contains(&group) {
            // With the lock, so that the order is the one of the offsets
            self.tell(Event::Message {
                group,
                epoch,
                message,
            });
        }
        position
    }
}

impl Groups {
    fn log(&mut self, group: &str, now: Duration) -> (Arc<str>, &mut Log) {
        let group = match self.logs.get_key_value(group) {
            Some((group, _)) => Arc::clone(group),
            None => Arc::from(group),
        };
        let bytes = &mut self.bytes;
        let log = self.logs.entry(Arc::clone(&group)).or_insert_with(|| {
            let log = Log::new(Uuid::new_v4().simple().to_string().into(), now);
            *bytes += log.bytes();
            log
        });
        (group, log)
    }

    /// Forgets, now and then, the histories of which nothing is left.
    fn sweep(&mut self, now: Duration, age: Duration) {
        if now.saturating_sub(self.swept) < age / 4 {
            return;
        }
        self.swept = now;
        let subscribed = &self.subscribed;
        self.logs.retain(|group, log| {
            subscribed.contains(group) || now.saturating_sub(log.touched) <= age
        });
        self.bytes = self.logs.values().map(Log::bytes).sum();
    }

    fn make_room(&mut self, most_bytes: usize, now: Duration) {
        let mut oldest: Vec<_> = self
            .logs
            .iter()
            .map(|(group, log)| (log.touched, Arc::clone(group)))
            .collect();
        oldest.sort_unstable();
        for (_, group) in oldest {
            // Some more than needed, so that it is not done for each message
            if self.bytes <= most_bytes / 8 * 7 {
                break;
            }
            if let Some(log) = self.logs.remove(&group) {
                self.bytes -= log.bytes();
            }
        }
        self.forgotten = now;
    }
}

impl Layer for Memory {
    fn listen(&self, listener: Listener) {
        let _ = self.listener.set(listener);
    }

    fn subscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, Result<()>> {
        self.groups().subscribed.insert(group.into());
        ready(Ok(())).boxed()
    }

    fn unsubscribe<'a>(&'a self, group: &'a str) -> BoxFuture<'a, ()> {
        let now = self.now();
        let mut groups = self.groups();
        groups.subscribed.remove(group);
        if let Some(log) = groups.logs.get_mut(group) {
            log.touched = now;
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
        let log = groups.logs.get(group);
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
        let Groups { logs, bytes, .. } = &mut *groups;
        let retained = logs.get_mut(group).map(|log| {
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
