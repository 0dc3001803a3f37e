use crate::{Error, Result};
use leptos::{
    prelude::{
        ArcAsyncDerived, AsyncDerived, AsyncDerivedFuture, DefinedAt, Get, GetValue, IsDisposed,
        ReadUntracked, StoredValue, Track,
    },
    reactive::signal::ArcRwSignal,
};
use std::{future::IntoFuture, panic::Location, sync::Arc};

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

/// Where a query's value comes from, and how that is going.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) fetching: ArcRwSignal<bool>,
    pub(crate) error: ArcRwSignal<Option<Error>>,
    pub(crate) refetch: Arc<dyn Fn() + Send + Sync>,
}

impl<T> Query<T> {
    /// Returns whether a request for the value is under way: the first one or a later one.
    pub fn is_fetching(&self) -> bool {
        self.source
            .is_some_and(|source| source.get_value().fetching.get())
    }

    /// Returns the error of the last attempt: the member's own, or that of a fetch that failed
    /// while an earlier value stays.
    pub fn error(&self) -> Option<Error>
    where
        T: Clone + Send + Sync,
    {
        let fetch = self
            .source
            .and_then(|source| source.get_value().error.get());
        fetch.or_else(|| self.value.get()?.err())
    }

    /// Fetches the value again, with all members of its context, in one request.
    ///
    /// A request that is already under way is abandoned: its answer may be from before whatever
    /// made this necessary. On the server this does nothing.
    pub fn refetch(&self) {
        if let Some(source) = self.source {
            (source.get_value().refetch)();
        }
    }
}

impl<T: Send + Sync + 'static> Query<T> {
    /// Shows a value, until the next fetch says otherwise.
    pub fn set(&self, value: T) {
        leptos::prelude::Set::set(&self.value, Some(Ok(value)));
    }

    /// Changes the value in place, if there is one.
    pub fn update(&self, change: impl FnOnce(&mut T)) {
        // Writing would end the wait for a first answer, also where nothing is written
        let has_value = self
            .try_read_untracked()
            .is_some_and(|value| matches!(*value, Some(Ok(_))));
        if has_value {
            leptos::prelude::Update::update(&self.value, |value| {
                if let Some(Ok(value)) = value {
                    change(value);
                }
            });
        }
    }

    /// A query whose value is fetched, and can be fetched again.
    #[cfg_attr(feature = "ssr", expect(dead_code, reason = "the browser's"))]
    pub(crate) fn fetched(value: ArcAsyncDerived<Result<T>>, source: Source) -> Self {
        Self {
            value: value.into(),
            source: Some(StoredValue::new(source)),
        }
    }

    /// A query that is never fetched again.
    #[cfg_attr(not(feature = "ssr"), expect(dead_code, reason = "the server's"))]
    pub(crate) fn settled(value: ArcAsyncDerived<Result<T>>) -> Self {
        Self {
            value: value.into(),
            source: None,
        }
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
