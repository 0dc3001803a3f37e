//! What is on its way to one socket.

use super::frames;
use crate::channel::layer::Message;
use axum::extract::ws::Utf8Bytes;
use std::{
    future::Future,
    iter::{Chain, Map},
    option,
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
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
    /// How many frames came that a slow reader may have too many of, and their bytes.
    counted: usize,
    bytes: usize,
    end: Option<End>,
    /// Wakes the socket's task, which waits for a frame.
    waker: Option<Waker>,
}

/// Frames in order.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    first: Option<Item>,
    further: Vec<Item>,
}

#[derive(Debug)]
pub(crate) enum Item {
    Frame(Utf8Bytes),
    /// A message of the history, which has it in memory: encoded when it is sent.
    Replayed(u64, Message),
}

impl Item {
    fn into_frame(self) -> Utf8Bytes {
        match self {
            Self::Frame(frame) => frame,
            Self::Replayed(id, message) => frames::message(id, &message, None),
        }
    }
}

impl Frames {
    fn push(&mut self, item: Item) {
        if self.first.is_none() {
            self.first = Some(item);
        } else {
            self.further.push(item);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }
}

impl IntoIterator for Frames {
    type Item = Utf8Bytes;
    type IntoIter = Map<Chain<option::IntoIter<Item>, vec::IntoIter<Item>>, fn(Item) -> Utf8Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        let items = self.first.into_iter().chain(self.further);
        items.map(Item::into_frame)
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

    /// Adds a frame. One too many ends the socket: a gap would be worse. A single one is never too
    /// much.
    pub(crate) fn push(&self, frame: Utf8Bytes) {
        self.add(|waiting| {
            waiting.counted += 1;
            waiting.bytes += frame.as_str().len();
            waiting.frames.push(Item::Frame(frame));
            let too_much = waiting.counted > MOST_FRAMES || waiting.bytes > MOST_BYTES;
            if too_much && waiting.counted > 1 {
                waiting.finish(End::TooSlow);
            }
        });
    }

    /// Adds a frame that the reader has asked for: how long it is says nothing of how slow they
    /// are.
    pub(super) fn push_apart(&self, frame: Utf8Bytes) {
        self.add(|waiting| waiting.frames.push(Item::Frame(frame)));
    }

    /// Adds messages that the reader has missed, likewise.
    pub(super) fn replay(&self, id: u64, missed: Vec<Message>) {
        self.add(|waiting| {
            for message in missed {
                waiting.frames.push(Item::Replayed(id, message));
            }
        });
    }

    fn add(&self, add: impl FnOnce(&mut Waiting)) {
        let mut waiting = self.waiting();
        if waiting.end.is_some() {
            return;
        }
        add(&mut waiting);
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
    pub(crate) fn take(&self) -> Taking<'_> {
        Taking(self)
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

/// Waits for frames; dropped, it is woken no more.
pub(crate) struct Taking<'a>(&'a Line);

impl Future for Taking<'_> {
    type Output = Result<Frames, End>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiting = self.0.waiting();
        let taken = waiting.take();
        if !matches!(&taken, Ok(frames) if frames.is_empty()) {
            return Poll::Ready(taken);
        }
        match &mut waiting.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Taking<'_> {
    fn drop(&mut self) {
        // What the task itself adds meanwhile, it sends itself
        self.0.waiting().waker = None;
    }
}

impl Waiting {
    fn take(&mut self) -> Result<Frames, End> {
        match self.end {
            Some(end) => Err(end),
            None => {
                (self.counted, self.bytes) = (0, 0);
                Ok(std::mem::take(&mut self.frames))
            }
        }
    }

    fn finish(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.frames = Frames::default();
        (self.counted, self.bytes) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn taken(line: &Line) -> Vec<Utf8Bytes> {
        line.take().await.unwrap().into_iter().collect()
    }

    #[tokio::test]
    async fn frames_come_in_order_and_never_too_many() {
        let line = Line::default();
        line.push("a".into());
        line.push("b".into());
        assert_eq!(taken(&line).await, ["a", "b"]);
        for _ in 0..MOST_FRAMES {
            line.push("x".into());
        }
        assert_eq!(taken(&line).await.len(), MOST_FRAMES);
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
        let heard = async { taken(&line).await.len() };
        let pushed = async {
            tokio::task::yield_now().await;
            line.push("a".into());
        };
        assert_eq!(tokio::join!(heard, pushed).0, 1);
    }

    #[tokio::test]
    async fn large_frames_are_few() {
        let line = Line::default();
        line.push("x".repeat(2 * MOST_BYTES).into());
        assert_eq!(taken(&line).await.len(), 1, "one is never too much");
        line.push("x".repeat(MOST_BYTES).into());
        line.push("x".into());
        assert_eq!(line.take().await.unwrap_err(), End::TooSlow);
    }

    #[tokio::test]
    async fn what_was_missed_is_not_slowness() {
        let line = Line::default();
        let message = |offset| Message {
            offset,
            text: "1".into(),
        };
        line.push("joined".into());
        line.replay(7, (1..=2 * MOST_FRAMES as u64).map(message).collect());
        line.push_apart("x".repeat(2 * MOST_BYTES).into());
        line.push("last".into());
        let frames = taken(&line).await;
        assert_eq!(frames.len(), 2 * MOST_FRAMES + 3);
        assert_eq!(
            frames[1],
            r#"{"op":"message","id":7,"offset":1,"message":1}"#
        );
    }
}
