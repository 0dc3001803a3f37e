//! The key of a context's instance: its name and its parameters, in one canonical text.
//!
//! The text is an Item of RFC 9651 (Structured Field Values) with parameters, so that the same
//! key stands in headers: `profile;user_id=5`. Parameters come in the order of their names, and
//! one without a value is left out. What is different is written differently: `1`, `"1"`, `?1`
//! and nothing are four values.

use super::Value;
use std::fmt::Write;

/// Writes the key of an instance; `parameters` come in the order of their names.
pub(crate) fn key_of<'a, 'b>(
    context: &str,
    parameters: impl IntoIterator<Item = (&'a str, &'b Value)>,
) -> String {
    let mut key = context.to_owned();
    for (name, value) in parameters {
        write_parameter(&mut key, name, value);
    }
    key
}

/// The integers that RFC 9651, section 3.3.1, allows have up to 15 digits.
const LARGEST: i128 = 999_999_999_999_999;

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
        Value::Integer(number) => {
            let _ = write!(key, "=\"{number}\"");
        }
        Value::Text(text) => {
            key.push('=');
            write_text(key, text);
        }
    }
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
                b'%' | b'"' | ..b' ' | 0x7f.. => {
                    let _ = write!(key, "%{byte:02x}");
                }
                visible => key.push(visible.into()),
            }
        }
    }
    key.push('"');
}
