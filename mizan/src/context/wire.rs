//! Bundles and instances on the wire.
//!
//! A bundle is `{"data":{"member":T},"errors"?:{"member":{"code","message"}}}`. An instance is
//! `{"context":"profile","params":{"user_id":5}}`.

/// The slot of the page's data that the first bundle is in; the others follow.
///
/// Leptos numbers its own from 0, by the order in which a page creates its resources. These are
/// far above, so that the two never meet, and below 2^32, the end of a JavaScript array.
#[cfg_attr(
    test,
    allow(dead_code, reason = "the stand-in for a browser has no slots")
)]
pub(crate) const FIRST_SLOT: usize = 1 << 30;

/// The slot of what the page was sent for a form.
#[cfg_attr(
    test,
    allow(dead_code, reason = "the stand-in for a browser has no slots")
)]
pub(crate) const POSTED_SLOT: usize = FIRST_SLOT - 1;

/// The header in which the browser says what it shows: a List of RFC 9651 of instances' keys.
pub(crate) const MOUNTED: &str = "mizan-mounted";

/// How long that header may be, in bytes; a server ignores a longer one.
pub(crate) const LONGEST_MOUNTED: usize = 4096;

/// The header that says of which build of a function the caller knows.
pub(crate) const BUILD: &str = "mizan-build";

use super::Value;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Large(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl Value {
    /// Reads a value out of JSON; `None` where it is of no kind that a parameter has.
    ///
    /// By hand: a visitor of everything that JSON can be is a kilobyte of WebAssembly.
    #[allow(dead_code, reason = "the browser's alone")]
    pub(crate) fn read(json: &RawValue) -> Option<Self> {
        match json.get() {
            "null" => Some(Self::Null),
            "true" => Some(Self::Bool(true)),
            "false" => Some(Self::Bool(false)),
            text if text.starts_with('"') => serde_json::from_str(text).ok().map(Self::Text),
            number => match number.parse() {
                Ok(number) => Some(Self::Integer(number)),
                Err(_) => number.parse().ok().map(Self::Large),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_back_as_what_it_was() {
        for value in [
            Value::Null,
            Value::Bool(true),
            Value::Bool(false),
            Value::Integer(i64::MIN),
            Value::Large(u64::MAX),
            Value::Text(String::new()),
            Value::Text("\"5\" \u{2028} null".to_owned()),
        ] {
            let json = serde_json::value::to_raw_value(&value).unwrap();
            assert_eq!(Value::read(&json), Some(value));
        }
        for other in ["1.5", "[]", "{\"a\":1}", "-9223372036854775809"] {
            let json = serde_json::from_str::<Box<RawValue>>(other).unwrap();
            assert_eq!(Value::read(&json), None, "{other}");
        }
    }
}
