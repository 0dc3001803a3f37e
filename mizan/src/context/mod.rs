//! Contexts: data that components share, rendered on the server and live in the client.
//!
//! A context is a struct whose fields are parameters; each value of them is an *instance* with a
//! key of its own. The members of a context are Mizan functions. Their answers travel together,
//! as a *bundle*: on the server all members of an instance run in-process, once per request
//! however many components read them (`server/`), and their answers go into the page; in the
//! browser a store takes them out of the page, or fetches the bundle in one request (`client/`).

mod key;
mod options;
mod param;
mod query;
pub(crate) mod wire;

#[cfg(not(feature = "ssr"))]
pub(crate) mod client;
#[cfg(feature = "ssr")]
pub(crate) mod server;

#[cfg(not(feature = "ssr"))]
pub(crate) use client as side;
#[cfg(feature = "ssr")]
pub(crate) use server as side;

pub(crate) use key::{key_of, percent_encoded};
pub use {
    options::ContextOptions,
    param::{ContextParam, Value},
    query::Query,
};

use crate::Call;
use leptos::{
    IntoView,
    children::TypedChildren,
    context::{Provider, ProviderProps},
    prelude::with_context,
};

/// A context: a name on the wire, and parameters. `#[mizan::context]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context",
    label = "not a context",
    note = "put `#[mizan::context]` on the struct; for data that belongs to the whole page, write `context = \"global\"`"
)]
pub trait Context: Send + Sync + 'static {
    /// The name on the wire.
    const NAME: &'static str;

    /// The names of the parameters, sorted.
    const PARAMETERS: &'static [&'static str];

    /// The name of the component that provides an instance.
    const PROVIDER: &'static str;

    /// How the browser treats its data.
    const OPTIONS: ContextOptions;

    /// The values of the parameters, in the order of [`PARAMETERS`](Self::PARAMETERS).
    fn values(&self) -> Vec<Value>;
}

/// The context of the page as a whole: fetched once per page load, part of what the server
/// renders. `context = "global"` is short for `context = mizan::Global`.
#[derive(Clone, Copy, Debug)]
pub struct Global;

impl Context for Global {
    const NAME: &'static str = "global";
    const PARAMETERS: &'static [&'static str] = &[];
    const PROVIDER: &'static str = "";
    const OPTIONS: ContextOptions = ContextOptions::new();

    fn values(&self) -> Vec<Value> {
        Vec::new()
    }
}

/// A function whose answer is a member of a context.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a member of a context",
    label = "not a member of a context",
    note = "add `context = ..` to its `#[mizan::client(..)]`"
)]
pub trait Member: Call<Output: Clone> {
    /// The context it belongs to.
    type Context: Context;
}

/// The instance of the context `C` that the nearest provider provides.
pub(crate) struct Provided<C> {
    instance: side::Handle,
    context: std::marker::PhantomData<C>,
}

impl<C> Provided<C> {
    pub(crate) fn new(instance: side::Handle) -> Self {
        Self {
            instance,
            context: std::marker::PhantomData,
        }
    }
}

/// Provides the instance that `parameters` name to `children`.
pub fn provide<C, V>(
    parameters: impl Fn() -> C + Send + Sync + 'static,
    children: TypedChildren<V>,
) -> impl IntoView
where
    C: side::Providable,
    V: IntoView + 'static,
{
    let value = Provided::<C>::new(side::Handle::provided(parameters));
    Provider(
        ProviderProps::builder()
            .value(value)
            .children(children)
            .build(),
    )
}

/// Returns the query of a member, in the nearest provider's instance of its context.
pub fn query<M: Member>() -> Query<M::Output> {
    if M::Context::PROVIDER.is_empty() {
        return side::Handle::global().query::<M>();
    }
    // Taken out first: the owner is locked meanwhile, and a query makes one of its own
    match with_context(|provided: &Provided<M::Context>| provided.instance.clone()) {
        Some(instance) => instance.query::<M>(),
        None => Query::outside(M::NAME, M::Context::PROVIDER),
    }
}

/// The global context as a whole; returned by [`use_context_global`].
#[derive(Clone, Debug)]
pub struct GlobalContext(side::Handle);

/// Returns a handle to the global context, for members chosen by type.
///
/// # Example
///
/// ```
/// use leptos::prelude::*;
///
/// #[mizan::client(context = "global")]
/// pub async fn site_name() -> mizan::Result<String> {
///     Ok("Mizan".to_owned())
/// }
///
/// #[component]
/// fn Title() -> impl IntoView {
///     let globals = mizan::use_context_global();
///     let name = globals.query::<SiteName>(); // the same as `use_site_name()`
///     view! { <Suspense><h1>{move || name.get()}</h1></Suspense> }
/// }
/// # let _ = Title;
/// ```
pub fn use_context_global() -> GlobalContext {
    GlobalContext(side::Handle::global())
}

impl GlobalContext {
    /// Returns the query of one member.
    pub fn query<M: Member<Context = Global>>(&self) -> Query<M::Output> {
        self.0.query::<M>()
    }

    /// Fetches all members again, in one request. On the server this does nothing.
    pub fn refetch(&self) {
        self.0.refetch();
    }
}

/// Fetches an instance ahead of the components that will show it, unless its data is there
/// already: while the pointer is over a link, say. On the server this does nothing.
///
/// What nobody shows within the context's `gc_time` is dropped again.
///
/// # Example
///
/// ```
/// #[mizan::context]
/// pub struct ProfileContext {
///     pub user_id: i64,
/// }
///
/// let ahead = |user_id| mizan::prefetch(&ProfileContext { user_id });
/// # let _ = ahead;
/// ```
pub fn prefetch<C: Context>(context: &C) {
    side::prefetch(context);
}
