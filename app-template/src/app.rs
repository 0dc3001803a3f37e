//! The document, the routes and what every page has around it.

use crate::{
    pages::{about::About, board::Board, home::Home},
    visitor::use_current_visitor,
};
use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags, Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{A, Route, Router, Routes},
    path,
};

/// The document around the application; rendered on the server only.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" type="image/svg+xml" href="/icon.svg"/>
                <AutoReload options=options.clone()/>
                <HydrationScripts options=options.clone()/>
                <HashedStylesheet options id="style"/>
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
        <Title formatter=|page: String| if page.is_empty() { "Corkboard".to_owned() } else { format!("{page} · Corkboard") }/>
        <Router>
            <a class="skip" href="#main">"Skip to the content"</a>
            <Header/>
            <main id="main">
                <Routes fallback=NotFound>
                    <Route path=path!("/") view=Home ssr=SsrMode::InOrder/>
                    <Route path=path!("/board/:member") view=Board ssr=SsrMode::InOrder/>
                    <Route path=path!("/about") view=About ssr=SsrMode::InOrder/>
                </Routes>
            </main>
            <footer>"Built with Mizan, Leptos and axum."</footer>
        </Router>
    }
}

#[component]
fn Header() -> impl IntoView {
    let visitor = use_current_visitor();
    let greeting = move || {
        visitor.get().map(|visitor| {
            visitor.map(|visitor| match visitor.name {
                Some(name) => format!("Signed in as {name}"),
                None => "You are a guest".to_owned(),
            })
        })
    };
    view! {
        <header class="top">
            <A href="/" attr:class="brand">
                <img src="/icon.svg" alt="" width="28" height="28"/>
                "Corkboard"
            </A>
            <nav aria-label="Pages">
                <A href="/">"Notes"</A>
                <A href="/about">"About"</A>
            </nav>
            <p class="visitor" data-testid="visitor">
                <Suspense fallback=|| "…">
                    <ErrorBoundary fallback=|_| "Nobody knows who you are">{greeting}</ErrorBoundary>
                </Suspense>
            </p>
        </header>
    }
}

#[component]
fn NotFound() -> impl IntoView {
    view! {
        <Title text="Not found"/>
        <section class="lead">
            <h1>"Nothing is pinned here"</h1>
            <p>"The page does not exist, or no longer does. " <A href="/">"Back to the notes"</A></p>
        </section>
    }
}
