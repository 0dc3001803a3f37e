//! The browser: what it posts, and what it makes of the answer.

use super::support::{Answer, send};
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, header},
};
use serde_json::Value;
use std::net::SocketAddr;

pub(crate) const FORM_TYPE: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// What a browser says beside.
pub(crate) const BROWSER: [(&str, &str); 4] = [
    FORM_TYPE,
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("origin", "http://localhost"),
    ("host", "localhost"),
];

pub(crate) fn request(
    path: &str,
    body: impl Into<Body>,
    headers: &[(&str, &str)],
) -> Request<Body> {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let address = SocketAddr::from(([192, 0, 2, 1], 1));
    request
        .extension(ConnectInfo(address))
        .body(body.into())
        .unwrap()
}

pub(crate) async fn post(app: &Router, path: &str, body: &str) -> Answer {
    send(app, request(path, body.to_owned(), &BROWSER)).await
}

pub(crate) async fn post_as(app: &Router, path: &str, body: &str, cookie: &str) -> Answer {
    let headers = [&BROWSER[..], &[("cookie", cookie)]].concat();
    send(app, request(path, body.to_owned(), &headers)).await
}

pub(crate) async fn get_as(app: &Router, path: &str, cookie: &str) -> Answer {
    let request = Request::get(path).header(header::COOKIE, cookie);
    send(app, request.body(Body::empty()).unwrap()).await
}

/// A letter that is in order.
pub(crate) const LETTER: &str =
    "mizan-form=contact&mizan-key=k1&name=Ada&email=ada%40example.com&message=Hello&version=1";

/// The same with something else in place of a field.
pub(crate) fn letter(name: &str, value: &str) -> String {
    let value: String = form_urlencoded(value);
    let pairs = LETTER
        .split('&')
        .filter(|pair| !pair.starts_with(&format!("{name}=")));
    let pairs: Vec<_> = pairs.collect();
    format!("{}&{name}={value}", pairs.join("&"))
}

pub(crate) fn form_urlencoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// The cookies that an answer sets, by their names.
pub(crate) fn set_cookies(answer: &Answer) -> Vec<(String, String)> {
    let lines = answer.headers.get_all(header::SET_COOKIE).iter();
    let pairs = lines.map(|line| {
        let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
        (name.to_owned(), rest.to_owned())
    });
    pairs.collect()
}

pub(crate) fn set_cookie(answer: &Answer, name: &str) -> Option<String> {
    let mut cookies = set_cookies(answer).into_iter();
    let found = cookies
        .find(|(known, _)| known == name)
        .map(|(_, rest)| rest);
    assert!(cookies.all(|(other, _)| other != name), "two of {name}");
    found
}

/// What the page carries of the form.
pub(crate) fn carried(html: &str) -> Value {
    const START: &str = "__RESOLVED_RESOURCES[1073741823] = ";
    let Some(at) = html.find(START) else {
        return Value::Null;
    };
    let script = &html[at + START.len()..];
    let literal = &script[..script.find("\";").unwrap() + 1];
    let text: String = serde_json::from_str(&literal.replace("\\'", "'")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn shows(page: &Answer, text: &str) -> bool {
    page.text.replace("<!>", "").contains(text)
}
