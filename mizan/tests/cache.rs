//! The server's cache: who shares an answer with whom, what ends it, and how often functions run.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/layers.rs"]
mod layers;
#[cfg(feature = "redis")]
#[path = "support/log.rs"]
mod log;
mod support;
#[path = "support/users.rs"]
mod users;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use futures::future::join_all;
use mizan::{
    Mizan,
    cache::{Cache, CachePolicy},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{Answer, get, options, send};
use tokio::time::{sleep, timeout};
use users::{Account, Accounts, call_with, cookie, session_of};

/// What the functions read, and how often they ran.
#[derive(Clone, Default)]
struct World(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    texts: BTreeMap<i64, String>,
    runs: BTreeMap<String, usize>,
    /// Functions wait so long before they read, and afterwards.
    before: Duration,
    after: Duration,
    asks_for_the_user: bool,
}

impl World {
    fn change<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        f(&mut self.0.lock().unwrap())
    }

    fn ran(&self, name: &str) {
        self.change(|inner| *inner.runs.entry(name.to_owned()).or_default() += 1);
    }

    /// How often a function has run since this was last asked.
    fn runs(&self, name: &str) -> usize {
        self.change(|inner| inner.runs.remove(name).unwrap_or_default())
    }

    fn text(&self, id: i64) -> String {
        self.change(|inner| inner.texts.get(&id).cloned().unwrap_or_default())
    }

    fn write(&self, id: i64, text: &str) {
        self.change(|inner| inner.texts.insert(id, text.to_owned()));
    }
}

fn world() -> World {
    mizan::state()
}

#[mizan::context]
struct NoteContext {
    id: i64,
    tag: Option<String>,
}

#[mizan::client(context = NoteContext)]
async fn note(id: i64) -> mizan::Result<String> {
    let world = world();
    world.ran("note");
    let (before, after) = world.change(|inner| (inner.before, inner.after));
    sleep(before).await;
    let text = world.text(id);
    sleep(after).await;
    if text == "broken" {
        return Err(mizan::Error::conflict("broken"));
    }
    Ok(text)
}

#[mizan::client(affects = NoteContext)]
async fn write_note(id: i64, text: String) -> mizan::Result<()> {
    if text.is_empty() {
        return Err(mizan::Error::validation("say something"));
    }
    world().write(id, &text);
    Ok(())
}

/// Writes, and is cut off before it ends.
#[mizan::client(affects = NoteContext)]
async fn write_and_hang(id: i64, text: String) -> mizan::Result<()> {
    world().write(id, &text);
    std::future::pending().await
}

/// The same, where the body says what goes stale.
#[mizan::client]
async fn say_and_hang(id: i64, text: String) -> mizan::Result<()> {
    world().write(id, &text);
    mizan::invalidate_all::<NoteContext>();
    std::future::pending().await
}

/// Writes, and panics before it ends.
#[mizan::client(affects = NoteContext)]
async fn write_and_panic(id: i64, text: String) -> mizan::Result<()> {
    world().write(id, &text);
    panic!("the mail can't be sent");
}

#[mizan::client(affects = NoteContext(..))]
async fn write_all(text: String) -> mizan::Result<()> {
    world().change(|inner| {
        inner
            .texts
            .values_mut()
            .for_each(|known| *known = text.clone());
    });
    Ok(())
}

/// Whom the answer is for, out of a helper that is asked in one branch.
async fn name_of_the_user() -> mizan::Result<Option<String>> {
    let user = mizan::current_user::<Account>().await?;
    Ok(user.map(|user| user.name))
}

#[mizan::context]
struct BranchContext {
    id: i64,
}

#[mizan::client(context = BranchContext)]
async fn branch(id: i64) -> mizan::Result<String> {
    let world = world();
    world.ran("branch");
    let wait = world.change(|inner| inner.before);
    sleep(wait).await;
    if id == 2 || world.change(|inner| inner.asks_for_the_user) {
        return Ok(name_of_the_user()
            .await?
            .unwrap_or_else(|| "nobody".to_owned()));
    }
    Ok("everybody".to_owned())
}

#[mizan::client(affects = own(BranchContext))]
async fn change_own(id: i64) -> mizan::Result<()> {
    let _ = id;
    Ok(())
}

/// The same, and is cut off before it ends, or panics.
#[mizan::client(auth, affects = own(BranchContext))]
async fn change_own_and_hang(id: i64) -> mizan::Result<()> {
    assert_eq!(id, 2);
    std::future::pending().await
}

/// Changes something of one's own, and leaves.
#[mizan::client(affects = own(BranchContext))]
async fn leave(id: i64) -> mizan::Result<()> {
    let _ = id;
    mizan::auth::logout().await
}

