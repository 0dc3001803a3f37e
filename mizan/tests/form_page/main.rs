//! Forms without JavaScript: what a page that is posted to does, and what bad input gets.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod browser;
mod hostile;
mod identity;
#[path = "../support/served.rs"]
mod served;
mod site;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/users.rs"]
mod users;

use axum::http::header;
use browser::{
    BROWSER, LETTER, carried, get_as, letter, post, post_as, request, set_cookie, shows,
};
use serde_json::{Value, json};
use served::Served;
use site::site;
use std::time::Duration;
use support::{get, send};
use users::session_of;

#[tokio::test]
async fn a_form_that_is_taken_sends_the_browser_back_to_its_page() {
    let (app, letters) = site();
    for path in [
        "/contact",
        "/streamed?to=ada",
        "/in-order/ada?x=%2F",
        "/blocked",
    ] {
        let answer = post(&app, path, &letter("mizan-key", path)).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        assert_eq!(answer.header(header::LOCATION), path);
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(answer.header("mizan-invalidate"), r#"inbox;to="Ada""#);
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.text, "");
        assert!(set_cookie(&answer, "tried").unwrap().starts_with("yes"));
        assert!(set_cookie(&answer, "session").is_some());
        assert_eq!(letters.take(), ["Hello"], "{path}");
        // Loading the page again asks for it only
        assert_eq!(get(&app, path).await.status, 200);
        assert_eq!(letters.count(), 0);
    }
}

/// HTML sends CRLF, and its elements hold LF: what the page carries is what they hold.
#[tokio::test]
async fn lines_come_back_as_a_page_has_them() {
    let (app, _) = site();
    let sent = letter("message", "one\r\ntwo").replace("ada%40", "ada");
    let page = post(&app, "/contact", &sent).await;
    assert_eq!(page.status, 422);
    let pairs = carried(&page.text)["pairs"].clone();
    let pairs: Vec<String> = serde_json::from_value(pairs).unwrap();
    assert!(pairs.contains(&"one\ntwo".to_owned()), "{pairs:?}");
}

#[tokio::test]
async fn that_it_was_taken_is_told_to_the_next_page_once() {
    let (app, _) = site();
    let answer = post(&app, "/contact", LETTER).await;
    let cookie = set_cookie(&answer, "mizan-done").unwrap();
    let expected = "contact; HttpOnly; SameSite=Lax; Path=/; Max-Age=60";
    assert_eq!(cookie, expected);
    for path in ["/contact", "/streamed", "/in-order/ada", "/nowhere"] {
        let page = get_as(&app, path, "mizan-done=contact").await;
        assert!(shows(&page, "It was sent"), "{path}: {}", page.text);
        assert_eq!(
            carried(&page.text),
            json!({ "form": "contact", "pairs": [], "done": true })
        );
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
        let removal = set_cookie(&page, "mizan-done").unwrap();
        assert!(removal.contains("Max-Age=0"), "{removal}");
    }
    let page = get(&app, "/contact").await;
    assert!(!shows(&page, "It was sent"));
    assert_eq!(page.header(header::CACHE_CONTROL), "private, no-cache");
    assert_eq!(carried(&page.text), Value::Null);
    // Nor of a form that there is not, nor on a page of another one
    let page = get_as(&app, "/contact", "mizan-done=<script>").await;
    assert_eq!(
        (set_cookie(&page, "mizan-done"), carried(&page.text)),
        (None, Value::Null)
    );
    let page = get_as(&app, "/notes", "mizan-done=contact").await;
    assert!(!shows(&page, "It was sent"));
}

#[tokio::test]
async fn a_form_that_is_sent_twice_runs_once() {
    let (app, letters) = site();
    let one = request("/contact", LETTER, &BROWSER);
    let two = request("/contact", LETTER, &BROWSER);
    let (one, two) = tokio::join!(send(&app, one), send(&app, two));
    let three = post(&app, "/contact", LETTER).await;
    for answer in [one, two, three] {
        assert_eq!(answer.status, 303);
        assert_eq!(answer.header(header::LOCATION), "/contact");
        assert!(set_cookie(&answer, "mizan-done").is_some());
    }
    assert_eq!(letters.take(), ["Hello"]);
    // Who goes back and writes another letter sends the same key
    assert_eq!(
        post(&app, "/contact", &letter("message", "Again"))
            .await
            .status,
        303
    );
    assert_eq!(
        post(&app, "/contact", &letter("mizan-key", "k2"))
            .await
            .status,
        303
    );
    let without = LETTER.replace("mizan-key=k1&", "");
    for _ in 0..2 {
        assert_eq!(post(&app, "/contact", &without).await.status, 303);
    }
    assert_eq!(letters.take(), ["Again", "Hello", "Hello", "Hello"]);
    // What failed is tried again
    let bad = letter("email", "taken@example.com");
    for _ in 0..2 {
        assert_eq!(post(&app, "/contact", &bad).await.status, 422);
    }
}

