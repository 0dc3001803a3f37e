//! The browser's entry into an application.

#[cfg(all(feature = "csr", not(any(feature = "hydrate", feature = "ssr"))))]
#[path = "csr.rs"]
mod side;
#[cfg(all(feature = "hydrate", not(feature = "ssr")))]
#[path = "hydrate.rs"]
mod side;
#[cfg(any(feature = "ssr", not(any(feature = "csr", feature = "hydrate"))))]
#[path = "server.rs"]
mod side;

use leptos::IntoView;

/// Brings an application to life in the browser.
///
/// With the feature `hydrate` it takes over the page that the server rendered, and then marks it
/// with `<html data-hydrated>`, which a browser test can wait for. With `csr` it
/// renders into the body by itself, and on the server it does nothing, so that the call needs no
/// `cfg`.
///
/// # Example
///
/// ```
/// use leptos::prelude::*;
///
/// #[component]
/// fn App() -> impl IntoView {
///     view! { <main>"Hello"</main> }
/// }
///
/// pub fn hydrate() { // the page calls it once the WebAssembly is loaded
///     mizan::mount(App);
/// }
/// # hydrate();
/// ```
pub fn mount<V: IntoView + 'static>(app: impl FnOnce() -> V + 'static) {
    side::mount(app);
}