#[mizan::client(affects = BranchContext)]
async fn change_branch(id: i64) -> mizan::Result<()> {
    let _ = id;
    Ok(())
}

#[mizan::client(context = "local")]
async fn theme() -> mizan::Result<Option<String>> {
    world().ran("theme");
    Ok(mizan::cookies().get("theme"))
}

#[mizan::client(context = "local")]
async fn language() -> mizan::Result<Option<String>> {
    world().ran("language");
    Ok(mizan::headers().get("Accept-Language"))
}

#[mizan::client(context = "local")]
async fn visits() -> mizan::Result<Option<u64>> {
    world().ran("visits");
    Ok(mizan::session().get("visits").await?)
}

#[mizan::client(affects = own(Visits))]
async fn visit() -> mizan::Result<()> {
    let session = mizan::session();
    let visits = session.get::<u64>("visits").await?.unwrap_or(0);
    session.insert("visits", visits + 1).await?;
    Ok(())
}

#[mizan::client(context = "local")]
async fn flash() -> mizan::Result<Option<String>> {
    let world = world();
    world.ran("flash");
    let wait = world.change(|inner| inner.before);
    sleep(wait).await;
    let cookies = mizan::cookies();
    let flash = cookies.get("flash");
    cookies.remove("flash");
    Ok(flash)
}

/// Greets everybody who reads it.
#[mizan::client(context = "local")]
async fn greeting() -> mizan::Result<()> {
    let world = world();
    world.ran("greeting");
    let wait = world.change(|inner| inner.before);
    sleep(wait).await;
    mizan::cookies().set(("greeted", "yes"));
    Ok(())
}

#[mizan::client(context = "local", auth = "staff")]
async fn secret() -> mizan::Result<String> {
    world().ran("secret");
    Ok("the answer".to_owned())
}

#[mizan::client(context = "local", rate = "2/day")]
async fn scarce() -> mizan::Result<()> {
    world().ran("scarce");
    Ok(())
}

#[mizan::client(context = "local", cache = false)]
async fn uncached() -> mizan::Result<()> {
    world().ran("uncached");
    Ok(())
}

#[mizan::client(context = "local", cache = "200ms", stale_while_revalidate = "1h")]
async fn news() -> mizan::Result<usize> {
    let world = world();
    world.ran("news");
    Ok(world.change(|inner| inner.runs["news"]))
}

#[mizan::client(context = "local", cache = "1h", stale_while_revalidate = "2h")]
async fn archive() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(context = "local")]
async fn large(size: u32) -> mizan::Result<String> {
    world().ran("large");
    Ok("x".repeat(size as usize))
}

#[mizan::client(context = "local")]
async fn pair(a: Option<String>, b: Option<String>) -> mizan::Result<String> {
    Ok(format!("{a:?} {b:?}"))
}

#[mizan::context]
struct MineContext {
    id: i64,
}

/// What it read before it asked whose it is.
#[mizan::client(context = MineContext)]
async fn mine(id: i64) -> mizan::Result<String> {
    let world = world();
    world.ran("mine");
    let text = world.text(id);
    let wait = world.change(|inner| inner.after);
    sleep(wait).await;
    let name = name_of_the_user().await?;
    Ok(format!("{text} of {}", name.unwrap_or_default()))
}

#[mizan::client(affects = own(MineContext))]
async fn write_mine(id: i64, text: String) -> mizan::Result<()> {
    world().write(id, &text);
    Ok(())
}

mizan::server! {
    /// Looks into the session, and takes its time.
    async fn has_looked(_: &mizan::auth::GuardContext<Account>, _: &OwnVisits) -> mizan::Result<()> {
        mizan::session().get::<u64>("visits").await?;
        let wait = world().change(|inner| inner.before);
        sleep(wait).await;
        Ok(())
    }
}

/// Whoever is signed in takes another name.
#[mizan::client(auth, affects = MineContext)]
async fn rename(name: String) -> mizan::Result<()> {
    let accounts: Accounts = mizan::state();
    accounts.change(1, |account| account.name = name);
    Ok(())
}

#[mizan::client(context = "local", auth = has_looked)]
async fn own_visits() -> mizan::Result<Option<u64>> {
    Ok(mizan::session().get("visits").await?)
}

#[mizan::client(affects = own(OwnVisits))]
async fn visit_own() -> mizan::Result<()> {
    let session = mizan::session();
    let visits = session.get::<u64>("visits").await?.unwrap_or(0);
    session.insert("visits", visits + 1).await?;
    Ok(())
}

tokio::task_local! {
    /// What a layer in front of the application might have found out.
    static TENANT: &'static str;
}

