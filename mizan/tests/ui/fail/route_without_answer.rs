struct Profile;

#[mizan::client(route = "/profile")]
async fn show() -> Profile {
    Profile
}

fn main() {}
