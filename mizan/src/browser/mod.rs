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

pub(crate) use answer::{Request, Response, Session, foreign, unreadable};
pub(crate) use side::{
    Timer, announce, complain, jitter, now, on_announcement, on_wake, page_data, send,
};

use futures::channel::oneshot;
use std::time::Duration;

/// Why a page that was left alone is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The visitor came back to it.
    Focus,
    /// The network is back.
    Reconnect,
}

/// Waits.
pub(crate) async fn sleep(time: Duration) {
    let (over, is_over) = oneshot::channel();
    let _timer = Timer::new(time, move || {
        let _ = over.send(());
    });
    // Held until then, so it is never dropped before
    let _: Result<(), _> = is_over.await;
}
