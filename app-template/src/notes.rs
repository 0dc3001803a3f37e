//! The team's notes: what the pages read, and what changes it.

use serde::{Deserialize, Serialize};

mizan::server! {
    use crate::users::Account;
    use mizan::{Error, auth::GuardContext};
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
    pub done: bool,
}

/// Everybody's notes. Live: what one changes, everybody who looks at the wall sees. What a function
/// of it answers the server keeps until then.
#[mizan::context(live)]
pub struct WallContext;

/// The latest notes, the newest first.
#[mizan::client(context = WallContext)]
pub async fn latest_notes() -> mizan::Result<Vec<Note>> {
    let pool: AnyPool = mizan::state();
    let latest = "SELECT id, author, text, written, done FROM notes ORDER BY id DESC LIMIT 50";
    Ok(found(sqlx::query_as(latest).fetch_all(&pool).await?))
}

/// One member's notes: an instance for each name.
#[mizan::context(live)]
pub struct BoardContext {
    pub member: String,
}

/// The notes of a member, the newest first.
#[mizan::client(context = BoardContext)]
pub async fn board_notes(member: String) -> mizan::Result<Vec<Note>> {
    notes_of(&member).await
}

/// How many of a member's notes are done, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    pub done: i64,
    pub all: i64,
}

/// Comes with the notes, in one request: both are members of the same context.
#[mizan::client(context = BoardContext)]
pub async fn board_progress(member: String) -> mizan::Result<Progress> {
    let pool: AnyPool = mizan::state();
    let count =
        "SELECT COUNT(*), COUNT(CASE WHEN done <> 0 THEN 1 END) FROM notes WHERE author = $1";
    let (all, done) = sqlx::query_as(count).bind(member).fetch_one(&pool).await?;
    Ok(Progress { done, all })
}

/// Since when somebody has been writing. A context of its own, because it changes only once.
#[mizan::client(context = "local")]
pub async fn member_since(name: String) -> mizan::Result<Option<String>> {
    let pool: AnyPool = mizan::state();
    let first = "SELECT MIN(written) FROM notes WHERE author = $1";
    let (first,): (Option<String>,) = sqlx::query_as(first).bind(name).fetch_one(&pool).await?;
    Ok(first)
}

/// Puts a note on the wall, in the name of whoever has signed in.
///
/// The wall is stale afterwards. So is what is the author's, which only the body knows.
#[mizan::client(input = PostUrl, affects = WallContext, auth)]
pub async fn add_note(text: String) -> mizan::Result<()> {
    // `auth`: there is somebody
    let account = mizan::current_user::<Account>().await?;
    let author = account.map(|account| account.name).unwrap_or_default();
    let text = checked(&text)?;
    let pool: AnyPool = mizan::state();
    sqlx::query("INSERT INTO notes (author, text) VALUES ($1, $2)")
        .bind(&author)
        .bind(text)
        .execute(&pool)
        .await?;
    mizan::invalidate(MemberSince {
        name: author.clone(),
    });
    mizan::invalidate(BoardContext { member: author });
    Ok(())
}

/// Ticks a note off, or takes that back. `member` has the name of the board's parameter, so it
/// says which board is stale.
#[mizan::client(affects = [BoardContext, WallContext], auth = is_own_board)]
pub async fn tick_note(member: String, id: i64, done: bool) -> mizan::Result<()> {
    let pool: AnyPool = mizan::state();
    let ticked = sqlx::query("UPDATE notes SET done = $1 WHERE id = $2 AND author = $3")
        .bind(i64::from(done))
        .bind(id)
        .bind(member)
        .execute(&pool)
        .await?;
    if ticked.rows_affected() == 0 {
        return Err(Error::not_found("That note is no longer there"));
    }
    Ok(())
}

/// Writes another text on a note. The answer is the board's new list, which takes the old one's
/// place; the progress has not changed, and is not asked for.
#[mizan::client(merge = board_notes, affects = WallContext, auth = is_own_board)]
pub async fn rewrite_note(member: String, id: i64, text: String) -> mizan::Result<Vec<Note>> {
    let text = checked(&text)?;
    let pool: AnyPool = mizan::state();
    sqlx::query("UPDATE notes SET text = $1 WHERE id = $2 AND author = $3")
        .bind(text)
        .bind(id)
        .bind(&member)
        .execute(&pool)
        .await?;
    notes_of(&member).await
}

mizan::server! {
    /// What happens on a board.
    trait OnBoard {
        fn member(&self) -> &str;
    }

    impl OnBoard for TickNote {
        fn member(&self) -> &str {
            &self.member
        }
    }

    impl OnBoard for RewriteNote {
        fn member(&self) -> &str {
            &self.member
        }
    }

    /// A guard: it runs before the body, and sees who calls and what with.
    async fn is_own_board(cx: &GuardContext<Account>, call: &impl OnBoard) -> mizan::Result<()> {
        if cx.user().name == call.member() {
            return Ok(());
        }
        Err(Error::forbidden("That is somebody else's board"))
    }

    /// A row of the table.
    type Row = (i64, String, String, String, i64);

    fn found(rows: Vec<Row>) -> Vec<Note> {
        let note = |(id, author, text, written, done)| Note { id, author, text, written, done: done != 0 };
        rows.into_iter().map(note).collect()
    }

    async fn notes_of(member: &str) -> mizan::Result<Vec<Note>> {
        let pool: AnyPool = mizan::state();
        let theirs = "SELECT id, author, text, written, done FROM notes WHERE author = $1 ORDER BY id DESC LIMIT 50";
        Ok(found(sqlx::query_as(theirs).bind(member).fetch_all(&pool).await?))
    }

    fn checked(text: &str) -> mizan::Result<&str> {
        let text = text.trim();
        let letters = text.chars().count();
        let mistake = if text.is_empty() {
            "an empty note helps nobody".to_owned()
        } else if letters > LONGEST {
            format!("{letters} letters are too many: a note has up to {LONGEST}")
        } else if text.contains('\0') {
            "a NUL is no letter".to_owned()
        } else {
            return Ok(text);
        };
        Err(Error::invalid_field("text", mistake))
    }
}
