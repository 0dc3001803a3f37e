#[mizan::channel]
pub struct RoomChannel;

#[mizan::channel_handler]
impl RoomChannel {
    async fn authorize(&self, _: &mizan::channel::ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }
}

#[mizan::channel]
pub struct OtherChannel;

#[mizan::channel_handler(name = "other")]
impl Channel for OtherChannel {
    type Message = String;
    const MOST: usize = 5;

    async fn authorize(&self, _: &mizan::channel::ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }
}

#[mizan::channel_handler]
struct Nothing;

fn main() {}
