use super::{User, identity, user::UserType};
use crate::{
    Error, Result,
    request::{Scope, head},
};
use http::request::Parts;
use std::fmt;

/// Whom a function lets in: its option `auth`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Guard {
    /// Everybody: there is no such option.
    #[default]
    None,
    /// Those who have signed in: `auth`, and `auth = path`, which asks its check in addition.
    User,
    /// Users that [are staff](User::is_staff): `auth = "staff"`.
    Staff,
    /// Users that [are superusers](User::is_superuser): `auth = "superuser"`.
    Superuser,
}

/// Lets the current caller through, or doesn't.
///
/// # Errors
///
/// UNAUTHORIZED where they have not signed in, FORBIDDEN where that is not enough, UNAVAILABLE
/// where it can't be found out.
#[doc(hidden)]
pub async fn admit(guard: Guard) -> Result<()> {
    if guard == Guard::None {
        return Ok(());
    }
    // Boxed: it is large, and most functions have no guard
    match Box::pin(identity::principal()).await? {
        None => Err(sign_in_first()),
        Some(principal) if principal.passes(guard) => Ok(()),
        Some(_) => Err(Error::forbidden("you may not do that")),
    }
}

fn sign_in_first() -> Error {
    Error::unauthorized("sign in first")
}

/// What a check sees beside the function's arguments: `auth = path::to::check`.
///
/// The caller has signed in by then: everybody else has been answered UNAUTHORIZED.
///
/// # Example
///
/// ```
/// mizan::server! {
///     use mizan::auth::{AuthUser, GuardContext, User};
///
///     #[derive(Clone, Debug)]
///     struct Account { id: i64 }
///     # impl AuthUser for Account {
///     #     type Id = i64;
///     #     fn id(&self) -> i64 { self.id }
///     #     fn session_auth_hash(&self) -> &[u8] { b"" }
///     # }
///     # impl User for Account {
///     #     type Public = i64;
///     #     fn public(&self) -> i64 { self.id }
///     # }
///
///     /// Lets people change their own profile, and nobody else's.
///     async fn is_own(cx: &GuardContext<Account>, call: &Rename) -> mizan::Result<()> {
///         if call.user_id == cx.user().id {
///             return Ok(());
///         }
///         Err(mizan::Error::forbidden("that is somebody else's profile"))
///     }
/// }
///
/// #[mizan::client(auth = is_own)]
/// pub async fn rename(user_id: i64, name: String) -> mizan::Result<()> {
///     # let _ = (user_id, name);
///     Ok(())
/// }
/// # let _ = rename;
/// ```
pub struct GuardContext<U> {
    user: U,
    request: Parts,
}

impl<U: User> GuardContext<U> {
    /// For the macro.
    #[doc(hidden)]
    pub async fn current() -> Result<Self> {
        let user = identity::current_user::<U>().await?;
        let user = user.ok_or_else(sign_in_first)?;
        // All of it, which no note could be made of
        Scope::with(Scope::mark_uncacheable);
        let request = head(Clone::clone);
        let request = request.ok_or_else(|| Error::internal("there is no request"))?;
        Ok(Self { user, request })
    }

    /// Returns the caller.
    pub fn user(&self) -> &U {
        &self.user
    }

    /// Returns the head of the request. In a page that is the page's, on a socket that of the
    /// request that opened it.
    ///
    /// What it says of the caller (`X-User`, `X-Forwarded-For`) is the caller's own word.
    pub fn request(&self) -> &Parts {
        &self.request
    }
}

/// Without the request: its headers are what the caller signs in with.
impl<U: fmt::Debug> fmt::Debug for GuardContext<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardContext")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The type of users that a check is for. For the macro.
#[doc(hidden)]
pub fn user_type<U: User, A>(_: impl AsyncFn(&GuardContext<U>, &A) -> Result<()>) -> UserType {
    UserType::of::<U>()
}
