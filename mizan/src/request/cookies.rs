use super::{Scope, head};
use crate::cache::{Fact, Told};
use cookie::Cookie;
use http::{HeaderMap, HeaderValue, header};
use leptos::reactive::owner::use_context;
use leptos_axum::ResponseOptions;
use percent_encoding::percent_decode_str;

/// The cookies of the current request and of its answer; returned by [`cookies`].
#[derive(Debug)]
pub struct Cookies(());

/// Returns the cookies of the current request.
///
/// Outside a request there are none, and setting one does nothing. A member of a context may set
/// them too: they reach the browser with the page, unless the page's first byte was sent before
/// the member got that far, or with the bundle that it fetches.
///
/// # Example
///
/// ```
/// #[mizan::client]
/// pub async fn choose_theme(theme: String) -> mizan::Result<Option<String>> {
///     let cookies = mizan::cookies();
///     let before = cookies.get("theme");
///     cookies.set(("theme", theme));
///     Ok(before)
/// }
/// # let _ = choose_theme;
/// ```
pub fn cookies() -> Cookies {
    Cookies(())
}

impl Cookies {
    /// Returns the value of a cookie: the one set in this request, else the one that came with it.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = Self::find(name);
        Scope::with(|scope| {
            let told = || Ok(Told::value(value.as_deref().map(str::as_bytes)));
            scope.note(Fact::Cookie(name.into()), told);
        });
        value
    }

    fn find(name: &str) -> Option<String> {
        match answered(name) {
            Some(cookie)
                if cookie
                    .max_age()
                    .is_some_and(|age| age <= cookie::time::Duration::ZERO) =>
            {
                None
            }
            Some(cookie) => Some(cookie.value().to_owned()),
            None => head(|parts| received(&parts.headers, name)).flatten(),
        }
    }

    /// Sets a cookie: a [`Cookie`](cookie::Cookie) or a `(name, value)` pair.
    ///
    /// What it leaves open is set to the safe choice: `HttpOnly`, `SameSite=Lax`, `Path=/`, and
    /// `Secure` outside development. The value is percent-encoded.
    pub fn set(&self, cookie: impl Into<Cookie<'static>>) {
        let mut cookie = cookie.into();
        if cookie.http_only().is_none() {
            cookie.set_http_only(true);
        }
        if cookie.same_site().is_none() {
            cookie.set_same_site(cookie::SameSite::Lax);
        }
        if cookie.path().is_none() {
            cookie.set_path("/");
        }
        if cookie.secure().is_none() {
            cookie.set_secure(!Scope::with(Scope::is_development).unwrap_or(false));
        }
        write(&cookie);
    }

    /// Removes a cookie that was set with `Path=/`.
    pub fn remove(&self, name: &str) {
        let mut cookie = Cookie::new(name.to_owned(), "");
        cookie.make_removal();
        self.set(cookie);
    }
}

/// Finds a cookie among those that came with the request.
///
/// Names are compared as they are written: `%5F%5FHost-session` is not `__Host-session`, or a
/// sibling subdomain could set it in all but name (CVE-2020-8184).
fn received(headers: &HeaderMap, name: &str) -> Option<String> {
    let written = Cookie::new(name, "").encoded().to_string();
    let written = written.strip_suffix('=').unwrap_or(name);
    let value = values(headers, written).next()?;
    let value = percent_decode_str(value).decode_utf8().ok()?;
    Some(value.into_owned())
}

/// The values of all cookies of a name, as they are written.
pub(crate) fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let lines = lines.filter_map(|value| value.to_str().ok());
    let cookies = lines.flat_map(|line| line.split(';'));
    cookies.filter_map(move |cookie| {
        let (known, value) = cookie.split_once('=')?;
        (known.trim() == name).then(|| value.trim())
    })
}

/// What goes out with the answer.
fn options() -> Option<ResponseOptions> {
    match Scope::current() {
        Some(scope) if scope.run().is_some() => scope.run()?.options().cloned(),
        _ => use_context(),
    }
}

/// Finds a cookie among those that go out with the answer.
fn answered(name: &str) -> Option<Cookie<'static>> {
    let options = options()?;
    let parts = options.0.read().ok()?;
    let values = parts.headers.get_all(header::SET_COOKIE);
    values
        .iter()
        .rev()
        .find_map(|value| parse(value).filter(|cookie| cookie.name() == name))
}

/// Puts a cookie into the answer, in place of an earlier one of the name: a server should not
/// send two (RFC 6265, section 4.1.1).
fn write(cookie: &Cookie<'static>) {
    let Ok(value) = HeaderValue::from_str(&cookie.encoded().to_string()) else {
        tracing::error!(
            name = cookie.name(),
            "the cookie's name, path or domain can't be in a header"
        );
        return;
    };
    Scope::with(Scope::mark_uncacheable);
    let Some(options) = options() else {
        return;
    };
    let Ok(mut parts) = options.0.write() else {
        return;
    };
    let kept: Vec<HeaderValue> = parts
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter(|value| parse(value).is_none_or(|other| other.name() != cookie.name()))
        .cloned()
        .collect();
    parts.headers.remove(header::SET_COOKIE);
    for value in kept.into_iter().chain([value]) {
        parts.headers.append(header::SET_COOKIE, value);
    }
}

fn parse(value: &HeaderValue) -> Option<Cookie<'static>> {
    Cookie::parse_encoded(value.to_str().ok()?.to_owned()).ok()
}
