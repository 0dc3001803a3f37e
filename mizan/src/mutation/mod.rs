//! Mutations: functions that change something, and say what that made stale.
//!
//! `affects` and `merge` of `#[mizan::client]` are declarations. On the server `consequences` turns
//! them into what an answer says, with new data for what the browser shows; in the browser
//! `client` takes the answer apart and hands its parts to the contexts' store.

mod handle;

#[cfg(not(feature = "ssr"))]
pub(crate) mod client;
#[cfg(feature = "ssr")]
pub(crate) mod consequences;
#[cfg(feature = "ssr")]
pub(crate) mod server;

#[cfg(not(feature = "ssr"))]
pub(crate) use client as side;
#[cfg(feature = "ssr")]
pub(crate) use server as side;

pub use handle::Mutation;
