//! What is on its way to one socket.

use axum::extract::ws::Utf8Bytes;
use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::Notify;

/// How many frames may wait for a socket, and how many bytes.
const MOST_FRAMES: usize = 1024;
const MOST_BYTES: usize = 1024 * 1024;

/// Why a socket has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its reader is slower than what it has joined: it comes back, and gets what it missed.
    TooSlow,
}

/// The frames that wait to be sent over a socket, never more than a bound.
///
/// Empty it takes no memory beside itself: most sockets are idle most of the time.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: Mutex<Waiting>,
    wake: Notify,
    /// A digest of who is at its end; 0 for nobody in particular.
    user: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: Vec<Utf8Bytes>,
    bytes: usize,
    end: Option<End>,
}

impl Line {
    /// Notes who is at its end.
    pub(crate) fn belongs_to(&self, user: Option<u64>) {
        self.user.store(user.unwrap_or_default(), Ordering::Relaxed);
    }

    pub(super) fn is_of(&self, user: u64) -> bool {
        self.user.load(Ordering::Relaxed) == user
    }

    /// Adds a frame. One too many ends the socket: a gap would be worse.
    pub(crate) fn push(&self, frame: Utf8Bytes) {
        let mut waiting = self.waiting();
        if waiting.end.is_some() {
            return;
        }
        waiting.bytes += frame.as_str().len();
        waiting.frames.push(frame);
        if waiting.frames.len() > MOST_FRAMES || waiting.bytes > MOST_BYTES {
            waiting.finish(End::TooSlow);
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Takes everything that waits, as soon as there is something.
    ///
    /// # Errors
    ///
    /// Where the socket has to end.
    pub(crate) async fn take(&self) -> Result<Vec<Utf8Bytes>, End> {
        loop {
            {
                let mut waiting = self.waiting();
                if let Some(end) = waiting.end {
                    return Err(end);
                }
                if !waiting.frames.is_empty() {
                    waiting.bytes = 0;
                    return Ok(std::mem::take(&mut waiting.frames));
                }
            }
            self.wake.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn finish(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.frames = Vec::new();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_in_order_and_never_too_many() {
        let line = Line::default();
        line.push("a".into());
        line.push("b".into());
        assert_eq!(line.take().await.unwrap(), ["a", "b"]);
        for _ in 0..MOST_FRAMES {
            line.push("x".into());
        }
        assert_eq!(line.take().await.unwrap().len(), MOST_FRAMES);
        for _ in 0..=MOST_FRAMES {
            line.push("x".into());
        }
        assert_eq!(line.take().await, Err(End::TooSlow));
        line.push("y".into());
        assert_eq!(line.take().await, Err(End::TooSlow), "it has ended");
    }

    #[tokio::test]
    async fn large_frames_are_few() {
        let line = Line::default();
        line.push("x".repeat(MOST_BYTES).into());
        assert_eq!(line.take().await.unwrap().len(), 1);
        line.push("x".repeat(MOST_BYTES).into());
        line.push("x".into());
        assert_eq!(line.take().await, Err(End::TooSlow));
    }
}
