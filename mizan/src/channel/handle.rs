use super::{
    Channel, Position,
    shown::{Facts, Shown},
    side,
};
use crate::{Error, json::Entries, watched::Watched};
use leptos::{
    prelude::{IntoReactiveValue, Signal},
    reactive::owner::ArenaItem,
};
use serde_json::value::RawValue;
use std::sync::Arc;

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
pub struct Handle<C: Channel>(ArenaItem<Arc<State<C>>>);

struct State<C: Channel> {
    seen: Arc<Seen<C>>,
    subscription: side::Subscription,
}

/// What a component sees.
struct Seen<C: Channel> {
    facts: Facts,
    messages: Watched<Vec<C::ServerMessage>>,
    /// With their keys.
    present: Watched<Vec<(String, C::Presence)>>,
}

impl<C: Channel> Handle<C> {
    /// For the hooks, which the macro writes.
    #[doc(hidden)]
    pub fn join(address: impl Fn() -> C + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Seen::<C> {
            facts: Facts::new(),
            messages: Watched::new(Vec::new()),
            present: Watched::new(Vec::new()),
        });
        let asked = move || {
            let values = address().values();
            side::Asked::new(C::NAME, C::PARAMETERS, &values, C::HAS_PRESENCE)
        };
        let shown: Arc<dyn Shown> = Arc::clone(&seen) as _;
        let subscription = side::Subscription::new(Box::new(asked), shown);
        Self(ArenaItem::new(Arc::new(State { seen, subscription })))
    }

    fn state(&self) -> Arc<State<C>> {
        let state = self.0.try_get_value();
        state.expect("a channel's handle lives as long as the owner that joined the channel")
    }

    fn seen(&self) -> Arc<Seen<C>> {
        Arc::clone(&self.state().seen)
    }

    /// The messages since the channel was joined, the newest last; at most a thousand.
    pub fn messages(&self) -> Vec<C::ServerMessage> {
        self.seen().messages.get()
    }

    /// Looks at these messages, without cloning them.
    pub fn with_messages<T>(&self, look: impl FnOnce(&[C::ServerMessage]) -> T) -> T {
        self.seen().messages.with(|messages| look(messages))
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
        let state = self.state();
        state.seen.facts.forget_error();
        match serde_json::to_string(message) {
            Ok(text) => state.subscription.send(text),
            Err(error) => state.seen.facts.fail(Error::internal(error)),
        }
    }

    /// How the channel is doing.
    pub fn status(&self) -> Status {
        self.seen().facts.status.get()
    }

    /// Why the message was refused that was refused last, until the next one is sent.
    pub fn error(&self) -> Option<Error> {
        self.seen().facts.error.get()
    }

    /// How many messages the server has yet to take: those that wait for the connection, and those
    /// that are on their way.
    pub fn waiting(&self) -> usize {
        self.seen().facts.waiting.get()
    }

    /// How often messages were lost: the connection was gone for longer than the server remembers.
    /// What is shown besides should be fetched again when this grows.
    pub fn gaps(&self) -> usize {
        self.seen().facts.gaps.get()
    }

    /// Who is in the channel's group, on all nodes, in the order in which they came: what the
    /// handler said of them by `cx.set_presence`, this page among them.
    ///
    /// Each page that has joined is one of them: who has two tabs open is there twice.
    pub fn presence(&self) -> Vec<C::Presence> {
        let seen = self.seen();
        seen.present
            .with(|present| present.iter().map(|(_, meta)| meta.clone()).collect())
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
        self.state().subscription.since(position);
        self
    }
}

impl<C: Channel> Shown for Seen<C> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn clear(&self) {
        self.messages.set(Vec::new());
        self.present.set(Vec::new());
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
            Err(_) => self.facts.fail(Error::outdated_client(
                "the server's message can't be read: reload the page",
            )),
        }
    }

    fn presence(&self, is_everybody: bool, changes: &mut Entries) {
        // Known when this is compiled: without presence its code is not there
        if !C::HAS_PRESENCE {
            return;
        }
        let joined: Vec<Entries> = changes.take_list("joined");
        let left: Vec<String> = changes.take_list("left");
        self.present.update(|present| {
            if is_everybody {
                present.clear();
            }
            present.retain(|(key, _)| !left.contains(key));
            for mut one in joined {
                let (Ok(key), Some(meta)) = (one.take_text("key"), one.take("meta")) else {
                    continue;
                };
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
