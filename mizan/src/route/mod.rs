//! Routes: functions that are views of their own, `#[mizan::client(route = "/profile/{id}")]`.
//!
//! Links and forms of the page's lead to them, and other sites' webhooks: they answer with
//! whatever axum can answer with. In the browser a route is its arguments and the URL that these
//! make (`url.rs`), on the server a body with all that is around one (`server.rs`).

#[cfg(feature = "ssr")]
pub(crate) mod conflicts;
#[cfg(feature = "ssr")]
pub(crate) mod server;
mod url;

pub use url::url;
