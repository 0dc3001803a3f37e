//! Data that is stale, and when it is fetched again.

use super::*;

#[tokio::test]
async fn stale_data_is_fetched_when_it_is_shown() {
    page(async |owner: Owner| {
        let page = owner.with(Page::current);
        let below = owner.with(|| component(&owner, RwSignal::new(5)));
        let query = below.with(use_user_name);
        settle().await;
        one().await.answer(&name("Ada", 36));
        settle().await;
        query.invalidate();
        let request = one().await;
        assert_eq!(shown(query).as_deref(), Some("Ada"), "meanwhile");
        // Again before the answer: that one may be from before
        query.invalidate();
        settle().await;
        assert!(request.is_aborted());
        lose().await;
        assert_eq!(
            shown(query).as_deref(),
            Some("Ada"),
            "a failed fetch keeps it"
        );
        assert_eq!(
            owner.with(|| query.error()).map(|error| error.code()),
            Some(Code::Network)
        );
        query.refetch();
        one().await.answer(&name("Bo", 36));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("Bo"));
        assert_eq!(owner.with(|| query.error()), None);

        below.cleanup();
        drop(below);
        settle().await;
        page.invalidate("profile", &[]);
        nothing().await;
        let query = owner.with(|| profile(&owner, RwSignal::new(5)).with(use_user_name));
        settle().await;
        assert_eq!(
            shown(query).as_deref(),
            Some("Bo"),
            "at once, and fetched meanwhile"
        );
        one().await.answer(&name("Cy", 36));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("Cy"));
    })
    .await;
}

#[tokio::test]
async fn one_scoped_invalidation_of_many_instances_touches_the_one() {
    page(async |owner: Owner| {
        let page = owner.with(Page::current);
        let shown: Vec<_> = owner.with(|| {
            (0..10_000)
                .map(|user_id| profile(&owner, RwSignal::new(user_id)).with(use_user_name))
                .collect()
        });
        settle_all().await;
        for request in asked() {
            request.answer(&name("a", 1));
        }
        settle_all().await;
        let started = std::time::Instant::now();
        page.invalidate("profile", &[("user_id", 77)]);
        // `cargo xtask bench` reads it, built for release
        println!("measured {}", started.elapsed().as_micros());
        assert_eq!(one().await.path, "/api/mizan/ctx/profile?user_id=77");
        page.invalidate("profile", &[("nothing", 77)]);
        page.invalidate("pro", &[]);
        nothing().await;
        page.invalidate("profile", &[]);
        settle_all().await;
        assert_eq!(asked().len(), shown.len());
        let mounted = page.mounted().expect("something is shown");
        assert!(
            mounted.len() <= 4096 && mounted.len() > 4000,
            "{}",
            mounted.len()
        );
    })
    .await;
}

