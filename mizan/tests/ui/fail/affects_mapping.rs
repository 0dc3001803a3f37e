#[mizan::context]
pub struct ProfileContext {
    pub user_id: i64,
}

#[mizan::client(affects = ProfileContext(user_id = nobody))]
pub async fn no_such_argument(owner: i64) -> mizan::Result<i64> {
    Ok(owner)
}

#[mizan::client(affects = ProfileContext(id = owner))]
pub async fn no_such_parameter(owner: i64) -> mizan::Result<i64> {
    Ok(owner)
}

#[mizan::client(affects = ProfileContext(user_id = owner))]
pub async fn another_type(owner: u8) -> mizan::Result<u8> {
    Ok(owner)
}

fn main() {}
