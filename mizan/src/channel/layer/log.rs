//! The history of a group, and what can be replayed of it.
//!
//! A group that has no history is not remembered: its position says when somebody found it empty,
//! `@<milliseconds>`. That is enough as long as no message that came afterwards can have been
//! forgotten, which takes its whole age.

use super::{Limits, Message, Past};
use crate::channel::Position;
use std::{collections::VecDeque, sync::Arc, time::Duration};

/// What is retained of a group.
#[derive(Clone, Debug)]
pub(super) struct Retained {
    pub(super) epoch: String,
    /// When its first message came, on the clock of the positions of empty groups.
    pub(super) began: Duration,
    /// The offset of the last message.
    pub(super) last: u64,
    /// The messages that are there, in order, the last one at the end.
    pub(super) messages: Vec<Message>,
}

/// Where an empty group is.
pub(super) fn empty(now: Duration) -> Position {
    Position {
        epoch: format!("@{}", now.as_millis()),
        offset: 0,
    }
}

/// When the group was empty, where that is what a position says.
fn found_empty(position: &Position) -> Option<Duration> {
    let milliseconds = position.epoch.strip_prefix('@')?.parse().ok()?;
    (position.offset == 0).then(|| Duration::from_millis(milliseconds))
}

/// The past of a group. Nothing that came in the last `age` was forgotten, but what
/// [`Limits::size`] did not hold, and what came before `forgotten`.
pub(super) fn past(
    retained: Option<Retained>,
    since: Option<&Position>,
    now: Duration,
    age: Duration,
    forgotten: Duration,
) -> Past {
    let began = retained.as_ref().map_or(now, |retained| retained.began);
    let follows_empty =
        |at: Duration| at <= now && began.saturating_sub(at) < age && at > forgotten;
    let Some(retained) = retained else {
        let is_there = since.and_then(found_empty).is_some_and(follows_empty);
        return Past {
            position: empty(now),
            missed: is_there.then(Vec::new),
        };
    };
    let after = since.and_then(|since| match found_empty(since) {
        Some(at) => follows_empty(at).then_some(0),
        None => {
            (since.epoch == retained.epoch && since.offset <= retained.last).then_some(since.offset)
        }
    });
    let missed = after.and_then(|after| {
        let missed: Vec<_> = retained
            .messages
            .into_iter()
            .filter(|message| message.offset > after)
            .collect();
        let expected = retained.last - after;
        (missed.len() as u64 == expected).then_some(missed)
    });
    Past {
        position: Position {
            epoch: retained.epoch,
            offset: retained.last,
        },
        missed,
    }
}

/// The history of a group in memory.
#[derive(Debug)]
pub(super) struct Log {
    epoch: Arc<str>,
    began: Duration,
    last: u64,
    entries: VecDeque<Entry>,
    /// How much the entries take, in bytes.
    bytes: usize,
    /// When there was last something to do with it.
    pub(super) touched: Duration,
}

#[derive(Debug)]
struct Entry {
    at: Duration,
    key: Option<Box<str>>,
    message: Message,
}

impl Entry {
    fn bytes(&self) -> usize {
        let key = self.key.as_ref().map_or(0, |key| key.len());
        size_of::<Self>() + self.message.text.len() + key
    }
}

impl Log {
    pub(super) fn new(epoch: Arc<str>, now: Duration) -> Self {
        Self {
            epoch,
            began: now,
            last: 0,
            entries: VecDeque::new(),
            bytes: 0,
            touched: now,
        }
    }

    /// Adds a message, and forgets what is too much or too old.
    pub(super) fn push(
        &mut self,
        text: bytes::Bytes,
        key: Option<&str>,
        now: Duration,
        limits: Limits,
    ) -> Message {
        self.last += 1;
        self.touched = now;
        let message = Message {
            offset: self.last,
            text,
        };
        let entry = Entry {
            at: now,
            key: key.map(Into::into),
            message: message.clone(),
        };
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.len() > limits.size {
            self.forget_first();
        }
        self.expire(now, limits);
        message
    }

