//! The team's notes.

use serde::{Deserialize, Serialize};

mizan::server! {
    use crate::visitor;
    use mizan::Error;
    use sqlx::AnyPool;

    /// How many letters a note may have.
    const LONGEST: usize = 280;
}

/// A note on the wall.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub id: i64,
    pub author: String,
    pub text: String,
    /// When it was written: RFC 3339, UTC.
    pub written: String,
}

/// Returns the latest notes, the newest first.
#[mizan::client]
pub async fn latest_notes() -> mizan::Result<Vec<Note>> {
    let pool: AnyPool = mizan::state();
    let rows: Vec<(i64, String, String, String)> =
        sqlx::query_as("SELECT id, author, text, written FROM notes ORDER BY id DESC LIMIT 50")
            .fetch_all(&pool)
            .await?;
    Ok(rows
        .into_iter()
        .map(|(id, author, text, written)| Note {
            id,
            author,
            text,
            written,
        })
        .collect())
}

/// Puts a note on the wall, in the name that the visitor gave.
#[mizan::client(input = PostUrl)]
pub async fn add_note(text: String) -> mizan::Result<()> {
    let author = visitor::name().ok_or_else(|| {
        Error::unauthorized("Introduce yourself first, so that we know whose note it is")
    })?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid_field("text", "an empty note helps nobody"));
    }
    let letters = text.chars().count();
    if letters > LONGEST {
        let message = format!("{letters} letters are too many: a note has up to {LONGEST}");
        return Err(Error::invalid_field("text", message));
    }
    if text.contains('\0') {
        return Err(Error::invalid_field("text", "a NUL is no letter"));
    }
    let pool: AnyPool = mizan::state();
    sqlx::query("INSERT INTO notes (author, text) VALUES ($1, $2)")
        .bind(author)
        .bind(text)
        .execute(&pool)
        .await?;
    Ok(())
}
