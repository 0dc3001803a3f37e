use crate::context::side;

/// Returns what is known of the visitor's session, in the browser.
///
/// # Example
///
/// ```
/// use leptos::prelude::*;
///
/// #[component]
/// fn Expired() -> impl IntoView {
///     let session = mizan::auth::use_session();
///     view! {
///         <Show when=move || session.expired()>
///             <p role="alert">"Your session is over. " <a href="/sign-in">"Sign in again"</a></p>
///         </Show>
///     }
/// }
/// # let _ = Expired;
/// ```
pub fn use_session() -> SessionStatus {
    SessionStatus(side::SessionSignal::current())
}

/// What the browser knows of the visitor's session; returned by [`use_session`].
///
/// Who the visitor is, a member of a context says; this is what no member can tell.
#[derive(Clone, Copy, Debug)]
pub struct SessionStatus(side::SessionSignal);

impl SessionStatus {
    /// Returns whether the server has said that the visitor's session is over, since the page was
    /// loaded or somebody last signed in.
    ///
    /// Tracks the signal behind it. Always `false` on the server.
    pub fn expired(&self) -> bool {
        self.0.expired()
    }
}
