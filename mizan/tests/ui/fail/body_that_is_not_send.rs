#[mizan::client]
pub async fn f() -> mizan::Result<usize> {
    let shared = std::rc::Rc::new(1);
    std::future::ready(()).await;
    Ok(std::rc::Rc::strong_count(&shared))
}

fn main() {}
