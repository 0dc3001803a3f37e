#[mizan::client(
    route = "/a",
    context = "global",
    private,
    websocket,
    input = PostUrl,
    cache = "5m",
    rev = 2
)]
async fn a() {}

fn main() {}
