//! Rows of a form, with buttons for one more, one less, and their order. The buttons have names for
//! a server that is sent the form as it is.

use super::field;
use crate::form::{
    handle::{At, Place},
    side,
    state::row,
};
use leptos::{ev, prelude::*};
use std::sync::Arc;

/// What a server sees of a button.
const NAME: &str = "mizan-rows";

/// Any number of groups.
pub(super) fn view(at: &Arc<At>) -> AnyView {
    let entry = at.entry();
    let numbers = move || entry.with(|fill| fill.rows.clone());
    let each = Arc::clone(at);
    let rows = move |number: u32| one(&each, number);
    let (adding, entry) = (Arc::clone(at), at.entry());
    let (label, most) = (at.schema.label, at.schema.most().unwrap_or(usize::MAX));
    let add = Button {
        text: "Add",
        label: Box::new(move || ["Add: ", label].concat()),
        value: ["add:", &at.name].concat(),
        is_off: Box::new(move || entry.with(|fill| fill.rows.len() >= most)),
        press: Box::new(move || adding.state.add_row(&adding.name)),
    };
    let content = view! {
        <For each=numbers key=|number| *number children=rows/>
        {add.view()}
    };
    field::group(at, at.id(""), content.into_any())
}

/// A row, with its buttons.
fn one(at: &Arc<At>, number: u32) -> AnyView {
    let name = row(&at.name, number);
    let place = Place {
        state: Arc::clone(&at.state),
        fields: at.schema.fields,
        group: name.clone(),
    };
    let (at_row, of_row) = (Arc::clone(at), at.state.entry(&name));
    let title = move || titled(&at_row, number);
    let texts =
        move || field::paragraphs(of_row.with(|fill| fill.errors().map(str::to_owned).collect()));
    view! {
        <fieldset class="mizan-row">
            <legend>{title}</legend>
            {field::all(&place)}
            <div class="mizan-errors" aria-live="polite">{texts}</div>
            <div class="mizan-row-buttons">
                {moving(at, number, true)}
                {moving(at, number, false)}
                {removing(at, number)}
            </div>
        </fieldset>
    }
    .into_any()
}

/// What the row is called: the list and its place in it.
fn titled(at: &At, number: u32) -> String {
    let index = at
        .entry()
        .with(|fill| fill.rows.iter().position(|known| *known == number));
    let place = index.map_or(0, |index| index + 1);
    [at.schema.label, " ", &place.to_string()].concat()
}

fn moving(at: &Arc<At>, number: u32, up: bool) -> AnyView {
    let (text, verb) = if up { ("Up", "up:") } else { ("Down", "down:") };
    let (row, entry) = (Arc::clone(at), at.entry());
    let is_off = move || {
        entry.with(|fill| {
            let rows = &fill.rows;
            let last = if up { rows.first() } else { rows.last() };
            last == Some(&number)
        })
    };
    let press = move || row.state.move_row(&row.name, number, up);
    of_row(at, number, text, verb, Box::new(is_off), Box::new(press))
}

fn removing(at: &Arc<At>, number: u32) -> AnyView {
    let (row, entry) = (Arc::clone(at), at.entry());
    let least = at.schema.length().0.unwrap_or(0);
    let is_off = move || entry.with(|fill| fill.rows.len() <= least);
    let press = move || {
        row.state.remove_row(&row.name, number);
        // The button is gone, and the focus with it
        side::focus_on(&row.state, &row.name);
    };
    of_row(
        at,
        number,
        "Remove",
        "remove:",
        Box::new(is_off),
        Box::new(press),
    )
}

/// A button of a row.
fn of_row(
    at: &Arc<At>,
    number: u32,
    text: &'static str,
    verb: &str,
    is_off: Box<dyn Fn() -> bool + Send + Sync>,
    press: Box<dyn Fn()>,
) -> AnyView {
    let value = [verb, &at.name, ":", &number.to_string()].concat();
    let at = Arc::clone(at);
    let label = move || [text, ": ", &titled(&at, number)].concat();
    let button = Button {
        text,
        label: Box::new(label),
        value,
        is_off,
        press,
    };
    button.view()
}

/// Its closures are boxed, so that there is one piece of code for all.
struct Button {
    text: &'static str,
    /// What it is called where the text alone does not say what it is for.
    label: Box<dyn Fn() -> String + Send + Sync>,
    value: String,
    is_off: Box<dyn Fn() -> bool + Send + Sync>,
    press: Box<dyn Fn()>,
}

impl Button {
    fn view(self) -> AnyView {
        let Self {
            text,
            label,
            value,
            is_off,
            press,
        } = self;
        view! {
            <button
                type="submit"
                class="mizan-row-button"
                name=NAME
                value=value
                formnovalidate
                aria-label=move || label()
                aria-disabled=move || is_off().then_some("true")
                on:click=move |event: ev::MouseEvent| {
                    event.prevent_default();
                    press();
                }
            >
                {text}
            </button>
        }
        .into_any()
    }
}
