//! Reads that fail on the way.

use super::*;

#[tokio::test]
async fn a_read_that_is_lost_is_tried_again() {
    page(async |owner: Owner| {
        let query = owner.with(|| profile(&owner, RwSignal::new(5)).with(use_user_name));
        settle().await;
        one().await.fail(Error::network("gone"));
        nothing().await;
        pass(Duration::from_millis(999));
        nothing().await;
        assert!(owner.with(|| query.is_fetching()) && owner.with(|| query.error()).is_none());
        pass(Duration::from_millis(1));
        // Nor is a proxy's word the last
        one().await.answer_with(502, "<html>Bad Gateway");
        nothing().await;
        pass(Duration::from_secs(2));
        one().await.answer(&name("Ada", 36));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("Ada"));
        assert_eq!(timers(), 0);

        // Given up after four times; the next one starts afresh
        for _ in 0..2 {
            query.refetch();
            lose().await;
            let error = owner.with(|| query.error()).expect("it is given up");
            assert_eq!(error.code(), Code::Network);
            pass(Duration::from_secs(100));
            nothing().await;
        }
        query.refetch();
        one().await.answer(&name("Bo", 36));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("Bo"));
    })
    .await;
}

#[tokio::test]
async fn a_read_waits_as_long_as_the_server_says() {
    page(async |owner: Owner| {
        let query = owner.with(|| profile(&owner, RwSignal::new(5)).with(use_user_name));
        settle().await;
        one().await.answer_later(429, 20);
        settle().await;
        pass(Duration::from_millis(19_999));
        nothing().await;
        pass(Duration::from_millis(1));
        one().await.answer(&name("Ada", 36));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("Ada"));
        // One member alone was asked too often: the others are there, and it stays what it was
        query.refetch();
        let age = owner.with(|| profile(&owner, RwSignal::new(5)).with(use_user_age));
        one().await.answer(
            r#"{"data":{"user_age":37},"errors":{"user_name":{"code":"TOO_MANY_REQUESTS","message":"wait","details":{"retry_after":20}}}}"#,
        );
        settle().await;
        assert_eq!((shown(query).as_deref(), shown(age)), (Some("Ada"), Some(37)));
        assert!(!owner.with(|| query.is_fetching()));
        pass(Duration::from_millis(19_999));
        nothing().await;
        pass(Duration::from_millis(1));
        one().await.answer(&name("Bo", 38));
        settle().await;
        assert_eq!((shown(query).as_deref(), shown(age)), (Some("Bo"), Some(38)));
        // What the caller did wrong is an answer
        query.refetch();
        let refused = r#"{"error":{"code":"NOT_FOUND","message":"no such context"}}"#;
        one().await.answer_with(404, refused);
        settle().await;
        pass(Duration::from_secs(100));
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn what_nobody_shows_is_not_tried_again() {
    page(async |owner: Owner| {
        let below = owner.with(|| component(&owner, RwSignal::new(5)));
        let _query = below.with(use_user_name);
        settle().await;
        one().await.fail(Error::network("gone"));
        settle().await;
        below.cleanup();
        drop(below);
        settle().await;
        pass(Duration::from_secs(10));
        nothing().await;
    })
    .await;
}
