//! What a channel may be.

use mizan::channel::{ChannelContext, Handle};
use serde::{Deserialize, Serialize};

/// Without parameters, and with a handler that says no more than it must.
#[mizan::channel(name = "news")]
pub struct Ticker;

#[mizan::channel_handler]
impl Channel for Ticker {
    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }
}

/// With everything.
#[mizan::channel]
pub struct RoomChannel {
    pub r#type: String,
    pub id: Option<i64>,
    is_quiet: bool,
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Person {
    name: String,
}

#[mizan::channel_handler]
impl mizan::channel::Channel for RoomChannel {
    type ClientMessage = String;
    type ServerMessage = (u32, String);
    type Presence = Person;

    async fn authorize(&self, cx: &ChannelContext) -> mizan::Result<bool> {
        Ok(!self.is_quiet && cx.request().uri.path() == "/" && cx.key().is_none())
    }

    fn group(&self) -> String {
        format!("{} {:?}", self.r#type, self.id)
    }

    async fn on_connect(&self, cx: &ChannelContext) -> mizan::Result<()> {
        let name = cx.member().to_owned();
        cx.set_presence(self, &Person { name })
    }

    async fn on_disconnect(&self, _: &ChannelContext) {}

    async fn receive(&self, _: &ChannelContext, text: String) -> mizan::Result<Option<(u32, String)>> {
        self.push((1, text.clone())).await?;
        self.position().await?;
        Ok(Some((2, text)))
    }
}

/// A call over the socket, and a live context.
#[mizan::client(websocket, affects = BoardContext, auth)]
pub async fn nudge(id: i64) -> mizan::Result<()> {
    let _ = id;
    Ok(())
}

#[mizan::context(live, stale_time = "1m")]
pub struct BoardContext {
    pub id: i64,
}

fn main() {
    let _ = || -> Handle<RoomChannel> {
        let quiet = leptos::prelude::RwSignal::new(false);
        use_room_channel("a".to_owned(), || Some(5), quiet)
    };
    let _ = use_ticker_channel;
}
