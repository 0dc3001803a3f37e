#[mizan::client]
pub async fn f(name: &str) -> mizan::Result<String> {
    Ok(name.to_owned())
}

fn main() {}
