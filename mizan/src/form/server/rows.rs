//! Rows without JavaScript: a button beside them sends the form, to have one more, one less, or
//! another order, and nothing of it is taken.
//!
//! A row is there where there is a value of it, so one that is added gets an empty one for each of
//! its fields that a page always sends.

use super::super::{FieldSchema, ROW_BUTTONS, Schema, Widget};
use crate::{Error, Result};
use std::collections::BTreeSet;

type Pair = (String, String);

/// Changes the rows as a button says: `add:items`, `remove:items:2`, `up:items:2`, `down:items:2`.
///
/// # Errors
///
/// VALIDATION_ERROR where there is no such list, or that is no change.
pub(crate) fn change_rows(schema: &Schema, change: &str, pairs: &mut Vec<Pair>) -> Result<()> {
    let no_change = || Error::invalid_field(ROW_BUTTONS, "is no change of the form's rows");
    let mut parts = change.split(':');
    let (verb, list) = (parts.next(), parts.next().unwrap_or_default());
    let (number, rest) = (parts.next(), parts.next());
    let number = number.map(|number| number.parse::<u32>().map_err(|_| no_change()));
    let field = list_of(schema.fields, list).ok_or_else(no_change)?;
    let rows = numbers(pairs, list);
    match (verb, number.transpose()?, rest) {
        (Some("add"), None, None) => add(field, list, &rows, pairs),
        (Some("remove"), Some(number), None) => {
            let row = row(list, number);
            pairs.retain(|(name, _)| !name.starts_with(&row));
        }
        (Some("up"), Some(number), None) => {
            swap(list, number, rows.range(..number).next_back(), pairs);
        }
        (Some("down"), Some(number), None) => {
            swap(
                list,
                number,
                rows.range(number..).find(|other| **other > number),
                pairs,
            );
        }
        _ => return Err(no_change()),
    }
    Ok(())
}

/// What the names in a row begin with.
fn row(list: &str, number: u32) -> String {
    format!("{list}.{number}.")
}

/// The numbers of the rows that there are.
fn numbers(pairs: &[Pair], list: &str) -> BTreeSet<u32> {
    let names = pairs.iter().map(|(name, _)| name);
    let rows = names.filter_map(|name| {
        let in_list = name.strip_prefix(list)?.strip_prefix('.')?;
        in_list.split('.').next()?.parse().ok()
    });
    rows.collect()
}

/// Adds a row behind the others, unless there are as many as may be.
fn add(field: &FieldSchema, list: &str, rows: &BTreeSet<u32>, pairs: &mut Vec<Pair>) {
    let is_full = field.most().is_some_and(|most| rows.len() >= most);
    let next = rows.last().map_or(Some(0), |last| last.checked_add(1));
    if let Some(number) = next.filter(|_| !is_full) {
        empty(field.fields, &row(list, number), pairs);
    }
}

/// Adds what a page sends of a group that nothing is filled in of.
fn empty(fields: &[FieldSchema], group: &str, pairs: &mut Vec<Pair>) {
    for field in fields {
        let name = format!("{group}{}", field.name);
        match field.widget {
            Widget::Checkbox | Widget::Checkboxes | Widget::Radio | Widget::Rows => {}
            Widget::Group => empty(field.fields, &format!("{name}."), pairs),
            _ => pairs.push((name, String::new())),
        }
    }
}

/// Has what is in a row change places with what is in another one, where there is one.
fn swap(list: &str, number: u32, other: Option<&u32>, pairs: &mut [Pair]) {
    let Some(other) = other else { return };
    let (one, other) = (row(list, number), row(list, *other));
    for (name, _) in pairs {
        if let Some(rest) = name.strip_prefix(&one) {
            *name = format!("{other}{rest}");
        } else if let Some(rest) = name.strip_prefix(&other) {
            *name = format!("{one}{rest}");
        }
    }
}

