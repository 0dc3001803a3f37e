//! Server functions: `#[mizan::client]` and what stands behind it.
//!
//! The attribute turns a function into an argument struct that implements [`Call`], a function of
//! the same signature for both sides, and, on the server, a registration that
//! `Mizan::router` makes an endpoint of. Called in the browser, the
//! function is one `POST` with JSON (`client.rs`); called on the server, it is its body (`server.rs`).

mod leptos;
mod shape;
pub(crate) mod wire;

#[cfg(feature = "ssr")]
pub(crate) mod arguments;
#[cfg(not(feature = "ssr"))]
pub(crate) mod client;
#[cfg(feature = "ssr")]
pub(crate) mod server;

#[cfg(not(feature = "ssr"))]
pub(crate) use client as side;
#[cfg(feature = "ssr")]
pub(crate) use server as side;

pub use leptos::AnswerEncoding;
#[cfg(feature = "ssr")]
#[doc(hidden)]
pub use server_fn::axum::AxumServerFnBackend as Server;
#[cfg(not(feature = "ssr"))]
#[doc(hidden)]
pub use server_fn::mock::BrowserMockServer as Server;
#[doc(hidden)]
pub use shape::Shapes;
pub(crate) use shape::build;

use serde::{Serialize, de::DeserializeOwned};

/// The arguments of a Mizan function: what the function is, to the type system.
///
/// `#[mizan::client]` implements it for the struct that it names after the function:
/// `echo(text: String)` has `struct Echo { pub text: String }`.
pub trait Call: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What the function returns when it succeeds.
    type Output: Serialize + DeserializeOwned + Send + Sync + 'static;

    /// The name on the wire: the function's.
    const NAME: &'static str;

    /// The endpoint, `/api/mizan/call/<name>`.
    const PATH: &'static str;

    /// The names of the arguments, in order.
    const ARGUMENTS: &'static [&'static str];

    /// A hash of the signature as it is written.
    const SIGNATURE: u64;

    /// Whether the browser calls it over the page's socket.
    const OVER_SOCKET: bool = false;

    /// Adds the shapes of the arguments' types and of the output's.
    fn shapes(shapes: &mut Shapes);
}

/// What a Mizan function has to return; names the type inside for the generated code.
#[diagnostic::on_unimplemented(
    message = "a `#[mizan::client]` function returns `mizan::Result<T>`, not `{Self}`",
    label = "make this `mizan::Result<..>`",
    note = "`T` is what the caller gets; errors are always `mizan::Error`"
)]
pub trait Returns {
    /// `T` of `mizan::Result<T>`.
    type Output;
}

impl<T> Returns for crate::Result<T> {
    type Output = T;
}
