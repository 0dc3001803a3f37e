//! The pages, one file each, and what they share.

pub mod about;
pub mod account;
pub mod board;
pub mod chat;
pub mod contact;
pub mod home;
pub mod staff;

use leptos::prelude::*;
use mizan::Code;

/// What a call failed with, said where it happened.
#[component]
pub fn Failure(
    of: impl Fn() -> Option<mizan::Error> + Send + Sync + Copy + 'static,
) -> impl IntoView {
    let said = move || {
        of().map(|error| {
            let fields = error.fields();
            let first = fields.into_values().flatten().next();
            let text = first.unwrap_or_else(|| error.to_string());
            // The server was replaced by a newer one since the page was loaded
            let reload = (error.code() == Code::OutdatedClient).then(|| view! { <Reload/> });
            view! { <p class="problem">{text} " " {reload}</p> }
        })
    };
    view! { <div role="alert" class="alert">{said}</div> }
}

#[component]
fn Reload() -> impl IntoView {
    let reload = |_| {
        // A browser that refuses leaves the page as it is
        let _ = window().location().reload();
    };
    view! { <button type="button" class="plain" on:click=reload>"Load the page anew"</button> }
}

/// What could not be shown, and why.
#[component]
pub fn Problem(text: impl Fn() -> String + Send + Sync + 'static) -> impl IntoView {
    view! { <p class="problem" role="alert">{text}</p> }
}

/// The first of the errors that a boundary caught.
pub fn first(errors: &Errors) -> String {
    errors
        .iter()
        .next()
        .map(|(_, error)| error.to_string())
        .unwrap_or_default()
}