#[tokio::test]
async fn whoever_goes_away_has_sent_it_all_the_same() {
    let (app, letters) = site();
    let sending = tokio::spawn(async move { post(&app, "/contact", LETTER).await });
    tokio::task::yield_now().await;
    sending.abort();
    let arrived = async {
        while letters.count() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), arrived)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_form_that_fails_comes_back_as_it_was_filled_in() {
    let (app, letters) = site();
    let body = letter("email", "nothing")
        + "&password=hunter2&items.0.text=one&items.0.code=1234&tags=bug&tags=praise";
    for path in [
        "/contact",
        "/streamed",
        "/in-order/ada",
        "/blocked",
        "/nowhere",
    ] {
        let page = post(&app, path, &body).await;
        assert_eq!(page.status, 422, "{path}");
        assert!(
            page.header(header::CONTENT_TYPE).starts_with("text/html"),
            "{path}"
        );
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
        assert_ne!(page.header(header::CONTENT_SECURITY_POLICY), "");
        assert!(
            shows(&page, "email: must be an e-mail address"),
            "{path}: {}",
            page.text
        );
        for value in [
            r#"name="name" value="Ada""#,
            r#"name="email" value="nothing""#,
            r#"name="items.0.text" value="one""#,
            r#"name="tags" value="bug""#,
            r#"name="tags" value="praise""#,
        ] {
            assert!(shows(&page, value), "{path}: {value}");
        }
        assert!(
            !page.text.contains("hunter2") && !page.text.contains("1234"),
            "{path}"
        );
        let expected = json!({
            "form": "contact",
            "pairs": [
                "name", "Ada", "message", "Hello", "version", "1", "email", "nothing",
                "items.0.text", "one", "tags", "bug", "tags", "praise",
            ],
            "error": {
                "code": "VALIDATION_ERROR",
                "message": "`email`: must be an e-mail address",
                "details": { "fields": { "email": ["must be an e-mail address"] } },
            },
        });
        assert_eq!(carried(&page.text), expected, "{path}");
    }
    assert_eq!(letters.count(), 0);
}

