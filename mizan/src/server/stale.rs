//! What went stale, on its way to all who have to know.
//!
//! | where it went stale | what tells of it |
//! | --- | --- |
//! | in a call over HTTP or a socket, or in a channel's handler | [`flush`](super::flush), before the answer |
//! | in a call while a page is rendered or a context is read | [`at_once`], before the call returns |
//! | outside of a request, or in one that was broken off | [`soon`] and [`soon_at`], in a task |
//!
//! All of it passes [`published`].

use super::{Site, call::bounded, running};
use crate::{
    Error, Result,
    auth::{Principal, principal},
    channel::server::Versions,
    mutation::consequences::{Consequences, Stale},
    request::Scope,
};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Tells everybody else what went stale, and its user what is theirs alone. Returns the versions
/// that data has which is read afterwards.
///
/// This is the one place that everything passes which goes stale, from wherever: whatever keeps
/// data that was read forgets it here.
async fn published(site: &Site, consequences: &Consequences, whose: Whose) -> Versions {
    // Before anybody is told, who would read it anew
    site.cache.purge(consequences.all(), whose).await;
    site.contexts.count_purges(consequences.all());
    site.live.publish(consequences, whose.user()).await
}

/// What is being told. Where that is broken off, as by a browser that has gone, a task tells it.
pub(super) struct Telling {
    scope: Scope,
    consequences: Arc<Consequences>,
    is_told: bool,
}

impl Telling {
    pub(super) fn new(scope: &Scope, consequences: &Arc<Consequences>) -> Self {
        Self {
            scope: scope.clone(),
            consequences: Arc::clone(consequences),
            is_told: false,
        }
    }

    /// Finds out whose it is, and tells them.
    pub(super) async fn tell(
        mut self,
        principal: impl Future<Output = Result<Option<Principal>>>,
    ) -> Versions {
        let site = self.scope.site();
        let whose = whose(site, &self.consequences, principal).await;
        let versions = published(site, &self.consequences, whose).await;
        self.is_told = true;
        versions
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if !self.is_told {
            let site = Arc::clone(self.scope.site());
            let caller = self.scope.identity().known();
            soon_at(site, Arc::clone(&self.consequences), caller);
        }
    }
}

/// Whose it is that went stale, of what is somebody's own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    /// Of a user, by a digest of their id.
    User(u64),
    /// Of a visitor who has not signed in.
    Visitor,
    /// It can't be found out.
    Unknown,
}

impl Whose {
    fn user(self) -> Option<u64> {
        match self {
            Self::User(user) => Some(user),
            Self::Visitor | Self::Unknown => None,
        }
    }
}

/// Whose it is that went stale, where some of it is somebody's own; found out only then.
async fn whose(
    site: &Site,
    consequences: &Consequences,
    principal: impl Future<Output = Result<Option<Principal>>>,
) -> Whose {
    if !consequences.all().any(Stale::is_own) {
        return Whose::Unknown;
    }
    let principal = bounded(site, "own", principal).await;
    let user = principal.and_then(|principal| {
        let user = principal.map(|principal| principal.id_digest());
        user.transpose()
    });
    match user {
        Ok(Some(user)) => Whose::User(user),
        Ok(None) => Whose::Visitor,
        Err(_) => Whose::Unknown,
    }
}

/// Tells what a call made stale in a request whose answer does not.
pub(crate) async fn at_once(scope: Scope, consequences: Consequences) {
    let telling = Telling::new(&scope, &Arc::new(consequences));
    telling.tell(principal()).await;
}

/// Tells what went stale where nobody waits for it: at the current request's server, or outside of
/// one at all of this process. What is somebody's own is nobody's there.
pub(crate) fn soon(consequences: Consequences) {
    let sites = match Scope::current() {
        Some(scope) => vec![Arc::clone(scope.site())],
        None => running::all(),
    };
    if sites.is_empty() {
        tracing::warn!("something went stale where no server runs: nobody is told");
    }
    let consequences = Arc::new(consequences);
    for site in sites {
        let caller = Err(Error::internal("nobody calls outside of a request"));
        soon_at(site, Arc::clone(&consequences), caller);
    }
}

/// Tells what went stale, in a task of the server's: what is somebody's own is the caller's, and
/// everybody's where that can't be found out.
pub(crate) fn soon_at(
    site: Arc<Site>,
    consequences: Arc<Consequences>,
    caller: Result<Option<Principal>>,
) {
    let runtime = site.runtime.clone().or_else(|| Handle::try_current().ok());
    match runtime {
        Some(runtime) => drop(runtime.spawn(async move {
            let whose = whose(&site, &consequences, async { caller }).await;
            published(&site, &consequences, whose).await;
        })),
        None => tracing::warn!(
            "something went stale before the server runs, outside of tokio: nobody is told"
        ),
    }
}
