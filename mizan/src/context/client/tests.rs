use crate::{
    Code, Error, Query,
    browser::{
        Wake,
        fake::{Asked, announced, asked, hear, page_has, pass, timers, wake},
    },
    context::client::Page,
};
use leptos::{
    context::provide_context,
    prelude::{Get, GetUntracked, RwSignal, Set},
    reactive::owner::Owner,
};
use serde::{Deserialize, Serialize};
use std::{cell::RefCell, sync::Once, time::Duration};
use tokio::sync::RwLock;

#[mizan::context(gc_time = "1m")]
struct ProfileContext {
    user_id: i64,
}

#[mizan::client(context = ProfileContext)]
async fn user_name(user_id: i64) -> mizan::Result<String> {
    unreachable!("{user_id}")
}

#[mizan::client(context = ProfileContext)]
async fn user_age(user_id: i64) -> mizan::Result<u8> {
    unreachable!("{user_id}")
}

#[mizan::context(stale_time = "30s", refetch_on_focus)]
struct NewsContext;

#[mizan::client(context = NewsContext)]
async fn headline() -> mizan::Result<String> {
    unreachable!()
}

#[mizan::context(stale_time = "30s", refetch_on_reconnect)]
struct PricesContext;

#[mizan::client(context = PricesContext)]
async fn price() -> mizan::Result<u32> {
    unreachable!()
}

#[mizan::context(refetch_interval = "10s")]
struct ClockContext {
    zone: Option<String>,
    summer: bool,
}

#[mizan::client(context = ClockContext)]
async fn time(zone: Option<String>, summer: bool) -> mizan::Result<u32> {
    unreachable!("{zone:?} {summer}")
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Person {
    name: String,
}

#[mizan::client(context = "global")]
async fn visitor() -> mizan::Result<Person> {
    unreachable!()
}

#[mizan::client(affects = ProfileContext)]
async fn rename(user_id: i64, name: String) -> mizan::Result<usize> {
    unreachable!("{user_id} {name}")
}

/// Runs all tasks on the test's thread, as a browser does.
struct HereAndNow;

impl any_spawner::CustomExecutor for HereAndNow {
    fn spawn(&self, task: any_spawner::PinnedFuture<()>) {
        tokio::task::spawn_local(task);
    }

    fn spawn_local(&self, task: any_spawner::PinnedLocalFuture<()>) {
        tokio::task::spawn_local(task);
    }

    fn poll_local(&self) {}
}

/// As in `tests/mutation.rs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    text: String,
}

#[mizan::client]
async fn fingerprint(notes: Option<Vec<Note>>) -> mizan::Result<Note> {
    unreachable!("{notes:?}")
}

/// Held by each test, by those alone that count what is allocated.
static TESTS: RwLock<()> = RwLock::const_new(());

/// A page: an owner, and tasks that run where the test is.
async fn page<T>(test: impl AsyncFnOnce(Owner) -> T) -> T {
    let _others = TESTS.read().await;
    run(test).await
}

/// A page, while no other test runs.
async fn page_alone<T>(test: impl AsyncFnOnce(Owner) -> T) -> T {
    let _alone = TESTS.write().await;
    run(test).await
}

async fn run<T>(test: impl AsyncFnOnce(Owner) -> T) -> T {
    static EXECUTOR: Once = Once::new();
    EXECUTOR.call_once(|| {
        any_spawner::Executor::init_custom_executor(HereAndNow).expect("the first");
    });
    let owner = Owner::new();
    page_has(&[]);
    let _kept = Kept;
    tokio::task::LocalSet::new().run_until(test(owner)).await
}

/// A request is lost, as often as it is tried again.
async fn lose() {
    for wait in [1, 2, 4] {
        one().await.fail(Error::network("gone"));
        nothing().await;
        pass(Duration::from_secs(wait));
    }
    one().await.fail(Error::network("gone"));
    settle().await;
}

/// Lets tasks and effects run.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// One request, and nothing else.
async fn one() -> Asked {
    settle().await;
    let mut asked = asked();
    let paths: Vec<_> = asked.iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(paths.len(), 1, "{:?}", &paths[..paths.len().min(5)]);
    asked.remove(0)
}

async fn nothing() {
    settle().await;
    let paths: Vec<_> = asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, [""; 0]);
}

