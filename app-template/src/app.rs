//! The document, the routes and what every page has around it.

use crate::{
    accounts::{Profile, SignOut, use_current_account},
    pages::{
        about::About,
        account::{SignInPage, SignUpPage},
        board::Board,
        chat::Chat,
        contact::Contact,
        home::Home,
        staff::Staff,
    },
};
use leptos::{form::ActionForm, prelude::*};
use leptos_meta::{HashedStylesheet, MetaTags, Title, provide_meta_context};
use leptos_router::{
    SsrMode,
    components::{A, Route, Router, Routes},
    path,
};
use mizan::auth::use_session;

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
                    <Route path=path!("/chat/:room?") view=Chat ssr=SsrMode::InOrder/>
                    <Route path=path!("/contact") view=Contact ssr=SsrMode::InOrder/>
                    <Route path=path!("/sign-in") view=SignInPage ssr=SsrMode::InOrder/>
                    <Route path=path!("/sign-up") view=SignUpPage ssr=SsrMode::InOrder/>
                    <Route path=path!("/staff") view=Staff ssr=SsrMode::InOrder/>
                    <Route path=path!("/about") view=About ssr=SsrMode::InOrder/>
                </Routes>
            </main>
            <footer>"Built with Mizan, Leptos and axum."</footer>
        </Router>
    }
}

#[component]
fn Header() -> impl IntoView {
    let account = use_current_account();
    let who = move || {
        account.get().map(|account| {
            account.map(|account| match account {
                Some(account) => view! { <Member account/> }.into_any(),
                None => view! { <Guest/> }.into_any(),
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
                <A href="/chat">"Chat"</A>
                <A href="/contact">"Contact"</A>
                <A href="/about">"About"</A>
            </nav>
            <div class="visitor">
                <Suspense fallback=|| "…">
                    <ErrorBoundary fallback=|_| "Nobody knows who you are">{who}</ErrorBoundary>
                </Suspense>
            </div>
        </header>
        <Expired/>
    }
}

#[component]
fn Guest() -> impl IntoView {
    view! {
        <span data-testid="visitor">"You are a guest"</span>
        <A href="/sign-in">"Sign in"</A>
        <A href="/sign-up">"Sign up"</A>
    }
}

#[component]
fn Member(account: Profile) -> impl IntoView {
    let sign_out = ServerAction::<SignOut>::new();
    view! {
        <span data-testid="visitor">"Signed in as " <strong>{account.name}</strong></span>
        {account.is_staff.then(|| view! { <A href="/staff">"Members"</A> })}
        <ActionForm action=sign_out>
            <button type="submit" class="plain">"Sign out"</button>
        </ActionForm>
    }
}

/// Says that the session ended while the page was open.
#[component]
fn Expired() -> impl IntoView {
    let session = use_session();
    view! {
        <div role="status">
            <Show when=move || session.expired()>
                <p class="notice">"You have been signed out. " <A href="/sign-in">"Sign in again"</A></p>
            </Show>
        </div>
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
