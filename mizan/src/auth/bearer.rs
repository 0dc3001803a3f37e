//! The bearer token of a request, where the server takes any: [`token`](super::token) is one of
//! the crate's features.

use super::{
    user::{Principal, Users},
    wire::TokenPair,
};
use crate::{Error, Result, request::Scope, server::Site};
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, header};

/// What takes tokens, and gives them.
#[cfg_attr(not(feature = "tokens"), expect(dead_code, reason = "nothing does"))]
pub(crate) trait Bearer: Send + Sync {
    /// Whose a token is; `None` where it is nobody's, any more or at all.
    fn verify<'a>(
        &'a self,
        token: &'a str,
        users: &'a dyn Users,
    ) -> BoxFuture<'a, Result<Option<Principal>>>;

    /// Makes tokens for a user.
    fn issue<'a>(
        &'a self,
        principal: Principal,
        site: &'a Site,
    ) -> BoxFuture<'a, Result<TokenPair>>;

    /// Makes tokens for a refresh token; `None` where that is nobody's, any more or at all.
    fn refresh<'a>(
        &'a self,
        token: &'a str,
        site: &'a Site,
    ) -> BoxFuture<'a, Result<Option<TokenPair>>>;

    /// Ends a refresh token.
    fn revoke<'a>(&'a self, token: &'a str, site: &'a Site) -> BoxFuture<'a, Result<()>>;
}

/// Takes the token that a request presents for what its caller says of themselves. No session
/// counts beside it: a caller that presents a token means it.
///
/// Only the header is looked at (RFC 6750, section 2.1): what stands in a URL ends up in logs.
///
/// # Errors
///
/// UNAUTHORIZED where the token is none of ours, has expired or was revoked.
pub(crate) async fn present(scope: &Scope, headers: &HeaderMap) -> Result<()> {
    let (Some(bearer), Some(users)) = (&scope.site().bearer, &scope.site().users) else {
        return Ok(());
    };
    let lines = || headers.get_all(header::AUTHORIZATION).iter();
    let Some(token) = lines().find_map(token) else {
        return Ok(());
    };
    let invalid = || Error::unauthorized("the token is not valid");
    let token = std::str::from_utf8(token).map_err(|_| invalid())?;
    if lines().nth(1).is_some() {
        return Err(invalid());
    }
    scope.identity().asks(scope);
    let principal = bearer.verify(token, &**users).await?;
    let principal = principal.ok_or_else(invalid)?;
    scope.identity().is_known_by_token(principal).await;
    Ok(())
}

/// What stands behind `Bearer`. Other schemes are somebody else's: a proxy in front may ask for a
/// password.
fn token(line: &HeaderValue) -> Option<&[u8]> {
    let (scheme, token) = line.as_bytes().split_at_checked("bearer".len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer");
    let ends = token.first().is_none_or(u8::is_ascii_whitespace);
    (is_bearer && ends).then(|| token.trim_ascii())
}
