use axum::response::IntoResponse;

#[mizan::client(route = "profile")]
async fn no_slash() -> impl IntoResponse {}

#[mizan::client(route = "/profile/{id")]
async fn no_end(id: i64) -> impl IntoResponse {}

#[mizan::client(route = "/profile-{id}")]
async fn part_of_a_segment(id: i64) -> impl IntoResponse {}

#[mizan::client(route = "/profile/:id")]
async fn colon(id: i64) -> impl IntoResponse {}

#[mizan::client(route = "/profile/{0}")]
async fn no_name(id: i64) -> impl IntoResponse {}

#[mizan::client(route = "/files/{*path}/end")]
async fn rest_with_an_end(path: String) -> impl IntoResponse {}

#[mizan::client(route = "/a//b")]
async fn empty_segment() -> impl IntoResponse {}

#[mizan::client(route = "/a b")]
async fn space() -> impl IntoResponse {}

#[mizan::client(route = 5)]
async fn no_text() -> impl IntoResponse {}

fn main() {}
