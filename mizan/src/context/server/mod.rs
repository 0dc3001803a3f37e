//! Contexts on the server: members run in-process, once per request.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `registration` | contexts and members as the whole program has them |
//! | `instance` | a context with values for its parameters |
//! | `outcome` | what members end in, and how a bundle is written |
//! | `page` | the instances of a page that is being rendered |

mod instance;
mod outcome;
mod page;
mod registration;

pub(crate) use {
    instance::Instance,
    outcome::{Outcome, Outcomes, answer_all, write_version},
    page::{Handle, Instances, Overlay, Source, start_global},
    registration::ServerContext as Providable,
    registration::{Contexts, Entry, Parameters, Public},
};
pub use {
    instance::Values,
    registration::{
        ContextRegistration, MemberRegistration, Parameter, ServerContext, ServerMember,
    },
};

/// Tells the developer.
pub(crate) fn complain(message: &str) {
    tracing::error!("{message}");
}

/// What is known of the session beside the page: nothing, while it is rendered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionSignal;

impl SessionSignal {
    pub(crate) fn current() -> Self {
        Self
    }

    pub(crate) fn expired(self) -> bool {
        false
    }
}

/// A page is rendered with what its request finds: nothing is fetched ahead.
pub(crate) fn prefetch<C: super::Context>(_: &C) {}
