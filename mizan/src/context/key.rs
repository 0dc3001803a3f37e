//! The key of a context's instance: its name and its parameters, in one canonical text.
//!
//! The text is an Item of RFC 9651 (Structured Field Values) with parameters, so that the same
//! key stands in headers: `profile;user_id=5`. Parameters come in the order of their names, and
//! one without a value is left out. What is different is written differently: `1`, `"1"`, `?1`
//! and nothing are four values.

use super::Value;
use std::fmt::{Display, Write};

/// Writes the key of an instance; `parameters` come in the order of their names.
pub(crate) fn key_of<'a, 'b>(
    context: &str,
    parameters: impl IntoIterator<Item = (&'a str, &'b Value)>,
) -> String {
    // Most have room in it
    let mut key = String::with_capacity(64);
    key.push_str(context);
    for (name, value) in parameters {
        write_parameter(&mut key, name, value);
    }
    key
}

/// The integers that RFC 9651, section 3.3.1, allows have up to 15 digits.
const LARGEST: i64 = 999_999_999_999_999;

fn write_parameter(key: &mut String, name: &str, value: &Value) {
    let start = key.len();
    key.push(';');
    key.push_str(name);
    match value {
        Value::Null => key.truncate(start),
        // Section 4.1.1.2: a parameter that is true has no value
        Value::Bool(true) => {}
        Value::Bool(false) => key.push_str("=?0"),
        Value::Integer(number) if (-LARGEST..=LARGEST).contains(number) => {
            // Writing to a text never fails
            let _ = write!(key, "={number}");
        }
        Value::Integer(number) => write_large(key, number),
        Value::Large(number) => write_large(key, number),
        Value::Text(text) => {
            key.push('=');
            write_text(key, text);
        }
    }
}

fn write_large(key: &mut String, number: &dyn Display) {
    let _ = write!(key, "=\"{number}\"");
}

/// A String where every letter is visible ASCII or a space, else a Display String (sections 4.1.6
/// and 4.1.11).
fn write_text(key: &mut String, text: &str) {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        key.push('"');
        for letter in text.chars() {
            if matches!(letter, '"' | '\\') {
                key.push('\\');
            }
            key.push(letter);
        }
    } else {
        key.push_str("%\"");
        for byte in text.bytes() {
            match byte {
                b'%' | b'"' | ..b' ' | 0x7f.. => push_escaped(key, byte, LOWER_CASE),
                visible => key.push(visible.into()),
            }
        }
    }
    key.push('"');
}

/// The digits of a Display String (RFC 9651, section 4.1.11).
const LOWER_CASE: &[u8; 16] = b"0123456789abcdef";

/// Writes a byte as `%` and two digits. Formatting it would be half a kilobyte in every page.
fn push_escaped(text: &mut String, byte: u8, digits: &[u8; 16]) {
    let digit = |value: u8| char::from(digits[usize::from(value & 15)]);
    text.extend(['%', digit(byte >> 4), digit(byte)]);
}

/// The digits of a URL (RFC 3986, section 2.1).
const UPPER_CASE: &[u8; 16] = b"0123456789ABCDEF";

