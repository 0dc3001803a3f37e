use crate::{
    notes::{AddNote, Note, latest_notes},
    visitor::{Introduce, Leave, Visitor, use_current_visitor},
};
use leptos::{form::ActionForm, prelude::*};
use leptos_meta::Title;

/// The notes, and the form that adds one.
#[component]
pub fn Home() -> impl IntoView {
    let add = ServerAction::<AddNote>::new();
    let notes = Resource::new(|| (), |()| latest_notes());
    Effect::new(move || {
        if let Some(Ok(())) = add.value().get() {
            notes.refetch();
        }
    });
    view! {
        <Title text=""/>
        <section class="lead">
            <h1>"What the team should know"</h1>
            <p>"Short notes, pinned where everybody passes by."</p>
        </section>
        <Who/>
        <NewNote add/>
        <section aria-labelledby="wall">
            <h2 id="wall">"On the wall"</h2>
            <Transition fallback=|| view! { <p class="quiet" role="status">"Fetching the notes…"</p> }>
                <ErrorBoundary fallback=|errors| view! { <Problem text=move || first(&errors.get())/> }>
                    {move || Suspend::new(async move { notes.await.map(|notes| view! { <Wall notes/> }) })}
                </ErrorBoundary>
            </Transition>
        </section>
    }
}

/// Asks for the visitor's name, or says it.
#[component]
fn Who() -> impl IntoView {
    let visitor = use_current_visitor();
    let introduce = ServerAction::<Introduce>::new();
    let leave = ServerAction::<Leave>::new();
    // What the functions answered is what the whole page now knows
    Effect::new(move || {
        if let Some(Ok(answer)) = introduce.value().get() {
            visitor.set(answer);
        }
    });
    Effect::new(move || {
        if let Some(Ok(())) = leave.value().get() {
            visitor.set(Visitor::default());
        }
    });
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
fn NewNote(add: ServerAction<AddNote>) -> impl IntoView {
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
fn Wall(notes: Vec<Note>) -> impl IntoView {
    if notes.is_empty() {
        return view! { <p class="quiet">"Nothing yet. Be the first."</p> }.into_any();
    }
    let pinned = notes.into_iter().map(|note| {
        let day = note.written.get(..10).unwrap_or_default().to_owned();
        view! {
            <li class="note">
                <p>{note.text}</p>
                <footer>{note.author} " · " <time datetime=note.written>{day}</time></footer>
            </li>
        }
    });
    view! { <ul class="wall">{pinned.collect_view()}</ul> }.into_any()
}

/// What a call failed with, said where it happened.
#[component]
fn Failure(of: impl Fn() -> Option<mizan::Error> + Send + Sync + Copy + 'static) -> impl IntoView {
    let text = move || {
        of().map(|error| {
            let fields = error.fields();
            let first = fields.into_values().flatten().next();
            first.unwrap_or_else(|| error.to_string())
        })
    };
    view! { <div role="alert" class="alert">{move || text().map(|text| view! { <p class="problem">{text}</p> })}</div> }
}

#[component]
fn Problem(text: impl Fn() -> String + Send + Sync + 'static) -> impl IntoView {
    view! { <p class="problem" role="alert">{text}</p> }
}

fn first(errors: &Errors) -> String {
    errors
        .iter()
        .next()
        .map(|(_, error)| error.to_string())
        .unwrap_or_default()
}
