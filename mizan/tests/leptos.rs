//! A Mizan function stays a Leptos server function.

mod support;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use leptos::{config::LeptosOptions, form::ActionForm, prelude::*, server_fn::ServerFn};
use leptos_router::{
    SsrMode,
    components::{Route, Router as Routed, Routes},
    path,
};
use mizan::{Error, Mizan};
use support::{Answer, get, options, send};

#[mizan::client(input = PostUrl)]
async fn sign(name: String, address: Option<Address>) -> mizan::Result<String> {
    if name.is_empty() {
        return Err(Error::invalid_field("name", "must not be <empty>"));
    }
    Ok(format!(
        "{name} of {}",
        address.map(|address| address.street).unwrap_or_default()
    ))
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Address {
    street: String,
}

#[mizan::client]
async fn double(number: i32) -> mizan::Result<i32> {
    number
        .checked_mul(2)
        .ok_or_else(|| Error::bad_request("too large"))
}

#[component]
fn App() -> impl IntoView {
    view! {
        <Routed>
            <Routes fallback=|| "nothing">
                <Route path=path!("/") view=Page ssr=SsrMode::InOrder/>
            </Routes>
        </Routed>
    }
}

#[component]
fn Page() -> impl IntoView {
    let sign = ServerAction::<Sign>::new();
    let doubled = Resource::new(|| 21, double);
    let refused = sign.value();
    view! {
        <Suspense><output>{move || doubled.get()}</output></Suspense>
        <ActionForm action=sign>
            <input name="name"/>
            <input name="address[street]"/>
            <em>{move || refused.get().and_then(Result::err).map(|error| error.fields()["name"].join(""))}</em>
        </ActionForm>
    }
}

fn app() -> Router {
    let shell = |_: LeptosOptions| {
        view! { <!DOCTYPE html><html><head></head><body><App/></body></html> }
    };
    support::building(|| Mizan::new(options()).router(App, shell))
}

#[tokio::test]
async fn in_a_resource() {
    assert!(get(&app(), "/").await.text.contains("<output>42"));
}

#[tokio::test]
async fn in_an_action() {
    _ = any_spawner::Executor::init_tokio();
    let owner = Owner::new();
    let action = owner.with(ServerAction::<Double>::new);
    for (number, expected) in [(4, Ok(8)), (i32::MAX, Err(Error::bad_request("too large")))] {
        owner.with(|| action.dispatch(Double { number }));
        while owner.with(|| action.pending().get_untracked()) {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            owner.with(|| action.value().get_untracked()),
            Some(expected)
        );
    }
}

#[tokio::test]
async fn by_its_trait() {
    assert_eq!(<Double as ServerFn>::PATH, "/api/mizan/call/double");
    assert_eq!(Double { number: 1 }.run_body().await, Ok(2));
}

#[tokio::test]
async fn in_a_form_without_javascript() {
    let app = app();
    let page = get(&app, "/").await;
    assert!(
        page.text
            .contains(r#"<form action="/api/mizan/call/sign" method="post">"#),
        "{}",
        page.text
    );

    let post = async |body: &'static str| -> Answer {
        let request = Request::post("/api/mizan/call/sign")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "text/html")
            .header(header::REFERER, "http://localhost:3000/?a=1")
            .body(Body::from(body))
            .expect("a request");
        send(&app, request).await
    };
    let refused = post("name=&address[street]=Main").await;
    assert_eq!(refused.status, StatusCode::SEE_OTHER);
    let page = get(&app, refused.header(header::LOCATION)).await;
    assert!(
        page.text.contains("<em>must not be &lt;empty&gt;"),
        "{}",
        page.text
    );

    let taken = post("name=Ada&address[street]=Main").await;
    assert_eq!(
        (taken.status, taken.header(header::LOCATION)),
        (StatusCode::SEE_OTHER, "/?a=1")
    );
}
