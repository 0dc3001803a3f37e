#[mizan::client]
pub async unsafe fn f() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client]
pub async extern "C" fn g() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
