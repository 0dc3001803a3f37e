#[mizan::client(context)]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(name)]
pub async fn g() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
