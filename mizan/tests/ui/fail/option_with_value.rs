#[mizan::client(private = true)]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
