async fn check(user: String, call: &Checked) -> mizan::Result<()> {
    let _ = (user, call);
    Ok(())
}

#[mizan::client(auth = check)]
async fn checked(id: i64) -> mizan::Result<()> {
    let _ = id;
    Ok(())
}

fn main() {}
