use super::super::{
    Site,
    call::{Work, bounded},
};
use crate::{
    Code, Error, Result,
    auth::{Principal, bearer, principal, who},
    channel::server::{Line, Reader},
    context::server::{Instance, Outcomes, answer_all},
    request::{Scope, Way, in_owner},
};
use http::request::Parts;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The other end of a socket.
pub(super) struct Peer {
    pub(super) site: Arc<Site>,
    /// The head of the request that opened the socket.
    pub(super) parts: Arc<Parts>,
    /// What is on its way there.
    pub(super) line: Arc<Line>,
    /// Who it was when that was last looked at; `None` where nobody has signed in.
    who: Mutex<Option<Who>>,
    _seat: Option<Seat>,
}

/// A digest of who somebody is, and of what they may.
type Who = u128;

impl Peer {
    /// Finds out who opens a socket.
    ///
    /// # Errors
    ///
    /// UNAUTHORIZED where they present a token that is not valid; TOO_MANY_REQUESTS where they
    /// have too many sockets; UNAVAILABLE where who they are can't be found out.
    pub(super) async fn new(site: Arc<Site>, parts: Parts) -> Result<Self> {
        let mut peer = Self {
            site,
            parts: Arc::new(parts),
            line: Arc::default(),
            who: Mutex::default(),
            _seat: None,
        };
        if let Some(principal) = peer.look().await? {
            peer._seat = Some(Seat::take(&peer.site, principal.id()?)?);
            peer.becomes(Some(principal))?;
        }
        Ok(peer)
    }

    fn who(&self) -> MutexGuard<'_, Option<Who>> {
        self.who.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody has signed in, who might sign out.
    pub(super) fn is_somebody(&self) -> bool {
        self.who().is_some()
    }

    /// Whether the other end may read an instance: whether its members answer without UNAUTHORIZED
    /// and FORBIDDEN. `None` where they don't say, because they were asked too often or something
    /// failed.
    pub(super) async fn may_read(&self, instance: &Instance) -> Option<bool> {
        let live = &self.site.live;
        let work = Work::new(Scope::new(Arc::clone(&self.site), Way::Look));
        let read = async {
            bearer::present(&work.scope, &self.parts.headers).await?;
            work.provide((*self.parts).clone());
            let who = who(in_owner(&work.owner, principal).await?)?;
            let reader = Reader::new(who, &self.parts.headers, instance);
            if let Some(verdict) = live.verdict(&reader) {
                return Ok(Some(verdict));
            }
            let entry = self.site.contexts.get(instance.context);
            let timeout = self.site.request_timeout;
            let outcomes = match entry {
                Some(entry) => {
                    let answers = || answer_all(entry, instance, &work.scope, timeout);
                    in_owner(&work.owner, answers).await
                }
                None => Outcomes::default(),
            };
            live.judge(reader, &outcomes);
            Ok(outcomes.may_be_read())
        };
        match bounded(&self.site, "socket", read).await {
            Ok(verdict) => verdict,
            Err(error) => (error.code() == Code::Unauthorized).then_some(false),
        }
    }

    /// Looks whether the other end is still who it was, and may what it might. Returns whether
    /// that has changed.
    pub(super) async fn has_changed(&self) -> bool {
        let found = match bounded(&self.site, "socket", self.look()).await {
            Err(error) if error.code() == Code::Unauthorized => Ok(None),
            found => found,
        };
        match found.and_then(|found| self.becomes(found)) {
            Ok(has_changed) => has_changed,
            // It can't be found out, which is logged where it failed: it is looked at again in a moment
            Err(error) => {
                tracing::debug!(%error, "who is at the end of a socket can't be found out");
                false
            }
        }
    }

    /// Notes who is there now. Returns whether that was somebody else.
    fn becomes(&self, principal: Option<Principal>) -> Result<bool> {
        let user = principal.as_ref().map(Principal::id_digest).transpose()?;
        let who = who(principal)?;
        self.line.belongs_to(user);
        Ok(std::mem::replace(&mut *self.who(), who) != who)
    }

    /// Who the other end is by now.
    async fn look(&self) -> Result<Option<Principal>> {
        if self.site.users.is_none() {
            return Ok(None);
        }
        let work = Work::new(Scope::new(Arc::clone(&self.site), Way::Watch));
        bearer::present(&work.scope, &self.parts.headers).await?;
        work.provide((*self.parts).clone());
        in_owner(&work.owner, principal).await
    }
}

/// How many sockets users have.
#[derive(Default)]
pub(crate) struct Seats(Mutex<HashMap<String, usize>>);

impl Seats {
    fn taken(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A user's socket; dropped, another one may take its place.
struct Seat {
    site: Arc<Site>,
    user: String,
}

impl Seat {
    fn take(site: &Arc<Site>, user: String) -> Result<Self> {
        {
            let mut seats = site.seats.taken();
            let taken = seats.entry(user.clone()).or_default();
            if *taken >= site.sockets_per_user {
                return Err(Error::too_many_requests("you have too many sockets"));
            }
            *taken += 1;
        }
        Ok(Self {
            site: Arc::clone(site),
            user,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.site.seats.taken();
        if let Some(taken) = seats.get_mut(&self.user) {
            *taken -= 1;
            if *taken == 0 {
                seats.remove(&self.user);
            }
        }
    }
}
