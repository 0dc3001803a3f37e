//! The session of a page, and of the server functions that are Leptos's own.

use super::*;
use axum::body::to_bytes;
use leptos::{config::LeptosOptions, prelude::*, server_fn::ServerFn};
use leptos_router::{
    SsrMode,
    components::{Route, Router as Routed, Routes},
    path,
};
use tower::ServiceExt;

#[component]
fn App() -> impl IntoView {
    view! {
        <Routed>
            <Routes fallback=|| "nothing">
                <Route path=path!("/write") view=Write ssr=SsrMode::Async/>
                <Route path=path!("/write/late") view=WriteLate ssr=SsrMode::OutOfOrder/>
                <Route path=path!("/who") view=Who ssr=SsrMode::Async/>
            </Routes>
        </Routed>
    }
}

#[component]
fn Write() -> impl IntoView {
    let written = Resource::new(|| (), |()| put("of a page".to_owned()));
    view! { <Suspense>{move || Suspend::new(async move { format!("[{:?}]", written.await) })}</Suspense> }
}

/// Writes when the first byte is out.
#[component]
fn WriteLate() -> impl IntoView {
    let written = Resource::new(
        || (),
        |()| async {
            mizan::state::<Gate>().go_on.notified().await;
            put("too late".to_owned()).await
        },
    );
    view! {
        <Suspense fallback=|| "later">
            {move || Suspend::new(async move { format!("[{:?}]", written.await) })}
        </Suspense>
    }
}

#[component]
fn Who() -> impl IntoView {
    let who = Resource::new(|| (), |()| users::who());
    view! { <Suspense>{move || Suspend::new(async move { format!("[{:?}]", who.await) })}</Suspense> }
}

fn shell(_: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html><head></head><body><App/></body></html> }
}

/// One of Leptos's own.
#[server(endpoint = "leptos_put", input = server_fn::codec::Json)]
async fn leptos_put(text: String) -> Result<(), ServerFnError> {
    mizan::session()
        .insert("text", text)
        .await
        .map_err(ServerFnError::new)
}

#[tokio::test]
async fn pages_have_the_same_session() {
    let app = Mizan::new(options())
        .users(Accounts::new())
        .provide(Gate::default());
    let app = support::building(|| app.router(App, shell));
    let get_as = async |path: &str, cookie: &str| {
        let request = Request::get(path).header("cookie", cookie);
        send(&app, request.body(Body::empty()).unwrap()).await
    };
    let page = get_as("/write", "").await;
    let session = cookie(&page);
    assert!(session.starts_with("session="), "{:?}", page.headers);
    let text = call_with(&app, "read", "{}", &[("cookie", &session)]).await;
    assert_eq!(text.json()["result"], "of a page");
    assert_eq!(
        cookie(&get_as("/write", &session).await),
        "",
        "it is known already"
    );

    let request = Request::post(LeptosPut::PATH)
        .header("content-type", "application/json")
        .header("cookie", &session);
    let answer = send(
        &app,
        request.body(Body::from(r#"{"text":"of Leptos"}"#)).unwrap(),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let text = call_with(&app, "read", "{}", &[("cookie", &session)]).await;
    assert_eq!(text.json()["result"], "of Leptos");

    let user = session_of(&app, "user").await;
    assert!(get_as("/who", &user).await.text.contains("user"));
    call_with(&app, "sign_out", "{}", &[("cookie", &user)]).await;
    let page = get_as("/who", &user).await;
    assert!(page.text.contains("[Ok(None)]"), "{}", page.text);
    assert_eq!(
        page.header("set-cookie"),
        "",
        "it ended a moment ago: a login may be on its way"
    );
    let dead = get_as("/who", "session=AAAAAAAAAAAAAAAAAAAAAA").await;
    assert!(
        dead.header("set-cookie").contains("Max-Age=0"),
        "{:?}",
        dead.headers
    );
}

/// A cookie is a header, and those are gone: the change is lost, and the log says so.
#[tokio::test]
async fn what_a_page_writes_after_its_first_byte_is_lost_and_logged() {
    let log = Log::default();
    let _guard = log.subscribe(tracing::Level::WARN);
    let gate = Gate::default();
    let app = Mizan::new(options())
        .users(Accounts::new())
        .provide(gate.clone());
    let app = support::building(|| app.router(App, shell));
    let page = support::get(&app, "/write").await;
    assert!(page.text.contains("[Ok(())]"), "{}", page.text);
    assert!(!log.text().contains("the change is lost"), "{}", log.text());
    let request = Request::get("/write/late").body(Body::empty()).unwrap();
    let page = app.oneshot(request).await.unwrap();
    assert!(!page.headers().contains_key("set-cookie"));
    // Its head is made
    gate.go_on.notify_one();
    let page = to_bytes(page.into_body(), usize::MAX).await.unwrap();
    let text = String::from_utf8_lossy(&page);
    assert!(text.contains("[Ok(())]"), "{text}");
    assert!(log.text().contains("the change is lost"), "{}", log.text());
}
