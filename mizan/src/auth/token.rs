//! Bearer tokens, for callers that are no browser: scripts, phones, other servers.
//!
//! A token is a JWT (RFC 9068) of a few minutes, signed with HMAC-SHA256. It names its key, so
//! that keys can be rotated, its audience, and a fingerprint of what its user may: when that
//! changes, the token is refused, because the user is looked up at every request.
//!
//! With it comes a refresh token of weeks, which gives a new pair once. It is kept where the
//! sessions are. One that comes a second time was stolen, or its successor was: nobody can tell
//! whose it is, so both end (RFC 9700, section 4.14.2).

use super::{
    Session, User,
    bearer::Bearer,
    store::{REFRESH, unavailable},
    user::{Principal, Users},
    wire::TokenPair,
};
use crate::{Error, Result, request::Scope, server::Site};
use cookie::time::{Duration as TimeSpan, OffsetDateTime};
use futures::{FutureExt, future::BoxFuture};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, crypto, decode, decode_header, encode,
};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};
use tower_sessions::{Expiry, session::Id};

/// How tokens are signed.
const ALGORITHM: Algorithm = Algorithm::HS256;

/// The type of an access token (RFC 9068, section 2.1), which no other JWT has.
const TYPE: &str = "at+jwt";

/// How many seconds the clocks of nodes may differ.
const LEEWAY: u64 = 5;

/// How tokens are made; for [`Mizan::tokens`](crate::Mizan::tokens).
///
/// # Example
///
/// ```
/// use mizan::auth::token::{Key, Tokens};
/// use std::time::Duration;
///
/// # fn example(this_year: &[u8], last_year: &[u8]) -> Result<(), mizan::auth::token::KeyError> {
/// let tokens = Tokens::new("https://api.example.com", Key::new("2026", this_year)?)
///     .accept(Key::new("2025", last_year)?) // until its last refresh token has expired
///     .time_to_live(Duration::from_secs(300));
/// # let _ = tokens;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct Tokens {
    audience: String,
    /// The first signs, all verify.
    keys: Vec<Key>,
    time_to_live: Duration,
    refresh_time_to_live: Duration,
    /// Of two refreshes with the same token, one has to lose: those of a record take turns.
    refreshing: [tokio::sync::Mutex<()>; 64],
}

impl Tokens {
    /// Signs with `key`, for `audience`: whoever is named otherwise refuses the tokens.
    pub fn new(audience: impl Into<String>, key: Key) -> Self {
        Self {
            audience: audience.into(),
            keys: vec![key],
            time_to_live: Duration::from_secs(10 * 60),
            refresh_time_to_live: Duration::from_secs(30 * 24 * 60 * 60),
            refreshing: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        }
    }

    /// Accepts tokens that were signed with `key`, before it was replaced. Keep it as long as a
    /// refresh token is valid: those are bound to the key that they were given under, too.
    pub fn accept(mut self, key: Key) -> Self {
        self.keys.push(key);
        self
    }

