#[mizan::context]
pub struct ProfileContext {
    pub user_id: i64,
}

#[mizan::client(context = ProfileContext)]
pub async fn user_name(user_id: i64, language: String) -> mizan::Result<String> {
    Ok(format!("{user_id} {language}"))
}

fn main() {}
