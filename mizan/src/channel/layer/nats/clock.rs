//! The server's clock, which the positions of empty groups are on.
//!
//! A node's own clock is not good enough: two nodes may disagree by more than a message is kept.
//! NATS tells the time of nothing but messages, so the mark that says since when nothing was
//! forgotten is written anew now and then, which it needs anyway, and the server's time of it is
//! counted on from there.

use super::store::{Failure, Store};
use std::time::Duration;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

/// How long a reading is counted on at most: a server whose clock was set is noticed then.
const LONGEST_USE: Duration = Duration::from_secs(10);

/// Positions have milliseconds, and one that is given out now has to come after the mark.
const AFTER_MARK: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Clock {
    reading: Mutex<Option<Reading>>,
    longest_use: Duration,
}

/// What time it was between two moments.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    time: Duration,
    sent: Instant,
    got: Instant,
    /// How often messages may have been lost until then.
    losses: u64,
}

impl Reading {
    /// The time at a moment after the reading, or some earlier one.
    pub(super) fn earliest(&self, at: Instant) -> Duration {
        self.time + at.saturating_duration_since(self.got)
    }

    /// The time at a moment after the reading, or some later one.
    pub(super) fn latest(&self, at: Instant) -> Duration {
        self.time + at.saturating_duration_since(self.sent)
    }
}

impl Clock {
    /// A clock for a stream that keeps messages for this long.
    pub(super) fn new(age: Duration) -> Self {
        Self {
            reading: Mutex::new(None),
            // The mark has to be renewed while it is there
            longest_use: LONGEST_USE.min(age / 4),
        }
    }

    /// Reads the clock, unless that was done a moment ago and no messages were lost since.
    pub(super) async fn read(&self, store: &Store, losses: u64) -> Result<Reading, Failure> {
        let mut known = self.reading.lock().await;
        if let Some(reading) = *known
            && reading.got.elapsed() < self.longest_use
            && reading.losses == losses
        {
            return Ok(reading);
        }
        let old = store.mark().await?;
        let sent = Instant::now();
        let mark = store.renew_mark(old).await?;
        let reading = Reading {
            time: mark.ok_or(Failure::Conflict)?.at,
            sent,
            got: Instant::now(),
            losses,
        };
        *known = Some(reading);
        if old.is_none_or(|old| !old.is_valid) {
            sleep(AFTER_MARK).await;
        }
        Ok(reading)
    }
}
