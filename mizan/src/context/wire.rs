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

/// The header in which the browser says what it shows: a List of RFC 9651 of instances' keys.
pub(crate) const MOUNTED: &str = "mizan-mounted";

/// How long that header may be, in bytes; a server ignores a longer one.
pub(crate) const LONGEST_MOUNTED: usize = 4096;

/// The header that says of which build of a function the caller knows.
pub(crate) const BUILD: &str = "mizan-build";

use super::{ContextParam, Value};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Visitor};
use std::fmt;

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

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl Visitor<'_> for Any {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the value of a parameter")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value::Null)
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
                Ok(Value::Bool(flag))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Integer(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
                Ok(number.to_value())
            }

            fn visit_str<E>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Any)
    }
}
