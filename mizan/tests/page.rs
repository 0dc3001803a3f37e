//! Pages and the global context: what the server renders, puts into the page and answers.

mod support;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use leptos::{config::LeptosOptions, prelude::*};
use leptos_router::{
    SsrMode,
    components::{Route, Router as Routed, Routes},
    path,
};
use mizan::{Code, Error, Mizan, use_context_global};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use support::{building, get, options, send};
use tower::ServiceExt;

/// How often each member ran for one server.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

/// Everything that has ever ended a script, a string or a parser early.
const HOSTILE: &str = "</script><script>alert(1)</script><!--<![CDATA[ \u{2028}\u{2029} \0 \\ \" ' ` ${1} \u{feff} \u{1f600} \u{7f} \r\n\t &lt; \u{202e}";

#[mizan::client(context = "global", cache = false)]
async fn counted() -> mizan::Result<usize> {
    let Runs(runs) = mizan::state();
    Ok(runs.fetch_add(1, Ordering::SeqCst))
}

#[mizan::client(context = mizan::Global)]
async fn hostile() -> mizan::Result<Vec<String>> {
    Ok(vec![HOSTILE.to_owned(), "1".to_owned()])
}

#[mizan::client(context = "global")]
async fn refused() -> mizan::Result<String> {
    Err(Error::forbidden("not for you"))
}

#[mizan::client(context = "global")]
async fn broken() -> mizan::Result<String> {
    tokio::task::yield_now().await;
    panic!("a secret panic text");
}

#[mizan::client(context = "global")]
async fn late() -> mizan::Result<String> {
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    Ok("late but here".to_owned())
}

#[mizan::client(context = "global")]
async fn hanging() -> mizan::Result<u8> {
    let Runs(_) = mizan::state();
    match mizan::cookies().get("hang") {
        Some(_) => std::future::pending().await,
        None => Ok(1),
    }
}

#[mizan::client(context = "global")]
async fn cookie() -> mizan::Result<Option<String>> {
    Ok(mizan::cookies().get("who"))
}

/// A value whose own code panics.
#[derive(Clone, serde::Deserialize)]
struct Armed;

impl serde::Serialize for Armed {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("a secret panic text")
    }
}

#[mizan::client(context = "global")]
async fn trap() -> mizan::Result<Armed> {
    mizan::cookies().set(("seen", "yes"));
    Ok(Armed)
}

/// A value that can be written, and not read.
#[derive(Clone, serde::Serialize)]
struct Sealed(u8);

impl<'de> serde::Deserialize<'de> for Sealed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        assert_ne!(number, 13, "a secret panic text");
        Ok(Self(number))
    }
}

#[mizan::context]
struct LetterContext {
    id: i64,
}

#[mizan::client(context = LetterContext)]
async fn letter(id: i64) -> mizan::Result<Sealed> {
    let _ = id;
    Ok(Sealed(13))
}

/// One of Leptos's own.
#[server(endpoint = "of_leptos")]
async fn of_leptos() -> Result<u8, ServerFnError> {
    Ok(1)
}

#[mizan::client]
async fn plain(fail: bool) -> mizan::Result<String> {
    if fail {
        Err(Error::not_found("nothing here"))
    } else {
        Ok("a plain call".to_owned())
    }
}

#[component]
fn App() -> impl IntoView {
    view! {
        <Routed>
            <Routes fallback=|| view! { <p>"no such page"</p> }>
                <Route path=path!("/") view=Home ssr=SsrMode::InOrder/>
                <Route path=path!("/ooo") view=Home ssr=SsrMode::OutOfOrder/>
                <Route path=path!("/calls") view=Calls ssr=SsrMode::InOrder/>
                <Route path=path!("/bare") view=|| "bare"/>
                <Route path=path!("/panic") view=Panics/>
                <Route path=path!("/letter") view=Letter/>
                <Route path=path!("/endless") view=Endless ssr=SsrMode::Async/>
                <Route path=path!("/stream") view=EndlessStream/>
            </Routes>
        </Routed>
    }
}

