#[mizan::client(context = "global")]
pub async fn f(id: i64, name: String) -> mizan::Result<String> {
    Ok(format!("{id}{name}"))
}

fn main() {}
