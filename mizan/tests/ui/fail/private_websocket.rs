#[mizan::client(private, websocket)]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
