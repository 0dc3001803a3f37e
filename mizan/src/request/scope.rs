use super::StateMap;
use crate::{
    Error, Result, auth::Identity, context::server::Instances,
    mutation::consequences::Consequences, server::Site,
};
use leptos::{
    config::Env,
    reactive::owner::{use_context, with_context},
};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// How a request came.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// As a call over HTTP.
    Call,
    /// As a call over a socket: its answer has no headers.
    Socket,
    /// To read a context: nothing has effects.
    Bundle,
    /// To see who the caller is by now: their session is not even renewed.
    Watch,
    /// For a page, or one of Leptos's own server functions.
    Page,
}

/// What belongs to one request, reachable from everything that runs in it.
#[derive(Clone)]
pub(crate) struct Scope(Arc<Inner>);

struct Inner {
    site: Arc<Site>,
    way: Way,
    /// Whether the call that the request is for was let in, and has yet to begin.
    admitted: AtomicBool,
    identity: Identity,
    instances: Instances,
    consequences: Mutex<Consequences>,
}

impl Scope {
    pub(crate) fn new(site: Arc<Site>, way: Way) -> Self {
        Self(Arc::new(Inner {
            site,
            way,
            admitted: AtomicBool::new(false),
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

    /// Refuses what can't be done without setting a cookie, or without effects.
    ///
    /// # Errors
    ///
    /// BAD_REQUEST on a socket, and where a context is read.
    pub(crate) fn needs_cookies(&self) -> Result<()> {
        match self.0.way {
            Way::Call | Way::Page => Ok(()),
            Way::Socket => Err(Error::bad_request(
                "the function sets a cookie, which a socket can't: call it over HTTP",
            )),
            Way::Bundle | Way::Watch => Err(Error::bad_request(
                "a member of a context only reads: nobody signs in or out there",
            )),
        }
    }

    /// Whether the caller has done something that keeps their session alive.
    pub(crate) fn renews(&self) -> bool {
        !matches!(self.0.way, Way::Watch)
    }

    /// Whether it is for a page.
    pub(crate) fn is_page(&self) -> bool {
        matches!(self.0.way, Way::Page)
    }

    /// Notes that the call that the request is for was counted, and its caller let in.
    pub(crate) fn admit(&self) {
        self.0.admitted.store(true, Ordering::Relaxed);
    }

    /// Whether that is so of the call that begins now: the first one.
    pub(crate) fn is_admitted(&self) -> bool {
        self.0.admitted.swap(false, Ordering::Relaxed)
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
