#[mizan::client(context = "globl")]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
