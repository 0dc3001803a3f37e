use super::StateMap;
use crate::{context::server::Bundles, server::Site};
use leptos::{config::Env, reactive::owner::with_context};
use std::sync::Arc;

/// What belongs to one request, reachable from everything that runs in it.
#[derive(Clone)]
pub(crate) struct Scope(Arc<Inner>);

struct Inner {
    site: Arc<Site>,
    bundles: Bundles,
}

impl Scope {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        Self(Arc::new(Inner {
            site,
            bundles: Bundles::default(),
        }))
    }

    /// Runs `f` on the scope of the current request; `None` outside of one.
    pub(crate) fn with<T>(f: impl FnOnce(&Self) -> T) -> Option<T> {
        with_context(f)
    }

    pub(crate) fn state(&self) -> &StateMap {
        &self.0.site.state
    }

    pub(crate) fn is_development(&self) -> bool {
        self.0.site.options.env == Env::DEV
    }

    pub(crate) fn bundles(&self) -> &Bundles {
        &self.0.bundles
    }
}
