use super::StateMap;
use crate::{
    Error, Result, auth::Identity, context::server::Instances,
    mutation::consequences::Consequences, server::Site,
};
use leptos::{
    config::Env,
    reactive::owner::{use_context, with_context},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What belongs to one request, reachable from everything that runs in it.
#[derive(Clone)]
pub(crate) struct Scope(Arc<Inner>);

struct Inner {
    site: Arc<Site>,
    /// Whether the answer can set cookies.
    sets_cookies: bool,
    identity: Identity,
    instances: Instances,
    consequences: Mutex<Consequences>,
}

impl Scope {
    /// That of a request whose answer has headers.
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self::with_cookies(site, true)
    }

    /// That of a call over a socket: its answer has no headers.
    pub(crate) fn on_socket(site: Arc<Site>) -> Self {
        Self::with_cookies(site, false)
    }

    fn with_cookies(site: Arc<Site>, sets_cookies: bool) -> Self {
        Self(Arc::new(Inner {
            site,
            sets_cookies,
            identity: Identity::default(),
            instances: Instances::default(),
            consequences: Mutex::default(),
        }))
    }

    /// Runs `f` on the scope of the current request; `None` outside of one.
    pub(crate) fn with<T>(f: impl FnOnce(&Self) -> T) -> Option<T> {
        with_context(f)
    }

    /// Returns the scope of the current request; `None` outside of one.
    pub(crate) fn current() -> Option<Self> {
        use_context()
    }

    pub(crate) fn state(&self) -> &StateMap {
        &self.0.site.state
    }

    pub(crate) fn is_development(&self) -> bool {
        self.0.site.options.env == Env::DEV
    }

    pub(crate) fn site(&self) -> &Site {
        &self.0.site
    }

    /// Who the caller is.
    pub(crate) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// Refuses what can't be done without setting a cookie.
    ///
    /// # Errors
    ///
    /// BAD_REQUEST on a socket.
    pub(crate) fn needs_cookies(&self) -> Result<()> {
        if self.0.sets_cookies {
            return Ok(());
        }
        Err(Error::bad_request(
            "the function sets a cookie, which a socket can't: call it over HTTP",
        ))
    }

    /// The instances that were rendered so far.
    pub(crate) fn instances(&self) -> &Instances {
        &self.0.instances
    }

    /// What the calls of the request have done to contexts so far.
    pub(crate) fn consequences(&self) -> MutexGuard<'_, Consequences> {
        self.0
            .consequences
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
