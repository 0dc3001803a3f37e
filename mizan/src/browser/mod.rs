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

pub(crate) use answer::{Request, Response, foreign, unreadable};
pub(crate) use side::{Timer, complain, now, on_wake, page_data, send};

/// Why a page that was left alone is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The visitor came back to it.
    Focus,
    /// The network is back.
    Reconnect,
}
