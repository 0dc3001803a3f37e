pub struct Room;

#[mizan::channel_handler]
impl Channel for Room {
    async fn authorize(&self, _: &mizan::channel::ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }
}

fn main() {}
