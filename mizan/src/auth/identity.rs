use super::{
    AuthnBackend, Session, User,
    session::{Cookie, Named},
    store::unavailable,
    user::{Backend, KEY, Principal, Users},
    wire::{CHANGED, EXPIRED},
};
use crate::{
    Error, Result,
    cache::{Fact, Moment, Told},
    request::Scope,
};
use http::HeaderValue;
use std::{
    any::{Any, type_name},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tower_sessions::session::Id;

/// Who the caller of a request is, as far as somebody has asked.
#[derive(Default)]
pub(crate) struct Identity {
    visit: OnceLock<Visit>,
    /// Locked while it is found out: those who ask at the same time wait for the one answer.
    principal: tokio::sync::Mutex<Known>,
    /// Whether a token says it: no session counts beside that.
    by_token: AtomicBool,
    /// From before anything of it was found out.
    asked_at: OnceLock<Moment>,
    /// What the answer has to say of the session.
    news: Mutex<Option<&'static str>>,
    /// Whether the answer has begun, with the session as it was then.
    committed: AtomicBool,
}

/// The session that a request came with, or gets.
struct Visit {
    session: Session,
    /// What the cookie says that named it.
    named: Option<Named>,
}

#[derive(Default)]
enum Known {
    #[default]
    NotYet,
    Is(Option<Principal>),
}

tokio::task_local! {
    /// There while the backend is asked, which can't ask in turn.
    static ASKING: ();
}

impl Identity {
    /// Whether nobody has asked, and no token says it.
    pub(crate) fn is_as_new(&self) -> bool {
        let principal = self.principal.try_lock();
        let is_unknown = principal.is_ok_and(|known| matches!(*known, Known::NotYet));
        is_unknown && self.visit.get().is_none() && self.asked_at.get().is_none()
    }

    /// The session of the request; it touches the store when it is read or written. A caller with
    /// a token has one that is gone afterwards.
    pub(crate) fn session(&self, scope: &Scope) -> Session {
        self.asks(scope);
        let visit = self.visit.get_or_init(|| {
            let named = if self.is_by_token() {
                None
            } else {
                Named::by_cookie(scope)
            };
            Visit {
                session: scope.site().sessions.open(named.map(|named| named.id)),
                named,
            }
        });
        visit.session.clone()
    }

    /// Notes that something is about to be found out.
    pub(super) fn asks(&self, scope: &Scope) {
        self.asked_at.get_or_init(|| scope.site().cache.moment());
    }

    /// The time from before anything was found out.
    pub(crate) fn asked_at(&self) -> Option<Moment> {
        self.asked_at.get().copied()
    }

    /// Who the caller is.
    async fn principal(&self, scope: &Scope) -> Result<Option<Principal>> {
        if ASKING.try_with(|()| ()).is_ok() {
            return Err(Error::internal(
                "the backend of users asks who the caller is, which it is being asked itself",
            ));
        }
        let mut known = self.principal.lock().await;
        if let Known::Is(principal) = &*known {
            return Ok(principal.clone());
        }
        let principal = ASKING.scope((), self.find(scope)).await?;
        *known = Known::Is(principal.clone());
        Ok(principal)
    }

    async fn find(&self, scope: &Scope) -> Result<Option<Principal>> {
        let site = scope.site();
        let Some(users) = &site.users else {
            return Ok(None);
        };
        let session = self.session(scope);
        if session.id().is_none() {
            // Nobody is signed in without one: the store need not be asked
            return Ok(None);
        }
        let principal = users.of_session(session.clone()).await?;
        if principal.is_some() {
            if scope.renews() {
                site.sessions.renew(&session).await?;
            }
        } else if session.id().is_some() {
            let key = session.get_value(KEY).await.map_err(unavailable)?;
            let of_nobody = key.is_some_and(|user| !user["user_id"].is_null());
            if of_nobody {
                // The account is gone
                site.sessions.end(&session).await?;
                self.tell(EXPIRED);
            }
        } else if self.named().is_some_and(|named| named.of_user) {
            self.tell(EXPIRED);
        }
        Ok(principal)
    }

    fn named(&self) -> Option<Named> {
        self.visit.get().and_then(|visit| visit.named)
    }

    /// Notes that the caller has shown who they are by a token.
    pub(super) async fn is_known_by_token(&self, principal: Principal) {
        self.by_token.store(true, Ordering::Relaxed);
        *self.principal.lock().await = Known::Is(Some(principal));
    }

    /// Who the caller is, where that was found out by now.
    ///
    /// # Errors
    ///
    /// Where it was not, and where they are no longer who they were.
    pub(crate) fn known(&self) -> Result<Option<Principal>> {
        let known = self.principal.try_lock();
        match known.as_deref() {
            Ok(Known::Is(Some(principal))) => Ok(Some(principal.clone())),
            Ok(Known::Is(None)) if !self.has_changed() => Ok(None),
            _ => Err(Error::internal("who the caller was is not known")),
        }
    }

    /// Forgets what is known of the caller, which the request may have changed since: whoever asks
    /// next is told what they are by now. One with a token is who that says.
    pub(crate) async fn forget(&self) {
        if !self.is_by_token() && !self.has_changed() {
            *self.principal.lock().await = Known::NotYet;
        }
    }

    fn is_by_token(&self) -> bool {
        self.by_token.load(Ordering::Relaxed)
    }

    /// Refuses what is done to a session to callers who have none.
    fn needs_a_session(&self) -> Result<()> {
        if self.is_by_token() {
            return Err(Error::bad_request("a caller with a token has no session"));
        }
        Ok(())
    }

    /// Takes another principal for the caller from now on.
    async fn becomes(&self, principal: Option<Principal>) {
        *self.principal.lock().await = Known::Is(principal);
        self.tell(CHANGED);
    }

    fn tell(&self, news: &'static str) {
        *self.news() = Some(news);
    }

    fn news(&self) -> MutexGuard<'_, Option<&'static str>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the request has written to its session.
    pub(crate) fn has_changed_session(&self) -> bool {
        let visit = self.visit.get();
        visit.is_some_and(|visit| visit.session.is_modified())
    }

    /// Whether the caller has become somebody else in this request.
    pub(crate) fn has_changed(&self) -> bool {
        *self.news() == Some(CHANGED)
    }

    /// Whether the request has made a session that only a cookie could carry on.
    pub(crate) async fn needs_a_cookie(&self) -> bool {
        let Some(Visit { session, .. }) = self.visit.get() else {
            return false;
        };
        session.is_modified() && session.id().is_none() && !session.is_empty().await
    }

    /// What the answer has to say where nobody has looked at the session: then there is nothing to
    /// write.
    pub(crate) fn unless_asked(&self) -> Option<Commit> {
        let news = *self.news();
        let is_asked = self.visit.get().is_some();
        (!is_asked).then_some(Commit { cookie: None, news })
    }

    /// Writes the session into its store, and returns what the answer has to say of it.
    ///
    /// A cookie is set where the session has another id than the caller knows, and removed where
    /// this request has ended it. What else may have happened to it is left alone: the answer to a
    /// request from before a login arrives after it, and would take the new cookie away.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the store can't be reached.
    pub(crate) async fn commit(&self, scope: &Scope) -> Result<Commit> {
        let news = *self.news();
        let Some(Visit { session, named }) = self.visit.get() else {
            return Ok(Commit { cookie: None, news });
        };
        if self.is_by_token() {
            return Ok(Commit::default());
        }
        let sessions = &scope.site().sessions;
        let cookie = Cookie::new(scope.is_development());
        let is_modified = session.is_modified();
        let cookie = if session.is_empty().await {
            // Where nobody has ended it, a page may take it away: no page is asked for beside a login
            let removes =
                |named: Named| is_modified || scope.is_page() && !sessions.has_ended(named.id);
            let has_no_id = session.id().is_none();
            (has_no_id && named.is_some_and(removes)).then(|| cookie.removal())
        } else if is_modified {
            sessions.save(session).await?;
            let is_new = |id: &Id| named.is_none_or(|named| named.id != *id);
            let id = session.id().filter(is_new);
            let of_user = session.get_value(KEY).await.map_err(unavailable)?.is_some();
            id.filter(|id| !sessions.has_ended(*id))
                .map(|id| cookie.of(id, session, of_user))
        } else {
            None
        };
        self.committed.store(is_modified, Ordering::Relaxed);
        Ok(Commit { cookie, news })
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        let is_modified = |visit: &Visit| visit.session.is_modified();
        let lost = self.visit.get().is_some_and(is_modified) && !*self.committed.get_mut();
        if lost && !*self.by_token.get_mut() {
            tracing::warn!(
                "a session was changed after its answer had begun, or by a request that failed: \
                 the change is lost"
            );
        }
    }
}

/// What an answer says of the session.
#[derive(Default)]
pub(crate) struct Commit {
    pub(crate) cookie: Option<HeaderValue>,
    pub(crate) news: Option<&'static str>,
}

/// Who the current caller is.
pub(crate) async fn principal() -> Result<Option<Principal>> {
    match Scope::current() {
        Some(scope) => {
            let principal = scope.identity().principal(&scope).await;
            scope.note(Fact::User, || Told::user(principal.clone()?.as_ref()));
            principal
        }
        None => Ok(None),
    }
}

/// Returns the user who makes the current request; `None` where they have not signed in, and
/// outside of a request.
///
/// It is found out once for each request: by the session's cookie or the bearer token, and the
/// backend given to [`Mizan::users`](crate::Mizan::users).
///
/// # Errors
///
/// UNAVAILABLE where the sessions' store or the backend fails. INTERNAL_ERROR where the backend's
/// users are not `U`.
///
/// # Example
///
/// ```
/// # mizan::server! {
/// #     use mizan::auth::{AuthUser, User};
/// #     #[derive(Clone, Debug)]
/// #     struct Account { name: String }
/// #     impl AuthUser for Account {
/// #         type Id = String;
/// #         fn id(&self) -> String { self.name.clone() }
/// #         fn session_auth_hash(&self) -> &[u8] { b"" }
/// #     }
/// #     impl User for Account {
/// #         type Public = String;
/// #         fn public(&self) -> String { self.name.clone() }
/// #     }
/// # }
/// #[mizan::client(context = "global")]
/// pub async fn who_am_i() -> mizan::Result<Option<String>> {
///     let account = mizan::current_user::<Account>().await?;
///     Ok(account.map(|account| account.name))
/// }
/// # let _ = who_am_i;
/// ```
pub async fn current_user<U: User>() -> Result<Option<U>> {
    let Some(principal) = principal().await? else {
        return Ok(None);
    };
    match principal.user::<U>() {
        Some(user) => Ok(Some(user.clone())),
        None => Err(Error::internal(format!(
            "the users of this server are not `{}`",
            type_name::<U>()
        ))),
    }
}

/// Asks the backend whose credentials these are; `None` where they are nobody's.
///
/// An unknown name takes as long as a wrong password if the backend sees to it: see
/// [`password::verify`](super::password::verify).
///
/// # Errors
///
/// UNAVAILABLE where the backend fails; INTERNAL_ERROR where the server was given another one.
///
/// # Example
///
/// See [`login`].
pub async fn authenticate<B>(credentials: B::Credentials) -> Result<Option<B::User>>
where
    B: AuthnBackend<User: User> + 'static,
{
    let scope = current()?;
    let users: &dyn Any = users(&scope)?;
    match users.downcast_ref::<Backend<B>>() {
        Some(backend) => backend.authenticate(credentials).await,
        None => Err(Error::internal(format!(
            "the server was given another backend than `{}`",
            type_name::<B>()
        ))),
    }
}

/// Signs a user in: the session is theirs from now on, under a new id.
///
/// The answer brings everything that the page shows anew, and the browser's other tabs fetch it.
///
/// # Errors
///
/// UNAVAILABLE where the sessions' store fails; INTERNAL_ERROR where the backend given to
/// [`Mizan::users`](crate::Mizan::users) has users of another type; BAD_REQUEST where there can be
/// no cookie, or nothing may have effects: on a socket, in a member of a context that is read, and
/// for a caller with a token.
///
/// # Example
///
/// ```
/// # mizan::server! {
/// #     use mizan::auth::{AuthUser, AuthnBackend, User};
/// #     #[derive(Clone, Debug)]
/// #     pub struct Account { name: String }
/// #     impl AuthUser for Account {
/// #         type Id = String;
/// #         fn id(&self) -> String { self.name.clone() }
/// #         fn session_auth_hash(&self) -> &[u8] { b"" }
/// #     }
/// #     impl User for Account {
/// #         type Public = String;
/// #         fn public(&self) -> String { self.name.clone() }
/// #     }
/// #     #[derive(Clone)]
/// #     pub struct Accounts;
/// #     impl AuthnBackend for Accounts {
/// #         type User = Account;
/// #         type Credentials = (String, String);
/// #         type Error = std::io::Error;
/// #         async fn authenticate(&self, _: (String, String)) -> std::io::Result<Option<Account>> { Ok(None) }
/// #         async fn get_user(&self, _: &String) -> std::io::Result<Option<Account>> { Ok(None) }
/// #     }
/// # }
/// #[mizan::client(input = PostUrl, rate = "30/min")]
/// pub async fn sign_in(name: String, password: String) -> mizan::Result<()> {
///     match mizan::auth::authenticate::<Accounts>((name, password)).await? {
///         Some(account) => mizan::auth::login(&account).await,
///         None => Err(mizan::Error::validation("no such name, or another password")),
///     }
/// }
/// # let _ = sign_in;
/// ```
pub async fn login<U: User>(user: &U) -> Result<()> {
    let scope = current()?;
    scope.needs_cookies()?;
    scope.mark_uncacheable();
    let identity = scope.identity();
    identity.needs_a_session()?;
    let session = identity.session(&scope);
    let principal = users(&scope)?.login(session.clone(), user).await?;
    // From here on the caller is another one, whatever else fails
    identity.becomes(Some(principal)).await;
    scope.site().sessions.begin(&session).await
}

/// Signs the caller out: their session ends, in every tab and on every node.
///
/// Other sessions of the user go on. To end those as well, change what
/// [`session_auth_hash`](super::AuthUser::session_auth_hash) returns.
///
/// # Errors
///
/// UNAVAILABLE where the sessions' store fails, after which this node knows the session for ended
/// all the same; BAD_REQUEST where [`login`] says so.
///
/// # Example
///
/// ```
/// #[mizan::client(input = PostUrl)]
/// pub async fn sign_out() -> mizan::Result<()> {
///     mizan::auth::logout().await
/// }
/// # let _ = sign_out;
/// ```
pub async fn logout() -> Result<()> {
    let scope = current()?;
    scope.needs_cookies()?;
    scope.mark_uncacheable();
    let identity = scope.identity();
    identity.needs_a_session()?;
    let ended = scope.site().sessions.end(&identity.session(&scope)).await;
    identity.becomes(None).await;
    ended
}

fn current() -> Result<Scope> {
    let scope = Scope::current()
        .ok_or_else(|| Error::internal("nobody signs in or out outside of a request"))?;
    scope.identity().asks(&scope);
    Ok(scope)
}

/// The backend that the server was given.
fn users(scope: &Scope) -> Result<&dyn Users> {
    scope.site().users.as_deref().ok_or_else(|| {
        Error::internal("the server has no users: add `.users(..)` to `Mizan::new(..)`")
    })
}
