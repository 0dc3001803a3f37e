//! The team's chat: what was said is in the database, what is said comes over a channel.

use mizan::channel::Position;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mizan::server! {
    use crate::users::Account;
    use mizan::{Error, channel::ChannelContext};
    use sqlx::AnyPool;

    /// How many letters a message may have.
    const LONGEST: usize = 500;
}

/// The rooms: as the address has them, and as they are called.
pub const ROOMS: [(&str, &str); 3] = [
    ("lobby", "Lobby"),
    ("kitchen", "Kitchen"),
    ("workshop", "Workshop"),
];

/// How many messages a page shows, at most.
const MOST_SHOWN: usize = 200;

/// A message, as everybody in its room gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Later messages have higher ones.
    pub id: i64,
    pub author: String,
    pub text: String,
    /// When it was written: RFC 3339, UTC.
    pub written: String,
}

/// A room: an instance for each name.
#[mizan::context]
pub struct RoomContext {
    pub room: String,
}

/// What was said in a room, and up to where in the channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    pub room: String,
    /// The last ones, the newest at the end.
    pub messages: Vec<Message>,
    /// From here on the channel has what is not among the messages.
    pub position: Position,
}

/// The latest messages of a room. What is said comes over the channel, and makes nothing stale: so
/// the server keeps no answer.
#[mizan::client(context = RoomContext, auth, cache = false)]
pub async fn latest_messages(room: String) -> mizan::Result<Conversation> {
    if !is_room(&room) {
        return Err(Error::not_found("There is no such room"));
    }
    let channel = ChatChannel { room };
    // Before the messages are read: what is said meanwhile is in the channel as well
    let position = channel.position().await?;
    let pool: AnyPool = mizan::state();
    let latest =
        "SELECT id, author, text, written FROM messages WHERE room = $1 ORDER BY id DESC LIMIT 50";
    let rows: Vec<Row> = sqlx::query_as(latest)
        .bind(&channel.room)
        .fetch_all(&pool)
        .await?;
    Ok(Conversation {
        room: channel.room,
        messages: rows.into_iter().rev().map(message_of).collect(),
        position,
    })
}

impl Conversation {
    /// The conversation with what the channel brought since, each message once and in order.
    pub fn followed_by(self, said: Vec<Message>) -> Vec<Message> {
        // Before the first that was read there may be some that nobody here knows
        let first = self.messages.first().map(|message| message.id);
        let said = said.into_iter().filter(|message| Some(message.id) >= first);
        let messages = self.messages.into_iter().chain(said);
        let by_id: BTreeMap<i64, Message> = messages.map(|message| (message.id, message)).collect();
        let surplus = by_id.len().saturating_sub(MOST_SHOWN);
        by_id.into_values().skip(surplus).collect()
    }
}

/// What is going on in a room.
#[mizan::channel]
pub struct ChatChannel {
    pub room: String,
}

/// What somebody does in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage {
    Said(String),
    /// Whether they are writing something.
    Typing(bool),
}

/// Somebody who is in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: String,
    pub is_typing: bool,
}

#[mizan::channel_handler]
impl Channel for ChatChannel {
    type ClientMessage = ClientMessage;
    type ServerMessage = Message;
    type Presence = Person;

    /// Asked of everybody who wants to join, and again when that may have changed.
    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        caller().await?;
        Ok(is_room(&self.room))
    }

    async fn on_connect(&self, cx: &ChannelContext) -> mizan::Result<()> {
        let person = Person {
            name: caller().await?,
            is_typing: false,
        };
        cx.set_presence(self, &person)
    }

    /// What this returns, everybody in the room gets.
    async fn receive(
        &self,
        cx: &ChannelContext,
        message: ClientMessage,
    ) -> mizan::Result<Option<Message>> {
        let name = caller().await?;
        let person = Person {
            name: name.clone(),
            is_typing: message == ClientMessage::Typing(true),
        };
        cx.set_presence(self, &person)?;
        let ClientMessage::Said(text) = message else {
            return Ok(None);
        };
        let text = checked(&text)?;
        // A browser that saw no acknowledgement sends a message again, with the same key: the
        // answer is the row that is there then
        let insert = "INSERT INTO messages (room, author, text, key) VALUES ($1, $2, $3, $4)
            ON CONFLICT (author, key) DO UPDATE SET key = excluded.key
            RETURNING id, author, text, written";
        let pool: AnyPool = mizan::state();
        let row: Row = sqlx::query_as(insert)
            .bind(&self.room)
            .bind(name)
            .bind(text)
            .bind(cx.key())
            .fetch_one(&pool)
            .await?;
        Ok(Some(message_of(row)))
    }
}

mizan::server! {
    fn is_room(name: &str) -> bool {
        ROOMS.iter().any(|(room, _)| *room == name)
    }

    /// The name of whoever has signed in.
    async fn caller() -> mizan::Result<String> {
        let account = mizan::current_user::<Account>().await?;
        let account = account.ok_or_else(|| Error::unauthorized("sign in first"))?;
        Ok(account.name)
    }

    /// A row of the table.
    type Row = (i64, String, String, String);

    fn message_of((id, author, text, written): Row) -> Message {
        Message { id, author, text, written }
    }

    fn checked(text: &str) -> mizan::Result<&str> {
        let text = text.trim();
        let letters = text.chars().count();
        if text.is_empty() {
            Err(Error::validation("Say something"))
        } else if letters > LONGEST {
            let why = format!("{letters} letters are too many: a message has up to {LONGEST}");
            Err(Error::validation(why))
        } else if text.contains('\0') {
            Err(Error::validation("A NUL is no letter"))
        } else {
            Ok(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(ids: impl IntoIterator<Item = i64>) -> Vec<Message> {
        let message = |id| Message {
            id,
            author: "Noor".to_owned(),
            text: format!("number {id}"),
            written: "2025-01-01T12:00:00Z".to_owned(),
        };
        ids.into_iter().map(message).collect()
    }

    fn shown(read: impl IntoIterator<Item = i64>, said: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let conversation = Conversation {
            room: "lobby".to_owned(),
            messages: messages(read),
            position: Position {
                epoch: "e".to_owned(),
                offset: 0,
            },
        };
        let shown = conversation.followed_by(messages(said));
        shown.iter().map(|message| message.id).collect()
    }

    #[test]
    fn what_was_read_and_what_was_heard_is_one_conversation() {
        assert_eq!(shown([], [1, 2]), [1, 2]);
        assert_eq!(shown([1, 2], []), [1, 2]);
        assert_eq!(shown([1, 2, 3], [2, 3, 4]), [1, 2, 3, 4], "each once");
        assert_eq!(shown([1, 2], [4, 3]), [1, 2, 3, 4], "in order");
        assert_eq!(shown([8, 9], [3, 9, 10]), [8, 9, 10], "without a hole");
    }

    #[test]
    fn a_page_does_not_grow_for_days() {
        assert_eq!(shown(1..=50, 51..=500), Vec::from_iter(301..=500));
    }
}
