//! What a function does beside answering: cookies, redirects, and forms without JavaScript.

use super::*;

#[mizan::client]
async fn visit(again: bool) -> mizan::Result<Option<String>> {
    let cookies = mizan::cookies();
    let seen = cookies.get("seen");
    cookies.set(("seen", "first; second"));
    if again {
        cookies.set(("seen", "twice"));
        cookies.set(mizan::cookie::Cookie::build(("other", "x")).http_only(false));
        assert_eq!(
            cookies.get("seen").as_deref(),
            Some("twice"),
            "what was set is what is read"
        );
        cookies.remove("gone");
        assert_eq!(cookies.get("gone"), None, "and what was removed is not");
    }
    Ok(seen)
}

#[mizan::client]
async fn go(fail: bool) -> mizan::Result<u8> {
    mizan::redirect("/else where\n");
    if fail {
        Err(Error::conflict("stay"))
    } else {
        Ok(4)
    }
}

#[mizan::client(input = PostUrl)]
async fn sign(name: String, age: Option<u8>) -> mizan::Result<String> {
    if name == "Nobody" {
        return Err(Error::invalid_field("name", "is not a name"));
    }
    if name == "Mover" {
        mizan::redirect("/moved");
    }
    Ok(format!("{name} {age:?}"))
}

#[tokio::test]
async fn cookies_are_read_and_set_safely() {
    let request = |again: bool| {
        Request::post("/api/mizan/call/visit")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::COOKIE, "a=b; seen=h%C3%A9; gone=1")
            .body(Body::from(json!({ "again": again }).to_string()))
            .unwrap()
    };
    let answer = send(&app(), request(false)).await;
    assert_eq!(answer.json()["result"], "hé");
    assert_eq!(
        answer.header(header::SET_COOKIE),
        "seen=first%3B%20second; HttpOnly; SameSite=Lax; Path=/",
        "in development, over HTTP"
    );
    let mut options = options();
    options.env = leptos::config::Env::PROD;
    let production = Mizan::new(options).api().unwrap();
    let answer = send(&production, request(true)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let mut cookies: Vec<_> = answer
        .headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    cookies.sort_unstable();
    assert_eq!(cookies.len(), 3, "one for each name: {cookies:?}");
    assert!(
        cookies[0].starts_with("gone=; ") && cookies[0].contains("Max-Age=0"),
        "{cookies:?}"
    );
    assert!(
        !cookies[1].contains("HttpOnly"),
        "what was chosen stays: {cookies:?}"
    );
    assert_eq!(
        cookies[2],
        "seen=twice; HttpOnly; SameSite=Lax; Secure; Path=/"
    );
}

#[tokio::test]
async fn a_redirect_tells_the_router_of_the_page() {
    let answer = call(&app(), "go", r#"{"fail":false}"#).await;
    assert_eq!(
        (answer.status, answer.json()["result"].as_i64()),
        (StatusCode::OK, Some(4))
    );
    assert_eq!(answer.header(header::LOCATION), "/else%20where%0A");
    assert!(answer.headers.contains_key("serverfnredirect"));

    let answer = call(&app(), "go", r#"{"fail":true}"#).await;
    assert_eq!(answer.code(), "CONFLICT");
    assert!(
        !answer.headers.contains_key(header::LOCATION),
        "an error goes nowhere"
    );
    assert!(!answer.headers.contains_key("serverfnredirect"));
}

#[tokio::test]
async fn a_form_without_javascript_goes_back_to_its_page() {
    let app = app();
    let post = |body: &'static str, referer: Option<&'static str>| {
        let mut request = Request::post("/api/mizan/call/sign")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "text/html,application/xhtml+xml");
        if let Some(referer) = referer {
            request = request.header(header::REFERER, referer);
        }
        request.body(Body::from(body)).unwrap()
    };
    let page = Some("https://example.com/form?tab=2&__path=x&__err=y");
    let answer = send(&app, post("name=Ada", page)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(
        answer.header(header::LOCATION),
        "/form?tab=2",
        "without the error of last time"
    );

    let answer = send(&app, post("name=Nobody", page)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let location = answer.header(header::LOCATION);
    assert!(
        location.starts_with("/form?tab=2&__path=%2Fapi%2Fmizan%2Fcall%2Fsign&__err="),
        "{location}"
    );

    let answer = send(&app, post("name=Mover", page)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(
        answer.header(header::LOCATION),
        "/moved",
        "the function's own redirect"
    );

    for elsewhere in [
        "https://example.com//evil.example/x",
        "https://example.com/\\evil.example",
        "http://a/.//evil.example/x",
        "http://a/..//evil.example",
        "http://a/x/..//evil.example",
        "http://a/./\\evil.example",
        "nonsense",
    ] {
        let answer = send(&app, post("name=Ada", Some(elsewhere))).await;
        assert_eq!(answer.header(header::LOCATION), "/", "{elsewhere}");
    }
    let answer = send(&app, post("name=Nobody", None)).await;
    assert_eq!(
        answer.code(),
        "VALIDATION_ERROR",
        "without a page to go to, the error is not lost"
    );

    // The same endpoint for code: no page, no redirect
    let request = Request::post("/api/mizan/call/sign")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "text/html")
        .body(Body::from(r#"{"name":"Ada"}"#))
        .unwrap();
    assert_eq!(send(&app, request).await.json()["result"], "Ada None");
    let answer = call(&app, "sign", r#"{"name":"Ada","age":36}"#).await;
    assert_eq!(answer.json()["result"], "Ada Some(36)");
    let form = "application/x-www-form-urlencoded";
    assert_eq!(
        call_as(&app, "sign", form, "name=Ada&age=36").await.json()["result"],
        "Ada Some(36)"
    );
    for (body, field, message) in [
        ("age=3", "name", "is missing"),
        ("name=a&admin=1", "admin", "is not an argument"),
        ("name=a&age=x", "age", "invalid digit"),
        ("name=a&age=3&age=4", "age", "is given twice"),
        ("name=a&name=b", "name", "is given twice"),
        ("name=a&age[x]=3", "age", ""),
    ] {
        let answer = call_as(&app, "sign", form, body).await;
        assert_eq!(answer.code(), "VALIDATION_ERROR", "{body}");
        let messages = &answer.json()["error"]["details"]["fields"][field][0];
        let text = messages
            .as_str()
            .unwrap_or_else(|| panic!("{body}: {}", answer.text));
        assert!(text.contains(message), "{body}: {text}");
    }
    assert_eq!(
        call_as(&app, "sign", form, "name=%ff").await.code(),
        "BAD_REQUEST"
    );
}
