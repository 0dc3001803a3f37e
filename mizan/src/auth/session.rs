use super::Session;
use crate::{
    cache::{Fact, Told},
    request::{Scope, cookie_values, head},
};
use cookie::{SameSite, time::Duration};
use http::{HeaderValue, request::Parts};
use tower_sessions::{Expiry, session::Id};

/// Returns the session of the current request: what the server remembers of one visitor, whether
/// they have signed in or not.
///
/// Reading it loads it, once for each request. What is written to it is stored, and the visitor
/// gets a cookie, when the request has succeeded. During server rendering that is at the page's
/// first byte: a later change is lost, and the log says so.
///
/// # Panics
///
/// Outside a request, in a spawned task, say.
///
/// # Example
///
/// ```
/// #[mizan::client]
/// pub async fn count_visits() -> mizan::Result<u64> {
///     let session = mizan::session();
///     let visits = session.get::<u64>("visits").await?.unwrap_or(0) + 1;
///     session.insert("visits", visits).await?;
///     Ok(visits)
/// }
/// # let _ = count_visits;
/// ```
#[track_caller]
pub fn session() -> Session {
    match Scope::current() {
        Some(scope) => {
            let session = scope.identity().session(&scope);
            scope.note(Fact::Session, || Ok(Told::session(session.id())));
            session
        }
        None => panic!("`mizan::session()` was called outside a request"),
    }
}

/// What the request's cookie says.
#[derive(Clone, Copy)]
pub(super) struct Named {
    pub(super) id: Id,
    /// Whether somebody had signed in when the cookie was set. The browser's own word, and good
    /// for telling them that they no longer are.
    pub(super) of_user: bool,
}

impl Named {
    pub(super) fn by_cookie(scope: &Scope) -> Option<Self> {
        let name = Cookie::new(scope.is_development()).name();
        let read = |parts: &Parts| {
            let mut values = cookie_values(&parts.headers, name);
            let value = values.next()?;
            // Of two, one is somebody else's doing
            values.next().is_none().then(|| value.to_owned())
        };
        let value = head(read).flatten()?;
        let id = value.strip_suffix(OF_USER);
        Some(Self {
            of_user: id.is_some(),
            id: id.unwrap_or(&value).parse().ok()?,
        })
    }
}

/// What a user's cookie ends in.
const OF_USER: &str = ".u";

/// How long a browser keeps a cookie at most (RFC 6265bis, section 5.5). When the session ends, the
/// server says: so the cookie need not be sent again while it lasts.
const LONGEST: Duration = Duration::days(400);

/// The cookie that carries a session's id.
#[derive(Clone, Copy)]
pub(super) struct Cookie {
    is_secure: bool,
}

impl Cookie {
    pub(super) fn new(is_development: bool) -> Self {
        Self {
            is_secure: !is_development,
        }
    }

    /// `__Host-` keeps sibling subdomains from setting it (RFC 6265bis, section 4.1.3.2); a
    /// browser takes that over TLS only.
    fn name(self) -> &'static str {
        if self.is_secure {
            "__Host-session"
        } else {
            "session"
        }
    }

    /// The cookie of a session.
    pub(super) fn of(self, id: Id, session: &Session, of_user: bool) -> HeaderValue {
        let age = match session.expiry() {
            Some(Expiry::OnSessionEnd) => None,
            _ => Some(LONGEST),
        };
        let mark = if of_user { OF_USER } else { "" };
        self.write(format!("{id}{mark}"), age)
    }

    /// The cookie that ends it.
    pub(super) fn removal(self) -> HeaderValue {
        self.write(String::new(), Some(Duration::ZERO))
    }

    fn write(self, value: String, age: Option<Duration>) -> HeaderValue {
        let mut cookie = cookie::Cookie::build((self.name(), value))
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.is_secure)
            .path("/")
            .build();
        cookie.set_max_age(age);
        // The id is in base64's letters: a header can carry them
        HeaderValue::from_str(&cookie.to_string()).unwrap_or(HeaderValue::from_static(""))
    }
}
