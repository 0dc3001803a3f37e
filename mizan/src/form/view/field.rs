//! A field with what stands around it, groups and rows.

use super::{html::Html, input};
use crate::form::{
    FieldSchema, Widget,
    handle::{At, ERRORS, HELP, Place},
};
use crate::text::concat;

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
            if let Some(code) = at.schema.rows {
                (code.write)(at, html);
            }
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
        Some(_) => concat(&[&*at.id(HELP), " ", &*errors]),
        None => errors,
    }
}
