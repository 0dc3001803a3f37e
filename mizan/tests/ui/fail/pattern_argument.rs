#[mizan::client]
pub async fn f((left, right): (i32, i32)) -> mizan::Result<i32> {
    Ok(left + right)
}

fn main() {}
