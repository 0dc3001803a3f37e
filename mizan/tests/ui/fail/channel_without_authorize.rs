#[mizan::channel]
pub struct RoomChannel {
    pub room: String,
}

#[mizan::channel_handler]
impl Channel for RoomChannel {
    type ClientMessage = String;
    type ServerMessage = String;

    async fn receive(&self, _: &mizan::channel::ChannelContext, text: String) -> mizan::Result<Option<String>> {
        Ok(Some(text))
    }
}

fn main() {}
