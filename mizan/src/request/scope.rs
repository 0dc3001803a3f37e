use super::StateMap;
use crate::{
    Error, Result,
    auth::Identity,
    cache::{Fact, Told, Tracked},
    context::server::Instances,
    form::Posted,
    mutation::consequences::Consequences,
    server::{Site, stale},
};
use leptos::reactive::owner::{use_context, with_context};
use std::sync::{
    Arc, Mutex, MutexGuard, OnceLock, PoisonError,
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
    /// To see whether the caller may read an instance that their page shows: what is read is thrown
    /// away.
    Look,
    /// To see who the caller is by now: their session is not even renewed.
    Watch,
    /// For a page, or one of Leptos's own server functions.
    Page,
    /// For a form that was posted to its page, and the page that is rendered for an answer.
    Post,
}

/// What belongs to one request, reachable from everything that runs in it.
#[derive(Clone)]
pub(crate) struct Scope {
    inner: Arc<Inner>,
    /// The run of a function, where its answer is to be kept.
    tracked: Option<Arc<Tracked>>,
}

struct Inner {
    site: Arc<Site>,
    way: Way,
    /// Whether the call that the request is for was let in, and has yet to begin.
    admitted: AtomicBool,
    /// Whether what goes stale is told before the answer: until then.
    tells: AtomicBool,
    identity: Identity,
    instances: Instances,
    consequences: Mutex<Consequences>,
    posted: OnceLock<Posted>,
}

impl Scope {
    pub(crate) fn new(site: Arc<Site>, way: Way) -> Self {
        let inner = Inner {
            site,
            way,
            admitted: AtomicBool::new(false),
            tells: AtomicBool::new(matches!(way, Way::Call | Way::Socket | Way::Post)),
            identity: Identity::default(),
            instances: Instances::default(),
            consequences: Mutex::default(),
            posted: OnceLock::new(),
        };
        Self {
            inner: Arc::new(inner),
            tracked: None,
        }
    }

    /// The same, for a run that is to note what it asks for.
    pub(crate) fn tracked(&self, run: &Arc<Tracked>) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            tracked: Some(Arc::clone(run)),
        }
    }

    /// The run that notes what it asks for, where there is one.
    pub(crate) fn run(&self) -> Option<&Tracked> {
        self.tracked.as_deref()
    }

    /// Notes that the function has asked for something, and what it was told.
    pub(crate) fn note(&self, fact: Fact, told: impl FnOnce() -> Result<Told>) {
        if let Some(run) = &self.tracked {
            match told() {
                Ok(told) => run.note(fact, told),
                Err(_) => run.mark_uncacheable(),
            }
        }
    }

    /// Notes that the function does something that an answer which is kept would not, or sees
    /// what can't be noted.
    pub(crate) fn mark_uncacheable(&self) {
        if let Some(run) = &self.tracked {
            run.mark_uncacheable();
        }
    }

    /// Runs `f` on the scope of the current request; `None` outside of one.
    pub(crate) fn with<T>(f: impl FnOnce(&Self) -> T) -> Option<T> {
        with_context(f)
    }

    /// Returns the scope of the current request; `None` outside of one.
    pub(crate) fn current() -> Option<Self> {
        use_context()
    }

    /// Whether there are so many of it.
    pub(crate) fn is_shared_by(&self, count: usize) -> bool {
        Arc::strong_count(&self.inner) == count
    }

    /// Whether nobody has asked for anything that is found out once, and nothing was noted.
    pub(crate) fn is_as_new(&self) -> bool {
        let Inner {
            admitted,
            identity,
            instances,
            ..
        } = &*self.inner;
        !admitted.load(Ordering::Relaxed)
            && identity.is_as_new()
            && instances.are_none()
            && self.consequences().is_empty()
    }

    pub(crate) fn state(&self) -> &StateMap {
        &self.inner.site.state
    }

    pub(crate) fn is_development(&self) -> bool {
        self.inner.site.is_development()
    }

    pub(crate) fn site(&self) -> &Arc<Site> {
        &self.inner.site
    }

    /// Who the caller is.
    pub(crate) fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// Refuses what can't be done without setting a cookie, or without effects.
    ///
    /// # Errors
    ///
    /// BAD_REQUEST on a socket, and where a context is read.
    pub(crate) fn needs_cookies(&self) -> Result<()> {
        match self.inner.way {
            Way::Call | Way::Page | Way::Post => Ok(()),
            Way::Socket => Err(Error::bad_request(
                "the function sets a cookie, which a socket can't: call it over HTTP",
            )),
            Way::Bundle | Way::Look | Way::Watch => Err(Error::bad_request(
                "a member of a context only reads: nobody signs in or out there",
            )),
        }
    }

    /// Whether the caller has done something that keeps their session alive.
    pub(crate) fn renews(&self) -> bool {
        !matches!(self.inner.way, Way::Watch)
    }

    /// Whether it only looks who may read something.
    pub(crate) fn is_look(&self) -> bool {
        matches!(self.inner.way, Way::Look)
    }

    /// Whether it is for a page.
    pub(crate) fn is_page(&self) -> bool {
        matches!(self.inner.way, Way::Page | Way::Post)
    }

    /// Notes that the call that the request is for was counted, and its caller let in.
    pub(crate) fn admit(&self) {
        self.inner.admitted.store(true, Ordering::Relaxed);
    }

    /// Whether that is so of the call that begins now: the first one.
    pub(crate) fn is_admitted(&self) -> bool {
        self.inner.admitted.swap(false, Ordering::Relaxed)
    }

    /// Notes what the page was sent for a form.
    pub(crate) fn has_posted(&self, posted: Posted) {
        // Once: a page is sent one form
        let _ = self.inner.posted.set(posted);
    }

    /// What the page was sent for a form.
    pub(crate) fn posted(&self) -> Option<&Posted> {
        self.inner.posted.get()
    }

    /// The instances that were rendered so far.
    pub(crate) fn instances(&self) -> &Instances {
        &self.inner.instances
    }

    /// Whether what goes stale now is told before the answer; otherwise nobody does but who made it
    /// stale.
    pub(crate) fn tells(&self) -> bool {
        self.inner.tells.load(Ordering::Relaxed)
    }

    /// Takes what the calls of the request have done to contexts, to tell of it: what goes stale
    /// from now on is no longer part of that. Nor is what begins now the call that was let in: one
    /// that could not be read never began.
    pub(crate) fn settle(&self) -> Consequences {
        self.inner.admitted.store(false, Ordering::Relaxed);
        self.inner.tells.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.consequences())
    }

    /// What the calls of the request have done to contexts so far.
    pub(crate) fn consequences(&self) -> MutexGuard<'_, Consequences> {
        self.inner
            .consequences
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let left = self.consequences.get_mut();
        let left = std::mem::take(left.unwrap_or_else(PoisonError::into_inner));
        // A request that was broken off, as by a browser that has gone: what was done is done
        if !left.is_empty() {
            let caller = self.identity.known();
            stale::soon_at(Arc::clone(&self.site), Arc::new(left), caller);
        }
    }
}
