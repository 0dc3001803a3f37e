use super::side::{self, Source};
use crate::{Code, Error, Result};
use leptos::prelude::{
    ArcAsyncDerived, AsyncDerived, AsyncDerivedFuture, DefinedAt, Get, GetUntracked, IsDisposed,
    ReadUntracked, Set, StoredValue, Track, WithValue,
};
use serde::de::DeserializeOwned;
use std::{
    future::{IntoFuture, ready},
    panic::Location,
};

/// A member of a context, as a component sees it.
///
/// It is read like a Leptos resource: `.get()` in `<Suspense>` or `<Transition>`, `.await` in
/// `Suspend`; an error goes through `<ErrorBoundary>`. It is `Copy`, and belongs to the owner that
/// called the hook. Any number of handles to one member share one value and one fetch.
///
/// Read it inside a `<Suspense>`: outside, the server may render the page before the value is
/// there, and the browser would find other nodes than it expects.
///
/// # Example
///
/// ```
/// use leptos::prelude::*;
///
/// #[mizan::client(context = "global")]
/// pub async fn visitor() -> mizan::Result<String> {
///     Ok("a guest".to_owned())
/// }
///
/// #[component]
/// fn Greeting() -> impl IntoView {
///     let visitor = use_visitor();
///     view! {
///         <Suspense fallback=|| "…">
///             <ErrorBoundary fallback=|_| "Who are you?">
///                 {move || Suspend::new(async move { visitor.await.map(|name| view! { <b>{name}</b> }) })}
///             </ErrorBoundary>
///         </Suspense>
///     }
/// }
/// # let _ = Greeting;
/// ```
pub struct Query<T: 'static> {
    value: AsyncDerived<Result<T>>,
    /// `None` where the value is never fetched: on the server.
    source: Option<StoredValue<Source>>,
}

impl<T> Query<T> {
    /// Returns whether a request for the value is under way: the first one or a later one.
    pub fn is_fetching(&self) -> bool {
        self.ask(Source::is_fetching).unwrap_or_default()
    }

    /// Fetches the value again, with all members of its context, in one request.
    ///
    /// A request that is already under way is abandoned: its answer may be from before whatever
    /// made this necessary. On the server this does nothing.
    pub fn refetch(&self) {
        self.ask(Source::refetch);
    }

    /// Says that the value is no longer true: it is fetched again, with all members of its
    /// context. On the server this does nothing.
    ///
    /// What a mutation changes needs no such call: `affects` on its function says it once for all.
    pub fn invalidate(&self) {
        self.ask(Source::invalidate);
    }

    /// Asks where the value comes from; `None` on the server, and when the query is disposed of.
    fn ask<U>(&self, ask: impl FnOnce(&Source) -> U) -> Option<U> {
        self.source?.try_with_value(ask)
    }
}

impl<T: Clone + Send + Sync + 'static> Query<T> {
    /// A query whose value comes from somewhere else.
    #[allow(dead_code, reason = "the browser's alone")]
    pub(crate) fn fetched(value: ArcAsyncDerived<Result<T>>, source: Source) -> Self {
        Self {
            value: value.into(),
            source: Some(StoredValue::new(source)),
        }
    }

    /// A query that is never fetched again.
    pub(crate) fn settled(value: ArcAsyncDerived<Result<T>>) -> Self {
        Self {
            value: value.into(),
            source: None,
        }
    }

    /// The query of a hook that was called outside of its provider: an error, which the developer
    /// is told as well.
    pub(crate) fn outside(member: &str, provider: &str) -> Self {
        let message = format!("`use_{member}()` was called outside of a `<{provider}>`");
        side::complain(&message);
        let error = Error::new(Code::Internal, message);
        Self::settled(ArcAsyncDerived::new(move || ready(Err(error.clone()))))
    }
}

impl<T: DeserializeOwned + Clone + Send + Sync + 'static> Query<T> {
    /// Returns the error of the last attempt: the member's own, or that of a fetch that failed
    /// while an earlier value stays.
    pub fn error(&self) -> Option<Error> {
        match self.source {
            Some(_) => self.ask(Source::error::<T>).flatten()?.err(),
            None => self.value.get()?.err(),
        }
    }

    /// Shows a value, until the next fetch says otherwise.
    pub fn set(&self, value: T) {
        let shown = match self.source {
            Some(_) => self.ask(|source| source.set(value)).flatten(),
            None => Some(Ok(value)),
        };
        self.show(shown);
    }

    /// Changes the value in place, if there is one.
    pub fn update(&self, change: impl FnOnce(&mut T)) {
        let shown = match self.source {
            Some(_) => self.ask(|source| source.update(change)).flatten(),
            None => self.value.get_untracked().map(|value| {
                value.map(|mut value| {
                    change(&mut value);
                    value
                })
            }),
        };
        self.show(shown);
    }

    /// Shows a value from now on; other queries of the member follow in a moment.
    fn show(&self, shown: Option<Result<T>>) {
        // Writing ends the wait for a first answer, also where nothing is written
        if shown.is_some() {
            self.value.try_set(shown);
        }
    }

    /// Lays a change over the value until the overlay is lifted.
    #[allow(dead_code, reason = "the browser's alone")]
    pub(crate) fn lay(
        &self,
        change: impl Fn(&mut T) + Send + Sync + 'static,
    ) -> Option<side::Overlay> {
        self.ask(|source| source.lay(change)).flatten()
    }
}

impl<T> Clone for Query<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Query<T> {}

impl<T> std::fmt::Debug for Query<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Query").finish_non_exhaustive()
    }
}

impl<T> DefinedAt for Query<T> {
    fn defined_at(&self) -> Option<&'static Location<'static>> {
        self.value.defined_at()
    }
}

impl<T> IsDisposed for Query<T> {
    fn is_disposed(&self) -> bool {
        self.value.is_disposed()
    }
}

impl<T: Send + Sync + 'static> Track for Query<T> {
    fn track(&self) {
        self.value.track();
    }
}

impl<T: Send + Sync + 'static> ReadUntracked for Query<T> {
    type Value = <AsyncDerived<Result<T>> as ReadUntracked>::Value;

    fn try_read_untracked(&self) -> Option<Self::Value> {
        self.value.try_read_untracked()
    }
}

impl<T: Clone + Send + Sync + 'static> IntoFuture for Query<T> {
    type Output = Result<T>;
    type IntoFuture = AsyncDerivedFuture<Result<T>>;

    fn into_future(self) -> Self::IntoFuture {
        self.value.into_future()
    }
}