    /// Sets how long a token is valid; 10 minutes by default.
    pub fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = time;
        self
    }

    /// Sets how long a refresh token is valid; 30 days by default.
    pub fn refresh_time_to_live(mut self, time: Duration) -> Self {
        self.refresh_time_to_live = time;
        self
    }

    fn key(&self) -> &Key {
        &self.keys[0]
    }

    /// What is wrong with the settings, if something is.
    pub(crate) fn mistake(&self) -> Option<String> {
        let ids: Vec<_> = self.keys.iter().map(|key| &key.id).collect();
        let twice = ids
            .iter()
            .find(|id| ids.iter().filter(|other| other == id).count() > 1);
        twice.map(|id| format!("two keys for tokens have the id {id:?}"))
    }

    /// Makes an access token.
    fn sign(&self, principal: &Principal) -> Result<String> {
        let now = OffsetDateTime::now_utc().unix_timestamp().cast_unsigned();
        let key = self.key();
        let mut header = Header::new(ALGORITHM);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(key.id.clone());
        let claims = Claims {
            sub: principal.id()?,
            aud: self.audience.clone(),
            iat: now,
            exp: now.saturating_add(self.time_to_live.as_secs()),
            fingerprint: key.seal(&principal.fingerprint()?)?,
        };
        Ok(encode(&header, &claims, &key.encoding)?)
    }

    /// Makes both tokens; the refresh token is kept in `session`.
    async fn pair(&self, principal: &Principal, session: &Session) -> Result<TokenPair> {
        let secret = Id::default().to_string();
        let refresh = Refresh {
            user: principal.id()?,
            auth_hash: self.key().seal(&principal.auth_hash())?,
            key: self.key().id.clone(),
            secret: self.key().seal(secret.as_bytes())?,
        };
        session
            .insert(REFRESH, refresh)
            .await
            .map_err(unavailable)?;
        session.save().await.map_err(unavailable)?;
        let id = session.id().map(|id| id.to_string()).unwrap_or_default();
        Ok(TokenPair {
            access_token: self.sign(principal)?,
            token_type: "Bearer".to_owned(),
            expires_in: self.time_to_live.as_secs(),
            refresh_token: format!("{id}.{secret}"),
        })
    }

    fn expiry(&self) -> Expiry {
        let time = self.refresh_time_to_live.try_into();
        Expiry::OnInactivity(time.unwrap_or(TimeSpan::MAX))
    }

    /// The record that a refresh token names, if the token is the one that was given for it last.
    /// One that was given before ends the record.
    async fn redeem(&self, token: &str, site: &Site) -> Result<Option<(Session, Refresh)>> {
        let Some((id, secret)) = token.split_once('.') else {
            return Ok(None);
        };
        let Ok(id) = id.parse() else {
            return Ok(None);
        };
        let session = site.sessions.open_refresh(Some(id), self.expiry());
        let refresh = session.get::<Refresh>(REFRESH).await.map_err(unavailable)?;
        let Some(refresh) = refresh else {
            return Ok(None);
        };
        let mut keys = self.keys.iter();
        let is_latest = keys
            .any(|key| key.id == refresh.key && key.is_sealed(secret.as_bytes(), &refresh.secret));
        if is_latest {
            return Ok(Some((session, refresh)));
        }
        tracing::warn!(user = refresh.user, "a refresh token came a second time");
        session.flush().await.map_err(unavailable)?;
        Ok(None)
    }

    async fn refreshed(&self, token: &str, site: &Site) -> Result<Option<TokenPair>> {
        let stripe = token.bytes().take(22).map(usize::from).sum::<usize>();
        let _alone = self.refreshing[stripe % self.refreshing.len()].lock().await;
        let Some((session, refresh)) = self.redeem(token, site).await? else {
            return Ok(None);
        };
        let Some(users) = &site.users else {
            return Ok(None);
        };
        let principal = users.of_id(&refresh.user).await?;
        let key = self.keys.iter().find(|key| key.id == refresh.key);
        match (principal, key) {
            (Some(principal), Some(key))
                if key.is_sealed(&principal.auth_hash(), &refresh.auth_hash) =>
            {
                self.pair(&principal, &session).await.map(Some)
            }
            // Gone, or their password is another one
            _ => {
                session.flush().await.map_err(unavailable)?;
                Ok(None)
            }
        }
    }
}

impl Bearer for Tokens {
    fn verify<'a>(
        &'a self,
        token: &'a str,
        users: &'a dyn Users,
    ) -> BoxFuture<'a, Result<Option<Principal>>> {
        async move {
            let Some((claims, key)) = self.read(token) else {
                return Ok(None);
            };
            let Some(principal) = users.of_id(&claims.sub).await? else {
                return Ok(None);
            };
            let is_current = key.is_sealed(&principal.fingerprint()?, &claims.fingerprint);
            Ok(is_current.then_some(principal))
        }
        .boxed()
    }

    fn issue<'a>(
        &'a self,
        principal: Principal,
        site: &'a Site,
    ) -> BoxFuture<'a, Result<TokenPair>> {
        async move {
            let session = site.sessions.open_refresh(None, self.expiry());
            self.pair(&principal, &session).await
        }
        .boxed()
    }

    fn refresh<'a>(
        &'a self,
        token: &'a str,
        site: &'a Site,
    ) -> BoxFuture<'a, Result<Option<TokenPair>>> {
        self.refreshed(token, site).boxed()
    }

    fn revoke<'a>(&'a self, token: &'a str, site: &'a Site) -> BoxFuture<'a, Result<()>> {
        async move {
            if let Some((session, _)) = self.redeem(token, site).await? {
                session.flush().await.map_err(unavailable)?;
            }
            Ok(())
        }
        .boxed()
    }
}

