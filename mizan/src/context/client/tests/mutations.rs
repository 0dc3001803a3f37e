//! What the answer to a call does to what is shown.

use super::*;

/// What an answer brings of the profile 5.
fn refreshed(of: &str) -> String {
    format!(
        r#"{{"result":3,"invalidate":[{{"context":"profile","params":{{"user_id":5}}}}],
            "refreshed":[{{"context":"profile","params":{{"user_id":5}},"data":{{"user_name":"{of}","user_age":1}}}}]}}"#
    )
}

#[tokio::test]
async fn an_answer_brings_the_new_data() {
    page(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let rename = owner.with(use_rename);
        rename.dispatch(call("Bo"));
        assert!(owner.with(|| rename.pending()));
        settle().await;
        let request = one().await;
        assert_eq!(request.path, "/api/mizan/call/rename");
        assert_eq!(
            request.body.as_deref(),
            Some(r#"{"user_id":5,"name":"Bo"}"#)
        );
        let header = |name| request.headers.iter().find(|(known, _)| *known == name);
        assert_eq!(
            header("mizan-mounted").map(|header| &*header.1),
            Some("profile;user_id=5")
        );
        assert_eq!(header("mizan-build").map(|header| header.1.len()), Some(16));
        owner
            .with(use_fingerprint)
            .dispatch(Fingerprint { notes: None });
        let build = one()
            .await
            .headers
            .into_iter()
            .find(|(name, _)| *name == "mizan-build");
        // The same as in `tests/mutation.rs`, which is the server's half
        assert_eq!(
            build.map(|header| header.1).as_deref(),
            Some("c4f87c7c77157eb1")
        );
        request.answer(&refreshed("Bo"));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("Bo"));
        assert_eq!(
            owner.with(|| (rename.value(), rename.pending())),
            (Some(3), false)
        );
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn answers_that_overlap_are_not_trusted_over_one_another() {
    page(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let rename = owner.with(use_rename);
        rename.dispatch(call("first"));
        rename.dispatch(call("second"));
        assert_eq!(owner.with(|| rename.in_flight()), 2);
        settle().await;
        let [first, second]: [Asked; 2] = asked().try_into().ok().expect("two requests");
        second.answer(&refreshed("second"));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("second"));
        assert_eq!(
            owner.with(|| (rename.in_flight(), rename.value())),
            (1, Some(3))
        );
        // It may be from before the second, or after it
        first.answer(&refreshed("first").replace("\"result\":3", "\"result\":1"));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("second"), "until it is known");
        assert_eq!(
            owner.with(|| rename.value()),
            Some(3),
            "of the call that was dispatched last"
        );
        let request = one().await;
        assert_eq!(request.path, "/api/mizan/ctx/profile?user_id=5");
        request.answer(&name("second", 1));
        settle().await;
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn a_merge_is_spliced_in() {
    page(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let rename = owner.with(use_rename);
        let answer = r#"{"result":1,"merge":[
            {"context":"profile","params":{"user_id":5},"member":"user_name","value":"merged"},
            {"context":"profile","params":{"user_id":5},"member":"user_age","value":7},
            {"context":"profile","params":{"user_id":6},"member":"user_name","value":"not here"}]}"#;
        rename.dispatch(call("x"));
        settle().await;
        one().await.answer(answer);
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("merged"));
        let age = owner.with(|| profile(&owner, RwSignal::new(5)).with(use_user_age));
        assert_eq!(shown(age), Some(7), "also where nobody had asked yet");
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn optimistic_changes_lie_over_one_another() {
    page(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let rename =
            owner.with(|| use_rename().optimistic(query, |name, call| name.push_str(&call.name)));
        rename.dispatch(call("+1"));
        rename.dispatch(call("+2"));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("Ada+1+2"));
        let [first, second]: [Asked; 2] = asked().try_into().ok().expect("two requests");
        first.fail(Error::network("gone"));
        settle().await;
        assert_eq!(
            shown(query).as_deref(),
            Some("Ada+2"),
            "the first is taken back"
        );
        assert_eq!(
            owner.with(|| rename.error()).map(|error| error.code()),
            Some(Code::Network)
        );
        second.answer(&refreshed("from the server"));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("from the server"));

        // An answer that brings nothing: the changes stay until the data is fetched
        let rename = rename.optimistic(query, |name, _| name.push('?'));
        rename.dispatch(call("+3"));
        settle().await;
        one()
            .await
            .answer(r#"{"result":1,"invalidate":[{"context":"profile"}]}"#);
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("from the server+3?"));
        one().await.answer(&name("fetched", 1));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("fetched"));
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_call_still_says_what_is_stale() {
    page(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let rename = owner.with(use_rename);
        rename.dispatch(call("x"));
        settle().await;
        one().await.answer_with(409, r#"{"error":{"code":"CONFLICT","message":"no"},"invalidate":[{"context":"profile","params":{"user_id":5}}]}"#);
        settle().await;
        assert_eq!(owner.with(|| rename.error()).map(|error| error.code()), Some(Code::Conflict));
        one().await.answer(&name("new", 1));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("new"));
    })
    .await;
}
