//! A field with what stands around it, groups and rows.

use super::{html::Html, input};
use crate::form::{
    FieldSchema, Widget,
    handle::{At, ERRORS, HELP, Place},
    state::row,
};

/// All fields of a form, of a group or of a row.
pub(super) fn write_all(place: &Place, html: &mut Html) {
    for index in 0..place.fields.len() {
        write(&place.at(index), html);
    }
}

pub(super) fn write(at: &At, html: &mut Html) {
    match at.schema.widget {
        Widget::Hidden => input::write(at, html),
        Widget::Group => write_group(at, html, |html| write_all(&at.group(), html)),
        Widget::Rows => write_group(at, html, |html| {
            html.open("div").attr("id", &at.id(ROWS)).end();
            write_rows(at, html);
            html.close("div");
        }),
        Widget::Radio | Widget::Checkboxes => write_group(at, html, |html| input::write(at, html)),
        widget => {
            let is_box = widget == Widget::Checkbox;
            let class = if is_box {
                "mizan-field mizan-box"
            } else {
                "mizan-field"
            };
            html.open("div").attr("class", class).end();
            if is_box {
                input::write(at, html);
                write_label(at, html);
            } else {
                write_label(at, html);
                input::write(at, html);
            }
            write_notes(at, html);
            html.close("div");
        }
    }
}

fn write_label(at: &At, html: &mut Html) {
    html.open("label").attr("for", &at.id("")).end();
    write_name(at.schema, html);
    html.close("label");
}

/// The label's text, with what says to those who see it that it is required.
fn write_name(schema: &FieldSchema, html: &mut Html) {
    html.text(schema.label);
    if schema.required && schema.widget != Widget::Group {
        html.open("span").attr("class", "mizan-required");
        html.attr("aria-hidden", "true")
            .end()
            .text("*")
            .close("span");
    }
}

/// Several elements that belong together.
fn write_group(at: &At, html: &mut Html, content: impl Fn(&mut Html)) {
    let (schema, is_radio) = (at.schema, at.schema.widget == Widget::Radio);
    html.open("fieldset")
        .attr("id", &at.id(""))
        .attr("class", "mizan-group");
    html.attr("tabindex", "-1")
        .attr("aria-describedby", &described_by(at));
    if is_radio {
        html.attr("role", "radiogroup");
        html.maybe("aria-required", schema.required.then_some("true"));
        html.maybe("aria-invalid", at.is_wrong().then_some("true"));
    }
    html.end().open("legend").end();
    write_name(schema, html);
    html.close("legend");
    content(html);
    write_notes(at, html);
    html.close("fieldset");
}

/// The help, and what is wrong.
fn write_notes(at: &At, html: &mut Html) {
    if let Some(help) = at.schema.help {
        html.open("p")
            .attr("id", &at.id(HELP))
            .attr("class", "mizan-help");
        html.end().text(help).close("p");
    }
    write_errors(at, html);
}

pub(super) fn write_errors(at: &At, html: &mut Html) {
    html.open("div")
        .attr("id", &at.id(ERRORS))
        .attr("class", "mizan-errors");
    html.attr("aria-live", "polite").end();
    html.paragraphs(&at.errors()).close("div");
}

/// The ids of the help and of what is wrong.
pub(super) fn described_by(at: &At) -> String {
    let errors = at.id(ERRORS);
    match at.schema.help {
        Some(_) => [&*at.id(HELP), " ", &*errors].concat(),
        None => errors,
    }
}

/// What the id of what has the rows ends in.
pub(super) const ROWS: &str = "-rows";

/// The rows, and a button for one more. Buttons say what they are for as a server understands it
/// that is sent the form as it is.
pub(super) fn write_rows(at: &At, html: &mut Html) {
    let rows = at.rows();
    let (least, most) = at.schema.length();
    for (index, number) in rows.iter().enumerate() {
        let name = row(&at.name, *number);
        let of_row = At {
            name: name.clone(),
            ..at.clone()
        };
        let title = [at.schema.label, " ", &(index + 1).to_string()].concat();
        html.open("fieldset").attr("class", "mizan-row").end();
        html.open("legend").end().text(&title).close("legend");
        write_all(&at.group_of(&name), html);
        write_errors(&of_row, html);
        html.open("div").attr("class", "mizan-row-buttons").end();
        let is_needed = rows.len() <= least.unwrap_or(0);
        for (verb, text, is_off) in [
            ("up", "Up", index == 0),
            ("down", "Down", index + 1 == rows.len()),
            ("remove", "Remove", is_needed),
        ] {
            write_button(&of_row, (verb, text), &title, Some(*number), is_off, html);
        }
        html.close("div").close("fieldset");
    }
    let is_full = most.is_some_and(|most| rows.len() >= most);
    write_button(at, ("add", "Add"), at.schema.label, None, is_full, html);
}

fn write_button(
    at: &At,
    (verb, text): (&str, &str),
    what: &str,
    number: Option<u32>,
    is_off: bool,
    html: &mut Html,
) {
    let list = number.map_or(&*at.name, |_| {
        at.name.rsplit_once('.').map_or("", |(list, _)| list)
    });
    let mut value = [verb, ":", list].concat();
    if let Some(number) = number {
        value.push(':');
        value.push_str(&number.to_string());
    }
    html.open("button")
        .attr("type", "submit")
        .attr("class", "mizan-row-button");
    html.attr("id", &at.id(&["-", verb].concat()));
    html.attr("name", BUTTON)
        .attr("value", &value)
        .flag("formnovalidate", true);
    html.attr("aria-label", &[text, ": ", what].concat());
    html.maybe("aria-disabled", is_off.then_some("true"));
    html.end().text(text).close("button");
}

/// What the buttons of rows are named.
pub(super) const BUTTON: &str = "mizan-rows";
