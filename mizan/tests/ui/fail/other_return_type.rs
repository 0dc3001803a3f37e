#[mizan::client]
pub async fn f() -> Result<String, std::io::Error> {
    Ok(String::new())
}

fn main() {}
