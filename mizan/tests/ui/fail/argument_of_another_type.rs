#[mizan::context]
pub struct ProfileContext {
    pub user_id: i64,
}

#[mizan::client(context = ProfileContext)]
pub async fn user_name(user_id: String) -> mizan::Result<String> {
    Ok(user_id)
}

fn main() {}
