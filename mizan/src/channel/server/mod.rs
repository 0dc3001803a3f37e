//! Channels on the server.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `config` | which layer carries messages, and how much of the past is kept |
//! | `registration` | channels as the whole program has them |
//! | `handler` | what an application says of a channel |
//! | `hub` | the groups that this node's sockets have joined |
//! | `live` | who shows which instances of live contexts |
//! | `presence` | who is in which group, on all nodes |
//! | `frames` | what sockets are told of a group |
//! | `line` | what is on its way to one socket |
//! | `render` | channels in a page that is being rendered |

mod config;
mod frames;
mod handler;
mod hub;
mod line;
mod live;
mod presence;
mod registration;
pub(crate) mod render;

pub use config::{Channels, ChannelsBuilder, ConnectError};
pub use handler::{ChannelContext, ChannelHandler, position, push};
pub use registration::{ChannelRegistration, ServerAddress};
pub(crate) use {
    hub::{Hub, Joining, Membership},
    line::{End, Line},
    live::{Live, Reader, Shown, Versions},
    registration::Handler,
};
