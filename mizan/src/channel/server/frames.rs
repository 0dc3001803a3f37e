//! What sockets are told of a group, as frames.

use super::presence::Meta;
use crate::channel::{Position, layer::Message};
use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use std::sync::Arc;

/// Something as frames: encoded once for each name that sockets have for the channel, which is one
/// where they show the same page.
pub(super) struct Frames<F> {
    encode: F,
    first: Option<(u64, Utf8Bytes)>,
    further: Vec<(u64, Utf8Bytes)>,
}

impl<F: Fn(u64) -> Utf8Bytes> Frames<F> {
    pub(super) fn new(encode: F) -> Self {
        Self {
            encode,
            first: None,
            further: Vec::new(),
        }
    }

    pub(super) fn of(&mut self, id: u64) -> Utf8Bytes {
        /// How many are looked through.
        const MOST: usize = 32;
        let mut encoded = self.first.iter().chain(&self.further);
        if let Some((_, frame)) = encoded.find(|(known, _)| *known == id) {
            return frame.clone();
        }
        let frame = (self.encode)(id);
        if self.first.is_none() {
            self.first = Some((id, frame.clone()));
        } else if self.further.len() < MOST {
            self.further.push((id, frame.clone()));
        }
        frame
    }
}

/// A message. `epoch` is that of the history which it begins.
pub(super) fn message(id: u64, message: &Message, epoch: Option<&str>) -> Utf8Bytes {
    let mut text = Vec::with_capacity(message.text.len() + 128);
    text.extend_from_slice(br#"{"op":"message","id":"#);
    write_number(&mut text, id);
    text.extend_from_slice(br#","offset":"#);
    write_number(&mut text, message.offset);
    if let Some(epoch) = epoch {
        text.extend_from_slice(br#","epoch":"#);
        // A text can be written
        let _ = serde_json::to_writer(&mut text, epoch);
    }
    text.extend_from_slice(br#","message":"#);
    text.extend_from_slice(&message.text);
    text.push(b'}');
    // It was written as JSON
    String::from_utf8(text).unwrap_or_default().into()
}

/// Writes a number, which `write!` takes five times as long for.
fn write_number(text: &mut Vec<u8>, number: u64) {
    // One can be written
    let _ = serde_json::to_writer(text, &number);
}

pub(super) fn joined(id: u64, position: &Position, recovered: bool) -> Utf8Bytes {
    #[derive(Serialize)]
    struct Joined<'a> {
        op: &'static str,
        id: u64,
        #[serde(flatten)]
        position: &'a Position,
        recovered: bool,
    }
    let joined = Joined {
        op: "joined",
        id,
        position,
        recovered,
    };
    serde_json::to_string(&joined).unwrap_or_default().into()
}

/// Everybody who is there.
pub(super) fn present(id: u64, members: &[(Arc<str>, Meta)]) -> Utf8Bytes {
    let members = members.iter();
    let members: Vec<_> = members
        .map(|(member, meta)| (Arc::clone(member), Some(Arc::clone(meta))))
        .collect();
    presence(id, &members)
}

/// Who has come, or says something else of themselves, and who has left.
pub(super) fn presence(id: u64, changes: &[(Arc<str>, Option<Meta>)]) -> Utf8Bytes {
    #[derive(Serialize)]
    struct Presence<'a> {
        op: &'static str,
        id: u64,
        joined: Vec<Present<'a>>,
        left: Vec<&'a str>,
    }
    #[derive(Serialize)]
    struct Present<'a> {
        key: &'a str,
        meta: &'a Meta,
    }
    let joined = changes.iter().filter_map(|(key, meta)| {
        let meta = meta.as_ref()?;
        Some(Present { key, meta })
    });
    let left = changes.iter().filter(|(_, meta)| meta.is_none());
    let presence = Presence {
        op: "presence",
        id,
        joined: joined.collect(),
        left: left.map(|(key, _)| &**key).collect(),
    };
    serde_json::to_string(&presence).unwrap_or_default().into()
}
