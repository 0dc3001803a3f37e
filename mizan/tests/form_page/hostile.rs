//! What nobody who means well sends.

use super::{
    browser::{FORM_TYPE, LETTER, carried, form_urlencoded, letter, post, request, shows},
    served::Served,
    site::site,
    support::send,
};
use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn html_in_every_value_is_text() {
    let (app, _) = site();
    let html = r#"</script><img src=x onerror="alert(1)"><!--&lt;'"#;
    let body = format!(
        "mizan-form=contact&<b>={0}&name={0}&email={0}&message={0}&version={0}&topic={0}&tags={0}&items.0.text={0}&items.0.{0}={0}",
        form_urlencoded(html)
    );
    for path in ["/contact", "/streamed", "/in-order/ada", "/nowhere"] {
        let page = post(&app, path, &body).await;
        assert_eq!(page.status, 422);
        assert!(!page.text.contains("<img"), "{path}: {}", page.text);
        assert!(!page.text.contains("</script><img"), "{path}");
        assert!(!page.text.contains("<b>"), "{path}");
        let value = r#"value="&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&lt;!--&amp;lt;'""#;
        assert_eq!(page.text.matches(value).count(), 7, "{path}: {}", page.text);
        let pairs = carried(&page.text)["pairs"].clone();
        assert_eq!((&pairs[0], &pairs[1]), (&json!("name"), &json!(html)));
    }
}

