use super::{Hub, presence::Meta};
use crate::{
    Error, Result,
    channel::{Channel, Position},
    context::key_of,
    server::running,
};
use bytes::Bytes;
use http::request::Parts;
use serde_json::value::to_raw_value;
use std::{
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};
use uuid::Uuid;

/// What an application says of a channel; the body of `#[mizan::channel_handler] impl Channel`.
///
/// Its functions run as a call's body does: `mizan::current_user`, `mizan::session` and
/// `mizan::state` work in them, and they have the same time.
pub trait ChannelHandler: Channel {
    /// Says whether the caller may join. Asked when they do, and again when that may have changed.
    ///
    /// # Errors
    ///
    /// What the browser is told instead of FORBIDDEN.
    fn authorize(&self, cx: &ChannelContext) -> impl Future<Output = Result<bool>> + Send;

    /// The group whose messages those get who join: by default that of the channel's name and
    /// parameters.
    fn group(&self) -> String {
        key_of(
            Self::NAME,
            Self::PARAMETERS.iter().copied().zip(&self.values()),
        )
    }

    /// Takes what a browser has sent. What it returns goes to the group.
    ///
    /// # Errors
    ///
    /// What the sender is told; nobody else gets anything.
    fn receive(
        &self,
        cx: &ChannelContext,
        message: Self::ClientMessage,
    ) -> impl Future<Output = Result<Option<Self::ServerMessage>>> + Send {
        let _ = (cx, message);
        async { Err(Error::not_implemented("the channel takes no messages")) }
    }

    /// Runs when somebody has joined.
    ///
    /// # Errors
    ///
    /// Ends the joining: the browser is told.
    fn on_connect(&self, cx: &ChannelContext) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Runs when somebody has left, or their connection is gone.
    fn on_disconnect(&self, cx: &ChannelContext) -> impl Future<Output = ()> + Send {
        let _ = cx;
        async {}
    }
}

/// The name of a channel's group in the layer, where there are others beside those of channels.
pub(super) fn group<C: ChannelHandler>(channel: &C) -> String {
    format!("channel:{}", channel.group())
}

/// Adds a message to the group of a channel.
///
/// # Errors
///
/// UNAVAILABLE where the layer can't be reached; INTERNAL_ERROR where no server runs in this
/// process, or several do and this is not a request to one.
pub async fn push<C: ChannelHandler>(channel: &C, message: C::ServerMessage) -> Result<Position> {
    let text = Bytes::from(serde_json::to_vec(&message)?);
    drop(message);
    let site = running::current()?;
    site.hub.publish(&group(channel), text, None).await
}

/// Returns where the group of a channel is.
///
/// # Errors
///
/// As of [`push`].
pub async fn position<C: ChannelHandler>(channel: &C) -> Result<Position> {
    running::current()?.hub.position(&group(channel)).await
}

/// How long what a member says of itself may be, in bytes of JSON.
const LONGEST_META: usize = 4096;

/// Who has joined a channel, for its handler.
#[derive(Clone, Debug)]
pub struct ChannelContext {
    request: Arc<Parts>,
    standing: Arc<Standing>,
    key: Option<Arc<str>>,
}

impl ChannelContext {
    pub(crate) fn new(request: Arc<Parts>) -> Self {
        Self {
            request,
            standing: Arc::new(Standing {
                member: Uuid::now_v7().simple().to_string().into(),
                stage: Mutex::new(Stage::Before(None)),
            }),
            key: None,
        }
    }

    /// The same member's, with a message that it has sent.
    pub(crate) fn receiving(&self, key: Option<&str>) -> Self {
        let key = key.map(Into::into);
        Self {
            key,
            ..self.clone()
        }
    }

    pub(crate) fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    /// Returns the head of the request that opened the socket.
    ///
    /// What it says of the caller (`X-User`, `X-Forwarded-For`) is the caller's own word.
    pub fn request(&self) -> &Parts {
        &self.request
    }

    /// Returns what tells this member of the group from all others, on every node, as long as it
    /// is there.
    pub fn member(&self) -> &str {
        &self.standing.member
    }

