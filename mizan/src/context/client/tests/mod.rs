//! The browser's half on the host, with a stand-in for the browser.

mod growing_old;
mod identity;
mod memory;
mod mutations;
mod retries;

use crate::{
    Code, Error, Query,
    browser::{
        Wake,
        fake::{Asked, announced, asked, hear, page_has, pass, run_tasks_here, timers, wake},
    },
    context::client::Page,
};
use leptos::{
    context::provide_context,
    prelude::{Get, GetUntracked, RwSignal, Set},
    reactive::owner::Owner,
};
use serde::{Deserialize, Serialize};
use std::{cell::RefCell, time::Duration};
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
    run_tasks_here();
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
        let instance = crate::context::client::Handle::provided(move || ProfileContext {
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

#[global_allocator]
static ALLOCATED: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);