#[mizan::client(context = "local")]
async fn tenant(wait: bool) -> mizan::Result<String> {
    if wait {
        sleep(Duration::from_millis(20)).await;
    }
    Ok(TENANT
        .try_with(|tenant| *tenant)
        .unwrap_or("nobody")
        .to_owned())
}

/// Asks for a cookie whose name is not always the same.
#[mizan::client(context = "local")]
async fn named() -> mizan::Result<String> {
    let name = world().text(0);
    let value = mizan::cookies().get(&name).unwrap_or_default();
    Ok(format!("{name}={value}"))
}

#[mizan::context(live)]
struct TickerContext {
    id: i64,
}

#[mizan::client(context = TickerContext, cache = "1h")]
async fn ticker(id: i64) -> mizan::Result<i64> {
    Ok(id)
}

fn site_with(cache: Cache) -> (Router, World) {
    let world = World::default();
    let mizan = Mizan::new(options()).users(Accounts::new()).cache(cache);
    let app = mizan.provide(world.clone()).api().unwrap();
    (app, world)
}

fn site() -> (Router, World) {
    site_with(Cache::memory())
}

/// Every one of these over every store.
macro_rules! suite {
    ($($test:ident)*) => {
        mod memory {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    let (app, world) = site();
                    super::$test(app, world).await;
                }
            )*
        }

        #[cfg(feature = "redis")]
        mod redis {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    let Some(url) = layers::redis() else { return };
                    let url = format!("{url}?prefix={}", uuid::Uuid::new_v4().simple());
                    let (app, world) = site_with(Cache::connect(&url).await.unwrap());
                    super::$test(app, world).await;
                }
            )*
        }
    };
}

suite! {
    an_answer_is_kept_until_a_mutation_affects_it
    the_answer_of_a_mutation_brings_what_is_kept_from_then_on
    what_was_cut_off_may_have_been_done
    what_panicked_may_have_been_done
    errors_are_not_kept
    what_it_depends_on_is_found_out
    ones_own_is_ended_for_oneself_alone
    ones_own_is_ended_for_oneself_alone_where_it_was_cut_off
    who_signs_out_ends_their_own
    cookies_and_headers_tell_answers_apart
    a_session_has_answers_of_its_own
    who_does_something_beside_answering_is_not_kept
    nobody_waits_for_what_does_something_beside_answering
    guards_and_limits_are_asked_every_time
    an_old_answer_stands_in_while_a_new_one_is_made
    a_thousand_readers_run_it_once
    readers_who_are_different_wait_and_get_their_own
    what_began_before_a_mutation_is_not_kept_after_it
    a_reader_who_leaves_takes_nobody_with_them
    keys_do_not_collide
    a_read_that_began_before_ones_own_mutation_is_not_waited_for_after_it
    what_a_request_knew_before_a_mutation_is_not_kept_after_it
    what_a_layer_leaves_with_its_task_is_not_seen
    facts_of_other_names_do_not_collide
}

