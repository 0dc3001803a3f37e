use super::{Failure, Problem, first};
use crate::{
    accounts::use_current_account,
    chat::{
        ChatChannel, ClientMessage, Message, ROOMS, RoomContextProvider, use_chat_channel,
        use_latest_messages,
    },
};
use leptos::{ev::SubmitEvent, prelude::*};
use leptos_meta::Title;
use leptos_router::{components::A, hooks::use_params_map};
use mizan::{
    Code,
    channel::{Handle, Status},
};
use std::{collections::BTreeMap, time::Duration};

/// After which pause nobody is typing any more.
const PAUSE: Duration = Duration::from_secs(4);

/// The rooms, for whoever has signed in.
#[component]
pub fn Chat() -> impl IntoView {
    let params = use_params_map();
    let room = Memo::new(move |_| {
        let room = params.with(|params| params.get("room"));
        room.unwrap_or_else(|| ROOMS[0].0.to_owned())
    });
    view! {
        <Title text="Chat"/>
        <section class="lead">
            <h1>"Chat"</h1>
            <p>"For what is too short to pin to the wall."</p>
        </section>
        <RoomContextProvider room><Door room/></RoomContextProvider>
    }
}

/// Lets those in whom the server tells what was said.
#[component]
fn Door(room: Memo<String>) -> impl IntoView {
    let known = use_latest_messages();
    let is_open = Memo::new(move |_| known.get().is_some_and(|known| known.is_ok()));
    let closed = move |errors: ArcRwSignal<Errors>| {
        let is_guest = move || {
            let error = known.get().and_then(Result::err);
            error.is_some_and(|error| error.code() == Code::Unauthorized)
        };
        let problem = move || {
            let errors = errors.clone();
            view! { <Problem text=move || first(&errors.get())/> }
        };
        view! { <Show when=is_guest fallback=problem><Invitation/></Show> }
    };
    view! {
        <Transition fallback=|| view! { <p class="quiet" role="status">"Fetching the messages…"</p> }>
            <ErrorBoundary fallback=closed>
                // Waits for the messages, and says what went wrong
                {move || known.get().map(|known| known.map(drop))}
                <Show when=move || is_open.get()><Room room/></Show>
            </ErrorBoundary>
        </Transition>
    }
}

#[component]
fn Invitation() -> impl IntoView {
    view! {
        <div class="card narrow">
            <p class="quiet">
                "The rooms are for the team. " <A href="/sign-in">"Sign in to join"</A>
                ", or " <A href="/sign-up">"open an account"</A> "."
            </p>
        </div>
    }
}

/// The room that is open: what was said, who is there, and the line that one writes.
#[component]
fn Room(room: Memo<String>) -> impl IntoView {
    let latest = use_latest_messages();
    // Until the next room's messages are there, the last one's are
    let known = move || {
        let known = latest.get()?.ok()?;
        (known.room == *room.read()).then_some(known)
    };
    // From where the reading began: nothing is lost between that and the joining
    let chat = use_chat_channel(room).since(move || Some(known()?.position));
    let messages = Memo::new(move |_| {
        let known = known();
        known.map(|known| known.followed_by(chat.messages()))
    });
    // The connection was gone for longer than the server remembers, or it is another server
    Effect::watch(move || chat.gaps(), move |_, _, _| latest.refetch(), false);
    view! {
        <Rooms room/>
        <div class="chat">
            <Messages messages/>
            <People chat/>
            <Composer chat/>
        </div>
    }
}

#[component]
fn Rooms(room: Memo<String>) -> impl IntoView {
    let links = ROOMS.map(|(name, title)| {
        let current = move || (*room.read() == name).then_some("page");
        view! { <a href=format!("/chat/{name}") aria-current=current>{title}</a> }
    });
    view! { <nav class="rooms" aria-label="Rooms">{links.collect_view()}</nav> }
}

