#[mizan::client]
pub fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
