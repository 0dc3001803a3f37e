//! How arguments are read, as JSON and as forms, and what is said of those that can't be.

use crate::{
    Error, Result,
    error::{MOST_NAMED, shorten},
};
use percent_encoding::percent_decode;
use serde::{Deserializer, de::DeserializeOwned};
use serde_json::error::Category;
use std::collections::BTreeMap;

/// Reads the arguments out of JSON, one object.
pub(crate) fn decode_json<T: DeserializeOwned>(body: &[u8], arguments: &[&str]) -> Result<T> {
    let decoded = || -> serde_json::Result<(T, bool)> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let decoded = refusing_unknown(&mut json)?;
        json.end()?;
        Ok(decoded)
    };
    // serde lets an array stand for a struct; the wire does not
    if body.trim_ascii_start().first() == Some(&b'{')
        && let Ok((value, true)) = decoded()
    {
        return Ok(value);
    }
    Err(explain::<T>(body, arguments))
}

/// Decodes, and tells whether every argument was known.
///
/// `deny_unknown_fields` on the struct would do it too, and would break `ActionForm`: Leptos puts
/// the button that was pressed among the fields, also one that has no name.
fn refusing_unknown<'de, T, D>(deserializer: D) -> std::result::Result<(T, bool), D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let mut known = true;
    let value = serde_ignored::deserialize(deserializer, |path| known &= !is_argument(&path))?;
    Ok((value, known))
}

/// Whether a path names an argument, not something inside one: what an argument's own type does
/// with fields that it does not know is its own affair.
fn is_argument(path: &serde_ignored::Path<'_>) -> bool {
    use serde_ignored::Path;
    matches!(
        path,
        Path::Map {
            parent: Path::Root,
            ..
        }
    )
}

/// What is said of an argument that the function does not have.
const UNKNOWN: &str = "is not an argument of this function";

/// Says what is wrong with a body that did not decode; off the fast path.
fn explain<T: DeserializeOwned>(body: &[u8], arguments: &[&str]) -> Error {
    use serde_json::Value;

    let object = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Error::validation("the arguments have to be one object"),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            return Error::bad_request(format!("not valid JSON at line {line}, column {column}"));
        }
    };
    let mut fields = BTreeMap::<String, Vec<String>>::new();
    let unknown = object
        .keys()
        .filter(|key| !arguments.contains(&key.as_str()));
    for key in unknown.take(MOST_NAMED) {
        fields.insert(shorten(key), vec![UNKNOWN.to_owned()]);
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    if let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut json) {
        let path = error.path().to_string();
        let error = error.into_inner();
        let text = error.to_string();
        if let Some(name) = quoted(&text, "missing field `") {
            fields.insert(joined(&path, name), vec!["is missing".to_owned()]);
        } else if let Some(name) = quoted(&text, "duplicate field `") {
            fields.insert(joined(&path, name), vec!["is given twice".to_owned()]);
        } else if error.classify() == Category::Data && !fields.contains_key(&path) {
            let text = text.split(" at line ").next().unwrap_or_default();
            fields.insert(shorten(&path), vec![shorten(text)]);
        }
    }
    Error::invalid_fields(fields)
}

/// The name in backticks behind `prefix`, where a message of serde's begins like that.
fn quoted<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.strip_prefix(prefix)?.split('`').next()
}

/// The path of a field in the object at `path`, which is `.` for the arguments themselves.
fn joined(path: &str, name: &str) -> String {
    if path == "." {
        name.to_owned()
    } else {
        shorten(&format!("{path}.{name}"))
    }
}

/// Reads the arguments out of a form's body.
pub(crate) fn decode_form<T: DeserializeOwned>(body: &[u8], arguments: &[&str]) -> Result<T> {
    check_utf8(body)?;
    match form(body).and_then(refusing_unknown) {
        Ok((value, true)) => Ok(value),
        _ => Err(explain_form::<T>(body, arguments)),
    }
}

/// Refuses what is not UTF-8 behind its escapes: that would be read as something else.
pub(crate) fn check_utf8(form: &[u8]) -> Result<()> {
    match percent_decode(form).decode_utf8() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::bad_request("the form is not encoded in UTF-8")),
    }
}

/// Depth and leniency as in Leptos's `PostUrl`: nested structs as `address[street]`.
pub(crate) fn form(
    body: &[u8],
) -> std::result::Result<serde_qs::Deserializer<'_>, serde_qs::Error> {
    serde_qs::Deserializer::with_config(&serde_qs::Config::new(5, false), body)
}

/// Says what is wrong with a form that did not decode.
fn explain_form<T: DeserializeOwned>(body: &[u8], arguments: &[&str]) -> Error {
    let mut fields = BTreeMap::<String, Vec<String>>::new();
    let mut seen = Vec::new();
    for (name, is_list) in form_names(body) {
        let message = if !arguments.contains(&name.as_str()) {
            UNKNOWN
        } else if seen.contains(&name) && !is_list {
            "is given twice"
        } else {
            seen.push(name);
            continue;
        };
        if fields.len() < MOST_NAMED {
            fields.insert(shorten(&name), vec![message.to_owned()]);
        }
    }
    let decoded = match form(body) {
        Ok(form) => serde_path_to_error::deserialize::<_, T>(form),
        Err(error) => return Error::bad_request(shorten(&error.to_string())),
    };
    if let Err(error) = decoded {
        let path = error.path().to_string();
        let text = error.into_inner().to_string();
        match quoted(&text, "missing field `") {
            Some(name) => {
                fields.insert(joined(&path, name), vec!["is missing".to_owned()]);
            }
            None if path == "." && fields.is_empty() => return Error::validation(shorten(&text)),
            None if path == "." => {}
            None => {
                fields
                    .entry(shorten(&path))
                    .or_insert_with(|| vec![shorten(&text)]);
            }
        }
    }
    Error::invalid_fields(fields)
}

/// The names of a form's fields.
fn form_names(body: &[u8]) -> impl Iterator<Item = (String, bool)> {
    let pairs = body
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty());
    pairs.map(form_name)
}

/// The name of a form's field, up to the bracket of a nested one, and whether there is one.
pub(crate) fn form_name(pair: &[u8]) -> (String, bool) {
    let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
    let name = percent_decode(name).decode_utf8_lossy().replace('+', " ");
    match name.split_once('[') {
        Some((name, _)) => (name.to_owned(), true),
        None => (name, false),
    }
}
