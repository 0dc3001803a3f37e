//! The server: one builder that ends in a plain [`axum::Router`], and [`serve`] to run it.
//!
//! | what | where |
//! | --- | --- |
//! | calls, `POST /api/mizan/call/<fn>` | `call` |
//! | contexts, `GET /api/mizan/ctx/<context>` | `context` |
//! | what a call made stale, and its new data | `flush` |
//! | pages | `page` |
//! | files of the site folder | `asset` |
//! | headers that every answer carries | `security` |
//! | bodies, their limit and the draining of the rest | `body` |
//! | listening, draining and stopping | `serve` |

mod answer;
mod asset;
mod body;
mod call;
mod context;
mod flush;
mod page;
mod security;
mod serve;

pub use crate::registry::RegistryError;
pub use security::ContentSecurityPolicy;
pub use serve::{Serve, serve};

use crate::{call::wire::PREFIX, context::server::Contexts, registry::Registry, request::StateMap};
use axum::{Router, routing::get};
use leptos::{
    IntoView,
    config::{Env, LeptosOptions},
};
use std::{sync::Arc, time::Duration};

/// Builds the server of an application.
///
/// # Example
///
/// ```standalone_crate
/// use leptos::{config::LeptosOptions, prelude::*};
///
/// #[derive(Clone)]
/// struct Pool;
///
/// fn app() -> impl IntoView {
///     view! { <main>"Hello"</main> }
/// }
///
/// fn shell(_: LeptosOptions) -> impl IntoView {
///     view! { <!DOCTYPE html><html lang="en"><head></head><body>{app()}</body></html> }
/// }
///
/// # fn main() -> Result<(), mizan::server::RegistryError> {
/// # let options = LeptosOptions::builder().output_name("app").build();
/// let router: axum::Router = mizan::Mizan::new(options)
///     .provide(Pool) // what `mizan::state::<Pool>()` returns
///     .router(app, shell)
///     .route("/legacy", axum::routing::get(|| async { "the application's own" }));
/// # let _ = router;
/// # Ok(())
/// # }
/// ```
#[must_use = "the builder does nothing until `router` or `api` is called"]
pub struct Mizan {
    site: Site,
}

/// What every handler of one server shares.
pub(crate) struct Site {
    pub(crate) options: LeptosOptions,
    pub(crate) state: StateMap,
    pub(crate) body_limit: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) content_security_policy: ContentSecurityPolicy,
    pub(crate) contexts: Contexts,
}

impl Mizan {
    /// Starts from the options that `leptos::config::get_configuration` read, with every default.
    pub fn new(options: LeptosOptions) -> Self {
        Self {
            site: Site {
                options,
                state: StateMap::default(),
                body_limit: 1024 * 1024,
                request_timeout: Duration::from_secs(30),
                content_security_policy: ContentSecurityPolicy::default(),
                contexts: Contexts::default(),
            },
        }
    }

    /// Gives the functions a value, such as a connection pool: `mizan::state::<T>()` clones it.
    ///
    /// One value for each type; a later one replaces an earlier.
    pub fn provide<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.site.state.insert(value);
        self
    }

    /// Sets how many bytes the body of a call may have; 1 MiB by default.
    ///
    /// A larger one is answered 413. It is read to its end first, within bounds, so that the
    /// answer arrives.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.site.body_limit = bytes;
        self
    }

    /// Sets how long a call or a context may take, the arrival of its body included, and a page
    /// from one piece to the next; 30 seconds by default. What takes longer is dropped, and
    /// answered 503 where no answer has begun.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.site.request_timeout = timeout;
        self
    }

    /// Sets the Content Security Policy of the pages; see [`ContentSecurityPolicy`].
    pub fn content_security_policy(mut self, policy: ContentSecurityPolicy) -> Self {
        self.site.content_security_policy = policy;
        self
    }

    /// Builds the router: pages, calls, contexts, health and the files of the site folder.
    ///
    /// `app` is the component whose routes are served, `shell` the document around it.
    ///
    /// The router has a fallback, which serves files and the application's "not found"; so one
    /// that has a fallback as well can't be merged with it, and setting another removes files.
    ///
    /// # Panics
    ///
    /// When the program's functions don't fit together; the message lists every mistake.
    /// [`try_router`](Self::try_router) returns them instead.
    #[track_caller]
    pub fn router<AppView, ShellView>(
        self,
        app: impl Fn() -> AppView + Clone + Send + Sync + 'static,
        shell: impl Fn(LeptosOptions) -> ShellView + Clone + Send + Sync + 'static,
    ) -> Router
    where
        AppView: IntoView + 'static,
        ShellView: IntoView + 'static,
    {
        self.try_router(app, shell)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Builds the router, as [`router`](Self::router) does.
    ///
    /// # Errors
    ///
    /// When the program's functions don't fit together: two of one name, for instance. When a
    /// page is `SsrMode::Static`, which would give everybody what one visitor sees, and when the
    /// Content Security Policy has letters that a header can't have.
    pub fn try_router<AppView, ShellView>(
        self,
        app: impl Fn() -> AppView + Clone + Send + Sync + 'static,
        shell: impl Fn(LeptosOptions) -> ShellView + Clone + Send + Sync + 'static,
    ) -> Result<Router, RegistryError>
    where
        AppView: IntoView + 'static,
        ShellView: IntoView + 'static,
    {
        let (api, site) = self.endpoints()?;
        Ok(api.merge(page::router(site, app, shell)?))
    }

    /// Builds a router of the calls, the contexts and health alone, without pages or files.
    ///
    /// # Errors
    ///
    /// As [`try_router`](Self::try_router).
    pub fn api(self) -> Result<Router, RegistryError> {
        self.endpoints().map(|(router, _)| router)
    }

    fn endpoints(mut self) -> Result<(Router, Arc<Site>), RegistryError> {
        let registry = Registry::collect()?;
        let options = &self.site.options;
        if options.env == Env::DEV && !options.site_addr.ip().is_loopback() {
            tracing::warn!(
                addr = %options.site_addr,
                "in development, cookies are not `Secure` and pages may open any socket: \
                 set LEPTOS_ENV=PROD where others can reach the server"
            );
        }
        self.site.contexts = Contexts::new(registry.contexts, registry.members);
        let site = Arc::new(self.site);
        let mut router = Router::new();
        for function in registry.functions {
            router = router.route(function.path, call::route(function, &site));
        }
        let router = router
            .route(&format!("{PREFIX}/ctx/{{context}}"), context::route(&site))
            .route(
                &format!("{PREFIX}/health"),
                get(serve::health)
                    .fallback(|request| answer::method_not_allowed("GET, HEAD", request)),
            )
            .route(PREFIX, axum::routing::any(answer::unknown_endpoint))
            .route(
                &format!("{PREFIX}/"),
                axum::routing::any(answer::unknown_endpoint),
            )
            .route(
                &format!("{PREFIX}/{{*path}}"),
                axum::routing::any(answer::unknown_endpoint),
            );
        Ok((router, site))
    }
}
