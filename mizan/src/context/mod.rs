//! Contexts: data that components share, rendered on the server and live in the client.
//!
//! The members of a context are Mizan functions. Their answers travel together, as a *bundle*: on
//! the server all members run in-process, once per request however many components read them
//! (`server.rs`), and their answers go into the page; in the browser the store takes them out of
//! the page, or fetches the bundle in one request (`client.rs`).

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

pub use query::Query;

use crate::Call;

/// A context: a name on the wire.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context",
    label = "not a context",
    note = "for data that belongs to the whole page, write `context = \"global\"`"
)]
pub trait Context: 'static {
    /// The name on the wire.
    const NAME: &'static str;
}

/// The context of the page as a whole: fetched once per page load, part of what the server
/// renders. `context = "global"` is short for `context = mizan::Global`.
#[derive(Clone, Copy, Debug)]
pub struct Global;

impl Context for Global {
    const NAME: &'static str = "global";
}

/// A function whose answer is a member of a context.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a member of a context",
    label = "not a member of a context",
    note = "add `context = \"global\"` to its `#[mizan::client(..)]`"
)]
pub trait Member: Call<Output: Clone> {
    /// The context it belongs to.
    type Context: Context;
}

/// The global context as a whole; returned by [`use_context_global`].
#[derive(Clone, Debug)]
pub struct GlobalContext(side::Page);

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
    GlobalContext(side::Page::current())
}

impl GlobalContext {
    /// Returns the query of one member.
    pub fn query<M: Member<Context = Global>>(&self) -> Query<M::Output> {
        self.0.query::<M>()
    }

    /// Fetches all members again, in one request. On the server this does nothing.
    pub fn refetch(&self) {
        self.0.refetch::<Global>();
    }
}
