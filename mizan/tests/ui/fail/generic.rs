#[mizan::client]
pub async fn f<T>(value: T) -> mizan::Result<()>
where
    T: Clone,
{
    drop(value);
    Ok(())
}

fn main() {}
