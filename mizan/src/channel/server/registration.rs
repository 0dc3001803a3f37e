use super::{ChannelContext, ChannelHandler};
use crate::{Error, Result, channel::Address, context::server::Values, registry::Location};
use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use std::sync::Arc;

/// A channel's parameters, with what only the server does with them.
pub trait ServerAddress: Address + Sized {
    /// Takes the parameters out of `values`; `None` where one is missing or of another type.
    fn read(values: &mut Values) -> Option<Self>;
}

/// A channel as the server knows it; collected from the whole program.
pub struct ChannelRegistration {
    pub(crate) name: &'static str,
    pub(crate) location: Location,
    pub(crate) read: fn(Values) -> Result<Arc<dyn Handler>>,
}

inventory::collect!(ChannelRegistration);

impl ChannelRegistration {
    /// Describes the channel `C`, which stands at `location`.
    pub const fn new<C: ChannelHandler + ServerAddress>(location: Location) -> Self {
        Self {
            name: C::NAME,
            location,
            read: |mut values| {
                let read = C::read(&mut values);
                let channel = values.finish(read)?;
                Ok(Arc::new(channel))
            },
        }
    }
}

/// A handler, for the parameters that somebody has joined with.
pub(crate) trait Handler: Send + Sync {
    fn group(&self) -> String;

    fn authorize<'a>(&'a self, cx: &'a ChannelContext) -> BoxFuture<'a, Result<bool>>;

    fn on_connect<'a>(&'a self, cx: &'a ChannelContext) -> BoxFuture<'a, Result<()>>;

    fn on_disconnect<'a>(&'a self, cx: &'a ChannelContext) -> BoxFuture<'a, ()>;

    /// Takes a message, as JSON, and returns that for the group.
    fn receive<'a>(
        &'a self,
        cx: &'a ChannelContext,
        message: &'a str,
    ) -> BoxFuture<'a, Result<Option<Bytes>>>;
}

impl<C: ChannelHandler> Handler for C {
    fn group(&self) -> String {
        super::handler::group(self)
    }

    fn authorize<'a>(&'a self, cx: &'a ChannelContext) -> BoxFuture<'a, Result<bool>> {
        ChannelHandler::authorize(self, cx).boxed()
    }

    fn on_connect<'a>(&'a self, cx: &'a ChannelContext) -> BoxFuture<'a, Result<()>> {
        ChannelHandler::on_connect(self, cx).boxed()
    }

    fn on_disconnect<'a>(&'a self, cx: &'a ChannelContext) -> BoxFuture<'a, ()> {
        ChannelHandler::on_disconnect(self, cx).boxed()
    }

    fn receive<'a>(
        &'a self,
        cx: &'a ChannelContext,
        message: &'a str,
    ) -> BoxFuture<'a, Result<Option<Bytes>>> {
        async move {
            let message = serde_json::from_str(message);
            let message = message.map_err(|error| {
                let text = error.to_string();
                let text = text.split(" at line ").next().unwrap_or_default();
                Error::validation(format!(
                    "the message can't be read: {}",
                    crate::error::shorten(text)
                ))
            })?;
            let answer = ChannelHandler::receive(self, cx, message).await?;
            let written = answer.map(|answer| serde_json::to_vec(&answer));
            Ok(written.transpose()?.map(Bytes::from))
        }
        .boxed()
    }
}
