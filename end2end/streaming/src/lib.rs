//! Pages that are sent in pieces: out of order and in order, with providers inside of what comes
//! late. A browser test looks that everything arrives, and nothing is fetched again.

use leptos::prelude::*;
use leptos_router::{
    SsrMode,
    components::{A, Route, Router, Routes},
    path,
};

mizan::server! {
    use std::time::Duration;
    use tokio::time::sleep;
}

/// A context whose members take their time.
#[mizan::context]
pub struct OuterContext {
    /// Any number.
    pub number: u32,
}

/// At once.
#[mizan::client(context = OuterContext)]
pub async fn quick(number: u32) -> mizan::Result<u32> {
    Ok(number)
}

/// After a while, each time.
#[mizan::client(context = OuterContext, cache = false)]
pub async fn slow(number: u32) -> mizan::Result<u32> {
    sleep(Duration::from_millis(400)).await;
    Ok(number * 10)
}

/// A context that is provided where the outer one's slow member is shown.
#[mizan::context]
pub struct InnerContext {
    /// What the slow member answered.
    pub number: u32,
}

/// After another while, each time.
#[mizan::client(context = InnerContext, cache = false)]
pub async fn slower(number: u32) -> mizan::Result<String> {
    sleep(Duration::from_millis(200)).await;
    Ok(format!("{number} </script>"))
}

/// Makes the slow ones stale.
#[mizan::client(affects = [OuterContext, InnerContext(..)])]
pub async fn touch(number: u32) -> mizan::Result<u32> {
    Ok(number)
}

/// The document around the application.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head><meta charset="utf-8"/><HydrationScripts options/></head>
            <body><App/></body>
        </html>
    }
}

/// The application.
#[component]
pub fn App() -> impl IntoView {
    view! {
        <Router>
            <A href="/elsewhere">"Elsewhere"</A>
            <Routes fallback=|| "Not found">
                <Route path=path!("/out-of-order") view=Page/>
                <Route path=path!("/in-order") view=Page ssr=SsrMode::InOrder/>
                <Route path=path!("/partly-blocked") view=Page ssr=SsrMode::PartiallyBlocked/>
                <Route path=path!("/async") view=Page ssr=SsrMode::Async/>
                <Route path=path!("/elsewhere") view=Elsewhere/>
            </Routes>
        </Router>
    }
}

#[component]
fn Page() -> impl IntoView {
    let number = RwSignal::new(1);
    view! {
        <OuterContextProvider number>
            <Quick/>
            <Slow/>
            // The same instance once more, and another one
            <OuterContextProvider number=1><Quick/></OuterContextProvider>
            <OuterContextProvider number=2><Quick/></OuterContextProvider>
            <TouchButton number/>
        </OuterContextProvider>
        <button on:click=move |_| *number.write() += 1>"Next"</button>
    }
}

#[component]
fn Quick() -> impl IntoView {
    let quick = use_quick();
    view! { <Suspense><p class="quick">{move || quick.get()}</p></Suspense> }
}

/// What comes late has a provider of its own in it.
#[component]
fn Slow() -> impl IntoView {
    let slow = use_slow();
    view! {
        <Transition fallback=|| view! { <p id="waiting">"Waiting"</p> }>
            {move || Suspend::new(async move {
                slow.await.map(|number| view! {
                    <p id="slow">{number}</p>
                    <InnerContextProvider number><Slower/></InnerContextProvider>
                })
            })}
        </Transition>
    }
}

#[component]
fn Slower() -> impl IntoView {
    let slower = use_slower();
    view! {
        <Transition fallback=|| view! { <p>"Still waiting"</p> }>
            <p id="slower">{move || slower.get()}</p>
        </Transition>
    }
}

#[component]
fn TouchButton(#[prop(into)] number: Signal<u32>) -> impl IntoView {
    let touch = use_touch();
    let on_click = move |_| {
        touch.dispatch(Touch {
            number: number.get_untracked(),
        });
    };
    view! { <button on:click=on_click>"Touch"</button> }
}

/// A hook without its provider.
#[component]
fn Elsewhere() -> impl IntoView {
    let quick = use_quick();
    view! {
        <h1>"Elsewhere"</h1>
        <ErrorBoundary fallback=|errors| view! {
            <p role="alert">{move || errors.get().into_iter().next().map(|(_, error)| error.to_string())}</p>
        }>
            <p>{move || quick.get()}</p>
        </ErrorBoundary>
    }
}

/// Called by the page once the browser has loaded the WebAssembly.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    mizan::mount(App);
}
