//! A call from the browser.

use super::Call;
use crate::{Result, mutation::client as mutation};

/// Calls the function over HTTP.
///
/// # Errors
///
/// What the function answered, or NETWORK when no answer of the server's arrived.
pub async fn call<C: Call>(arguments: C) -> Result<C::Output> {
    mutation::call(&arguments, Vec::new()).await
}
