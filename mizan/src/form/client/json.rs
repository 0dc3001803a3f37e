//! What is filled in, as JSON.

use crate::form::{
    Values,
    values::{Node, Raw},
};

/// Writes the fields as one object. Rows are an object too, by their numbers, so that what the
/// server says of them is said of the same ones.
pub(super) fn write(values: &Values) -> String {
    let mut json = String::new();
    write_group(values, &mut json);
    json
}

fn write_group(values: &Values, json: &mut String) {
    json.push('{');
    for (index, (name, node)) in values.nodes().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_text(name, json);
        json.push(':');
        match node {
            Node::Group(group) => write_group(group, json),
            Node::Values(raws) | Node::List(raws) => write_values(raws, json),
        }
    }
    json.push('}');
}

fn write_values(raws: &[Raw], json: &mut String) {
    if let [raw] = raws {
        return write_value(raw, json);
    }
    json.push('[');
    for (index, raw) in raws.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        write_value(raw, json);
    }
    json.push(']');
}

fn write_value(raw: &Raw, json: &mut String) {
    match raw {
        Raw::Text(text) => write_text(text, json),
        Raw::Number(number) => json.push_str(number),
        Raw::Bool(flag) => json.push_str(if *flag { "true" } else { "false" }),
        Raw::Null => json.push_str("null"),
    }
}

fn write_text(text: &str, json: &mut String) {
    // A text is always written
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
}
