#[derive(serde::Serialize, serde::Deserialize)]
pub struct Profile;

#[mizan::client(context = "global")]
pub async fn profile_of_visitor() -> mizan::Result<Profile> {
    Ok(Profile)
}

fn main() {}
