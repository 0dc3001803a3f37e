//! The small page of the benchmarks in plain Leptos: a router, a title, data that the server
//! renders and one call. `mizan-page` is the same page in Mizan.

// `#[server]` makes a struct of the arguments, and writes no documentation for its fields
#![allow(missing_docs, reason = "what the macros of Leptos generate has none")]

use leptos::{prelude::*, server_fn::codec::Json};
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::{
    components::{Route, Router, Routes},
    path,
};
use serde::{Deserialize, Serialize};

/// Who looks at the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The number in the database.
    pub id: i64,
    /// What to call them.
    pub name: String,
    /// Where to write to.
    pub email: String,
}

/// What [`echo`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Echoed {
    /// The text that it was given.
    pub message: String,
}

/// Returns the user, the same for everybody.
#[server(endpoint = "current_user", input = Json)]
pub async fn current_user() -> Result<User, ServerFnError> {
    Ok(User {
        id: 1,
        name: "Ada Lovelace".to_owned(),
        email: "ada@example.com".to_owned(),
    })
}

/// Says what it was told.
#[server(endpoint = "echo", input = Json)]
pub async fn echo(text: String) -> Result<Echoed, ServerFnError> {
    Ok(Echoed { message: text })
}

/// The document around the application.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The application.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Router>
            <main>
                <Routes fallback=|| "Not found">
                    <Route path=path!("/") view=Home/>
                </Routes>
            </main>
        </Router>
    }
}

#[component]
fn Home() -> impl IntoView {
    let user = Resource::new(|| (), |()| current_user());
    let echo = ServerAction::<Echo>::new();
    let say = move |_| {
        echo.dispatch(Echo {
            text: "Hello".to_owned(),
        });
    };
    let said = move || Some(echo.value().get()?.ok()?.message);
    view! {
        <Title text="A small page"/>
        <h1>"A small page"</h1>
        <Suspense fallback=|| "…">
            {move || Suspend::new(async move {
                user.await.ok().map(|user| view! {
                    <dl>
                        <dt>"Number"</dt><dd>{user.id}</dd>
                        <dt>"Name"</dt><dd>{user.name}</dd>
                        <dt>"Email"</dt><dd>{user.email}</dd>
                    </dl>
                })
            })}
        </Suspense>
        <button on:click=say>"Say hello"</button>
        <p>{said}</p>
    }
}

/// Called by the page once the browser has loaded the WebAssembly.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    leptos::mount::hydrate_body(App);
}
