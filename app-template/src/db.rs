//! The database: SQLite in a file by default, PostgreSQL when `DATABASE_URL` says so.
//!
//! The queries are written for both: parameters as `$1`, and types that the two share.

use sqlx::{AnyPool, any::AnyPoolOptions, migrate::MigrateError};

/// Where the database is.
pub fn url() -> String {
    std::env::var("DATABASE_URL").unwrap_or_else(|_| "sqlite://notes.db".to_owned())
}

/// Connects, creating the file and the tables where they are missing.
///
/// # Errors
///
/// When the database can't be reached or its tables can't be brought up to date.
pub async fn connect(url: &str) -> Result<AnyPool, sqlx::Error> {
    sqlx::any::install_default_drivers();
    let pool = if url.starts_with("sqlite:") {
        sqlite(url).await?
    } else {
        AnyPool::connect(url).await?
    };
    migrate(&pool, url).await?;
    Ok(pool)
}

async fn sqlite(url: &str) -> Result<AnyPool, sqlx::Error> {
    let separator = if url.contains('?') { '&' } else { '?' };
    // Readers and the one writer don't block each other; a second writer waits
    let set_up = "PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON;";
    AnyPoolOptions::new()
        .after_connect(move |connection, _| {
            Box::pin(async move { sqlx::Executor::execute(connection, set_up).await.map(drop) })
        })
        .connect(&format!("{url}{separator}mode=rwc"))
        .await
}

async fn migrate(pool: &AnyPool, url: &str) -> Result<(), MigrateError> {
    if url.starts_with("sqlite:") {
        sqlx::migrate!("migrations/sqlite").run(pool).await
    } else {
        sqlx::migrate!("migrations/postgres").run(pool).await
    }
}
