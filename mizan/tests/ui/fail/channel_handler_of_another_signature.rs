use mizan::channel::ChannelContext;

#[mizan::channel]
pub struct RoomChannel;

#[mizan::channel_handler]
impl Channel for RoomChannel {
    type ClientMessage = String;
    type ServerMessage = u32;

    async fn authorize(&self, _: &ChannelContext) -> bool {
        true
    }

    async fn receive(&self, _: &ChannelContext, text: String) -> mizan::Result<Option<String>> {
        Ok(Some(text))
    }

    async fn on_arrival(&self, _: &ChannelContext) {}
}

fn main() {}
