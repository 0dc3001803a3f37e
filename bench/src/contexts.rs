//! Contexts to measure: five members that do nothing, a profile that a mutation changes, a listing
//! out of the cache, and what many want that is not there yet.

use serde::{Deserialize, Serialize};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// Five members of one context, each as trivial as a call can be. They are run each time: so are
/// the calls that they are compared with.
#[mizan::context]
pub(crate) struct FiveContext {
    pub(crate) number: i64,
}

#[mizan::client(context = FiveContext, cache = false)]
pub(crate) async fn first(number: i64) -> mizan::Result<i64> {
    Ok(number + 1)
}

#[mizan::client(context = FiveContext, cache = false)]
pub(crate) async fn second(number: i64) -> mizan::Result<i64> {
    Ok(number + 2)
}

#[mizan::client(context = FiveContext, cache = false)]
pub(crate) async fn third(number: i64) -> mizan::Result<i64> {
    Ok(number + 3)
}

#[mizan::client(context = FiveContext, cache = false)]
pub(crate) async fn fourth(number: i64) -> mizan::Result<i64> {
    Ok(number + 4)
}

#[mizan::client(context = FiveContext, cache = false)]
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

/// What is read out of the cache.
#[mizan::context]
pub(crate) struct ListingContext {
    pub(crate) category: i64,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Product {
    id: i64,
    name: String,
    cents: u32,
}

#[mizan::client(context = ListingContext)]
pub(crate) async fn listing(category: i64) -> mizan::Result<Vec<Product>> {
    Ok(products(category))
}

/// The same for everybody.
pub(crate) fn products(category: i64) -> Vec<Product> {
    (1..=5)
        .map(|number| Product {
            id: category * 100 + number,
            name: format!("Product {number} of category {category}"),
            cents: 1999,
        })
        .collect()
}

/// What takes [`SLOW`], and is wanted by many at once.
#[mizan::context]
pub(crate) struct SlowContext {
    pub(crate) turn: i64,
}

pub(crate) const SLOW: Duration = Duration::from_millis(50);

static RUNS: AtomicUsize = AtomicUsize::new(0);

/// How often [`slow`] has run since this was last asked.
pub(crate) fn slow_runs() -> usize {
    RUNS.swap(0, Ordering::Relaxed)
}

#[mizan::client(context = SlowContext)]
pub(crate) async fn slow(turn: i64) -> mizan::Result<i64> {
    RUNS.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(SLOW).await;
    Ok(turn)
}
