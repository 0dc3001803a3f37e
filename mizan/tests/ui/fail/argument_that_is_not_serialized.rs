#[derive(Clone, Debug)]
pub struct Filter;

#[mizan::client]
pub async fn f(filter: Filter) -> mizan::Result<String> {
    Ok(format!("{filter:?}"))
}

fn main() {}