/// Reads a context with headers.
async fn read(app: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(format!("/api/mizan/ctx/{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(app, request.body(Body::empty()).unwrap()).await
}

/// What one member says.
async fn member(app: &Router, path: &str, cookie: &str) -> String {
    let answer = read(app, path, &[("cookie", cookie)]).await;
    let (name, _) = path.split_once('?').unwrap_or((path, ""));
    let data = &answer.json()["data"][name];
    data.as_str()
        .map_or_else(|| data.to_string(), ToOwned::to_owned)
}

async fn an_answer_is_kept_until_a_mutation_affects_it(app: Router, world: World) {
    world.write(1, "one");
    world.write(2, "two");
    for _ in 0..3 {
        assert_eq!(member(&app, "note?id=1", "").await, "one");
        assert_eq!(member(&app, "note?id=2", "").await, "two");
        assert_eq!(member(&app, "note?id=2&tag=x", "").await, "two");
    }
    assert_eq!(world.runs("note"), 3);
    // One instance, whatever its other parameters
    call_with(&app, "write_note", r#"{"id":2,"text":"zwei"}"#, &[]).await;
    assert_eq!(member(&app, "note?id=1", "").await, "one");
    assert_eq!(world.runs("note"), 0);
    assert_eq!(member(&app, "note?id=2", "").await, "zwei");
    assert_eq!(member(&app, "note?id=2&tag=x", "").await, "zwei");
    assert_eq!(world.runs("note"), 2);
    // One that fails affects nothing
    call_with(&app, "write_note", r#"{"id":1,"text":""}"#, &[]).await;
    assert_eq!(member(&app, "note?id=1", "").await, "one");
    assert_eq!(world.runs("note"), 0);
    // All
    call_with(&app, "write_all", r#"{"text":"all"}"#, &[]).await;
    assert_eq!(member(&app, "note?id=1", "").await, "all");
    assert_eq!(member(&app, "note?id=2&tag=x", "").await, "all");
    assert_eq!(world.runs("note"), 2);
}

async fn the_answer_of_a_mutation_brings_what_is_kept_from_then_on(app: Router, world: World) {
    let headers = [("mizan-mounted", "note;id=1")];
    let answer = call_with(&app, "write_note", r#"{"id":1,"text":"new"}"#, &headers).await;
    assert_eq!(answer.json()["refreshed"][0]["data"]["note"], "new");
    assert_eq!(member(&app, "note?id=1", "").await, "new");
    assert_eq!(world.runs("note"), 1);
}

async fn what_was_cut_off_may_have_been_done(app: Router, world: World) {
    for (function, text) in [("write_and_hang", "first"), ("say_and_hang", "second")] {
        member(&app, "note?id=1", "").await;
        let body = format!(r#"{{"id":1,"text":"{text}"}}"#);
        let written = call_with(&app, function, &body, &[]);
        // The browser has gone
        let gone = timeout(Duration::from_millis(50), written);
        assert!(gone.await.is_err());
        let is_seen = async || member(&app, "note?id=1", "").await == text;
        let comes = async {
            while !is_seen().await {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(1), comes).await.unwrap();
    }
    assert!(world.runs("note") >= 3);
}

async fn what_panicked_may_have_been_done(app: Router, world: World) {
    world.write(1, "old");
    assert_eq!(member(&app, "note?id=1", "").await, "old");
    let body = r#"{"id":1,"text":"new"}"#;
    let answer = call_with(&app, "write_and_panic", body, &[]).await;
    assert_eq!(answer.code(), "INTERNAL_ERROR");
    sleep(Duration::from_millis(20)).await;
    assert_eq!(member(&app, "note?id=1", "").await, "new");
}

async fn errors_are_not_kept(app: Router, world: World) {
    world.write(1, "broken");
    for _ in 0..2 {
        let answer = get(&app, "/api/mizan/ctx/note?id=1").await;
        assert_eq!(answer.json()["errors"]["note"]["code"], "CONFLICT");
        assert_eq!(answer.header(header::CACHE_CONTROL), "private, no-cache");
    }
    assert_eq!(world.runs("note"), 2);
}

async fn what_it_depends_on_is_found_out(app: Router, world: World) {
    let (ann, bob) = (
        session_of(&app, "user").await,
        session_of(&app, "staff").await,
    );
    for _ in 0..2 {
        // Public, until somebody asks who they are
        assert_eq!(member(&app, "branch?id=1", &ann).await, "everybody");
        assert_eq!(member(&app, "branch?id=1", "").await, "everybody");
        assert_eq!(member(&app, "branch?id=2", &ann).await, "user");
        assert_eq!(member(&app, "branch?id=2", &bob).await, "staff");
        assert_eq!(member(&app, "branch?id=2", "").await, "nobody");
    }
    assert_eq!(world.runs("branch"), 4);
    world.change(|inner| inner.asks_for_the_user = true);
    call_with(&app, "change_branch", r#"{"id":1}"#, &[]).await;
    assert_eq!(member(&app, "branch?id=1", "").await, "nobody");
    assert_eq!(member(&app, "branch?id=1", &ann).await, "user");
    assert_eq!(member(&app, "branch?id=1", &bob).await, "staff");
    world.change(|inner| inner.asks_for_the_user = false);
    call_with(&app, "change_branch", r#"{"id":1}"#, &[]).await;
    assert_eq!(member(&app, "branch?id=1", &ann).await, "everybody");
    assert_eq!(member(&app, "branch?id=1", &bob).await, "everybody");
}

async fn ones_own_is_ended_for_oneself_alone(app: Router, world: World) {
    let (ann, bob) = (
        session_of(&app, "user").await,
        session_of(&app, "staff").await,
    );
    for cookie in [&ann, &bob, ""] {
        member(&app, "branch?id=2", cookie).await;
    }
    assert_eq!(world.runs("branch"), 3);
    call_with(&app, "change_own", r#"{"id":2}"#, &[("cookie", &ann)]).await;
    member(&app, "branch?id=2", &bob).await;
    assert_eq!(world.runs("branch"), 0);
    member(&app, "branch?id=2", &ann).await;
    assert_eq!(world.runs("branch"), 1);
    // For every principal, where it is not `own`
    call_with(&app, "change_branch", r#"{"id":2}"#, &[("cookie", &ann)]).await;
    for cookie in [&ann, &bob, ""] {
        member(&app, "branch?id=2", cookie).await;
    }
    assert_eq!(world.runs("branch"), 3);
}

async fn ones_own_is_ended_for_oneself_alone_where_it_was_cut_off(app: Router, world: World) {
    let (ann, bob) = (
        session_of(&app, "user").await,
        session_of(&app, "staff").await,
    );
    for id in [2, 3] {
        world.change(|inner| inner.asks_for_the_user = true);
        let path = format!("branch?id={id}");
        for cookie in [&ann, &bob] {
            member(&app, &path, cookie).await;
        }
        world.runs("branch");
        let (headers, body) = ([("cookie", ann.as_str())], format!(r#"{{"id":{id}}}"#));
        let call = call_with(&app, "change_own_and_hang", &body, &headers);
        let _ = timeout(Duration::from_millis(50), call).await;
        let ends = async {
            while world.runs("branch") == 0 {
                sleep(Duration::from_millis(5)).await;
                member(&app, &path, &ann).await;
            }
        };
        timeout(Duration::from_secs(1), ends).await.unwrap();
        member(&app, &path, &bob).await;
        assert_eq!(world.runs("branch"), 0, "of somebody else's, {id}");
    }
}

async fn who_signs_out_ends_their_own(app: Router, world: World) {
    let ann = session_of(&app, "user").await;
    member(&app, "branch?id=2", &ann).await;
    let headers = [("cookie", ann.as_str())];
    call_with(&app, "leave", r#"{"id":2}"#, &headers).await;
    world.runs("branch");
    let ann = session_of(&app, "user").await;
    member(&app, "branch?id=2", &ann).await;
    assert_eq!(world.runs("branch"), 1);
}

async fn cookies_and_headers_tell_answers_apart(app: Router, world: World) {
    for _ in 0..2 {
        assert_eq!(member(&app, "theme", "theme=dark; a=1").await, "dark");
        assert_eq!(member(&app, "theme", "b=2; theme=dark").await, "dark");
        assert_eq!(member(&app, "theme", "theme=").await, "");
        assert_eq!(member(&app, "theme", "").await, "null");
    }
    assert_eq!(world.runs("theme"), 3);
    for _ in 0..2 {
        for language in ["fr", "en"] {
            let answer = read(&app, "language", &[("accept-language", language)]).await;
            assert_eq!(answer.json()["data"]["language"], language);
            assert_eq!(answer.header(header::CACHE_CONTROL), "public, no-cache");
            assert_eq!(answer.header(header::VARY), "accept-language");
        }
    }
    assert_eq!(world.runs("language"), 2);
}

async fn a_session_has_answers_of_its_own(app: Router, _: World) {
    assert_eq!(member(&app, "visits", "").await, "null");
    let one = cookie(&call_with(&app, "visit", "{}", &[]).await);
    let two = cookie(&call_with(&app, "visit", "{}", &[]).await);
    assert_eq!(member(&app, "visits", &one).await, "1");
    assert_eq!(member(&app, "visits", &two).await, "1");
    call_with(&app, "visit", "{}", &[("cookie", &one)]).await;
    assert_eq!(member(&app, "visits", &one).await, "2");
    assert_eq!(member(&app, "visits", &two).await, "1");
    let answer = read(&app, "visits", &[("cookie", &one)]).await;
    assert_eq!(answer.header(header::CACHE_CONTROL), "private, no-cache");
}

async fn who_does_something_beside_answering_is_not_kept(app: Router, world: World) {
    for _ in 0..2 {
        let answer = read(&app, "flash", &[("cookie", "flash=hello")]).await;
        assert_eq!(answer.json()["data"]["flash"], "hello");
        assert!(answer.header(header::SET_COOKIE).starts_with("flash=;"));
        assert_eq!(answer.header(header::CACHE_CONTROL), "private, no-cache");
    }
    assert_eq!(world.runs("flash"), 2);
}

async fn nobody_waits_for_what_does_something_beside_answering(app: Router, world: World) {
    for path in ["greeting", "flash"] {
        get(&app, &format!("/api/mizan/ctx/{path}")).await;
        world.runs(path);
        world.change(|inner| inner.before = Duration::from_millis(100));
        let readers = join_all((0..10).map(|_| member(&app, path, "")));
        let (_, ran) = futures::join!(readers, async {
            sleep(Duration::from_millis(50)).await;
            world.runs(path)
        });
        assert_eq!(ran, 10, "{path}: all at once");
        world.change(|inner| inner.before = Duration::ZERO);
    }
}

async fn guards_and_limits_are_asked_every_time(app: Router, world: World) {
    let (user, staff) = (
        session_of(&app, "user").await,
        session_of(&app, "staff").await,
    );
    let superuser = session_of(&app, "superuser").await;
    for _ in 0..2 {
        assert_eq!(member(&app, "secret", &staff).await, "the answer");
        for (cookie, code) in [(user.as_str(), "FORBIDDEN"), ("", "UNAUTHORIZED")] {
            let answer = read(&app, "secret", &[("cookie", cookie)]).await;
            assert_eq!(answer.json()["errors"]["secret"]["code"], code);
        }
        assert_eq!(member(&app, "secret", &superuser).await, "the answer");
    }
    // Keyed by principal
    assert_eq!(world.runs("secret"), 2);
    for code in [None, None, Some("TOO_MANY_REQUESTS")] {
        let answer = get(&app, "/api/mizan/ctx/scarce").await.json();
        assert_eq!(answer["errors"]["scarce"]["code"].as_str(), code);
    }
    assert_eq!(world.runs("scarce"), 1);
}

#[tokio::test]
async fn policies() {
    let (app, world) = site();
    for _ in 0..2 {
        let answer = get(&app, "/api/mizan/ctx/uncached").await;
        assert_eq!(answer.header(header::CACHE_CONTROL), "private, no-cache");
    }
    assert_eq!(world.runs("uncached"), 2);
    let control = "public, max-age=3599, stale-while-revalidate=7200";
    get(&app, "/api/mizan/ctx/archive").await;
    let answer = get(&app, "/api/mizan/ctx/archive").await;
    assert_eq!(answer.header(header::CACHE_CONTROL), control);
    assert_eq!(answer.header(header::VARY), "");
    let answer = get(&app, "/api/mizan/ctx/note?id=1").await;
    assert_eq!(answer.header(header::CACHE_CONTROL), "public, no-cache");
    let tag = answer.header(header::ETAG);
    let again = read(&app, "note?id=1", &[("if-none-match", tag)]).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert_eq!(again.header(header::CACHE_CONTROL), "public, no-cache");

    // The policy of the server, for functions without one
    let (app, world) = site_with(Cache::memory().policy(CachePolicy::Never));
    for _ in 0..2 {
        get(&app, "/api/mizan/ctx/note?id=1").await;
        get(&app, "/api/mizan/ctx/archive").await;
    }
    assert_eq!(world.runs("note"), 2);
    // None at all
    let (app, world) = site_with(Cache::none());
    for _ in 0..2 {
        get(&app, "/api/mizan/ctx/news").await;
    }
    assert_eq!(world.runs("news"), 2);
}

async fn an_old_answer_stands_in_while_a_new_one_is_made(app: Router, _: World) {
    let news = async || get(&app, "/api/mizan/ctx/news").await;
    assert_eq!(news().await.json()["data"]["news"], 1);
    assert_eq!(news().await.header("mizan-cache"), "news=hit");
    sleep(Duration::from_millis(250)).await;
    let old = news().await;
    assert_eq!(old.json()["data"]["news"], 1);
    assert_eq!(old.header("mizan-cache"), "news=stale");
    let is_new = async || news().await.json()["data"]["news"] == 2;
    let comes = async {
        while !is_new().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_millis(150), comes).await.unwrap();
}

async fn a_thousand_readers_run_it_once(app: Router, world: World) {
    world.write(1, "one");
    world.change(|inner| inner.before = Duration::from_millis(50));
    let readers = (0..1000).map(|_| member(&app, "note?id=1", ""));
    for text in join_all(readers).await {
        assert_eq!(text, "one");
    }
    assert_eq!(world.runs("note"), 1);
}

async fn readers_who_are_different_wait_and_get_their_own(app: Router, world: World) {
    let mut cookies = vec![String::new()];
    for name in ["user", "staff", "superuser", "denied"] {
        cookies.push(session_of(&app, name).await);
    }
    let expected = ["nobody", "user", "staff", "superuser", "denied"];
    world.change(|inner| inner.before = Duration::from_millis(20));
    for round in 0..20 {
        let readers = (0..100).map(|reader| {
            // Whoever comes first
            let who = (reader + round) % cookies.len();
            let (app, cookie) = (&app, &cookies[who]);
            async move { (who, member(app, "branch?id=2", cookie).await) }
        });
        for (who, name) in join_all(readers).await {
            assert_eq!(name, expected[who]);
        }
        let runs = world.runs("branch");
        assert!(runs <= cookies.len(), "{runs}");
        call_with(&app, "change_branch", r#"{"id":2}"#, &[]).await;
    }
}

async fn what_began_before_a_mutation_is_not_kept_after_it(app: Router, world: World) {
    world.write(1, "old");
    // The reader has read, and does not answer yet
    world.change(|inner| inner.after = Duration::from_millis(100));
    let reader = tokio::spawn({
        let app = app.clone();
        async move { member(&app, "note?id=1", "").await }
    });
    sleep(Duration::from_millis(30)).await;
    world.change(|inner| inner.after = Duration::ZERO);
    call_with(&app, "write_note", r#"{"id":1,"text":"new"}"#, &[]).await;
    // Nor is it waited for
    let later = timeout(Duration::from_millis(40), member(&app, "note?id=1", ""));
    assert_eq!(later.await.unwrap(), "new");
    assert_eq!(reader.await.unwrap(), "old");
    assert_eq!(member(&app, "note?id=1", "").await, "new");
    assert_eq!(world.runs("note"), 2);
}

async fn a_reader_who_leaves_takes_nobody_with_them(app: Router, world: World) {
    world.write(1, "one");
    world.change(|inner| inner.before = Duration::from_millis(50));
    let first = member(&app, "note?id=1", "");
    assert!(timeout(Duration::from_millis(10), first).await.is_err());
    assert_eq!(member(&app, "note?id=1", "").await, "one");
    assert_eq!(world.runs("note"), 1);
}

async fn keys_do_not_collide(app: Router, _: World) {
    let values = [
        "a=null",
        "a=",
        "",
        "b=null",
        "a=1&b=1",
        "a=1%3Bb%3D%221%22",
        "a=true",
        "a=%221%22",
    ];
    let mut seen = BTreeMap::new();
    for round in 0..2 {
        for query in values {
            let answer = get(&app, &format!("/api/mizan/ctx/pair?{query}")).await;
            let text = answer.json()["data"]["pair"].to_string();
            match round {
                0 => assert_eq!(seen.insert(text, query), None),
                _ => assert_eq!(seen.get(&text), Some(&query)),
            }
        }
    }
}

async fn a_read_that_began_before_ones_own_mutation_is_not_waited_for_after_it(
    app: Router,
    world: World,
) {
    let ann = session_of(&app, "user").await;
    world.write(1, "old");
    // Nobody knows yet that it depends on who asks
    world.change(|inner| inner.after = Duration::from_millis(100));
    let reader = tokio::spawn({
        let (app, ann) = (app.clone(), ann.clone());
        async move { member(&app, "mine?id=1", &ann).await }
    });
    sleep(Duration::from_millis(30)).await;
    let headers = [("cookie", ann.as_str()), ("mizan-mounted", "mine;id=1")];
    let body = r#"{"id":1,"text":"new"}"#;
    let answer = call_with(&app, "write_mine", body, &headers).await;
    let refreshed = &answer.json()["refreshed"][0]["data"]["mine"];
    assert_eq!(refreshed, "new of user");
    assert_eq!(reader.await.unwrap(), "old of user");
    assert_eq!(member(&app, "mine?id=1", &ann).await, "new of user");
}

async fn what_a_request_knew_before_a_mutation_is_not_kept_after_it(app: Router, world: World) {
    let ann = session_of(&app, "user").await;
    world.change(|inner| inner.before = Duration::from_millis(100));
    let reader = tokio::spawn({
        let (app, ann) = (app.clone(), ann.clone());
        async move { member(&app, "own_visits", &ann).await }
    });
    sleep(Duration::from_millis(30)).await;
    call_with(&app, "visit_own", "{}", &[("cookie", &ann)]).await;
    // It has loaded its session before, and runs the function after it
    reader.await.unwrap();
    world.change(|inner| inner.before = Duration::ZERO);
    assert_eq!(member(&app, "own_visits", &ann).await, "1");
}

async fn what_a_layer_leaves_with_its_task_is_not_seen(app: Router, _: World) {
    for path in ["tenant?wait=false", "tenant?wait=true"] {
        let ann = TENANT.scope("ann", member(&app, path, ""));
        let bob = TENANT.scope("bob", member(&app, path, ""));
        let (ann, bob) = futures::join!(ann, bob);
        assert_eq!((ann.as_str(), bob.as_str()), ("nobody", "nobody"));
    }
}

async fn facts_of_other_names_do_not_collide(app: Router, world: World) {
    world.write(0, "first");
    assert_eq!(member(&app, "named", "first=x").await, "first=x");
    for index in 0..20 {
        let name = format!("c{index}");
        world.write(0, &name);
        let cookie = format!("{name}=value {index}");
        member(&app, "named", &cookie).await;
        let cookie = format!("{name}=x");
        assert_eq!(member(&app, "named", &cookie).await, cookie);
    }
}

#[tokio::test]
async fn what_is_said_of_a_session_is_for_its_caller_alone() {
    let (app, _) = site();
    let cookie = ("cookie", "session=AAAAAAAAAAAAAAAAAAAAAA.u");
    let answer = read(&app, "ticker?id=1", &[cookie]).await;
    assert_eq!(answer.header("mizan-session"), "expired");
    assert_eq!(answer.header(header::CACHE_CONTROL), "private, no-cache");
    let answer = read(&app, "ticker?id=1", &[]).await;
    assert!(
        answer
            .header(header::CACHE_CONTROL)
            .starts_with("public, max-age=")
    );
}

#[tokio::test]
async fn who_takes_another_name_has_it_in_the_answer_already() {
    let (accounts, world) = (Accounts::new(), World::default());
    let mizan = Mizan::new(options()).users(accounts.clone());
    let app = mizan.provide(world).provide(accounts).api().unwrap();
    let ann = session_of(&app, "user").await;
    assert_eq!(member(&app, "mine?id=1", &ann).await, " of user");
    let headers = [("cookie", ann.as_str()), ("mizan-mounted", "mine;id=1")];
    let answer = call_with(&app, "rename", r#"{"name":"ann"}"#, &headers).await;
    assert_eq!(answer.json()["refreshed"][0]["data"]["mine"], " of ann");
    assert_eq!(member(&app, "mine?id=1", &ann).await, " of ann");
}

/// A backend that takes its time.
#[derive(Clone)]
struct Slow(Accounts);

impl mizan::auth::AuthnBackend for Slow {
    type User = Account;
    type Credentials = String;
    type Error = std::convert::Infallible;

    async fn authenticate(&self, name: String) -> Result<Option<Account>, Self::Error> {
        self.0.authenticate(name).await
    }

    async fn get_user(&self, id: &i64) -> Result<Option<Account>, Self::Error> {
        sleep(Duration::from_millis(50)).await;
        self.0.get_user(id).await
    }
}

#[mizan::client]
async fn sign_in_slowly(name: String) -> mizan::Result<()> {
    match mizan::auth::authenticate::<Slow>(name).await? {
        Some(account) => mizan::auth::login(&account).await,
        None => Err(mizan::Error::validation("nobody has that name")),
    }
}

#[tokio::test]
async fn a_mutation_is_told_of_whose_caller_leaves_before_it_is_known_who_they_are() {
    let world = World::default();
    let mizan = Mizan::new(options()).users(Slow(Accounts::new()));
    let app = mizan.provide(world.clone()).api().unwrap();
    let ann = cookie(&call_with(&app, "sign_in_slowly", r#"{"name":"user"}"#, &[]).await);
    world.write(1, "old");
    assert_eq!(member(&app, "mine?id=1", &ann).await, "old of user");
    let headers = [("cookie", ann.as_str())];
    let written = call_with(&app, "write_mine", r#"{"id":1,"text":"new"}"#, &headers);
    let gone = timeout(Duration::from_millis(20), written).await;
    assert!(gone.is_err());
    sleep(Duration::from_millis(20)).await;
    assert_eq!(member(&app, "mine?id=1", &ann).await, "new of user");
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn times_that_redis_cannot_count_are_a_day() {
    let Some(url) = layers::redis() else { return };
    let url = format!("{url}?prefix={}", uuid::Uuid::new_v4().simple());
    let fresh = Duration::MAX;
    let stale = Duration::ZERO;
    let cache = Cache::connect(&url).await.unwrap();
    let (app, world) = site_with(cache.policy(CachePolicy::For { fresh, stale }));
    for _ in 0..3 {
        member(&app, "note?id=1", "").await;
    }
    assert_eq!(world.runs("note"), 1);
}

#[tokio::test]
async fn one_that_is_too_large_is_not_kept() {
    let (app, world) = site_with(Cache::memory().max_entry_bytes(1002));
    for size in [1000, 1001] {
        for _ in 0..2 {
            let answer = get(&app, &format!("/api/mizan/ctx/large?size={size}")).await;
            assert_eq!(answer.json()["data"]["large"].as_str().unwrap().len(), size);
        }
    }
    assert_eq!(world.runs("large"), 3);
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn who_is_one_of_many_is_told_that_purges_stay_in_the_process() {
    use mizan::{auth::Sessions, channel::Channels};

    let Some(url) = layers::redis() else { return };
    let log = log::Log::default();
    let _guard = log.subscribe(tracing::Level::WARN);
    let warnings = |mizan: Mizan| {
        let before = log.text().len();
        let _ = mizan.api().unwrap();
        log.text()[before..].matches("Cache::connect").count()
    };
    let mizan = || {
        Mizan::new(options())
            .provide(World::default())
            .users(Accounts::new())
    };
    let channels = async || Channels::connect(&url).await.unwrap();
    let sessions = async || Sessions::connect(&url).await.unwrap();
    let shared = async || Cache::connect(&url).await.unwrap();
    assert_eq!(warnings(mizan()), 0);
    assert_eq!(warnings(mizan().channels(channels().await)), 1);
    assert_eq!(warnings(mizan().sessions(sessions().await)), 0);
    assert_eq!(
        warnings(mizan().channels(channels().await).cache(shared().await)),
        0
    );
}
