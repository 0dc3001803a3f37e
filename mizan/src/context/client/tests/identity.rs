//! Signing in and out, here and in other tabs.

use super::*;

#[tokio::test]
async fn who_signs_in_sees_everything_anew_and_so_do_the_other_tabs() {
    page(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let visitor = owner.with(use_visitor);
        settle().await;
        one().await.answer(r#"{"data":{"visitor":{"name":"nobody"}}}"#);
        settle().await;
        let sign_in = owner.with(use_rename);
        sign_in.dispatch(call("x"));
        settle().await;
        let answer = r#"{"result":1,"refreshed":[{"context":"global","params":{},"data":{"visitor":{"name":"Ada"}}}]}"#;
        one().await.answer_saying("changed", 200, answer);
        settle().await;
        assert_eq!(announced(), 1);
        let name_of = |visitor: Query<Person>| visitor.get_untracked().unwrap().unwrap().name;
        assert_eq!(name_of(visitor), "Ada");
        // What the answer did not bring
        let request = one().await;
        assert_eq!(request.path, "/api/mizan/ctx/profile?user_id=5");
        request.answer(&name("as seen by Ada", 36));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("as seen by Ada"));

        // Another tab says so
        hear();
        settle().await;
        let mut paths: Vec<_> = asked().into_iter().map(|asked| asked.path).collect();
        paths.sort_unstable();
        assert_eq!(paths, ["/api/mizan/ctx/global", "/api/mizan/ctx/profile?user_id=5"]);
        assert_eq!(announced(), 0, "it is known already");
    })
    .await;
}

#[tokio::test]
async fn nothing_of_the_former_visitor_is_shown_to_the_next() {
    page(async |owner: Owner| {
        let page = owner.with(Page::current);
        let query = shows_ada(&owner).await;
        let below = owner.with(|| component(&owner, RwSignal::new(6)));
        let _other = below.with(use_user_name);
        settle().await;
        one().await.answer(&name("Ada's other", 1));
        settle().await;
        below.cleanup();
        drop(below);
        settle().await;
        assert_eq!(page.len(), 2, "one is shown, one is kept for a while");
        hear();
        settle().await;
        assert_eq!(page.len(), 1, "what nobody shows is gone");
        // The network is gone as well: an error, and not what was Ada's
        lose().await;
        let shown = owner.with(|| query.get_untracked());
        assert_eq!(shown.unwrap().unwrap_err().code(), Code::Network);
    })
    .await;
}

#[tokio::test]
async fn what_the_page_carries_is_not_of_who_signs_in_later() {
    page(async |owner: Owner| {
        page_has(&[
            r#"{"context":"profile","params":{"user_id":5},"data":{"user_name":"secret","user_age":1}}"#,
        ]);
        let _page = owner.with(Page::current);
        hear();
        let query = owner.with(|| profile(&owner, RwSignal::new(5)).with(use_user_name));
        settle().await;
        one().await.answer(&name("Ada", 36));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("Ada"));
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_over_is_told() {
    page(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let session = owner.with(mizan::auth::use_session);
        let expired = || owner.with(|| session.expired());
        assert!(!expired());
        query.refetch();
        let refused = r#"{"data":{},"errors":{"user_name":{"code":"UNAUTHORIZED","message":"sign in first"}}}"#;
        one().await.answer_saying("expired", 200, refused);
        settle().await;
        assert!(expired());
        assert_eq!(announced(), 0, "the other tabs find out by themselves");

        let sign_in = owner.with(use_rename);
        sign_in.dispatch(call("x"));
        settle().await;
        one().await.answer_saying("changed", 200, r#"{"result":1}"#);
        settle().await;
        assert!(!expired());
        one().await.answer(&name("Ada", 36));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("Ada"), "and everything recovers");

        // By a call that fails
        sign_in.dispatch(call("x"));
        settle().await;
        let refused = r#"{"error":{"code":"UNAUTHORIZED","message":"sign in first"}}"#;
        one().await.answer_saying("expired", 401, refused);
        settle().await;
        assert!(expired());
        // An answer that was on its way when somebody signed in elsewhere
        sign_in.dispatch(call("late"));
        settle().await;
        let late = asked();
        hear();
        assert!(!expired(), "somebody has signed in elsewhere");
        settle().await;
        for late in late {
            late.answer_saying("expired", 401, refused);
        }
        settle().await;
        assert!(!expired(), "it says nothing of the new session");
        drop(asked());
    })
    .await;
}
