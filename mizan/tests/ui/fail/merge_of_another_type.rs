#[mizan::context]
pub struct ProfileContext {
    pub user_id: i64,
}

#[mizan::client(context = ProfileContext)]
pub async fn user_name(user_id: i64) -> mizan::Result<String> {
    Ok(user_id.to_string())
}

#[mizan::client(merge = user_name)]
pub async fn rename(user_id: i64) -> mizan::Result<i64> {
    Ok(user_id)
}

#[mizan::client(merge = rename)]
pub async fn into_no_member(user_id: i64) -> mizan::Result<i64> {
    Ok(user_id)
}

fn main() {}
