//! The servers that run in this process: what happens outside of a request is theirs.

use super::Site;
use crate::{Error, Result, request::Scope};
use std::sync::{Arc, Mutex, PoisonError, Weak};

static SITES: Mutex<Vec<Weak<Site>>> = Mutex::new(Vec::new());

/// Notes that a server runs.
pub(super) fn note(site: &Arc<Site>) {
    let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    sites.retain(|site| site.strong_count() > 0);
    sites.push(Arc::downgrade(site));
}

/// All of them.
pub(crate) fn all() -> Vec<Arc<Site>> {
    let sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    sites.iter().filter_map(Weak::upgrade).collect()
}

/// That of the current request; outside of one, the only one.
///
/// # Errors
///
/// INTERNAL_ERROR outside of a request where there is none, or are several.
pub(crate) fn current() -> Result<Arc<Site>> {
    if let Some(scope) = Scope::current() {
        return Ok(Arc::clone(scope.site()));
    }
    let mut sites = all().into_iter();
    match (sites.next(), sites.next()) {
        (Some(site), None) => Ok(site),
        (None, _) => Err(Error::internal("no server runs in this process")),
        (Some(_), Some(_)) => Err(Error::internal(
            "several servers run in this process: which one is meant, only a request to it tells",
        )),
    }
}
