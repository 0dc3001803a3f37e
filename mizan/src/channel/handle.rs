use super::{
    Channel, Position, side,
    sink::{Changes, Sink},
};
use crate::Error;
use leptos::{
    prelude::{
        Get, GetUntracked, IntoReactiveValue, Set, Signal, StoredValue, Update, With, WithValue,
    },
    reactive::signal::ArcRwSignal,
};
use serde_json::value::RawValue;

/// How a channel is doing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// It is being joined. On the server it always is.
    Connecting,
    /// Messages come as they are sent.
    Joined,
    /// The connection is gone, and comes back by itself. What is missed meanwhile comes then.
    Reconnecting,
    /// The server does not let the visitor join, or no longer.
    Refused(Error),
}

/// A channel that a component has joined, as long as it is there; returned by `use_chat_channel()`.
///
/// It is `Copy`, and belongs to the owner that called the hook. On the server it shows a channel
/// in which nothing was said yet.
pub struct Handle<C: Channel>(StoredValue<State<C>>);

struct State<C: Channel> {
    signals: Signals<C>,
    subscription: side::Subscription,
}

/// What a component sees.
struct Signals<C: Channel> {
    messages: ArcRwSignal<Vec<C::ServerMessage>>,
    status: ArcRwSignal<Status>,
    error: ArcRwSignal<Option<Error>>,
    waiting: ArcRwSignal<usize>,
    gaps: ArcRwSignal<usize>,
    present: ArcRwSignal<Vec<(String, C::Presence)>>,
}

impl<C: Channel> Clone for Signals<C> {
    fn clone(&self) -> Self {
        Self {
            messages: self.messages.clone(),
            status: self.status.clone(),
            error: self.error.clone(),
            waiting: self.waiting.clone(),
            gaps: self.gaps.clone(),
            present: self.present.clone(),
        }
    }
}

impl<C: Channel> Handle<C> {
    /// For the hooks, which the macro writes.
    #[doc(hidden)]
    pub fn join(address: impl Fn() -> C + Send + Sync + 'static) -> Self {
        let signals = Signals::<C> {
            messages: ArcRwSignal::new(Vec::new()),
            status: ArcRwSignal::new(Status::Connecting),
            error: ArcRwSignal::new(None),
            waiting: ArcRwSignal::new(0),
            gaps: ArcRwSignal::new(0),
            present: ArcRwSignal::new(Vec::new()),
        };
        let sink = Box::new(signals.clone());
        let subscription = side::Subscription::new(move || address_of(&address()), sink);
        Self(StoredValue::new(State {
            signals,
            subscription,
        }))
    }

    fn signals(&self) -> Signals<C> {
        self.0.with_value(|state| state.signals.clone())
    }

    /// The messages since the channel was joined, the newest last; at most a thousand.
    pub fn messages(&self) -> Vec<C::ServerMessage> {
        self.signals().messages.get()
    }

    /// Looks at these messages, without cloning them.
    pub fn with_messages<T>(&self, look: impl FnOnce(&[C::ServerMessage]) -> T) -> T {
        self.signals().messages.with(|messages| look(messages))
    }

    /// The newest message.
    pub fn latest(&self) -> Option<C::ServerMessage> {
        self.with_messages(|messages| messages.last().cloned())
    }

    /// Sends a message.
    ///
    /// While the connection is gone it waits, and is sent when it is back: once, in the order in
    /// which it was said. At most a hundred wait; one more is refused, and so is what the server
    /// does not take: [`error`](Self::error) says so.
    pub fn send(&self, message: &C::ClientMessage) {
        let shown = self.signals().error;
        if shown.get_untracked().is_some() {
            shown.set(None);
        }
        match serde_json::to_string(message) {
            Ok(text) => self.0.with_value(|state| state.subscription.send(text)),
            Err(error) => self.signals().error.set(Some(Error::internal(error))),
        }
    }

    /// How the channel is doing.
    pub fn status(&self) -> Status {
        self.signals().status.get()
    }

    /// Why the message was refused that was refused last, until the next one is sent.
    pub fn error(&self) -> Option<Error> {
        self.signals().error.get()
    }

    /// How many messages the server has yet to take: those that wait for the connection, and those
    /// that are on their way.
    pub fn waiting(&self) -> usize {
        self.signals().waiting.get()
    }

    /// How often messages were lost: the connection was gone for longer than the server remembers.
    /// What is shown besides should be fetched again when this grows.
    pub fn gaps(&self) -> usize {
        self.signals().gaps.get()
    }

    /// Who is in the channel's group, on all nodes, in the order in which they came: what the
    /// handler said of them by `cx.set_presence`, this page among them.
    ///
    /// Each page that has joined is one of them: who has two tabs open is there twice.
    pub fn presence(&self) -> Vec<C::Presence> {
        let present = self.signals().present;
        present.with(|present| present.iter().map(|(_, meta)| meta.clone()).collect())
    }

