#[mizan::client(context = "local")]
pub async fn greet(children: String, tags: Vec<String>) -> mizan::Result<String> {
    Ok(format!("{children} {tags:?}"))
}

fn main() {}
