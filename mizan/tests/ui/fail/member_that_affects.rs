#[mizan::context]
pub struct ProfileContext {
    pub user_id: i64,
}

#[mizan::client(context = ProfileContext, affects = "global")]
pub async fn user_name(user_id: i64) -> mizan::Result<String> {
    Ok(user_id.to_string())
}

fn main() {}