#[tokio::test]
async fn the_server_s_own_rules_and_errors_come_back_too() {
    let (app, letters) = site();
    for (field, value, status, text) in [
        ("email", "taken@example.com", 422, "email: is taken"),
        (
            "version",
            "2",
            422,
            "the form has changed: load the page again",
        ),
        ("message", "nobody", 404, "there is nobody of that name"),
        ("message", "redirect and fail", 409, "not now"),
        (
            "message",
            "panic",
            500,
            "something went wrong on the server",
        ),
    ] {
        let page = post(&app, "/contact", &letter(field, value)).await;
        assert_eq!(page.status, status, "{value}");
        assert!(shows(&page, text), "{value}: {}", page.text);
        assert!(shows(&page, r#"name="name" value="Ada""#), "{value}");
        assert!(!page.text.contains("secret panic"), "{value}");
        assert_eq!(page.header(header::LOCATION), "", "{value}");
        assert_eq!(page.header("mizan-invalidate"), "", "{value}");
        assert_eq!(set_cookie(&page, "mizan-done"), None);
        // What was said of the answer before is said with the page, and seen by it
        let has_tried = field == "message";
        assert_eq!(set_cookie(&page, "tried").is_some(), has_tried, "{value}");
        assert!(shows(&page, &format!("tried {has_tried}")), "{value}");
        let keeps = has_tried && status < 500;
        assert_eq!(set_cookie(&page, "session").is_some(), keeps, "{value}");
    }
    assert_eq!(letters.count(), 0);
}

#[tokio::test]
async fn a_handler_says_where_to_go() {
    let (app, letters) = site();
    let answer = post(&app, "/contact", &letter("message", "redirect")).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header(header::LOCATION), "/thanks?for=this");
    assert!(!answer.headers.contains_key("serverfnredirect"));
    assert_eq!(letters.take(), ["redirect"]);
    let page = get_as(&app, "/thanks", "mizan-done=contact").await;
    assert!(shows(&page, "Thanks") && shows(&page, "It was sent"));
    // So does a page that is rendered for a form that failed
    let page = post(&app, "/moved", &letter("email", "x")).await;
    assert_eq!(
        (page.status.as_u16(), page.header(header::LOCATION)),
        (302, "/thanks")
    );
    let page = post(&app, "/panic", &letter("email", "x")).await;
    assert_eq!(page.status, 500);
    assert!(!page.text.contains("secret"));
}

#[tokio::test]
async fn the_application_s_own_handlers_come_first() {
    let (app, letters) = site();
    assert_eq!(
        post(&app, "/own", LETTER).await.text,
        "the application's own"
    );
    assert_eq!(post(&app, "/shared", "").await.text, "a route");
    assert_eq!(letters.count(), 0);
    for path in ["/own", "/shared"] {
        assert_eq!(get(&app, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn what_it_makes_stale_is_told() {
    let (app, _) = site();
    let served = Served::start(app.clone()).await;
    let read = || async { get(&app, "/api/mizan/ctx/inbox?to=Ada").await.json() };
    let followed = async {
        while read().await["version"].is_null() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), followed)
        .await
        .unwrap();
    let before = read().await;
    assert_eq!(before["data"]["inbox"], "0 for Ada");
    let mut reader = served.connect("").await;
    let mount = json!({
        "op": "mount", "contexts": [r#"inbox;to="Ada""#], "versions": [before["version"]],
    });
    reader.send(mount).await;
    assert_eq!(reader.next().await["op"], "mounted");
    // A form that fails ends nothing
    assert_eq!(
        post(&app, "/contact", &letter("email", "x")).await.status,
        422
    );
    assert_eq!(post(&app, "/contact", LETTER).await.status, 303);
    let told = reader.next().await;
    assert_eq!(
        (&told["op"], &told["contexts"]),
        (&json!("invalidate"), &json!([r#"inbox;to="Ada""#]))
    );
    assert_eq!(read().await["data"]["inbox"], "1 for Ada");
    assert!(shows(&get(&app, "/contact").await, "1 for Ada"));
    drop(reader);
    served.stop().await;
}

/// A page that waits for something is rendered after a post as it is without one, on all threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_page_that_waits_is_rendered_after_a_post_too() {
    let (app, _) = site();
    let user = session_of(&app, "user").await;
    let bad = letter("email", "x");
    for round in 0..50 {
        for path in ["/contact", "/streamed", "/in-order/ada", "/blocked"] {
            for cookie in ["", &*user] {
                let work = post_as(&app, path, &bad, cookie);
                let page = tokio::time::timeout(Duration::from_secs(5), work).await;
                let page = page.unwrap_or_else(|_| panic!("{path} hangs in round {round}"));
                assert_eq!(page.status, 422, "{path}: {}", page.text);
                assert!(shows(&page, "Hello"), "{path}: {}", page.text);
                let work = get_as(&app, path, cookie);
                let page = tokio::time::timeout(Duration::from_secs(5), work).await;
                let page = page.unwrap_or_else(|_| panic!("{path} hangs in round {round}"));
                assert_eq!(page.status, 200);
            }
        }
    }
}

#[tokio::test]
async fn rows_come_and_go_before_a_form_is_sent() {
    let (app, letters) = site();
    let body = format!("{LETTER}&password=hunter2&items.3.text=one&items.5.text=two");
    for (change, rows) in [
        (
            "add:items",
            [("3", "one"), ("5", "two"), ("6", "")].as_slice(),
        ),
        ("remove:items:3", &[("5", "two")]),
        ("up:items:5", &[("5", "one"), ("3", "two")]),
        ("down:items:3", &[("5", "one"), ("3", "two")]),
    ] {
        let page = post(&app, "/contact", &format!("{body}&mizan-rows={change}")).await;
        assert_eq!(page.status, 200, "{change}");
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
        for (row, text) in rows {
            let shown = format!(r#"name="items.{row}.text" value="{text}""#);
            assert!(shows(&page, &shown), "{change}: {shown}: {}", page.text);
        }
        assert_eq!(
            page.text.matches(".text\" value=").count(),
            rows.len(),
            "{change}"
        );
        assert!(shows(&page, r#"name="name" value="Ada""#) && !page.text.contains("hunter2"));
        assert!(
            !shows(&page, "It was sent") && !shows(&page, "wrong"),
            "{}",
            page.text
        );
        let carried = carried(&page.text);
        assert_eq!(
            (&carried["error"], &carried["done"]),
            (&Value::Null, &Value::Null)
        );
        assert!(page.headers.get(header::SET_COOKIE).is_none());
    }
    let answer = post(&app, "/contact", &format!("{body}&mizan-rows=add:name")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (422, "VALIDATION_ERROR")
    );
    assert_eq!(letters.count(), 0);
}
