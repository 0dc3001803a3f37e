use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::A;

/// How the page came to be, for whoever reads the source next.
#[component]
pub fn About() -> impl IntoView {
    view! {
        <Title text="About"/>
        <section class="lead">
            <h1>"How this works"</h1>
            <p>
                "The server rendered this page. Your browser took it over without asking for
                anything again: who you are came along with it."
            </p>
            <ol class="steps">
                <li><strong>"Read"</strong>" — " <code>"latest_notes"</code> " is one async function. The page calls it as if it were here."</li>
                <li><strong>"Share"</strong>" — " <code>"current_account"</code> " belongs to the global context: it ran once, and every component that asks reads it."</li>
                <li><strong>"Write"</strong>" — " <code>"add_note"</code> " answers with a typed error where a note is too long. Switch JavaScript off: it still does."</li>
                <li><strong>"Guard"</strong>" — " <code>"auth = \"staff\""</code> " on a function is asked wherever the function is called: " <A href="/staff">"the members"</A> " are for staff."</li>
                <li><strong>"Follow"</strong>" — " <code>"context(live)"</code> ": who looks at the wall or a board sees what somebody else changes there, as it changes."</li>
                <li><strong>"Ask"</strong>" — " <code>"ContactForm"</code> " is a struct with rules. They run as you write, and again on the server: " <A href="/contact">"a letter"</A> "."</li>
                <li><strong>"Talk"</strong>" — " <code>"ChatChannel"</code> " says who may join a room and what becomes of a message. Who was away gets what they missed: " <A href="/chat">"the chat"</A> "."</li>
            </ol>
        </section>
    }
}
