//! Contexts to measure: five members that do nothing, and a profile that a mutation changes.

use std::time::Duration;

/// Five members of one context, each as trivial as a call can be.
#[mizan::context]
pub(crate) struct FiveContext {
    pub(crate) number: i64,
}

#[mizan::client(context = FiveContext)]
pub(crate) async fn first(number: i64) -> mizan::Result<i64> {
    Ok(number + 1)
}

#[mizan::client(context = FiveContext)]
pub(crate) async fn second(number: i64) -> mizan::Result<i64> {
    Ok(number + 2)
}

#[mizan::client(context = FiveContext)]
pub(crate) async fn third(number: i64) -> mizan::Result<i64> {
    Ok(number + 3)
}

#[mizan::client(context = FiveContext)]
pub(crate) async fn fourth(number: i64) -> mizan::Result<i64> {
    Ok(number + 4)
}

#[mizan::client(context = FiveContext)]
pub(crate) async fn fifth(number: i64) -> mizan::Result<i64> {
    Ok(number + 5)
}

/// What a small query of a database takes.
const BODY: Duration = Duration::from_millis(1);

/// What [`rename`] makes stale.
#[mizan::context]
pub(crate) struct ProfileContext {
    pub(crate) user_id: i64,
}

#[mizan::client(context = ProfileContext)]
pub(crate) async fn user_name(user_id: i64) -> mizan::Result<String> {
    tokio::time::sleep(BODY).await;
    Ok(format!("user {user_id}"))
}

#[mizan::client(context = ProfileContext)]
pub(crate) async fn user_orders(user_id: i64) -> mizan::Result<Vec<i64>> {
    tokio::time::sleep(BODY).await;
    Ok(vec![user_id])
}

#[mizan::client(affects = ProfileContext)]
pub(crate) async fn rename(user_id: i64, name: String) -> mizan::Result<()> {
    tokio::time::sleep(BODY).await;
    let _ = (user_id, name);
    Ok(())
}
