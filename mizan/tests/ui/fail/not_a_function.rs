#[mizan::client]
pub struct Service {
    field: u8,
}

fn main() {}
