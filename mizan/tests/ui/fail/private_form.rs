#[mizan::client(private, input = PostUrl)]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