thread_local! {
    /// Owners live as long as somebody holds them.
    static KEPT: RefCell<Vec<Owner>> = const { RefCell::new(Vec::new()) };
}

/// Lets them go, also where the test fails: before the thread's other values.
struct Kept;

impl Drop for Kept {
    fn drop(&mut self) {
        drop(KEPT.take());
    }
}

/// Provides an instance whose parameter may change, below `owner`, for the whole of the test.
fn profile(owner: &Owner, user_id: RwSignal<i64>) -> Owner {
    let below = component(owner, user_id);
    KEPT.with_borrow_mut(|kept| kept.push(below.clone()));
    below
}

/// The same, for as long as the owner that it returns.
fn component(owner: &Owner, user_id: RwSignal<i64>) -> Owner {
    let below = owner.child();
    below.with(|| {
        let instance = super::Handle::provided(move || ProfileContext {
            user_id: user_id.get(),
        });
        provide_context(crate::context::Provided::<ProfileContext>::new(instance));
    });
    below
}

fn shown<T: Clone + Send + Sync + 'static>(query: Query<T>) -> Option<T> {
    query.get_untracked().and_then(Result::ok)
}

fn name(of: &str, age: u8) -> String {
    format!(r#"{{"data":{{"user_name":"{of}","user_age":{age}}}}}"#)
}

#[tokio::test]
async fn what_the_page_carries_is_not_fetched() {
    page(async |owner: Owner| {
        page_has(&[
            r#"{"context":"global","params":{},"data":{"visitor":{"name":"Ada"}}}"#,
            r#"{"context":"profile","params":{"user_id":5},"data":{"user_name":"five","user_age":5}}"#,
            "not JSON",
        ]);
        owner.with(|| {
            assert_eq!(shown(use_visitor()).map(|visitor| visitor.name).as_deref(), Some("Ada"));
            let below = profile(&owner, RwSignal::new(5));
            let names = below.with(|| (use_user_name(), use_user_name(), use_user_age()));
            assert_eq!(shown(names.0).as_deref(), Some("five"), "at once, as hydration needs it");
            assert_eq!(shown(names.1).as_deref(), Some("five"));
            assert_eq!(shown(names.2), Some(5));
        });
        settle().await;
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn all_members_come_in_one_request_however_many_show_them() {
    page(async |owner: Owner| {
        let (first, second) = owner.with(|| {
            let first = profile(&owner, RwSignal::new(5));
            let second = profile(&owner, RwSignal::new(5));
            (
                first.with(|| (use_user_name(), use_user_age())),
                second.with(use_user_name),
            )
        });
        settle().await;
        assert!(owner.with(|| first.0.is_fetching() && second.is_fetching()));
        let request = one().await;
        assert_eq!(request.path, "/api/mizan/ctx/profile?user_id=5");
        request.answer(&name("Ada", 36));
        settle().await;
        assert_eq!(
            (shown(first.0).as_deref(), shown(first.1)),
            (Some("Ada"), Some(36))
        );
        assert_eq!(shown(second).as_deref(), Some("Ada"));
        assert!(!owner.with(|| first.0.is_fetching()));
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn a_changed_parameter_keeps_the_old_value_until_the_new_one_is_there() {
    page(async |owner: Owner| {
        let user_id = owner.with(|| RwSignal::new(1));
        let query = owner.with(|| profile(&owner, user_id).with(use_user_name));
        settle().await;
        one().await.answer(&name("one", 1));
        settle().await;
        user_id.set(2);
        settle().await;
        let two = one().await;
        assert_eq!(two.path, "/api/mizan/ctx/profile?user_id=2");
        assert_eq!(shown(query).as_deref(), Some("one"), "meanwhile");
        // On to the next before the answer came
        user_id.set(3);
        settle().await;
        assert!(two.is_aborted(), "nobody waits for it any longer");
        let three = one().await;
        two.answer(&name("two", 2));
        settle().await;
        assert_eq!(
            shown(query).as_deref(),
            Some("one"),
            "a late answer is none"
        );
        three.answer(&name("three", 3));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("three"));
        // What was shown before is still there
        user_id.set(1);
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("one"));
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn what_nobody_shows_is_kept_for_a_while_and_then_dropped() {
    page(async |owner: Owner| {
        let page = owner.with(Page::current);
        let below = owner.with(|| component(&owner, RwSignal::new(5)));
        let query = below.with(use_user_name);
        settle().await;
        one().await.answer(&name("Ada", 36));
        settle().await;
        assert_eq!(shown(query).as_deref(), Some("Ada"));
        below.cleanup();
        drop(below);
        settle().await;
        assert_eq!((page.len(), timers()), (1, 1));
        pass(Duration::from_secs(59));
        let below = owner.with(|| component(&owner, RwSignal::new(5)));
        assert_eq!(shown(below.with(use_user_name)).as_deref(), Some("Ada"));
        assert_eq!(timers(), 0);
        below.cleanup();
        drop(below);
        settle().await;
        pass(Duration::from_secs(60));
        assert_eq!((page.len(), timers()), (0, 0));
        nothing().await;
    })
    .await;
}

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
            let instance = super::Handle::provided(|| ClockContext {
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
            let instance = super::Handle::provided(|| NewsContext);
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
            let instance = super::Handle::provided(|| PricesContext);
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
async fn leaving_during_the_first_load_gives_the_request_up() {
    page(async |owner: Owner| {
        let page = owner.with(Page::current);
        let below = owner.with(|| component(&owner, RwSignal::new(5)));
        below.with(|| (use_user_name(), use_user_age()));
        let request = one().await;
        assert_eq!(page.mounted().as_deref(), Some("profile;user_id=5"));
        below.cleanup();
        drop(below);
        settle().await;
        assert!(request.is_aborted());
        assert_eq!(page.mounted(), None);
    })
    .await;
}

#[tokio::test]
async fn a_members_passing_error_keeps_its_value() {
    page(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let age = owner.with(|| profile(&owner, RwSignal::new(5)).with(use_user_age));
        query.refetch();
        one().await.answer(
            r#"{"data":{"user_age":37},"errors":{"user_name":{"code":"UNAVAILABLE","message":"later"}}}"#,
        );
        settle().await;
        assert_eq!((shown(query).as_deref(), shown(age)), (Some("Ada"), Some(37)));
        let code = |error: Option<Error>| error.map(|error| error.code());
        assert_eq!(code(owner.with(|| query.error())), Some(Code::Unavailable));
        assert_eq!(code(owner.with(|| age.error())), None);
        // What is meant for the caller is an answer
        query.refetch();
        one().await.answer(
            r#"{"data":{"user_age":37},"errors":{"user_name":{"code":"NOT_FOUND","message":"gone"}}}"#,
        );
        settle().await;
        assert_eq!(shown(query), None);
        assert_eq!(code(owner.with(|| query.error())), Some(Code::NotFound));
        // A page of somebody on the way is no reason to load anew
        query.refetch();
        one().await.answer("<html>Please log in to the hotel's network</html>");
        settle().await;
        assert_eq!(code(owner.with(|| age.error())), Some(Code::Network));
        assert_eq!(shown(age), Some(37));
    })
    .await;
}

#[tokio::test]
async fn a_member_that_the_data_lacks_says_so() {
    page(async |owner: Owner| {
        page_has(&[r#"{"context":"profile","params":{"user_id":5},"data":{"user_name":"five"}}"#]);
        let age = owner.with(|| profile(&owner, RwSignal::new(5)).with(use_user_age));
        settle().await;
        let error = age
            .get_untracked()
            .and_then(Result::err)
            .map(|error| error.code());
        assert_eq!(error, Some(Code::OutdatedClient));
        nothing().await;
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
            let instance = super::Handle::provided(|| ClockContext {
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

#[tokio::test]
async fn a_value_that_is_set_is_there_at_once() {
    page(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let other = owner.with(|| profile(&owner, RwSignal::new(5)).with(use_user_name));
        query.set("Bo".to_owned());
        assert_eq!(shown(query).as_deref(), Some("Bo"));
        query.update(|name| name.push('!'));
        assert_eq!(shown(query).as_deref(), Some("Bo!"));
        settle().await;
        assert_eq!(
            shown(other).as_deref(),
            Some("Bo!"),
            "of every query of the member"
        );
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn a_query_that_is_gone_can_be_asked_without_harm() {
    page(async |owner: Owner| {
        let below = owner.with(|| component(&owner, RwSignal::new(5)));
        let query = below.with(use_user_name);
        settle().await;
        drop(asked());
        below.cleanup();
        drop(below);
        query.refetch();
        query.invalidate();
        query.set("x".to_owned());
        query.update(|_| ());
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn an_instance_that_is_prefetched_is_there_when_it_is_shown() {
    page(async |owner: Owner| {
        let page = owner.with(Page::current);
        owner.with(|| crate::prefetch(&ProfileContext { user_id: 5 }));
        one().await.answer(&name("Ada", 36));
        settle().await;
        owner.with(|| crate::prefetch(&ProfileContext { user_id: 5 }));
        let below = owner.with(|| component(&owner, RwSignal::new(5)));
        assert_eq!(shown(below.with(use_user_age)), Some(36));
        assert_eq!(shown(below.with(use_user_name)).as_deref(), Some("Ada"));
        nothing().await;
        owner.with(|| crate::prefetch(&ProfileContext { user_id: 6 }));
        one().await.answer(&name("Bo", 1));
        settle().await;
        assert_eq!(page.len(), 2);
        pass(Duration::from_secs(60));
        assert_eq!(page.len(), 1, "nobody came");
    })
    .await;
}

/// What an answer brings of the profile 5.
fn refreshed(of: &str) -> String {
    format!(
        r#"{{"result":3,"invalidate":[{{"context":"profile","params":{{"user_id":5}}}}],
            "refreshed":[{{"context":"profile","params":{{"user_id":5}},"data":{{"user_name":"{of}","user_age":1}}}}]}}"#
    )
}

/// A page that shows the profile 5.
async fn shows_ada(owner: &Owner) -> Query<String> {
    let query = owner.with(|| profile(owner, RwSignal::new(5)).with(use_user_name));
    settle().await;
    one().await.answer(&name("Ada", 36));
    settle().await;
    query
}

fn call(to: &str) -> Rename {
    Rename {
        user_id: 5,
        name: to.to_owned(),
    }
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

#[tokio::test]
async fn a_hundred_thousand_mounts_leave_nothing_behind() {
    page_alone(async |owner: Owner| {
        let page = owner.with(Page::current);
        // What is shown and hidden again has an owner that is emptied, as in `<Show>`
        let place = owner.child();
        let cycle = async |user_id: i64| {
            let below = place.with(|| component(&place, RwSignal::new(user_id)));
            let query = below.with(use_user_name);
            settle_shortly().await;
            for request in asked() {
                request.answer(&name("Ada", 36));
            }
            settle_shortly().await;
            assert_eq!(shown(query).as_deref(), Some("Ada"));
            drop(below);
            place.cleanup();
            settle_shortly().await;
            pass(Duration::from_secs(30));
        };
        for user_id in 0..2_000 {
            cycle(user_id % 100).await;
        }
        let before = ALLOCATED.allocated();
        for user_id in 0..100_000 {
            cycle(user_id % 1_000).await;
        }
        let grown = ALLOCATED.allocated().saturating_sub(before);
        assert!(page.len() < 5, "{}", page.len());
        assert!(
            grown < 256 * 1024,
            "100,000 cycles left {grown} bytes behind"
        );
    })
    .await;
}

#[tokio::test]
async fn hooks_below_a_provider_that_stays_leave_nothing_behind() {
    page_alone(async |owner: Owner| {
        let query = shows_ada(&owner).await;
        let provider = owner.with(|| profile(&owner, RwSignal::new(5)));
        let place = provider.child();
        let cycle = async || {
            let child = place.with(|| place.child());
            assert_eq!(shown(child.with(use_user_name)).as_deref(), Some("Ada"));
            drop(child);
            place.cleanup();
            settle_shortly().await;
        };
        for _ in 0..1_000 {
            cycle().await;
        }
        let before = ALLOCATED.allocated();
        for _ in 0..20_000 {
            cycle().await;
        }
        let grown = ALLOCATED.allocated().saturating_sub(before);
        assert!(
            grown < 256 * 1024,
            "20,000 cycles left {grown} bytes behind"
        );
        assert_eq!(shown(query).as_deref(), Some("Ada"));
    })
    .await;
}

async fn settle_all() {
    for _ in 0..5_000 {
        tokio::task::yield_now().await;
    }
}

async fn settle_shortly() {
    for _ in 0..6 {
        tokio::task::yield_now().await;
    }
}

#[global_allocator]
static ALLOCATED: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);
