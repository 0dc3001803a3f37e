#[mizan::client(auth = "admin")]
async fn unknown() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(auth = 5)]
async fn number() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
