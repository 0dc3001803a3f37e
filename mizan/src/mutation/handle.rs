use super::side::{self, Callable, Change};
use crate::{Error, Query, Result};
use leptos::{
    prelude::{Get, GetUntracked, Set, StoredValue, Update, WithValue},
    reactive::signal::ArcRwSignal,
};
use serde::de::DeserializeOwned;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// A function that a component calls, and how its calls are going; returned by the `use_<fn>()` of
/// a function that is no member of a context.
///
/// It is `Copy`, and belongs to the owner that called the hook. A call that was dispatched goes on
/// when the component is gone.
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
/// #[mizan::client(affects = "global")]
/// pub async fn rename(name: String) -> mizan::Result<()> {
///     let _ = name;
///     Ok(())
/// }
///
/// #[component]
/// fn Rename() -> impl IntoView {
///     let visitor = use_visitor();
///     // shown at once; taken back if the call fails
///     let rename = use_rename().optimistic(visitor, |name, call| name.clone_from(&call.name));
///     view! {
///         <button
///             disabled=move || rename.pending()
///             on:click=move |_| rename.dispatch(Rename { name: "Ada".to_owned() })
///         >"Call me Ada"</button>
///         <p role="alert">{move || rename.error().map(|error| error.to_string())}</p>
///     }
/// }
/// # let _ = Rename;
/// ```
pub struct Mutation<C: Callable>(StoredValue<State<C>>);

struct State<C: Callable> {
    /// The result of the latest of the calls that have ended.
    settled: ArcRwSignal<Option<Result<C::Output>>>,
    in_flight: ArcRwSignal<usize>,
    numbers: Arc<Numbers>,
    changes: Arc<Mutex<Vec<Change<C>>>>,
}

impl<C: Callable> Clone for State<C> {
    fn clone(&self) -> Self {
        Self {
            settled: self.settled.clone(),
            in_flight: self.in_flight.clone(),
            numbers: Arc::clone(&self.numbers),
            changes: Arc::clone(&self.changes),
        }
    }
}

/// Calls are numbered in the order in which they were dispatched, from 1.
#[derive(Default)]
struct Numbers {
    dispatched: AtomicU64,
    /// The highest number of those that have ended.
    settled: AtomicU64,
}

impl<C: Callable> Mutation<C> {
    /// For the hooks, which the macro writes.
    #[doc(hidden)]
    #[allow(clippy::new_without_default, reason = "a hook, not a value")]
    pub fn new() -> Self {
        Self(StoredValue::new(State {
            settled: ArcRwSignal::new(None),
            in_flight: ArcRwSignal::new(0),
            numbers: Arc::default(),
            changes: Arc::default(),
        }))
    }
}

impl<C: Callable<Output: Clone>> Mutation<C> {
    /// Changes the value that `query` shows while a call is under way, before its answer is there.
    ///
    /// When the answer brings the member's new data, that takes the change's place; when the call
    /// fails, the change is taken back. Changes of several calls lie over one another, so taking
    /// one back leaves the others. Each one may be applied several times, to a newer value each
    /// time: set what the call sets, and don't count.
    #[must_use]
    pub fn optimistic<T>(
        self,
        query: Query<T>,
        change: impl Fn(&mut T, &C) + Send + Sync + 'static,
    ) -> Self
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let change = side::change(query, change);
        self.0.with_value(|state| lock(&state.changes).push(change));
        self
    }

    /// Calls the function; the result is in [`value`](Self::value) and [`error`](Self::error).
    pub fn dispatch(&self, arguments: C) {
        let call = self.call(arguments);
        side::spawn(async move { drop(call.await) });
    }

    /// Calls the function and returns its result.
    ///
    /// The call is counted from now on, and sent when the future is first polled.
    ///
    /// # Errors
    ///
    /// What the function answered, or NETWORK when no answer of the server's arrived.
    pub fn call(&self, arguments: C) -> impl Future<Output = Result<C::Output>> + use<C> {
        let State {
            settled,
            in_flight,
            numbers,
            changes,
        } = self.0.with_value(Clone::clone);
        let number = numbers.dispatched.fetch_add(1, Ordering::Relaxed) + 1;
        let counted = Counted::new(in_flight);
        let changes = lock(&changes).clone();
        async move {
            let result = side::run(arguments, &changes).await;
            drop(counted);
            // A call that was dispatched earlier and took longer says nothing new
            let latest = numbers.settled.fetch_max(number, Ordering::Relaxed);
            if latest < number {
                settled.set(Some(result.clone()));
            }
            result
        }
    }

    /// Returns whether a call is under way.
    pub fn pending(&self) -> bool {
        self.in_flight() > 0
    }

    /// Returns how many calls are under way.
    pub fn in_flight(&self) -> usize {
        self.0.with_value(|state| state.in_flight.clone()).get()
    }

    /// Returns what the latest call that has ended returned, unless it failed. Latest is the one
    /// that was dispatched last, in whatever order the answers came.
    pub fn value(&self) -> Option<C::Output> {
        self.settled().get()?.ok()
    }

    /// Returns what the latest call that has ended failed with.
    pub fn error(&self) -> Option<Error> {
        self.settled().get()?.err()
    }

    /// Forgets value and error; a form that is opened anew starts without them.
    pub fn clear(&self) {
        let settled = self.settled();
        if settled.get_untracked().is_some() {
            settled.set(None);
        }
    }

    fn settled(&self) -> ArcRwSignal<Option<Result<C::Output>>> {
        self.0.with_value(|state| state.settled.clone())
    }
}

impl<C: Callable> Clone for Mutation<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Callable> Copy for Mutation<C> {}

impl<C: Callable> std::fmt::Debug for Mutation<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mutation").finish_non_exhaustive()
    }
}

/// One of the calls under way, also where its future is dropped.
struct Counted(ArcRwSignal<usize>);

impl Counted {
    fn new(count: ArcRwSignal<usize>) -> Self {
        count.update(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.update(|count| *count -= 1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
