#[mizan::client(route = "/a", affects = "global")]
async fn a() {}

#[mizan::client(route = "/b", methods = [POST, GET], affects = "global")]
async fn b() {}

#[mizan::client(route = "/c", merge = d)]
async fn c() {}

fn main() {}
