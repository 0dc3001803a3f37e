#[mizan::context]
pub struct ProfileContext {
    pub weight: f64,
}

fn main() {}