#[component]
fn Home() -> impl IntoView {
    // The same member three times: by two hooks and by type
    let (first, second) = (use_counted(), use_counted());
    let third = use_context_global().query::<Counted>();
    let hostile = use_hostile();
    let refused = use_refused();
    let broken = use_broken();
    let late = use_late();
    let cookie = use_cookie();
    view! {
        <Suspense>
            <p id="counted">{move || first.get()} "," {move || second.get()} "," {move || third.get()}</p>
            <p id="hostile">{move || hostile.get().map(|texts| texts.map(|texts| texts[0].clone()))}</p>
        </Suspense>
        <Suspense>
            <ErrorBoundary fallback=|errors| view! { <p id="refused">{move || said(&errors.get())}</p> }>
                {move || refused.get()}
            </ErrorBoundary>
            <ErrorBoundary fallback=|errors| view! { <p id="broken">{move || said(&errors.get())}</p> }>
                {move || Suspend::new(async move { broken.await })}
            </ErrorBoundary>
        </Suspense>
        <Suspense fallback=|| "waiting">
            <p id="late">{move || Suspend::new(async move { late.await.ok() })}</p>
        </Suspense>
        <Suspense><p id="cookie">{move || cookie.get().map(|name| name.map(|name| name.unwrap_or_default()))}</p></Suspense>
    }
}

fn said(errors: &Errors) -> String {
    errors.iter().map(|(_, error)| error.to_string()).collect()
}

#[component]
fn Calls() -> impl IntoView {
    let good = Resource::new(|| false, plain);
    let bad = Resource::new(|| true, plain);
    view! {
        <Suspense>
            <p id="good">{move || good.get()}</p>
            <ErrorBoundary fallback=|errors| view! { <p id="bad">{move || said(&errors.get())}</p> }>
                {move || bad.get()}
            </ErrorBoundary>
        </Suspense>
    }
}

#[component]
fn Panics() -> impl IntoView {
    // Not when Leptos asks for the routes
    assert!(
        use_context::<http::request::Parts>().is_none_or(|parts| parts.uri.path() != "/panic"),
        "a secret"
    );
}

#[component]
fn Letter() -> impl IntoView {
    view! { <LetterContextProvider id=1><Read/></LetterContextProvider> }
}

#[component]
fn Read() -> impl IntoView {
    let letter = use_letter();
    view! {
        <Suspense>
            <ErrorBoundary fallback=|errors| view! { <p id="letter">{move || said(&errors.get())}</p> }>
                <p id="letter">{move || letter.get().map(|letter| letter.map(|letter| letter.0))}</p>
            </ErrorBoundary>
        </Suspense>
    }
}

#[component]
fn EndlessStream() -> impl IntoView {
    view! { <p>"the beginning"</p><Endless/> }
}

#[component]
fn Endless() -> impl IntoView {
    let endless = Resource::new(|| (), |()| std::future::pending::<()>());
    view! { <Suspense>{move || endless.get()}</Suspense> }
}

fn shell(_: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html lang="en"><head></head><body><App/></body></html> }
}

/// A server, and how often its counted member ran.
fn site() -> (Router, Runs) {
    let runs = Runs::default();
    let app = Mizan::new(options()).provide(runs.clone());
    (building(|| app.router(App, shell)), runs)
}

/// The payload that the page carries, as the browser's script engine would read it.
fn payload(html: &str) -> Value {
    const START: &str = "__RESOLVED_RESOURCES[1073741824] = ";
    let script = &html[html.find(START).expect("the payload is there") + START.len()..];
    let literal = &script[..script.find("\";").expect("it ends") + 1];
    let text: String = serde_json::from_str(&without_braces(literal)).expect("a string literal");
    serde_json::from_str(&text).expect("JSON inside")
}