    /// Joins from a position on that came with what the page shows, so that nothing is lost
    /// between: what came after it are the first messages.
    ///
    /// The position is a value, or a closure that may have none yet: the channel is joined when
    /// it has. It is asked again when the channel's parameters change. Where the messages after it
    /// are no longer known, [`gaps`](Self::gaps) grows.
    ///
    /// # Example
    ///
    /// ```
    /// use leptos::prelude::*;
    /// use mizan::channel::Position;
    /// # use serde::{Deserialize, Serialize};
    ///
    /// #[mizan::channel]
    /// pub struct ChatChannel {
    ///     pub room: String,
    /// }
    /// # #[mizan::channel_handler]
    /// # impl Channel for ChatChannel {
    /// #     type ServerMessage = String;
    /// #     async fn authorize(&self, _: &mizan::channel::ChannelContext) -> mizan::Result<bool> {
    /// #         Ok(true)
    /// #     }
    /// # }
    ///
    /// #[mizan::context]
    /// pub struct RoomContext {
    ///     pub room: String,
    /// }
    ///
    /// #[derive(Clone, Serialize, Deserialize)]
    /// pub struct Conversation {
    ///     room: String,
    ///     position: Position,
    ///     lines: Vec<String>,
    /// }
    ///
    /// #[mizan::client(context = RoomContext)]
    /// pub async fn latest_messages(room: String) -> mizan::Result<Conversation> {
    ///     // Before the lines are read: what is said meanwhile comes over the channel
    ///     let position = ChatChannel { room: room.clone() }.position().await?;
    ///     Ok(Conversation { room, position, lines: Vec::new() })
    /// }
    ///
    /// #[component]
    /// fn Room(#[prop(into)] room: Signal<String>) -> impl IntoView {
    ///     let conversation = use_latest_messages();
    ///     // Until another room's conversation is there, the one before is
    ///     let known = move || {
    ///         let known = conversation.get()?.ok()?;
    ///         (known.room == room.get()).then_some(known.position)
    ///     };
    ///     let chat = use_chat_channel(room).since(known);
    ///     // ..
    /// #   let _ = chat;
    /// }
    /// # let _ = Room;
    /// ```
    #[must_use]
    pub fn since<M>(self, position: impl IntoReactiveValue<Signal<Option<Position>>, M>) -> Self {
        let position = position.into_reactive_value();
        self.0
            .with_value(|state| state.subscription.since(position));
        self
    }
}

/// The channel's name and parameters, as they are asked for.
fn address_of<C: Channel>(address: &C) -> side::Asked {
    let values = C::PARAMETERS.iter().copied().zip(address.values());
    side::Asked::new(C::NAME, values, C::HAS_PRESENCE)
}

impl<C: Channel> Sink for Signals<C> {
    fn begin(&self) {
        self.messages.set(Vec::new());
        self.present.set(Vec::new());
        self.error.set(None);
        self.waiting.set(0);
    }

    fn message(&self, text: &RawValue) {
        /// How many messages are kept: a page that stays open for days must not grow.
        const MOST_KEPT: usize = 1000;
        match serde_json::from_str(text.get()) {
            Ok(message) => self.messages.update(|messages| {
                if messages.len() >= MOST_KEPT {
                    messages.remove(0);
                }
                messages.push(message);
            }),
            Err(_) => self.error.set(Some(Error::outdated_client(
                "the server's message can't be read: reload the page",
            ))),
        }
    }

    fn status(&self, status: Status) {
        if self.status.get_untracked() != status {
            self.status.set(status);
        }
    }

    fn error(&self, error: Error) {
        self.error.set(Some(error));
    }

    fn waiting(&self, messages: usize) {
        self.waiting.set(messages);
    }

    fn gap(&self) {
        self.gaps.update(|gaps| *gaps += 1);
    }

    fn presence(&self, changes: Changes) {
        self.present.update(|present| {
            if changes.is_everybody {
                present.clear();
            }
            present.retain(|(key, _)| !changes.left.contains(key));
            for (key, meta) in changes.joined {
                // One that can't be read is of another version of the application
                let Ok(meta) = serde_json::from_str(meta.get()) else {
                    continue;
                };
                // Keys are in the order in which their members came
                match present.binary_search_by(|(known, _)| known.cmp(&key)) {
                    Ok(index) => present[index].1 = meta,
                    Err(index) => present.insert(index, (key, meta)),
                }
            }
        });
    }
}

impl<C: Channel> Clone for Handle<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Channel> Copy for Handle<C> {}

impl<C: Channel> std::fmt::Debug for Handle<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Handle").field(&C::NAME).finish()
    }
}
