#[mizan::client]
pub async fn f(#[serde(rename = "b")] a: i32, #[serde(default, flatten)] c: i32) -> mizan::Result<i32> {
    Ok(a + c)
}

fn main() {}