#[tokio::test]
async fn bad_fields_are_named() {
    let (app, letters) = site();
    let long = "x".repeat(101);
    for (body, message) in [
        (
            letter("version", "-1"),
            "version: must be a whole number from 0 to 4294967295",
        ),
        (letter("version", ""), "version: is required"),
        (letter("topic", "spam"), "topic: is not one of the choices"),
        (letter("tags", "spam"), "tags: is not one of the choices"),
        (
            letter("name", &long),
            "name: must have at most 100 characters",
        ),
        (letter("message", ""), "message: is required"),
        (
            letter("message", &"x".repeat(2001)),
            "message: must have at most 2000 characters",
        ),
        (
            format!("{LETTER}&name=Bob"),
            "name: is given more than once",
        ),
        (
            format!("{LETTER}&is_admin=on"),
            "is_admin: is not a field of this form",
        ),
        (
            format!("{LETTER}&items.0.by=x"),
            "items.0.by: is not a field of this form",
        ),
        (
            format!("{LETTER}&items.x.text=x"),
            "items.x: is not a field of this form",
        ),
        (
            format!("{LETTER}&name.first=x"),
            "name.first: is given as a value and as a group",
        ),
    ] {
        let page = post(&app, "/contact", &body).await;
        assert_eq!(page.status, 422, "{message}");
        assert!(shows(&page, message), "{message}: {}", page.text);
        assert!(
            !shows(&page, r#"name="is_admin""#),
            "what is no field does not come back"
        );
    }
    let rows: String = (0..10_000)
        .map(|row| format!("&items.{row}.text=x"))
        .collect();
    let page = post(&app, "/contact", &format!("{LETTER}{rows}")).await;
    assert_eq!(page.status, 422);
    assert!(
        shows(&page, "the form has more than 1000 values"),
        "{}",
        page.text
    );
    assert!(page.text.matches("<input").count() < 1100);
    let nothing = post(&app, "/contact", "mizan-form=contact").await;
    for name in ["name", "email", "message", "version"] {
        assert!(
            shows(&nothing, &format!("{name}: is required")),
            "{}",
            nothing.text
        );
    }
    assert_eq!(letters.count(), 0);
}

#[tokio::test]
async fn a_post_that_is_none_of_a_form_is_an_error() {
    let (app, letters) = site();
    let huge = letter("message", &"x".repeat(1024 * 1024));
    let multipart = "multipart/form-data; boundary=x";
    let latin = "application/x-www-form-urlencoded; charset=latin1";
    for (what, content_type, body, status, code) in [
        (
            "no form",
            FORM_TYPE.1,
            "name=Ada",
            405,
            "METHOD_NOT_ALLOWED",
        ),
        ("nothing", FORM_TYPE.1, "", 405, "METHOD_NOT_ALLOWED"),
        (
            "an unknown form",
            FORM_TYPE.1,
            "mizan-form=other",
            404,
            "NOT_FOUND",
        ),
        (
            "an endpoint",
            FORM_TYPE.1,
            "mizan-form=contact.submit",
            404,
            "NOT_FOUND",
        ),
        (
            "two forms",
            FORM_TYPE.1,
            "mizan-form=contact&mizan-form=name",
            422,
            "VALIDATION_ERROR",
        ),
        (
            "two keys",
            FORM_TYPE.1,
            &format!("{LETTER}&mizan-key=x"),
            422,
            "VALIDATION_ERROR",
        ),
        (
            "not UTF-8",
            FORM_TYPE.1,
            &format!("{LETTER}&name=%ff"),
            400,
            "BAD_REQUEST",
        ),
        ("too large", FORM_TYPE.1, &huge, 413, "PAYLOAD_TOO_LARGE"),
        (
            "JSON",
            "application/json",
            "{}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "multipart",
            multipart,
            "--x--",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        ("text", "text/plain", LETTER, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            "another charset",
            latin,
            LETTER,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
    ] {
        for path in ["/contact", "/nowhere"] {
            let request = request(path, body.to_owned(), &[("content-type", content_type)]);
            let answer = send(&app, request).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (status, code),
                "{what}"
            );
            let allowed = if status == 405 {
                "GET, HEAD"
            } else {
                answer.header(header::ALLOW)
            };
            assert_eq!(answer.header(header::ALLOW), allowed);
        }
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let request = Request::builder().method(method).uri("/contact");
        let answer = send(&app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header(header::ALLOW), "GET, HEAD");
    }
    assert_eq!(letters.count(), 0);
}

#[tokio::test]
async fn other_sites_post_nothing() {
    let (app, letters) = site();
    for headers in [
        [
            FORM_TYPE,
            ("host", "localhost"),
            ("sec-fetch-site", "cross-site"),
        ],
        [
            FORM_TYPE,
            ("host", "localhost"),
            ("sec-fetch-site", "same-site"),
        ],
        [
            FORM_TYPE,
            ("host", "localhost"),
            ("origin", "https://evil.example"),
        ],
        [FORM_TYPE, ("host", "localhost"), ("origin", "null")],
    ] {
        for path in ["/contact", "/nowhere"] {
            let answer = send(&app, request(path, LETTER, &headers)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "FORBIDDEN")
            );
            assert!(!answer.headers.contains_key(header::SET_COOKIE));
        }
    }
    assert_eq!(letters.count(), 0);
    // Nor is a page of another site where one is sent
    for path in [
        "//evil.example/",
        "//evil.example/%2e%2e",
        "/\\evil.example",
    ] {
        let answer = post(&app, path, &letter("mizan-key", path)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header(header::LOCATION)),
            (303, "/"),
            "{path}"
        );
        let page = post(&app, path, &letter("email", "x")).await;
        assert!(
            shows(&page, r##"action="/#contact-form""##),
            "{}",
            page.text
        );
    }
}

/// The answer is there to be read, however much is sent, or not sent at all.
#[tokio::test]
async fn a_form_that_is_too_large_gets_its_answer() {
    let (app, letters) = site();
    let served = Served::start(app).await;
    let body = letter("message", &"x".repeat(1024 * 1024));
    for (header, body) in [("", &*body), ("expect: 100-continue\r\n", "")] {
        let head = format!(
            "POST /contact HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\
             content-type: {}\r\ncontent-length: 4000000\r\n\r\n",
            FORM_TYPE.1
        );
        let head = match body {
            "" => head,
            _ => head.replace("4000000", &body.len().to_string()),
        };
        let mut peer = TcpStream::connect(served.addr).await.unwrap();
        peer.write_all(head.as_bytes()).await.unwrap();
        peer.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = peer.read_to_string(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(10), read).await;
        read.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("PAYLOAD_TOO_LARGE"), "{answer}");
    }
    assert_eq!(letters.count(), 0);
    served.stop().await;
}

/// A form that stops half-way is none.
#[tokio::test]
async fn a_form_that_breaks_off_is_not_taken() {
    let (app, letters) = site();
    let served = Served::start(app).await;
    let length = LETTER.len() + 1;
    let head = format!(
        "POST /contact HTTP/1.1\r\nhost: localhost\r\ncontent-type: {}\r\ncontent-length: {length}\r\n\r\n",
        FORM_TYPE.1
    );
    let mut peer = TcpStream::connect(served.addr).await.unwrap();
    peer.write_all(head.as_bytes()).await.unwrap();
    peer.write_all(LETTER.as_bytes()).await.unwrap();
    peer.shutdown().await.unwrap();
    let mut answer = String::new();
    let read = peer.read_to_string(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await;
    // Whether anything is said to who has gone is hyper's to decide
    let _ = read.unwrap();
    assert!(!answer.contains(" 303 "), "{answer}");
    served.stop().await;
    assert_eq!(letters.count(), 0);
}
