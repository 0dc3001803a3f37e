//! Channels to measure: one that the server talks in, and one that answers who talks in it.

use mizan::channel::ChannelContext;

/// What the server says to everybody.
#[mizan::channel]
pub(crate) struct NewsChannel {
    pub(crate) number: i64,
}

#[mizan::channel_handler]
impl Channel for NewsChannel {
    type ServerMessage = String;

    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }
}

/// Says something so many times to everybody who has joined.
#[mizan::client]
pub(crate) async fn announce(text: String, times: usize) -> mizan::Result<()> {
    for _ in 0..times {
        NewsChannel { number: 1 }.push(text.clone()).await?;
    }
    Ok(())
}

/// A group for each number: who is alone in it gets back what they say.
#[mizan::channel]
pub(crate) struct EchoChannel {
    pub(crate) number: i64,
}

#[mizan::channel_handler]
impl Channel for EchoChannel {
    type ClientMessage = String;
    type ServerMessage = String;

    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }

    async fn receive(&self, _: &ChannelContext, text: String) -> mizan::Result<Option<String>> {
        Ok(Some(text))
    }
}