#[component]
fn Messages(messages: Memo<Option<Vec<Message>>>) -> impl IntoView {
    let account = use_current_account();
    let me = Memo::new(move |_| Some(account.get()?.ok()??.name));
    let is_empty = move || messages.read().as_ref().is_some_and(Vec::is_empty);
    let line = move |message: Message| {
        let time = message.written.get(..16).unwrap_or_default();
        let time = time.replace('T', " ");
        let author = message.author.clone();
        let is_own = move || me.read().as_ref() == Some(&author);
        view! {
            <li class:own=is_own>
                <p class="quiet"><strong>{message.author}</strong> " " <time datetime=message.written>{time} " UTC"</time></p>
                <p>{message.text}</p>
            </li>
        }
    };
    view! {
        // Laid out from its end, where the newest are
        <div class="talk" role="log" aria-label="Messages" tabindex="0">
            <ol>
                <For each=move || messages.get().unwrap_or_default() key=|message| message.id children=line/>
            </ol>
            <Show when=is_empty><p class="quiet">"Nothing was said here yet."</p></Show>
        </div>
    }
}

/// Who is in the room: once each, however many tabs they have open.
#[component]
fn People(chat: Handle<ChatChannel>) -> impl IntoView {
    let people = Memo::new(move |_| {
        let mut people = BTreeMap::new();
        for person in chat.presence() {
            *people.entry(person.name).or_default() |= person.is_typing;
        }
        people
    });
    let names = move || people.read().keys().cloned().collect::<Vec<String>>();
    let person = move |name: String| {
        let shown = name.clone();
        let is_typing = move || people.read().get(&name).copied().unwrap_or_default();
        view! {
            <li>{shown} <Show when=is_typing><span class="quiet">" is typing…"</span></Show></li>
        }
    };
    view! {
        <aside class="people" aria-label="In the room">
            <h2>"In the room"</h2>
            <ul><For each=names key=|name| name.clone() children=person/></ul>
        </aside>
    }
}

#[component]
fn Composer(chat: Handle<ChatChannel>) -> impl IntoView {
    let field = NodeRef::<leptos::html::Input>::new();
    let draft = RwSignal::new(String::new());
    let was_typing = StoredValue::new(false);
    // Said when it changes, not at every key; to a server that is there
    let typing = move |is_typing| {
        if was_typing.get_value() == is_typing {
            return;
        }
        was_typing.set_value(is_typing);
        if chat.status() == Status::Joined {
            chat.send(&ClientMessage::Typing(is_typing));
        }
    };
    let mut rest = debounce(PAUSE, move |()| typing(false));
    let write = move |_| {
        typing(true);
        rest(());
    };
    let say = move |event: SubmitEvent| {
        event.prevent_default();
        if !draft.read().trim().is_empty() {
            chat.send(&ClientMessage::Said(draft.get()));
            draft.set(String::new());
            // Who has said something is not typing: the server knows
            was_typing.set_value(false);
        }
        if let Some(field) = field.get() {
            // It is on the page, and can be
            let _ = field.focus();
        }
    };
    let problem = move || match chat.status() {
        Status::Refused(error) => Some(error),
        _ => chat.error(),
    };
    view! {
        <form class="composer" on:submit=say>
            <label for="message">"Your message"</label>
            <div class="row">
                <input id="message" node_ref=field bind:value=draft on:input=write maxlength="500" autocomplete="off"/>
                <button type="submit">"Say it"</button>
            </div>
            <Failure of=problem/>
            <Connection chat/>
        </form>
        <noscript class="problem">"Talking needs JavaScript. This is what was said when the page was loaded."</noscript>
    }
}

#[component]
fn Connection(chat: Handle<ChatChannel>) -> impl IntoView {
    let state = move || match chat.status() {
        Status::Connecting => "Connecting…",
        Status::Reconnecting => "Reconnecting… What you say meanwhile is sent then.",
        _ => "",
    };
    view! { <p class="quiet connection" role="status">{state}</p> }
}
