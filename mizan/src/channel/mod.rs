//! Channels: messages between the browsers that show the same thing, and the server.
//!
//! A channel is a struct whose fields are parameters, and a handler that says who may join, which
//! group they join, and what becomes of what they send. All channels of a page go over its one
//! socket. A group's messages are numbered and remembered for a while, so that a browser whose
//! connection was lost gets what it missed, in order, or learns that it can't.
//!
//! | folder | what is in it |
//! | --- | --- |
//! | `layer/` | what carries messages between nodes, and their history |
//! | `server/` | who has joined what on this node, and the handlers |
//! | `client/` | the page's one socket, and what goes over it |
//! | `handle` | what a component has of a channel; `shown` is what it sees |
//! | `wire` | what both halves know |

mod handle;
#[cfg_attr(
    feature = "ssr",
    allow(dead_code, reason = "nothing is heard on the server")
)]
mod shown;
pub(crate) mod wire;

#[cfg(not(feature = "ssr"))]
pub(crate) mod client;
#[cfg(feature = "ssr")]
pub(crate) mod layer;
#[cfg(feature = "ssr")]
pub(crate) mod server;

pub use handle::{Handle, Status};
#[cfg(feature = "ssr")]
pub use server::{ChannelContext, ChannelHandler, Channels, ChannelsBuilder, ConnectError};
pub use wire::Position;

#[cfg(not(feature = "ssr"))]
pub(crate) use client as side;
#[cfg(feature = "ssr")]
pub(crate) use server::render as side;

use crate::context::Value;
use serde::{Serialize, de::DeserializeOwned};

/// A channel's name on the wire, and its parameters. `#[mizan::channel]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a channel",
    label = "not a channel",
    note = "put `#[mizan::channel]` on the struct"
)]
pub trait Address: Send + Sync + 'static {
    /// The name on the wire.
    const NAME: &'static str;

    /// The names of the parameters, sorted.
    const PARAMETERS: &'static [&'static str];

    /// The values of the parameters, in the order of [`PARAMETERS`](Self::PARAMETERS).
    fn values(&self) -> Vec<Value>;
}

/// A channel, with what is said in it. `#[mizan::channel_handler]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handler",
    label = "nobody says what becomes of its messages",
    note = "write `#[mizan::channel_handler] impl Channel for {Self} {{ .. }}`"
)]
pub trait Channel: Address {
    /// What browsers send.
    type ClientMessage: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// What they get.
    type ServerMessage: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// What others see of somebody who is there.
    type Presence: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// Whether there is such a thing: whether browsers want to know who is there.
    const HAS_PRESENCE: bool;
}
