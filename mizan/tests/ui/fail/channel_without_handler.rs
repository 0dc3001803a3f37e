#[mizan::channel]
pub struct RoomChannel;

fn main() {
    let _ = use_room_channel();
}
