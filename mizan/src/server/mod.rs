//! The server: one builder that ends in a plain [`axum::Router`], and [`serve`] to run it.
//!
//! | what | where |
//! | --- | --- |
//! | calls, `POST /api/mizan/call/<fn>` | `call` |
//! | functions that are views of their own | `route` |
//! | contexts, `GET /api/mizan/ctx/<context>` | `context` |
//! | what a call made stale, and its new data | `flush` |
//! | what went stale, on its way to all | `stale` |
//! | pages | `page` |
//! | forms that a page posts to itself | `posted` |
//! | files of the site folder | `asset` |
//! | whose session it is, `GET /api/mizan/session`; new tokens, `POST /api/mizan/token` | `session` |
//! | the socket, `GET /api/mizan/ws` | `socket` |
//! | requests from other sites | `cross_site` |
//! | the word of reverse proxies | `proxies` |
//! | headers that every answer carries | `security` |
//! | calls that are made again, with `Idempotency-Key` | `repeats` |
//! | bodies, their limit and the draining of the rest | `body` |
//! | what stands in front may know | `edge` |
//! | what is counted, on a port of its own | `metrics` |
//! | listening, draining and stopping | `serve` |
//! | the servers of this process | `running` |

mod answer;
mod asset;
mod body;
mod call;
mod context;
pub(crate) mod cross_site;
mod edge;
mod flush;
#[cfg(feature = "prometheus")]
mod metrics;
mod page;
mod posted;
pub(crate) mod proxies;
mod repeats;
mod route;
pub(crate) mod running;
mod security;
mod serve;
mod session;
mod socket;
pub(crate) mod stale;

pub use crate::registry::RegistryError;
#[cfg(feature = "prometheus")]
pub use metrics::Metrics;
pub use security::ContentSecurityPolicy;
pub use serve::{Serve, listen, serve};

use self::{cross_site::CrossSite, proxies::Proxies, repeats::Repeats};
use crate::{
    Rate,
    auth::{AuthnBackend, Backend, Guard, Sessions, User, Users, bearer::Bearer},
    cache::Cache,
    call::{server::Registration, wire::PREFIX},
    channel::{
        Channels,
        server::{ChannelRegistration, Hub, Live},
    },
    context::server::Contexts,
    form::server::FormRegistration,
    limit::Limits,
    registry::Registry,
    request::StateMap,
    route::server::RouteRegistration,
};
use axum::{Router, routing::get};
use leptos::{
    IntoView,
    config::{Env, LeptosOptions},
};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::runtime::Handle;

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
    rate: Option<Rate>,
    trusted_origins: Vec<String>,
    trusted_proxies: Vec<String>,
    /// What is wrong with settings that were made.
    mistakes: Vec<String>,
}

/// What every handler of one server shares.
pub(crate) struct Site {
    pub(crate) options: LeptosOptions,
    /// Where it was built; `None` where that was before there was a runtime.
    pub(crate) runtime: Option<Handle>,
    pub(crate) state: StateMap,
    pub(crate) body_limit: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) content_security_policy: ContentSecurityPolicy,
    pub(crate) contexts: Contexts,
    pub(crate) functions: HashMap<&'static str, &'static Registration>,
    pub(crate) forms: HashMap<&'static str, &'static FormRegistration>,
    pub(crate) routes: Vec<&'static RouteRegistration>,
    pub(crate) sessions: Sessions,
    pub(crate) users: Option<Box<dyn Users>>,
    pub(crate) bearer: Option<Box<dyn Bearer>>,
    pub(crate) limits: Limits,
    pub(crate) proxies: Proxies,
    pub(crate) cross_site: CrossSite,
    pub(crate) channels: HashMap<&'static str, &'static ChannelRegistration>,
    pub(crate) cache: Cache,
    pub(crate) hub: Arc<Hub>,
    pub(crate) live: Live,
    pub(crate) seats: socket::Seats,
    repeats: Repeats,
    pub(crate) sockets_per_user: usize,
    pub(crate) frames_per_second: u32,
    pub(crate) identity_recheck: Duration,
}

impl Site {
    pub(crate) fn is_development(&self) -> bool {
        self.options.env == Env::DEV
    }
}

impl Mizan {
    /// Starts from the options that `leptos::config::get_configuration` read, with every default.
    pub fn new(options: LeptosOptions) -> Self {
        let hub = Hub::new(Channels::memory().into_layer());
        Self {
            site: Site {
                options,
                runtime: None,
                state: StateMap::default(),
                body_limit: 1024 * 1024,
                request_timeout: Duration::from_secs(30),
                content_security_policy: ContentSecurityPolicy::default(),
                contexts: Contexts::default(),
                functions: HashMap::new(),
                forms: HashMap::new(),
                routes: Vec::new(),
                sessions: Sessions::default(),
                users: None,
                bearer: None,
                limits: Limits::default(),
                proxies: Proxies::default(),
                cross_site: CrossSite::default(),
                channels: HashMap::new(),
                cache: Cache::memory(),
                live: Live::new(&hub, std::iter::empty()),
                hub,
                seats: socket::Seats::default(),
                repeats: Repeats::default(),
                sockets_per_user: 64,
                frames_per_second: 500,
                identity_recheck: Duration::from_secs(4),
            },
            rate: None,
            trusted_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            mistakes: Vec::new(),
        }
    }

