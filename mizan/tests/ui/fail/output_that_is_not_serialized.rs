pub struct Profile;

#[mizan::client]
pub async fn f() -> mizan::Result<Profile> {
    Ok(Profile)
}

fn main() {}
