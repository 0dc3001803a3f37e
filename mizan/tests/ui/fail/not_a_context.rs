pub struct Profile;

#[mizan::client(context = Profile)]
pub async fn f() -> mizan::Result<()> {
    Ok(())
}

fn main() {}
