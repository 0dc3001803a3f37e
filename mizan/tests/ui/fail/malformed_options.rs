#[mizan::client(name = )]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client("private")]
pub async fn g() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
