#[mizan::client]
pub async fn f(name: impl Into<String>) -> mizan::Result<String> {
    Ok(name.into())
}

fn main() {}
