#[mizan::client(route = "/api/mizan/own")]
async fn own() {}

#[mizan::client(route = "/api/mizan")]
async fn root() {}

#[mizan::client(route = "/api/mizanine")]
async fn beside() {}

fn main() {}
