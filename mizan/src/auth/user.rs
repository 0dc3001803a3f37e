use super::{Session, guard::Guard, store::unavailable};
use crate::{Error, Result};
use axum_login::{AuthUser, AuthnBackend};
use blake2::{Blake2b, Digest, digest::consts::U16};
use futures::{
    FutureExt,
    future::{BoxFuture, ready},
};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::{
    any::{Any, TypeId, type_name},
    sync::Arc,
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// A user, as the server knows them: what an [`AuthnBackend`] finds.
///
/// [`AuthUser`] says who it is: its id, and `session_auth_hash`, with which all of the user's
/// sessions and tokens end when it changes (the hash of the password is a good one). This adds
/// what Mizan's guards ask, and what may be told of the user.
///
/// # Example
///
/// ```
/// use mizan::auth::{AuthUser, User};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Debug)]
/// struct Account {
///     id: i64,
///     name: String,
///     password_hash: String,
///     is_staff: bool,
/// }
///
/// /// What everybody may know of an account.
/// #[derive(Serialize, Deserialize)]
/// struct Profile {
///     name: String,
/// }
///
/// impl AuthUser for Account {
///     type Id = i64;
///
///     fn id(&self) -> i64 {
///         self.id
///     }
///
///     fn session_auth_hash(&self) -> &[u8] {
///         self.password_hash.as_bytes()
///     }
/// }
///
/// impl User for Account {
///     type Public = Profile;
///
///     fn public(&self) -> Profile {
///         Profile { name: self.name.clone() }
///     }
///
///     fn is_staff(&self) -> bool {
///         self.is_staff
///     }
/// }
/// ```
pub trait User: AuthUser + 'static {
    /// What the user may know of themselves over the wire: never a password's hash.
    type Public: Serialize;

    /// Returns that part, for `GET /api/mizan/session`.
    fn public(&self) -> Self::Public;

    /// Returns whether `auth = "staff"` lets the user through; nobody by default.
    fn is_staff(&self) -> bool {
        false
    }

    /// Returns whether `auth = "superuser"` lets the user through, and `auth = "staff"` as well;
    /// nobody by default.
    fn is_superuser(&self) -> bool {
        false
    }

    /// Returns what else the user may, in words of the application's. Tokens are bound to it: when
    /// it changes, those that were given before are refused.
    fn permissions(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A user of whatever type.
#[derive(Clone)]
pub(crate) struct Principal(Arc<dyn Account>);

impl Principal {
    fn new<U: User>(user: U) -> Self {
        Self(Arc::new(user))
    }

    /// The user, where it is a `U`.
    pub(super) fn user<U: User>(&self) -> Option<&U> {
        let account: &dyn Any = &*self.0;
        account.downcast_ref()
    }

    /// Whether a guard lets the user through.
    pub(super) fn passes(&self, guard: Guard) -> bool {
        match guard {
            Guard::None | Guard::User => true,
            Guard::Staff => self.0.is_staff() || self.0.is_superuser(),
            Guard::Superuser => self.0.is_superuser(),
        }
    }

    /// The id in JSON: different for different users.
    pub(crate) fn id(&self) -> Result<String> {
        self.0.key()
    }

    /// A digest of the id.
    pub(crate) fn id_digest(&self) -> Result<u64> {
        Ok(xxh3_64(self.id()?.as_bytes()))
    }

    /// What the user may know of themselves.
    pub(crate) fn public(&self) -> Result<Box<RawValue>> {
        self.0.public()
    }

    /// What access tokens and sockets are bound to: the id, roles, permissions and
    /// `session_auth_hash`.
    pub(crate) fn fingerprint(&self) -> Result<Vec<u8>> {
        self.0.fingerprint()
    }

    /// A digest of that.
    fn digest(&self) -> Result<u128> {
        Ok(xxh3_128(&self.fingerprint()?))
    }

    /// What refresh tokens are bound to: the id and `session_auth_hash`.
    #[cfg_attr(not(feature = "tokens"), expect(dead_code, reason = "tokens need it"))]
    pub(super) fn auth_hash(&self) -> Vec<u8> {
        self.0.auth_hash()
    }
}

/// A digest of who somebody is and of what they may; `None` for those who have not signed in.
pub(crate) fn who(principal: Option<Principal>) -> Result<Option<u128>> {
    principal.map(|principal| principal.digest()).transpose()
}

/// [`User`] without its types.
trait Account: Any + Send + Sync {
    fn key(&self) -> Result<String>;
    fn is_staff(&self) -> bool;
    fn is_superuser(&self) -> bool;
    fn public(&self) -> Result<Box<RawValue>>;
    fn fingerprint(&self) -> Result<Vec<u8>>;
    fn auth_hash(&self) -> Vec<u8>;
}

impl<U: User> Account for U {
    fn key(&self) -> Result<String> {
        Ok(serde_json::to_string(&AuthUser::id(self))?)
    }

    fn is_staff(&self) -> bool {
        User::is_staff(self)
    }

    fn is_superuser(&self) -> bool {
        User::is_superuser(self)
    }

    fn public(&self) -> Result<Box<RawValue>> {
        Ok(to_raw_value(&User::public(self))?)
    }

    fn fingerprint(&self) -> Result<Vec<u8>> {
        let mut permissions = self.permissions();
        permissions.sort_unstable();
        let roles = (User::is_staff(self), User::is_superuser(self));
        let secret = self.session_auth_hash();
        Ok(serde_json::to_vec(&(
            AuthUser::id(self),
            roles,
            permissions,
            secret,
        ))?)
    }

    fn auth_hash(&self) -> Vec<u8> {
        self.session_auth_hash().to_vec()
    }
}

/// Where users come from: the application's backend, without its types.
#[cfg_attr(not(feature = "tokens"), expect(dead_code, reason = "tokens need it"))]
pub(crate) trait Users: Any + Send + Sync {
    /// The user that a session belongs to. One whose `session_auth_hash` has changed since they
    /// signed in loses the session.
    fn of_session(&self, session: Session) -> BoxFuture<'static, Result<Option<Principal>>>;

    /// The user with an id in JSON.
    fn of_id(&self, id: &str) -> BoxFuture<'static, Result<Option<Principal>>>;

    /// Takes a user who was found otherwise for the caller.
    fn principal(&self, user: &dyn Any) -> Result<Principal>;

    /// Makes a session that of a user.
    fn login(&self, session: Session, user: &dyn Any) -> BoxFuture<'static, Result<Principal>>;

    /// The type of users.
    fn user_type(&self) -> UserType;
}

/// A type of users, to be compared and told.
#[derive(Clone, Copy, Debug)]
pub struct UserType {
    pub(crate) id: TypeId,
    pub(crate) name: &'static str,
}

impl UserType {
    pub(super) fn of<U: User>() -> Self {
        Self {
            id: TypeId::of::<U>(),
            name: type_name::<U>(),
        }
    }
}

/// Under which key a session says whose it is.
pub(super) const KEY: &str = "mizan.user";

/// A backend of the application's.
pub(crate) struct Backend<B>(pub(crate) B);

impl<B> Backend<B>
where
    B: AuthnBackend<User: User> + 'static,
{
    /// The user that a session is of. One whose `session_auth_hash` is another by now ends it.
    async fn find(backend: &B, session: &Session) -> Result<Option<B::User>> {
        let signed_in = session.get::<SignedIn<_>>(KEY).await;
        let Some(signed_in) = signed_in.map_err(unavailable)? else {
            return Ok(None);
        };
        let user = backend.get_user(&signed_in.user_id).await;
        let Some(user) = user.map_err(failed)? else {
            return Ok(None);
        };
        if signed_in.digest != digest(&user) {
            session.flush().await.map_err(unavailable)?;
            return Ok(None);
        }
        Ok(Some(user))
    }

    pub(super) async fn authenticate(
        &self,
        credentials: B::Credentials,
    ) -> Result<Option<B::User>> {
        let found = self.0.authenticate(credentials).await;
        found.map_err(failed)
    }

    fn user(user: &dyn Any) -> Result<&B::User> {
        user.downcast_ref().ok_or_else(|| {
            let name = type_name::<B::User>();
            Error::internal(format!(
                "the users of this server are `{name}`, not this one"
            ))
        })
    }

    async fn login(backend: B, session: Session, user: B::User) -> Result<Principal> {
        if let Some(other) = Self::find(&backend, &session).await?
            && other.key()? != user.key()?
        {
            // What the session holds is another user's
            session.flush().await.map_err(unavailable)?;
        }
        // Against fixation of the session (CWE-384)
        session.cycle_id().await.map_err(unavailable)?;
        let signed_in = SignedIn {
            user_id: AuthUser::id(&user),
            digest: digest(&user),
        };
        let noted = session.insert(KEY, signed_in).await;
        noted.map_err(unavailable)?;
        Ok(Principal::new(user))
    }
}

/// What a session says of its user.
#[derive(Serialize, Deserialize)]
struct SignedIn<I> {
    user_id: I,
    digest: Digested,
}

/// A digest of a user's `session_auth_hash`: that may be a password's hash, which does not belong
/// into sessions.
type Digested = [u64; 2];

fn digest(user: &impl AuthUser) -> Digested {
    let digest = u128::from_be_bytes(Blake2b::<U16>::digest(user.session_auth_hash()).into());
    [(digest >> 64) as u64, digest as u64]
}

impl<B> Users for Backend<B>
where
    B: AuthnBackend<User: User> + 'static,
{
    fn of_session(&self, session: Session) -> BoxFuture<'static, Result<Option<Principal>>> {
        let backend = self.0.clone();
        async move {
            let user = Self::find(&backend, &session).await?;
            Ok(user.map(Principal::new))
        }
        .boxed()
    }

    fn of_id(&self, id: &str) -> BoxFuture<'static, Result<Option<Principal>>> {
        let id = serde_json::from_str(id);
        let backend = self.0.clone();
        async move {
            // An id that is none is nobody's
            let Ok(id) = id else { return Ok(None) };
            let found = backend.get_user(&id).await;
            let found = found.map_err(failed)?;
            Ok(found.map(Principal::new))
        }
        .boxed()
    }

    fn principal(&self, user: &dyn Any) -> Result<Principal> {
        Ok(Principal::new(Self::user(user)?.clone()))
    }

    fn login(&self, session: Session, user: &dyn Any) -> BoxFuture<'static, Result<Principal>> {
        match Self::user(user) {
            Ok(user) => Self::login(self.0.clone(), session, user.clone()).boxed(),
            Err(error) => ready(Err(error)).boxed(),
        }
    }

    fn user_type(&self) -> UserType {
        UserType::of::<B::User>()
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    tracing::error!(%error, "the backend of users failed");
    cannot_tell()
}

fn cannot_tell() -> Error {
    Error::unavailable("who you are can't be found out at the moment")
}
