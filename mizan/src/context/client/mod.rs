//! Contexts in the browser: a store that belongs to the page.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `page` | the store: every instance that somebody asked for, by its key |
//! | `instance` | a context with values for its parameters: its requests, and who shows it |
//! | `slot` | the value of one member, which all queries of the member share |
//! | `handle` | a provider's instance, which may become another one |
//! | `bundle` | answers, still in JSON |
//! | `session` | whether the visitor is still who they were |
//!
//! What the server put into the page is taken from there; the rest is fetched, one request for all
//! members of an instance.

mod bundle;
mod handle;
mod instance;
mod page;
mod session;
mod slot;
#[cfg(test)]
mod tests;

pub(crate) use super::Context as Providable;
pub(crate) use crate::browser::complain;
pub(crate) use {
    bundle::{Bundle, Target},
    handle::{Handle, Source},
    instance::{Instance, Live},
    page::{Answered, Merge, Page, Refreshed},
    session::{SessionSignal, on_change},
    slot::Overlay,
};

/// Fetches an instance, unless its data is there.
pub(crate) fn prefetch<C: super::Context>(context: &C) {
    Page::current().instance(context).prefetch();
}

/// Locks; a panic elsewhere is no reason for another one here.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
