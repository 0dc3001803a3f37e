use super::StateMap;
use crate::{context::server::Instances, mutation::consequences::Consequences, server::Site};
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
    instances: Instances,
    consequences: Mutex<Consequences>,
}

impl Scope {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self(Arc::new(Inner {
            site,
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
