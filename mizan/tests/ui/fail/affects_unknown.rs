#[mizan::client(affects = ProfileContext)]
pub async fn rename(user_id: i64) -> mizan::Result<i64> {
    Ok(user_id)
}

#[mizan::client(affects = "profile")]
pub async fn rename_again(user_id: i64) -> mizan::Result<i64> {
    Ok(user_id)
}

#[mizan::client(affects)]
pub async fn rename_somebody(user_id: i64) -> mizan::Result<i64> {
    Ok(user_id)
}

fn main() {}
