//! Channels in the browser: one socket for the page, and what is joined over it.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `socket` | the page's connection: when it opens, and when it comes back |
//! | `subscription` | a channel that a component asks for |
//! | `joined` | a channel as the socket carries it |
//! | `live` | what went stale of live contexts |
//! | `call` | calls |
//!
//! Nothing here knows the types of messages, so that its code exists once.

pub(crate) mod call;
mod joined;
pub(crate) mod live;
mod socket;
mod subscription;
#[cfg(test)]
mod tests;

pub(crate) use subscription::{Asked, Subscription};