    /// Gives the functions a value, such as a connection pool: `mizan::state::<T>()` clones it.
    ///
    /// One value for each type; a later one replaces an earlier.
    pub fn provide<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.site.state.insert(value);
        self
    }

    /// Sets where users come from. Without it everybody is anonymous, and guarded functions refuse
    /// them all.
    ///
    /// The guide's page on identity has an example.
    pub fn users<B>(mut self, backend: B) -> Self
    where
        B: AuthnBackend<User: User> + 'static,
    {
        self.site.users = Some(Box::new(Backend(backend)));
        self
    }

    /// Sets where sessions are kept: a [`Sessions`], or a store of tower-sessions. In the memory
    /// of this process by default.
    pub fn sessions(mut self, sessions: impl Into<Sessions>) -> Self {
        self.site.sessions = sessions.into();
        self
    }

    /// Sets what carries the messages of channels, to this server's browsers and those of its other
    /// nodes; the memory of this process by default.
    pub fn channels(mut self, channels: Channels) -> Self {
        self.site.hub = Hub::new(channels.into_layer());
        self
    }

    /// Sets where the answers of context members are kept; up to 64 MiB of them in the memory of
    /// this process by default.
    pub fn cache(mut self, cache: Cache) -> Self {
        self.site.cache = cache;
        self
    }

    /// Answers on a port of its own, and only there, with what the process counts: `GET /metrics`,
    /// in the text of Prometheus. The guide's page on caching has a list.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn example(mizan: mizan::Mizan) -> std::io::Result<()> {
    /// use mizan::server::Metrics;
    ///
    /// let mizan = mizan.metrics(Metrics::listen("127.0.0.1:9100").await?);
    /// # let _ = mizan;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "prometheus")]
    pub fn metrics(self, metrics: Metrics) -> Self {
        metrics.serve();
        self
    }

    /// Sets how many sockets one user may have on this node: each page that has joined something
    /// has one. 64 by default; further ones are answered 429.
    ///
    /// Visitors who have not signed in are not counted: those behind one proxy look the same.
    pub fn sockets_per_user(mut self, most: usize) -> Self {
        self.site.sockets_per_user = most;
        self
    }

    /// Sets how many frames of one socket are read in a second; 500 by default, and at least one.
    /// Further ones wait for the next second.
    pub fn frames_per_second(mut self, most: u32) -> Self {
        self.site.frames_per_second = most.max(1);
        self
    }

    /// Sets how often it is looked whether somebody who has joined channels is still signed in, and
    /// may still what they might; every 4 seconds by default.
    ///
    /// Each look costs what a guarded call does: it reads the session, and asks the backend for
    /// the user. Sites with very many sockets may want it less often.
    pub fn identity_recheck(mut self, period: Duration) -> Self {
        self.site.identity_recheck = period.max(Duration::from_millis(100));
        self
    }

    /// Takes bearer tokens, and gives them: see [`token`](crate::auth::token). None are taken by
    /// default.
    #[cfg(feature = "tokens")]
    pub fn tokens(mut self, tokens: crate::auth::token::Tokens) -> Self {
        self.mistakes.extend(tokens.mistake());
        self.site.bearer = Some(Box::new(tokens));
        self
    }

    /// Sets how often one caller may call a function that has no `rate` of its own; without limit
    /// by default.
    ///
    /// It counts for each function, and each user or address. Behind a reverse proxy name that
    /// with [`trusted_proxies`](Self::trusted_proxies) first: all visitors come from its address.
    pub fn rate_limit(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Names origins (`https://app.example.com`) whose pages may make requests with effects, as
    /// the site's own may. None by default: such requests are refused.
    pub fn trusted_origins(mut self, origins: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.trusted_origins
            .extend(origins.into_iter().map(Into::into));
        self
    }

    /// Names the reverse proxies in front of the server, by address or network (`10.0.0.0/8`): what
    /// they say in `X-Forwarded-For` and `X-Forwarded-Host` is believed. None by default.
    pub fn trusted_proxies(mut self, proxies: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.trusted_proxies
            .extend(proxies.into_iter().map(Into::into));
        self
    }

    /// Sets how many bytes the body of a call or a route may have; 1 MiB by default.
    ///
    /// A larger one is answered 413. It is read to its end first, within bounds, so that the
    /// answer arrives.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.site.body_limit = bytes;
        self
    }

    /// Sets how long a call or a context may take, the arrival of its body included, a route until
    /// it begins to answer, and a page from one piece to the next; 30 seconds by default. What takes
    /// longer is dropped, and answered 503 where no answer has begun.
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
    /// Build it before another one of the process serves pages: while Leptos asks the application
    /// for its routes, no resource loads anywhere in the process, and a page that is rendered in that
    /// moment never ends.
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
    /// When the program's functions don't fit together: two of one name, for instance, or a route
    /// in the place of a page. When a page is `SsrMode::Static`, which would give everybody what one visitor sees, and when the
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

    /// Describes to what stands in front of the server, a CDN, say, which contexts there are, how
    /// long their answers are kept and what ends them: as JSON, the same bytes for every run of one
    /// build. The guide's page on caching says what to do with it, and
    /// `docs/edge-manifest.schema.json` what is in it.
    ///
    /// Of the settings only [`cache`](Self::cache) makes a difference.
    ///
    /// # Errors
    ///
    /// When the program's functions don't fit together.
    pub fn edge_manifest(&self) -> Result<String, RegistryError> {
        let registry = Registry::collect();
        RegistryError::unless_empty(registry.mistakes())?;
        Ok(edge::manifest(&registry, &self.site.cache))
    }

    fn endpoints(mut self) -> Result<(Router, Arc<Site>), RegistryError> {
        let registry = Registry::collect();
        let options = &self.site.options;
        let is_reachable =
            !options.site_addr.ip().is_loopback() || !self.trusted_proxies.is_empty();
        if options.env == Env::DEV && is_reachable {
            tracing::warn!(
                addr = %options.site_addr,
                "in development, cookies are not `Secure` and pages may open any socket: \
                 set LEPTOS_ENV=PROD where others can reach the server"
            );
        }
        // Sessions say nothing of it: one process has a database as well, so that they outlive it
        if self.site.hub.is_shared() && !self.site.cache.is_shared() {
            tracing::warn!(
                "what mutations make stale is ended in the cache of this process only, and other \
                 nodes go on with old answers: `.cache(Cache::connect(..))` shares them"
            );
        }
        let mut mistakes = registry.mistakes();
        mistakes.extend(self.configure(&registry));
        RegistryError::unless_empty(mistakes)?;
        self.site.cache.count();
        let (contexts, members) = (registry.contexts.iter(), registry.members.iter());
        self.site.contexts = Contexts::new(contexts.copied(), members.copied(), registry.all());
        self.site.runtime = Handle::try_current().ok();
        self.site.live = Live::new(&self.site.hub, self.site.contexts.live());
        let site = Arc::new(self.site);
        running::note(&site);
        let mut router = Router::new();
        for function in registry.functions {
            router = router.route(function.path, call::route(function, &site));
        }
        for (path, at) in route::routes(&site) {
            router = router.route(path, at);
        }
        for context in site.contexts.names() {
            let path = format!("{PREFIX}/ctx/{context}");
            router = router.route(&path, context::route(Some(context), &site));
        }
        let router = router
            .route(
                &format!("{PREFIX}/ctx/{{context}}"),
                context::route(None, &site),
            )
            .route(
                &format!("{PREFIX}/health"),
                get(serve::health)
                    .fallback(|request| answer::method_not_allowed("GET, HEAD", request)),
            )
            .route(&format!("{PREFIX}/session"), session::route(&site))
            .route(&format!("{PREFIX}/token"), session::token_route(&site))
            .route(&format!("{PREFIX}/ws"), socket::route(&site))
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

    /// Takes what the settings and the functions say together, and returns what is wrong with it.
    fn configure(&mut self, registry: &Registry) -> Vec<String> {
        let mut mistakes = std::mem::take(&mut self.mistakes);
        let site = &mut self.site;
        if site.bearer.is_some() && site.users.is_none() {
            mistakes.push("there are tokens and no users: add `.users(..)`".to_owned());
        }
        let proxies = self.trusted_proxies.iter().map(String::as_str);
        match Proxies::parse(proxies) {
            Ok(proxies) => site.proxies = proxies,
            Err(mistake) => mistakes.push(mistake),
        }
        match CrossSite::new(&self.trusted_origins) {
            Ok(cross_site) => site.cross_site = cross_site,
            Err(mistake) => mistakes.push(mistake),
        }
        let users = site.users.as_ref().map(|users| users.user_type());
        for function in registry.all() {
            let (name, location) = (function.name, function.location);
            match (users, (function.user_type)()) {
                (Some(users), Some(checked)) if users.id != checked.id => mistakes.push(format!(
                    "the check of `{name}` is for users of type `{}`, those of the server are \
                     `{}` ({location})",
                    checked.name, users.name
                )),
                (None, _) if function.guard != Guard::None => tracing::warn!(
                    function = name,
                    at = %location,
                    "nobody gets through its guard: the server has no users"
                ),
                _ => {}
            }
        }
        let rates = registry.all();
        let rates = rates.filter_map(|function| Some((function.name, function.rate?)));
        site.limits = Limits::new(rates, self.rate);
        let functions = registry.functions.iter();
        site.functions = functions
            .map(|function| (function.about.name, *function))
            .collect();
        let forms = registry.forms.iter();
        site.forms = forms.map(|form| (form.name, *form)).collect();
        site.routes.clone_from(&registry.routes);
        let channels = registry.channels.iter();
        site.channels = channels.map(|channel| (channel.name, *channel)).collect();
        mistakes
    }
}
