use super::{Failure, Problem, first};
use crate::notes::{AddNote, Note, WallContextProvider, use_latest_notes};
use leptos::{form::ActionForm, prelude::*};
use leptos_meta::Title;
use leptos_router::components::A;

/// The notes, and the form that adds one.
#[component]
pub fn Home() -> impl IntoView {
    view! {
        <Title text=""/>
        <section class="lead">
            <h1>"What the team should know"</h1>
            <p>"Short notes, pinned where everybody passes by."</p>
        </section>
        <NewNote/>
        <section aria-labelledby="wall">
            <h2 id="wall">"On the wall"</h2>
            <WallContextProvider><Wall/></WallContextProvider>
        </section>
    }
}

#[component]
fn NewNote() -> impl IntoView {
    // What it makes stale comes back with its answer: nothing has to be fetched here
    let add = ServerAction::<AddNote>::new();
    let field = NodeRef::<leptos::html::Textarea>::new();
    Effect::new(move || {
        if let (Some(Ok(())), Some(field)) = (add.value().get(), field.get()) {
            field.set_value("");
        }
    });
    view! {
        <ActionForm action=add attr:class="card">
            <label for="text">"A new note"</label>
            <textarea id="text" name="text" rows="3" node_ref=field aria-describedby="text-help"></textarea>
            <div class="row">
                <p id="text-help" class="quiet">"Up to 280 letters"</p>
                <button type="submit" disabled=move || add.pending().get()>"Pin it"</button>
            </div>
            <Failure of=move || add.value().get().and_then(Result::err)/>
        </ActionForm>
    }
}

#[component]
fn Wall() -> impl IntoView {
    let notes = use_latest_notes();
    view! {
        <Transition fallback=|| view! { <p class="quiet" role="status">"Fetching the notes…"</p> }>
            <ErrorBoundary fallback=|errors| view! { <Problem text=move || first(&errors.get())/> }>
                {move || Suspend::new(async move { notes.await.map(pinned) })}
            </ErrorBoundary>
        </Transition>
    }
}

fn pinned(notes: Vec<Note>) -> AnyView {
    if notes.is_empty() {
        return view! { <p class="quiet">"Nothing yet. Be the first."</p> }.into_any();
    }
    let pinned = notes.into_iter().map(|note| {
        let day = note.written.get(..10).unwrap_or_default().to_owned();
        let board = format!("/board/{}", url_encoded(&note.author));
        view! {
            <li class="note" class:done=note.done>
                <p>{note.text}</p>
                <footer><A href=board>{note.author}</A> " · " <time datetime=note.written>{day}</time></footer>
            </li>
        }
    });
    view! { <ul class="wall">{pinned.collect_view()}</ul> }.into_any()
}

/// A name as a part of a path.
fn url_encoded(name: &str) -> String {
    leptos_router::location::Url::escape(name)
}
