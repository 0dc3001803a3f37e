//! The components of forms.
//!
//! What is sent of a form is what its elements hold, so it can be sent without JavaScript; they are
//! written once, as HTML, and the browser keeps what is filled in. `page` tells the form's state of
//! it, and the elements of the state: what is wrong, and what code has changed. So there is one
//! piece of code for all fields, whatever their types, and it is small: the first form of a page is
//! 20 kB of WebAssembly, where it was 74 with the same elements as views of Leptos.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `html` | writes it: what is put in is always escaped |
//! | `field` | a field with its label, its help and what is wrong with it; groups |
//! | `input` | the element that asks for it |
//! | `rows` | any number of groups |
//! | `page` | between the elements and the state |

mod field;
mod html;
mod input;
mod page;
mod rows;
#[cfg(all(test, feature = "ssr"))]
mod tests;

pub(in crate::form) use rows::ROWS;
pub use rows::RowsCode;

use super::{
    Submit,
    handle::{AnyField, AnyForm, Place},
    posted,
    state::State,
};
use crate::text::concat;
use html::Html;
use leptos::{context::Provider, prelude::*};
use page::attach;
use std::sync::Arc;

/// A form, with what is in it: all of its fields and a button, unless there are children.
///
/// It is sent without JavaScript too. What is wrong with the form as a whole, and that it was taken
/// where it has `success`, is shown and announced.
#[component]
pub fn FormView(
    /// The form's handle.
    #[prop(into)]
    form: AnyForm,
    /// What is in it: [`FieldView`], [`SubmitButton`] and anything else.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let Some(children) = children else {
        return whole_of(form.state());
    };
    let content = view! { <Provider value=form>{children()}</Provider> };
    view(form.state(), content.into_any())
}

/// A field: its label, the element that asks for it, its help, and what is wrong with it.
#[component]
pub fn FieldView(
    /// The field's handle.
    #[prop(into)]
    field: AnyField,
) -> impl IntoView {
    let at = field.at();
    let mut html = Html::default();
    field::write(&at, &mut html);
    page::follow(&at);
    piece(html)
}

/// The element that asks for a field, or the elements, without a label: give it one, by
/// `for=form.email.id()`.
#[component]
pub fn Input(
    /// The field's handle.
    #[prop(into)]
    field: AnyField,
) -> impl IntoView {
    let at = field.at();
    let mut html = Html::default();
    input::write(&at, &mut html);
    page::follow(&at);
    piece(html)
}

/// What is wrong with a field, announced when it changes. What [`FieldView`] has it has already.
#[component]
pub fn Messages(
    /// The field's handle.
    #[prop(into)]
    field: AnyField,
) -> impl IntoView {
    let at = field.at();
    let mut html = Html::default();
    field::write_errors(&at, &mut html);
    page::follow(&at);
    piece(html)
}

/// The button of the [`FormView`] that it stands in. While the form is on its way it is
/// `aria-disabled`, and does nothing: one that is `disabled` would lose the focus.
#[component]
pub fn SubmitButton(
    /// What stands on it: the form's `submit_label`, unless it is given.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let Some(children) = children else {
        let form = use_context::<AnyForm>().map(|form| form.state());
        let mut html = Html::default();
        write_button(
            form.map_or("Submit", |form| form.schema.submit_label),
            &mut html,
        );
        return piece(html);
    };
    view! { <button type="submit" class=BUTTON>{children()}</button> }.into_any()
}

/// The class of a form's own button.
const BUTTON: &str = "mizan-submit";

fn write_button(label: &str, html: &mut Html) {
    html.open("button")
        .attr("type", "submit")
        .attr("class", BUTTON);
    html.end().text(label).close("button");
}

/// All of the form `F`, with its title.
pub fn whole<F: Submit>() -> AnyView {
    whole_of(State::new::<F>())
}

fn whole_of(state: Arc<State>) -> AnyView {
    // Elements are written once
    untrack(move || {
        let schema = state.schema;
        let place = Place {
            fields: schema.fields,
            group: String::new(),
            state: Arc::clone(&state),
        };
        let mut html = Html::default();
        html.open("form")
            .attr("id", &concat(&[schema.name, FORM]))
            .attr("class", CLASS);
        html.attr("method", "post")
            .attr("action", &posted::action(schema.name));
        html.maybe("aria-label", schema.title).end();
        write_above(&state, &mut html);
        if let Some(title) = schema.title {
            html.open("h2").end().text(title).close("h2");
        }
        field::write_all(&place, &mut html);
        write_button(schema.submit_label, &mut html);
        write_below(&state, &mut html);
        html.close("form");
        page::follow_form(&state);
        page::follow_all(&place);
        around(html, Some(state))
    })
}

/// A form with what an application puts into it.
fn view(state: Arc<State>, content: AnyView) -> AnyView {
    let schema = state.schema;
    let (mut above, mut below) = (Html::default(), Html::default());
    write_above(&state, &mut above);
    write_below(&state, &mut below);
    page::follow_form(&state);
    view! {
        <form
            id=concat(&[schema.name, FORM])
            class=CLASS
            method="post"
            action=posted::action(schema.name)
            aria-label=schema.title
            use:attach=Some(state)
        >
            {piece(above)}
            {content}
            {piece(below)}
        </form>
    }
    .into_any()
}

/// What the id of a form ends in, and its class.
const FORM: &str = "-form";
const CLASS: &str = "mizan-form";

/// What a browser without JavaScript sends besides, and what is wrong with the form as a whole.
fn write_above(state: &State, html: &mut Html) {
    let name = state.schema.name;
    for (field, value) in [(posted::FORM, name), (posted::KEY, &posted::key())] {
        html.open("input")
            .attr("type", "hidden")
            .attr("name", field);
        html.attr("value", value).end();
    }
    // The first button is the one that the Enter key presses: none of a row's
    html.open("button")
        .attr("type", "submit")
        .flag("hidden", true)
        .end()
        .close("button");
    html.open("div")
        .attr("id", &concat(&[name, SUMMARY]))
        .attr("class", "mizan-summary");
    html.attr("role", "alert").end();
    html.paragraphs(&state.summary()).close("div");
}

/// That it was taken.
fn write_below(state: &State, html: &mut Html) {
    html.open("div")
        .attr("id", &concat(&[state.schema.name, SUCCESS]));
    html.attr("class", "mizan-success")
        .attr("role", "status")
        .end();
    html.paragraphs(&state.success()).close("div");
}

/// What the ids of the two end in.
const SUMMARY: &str = "-form-summary";
const SUCCESS: &str = "-form-success";

/// A part of a form, as it was written.
fn piece(html: Html) -> AnyView {
    around(html, None)
}

/// A part of a form, or all of it with what it holds. One type for both: each would be kilobytes.
fn around(html: Html, state: Option<Arc<State>>) -> AnyView {
    view! { <div class="mizan-piece" inner_html=html.finish() use:attach=state></div> }.into_any()
}
