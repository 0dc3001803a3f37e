use super::{Failure, Problem, first};
use crate::notes::{
    BoardContextProvider, MemberSinceProvider, Note, RewriteNote, TickNote, use_board_notes,
    use_board_progress, use_member_since, use_rewrite_note, use_tick_note,
};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;

/// One member's notes: to tick off, and to write anew.
#[component]
pub fn Board() -> impl IntoView {
    let params = use_params_map();
    let member = Memo::new(move |_| params.with(|params| params.get("member").unwrap_or_default()));
    view! {
        <Title text=member/>
        <BoardContextProvider member>
            <section class="lead">
                <h1>{member}</h1>
                <p><MemberSinceProvider name=member><Since/></MemberSinceProvider> " " <Done/></p>
            </section>
            <Notes member/>
        </BoardContextProvider>
    }
}

#[component]
fn Since() -> impl IntoView {
    let since = use_member_since();
    let day = move || {
        let since = since.get()?.ok()??;
        Some(format!("Writes here since {}.", since.get(..10)?))
    };
    view! { <Transition><span>{day}</span></Transition> }
}

#[component]
fn Done() -> impl IntoView {
    let progress = use_board_progress();
    let text = move || {
        let progress = progress.get()?.ok()?;
        Some(format!("{} of {} done", progress.done, progress.all))
    };
    view! { <Transition><span data-testid="progress">{text}</span></Transition> }
}

#[component]
fn Notes(#[prop(into)] member: Signal<String>) -> impl IntoView {
    let notes = use_board_notes();
    // The tick is there before the server's answer, and gone again if that is an error
    let tick = use_tick_note().optimistic(notes, |notes, call: &TickNote| {
        for note in notes.iter_mut().filter(|note| note.id == call.id) {
            note.done = call.done;
        }
    });
    // What is on the page stays there while it changes: a draft, the focus
    let is_empty = Memo::new(move |_| {
        notes
            .get()
            .is_some_and(|notes| notes.is_ok_and(|notes| notes.is_empty()))
    });
    let ids = move || -> Vec<i64> {
        let notes = notes.get().and_then(Result::ok).unwrap_or_default();
        notes.iter().map(|note| note.id).collect()
    };
    let list = move || {
        view! {
            <ul class="wall">
                <For each=ids key=|id| *id let:id>
                    <Pinned id member tick=move |done| tick.dispatch(TickNote { member: member.get_untracked(), id, done })/>
                </For>
            </ul>
        }
    };
    view! {
        <Failure of=move || tick.error()/>
        <Transition fallback=|| view! { <p class="quiet" role="status">"Fetching the notes…"</p> }>
            <ErrorBoundary fallback=|errors| view! { <Problem text=move || first(&errors.get())/> }>
                // Waits for the notes, and says what went wrong
                {move || notes.get().map(|notes| notes.map(drop))}
                <Show when=move || !is_empty.get() fallback=|| view! { <p class="quiet">"Nothing here yet."</p> }>
                    {list}
                </Show>
            </ErrorBoundary>
        </Transition>
    }
}

/// A note that can be ticked off and written anew.
#[component]
fn Pinned(
    id: i64,
    member: Signal<String>,
    tick: impl Fn(bool) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let notes = use_board_notes();
    let note = Memo::new(move |_| -> Option<Note> {
        notes.get()?.ok()?.into_iter().find(|note| note.id == id)
    });
    let done = move || note.read().as_ref().is_some_and(|note| note.done);
    let text = move || {
        note.read()
            .as_ref()
            .map(|note| note.text.clone())
            .unwrap_or_default()
    };
    let rewrite = use_rewrite_note();
    let editing = RwSignal::new(false);
    let draft = RwSignal::new(String::new());
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let call = rewrite.call(RewriteNote {
            member: member.get_untracked(),
            id,
            text: draft.get_untracked(),
        });
        leptos::task::spawn_local(async move {
            if call.await.is_ok() {
                editing.set(false);
            }
        });
    };
    let edit = move |_| {
        draft.set(text());
        rewrite.clear();
        editing.set(true);
    };
    view! {
        <li class="note" class:done=done>
            <label class="tick">
                <input type="checkbox" prop:checked=done on:change=move |event| tick(event_target_checked(&event))/>
                <span>{text}</span>
            </label>
            <Show when=move || editing.get() fallback=move || view! {
                <button type="button" class="plain" on:click=edit>"Rewrite"</button>
            }>
                <form on:submit=save>
                    <label>"New text" <textarea rows="3" bind:value=draft></textarea></label>
                    <button type="submit" disabled=move || rewrite.pending()>"Save"</button>
                    <Failure of=move || rewrite.error()/>
                </form>
            </Show>
        </li>
    }
}
