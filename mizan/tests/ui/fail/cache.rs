//! What can't be kept, or for how long.

#[mizan::client(cache = "5m", stale_while_revalidate = "1h", rev = 2)]
async fn no_member() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(context = "global", cache = true)]
async fn not_a_policy() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(context = "global", cache = "5 minutes", rev = "two")]
async fn not_a_time() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(context = "global", stale_while_revalidate = "1h")]
async fn after_what() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(context = "global", cache = "forever", stale_while_revalidate = "1h")]
async fn after_for_ever() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
