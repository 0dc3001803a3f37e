//! Whom a form lets in, and who they are in the page that comes back.

use super::{
    browser::{carried, get_as, post, post_as, set_cookie, shows},
    site::site,
    users::session_of,
};
use axum::http::header;

#[tokio::test]
async fn guards_hold() {
    let (app, letters) = site();
    let (user, staff) = (
        session_of(&app, "user").await,
        session_of(&app, "staff").await,
    );
    for (form, cookie, status) in [
        ("member", "", 401),
        ("member", &*user, 303),
        ("staff", "", 401),
        ("staff", &*user, 403),
        ("staff", &*staff, 303),
        // Who may not gets no word on what they have filled in
        ("staff&text=&other=x", &*user, 403),
    ] {
        let body = format!("mizan-form={form}&text=Note");
        let answer = post_as(&app, "/notes", &body, cookie).await;
        assert_eq!(answer.status, status, "{form} {cookie}");
        assert_eq!(
            letters.take().len(),
            usize::from(status == 303),
            "{form} {cookie}"
        );
        assert!(!shows(&answer, "wrong"), "{}", answer.text);
        if status != 303 {
            assert!(shows(&answer, r#"name="text" value="Note""#));
            assert_ne!(carried(&answer.text)["error"]["code"], "VALIDATION_ERROR");
        }
    }
}

#[tokio::test]
async fn what_a_form_was_let_in_for_lets_nothing_else_in() {
    let (app, _) = site();
    let user = session_of(&app, "user").await;
    // Nothing of the form runs: it can't be read. The page calls what is for members only
    for path in ["/contact", "/streamed", "/in-order/ada", "/blocked"] {
        let page = post(&app, path, "mizan-form=contact").await;
        assert_eq!(page.status, 422);
        assert!(shows(&page, "sign in first"), "{path}: {}", page.text);
        assert!(!shows(&page, "for user"), "{path}");
        let page = post_as(&app, path, "mizan-form=contact", &user).await;
        assert!(shows(&page, "for user"), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn a_form_that_is_sent_too_often_waits() {
    let (app, letters) = site();
    for status in [303, 303, 429] {
        let answer = post(&app, "/notes", "mizan-form=seldom&text=Note").await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.headers.contains_key(header::RETRY_AFTER),
            status == 429
        );
        if status == 429 {
            assert!(shows(&answer, "too many requests"), "{}", answer.text);
            assert!(shows(&answer, r#"value="Note""#));
        }
    }
    assert_eq!(letters.take().len(), 2);
}

#[tokio::test]
async fn a_form_signs_in() {
    let (app, _) = site();
    let answer = post(&app, "/notes", "mizan-form=name&name=staff").await;
    assert_eq!(answer.status, 303);
    let session = set_cookie(&answer, "session").unwrap();
    let session = format!("session={}", session.split(';').next().unwrap());
    let page = get_as(&app, "/contact", &session).await;
    assert!(
        shows(&page, "Hello staff") && shows(&page, "for staff"),
        "{}",
        page.text
    );
    let page = post(&app, "/notes", "mizan-form=name&name=nobody").await;
    assert_eq!(
        (page.status.as_u16(), set_cookie(&page, "session")),
        (422, None)
    );
    assert!(shows(&page, "nobody has that name"));
    // Pressed twice: the browser has gone away from the first answer, and its cookie
    for _ in 0..2 {
        let answer = post(&app, "/notes", "mizan-form=name&mizan-key=k1&name=staff").await;
        assert_eq!(answer.status, 303);
        assert!(set_cookie(&answer, "session").is_some());
    }
    // Whoever they are by then, the page is theirs
    let page = post(&app, "/contact", "mizan-form=name&name=user&then=later").await;
    assert_eq!(page.status, 409);
    assert!(
        shows(&page, "Hello user") && shows(&page, "for user"),
        "{}",
        page.text
    );
    assert!(set_cookie(&page, "session").is_some());
}
