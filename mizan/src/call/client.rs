//! A call from the browser: one `POST` with JSON.

use super::{Call, wire::Answer};
use crate::{Error, Result, fetch};

/// Calls the function over HTTP.
///
/// # Errors
///
/// What the function answered, or NETWORK when no answer of the server's arrived.
pub async fn call<C: Call>(arguments: C) -> Result<C::Output> {
    let body = serde_json::to_string(&arguments).map_err(Error::internal)?;
    let text = fetch::post(C::PATH, body).await?;
    let answer: Answer<C::Output> = serde_json::from_str(&text).map_err(fetch::unreadable)?;
    Ok(answer.result)
}
