//! Frames: JSON in text.

use crate::{Error, Result, channel::Position, error::ErrorEnvelope, json::Entries};
use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A frame from the browser.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) op: Cow<'a, str>,
    pub(super) id: Option<u64>,
    #[serde(borrow, rename = "fn")]
    pub(super) function: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) args: Option<&'a RawValue>,
    /// What a call over HTTP says in `Mizan-Build` and `Mizan-Mounted`.
    #[serde(borrow)]
    pub(super) build: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) mounted: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) channel: Option<Cow<'a, str>>,
    pub(super) params: Option<Entries>,
    pub(super) since: Option<Position>,
    #[serde(default)]
    pub(super) presence: bool,
    pub(super) contexts: Option<Vec<String>>,
    /// Of which versions their data is, in the same order.
    #[serde(default)]
    pub(super) versions: Vec<Option<Position>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) message: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) key: Option<Cow<'a, str>>,
    /// Whether the message may have arrived before.
    #[serde(default)]
    pub(super) again: bool,
}

/// What is there, also where it is `null`: that is a message too.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<&'a RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// A frame under way to the browser, `{"op":"..","id":1`, without its end.
pub(super) fn begin(op: &str, id: Option<u64>) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(format!(r#"{{"op":"{op}""#).as_bytes());
    if let Some(id) = id {
        text.extend_from_slice(format!(r#","id":{id}"#).as_bytes());
    }
    text
}

/// Ends a frame.
pub(super) fn end(mut text: Vec<u8>) -> Utf8Bytes {
    text.push(b'}');
    // It was written as JSON, from strings
    String::from_utf8(text).unwrap_or_default().into()
}

/// `{"op":"error","id"?,"key"?,"error":{..}}`
pub(super) fn error(id: Option<u64>, key: Option<&str>, error: &Error) -> Utf8Bytes {
    let mut text = begin("error", id);
    write_key(&mut text, key);
    // An error of ours can be written
    let _ = write_error(&mut text, error);
    end(text)
}

/// What is answered to a frame that could not be dealt with, and under which `id`.
pub(super) fn refusal(asked: &str, error: &Error) -> (Option<u64>, Utf8Bytes) {
    let Ok(asked) = serde_json::from_str::<Frame<'_>>(asked) else {
        return (None, self::error(None, None, error));
    };
    let answer = match (&*asked.op, asked.id) {
        ("call", Some(_)) => {
            let mut text = begin("result", asked.id);
            // An error of ours can be written
            let _ = write_error(&mut text, error);
            end(text)
        }
        _ => self::error(asked.id, asked.key.as_deref(), error),
    };
    (asked.id, answer)
}

/// `{"op":"sent","id":1,"key":".."}`
pub(super) fn sent(id: u64, key: &str) -> Utf8Bytes {
    let mut text = begin("sent", Some(id));
    write_key(&mut text, Some(key));
    end(text)
}

/// `{"op":"left","id":1,"error"?:{..}}`
pub(super) fn left(id: u64, error: Option<&Error>) -> Utf8Bytes {
    let mut text = begin("left", Some(id));
    if let Some(error) = error {
        let _ = write_error(&mut text, error);
    }
    end(text)
}

/// `{"op":"mounted","contexts":[..]}`
pub(super) fn mounted<'a>(keys: impl Iterator<Item = &'a str>) -> Utf8Bytes {
    let mut text = begin("mounted", None);
    text.extend_from_slice(br#","contexts":"#);
    // Texts can be written
    let _ = serde_json::to_writer(&mut text, &keys.collect::<Vec<_>>());
    end(text)
}

fn write_key(text: &mut Vec<u8>, key: Option<&str>) {
    if let Some(key) = key {
        text.extend_from_slice(br#","key":"#);
        // A text can be written
        let _ = serde_json::to_writer(text, key);
    }
}

/// Writes `,"error":{..}`.
pub(super) fn write_error(text: &mut Vec<u8>, error: &Error) -> Result<()> {
    let written = serde_json::to_vec(&ErrorEnvelope { error })?;
    text.push(b',');
    text.extend_from_slice(&written[1..written.len() - 1]);
    Ok(())
}
