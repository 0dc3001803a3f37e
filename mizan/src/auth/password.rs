//! Passwords, hashed with argon2id.
//!
//! Hashing takes tens of milliseconds and 19 MiB on purpose. It runs beside the requests, no more
//! at a time than there are processors: a flood of attempts waits for its turn.

use crate::Result;
use password_auth::{VerifyError, generate_hash, verify_password};
use std::{
    sync::{Arc, LazyLock, OnceLock},
    thread::available_parallelism,
};
use tokio::sync::Semaphore;

/// How many are hashed at a time.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = available_parallelism().map_or(2, Into::into);
    Arc::new(Semaphore::new(processors))
});

/// Hashes a password, for the database.
///
/// # Errors
///
/// INTERNAL_ERROR where the runtime is shutting down.
///
/// # Example
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> mizan::Result<()> {
/// use mizan::auth::password;
///
/// let hash = password::hash("correct horse").await?;
/// assert!(hash.starts_with("$argon2id$"));
/// assert!(password::verify("correct horse", Some(&hash)).await?);
/// assert!(!password::verify("battery staple", Some(&hash)).await?);
/// # Ok(())
/// # }
/// ```
pub async fn hash(password: &str) -> Result<String> {
    let password = password.to_owned();
    in_turn(move || generate_hash(password)).await
}

/// Returns whether a password is the one that a hash was made of.
///
/// Where there is no hash, because nobody has the name, it is compared with some other, so that it
/// takes as long: the time must not tell which names exist (CWE-208).
///
/// # Errors
///
/// INTERNAL_ERROR where `hash` is none, or the runtime is shutting down.
pub async fn verify(password: &str, hash: Option<&str>) -> Result<bool> {
    let (password, hash) = (password.to_owned(), hash.map(ToOwned::to_owned));
    let verified = in_turn(move || match hash {
        Some(hash) => verify_password(password, &hash),
        None => verify_password(password, nobodys()).and(Err(VerifyError::PasswordInvalid)),
    });
    match verified.await? {
        Ok(()) => Ok(true),
        Err(VerifyError::PasswordInvalid) => Ok(false),
        Err(error @ VerifyError::Parse(_)) => Err(error.into()),
    }
}

/// The hash of a password that nobody has.
fn nobodys() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| generate_hash(b""))
}

async fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let turn = Arc::clone(&TURNS).acquire_owned().await?;
    let work = move || {
        let done = work();
        // Not before: the work goes on when nobody waits for it any more
        drop(turn);
        done
    };
    Ok(tokio::task::spawn_blocking(work).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// Those who hang up leave the work behind: their turn ends with it, not with them.
    #[tokio::test]
    async fn what_nobody_waits_for_any_more_keeps_its_turn() {
        let (begins, mut begun) = mpsc::unbounded_channel();
        let mut ends = Vec::new();
        for _ in 0..TURNS.available_permits() {
            let (end, ended) = std::sync::mpsc::channel::<()>();
            let begins = begins.clone();
            let attempt = tokio::spawn(in_turn(move || {
                begins.send(()).unwrap();
                // Until the other half is dropped
                let _ = ended.recv();
            }));
            begun.recv().await.unwrap();
            attempt.abort();
            assert!(attempt.await.unwrap_err().is_cancelled());
            ends.push(end);
        }
        assert_eq!(TURNS.available_permits(), 0, "what they began goes on");
        drop(ends);
        in_turn(|| ()).await.unwrap();
    }
}
