//! The argument struct has the name of a type that the function names.

#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub struct Conversation;

#[mizan::client]
pub async fn conversation() -> mizan::Result<Vec<Conversation>> {
    Ok(Vec::new())
}

#[mizan::client]
pub async fn string(text: Option<String>) -> mizan::Result<usize> {
    Ok(text.map_or(0, |text| text.len()))
}

mod other {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    pub struct Post;

    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    pub struct Thread;
}
use other::Thread;

/// A path says which one is meant.
#[mizan::client]
pub async fn post() -> mizan::Result<other::Post> {
    Ok(other::Post)
}

#[mizan::client(name = LatestThread)]
pub async fn thread() -> mizan::Result<Thread> {
    Ok(Thread)
}

fn main() {
    let _ = (Post {}, LatestThread {});
}
