use crate::contact::ContactFormView;
use leptos::prelude::*;
use leptos_meta::Title;

/// A letter to the team.
#[component]
pub fn Contact() -> impl IntoView {
    view! {
        <Title text="Contact"/>
        <section class="lead">
            <h1>"Write to us"</h1>
            <p>"Somebody reads every letter, and answers most."</p>
        </section>
        <div class="card letter"><ContactFormView/></div>
    }
}
