#[mizan::client(rate = "10")]
async fn without_a_time() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(rate = "0/min")]
async fn nothing_at_all() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(rate = "10/fortnight")]
async fn another_time() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(rate = 10)]
async fn a_number() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(rate)]
async fn without_a_value() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