/// Encodes all but what RFC 3986, section 2.3, calls unreserved.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(byte.into());
        } else {
            push_escaped(&mut encoded, byte, UPPER_CASE);
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::ContextParam;
    use proptest::prelude::*;
    use sfv::{BareItem, Item, Parser};

    /// Parameters of every kind, in the order of their names.
    type Kinds = (bool, Option<i64>, u64, Option<String>, String);

    fn values(kinds: &Kinds) -> Vec<(&'static str, Value)> {
        vec![
            ("flag", kinds.0.to_value()),
            ("id", kinds.1.to_value()),
            ("large", kinds.2.to_value()),
            ("maybe", kinds.3.to_value()),
            ("text", kinds.4.to_value()),
        ]
    }

    fn key(kinds: &Kinds) -> String {
        let values = values(kinds);
        key_of("kinds", values.iter().map(|(name, value)| (*name, value)))
    }

    /// Reads a key as any parser of RFC 9651 does.
    fn read(key: &str) -> Option<Kinds> {
        let item: Item = Parser::new(key).parse().ok()?;
        let take = |name: &str| match item.params.get(name) {
            None => Value::Null,
            Some(BareItem::Boolean(flag)) => Value::Bool(*flag),
            Some(BareItem::Integer(number)) => Value::Integer(i64::from(*number)),
            Some(BareItem::String(text)) => Value::Text(text.as_str().to_owned()),
            Some(BareItem::DisplayString(text)) => Value::Text(text.clone()),
            Some(other) => unreachable!("{other:?}"),
        };
        Some((
            bool::from_value(take("flag"))?,
            Option::from_value(take("id"))?,
            u64::from_value(take("large"))?,
            Option::from_value(take("maybe"))?,
            String::from_value(take("text"))?,
        ))
    }

    /// Values of every size, and texts that look like something else.
    fn kinds() -> impl Strategy<Value = Kinds> {
        let text = || {
            prop_oneof![
                any::<String>(),
                "[-0-9;=?\"%\\\\ ,a]{0,6}",
                Just("null".to_owned())
            ]
        };
        let id = prop_oneof![any::<i64>(), -9_i64..10, -LARGEST - 2..=LARGEST + 2];
        let large = prop_oneof![any::<u64>(), 0_u64..10, Just(u64::MAX)];
        (
            any::<bool>(),
            proptest::option::of(id),
            large,
            proptest::option::of(text()),
            text(),
        )
    }

    proptest! {
        #[test]
        fn a_key_is_read_back_as_what_it_was(kinds in kinds()) {
            prop_assert_eq!(read(&key(&kinds)), Some(kinds));
        }

        #[test]
        fn different_values_have_different_keys(one in kinds(), other in kinds(), which in 0..6_u8) {
            // Differing in one parameter, or in all
            let mut near = one.clone();
            match which {
                0 => near.0 = other.0,
                1 => near.1 = other.1,
                2 => near.2 = other.2,
                3 => near.3 = other.3,
                4 => near.4 = other.4,
                _ => near = other,
            }
            prop_assert_eq!(key(&one) == key(&near), one == near);
        }

        #[test]
        fn a_text_is_never_taken_for_another_type(number in -LARGEST..=LARGEST, flag: bool) {
            let key = |value: Value| key_of("x", [("a", &value)]);
            prop_assert_ne!(key(Value::Text(flag.to_string())), key(Value::Bool(flag)));
            // Larger ones are written as texts, and told apart by the parameter's type
            prop_assert_ne!(key(number.to_value()), key(Value::Text(number.to_string())));
        }
    }

    #[test]
    fn keys_are_items_of_rfc_9651() {
        let text = |text: &str| Value::Text(text.to_owned());
        for (value, expected) in [
            (Value::Null, "x"),
            (Value::Bool(true), "x;a"),
            (Value::Bool(false), "x;a=?0"),
            (Value::Integer(-5), "x;a=-5"),
            (Value::Integer(999_999_999_999_999), "x;a=999999999999999"),
            (
                Value::Integer(1_000_000_000_000_000),
                "x;a=\"1000000000000000\"",
            ),
            (text(""), "x;a=\"\""),
            (text("null"), "x;a=\"null\""),
            (text("a\"b\\c;d=1, e"), "x;a=\"a\\\"b\\\\c;d=1, e\""),
            (text("%20"), "x;a=\"%20\""),
            (text("f\u{fc}r \"%\""), "x;a=%\"f%c3%bcr %22%25%22\""),
            (text("\r\nx: y"), "x;a=%\"%0d%0ax: y\""),
        ] {
            assert_eq!(key_of("x", [("a", &value)]), expected);
        }
    }
}
