//! Bad input: what is answered, and which field is named.

use super::*;

/// Malformed requests, and what each is answered. The last column is the field that is named.
#[tokio::test]
async fn bad_input_gets_the_right_code_and_names_the_field() {
    let deep = format!("{{\"text\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let nul = "{\"text\":\"a\0b\"}".to_owned();
    type Row<'a> = (&'a str, &'a str, &'a [u8], u16, &'a str, &'a str);
    let rows: &[Row<'_>] = &[
        ("empty", "echo", b"", 400, "BAD_REQUEST", ""),
        ("not JSON", "echo", b"{text", 400, "BAD_REQUEST", ""),
        ("cut off", "echo", b"{\"text\":\"a", 400, "BAD_REQUEST", ""),
        (
            "trailing text",
            "echo",
            b"{\"text\":\"a\"} x",
            400,
            "BAD_REQUEST",
            "",
        ),
        (
            "two values",
            "echo",
            b"{\"text\":\"a\"}{}",
            400,
            "BAD_REQUEST",
            "",
        ),
        (
            "NaN",
            "add",
            b"{\"left\":NaN,\"right\":1}",
            400,
            "BAD_REQUEST",
            "",
        ),
        (
            "Infinity",
            "add",
            b"{\"left\":1,\"right\":Infinity}",
            400,
            "BAD_REQUEST",
            "",
        ),
        ("deep", "echo", deep.as_bytes(), 400, "BAD_REQUEST", ""),
        (
            "invalid UTF-8",
            "echo",
            b"{\"text\":\"\xff\xfe\"}",
            400,
            "BAD_REQUEST",
            "",
        ),
        (
            "half a surrogate pair",
            "echo",
            b"{\"text\":\"\\ud800\"}",
            400,
            "BAD_REQUEST",
            "",
        ),
        ("a raw NUL", "echo", nul.as_bytes(), 400, "BAD_REQUEST", ""),
        ("an array", "echo", b"[\"a\"]", 422, "VALIDATION_ERROR", ""),
        ("null", "echo", b"null", 422, "VALIDATION_ERROR", ""),
        ("a string", "echo", b"\"text\"", 422, "VALIDATION_ERROR", ""),
        (
            "a missing field",
            "echo",
            b"{}",
            422,
            "VALIDATION_ERROR",
            "text",
        ),
        (
            "an unknown field",
            "echo",
            b"{\"text\":\"a\",\"admin\":true}",
            422,
            "VALIDATION_ERROR",
            "admin",
        ),
        (
            "an unknown field alone",
            "nothing",
            b"{\"x\":1}",
            422,
            "VALIDATION_ERROR",
            "x",
        ),
        (
            "a field twice",
            "echo",
            b"{\"text\":\"a\",\"text\":\"b\"}",
            422,
            "VALIDATION_ERROR",
            "text",
        ),
        (
            "a wrong type",
            "echo",
            b"{\"text\":7}",
            422,
            "VALIDATION_ERROR",
            "text",
        ),
        (
            "a number out of range",
            "add",
            b"{\"left\":3000000000,\"right\":1}",
            422,
            "VALIDATION_ERROR",
            "left",
        ),
        (
            "a nested field twice",
            "mirror",
            b"{\"value\":{\"integer\":1,\"integer\":2}}",
            422,
            "VALIDATION_ERROR",
            "value.integer",
        ),
        (
            "a fraction",
            "add",
            b"{\"left\":1,\"right\":1.5}",
            422,
            "VALIDATION_ERROR",
            "right",
        ),
        (
            "an object for a list",
            "total",
            b"{\"numbers\":{}}",
            422,
            "VALIDATION_ERROR",
            "numbers",
        ),
        (
            "an unknown field of a nested type",
            "mirror",
            b"{\"value\":{\"x\":1}}",
            422,
            "VALIDATION_ERROR",
            "value.integer",
        ),
        (
            "a wrong element",
            "total",
            b"{\"numbers\":[1,\"2\"]}",
            422,
            "VALIDATION_ERROR",
            "numbers[1]",
        ),
    ];
    let app = app();
    for &(what, function, body, status, code, field) in rows {
        let answer = call(&app, function, body.to_vec()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{what}: {}",
            answer.text
        );
        if !field.is_empty() {
            let fields = &answer.json()["error"]["details"]["fields"];
            assert!(
                fields[field].is_array(),
                "{what}: {field} is not named in {fields}"
            );
            assert_eq!(fields.as_object().unwrap().len(), 1, "{what}: {fields}");
        }
    }
}

#[tokio::test]
async fn several_mistakes_are_told_at_once() {
    let answer = call(&app(), "add", r#"{"left":"a","down":1,"up":2}"#).await;
    let fields = answer.json()["error"]["details"]["fields"].clone();
    let names: Vec<_> = fields.as_object().unwrap().keys().cloned().collect();
    assert!(
        ["down", "up"]
            .iter()
            .all(|name| names.contains(&(*name).to_owned())),
        "{names:?}"
    );
}

#[tokio::test]
async fn what_was_sent_does_not_come_back_at_full_length() {
    let name = "x".repeat(500_000);
    let app = app();
    let answer = call(&app, "echo", format!("{{\"{name}\":1}}")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text.len() < 1000, "{} bytes", answer.text.len());
    let many: String = (0..100_000)
        .map(|number| format!("\"{number}\":0,"))
        .collect();
    let answer = call(&app, "echo", format!("{{{many}\"text\":\"a\"}}")).await;
    assert!(answer.text.len() < 4000, "{} bytes", answer.text.len());
    let wrong = format!("{{\"left\":\"{name}\",\"right\":1}}");
    let answer = call(&app, "add", wrong).await;
    assert!(answer.text.len() < 1000, "{} bytes", answer.text.len());
}

#[tokio::test]
async fn only_the_right_content_types_are_taken() {
    let app = app();
    let body = r#"{"text":"hi"}"#;
    for (content_type, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON;charset=UTF-8", 200),
        ("application/json; charset=latin1", 415),
        ("text/plain", 415),
        ("text/plain; application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("nonsense", 415),
        ("", 415),
    ] {
        let answer = call_as(&app, "echo", content_type, body).await;
        assert_eq!(answer.status.as_u16(), status, "{content_type}");
    }
    let request = Request::post("/api/mizan/call/echo")
        .body(Body::from(body))
        .unwrap();
    let answer = send(&app, request).await;
    assert_eq!(answer.code(), "UNSUPPORTED_MEDIA_TYPE", "none at all");
}

#[tokio::test]
async fn only_post_calls_a_function() {
    for method in [
        Method::GET,
        Method::HEAD,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ] {
        let request = Request::builder()
            .method(method.clone())
            .uri("/api/mizan/call/echo")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(r#"{"text":"hi"}"#))
            .unwrap();
        let answer = send(&app(), request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header(header::ALLOW), "POST");
    }
}

#[tokio::test]
async fn there_is_nothing_beside_the_functions() {
    let app = app();
    for path in [
        "nope",
        "Echo",
        "ECHO",
        "echo/",
        "echo/x",
        "..%2fecho",
        "%2e%2e/echo",
        "../ctx/global",
        "..%2f..%2f..%2fetc%2fpasswd",
        "echo%00",
        "%65cho%2f",
        "",
        "echo?x=1/../hidden",
        "%ff",
    ] {
        let answer = call(&app, path, r#"{"text":"hi"}"#).await;
        if path.starts_with("echo?") {
            assert_eq!(answer.status, StatusCode::OK, "a query changes nothing");
        } else {
            assert_eq!(answer.code(), "NOT_FOUND", "{path:?}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    let text = "x".repeat(2 * 1024 * 1024);
    let answer = call(&app(), "echo", json!({ "text": text }).to_string()).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE")
    );

    let small = Mizan::new(options()).body_limit(20).api().unwrap();
    assert_eq!(
        call(&small, "echo", r#"{"text":"12345678"}"#).await.status,
        StatusCode::OK,
        "exactly 20"
    );
    assert_eq!(
        call(&small, "echo", r#"{"text":"1234567890"}"#)
            .await
            .status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let chunks = ["{\"text\":\"", "1234567890", "\"}"].map(Ok::<_, std::io::Error>);
    let stream = Body::from_stream(futures::stream::iter(chunks));
    assert_eq!(
        call(&small, "echo", stream).await.status,
        StatusCode::PAYLOAD_TOO_LARGE,
        "in chunks"
    );
    let broken = [Ok("{\"text\""), Err(std::io::Error::other("gone"))];
    let stream = Body::from_stream(futures::stream::iter(broken));
    assert_eq!(
        call(&app(), "echo", stream).await.code(),
        "BAD_REQUEST",
        "broken off"
    );
}