/// Leptos writes Rust's Debug form, which a script engine reads as well; `\u{2028}` is not JSON.
fn without_braces(literal: &str) -> String {
    let mut json = String::new();
    let mut rest = literal;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        json.push_str(before);
        if let Some(code) = escape.strip_prefix("\\u{") {
            let (hex, after) = code.split_once('}').expect("the brace ends");
            let letter = u32::from_str_radix(hex, 16)
                .ok()
                .and_then(char::from_u32)
                .expect("a letter");
            json.push(letter);
            rest = after;
        } else {
            assert!(
                !escape.starts_with("\\0"),
                "an octal escape, should a digit follow"
            );
            json.push_str(&escape[..2]);
            rest = &escape[2..];
        }
    }
    json.push_str(rest);
    // JSON wants control characters escaped
    json.replace('\u{7f}', "\\u007f")
}

#[tokio::test]
async fn members_run_once_for_a_page_however_many_read_them() {
    let (app, Runs(runs)) = site();
    for (round, path) in ["/", "/ooo", "/"].into_iter().enumerate() {
        let page = get(&app, path).await;
        assert_eq!(page.status, StatusCode::OK);
        let shown = page
            .text
            .split("id=\"counted\">")
            .nth(1)
            .unwrap()
            .split("</p>")
            .next()
            .unwrap();
        let digits: String = shown.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(digits, round.to_string().repeat(3));
        assert_eq!(runs.load(Ordering::SeqCst), round + 1, "{path}");
        assert_eq!(payload(&page.text)["data"]["counted"], round);
    }
}

#[tokio::test]
async fn members_run_for_pages_that_read_none() {
    let (app, _) = site();
    let page = get(&app, "/bare").await;
    assert_eq!(
        payload(&page.text)["data"]["late"],
        "late but here",
        "for the page after this one"
    );
}

#[tokio::test]
async fn hostile_strings_survive_the_payload_unharmed() {
    let (app, _) = site();
    for path in ["/", "/ooo"] {
        let page = get(&app, path).await;
        assert_eq!(
            payload(&page.text)["data"]["hostile"],
            json!([HOSTILE, "1"])
        );
        assert_eq!(
            page.text.matches("<script>").count(),
            0,
            "every script has its nonce"
        );
        assert!(
            !page.text.contains("alert(1)</script>"),
            "neither in the markup nor in the data"
        );
        assert!(!page.text.contains("<!--<![CDATA["));
    }
}

#[tokio::test]
async fn a_failing_member_leaves_the_others_and_the_page_alive() {
    let (app, _) = site();
    for path in ["/", "/ooo"] {
        let page = get(&app, path).await;
        assert_eq!(
            page.status,
            StatusCode::OK,
            "a member's status is not the page's"
        );
        assert!(page.text.contains("not for you"));
        assert!(page.text.contains("something went wrong on the server"));
        assert!(page.text.contains("late but here"));
        assert!(!page.text.contains("secret"));
        let bundle = &payload(&page.text);
        assert_eq!(
            bundle["errors"]["refused"],
            json!({ "code": "FORBIDDEN", "message": "not for you" })
        );
        assert_eq!(bundle["errors"]["broken"]["code"], "INTERNAL_ERROR");
        assert!(bundle["data"]["late"].is_string());
        assert!(bundle["data"].get("refused").is_none());
    }
}

#[tokio::test]
async fn a_member_sees_the_request_of_its_page() {
    let (app, _) = site();
    let request = Request::get("/")
        .header(header::COOKIE, "who=Ada")
        .body(Body::empty())
        .unwrap();
    let page = send(&app, request).await;
    assert_eq!(payload(&page.text)["data"]["cookie"], "Ada");
    assert_eq!(
        payload(&get(&app, "/").await.text)["data"]["cookie"],
        Value::Null
    );
}

