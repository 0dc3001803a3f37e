//! The head of the request that opened a socket, which is kept as long as the socket is open.

use axum::extract::OriginalUri;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, request::Parts};

/// Copies the texts of a head out of the buffer that the connection was read into: 8 KiB, which
/// they would keep in memory.
pub(super) fn detached(mut parts: Parts) -> Parts {
    parts.uri = same(&parts.uri);
    // Extractors take one for the other
    if let Some(OriginalUri(original)) = parts.extensions.remove()
        && original != parts.uri
    {
        parts.extensions.insert(OriginalUri(same(&original)));
    }
    parts.headers = copied(&parts.headers);
    parts
}

/// The same address, in a text of its own.
fn same(uri: &Uri) -> Uri {
    // What it says can be read: it was
    uri.to_string().parse().unwrap_or_default()
}

/// The same headers, their values in one buffer as long as all of them.
fn copied(headers: &HeaderMap) -> HeaderMap {
    let values: Vec<u8> = headers
        .values()
        .flat_map(HeaderValue::as_bytes)
        .copied()
        .collect();
    let mut values = Bytes::from(values);
    let mut copied = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let copy = HeaderValue::from_maybe_shared(values.split_to(value.len()));
        // They are a name and a value
        if let (Ok(name), Ok(mut copy)) = (HeaderName::from_bytes(name.as_str().as_bytes()), copy) {
            copy.set_sensitive(value.is_sensitive());
            copied.append(name, copy);
        }
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Request, header};

    #[test]
    fn a_copy_says_the_same() {
        let mut secret = HeaderValue::from_static("secret");
        secret.set_sensitive(true);
        let request = Request::get("/api/mizan/ws?a=1")
            .header("x-user", "Ada")
            .header(header::COOKIE, "a=1")
            .header(header::COOKIE, "")
            .header(header::COOKIE, "b=2")
            .header(header::AUTHORIZATION, secret)
            .extension(7);
        let (parts, ()) = request.body(()).unwrap_or_default().into_parts();
        let copy = detached(parts.clone());
        assert_eq!((&copy.uri, &copy.headers), (&parts.uri, &parts.headers));
        assert!(copy.headers[header::AUTHORIZATION].is_sensitive());
        assert_eq!(copy.extensions.get(), Some(&7));
        assert!(copy.extensions.get::<OriginalUri>().is_none());
        let mut nested = parts;
        nested
            .extensions
            .insert(OriginalUri(Uri::from_static("/a/api/mizan/ws?a=1")));
        let copy = detached(nested);
        let original = copy.extensions.get();
        let original = original.map(|OriginalUri(uri)| uri.path().to_owned());
        assert_eq!(original.as_deref(), Some("/a/api/mizan/ws"));
    }
}
