use super::{Failure, Problem, first};
use crate::{
    notes::{AddNote, Note, WallContextProvider, use_latest_notes},
    visitor::{Introduce, Leave, use_current_visitor},
};
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
        <Who/>
        <NewNote/>
        <section aria-labelledby="wall">
            <h2 id="wall">"On the wall"</h2>
            <WallContextProvider><Wall/></WallContextProvider>
        </section>
    }
}

/// Asks for the visitor's name, or says it.
#[component]
fn Who() -> impl IntoView {
    let visitor = use_current_visitor();
    let introduce = ServerAction::<Introduce>::new();
    let leave = ServerAction::<Leave>::new();
    let known = move |name: String| {
        view! {
            <ActionForm action=leave attr:class="card row">
                <p>"You write as " <strong>{name}</strong> "."</p>
                <button type="submit" class="plain">"Not you?"</button>
            </ActionForm>
        }
    };
    let unknown = move || {
        view! {
            <ActionForm action=introduce attr:class="card">
                <label for="name">"Your name"</label>
                <div class="row">
                    <input id="name" name="name" autocomplete="given-name" required maxlength="40"/>
                    <button type="submit">"Introduce yourself"</button>
                </div>
                <Failure of=move || introduce.value().get().and_then(Result::err)/>
            </ActionForm>
        }
    };
    view! {
        <Suspense>
            {move || visitor.get().and_then(Result::ok).map(|visitor| match visitor.name {
                Some(name) => known(name).into_any(),
                None => unknown().into_any(),
            })}
        </Suspense>
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
