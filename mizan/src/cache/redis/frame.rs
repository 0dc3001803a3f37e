//! How an answer is written: `mizan1` and two zeros, the clock's time from before it was read, a
//! hash of what follows, each in eight bytes, the highest first; then the length of a head in four
//! bytes, the head in JSON, and the answer.

use super::super::{facts::Facts, remote::Kept};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

const MARK: &[u8; 8] = b"mizan1\0\0";

#[derive(Serialize, Deserialize)]
struct Head {
    facts: Facts,
    /// For how many milliseconds it was of use when it was kept.
    lasts: u64,
}

pub(super) fn write(kept: &Kept) -> Bytes {
    let head = Head {
        facts: kept.facts.clone(),
        lasts: u64::try_from(kept.lasts.as_millis()).unwrap_or(u64::MAX),
    };
    // A head can be written
    let head = serde_json::to_vec(&head).unwrap_or_default();
    let length = u32::try_from(head.len()).unwrap_or_default();
    let rest = [&length.to_be_bytes()[..], &head, &kept.text].concat();
    let read_at = kept.read_at.to_be_bytes();
    [MARK, &read_at[..], &xxh3_64(&rest).to_be_bytes(), &rest]
        .concat()
        .into()
}

/// Reads it, where it is one and whole.
pub(super) fn read(bytes: &Bytes, left: Duration) -> Option<Kept> {
    let (mark, rest) = bytes.split_first_chunk::<8>()?;
    let (read_at, rest) = rest.split_first_chunk::<8>()?;
    let (hash, rest) = rest.split_first_chunk::<8>()?;
    if mark != MARK || xxh3_64(rest) != u64::from_be_bytes(*hash) {
        return None;
    }
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (head, text) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let lasts = Duration::from_millis(head.lasts);
    Some(Kept {
        text: bytes.slice_ref(text),
        facts: head.facts,
        read_at: u64::from_be_bytes(*read_at),
        age: lasts.saturating_sub(left),
        lasts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_none() {
        let kept = Kept {
            text: Bytes::from_static(b"\"an answer\""),
            facts: Facts::default(),
            read_at: 7,
            age: Duration::ZERO,
            lasts: Duration::from_secs(60),
        };
        let written = write(&kept);
        let left = Duration::from_secs(50);
        let read_back = read(&written, left).expect("it is whole");
        assert_eq!(read_back.text, kept.text);
        assert_eq!(read_back.read_at, 7);
        assert_eq!(read_back.age, Duration::from_secs(10));
        for end in 0..written.len() {
            assert!(read(&written.slice(..end), left).is_none(), "{end}");
        }
        for index in 0..written.len() {
            let mut bytes = written.to_vec();
            bytes[index] ^= 1;
            // The clock's time is the script's to judge
            let is_time = (8..16).contains(&index);
            assert_eq!(read(&bytes.into(), left).is_some(), is_time, "{index}");
        }
    }
}