#[tokio::test]
async fn a_call_during_rendering_keeps_its_status_to_itself() {
    let (app, _) = site();
    let page = get(&app, "/calls").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text.contains("a plain call") && page.text.contains("nothing here"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn the_context_is_read_in_one_request() {
    let (app, Runs(runs)) = site();
    let answer = get(&app, "/api/mizan/ctx/global").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    let body = answer.json();
    assert_eq!(body["data"]["late"], "late but here");
    assert_eq!(body["data"]["hostile"], json!([HOSTILE, "1"]));
    assert_eq!(body["errors"]["refused"]["code"], "FORBIDDEN");
    assert_eq!(
        body["errors"]["broken"]["message"],
        "something went wrong on the server"
    );
    assert_eq!(body["errors"]["trap"]["code"], "INTERNAL_ERROR");
    assert_eq!(answer.header(header::CACHE_CONTROL), "private, no-cache");
    assert!(answer.header(header::SET_COOKIE).starts_with("seen=yes"));
}

#[tokio::test]
async fn the_router_merges_with_the_applications_own() {
    use axum::{extract::State, routing::get as get_route};
    let own: Router = Router::new()
        .route(
            "/own",
            get_route(async |State(number): State<u8>| number.to_string()),
        )
        .with_state(7);
    let app = site().0.merge(own);
    assert_eq!(get(&app, "/own").await.text, "7");
    assert_eq!(get(&app, "/").await.status, StatusCode::OK);
    assert_eq!(get(&app, "/nowhere").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_context_that_did_not_change_is_not_sent_again() {
    let app = Mizan::new(options())
        .provide(Runs::default())
        .api()
        .unwrap();
    let first = get(&app, "/api/mizan/ctx/global").await;
    let tag = first.header(header::ETAG).to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    // `counted` differs from run to run, so the tag has to
    let second = get(&app, "/api/mizan/ctx/global").await;
    assert_ne!(second.header(header::ETAG), tag);

    let again = |tags: String, app: Router| async move {
        let request = Request::get("/api/mizan/ctx/global").header(header::IF_NONE_MATCH, tags);
        send(&app, request.body(Body::empty()).unwrap()).await
    };
    // A server whose state makes the third run answer as the first did
    let runs = Runs::default();
    let app = Mizan::new(options()).provide(runs.clone()).api().unwrap();
    let tag = get(&app, "/api/mizan/ctx/global")
        .await
        .header(header::ETAG)
        .to_owned();
    runs.0.store(0, Ordering::SeqCst);
    let unchanged = again(format!("\"other\", W/{tag}"), app.clone()).await;
    assert_eq!(
        (unchanged.status, unchanged.text.as_str()),
        (StatusCode::NOT_MODIFIED, "")
    );
    let changed = again(tag, app).await;
    assert_eq!(changed.status, StatusCode::OK);
}

#[tokio::test]
async fn what_panics_over_what_was_kept_is_an_error_of_its_member() {
    let (app, _) = site();
    let made = get(&app, "/letter").await;
    assert!(made.text.contains(r#"<p id="letter">13"#), "{}", made.text);
    let kept = get(&app, "/letter").await;
    let error = r#"<p id="letter">something went wrong on the server"#;
    assert!(kept.text.contains(error), "{}", kept.text);
}

#[tokio::test]
async fn which_tags_a_browser_may_have() {
    let (app, _) = site();
    let ask = async |tags: &[&str]| {
        let mut request = Request::get("/api/mizan/ctx/letter?id=1");
        for tags in tags {
            request = request.header(header::IF_NONE_MATCH, tags.as_bytes());
        }
        send(&app, request.body(Body::empty()).unwrap()).await
    };
    let tag = ask(&[]).await.header(header::ETAG).to_owned();
    let (weak, many) = (format!("W/{tag}"), format!("\"a,b\" ,\t{tag},\"\u{e9}\""));
    let bare = tag.trim_matches('"');
    let cases: &[(&[&str], bool)] = &[
        (&[&tag], true),
        (&[&weak], true),
        (&[&many], true),
        (&[r#""other""#, &tag], true),
        (&["*"], true),
        (&[r#""other""#], false),
        (&[r#""*""#], false),
        (&[bare], false),
        (&[&format!("W/{weak}")], false),
        (&[&format!("w/{tag}")], false),
    ];
    for (tags, is_known) in cases {
        let answer = ask(tags).await;
        let expected = if *is_known { 304 } else { 200 };
        assert_eq!(answer.status, expected, "{tags:?}");
        assert_eq!(answer.header(header::ETAG), tag, "{tags:?}");
    }
}

#[tokio::test]
async fn bad_reads_of_a_context() {
    let (app, _) = site();
    for (path, status, code) in [
        ("nope", 404, "NOT_FOUND"),
        ("Global", 404, "NOT_FOUND"),
        ("global/x", 404, "NOT_FOUND"),
        ("..%2fglobal", 404, "NOT_FOUND"),
        ("%ff", 404, "NOT_FOUND"),
        ("", 404, "NOT_FOUND"),
        ("global?user_id=5", 422, "VALIDATION_ERROR"),
    ] {
        let answer = get(&app, &format!("/api/mizan/ctx/{path}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{path}"
        );
    }
    let answer = get(&app, "/api/mizan/ctx/global?user_id=5&x").await;
    let fields = answer.json()["error"]["details"]["fields"].clone();
    assert!(
        fields["user_id"].is_array() && fields["x"].is_array(),
        "{fields}"
    );
    let post = Request::post("/api/mizan/ctx/global")
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        send(&app, post).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn pages_carry_the_security_headers() {
    let (app, _) = site();
    let first = get(&app, "/").await;
    let policy = first.header(header::CONTENT_SECURITY_POLICY).to_owned();
    assert!(
        policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    let nonce = policy
        .split("'nonce-")
        .nth(1)
        .unwrap()
        .split('\'')
        .next()
        .unwrap();
    assert!(
        first.text.contains(&format!("nonce=\"{nonce}\"")),
        "the page's scripts carry it"
    );
    assert_ne!(
        get(&app, "/").await.header(header::CONTENT_SECURITY_POLICY),
        policy,
        "one for each page"
    );
    for path in ["/", "/nowhere"] {
        let page = get(&app, path).await;
        assert_eq!(
            page.header(header::X_CONTENT_TYPE_OPTIONS),
            "nosniff",
            "{path}"
        );
        assert_eq!(page.header(header::X_FRAME_OPTIONS), "DENY");
        assert_eq!(page.header(header::REFERRER_POLICY), "same-origin");
        assert_eq!(page.header(header::CACHE_CONTROL), "private, no-cache");
    }
}

#[tokio::test]
async fn a_page_that_does_not_exist_is_the_applications() {
    let (app, _) = site();
    let page = get(&app, "/nowhere").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.text.contains("no such page"));
    let post = Request::post("/nowhere").body(Body::empty()).unwrap();
    assert_eq!(
        send(&app, post).await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn a_member_that_hangs_does_not_take_the_others_with_it() {
    let app = Mizan::new(options())
        .provide(Runs::default())
        .request_timeout(std::time::Duration::from_millis(200));
    let app = building(|| app.router(App, shell));
    let ask = async |path: &str| {
        let request = Request::get(path).header(header::COOKIE, "hang=1");
        send(&app, request.body(Body::empty()).unwrap()).await
    };
    let bundle = ask("/api/mizan/ctx/global").await.json();
    assert_eq!(bundle["errors"]["hanging"]["code"], "UNAVAILABLE");
    assert_eq!(bundle["data"]["late"], "late but here");
    let page = ask("/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(
        payload(&page.text)["errors"]["hanging"]["code"],
        "UNAVAILABLE"
    );
}

#[tokio::test]
async fn a_page_that_panics_or_never_ends_is_answered() {
    let app = Mizan::new(options())
        .provide(Runs::default())
        .request_timeout(std::time::Duration::from_millis(200));
    let app = building(|| app.router(App, shell));
    for (path, status) in [
        ("/panic", StatusCode::INTERNAL_SERVER_ERROR),
        ("/endless", StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let page = get(&app, path).await;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(page.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert!(
            !page.text.contains("secret") && !page.text.is_empty(),
            "{}",
            page.text
        );
    }
    assert_eq!(
        get(&app, "/").await.status,
        StatusCode::OK,
        "the server lives"
    );
    let request = Request::get("/stream").body(Body::empty()).unwrap();
    let streamed = app.oneshot(request).await.unwrap();
    assert_eq!(streamed.status(), StatusCode::OK);
    let ended = axum::body::to_bytes(streamed.into_body(), usize::MAX).await;
    assert!(ended.is_err(), "a page that has begun is broken off");
}

#[tokio::test]
async fn a_server_function_of_leptos_leaves_the_pages_alone() {
    let (app, _) = site();
    let page = Request::get("/")
        .header(header::COOKIE, "who=page")
        .body(Body::empty())
        .unwrap();
    let function = Request::post("/api/of_leptos")
        .header(header::COOKIE, "who=function")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::empty())
        .unwrap();
    // On one thread: the call arrives while the page waits for its slow member
    let (page, function) = tokio::join!(send(&app, page), send(&app, function));
    assert_eq!(
        (function.status, function.text.as_str()),
        (StatusCode::OK, "1")
    );
    assert_eq!(payload(&page.text)["data"]["cookie"], "page");
    assert_eq!(
        page.text
            .matches("__RESOLVED_RESOURCES[1073741824]")
            .count(),
        1
    );
}

#[test]
fn pages_that_would_be_everybodys_are_refused() {
    let broken = mizan::server::ContentSecurityPolicy::default().allow("img-src", "a\nb");
    let error = Mizan::new(options())
        .provide(Runs::default())
        .content_security_policy(broken)
        .try_router(StaticApp, shell)
        .unwrap_err();
    let mistakes = error.mistakes();
    assert!(
        mistakes[0].contains("/static") && mistakes[1].contains("img-src"),
        "{mistakes:?}"
    );
}

#[component]
fn StaticApp() -> impl IntoView {
    let mode = SsrMode::Static(leptos_router::static_routes::StaticRoute::new());
    view! {
        <Routed>
            <Routes fallback=|| "nothing">
                <Route path=path!("/static") view=|| "static" ssr=mode/>
            </Routes>
        </Routed>
    }
}

#[tokio::test]
async fn requests_do_not_see_each_other() {
    let (app, _) = site();
    let one = |number: usize| {
        let app = app.clone();
        async move {
            let path = if number.is_multiple_of(2) {
                "/"
            } else {
                "/ooo"
            };
            let who = format!("visitor{number}");
            let request = Request::get(path)
                .header(header::COOKIE, format!("who={who}"))
                .body(Body::empty())
                .unwrap();
            let page = send(&app, request).await;
            assert_eq!(payload(&page.text)["data"]["cookie"], who);
            assert!(
                page.text.contains(&format!("id=\"cookie\">{who}")),
                "{}",
                page.text
            );
        }
    };
    futures::future::join_all((0..200).map(one)).await;
}

#[tokio::test]
async fn outside_a_page_a_query_has_no_value() {
    let owner = Owner::new();
    owner.with(|| {
        let query = use_late();
        assert!(query.get_untracked().is_none());
        assert!(!query.is_fetching());
        query.refetch();
    });
    let error = counted().await.unwrap_err();
    assert_eq!(
        error.code(),
        Code::Internal,
        "a body without a request has no state"
    );
}
