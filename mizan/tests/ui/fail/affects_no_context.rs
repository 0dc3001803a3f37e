pub struct Profile {
    pub user_id: i64,
}

#[mizan::client(affects = Profile)]
pub async fn rename(user_id: i64) -> mizan::Result<i64> {
    Ok(user_id)
}

fn main() {}