/// The list of rows of a flat name.
fn list_of(fields: &'static [FieldSchema], name: &str) -> Option<&'static FieldSchema> {
    let (name, inner) = match name.split_once('.') {
        Some((name, inner)) => (name, Some(inner)),
        None => (name, None),
    };
    let found = fields.iter().find(|field| field.name == name)?;
    match (found.widget, inner) {
        (Widget::Rows, None) => Some(found),
        (Widget::Group, Some(inner)) => list_of(found.fields, inner),
        (Widget::Rows, Some(inner)) => {
            let (number, inner) = inner.split_once('.')?;
            number.parse::<u32>().ok()?;
            list_of(found.fields, inner)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Form;

    #[mizan::form]
    struct PartForm {
        name: String,
    }

    #[mizan::form]
    struct ItemForm {
        text: String,
        done: bool,
        parts: Vec<PartForm>,
    }

    #[mizan::form]
    struct ListForm {
        title: String,
        #[field(length(max = 3))]
        items: Vec<ItemForm>,
    }

    fn changed(change: &str, pairs: &[(&str, &str)]) -> Result<String> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let mut pairs: Vec<_> = pairs.iter().map(owned).collect();
        change_rows(ListForm::SCHEMA, change, &mut pairs)?;
        pairs.sort();
        let texts = pairs.iter().map(|(name, text)| format!("{name}={text}"));
        Ok(texts.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn rows_come_go_and_change_places() {
        let pairs = [
            ("items.1.text", "a"),
            ("items.4.text", "b"),
            ("items.4.done", "on"),
            ("items.4.parts.0.name", "x"),
            ("title", "t"),
        ];
        for (change, expected) in [
            (
                "add:items",
                "items.1.text=a items.4.done=on items.4.parts.0.name=x items.4.text=b items.5.text= title=t",
            ),
            (
                "add:items.4.parts",
                "items.1.text=a items.4.done=on items.4.parts.0.name=x items.4.parts.1.name= items.4.text=b title=t",
            ),
            ("remove:items:4", "items.1.text=a title=t"),
            (
                "up:items:4",
                "items.1.done=on items.1.parts.0.name=x items.1.text=b items.4.text=a title=t",
            ),
            (
                "down:items:1",
                "items.1.done=on items.1.parts.0.name=x items.1.text=b items.4.text=a title=t",
            ),
        ] {
            assert_eq!(changed(change, &pairs).unwrap(), expected, "{change}");
        }
        let same = changed("up:items:1", &pairs).unwrap();
        assert_eq!(changed("down:items:4", &pairs).unwrap(), same);
        assert_eq!(changed("remove:items:9", &pairs).unwrap(), same);
        assert_eq!(changed("add:items", &[]).unwrap(), "items.0.text=");
        let last = format!("items.{}.text", u32::MAX);
        assert_eq!(
            changed("add:items", &[(&last, "x")]).unwrap(),
            format!("{last}=x")
        );
        assert_eq!(
            changed(&format!("down:items:{}", u32::MAX), &[(&last, "x")]).unwrap(),
            format!("{last}=x")
        );
        let full = [
            ("items.0.text", ""),
            ("items.1.text", ""),
            ("items.2.text", ""),
        ];
        assert_eq!(changed("add:items", &full).unwrap().split(' ').count(), 3);
    }

    #[test]
    fn what_is_no_change_is_refused() {
        for change in [
            "",
            "add",
            "add:",
            "add:title",
            "add:other",
            "add:items:1",
            "add:items.x.parts",
            "add:items.0",
            "remove:items",
            "remove:items:x",
            "remove:items:-1",
            "up:items",
            "up:items:1:2",
            "turn:items:1",
            "add:items.0.text",
        ] {
            let error = changed(change, &[("items.0.text", "a")]).unwrap_err();
            assert!(error.fields().contains_key("mizan-rows"), "{change}");
        }
    }
}
