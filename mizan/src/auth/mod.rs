//! Identity: who calls, and what they may.
//!
//! | what | where |
//! | --- | --- |
//! | a user of the application's, and where users come from | `user` |
//! | a visitor's session, from its cookie to its store | `session`, `store` |
//! | who the current request is, signing in and out | `identity` |
//! | `auth = ..` on a function | `guard` |
//! | passwords | `password` |
//! | bearer tokens, for callers that are no browser | `bearer`, `token` |
//! | what the browser learns | `status`, `wire` |
//!
//! A request's identity is found out when something first asks for it: a function without a guard
//! pays nothing.

mod status;
pub(crate) mod wire;

#[cfg(feature = "ssr")]
pub(crate) mod bearer;
#[cfg(feature = "ssr")]
mod guard;
#[cfg(feature = "ssr")]
mod identity;
#[cfg(feature = "ssr")]
pub mod password;
#[cfg(feature = "ssr")]
mod session;
#[cfg(feature = "ssr")]
mod store;
#[cfg(feature = "tokens")]
pub mod token;
#[cfg(feature = "ssr")]
mod user;

pub use {
    status::{SessionStatus, use_session},
    wire::TokenPair,
};

#[cfg(feature = "ssr")]
pub use {
    axum_login::{AuthUser, AuthnBackend},
    guard::{Guard, GuardContext},
    identity::{authenticate, current_user, login, logout},
    session::session,
    store::{ConnectError, Sessions},
    tower_sessions::{Session, SessionStore},
    user::User,
};
#[cfg(feature = "ssr")]
#[doc(hidden)]
pub use {
    guard::{admit, user_type},
    user::UserType,
};
#[cfg(feature = "ssr")]
pub(crate) use {
    identity::{Commit, Identity, principal},
    user::{Backend, Principal, Users, who},
};
