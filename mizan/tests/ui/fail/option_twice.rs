#[mizan::client(private, name = One, name = Two, private)]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
