//! One table: every guard, over everything that a function can be reached through, for every kind
//! of caller. The answer is the same everywhere, and what is denied does not run.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/users.rs"]
mod users;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use leptos::{config::LeptosOptions, prelude::*};
use leptos_router::{
    SsrMode,
    components::{Route, Router as Routed, Routes},
    hooks::use_params_map,
    path,
};
use mizan::{Mizan, auth::GuardContext, cache::Cache};
use serde_json::json;
use served::Served;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use support::{options, send};
use users::{Account, Accounts, call_with, session_of};

/// How often a body ran.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

fn run(text: String) -> String {
    let Runs(runs) = mizan::state();
    runs.fetch_add(1, Ordering::SeqCst);
    text
}

/// Lets in everybody but one; sees the user, the arguments and the request.
async fn check<A: HasText>(cx: &GuardContext<Account>, call: &A) -> mizan::Result<()> {
    tokio::task::yield_now().await;
    let is_forbidden = cx.user().name == "denied" || call.text() == "forbidden";
    if is_forbidden || cx.request().headers.contains_key("x-forbidden") {
        return Err(mizan::Error::forbidden("you may not do that"));
    }
    Ok(())
}

trait HasText {
    fn text(&self) -> &str;
}

#[mizan::context]
struct GuardedContext {
    text: String,
}

/// A function of each kind behind a guard.
macro_rules! guarded {
    ($($call:ident $Call:ident $Form:ident $member:ident $Member:ident $use_member:ident $route:ident $Route:ident $path:literal ($($guard:tt)*);)*) => {
        $(
            #[mizan::client(input = PostUrl, $($guard)*)]
            async fn $call(text: String) -> mizan::Result<String> {
                Ok(run(text))
            }

            #[mizan::form]
            struct $Form {
                text: String,
            }

            #[mizan::form_handler($($guard)*)]
            impl FormHandler for $Form {
                type Output = String;

                async fn submit(self) -> mizan::Result<String> {
                    Ok(run(self.text))
                }
            }

            #[mizan::client(context = GuardedContext, $($guard)*)]
            async fn $member(text: String) -> mizan::Result<String> {
                Ok(run(text))
            }

            #[mizan::client(route = $path, methods = [GET, POST], $($guard)*)]
            async fn $route(text: String) -> String {
                run(text)
            }

            impl HasText for $Route {
                fn text(&self) -> &str {
                    &self.text
                }
            }

            impl HasText for $Form {
                fn text(&self) -> &str {
                    &self.text
                }
            }

            impl HasText for $Call {
                fn text(&self) -> &str {
                    &self.text
                }
            }

            impl HasText for $Member {
                fn text(&self) -> &str {
                    &self.text
                }
            }
        )*

        /// Calls a function directly, as a component does while it is rendered.
        async fn direct(name: String, text: String) -> String {
            let result = match name.as_str() {
                $(stringify!($call) => $call(text).await,)*
                $(stringify!($route) => $route(text).await.map(|_| String::new()),)*
                other => panic!("{other}"),
            };
            outcome(result)
        }

        /// Reads all members.
        #[component]
        fn Members() -> impl IntoView {
            $(let $use_member = $use_member();)*
            $(let $use_member = move || Suspend::new(async move {
                format!("[{}:{}]", stringify!($member), outcome($use_member.await))
            });)*
            view! { <Suspense>$({$use_member})*</Suspense> }
        }
    };
}

guarded! {
    open_call OpenCall OpenForm open_member OpenMember use_open_member open_route OpenRoute "/route/open" (rate = "1000000/s");
    user_call UserCall UserForm user_member UserMember use_user_member user_route UserRoute "/route/user" (auth);
    staff_call StaffCall StaffForm staff_member StaffMember use_staff_member staff_route StaffRoute "/route/staff" (auth = "staff");
    superuser_call SuperuserCall SuperuserForm superuser_member SuperuserMember use_superuser_member superuser_route SuperuserRoute "/route/superuser" (auth = "superuser");
    checked_call CheckedCall CheckedForm checked_member CheckedMember use_checked_member checked_route CheckedRoute "/route/checked" (auth = check);
}

const GUARDS: [&str; 5] = ["open", "user", "staff", "superuser", "checked"];
const CALLERS: [&str; 5] = ["anonymous", "user", "staff", "superuser", "denied"];

/// What a caller gets.
fn expected(guard: &str, caller: &str) -> &'static str {
    match (guard, caller) {
        ("open", _) => "OK",
        (_, "anonymous") => "UNAUTHORIZED",
        ("user", _) => "OK",
        ("staff", "staff" | "superuser") => "OK",
        ("superuser", "superuser") => "OK",
        ("checked", "user" | "staff" | "superuser") => "OK",
        _ => "FORBIDDEN",
    }
}

fn outcome(result: mizan::Result<String>) -> String {
    match result {
        Ok(_) => "OK".to_owned(),
        Err(error) => error.code().name().to_owned(),
    }
}

