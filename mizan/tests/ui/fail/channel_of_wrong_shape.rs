#[mizan::channel]
pub enum RoomChannel {
    Lobby,
}

#[mizan::channel]
pub struct ListChannel<T> {
    pub items: T,
}

#[mizan::channel]
pub struct PairChannel(i64, i64);

#[mizan::channel(room = "a")]
pub struct OptionChannel {
    pub room: String,
}

#[mizan::channel]
pub struct FloatChannel {
    pub temperature: f64,
}

fn main() {}