#[tokio::test]
async fn data_grows_old_and_is_fetched_again_and_again() {
    page(async |owner: Owner| {
        let below = owner.child();
        let query = below.with(|| {
            let instance = crate::context::client::Handle::provided(|| ClockContext {
                zone: Some("a b/\u{e9}".to_owned()),
                summer: true,
            });
            provide_context(crate::context::Provided::<ClockContext>::new(instance));
            use_time()
        });
        settle().await;
        let request = one().await;
        assert_eq!(
            request.path,
            "/api/mizan/ctx/clock?summer=true&zone=a%20b%2F%C3%A9"
        );
        request.answer(r#"{"data":{"time":1}}"#);
        settle().await;
        for time in 2..5 {
            pass(Duration::from_secs(10));
            one()
                .await
                .answer(&format!(r#"{{"data":{{"time":{time}}}}}"#));
            settle().await;
            assert_eq!(shown(query), Some(time));
        }
        below.cleanup();
        drop(below);
        settle().await;
        pass(Duration::from_secs(60));
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn old_data_is_fetched_when_the_page_is_looked_at_again() {
    page(async |owner: Owner| {
        let query = owner.with(|| {
            let instance = crate::context::client::Handle::provided(|| NewsContext);
            provide_context(crate::context::Provided::<NewsContext>::new(instance));
            use_headline()
        });
        one().await.answer(r#"{"data":{"headline":"a"}}"#);
        settle().await;
        pass(Duration::from_secs(29));
        wake(Wake::Focus);
        nothing().await;
        pass(Duration::from_secs(1));
        wake(Wake::Reconnect);
        nothing().await;
        wake(Wake::Focus);
        wake(Wake::Focus);
        one().await.answer(r#"{"data":{"headline":"b"}}"#);
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("b"));
    })
    .await;
}

#[tokio::test]
async fn old_data_is_fetched_when_the_network_is_back() {
    page(async |owner: Owner| {
        let query = owner.with(|| {
            let instance = crate::context::client::Handle::provided(|| PricesContext);
            provide_context(crate::context::Provided::<PricesContext>::new(instance));
            use_price()
        });
        one().await.answer(r#"{"data":{"price":1}}"#);
        settle().await;
        pass(Duration::from_secs(29));
        wake(Wake::Reconnect);
        nothing().await;
        pass(Duration::from_secs(1));
        wake(Wake::Focus);
        nothing().await;
        wake(Wake::Reconnect);
        one().await.answer(r#"{"data":{"price":2}}"#);
        settle().await;
        assert_eq!(shown(query), Some(2));
    })
    .await;
}

#[tokio::test]
async fn what_the_page_carries_and_nobody_has_shown_is_made_stale_too() {
    page(async |owner: Owner| {
        page_has(&[
            r#"{"context":"global","params":{},"data":{"visitor":{"name":"a guest"}}}"#,
            r#"{"context":"profile","params":{"user_id":5},"data":{"user_name":"five","user_age":5}}"#,
            r#"{"context":"profile","params":{"user_id":6},"data":{"user_name":"six","user_age":6}}"#,
        ]);
        // Before any component has asked for anything, and without an owner
        let call = rename(5, "x".to_owned());
        let answer = async {
            let request = one().await;
            assert!(request.headers.iter().all(|(name, _)| *name != "mizan-mounted"));
            request.answer(
                r#"{"result":1,"invalidate":[{"context":"global"},{"context":"profile","params":{"user_id":5}}]}"#,
            );
        };
        assert_eq!(futures::join!(call, answer).0, Ok(1));
        let person = owner.with(use_visitor);
        assert_eq!(shown(person), None);
        let request = one().await;
        assert_eq!(request.path, "/api/mizan/ctx/global");
        request.answer(r#"{"data":{"visitor":{"name":"Ada"}}}"#);
        settle().await;
        assert_eq!(shown(person).map(|person| person.name).as_deref(), Some("Ada"));
        let six = owner.with(|| profile(&owner, RwSignal::new(6)).with(use_user_name));
        assert_eq!(shown(six).as_deref(), Some("six"), "which was not affected");
        nothing().await;
        owner.with(|| profile(&owner, RwSignal::new(5)).with(use_user_name));
        one().await.answer(&name("Bo", 1));
    })
    .await;
}

#[tokio::test]
async fn an_interval_waits_for_an_answer_that_takes_longer() {
    page(async |owner: Owner| {
        let below = owner.child();
        let hook = below.with(|| {
            let instance = crate::context::client::Handle::provided(|| ClockContext {
                zone: None,
                summer: false,
            });
            provide_context(crate::context::Provided::<ClockContext>::new(instance));
            use_time()
        });
        let request = one().await;
        for _ in 0..3 {
            pass(Duration::from_secs(10));
            nothing().await;
        }
        assert!(!request.is_aborted());
        request.answer(r#"{"data":{"time":1}}"#);
        settle().await;
        assert_eq!(shown(hook), Some(1));
        pass(Duration::from_secs(10));
        one().await.answer(r#"{"data":{"time":2}}"#);
    })
    .await;
}
