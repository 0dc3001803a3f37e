#[mizan::client]
pub async fn f() {}

fn main() {}
