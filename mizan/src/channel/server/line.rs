//! What is on its way to one socket.

use axum::extract::ws::Utf8Bytes;
use std::{
    future::{Future, poll_fn},
    iter::Chain,
    option,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
    vec,
};

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
/// Empty it takes no memory beside itself, and neither does a single frame: most sockets are idle
/// most of the time.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: Mutex<Waiting>,
    /// A digest of who is at its end; 0 for nobody in particular.
    user: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: Frames,
    bytes: usize,
    end: Option<End>,
    /// Wakes the socket's task, which waits for a frame.
    waker: Option<Waker>,
}

/// Frames in order.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    first: Option<Utf8Bytes>,
    further: Vec<Utf8Bytes>,
}

impl Frames {
    fn push(&mut self, frame: Utf8Bytes) {
        if self.first.is_none() {
            self.first = Some(frame);
        } else {
            self.further.push(frame);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.further.len()
    }
}

impl IntoIterator for Frames {
    type Item = Utf8Bytes;
    type IntoIter = Chain<option::IntoIter<Utf8Bytes>, vec::IntoIter<Utf8Bytes>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.further)
    }
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
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes everything that waits, as soon as there is something. One task waits at a time.
    ///
    /// # Errors
    ///
    /// Where the socket has to end.
    pub(crate) fn take(&self) -> impl Future<Output = Result<Frames, End>> {
        poll_fn(|cx| {
            let mut waiting = self.waiting();
            let taken = waiting.take();
            if !matches!(&taken, Ok(frames) if frames.is_empty()) {
                return Poll::Ready(taken);
            }
            match &mut waiting.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
    }

    /// Takes what waits now.
    ///
    /// # Errors
    ///
    /// Where the socket has to end.
    pub(crate) fn take_now(&self) -> Result<Frames, End> {
        self.waiting().take()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn take(&mut self) -> Result<Frames, End> {
        match self.end {
            Some(end) => Err(end),
            None => {
                self.bytes = 0;
                Ok(std::mem::take(&mut self.frames))
            }
        }
    }

    fn finish(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.frames = Frames::default();
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
        let frames: Vec<_> = line.take().await.unwrap().into_iter().collect();
        assert_eq!(frames, ["a", "b"]);
        for _ in 0..MOST_FRAMES {
            line.push("x".into());
        }
        assert_eq!(line.take().await.unwrap().len(), MOST_FRAMES);
        for _ in 0..=MOST_FRAMES {
            line.push("x".into());
        }
        assert_eq!(line.take().await.unwrap_err(), End::TooSlow);
        line.push("y".into());
        let end = line.take().await.unwrap_err();
        assert_eq!(end, End::TooSlow, "it has ended");
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let line = Line::default();
        let taken = async { line.take().await.unwrap().len() };
        let pushed = async {
            tokio::task::yield_now().await;
            line.push("a".into());
        };
        assert_eq!(tokio::join!(taken, pushed).0, 1);
    }

    #[tokio::test]
    async fn large_frames_are_few() {
        let line = Line::default();
        line.push("x".repeat(MOST_BYTES).into());
        assert_eq!(line.take().await.unwrap().len(), 1);
        line.push("x".repeat(MOST_BYTES).into());
        line.push("x".into());
        assert_eq!(line.take().await.unwrap_err(), End::TooSlow);
    }
}