#[component]
fn App() -> impl IntoView {
    view! {
        <Routed>
            <Routes fallback=|| "nothing">
                <Route path=path!("/direct/:name") view=Direct ssr=SsrMode::Async/>
                <Route path=path!("/members") view=Provided ssr=SsrMode::Async/>
            </Routes>
        </Routed>
    }
}

#[component]
fn Direct() -> impl IntoView {
    let name = use_params_map().with_untracked(|params| params.get("name").unwrap_or_default());
    let outcome = Resource::new(|| (), move |()| direct(name.clone(), "x".to_owned()));
    view! { <Suspense>{move || Suspend::new(async move { format!("[direct:{}]", outcome.await) })}</Suspense> }
}

#[component]
fn Provided() -> impl IntoView {
    view! { <GuardedContextProvider text="x".to_owned()><Members/></GuardedContextProvider> }
}

fn shell(options: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html><head><HydrationScripts options/></head><body><App/></body></html> }
}

struct Server {
    app: Router,
    runs: Runs,
    /// Each caller's cookie.
    cookies: Vec<String>,
}

impl Server {
    async fn start() -> Self {
        let runs = Runs::default();
        // Every way is to run the function
        let mizan = Mizan::new(options()).cache(Cache::none());
        let mizan = mizan.users(Accounts::new());
        let mizan = mizan.provide(runs.clone());
        let app = support::building(|| mizan.router(App, shell));
        let mut cookies = Vec::new();
        for caller in CALLERS {
            cookies.push(match caller {
                "anonymous" => String::new(),
                name => session_of(&app, name).await,
            });
        }
        Self { app, runs, cookies }
    }

    async fn page(&self, path: &str, cookie: &str) -> String {
        let request = Request::get(path).header(header::COOKIE, cookie);
        let answer = send(&self.app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "a guard says nothing of the page"
        );
        answer.text
    }
}

fn assert_ran(server: &Server, expected: &str, what: &str) {
    let ran = server.runs.take();
    assert_eq!(ran, usize::from(expected == "OK"), "{what}");
}

