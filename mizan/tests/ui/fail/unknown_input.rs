#[mizan::client(input = GetUrl)]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
