//! What the client needs of its browser: requests, timers, the page's data.
//!
//! Not generic, so that its code exists once in the wasm. Tests of the client on the host have a
//! stand-in.

mod answer;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(not(test))]
mod window;

#[cfg(test)]
use fake as side;
#[cfg(not(test))]
use window as side;

pub(crate) use answer::{Request, Response, Session, foreign, not_ours, unreadable};
pub(crate) use side::{
    Connection, Timer, address, announce, complain, focus, is_alphanumeric, is_url, jitter, now,
    on_announcement, on_wake, page_data, posted, random, send,
};

use std::{cell::Cell, future::poll_fn, rc::Rc, task::Poll, time::Duration};

/// Why a page that was left alone is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The visitor came back to it.
    Focus,
    /// The network is back.
    Reconnect,
}

/// What happens to a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Opened,
    Text(String),
    /// It is gone, or could not be opened.
    Closed,
}

/// Waits. By a timer, whose code is there already: a channel's would be new.
pub(crate) async fn sleep(milliseconds: u32) {
    let time = Duration::from_millis(milliseconds.into());
    let is_over = Rc::new(Cell::new(false));
    let mut timer = None;
    poll_fn(move |context| {
        if is_over.get() {
            return Poll::Ready(());
        }
        if timer.is_none() {
            let (is_over, waker) = (Rc::clone(&is_over), context.waker().clone());
            timer = Some(Timer::new(time, move || {
                is_over.set(true);
                waker.wake();
            }));
        }
        Poll::Pending
    })
    .await;
}
