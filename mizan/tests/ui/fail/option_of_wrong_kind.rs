#[mizan::client(name = "Echo", context = 7)]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
