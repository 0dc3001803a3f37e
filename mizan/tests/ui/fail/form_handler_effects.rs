#[mizan::context]
struct ProfileContext {
    user_id: i64,
}

#[mizan::client(context = ProfileContext)]
async fn user_name(user_id: i64) -> mizan::Result<String> {
    Ok(user_id.to_string())
}

#[mizan::form]
struct RenameForm {
    user_id: String,
}

#[mizan::form_handler(affects = ProfileContext(user_id = owner), merge = user_name)]
impl FormHandler for RenameForm {
    async fn submit(self) -> mizan::Result<()> {
        Ok(())
    }
}

#[mizan::form]
struct SwapForm {
    owner: String,
}

#[mizan::form_handler(affects = ProfileContext(user_id = owner))]
impl FormHandler for SwapForm {
    async fn submit(self) -> mizan::Result<()> {
        Ok(())
    }
}

fn main() {}
