use super::Hub;
use crate::{
    Error, Result,
    channel::{Channel, Position},
    context::key_of,
    request::Scope,
};
use bytes::Bytes;
use http::request::Parts;
use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError, Weak},
};

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

/// Adds a message to the group of a channel.
///
/// # Errors
///
/// UNAVAILABLE where the layer can't be reached; INTERNAL_ERROR where no server runs in this
/// process, or several do and this is not a request to one.
pub async fn push<C: ChannelHandler>(channel: &C, message: C::ServerMessage) -> Result<Position> {
    let text = Bytes::from(serde_json::to_vec(&message)?);
    drop(message);
    current_hub()?.publish(&channel.group(), text, None).await
}

/// Returns where the group of a channel is.
///
/// # Errors
///
/// As of [`push`].
pub async fn position<C: ChannelHandler>(channel: &C) -> Result<Position> {
    current_hub()?.position(&channel.group()).await
}

/// The servers that run in this process: what is sent outside of a request goes to the only one.
static HUBS: Mutex<Vec<Weak<Hub>>> = Mutex::new(Vec::new());

/// Notes that a server runs.
pub(crate) fn runs(hub: &Arc<Hub>) {
    let mut hubs = HUBS.lock().unwrap_or_else(PoisonError::into_inner);
    hubs.retain(|hub| hub.strong_count() > 0);
    hubs.push(Arc::downgrade(hub));
}

fn current_hub() -> Result<Arc<Hub>> {
    if let Some(scope) = Scope::current() {
        return Ok(Arc::clone(&scope.site().hub));
    }
    let hubs = HUBS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut running = hubs.iter().filter_map(Weak::upgrade);
    match (running.next(), running.next()) {
        (Some(hub), None) => Ok(hub),
        (None, _) => Err(Error::internal("no server runs in this process")),
        (Some(_), Some(_)) => Err(Error::internal(
            "several servers run in this process: which one is meant, only a request to it tells",
        )),
    }
}

/// Who has joined a channel, for its handler.
#[derive(Clone, Debug)]
pub struct ChannelContext {
    pub(crate) request: Arc<Parts>,
    pub(crate) member: Arc<str>,
}

impl ChannelContext {
    /// Returns the head of the request that opened the socket.
    ///
    /// What it says of the caller (`X-User`, `X-Forwarded-For`) is the caller's own word.
    pub fn request(&self) -> &Parts {
        &self.request
    }

    /// Returns what tells this member of the group from all others, on every node, as long as it
    /// is there.
    pub fn member(&self) -> &str {
        &self.member
    }
}
