#[mizan::client]
pub async fn f(#[serde(default)] left: i32, #[form(max = 3)] right: i32) -> mizan::Result<i32> {
    Ok(left + right)
}

fn main() {}