#[tokio::test]
async fn every_guard_for_every_caller_everywhere() {
    let server = Server::start().await;
    let served = Served::start(server.app.clone()).await;
    for (caller, cookie) in CALLERS.into_iter().zip(&server.cookies) {
        let mut socket = served.connect(cookie).await;
        for guard in GUARDS {
            let expected = expected(guard, caller);
            let what = format!("{guard} for {caller}");
            let status = match expected {
                "OK" => 200,
                "UNAUTHORIZED" => 401,
                _ => 403,
            };

            let headers = [("cookie", cookie.as_str())];
            // A function, and a form
            for name in [format!("{guard}_call"), format!("{guard}.submit")] {
                let what = format!("{name} for {caller}");
                // A call
                let answer = call_with(&server.app, &name, r#"{"text":"x"}"#, &headers).await;
                assert_eq!(answer.status, status, "call: {what}");
                if expected != "OK" {
                    assert_eq!(answer.code(), expected, "call: {what}");
                }
                assert_ran(&server, expected, &what);

                // A call on the socket
                let answer = socket.call(1, &name, json!({ "text": "x" })).await;
                match expected {
                    "OK" => assert_eq!(answer["result"], "x", "socket: {what}"),
                    code => assert_eq!(answer["error"]["code"], code, "socket: {what}"),
                }
                assert_ran(&server, expected, &what);

                // A call with arguments that are none: not for everybody to find out
                let answer = call_with(&server.app, &name, r#"{"other":1}"#, &headers).await;
                let refused = match (guard, expected) {
                    // A check that sees the arguments needs some
                    ("checked", "FORBIDDEN") => 422,
                    (_, "OK") => 422,
                    _ => status,
                };
                assert_eq!(answer.status, refused, "arguments: {what}");

                // A form without JavaScript
                let request = Request::post(format!("/api/mizan/call/{name}"))
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .header(header::ACCEPT, "text/html")
                    .header(header::REFERER, "http://site/page")
                    .header(header::COOKIE, cookie);
                let answer = send(&server.app, request.body("text=x".into()).unwrap()).await;
                assert_eq!(answer.status, StatusCode::SEE_OTHER, "form: {what}");
                let location = answer.header(header::LOCATION);
                assert_eq!(
                    location == "/page",
                    expected == "OK",
                    "form: {what}: {location}"
                );
                assert_ran(&server, expected, &what);
            }

            // A form that is posted to its page
            let request = Request::post("/nowhere")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::COOKIE, cookie);
            let body = format!("mizan-form={guard}&text=x");
            let answer = send(&server.app, request.body(body.into()).unwrap()).await;
            let posted = if expected == "OK" { 303 } else { status };
            assert_eq!(answer.status, posted, "page: {what}");
            assert_ran(&server, expected, &what);

            // What else there is of a form
            let name = format!("{guard}.validate");
            let answer = call_with(&server.app, &name, r#"{"text":"x"}"#, &headers).await;
            assert_eq!(answer.status, status, "validate: {what}");
            let name = format!("{guard}.schema");
            let answer = call_with(&server.app, &name, "{}", &headers).await;
            let asked = if guard == "checked" && expected == "FORBIDDEN" {
                // There is nothing for the check to see
                200
            } else {
                status
            };
            assert_eq!(answer.status, asked, "schema: {what}");
            assert_ran(&server, "", &what);

            // A route
            for (method, path, body) in [
                ("GET", format!("/route/{guard}?text=x"), ""),
                ("POST", format!("/route/{guard}"), "text=x"),
            ] {
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .header(header::COOKIE, cookie);
                let answer = send(&server.app, request.body(body.into()).unwrap()).await;
                assert_eq!(answer.status, status, "{method} route: {what}");
                match expected {
                    "OK" => assert_eq!(answer.text, "x", "{method} route: {what}"),
                    code => assert_eq!(answer.code(), code, "{method} route: {what}"),
                }
                assert_ran(&server, expected, &what);
            }

            // Out of a component
            for name in [format!("{guard}_call"), format!("{guard}_route")] {
                let page = server.page(&format!("/direct/{name}"), cookie).await;
                assert!(
                    page.contains(&format!("[direct:{expected}]")),
                    "direct: {what}: {page}"
                );
                assert_ran(&server, expected, &what);
            }
        }

        // Members of a bundle
        let passing = GUARDS
            .iter()
            .filter(|guard| expected(guard, caller) == "OK")
            .count();
        let request = Request::get("/api/mizan/ctx/guarded?text=x").header(header::COOKIE, cookie);
        let answer = send(&server.app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK);
        for guard in GUARDS {
            let member = format!("{guard}_member");
            match expected(guard, caller) {
                "OK" => assert_eq!(answer.json()["data"][&member], "x", "{guard} for {caller}"),
                code => assert_eq!(answer.json()["errors"][&member]["code"], code),
            }
        }
        assert_eq!(server.runs.take(), passing, "{caller}");

        // Members in a page, and in its payload
        let page = server.page("/members", cookie).await;
        for guard in GUARDS {
            let expected = expected(guard, caller);
            let shown = format!("[{guard}_member:{expected}]");
            assert!(page.contains(&shown), "{guard} for {caller}: {page}");
            if expected != "OK" {
                let payload = format!(r#"\"{guard}_member\":{{\"code\":\"{expected}\""#);
                assert!(page.contains(&payload), "{guard} for {caller}: {page}");
            }
        }
        assert_eq!(server.runs.take(), passing, "{caller}");
    }
    served.stop().await;
}

#[mizan::client]
async fn nested(name: String) -> mizan::Result<String> {
    Ok(direct(name, "x".to_owned()).await)
}

#[mizan::client(affects = GuardedContext(..))]
async fn change() -> mizan::Result<()> {
    Ok(())
}

/// Ways that a request takes beside its own function.
#[tokio::test]
async fn nor_does_one_get_past_a_guard_by_another_function() {
    let server = Server::start().await;
    for (caller, cookie) in CALLERS.into_iter().zip(&server.cookies) {
        for guard in GUARDS {
            let expected = expected(guard, caller);
            let body = format!(r#"{{"name":"{guard}_call"}}"#);
            let headers = [("cookie", cookie.as_str())];
            let answer = call_with(&server.app, "nested", &body, &headers).await;
            assert_eq!(answer.json()["result"], expected, "{guard} for {caller}");
            assert_ran(&server, expected, caller);
        }
        // What the answer to a mutation brings anew
        let headers = [
            ("cookie", cookie.as_str()),
            ("mizan-mounted", r#"guarded;text="x""#),
        ];
        let answer = call_with(&server.app, "change", "{}", &headers).await;
        let refreshed = &answer.json()["refreshed"][0];
        for guard in GUARDS {
            let member = format!("{guard}_member");
            match expected(guard, caller) {
                "OK" => assert_eq!(refreshed["data"][&member], "x", "{guard} for {caller}"),
                code => assert_eq!(refreshed["errors"][&member]["code"], code),
            }
        }
        server.runs.take();
    }
}

/// Outside of its request a function has no caller.
#[tokio::test]
async fn a_task_that_is_spawned_is_nobody() {
    let server = Server::start().await;
    let result = tokio::spawn(staff_call("x".to_owned())).await.unwrap();
    assert_eq!(outcome(result), "UNAUTHORIZED");
    assert_eq!(server.runs.take(), 0);
}

#[tokio::test]
async fn a_check_sees_the_arguments_and_the_request() {
    let server = Server::start().await;
    let cookie = ("cookie", server.cookies[1].as_str());
    let allowed = call_with(&server.app, "checked_call", r#"{"text":"x"}"#, &[cookie]).await;
    assert_eq!(allowed.status, 200);
    let argument = r#"{"text":"forbidden"}"#;
    let denied = call_with(&server.app, "checked_call", argument, &[cookie]).await;
    assert_eq!(denied.status, 403);
    let headers = [cookie, ("x-forbidden", "yes")];
    let denied = call_with(&server.app, "checked_call", r#"{"text":"x"}"#, &headers).await;
    assert_eq!(denied.status, 403);
    assert_eq!(server.runs.take(), 1);
}
