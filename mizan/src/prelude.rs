//! What most files of an application want, named one by one.
//!
//! `Error` and `Result` are not among them: Leptos's prelude has its own. They are written in
//! full, `mizan::Error` and `mizan::Result`.

pub use crate::{
    Query,
    context::{Member, use_context_global},
};
