#[mizan::client(chache = "5m")]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