impl Tokens {
    /// Reads a token that is signed, of this audience, and valid now.
    fn read(&self, token: &str) -> Option<(Claims, &Key)> {
        let header = decode_header(token).ok()?;
        let id = header.kid?;
        let key = self.keys.iter().find(|key| key.id == id)?;
        if header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let mut rules = Validation::new(ALGORITHM);
        rules.set_audience(&[&self.audience]);
        rules.set_required_spec_claims(&["exp", "aud", "sub"]);
        rules.leeway = LEEWAY;
        let token = decode::<Claims>(token, &key.decoding, &rules).ok()?;
        Some((token.claims, key))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// What stands in an access token. Its holder can read it.
#[derive(Serialize, Deserialize)]
struct Claims {
    /// The user's id in JSON.
    sub: String,
    aud: String,
    iat: u64,
    exp: u64,
    /// The user's roles, permissions and `session_auth_hash`, sealed.
    #[serde(rename = "fpt")]
    fingerprint: String,
}

/// What is kept of a refresh token.
#[derive(Serialize, Deserialize)]
struct Refresh {
    /// The user's id in JSON.
    user: String,
    /// The user's `session_auth_hash`, sealed.
    auth_hash: String,
    /// The id of the key that seals.
    key: String,
    /// What the token says beside the id of this record, sealed.
    secret: String,
}

/// A key that tokens are signed with, and its name in them.
pub struct Key {
    id: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl Key {
    /// Takes a secret of at least 32 bytes (RFC 7518, section 3.2): random ones, not a password.
    ///
    /// # Errors
    ///
    /// Where it is shorter.
    pub fn new(id: impl Into<String>, secret: &[u8]) -> std::result::Result<Self, KeyError> {
        if secret.len() < 32 {
            return Err(KeyError(secret.len()));
        }
        Ok(Self {
            id: id.into(),
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        })
    }

    /// The HMAC of something that nobody shall read.
    fn seal(&self, text: &[u8]) -> Result<String> {
        Ok(crypto::sign(text, &self.encoding, ALGORITHM)?)
    }

    /// Whether a seal is that of `text`, in constant time.
    fn is_sealed(&self, text: &[u8], seal: &str) -> bool {
        crypto::verify(seal, text, &self.decoding, ALGORITHM).unwrap_or(false)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why a secret can't be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyError(usize);

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0;
        write!(
            f,
            "a key for tokens has at least 32 bytes, this one has {length}"
        )
    }
}

impl std::error::Error for KeyError {}

/// Makes tokens for a user who has shown who they are.
///
/// # Errors
///
/// NOT_IMPLEMENTED where the server was not given [`Tokens`]; INTERNAL_ERROR where its users are of
/// another type, or the store of the sessions fails.
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
/// use mizan::auth::TokenPair;
///
/// #[mizan::client(auth, rate = "10/min")]
/// pub async fn token_for_my_phone() -> mizan::Result<TokenPair> {
///     let account = mizan::current_user::<Account>().await?;
///     let account = account.ok_or_else(|| mizan::Error::unauthorized("sign in first"))?;
///     mizan::auth::token::issue(&account).await
/// }
/// # let _ = token_for_my_phone;
/// ```
pub async fn issue<U: User>(user: &U) -> Result<TokenPair> {
    let scope = current()?;
    let site = scope.site();
    let principal = match &site.users {
        Some(users) => users.principal(user)?,
        None => return Err(none_here()),
    };
    bearer(site)?.issue(principal, site).await
}

/// Ends a refresh token. The access token beside it goes on until it expires.
///
/// # Errors
///
/// NOT_IMPLEMENTED where the server was not given [`Tokens`]; INTERNAL_ERROR where the store of the
/// sessions fails. None for a token that is none (RFC 7009, section 2.2).
pub async fn revoke(refresh_token: &str) -> Result<()> {
    let scope = current()?;
    bearer(scope.site())?
        .revoke(refresh_token, scope.site())
        .await
}

fn current() -> Result<Scope> {
    let scope = Scope::current()
        .ok_or_else(|| Error::internal("there are tokens within a request only"))?;
    // Each is given once, and none lies in a cache
    scope.mark_uncacheable();
    Ok(scope)
}

fn bearer(site: &Site) -> Result<&dyn Bearer> {
    site.bearer.as_deref().ok_or_else(none_here)
}

fn none_here() -> Error {
    Error::not_implemented("this server gives no tokens")
}
