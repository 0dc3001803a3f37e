//! What the body of a function can ask about the request it runs in.
//!
//! Everything here hangs on Leptos's context, so it works wherever `use_context` does: in the body
//! of a call, in a context member, in a component during server rendering. It does not work in a
//! task that the body spawned: take out what the task needs before spawning it.

mod cookies;
mod headers;
mod owner;
mod redirect;
mod scope;
mod state;

pub(crate) use cookies::values as cookie_values;
pub use cookies::{Cookies, cookies};
pub use headers::{Headers, headers};
pub(crate) use owner::{head, in_owner, owner, owner_of, page, with_owner};
pub use redirect::redirect;
pub(crate) use scope::{Scope, Way};
pub(crate) use state::StateMap;
pub use state::state;
