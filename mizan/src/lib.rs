//! A full-stack framework on Leptos and axum: one annotated async function, `#[mizan::client]`,
//! is a typed server function, a piece of the server-rendered page and its hydration payload,
//! live data in the browser and a guarded endpoint.
//!
//! ```
//! use leptos::prelude::*;
//!
//! #[mizan::client(context = "global")]
//! pub async fn current_user() -> mizan::Result<String> {
//!     Ok("a guest".to_owned())
//! }
//!
//! #[mizan::client]
//! pub async fn echo(text: String) -> mizan::Result<String> {
//!     Ok(text)
//! }
//!
//! #[component]
//! fn Home() -> impl IntoView {
//!     let user = use_current_user(); // rendered on the server, not fetched again
//!     let echo = ServerAction::<Echo>::new(); // a typed call
//!     view! {
//!         <Suspense><p>"Hello, " {move || user.get()}</p></Suspense>
//!         <button on:click=move |_| { echo.dispatch(Echo { text: "hi".to_owned() }); }>"Say hi"</button>
//!     }
//! }
//! # let _ = Home;
//! ```
//!
//! # Features
//!
//! | feature | what it makes of the crate |
//! | --- | --- |
//! | `ssr` | the server: bodies run, `Mizan` builds the router |
//! | `hydrate` | the browser's half, taking over what the server rendered |
//! | `csr` | the browser's half, rendering by itself |
//!
//! An application forwards its own features of these names. `ssr` is the one switch between the
//! halves; where both are on, it wins.

// For tests inside of the crate, whose macros name it
#[cfg(test)]
extern crate self as mizan;

#[cfg(feature = "ssr")]
pub use cookie;
pub use {
    call::Call,
    context::{Global, GlobalContext, Query, prefetch, use_context_global},
    error::{Code, Error, Result},
    mizan_macros::{client, context},
    mount::mount,
    mutation::Mutation,
};
#[cfg(feature = "ssr")]
#[doc(inline)]
pub use {
    mutation::consequences::{invalidate, invalidate_all},
    request::{Cookies, cookies, redirect, state},
    server::{Mizan, serve},
};

pub mod call;
pub mod context;
mod error;
mod json;
mod macros;
mod mount;
mod mutation;
pub mod prelude;

#[cfg(not(feature = "ssr"))]
mod browser;
#[cfg(feature = "ssr")]
mod registry;
#[cfg(feature = "ssr")]
mod request;
#[cfg(feature = "ssr")]
pub mod server;

#[doc(hidden)]
pub mod __private;
