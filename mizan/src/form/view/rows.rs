//! Any number of groups. Its code is in the wasm where a form has some: what refers to it is the
//! shape of a list's type.

use super::{
    field,
    html::Html,
    page::{self, by_id, effect, form_of, show, write},
};
use crate::{
    form::{
        FieldSchema,
        handle::{At, ERRORS},
        posted::ROW_BUTTONS,
        state::{State, numbers, row},
    },
    text::concat,
};
use leptos::{prelude::document, reactive::owner::Owner};
use std::sync::Arc;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

/// What shows rows.
#[derive(Debug)]
pub struct RowsCode {
    /// Which rows there are.
    pub(in crate::form) numbers: Numbers,
    pub(super) write: fn(&At, &mut Html),
    pub(super) follow: fn(&At),
    pub(super) press: fn(&Arc<State>, &str, &str, Option<u32>),
}

/// Of a field with rows, by its flat name, out of what is filled in.
type Numbers = fn(&FieldSchema, &str, &[(String, String)]) -> Vec<u32>;

pub(in crate::form) static ROWS: RowsCode = RowsCode {
    numbers,
    write: write_list,
    follow,
    press,
};

fn write_list(at: &At, html: &mut Html) {
    html.open("div").attr("id", &at.id(LIST)).end();
    write_rows(at, html);
    html.close("div");
}

/// What the id of what has the rows ends in.
const LIST: &str = "-rows";

/// The rows, and a button for one more. Buttons say what they are for as a server understands it
/// that is sent the form as it is.
fn write_rows(at: &At, html: &mut Html) {
    let rows = at.rows();
    let (least, most) = at.schema.length();
    for (index, number) in rows.iter().enumerate() {
        let name = row(&at.name, *number);
        let of_row = At {
            name: name.clone(),
            ..at.clone()
        };
        let title = concat(&[at.schema.label, " ", &(index + 1).to_string()]);
        html.open("fieldset").attr("class", "mizan-row").end();
        html.open("legend").end().text(&title).close("legend");
        field::write_all(&at.group_of(&name), html);
        field::write_errors(&of_row, html);
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
    let mut value = concat(&[verb, ":", list]);
    if let Some(number) = number {
        value.push(':');
        value.push_str(&number.to_string());
    }
    html.open("button")
        .attr("type", "submit")
        .attr("class", "mizan-row-button");
    html.attr("id", &at.id(&concat(&["-", verb])));
    html.attr("name", ROW_BUTTONS)
        .attr("value", &value)
        .flag("formnovalidate", true);
    html.attr("aria-label", &concat(&[text, ": ", what]));
    html.maybe("aria-disabled", is_off.then_some("true"));
    html.end().text(text).close("button");
}

/// Writes the rows anew when one comes or goes, or all change.
fn follow(at: &At) {
    let (at, outer) = (at.clone(), Owner::current());
    let mut shown = at.rows();
    // What is followed in rows ends with them
    let mut inner = follow_each(&at, outer.as_ref());
    effect(Box::new(move || {
        let rows = at.rows();
        if rows == shown {
            return;
        }
        shown = rows;
        let Some(element) = by_id(&at.id(LIST)) else {
            return;
        };
        let active = document().active_element();
        let active = active.filter(|active| element.contains(Some(active)));
        let mut html = Html::default();
        write_rows(&at, &mut html);
        element.set_inner_html(&html.finish());
        // Where the button is gone, the focus is not
        if let Some(active) = active {
            focus(by_id(&active.id()).or_else(|| by_id(&at.id(""))));
        }
        // Passwords are in no HTML
        if let Some(form) = form_of(&element) {
            write(&form, &at.state);
        }
        drop(inner.take());
        inner = follow_each(&at, outer.as_ref());
    }));
}

fn follow_each(at: &At, outer: Option<&Owner>) -> Option<Owner> {
    let inner = outer?.child();
    inner.with(|| {
        for number in at.rows() {
            let name = row(&at.name, number);
            page::follow_all(&at.group_of(&name));
            let of_row = At { name, ..at.clone() };
            show(of_row.id(ERRORS), Box::new(move || of_row.errors()));
        }
    });
    Some(inner)
}

/// A button is pressed.
fn press(state: &Arc<State>, verb: &str, list: &str, number: Option<u32>) {
    match (verb, number) {
        ("add", _) => state.add_row(list),
        ("remove", Some(number)) => state.remove_row(list, number),
        (_, Some(number)) => {
            // The focus goes along
            if let Some(number) = state.move_row(list, number, verb == "up") {
                let row = row(list, number).replace('.', "-");
                focus(by_id(&concat(&[state.schema.name, "-", &row, "-", verb])));
            }
        }
        _ => {}
    }
}

fn focus(element: Option<Element>) {
    let element = element.map(JsCast::unchecked_into::<HtmlElement>);
    let _ = element.map(|element| element.focus());
}
