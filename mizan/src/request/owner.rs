//! Owners of Leptos's, which what a request runs hangs on.

use super::Scope;
use http::request::Parts;
use hydration_context::SharedContext;
use leptos::{
    prelude::provide_context,
    reactive::{
        computed::ScopedFuture,
        owner::{Owner, with_context},
    },
};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
};

/// A root owner for a request.
///
/// Not `Owner::new`: that would make it a child of whatever request ran on this thread last.
pub(crate) fn owner() -> Owner {
    let before = Owner::current();
    let owner = Owner::new_root(None);
    // `new_root` left it as the thread's owner
    match before {
        Some(before) => before.set(),
        None => owner.clone().unset(),
    }
    owner
}

/// A root owner that has the head of a request.
pub(crate) fn owner_of(head: Parts) -> Owner {
    let owner = owner();
    with_owner(&owner, || provide_context(head));
    owner
}

/// Does something in an owner.
///
/// Leptos puts the thread's owner back afterwards, and not the arena of its values.
pub(crate) fn with_owner<T>(owner: &Owner, f: impl FnOnce() -> T) -> T {
    let before = Owner::current();
    let value = owner.with(f);
    if let Some(before) = before {
        before.set();
    }
    value
}

/// Creates a future in an owner, and runs it there.
pub(crate) async fn in_owner<F: Future>(owner: &Owner, create: impl FnOnce() -> F) -> F::Output {
    let mut work = pin!(with_owner(owner, || ScopedFuture::new_untracked(create())));
    poll_fn(|context| with_owner(owner, || work.as_mut().poll(context))).await
}

/// The page that is being rendered, where its own owner is the current one.
///
/// A page is rendered in an owner without a parent. Leptos prepares the endpoints of its own
/// `#[server]` functions in the same way, below whatever page the thread held last: data written
/// there would be another visitor's.
pub(crate) fn page() -> Option<Arc<dyn SharedContext + Send + Sync>> {
    let page = Owner::current().filter(|owner| owner.parent().is_none());
    page.and_then(|owner| owner.shared_context())
}

/// Looks at the head of the current request, for what notes what it takes out of it; `None`
/// outside of one.
pub(crate) fn head<T>(f: impl FnOnce(&Parts) -> T) -> Option<T> {
    match Scope::current() {
        Some(scope) if scope.run().is_some() => scope.run().and_then(|run| run.head()).map(f),
        _ => with_context(f),
    }
}
