//! A full-stack framework on Leptos and axum: one annotated async function, `#[mizan::client]`,
//! is a typed server function, a piece of the server-rendered page and its hydration payload,
//! live data in the browser and a guarded endpoint.
//!
//! ```
//! use leptos::prelude::*;
//!
//! #[mizan::client(context = "global")] // rendered on the server, not fetched again
//! pub async fn current_user() -> mizan::Result<String> {
//!     Ok(mizan::cookies().get("name").unwrap_or_else(|| "a guest".to_owned()))
//! }
//!
//! #[mizan::client(affects = "global")] // its answer brings the user anew, to every component
//! pub async fn rename(name: String) -> mizan::Result<()> {
//!     if name.is_empty() {
//!         return Err(mizan::Error::invalid_field("name", "say something"));
//!     }
//!     mizan::cookies().set(("name", name));
//!     Ok(())
//! }
//!
//! #[component]
//! fn Home() -> impl IntoView {
//!     let user = use_current_user();
//!     let rename = use_rename();
//!     view! {
//!         <Suspense><p>"Hello, " {move || user.get()}</p></Suspense>
//!         <button on:click=move |_| rename.dispatch(Rename { name: "Ada".into() })>"I am Ada"</button>
//!         <p role="alert">{move || rename.error().map(|error| error.to_string())}</p>
//!     }
//! }
//! # let _ = Home;
//! ```
//!
//! | attribute | what it makes |
//! | --- | --- |
//! | [`#[mizan::client]`](client) | a server function; with `context`, a member of a context; with `affects` or `merge`, a mutation; with `route`, a view with a path of its own |
//! | [`#[mizan::context]`](macro@context) | a context with parameters, and its provider |
//! | [`#[mizan::form]`](macro@form) | a form, checked on both sides; with [`#[mizan::form_handler]`](form_handler), what becomes of it |
//!
//! A function with a path of its own answers the browser itself, with anything that axum can:
//!
//! ```
//! use leptos::prelude::*;
//!
//! mizan::server! {
//!     use axum::response::{IntoResponse, Redirect};
//! }
//!
//! #[mizan::client(route = "/hello/{name}")]
//! pub async fn hello(name: String, times: Option<u8>) -> impl IntoResponse {
//!     format!("Hello, {name}! ").repeat(times.unwrap_or(1).into())
//! }
//!
//! #[mizan::client(route = "/theme", methods = [POST])]
//! pub async fn choose_theme(theme: String) -> mizan::Result<impl IntoResponse> {
//!     mizan::cookies().set(("theme", theme));
//!     Ok(Redirect::to("/"))
//! }
//!
//! #[component]
//! fn Links() -> impl IntoView {
//!     view! {
//!         <a href=Hello { name: "Ada & Grace".into(), times: None }.url() rel="external">"Hello"</a>
//!         <form method="post" action=ChooseTheme::action()><button name="theme" value="dark"/></form>
//!     }
//! }
//!
//! let twice = Hello { name: "Ada & Grace".into(), times: Some(2) };
//! assert_eq!(twice.url(), "/hello/Ada%20%26%20Grace?times=2");
//! # let _ = Links;
//! ```
//!
//! # Features
//!
//! | feature | what it makes of the crate |
//! | --- | --- |
//! | `ssr` | the server: bodies run, `Mizan` builds the router |
//! | `hydrate` | the browser's half, taking over what the server rendered |
//! | `csr` | the browser's half, rendering by itself |
//! | `uuid`, `chrono` | ids and dates as parameters of contexts and fields of forms |
//! | `sqlite`, `postgres`, `redis` | sessions in one of these; each implies `ssr` |
//! | `redis`, `nats` | channels between several nodes, over one of these; each implies `ssr` |
//! | `prometheus` | what is counted, for Prometheus; implies `ssr` |
//! | `tokens` | bearer tokens for callers that are no browser; implies `ssr` |
//!
//! An application forwards its own features of these names. `ssr` is the one switch between the
//! halves; where both are on, it wins.

// For tests inside of the crate, whose macros name it
#[cfg(test)]
extern crate self as mizan;

#[cfg(feature = "ssr")]
pub use cookie;
#[cfg(feature = "ssr")]
#[doc(inline)]
pub use {
    auth::{current_user, session},
    limit::Rate,
    mutation::consequences::{invalidate, invalidate_all},
    request::{Cookies, Headers, cookies, headers, redirect, state},
    server::{Mizan, serve},
};
pub use {
    call::Call,
    context::{Global, GlobalContext, Query, prefetch, use_context_global},
    error::{Code, Error, Result},
    mizan_macros::{channel, channel_handler, choices, client, context, form, form_handler},
    mount::mount,
    mutation::Mutation,
};

pub mod auth;
pub mod call;
pub mod channel;
pub mod context;
mod error;
pub mod form;
mod json;
mod macros;
mod mount;
mod mutation;
pub mod prelude;
mod route;
mod text;
mod watched;

#[cfg(any(feature = "redis", feature = "nats"))]
mod application;
#[cfg(not(feature = "ssr"))]
mod browser;
#[cfg(feature = "ssr")]
pub mod cache;
#[cfg(feature = "ssr")]
mod limit;
#[cfg(feature = "ssr")]
mod registry;
#[cfg(feature = "ssr")]
mod request;
#[cfg(feature = "ssr")]
pub mod server;

#[doc(hidden)]
pub mod __private;