    /// Returns what tells the message that is being received from all others of its sender; `None`
    /// outside of `receive`, or where the sender gave it none.
    ///
    /// A browser that has lost its connection sends again what was not acknowledged, with the same
    /// key. Mizan leaves out what is in the group's history already. A handler that keeps messages
    /// elsewhere can do so too, with a unique key in its table: a server that ended between the
    /// two, or lost its history, then still keeps each once.
    ///
    /// It is the sender's own word: another sender's message may have the same.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Says what the others of the group see of this member: `presence()` of their handles lists
    /// it, until it has left, on whatever node. Said again, it takes the place of what was said
    /// before.
    ///
    /// Before the member has joined, in `authorize` or `on_connect`, it counts from then on.
    /// Somebody who never says anything is not listed.
    ///
    /// # Errors
    ///
    /// VALIDATION_ERROR where it is longer than 4 KiB.
    ///
    /// # Example
    ///
    /// ```
    /// use serde::{Deserialize, Serialize};
    ///
    /// mizan::server! {
    ///     use mizan::channel::ChannelContext;
    /// }
    ///
    /// #[mizan::channel]
    /// pub struct ChatChannel {
    ///     pub room: String,
    /// }
    ///
    /// #[derive(Clone, PartialEq, Serialize, Deserialize)]
    /// pub struct Person {
    ///     pub name: String,
    ///     pub is_typing: bool,
    /// }
    ///
    /// #[mizan::channel_handler]
    /// impl Channel for ChatChannel {
    ///     type ClientMessage = bool;
    ///     type Presence = Person;
    ///
    ///     async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
    ///         Ok(true)
    ///     }
    ///
    ///     async fn on_connect(&self, cx: &ChannelContext) -> mizan::Result<()> {
    ///         let name = "Ada".to_owned();
    ///         cx.set_presence(self, &Person { name, is_typing: false })
    ///     }
    ///
    ///     async fn receive(&self, cx: &ChannelContext, is_typing: bool) -> mizan::Result<Option<()>> {
    ///         let name = "Ada".to_owned();
    ///         cx.set_presence(self, &Person { name, is_typing })?;
    ///         Ok(None)
    ///     }
    /// }
    /// ```
    pub fn set_presence<C: Channel>(&self, channel: &C, presence: &C::Presence) -> Result<()> {
        let _ = channel;
        let meta = to_raw_value(presence)?;
        if meta.get().len() > LONGEST_META {
            return Err(Error::validation(format!(
                "what others see of somebody has at most {LONGEST_META} bytes"
            )));
        }
        self.standing.say(meta.into());
        Ok(())
    }
}

/// How a member stands with its group.
#[derive(Debug)]
pub(crate) struct Standing {
    member: Arc<str>,
    stage: Mutex<Stage>,
}

#[derive(Debug)]
enum Stage {
    /// It has yet to join, and this is what it says of itself.
    Before(Option<Meta>),
    There(Weak<Hub>, Arc<str>),
    Gone,
}

impl Standing {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, meta: Meta) {
        match &mut *self.stage() {
            Stage::Before(said) => *said = Some(meta),
            Stage::There(hub, group) => {
                if let Some(hub) = hub.upgrade() {
                    hub.show(group, &self.member, Some(meta));
                }
            }
            Stage::Gone => {}
        }
    }

    /// It is in the group now.
    pub(super) fn arrive(&self, hub: &Arc<Hub>, group: &Arc<str>) {
        let mut stage = self.stage();
        if let Stage::Before(said) = &mut *stage {
            if let Some(meta) = said.take() {
                hub.show(group, &self.member, Some(meta));
            }
            *stage = Stage::There(Arc::downgrade(hub), Arc::clone(group));
        }
    }

    /// It is not any more.
    pub(super) fn depart(&self) {
        let before = std::mem::replace(&mut *self.stage(), Stage::Gone);
        if let Stage::There(hub, group) = before
            && let Some(hub) = hub.upgrade()
        {
            hub.show(&group, &self.member, None);
        }
    }
}
