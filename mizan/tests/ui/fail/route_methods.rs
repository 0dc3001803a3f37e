#[mizan::client(methods = [GET])]
async fn no_route() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(route = "/a", methods = [FETCH, HEAD])]
async fn unknown() {}

#[mizan::client(route = "/b", methods = [GET, GET])]
async fn twice() {}

#[mizan::client(route = "/c", methods = [])]
async fn none() {}

#[mizan::client(route = "/d", methods = GET)]
async fn no_brackets() {}

fn main() {}
