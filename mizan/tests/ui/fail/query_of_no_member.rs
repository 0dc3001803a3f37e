#[mizan::client]
pub async fn f() -> mizan::Result<String> {
    Ok(String::new())
}

fn main() {
    mizan::use_context_global().query::<F>();
}
