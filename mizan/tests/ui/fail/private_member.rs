#[mizan::client(context = "global", private)]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
