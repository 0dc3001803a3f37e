use axum::response::IntoResponse;

#[mizan::client(route = "/profile/{user}")]
async fn no_argument(id: i64) -> impl IntoResponse {}

#[mizan::client(route = "/profile/{id}/{id}")]
async fn twice(id: i64) -> impl IntoResponse {}

#[mizan::client(route = "/profile/{id}")]
async fn optional(id: Option<i64>) -> impl IntoResponse {}

fn main() {}
