//! `macro_rules!` for application code and for the attribute macros, defined once for each side:
//! code that they are given exists where they let it through. Generated code can't ask for the
//! `ssr` feature itself, which would be the application's.

/// Declares what exists on the server only: modules, imports, any items.
///
/// # Example
///
/// ```
/// mizan::server! {
///     use std::time::SystemTime;
///
///     fn now() -> SystemTime {
///         SystemTime::now()
///     }
/// }
///
/// #[mizan::client]
/// pub async fn seconds() -> mizan::Result<u64> {
///     Ok(now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs())
/// }
/// # let _ = seconds;
/// ```
#[cfg(feature = "ssr")]
#[macro_export]
macro_rules! server {
    ($($item:item)*) => { $($item)* };
}

/// Declares what exists on the server only: modules, imports, any items.
///
/// This is the browser's half of the crate, so they don't exist.
#[cfg(not(feature = "ssr"))]
#[macro_export]
macro_rules! server {
    ($($item:item)*) => {};
}