    /// Forgets what is too old.
    pub(super) fn expire(&mut self, now: Duration, limits: Limits) {
        let is_old = |entry: &Entry| now.saturating_sub(entry.at) > limits.age;
        while self.entries.front().is_some_and(is_old) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.bytes();
        }
    }

    /// Where the message with a key is.
    pub(super) fn find(&self, key: &str) -> Option<Position> {
        let mut entries = self.entries.iter();
        let entry = entries.find(|entry| entry.key.as_deref() == Some(key))?;
        Some(self.at(entry.message.offset))
    }

    pub(super) fn at(&self, offset: u64) -> Position {
        Position {
            epoch: self.epoch.as_ref().to_owned(),
            offset,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.bytes
    }

    pub(super) fn epoch(&self) -> &Arc<str> {
        &self.epoch
    }

    pub(super) fn retained(&self) -> Retained {
        Retained {
            epoch: self.epoch.as_ref().to_owned(),
            began: self.began,
            last: self.last,
            messages: self
                .entries
                .iter()
                .map(|entry| entry.message.clone())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        size: 3,
        age: Duration::from_secs(10),
    };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn at(epoch: &str, offset: u64) -> Position {
        Position {
            epoch: epoch.to_owned(),
            offset,
        }
    }

    /// What is replayed of a log at a time.
    fn missed(log: &Log, since: Position, now: u64) -> Option<Vec<u64>> {
        let past = past(
            Some(log.retained()),
            Some(&since),
            seconds(now),
            LIMITS.age,
            Duration::ZERO,
        );
        let offsets =
            |messages: Vec<Message>| messages.iter().map(|message| message.offset).collect();
        past.missed.map(offsets)
    }

    fn log_of(messages: u64, now: u64) -> Log {
        let mut log = Log::new("one".into(), seconds(now));
        for _ in 0..messages {
            log.push(b"1".as_slice().into(), None, seconds(now), LIMITS);
        }
        log
    }

    #[test]
    fn what_is_there_is_replayed_and_what_is_not_is_said() {
        let log = log_of(5, 1);
        assert_eq!(missed(&log, at("one", 5), 2), Some(vec![]));
        assert_eq!(missed(&log, at("one", 3), 2), Some(vec![4, 5]));
        assert_eq!(missed(&log, at("one", 2), 2), Some(vec![3, 4, 5]));
        assert_eq!(missed(&log, at("one", 1), 2), None, "the second is gone");
        assert_eq!(
            missed(&log, at("one", 6), 2),
            None,
            "nobody can have seen it"
        );
        assert_eq!(missed(&log, at("two", 5), 2), None, "of another history");
    }

    #[test]
    fn old_messages_are_forgotten() {
        let mut log = log_of(2, 1);
        log.push(b"3".as_slice().into(), None, seconds(12), LIMITS);
        assert_eq!(missed(&log, at("one", 2), 12), Some(vec![3]));
        assert_eq!(missed(&log, at("one", 1), 12), None);
        assert_eq!(log.bytes(), size_of::<Log>() + size_of::<Entry>() + 1);
    }

    #[test]
    fn who_found_the_group_empty_gets_all_of_it_while_that_is_certain() {
        let log = log_of(3, 5);
        assert_eq!(missed(&log, at("@4000", 0), 6), Some(vec![1, 2, 3]));
        assert_eq!(
            missed(&log_of(4, 5), at("@4000", 0), 6),
            None,
            "the first is gone"
        );
        let log = log_of(1, 14);
        assert_eq!(
            missed(&log, at("@4000", 0), 14),
            None,
            "an earlier history may be gone"
        );
        assert_eq!(
            missed(&log, at("@15000", 0), 14),
            None,
            "that is yet to come"
        );
        let empty = |at: &Position, forgotten| {
            past(None, Some(at), seconds(6), LIMITS.age, seconds(forgotten)).missed
        };
        assert_eq!(empty(&at("@4000", 0), 0), Some(vec![]));
        assert_eq!(
            empty(&at("@4000", 0), 5),
            None,
            "it may have been forgotten"
        );
        assert_eq!(empty(&at("one", 1), 0), None);
        for nonsense in ["@", "@-1", "@x", "", "@99999999999999999999999999"] {
            assert_eq!(empty(&at(nonsense, 0), 0), None, "{nonsense}");
        }
        assert_eq!(empty(&at("@4000", 1), 0), None);
    }

    #[test]
    fn a_key_is_found_as_long_as_its_message() {
        let mut log = log_of(1, 1);
        log.push(b"2".as_slice().into(), Some("a"), seconds(1), LIMITS);
        assert_eq!(log.find("a"), Some(at("one", 2)));
        for _ in 0..3 {
            log.push(b"3".as_slice().into(), None, seconds(1), LIMITS);
        }
        assert_eq!(log.find("a"), None);
    }
}
