//! The components of forms.
//!
//! What is sent of a form is what its elements hold, so it can be sent without JavaScript; they are
//! written once, as HTML, and the browser keeps what is filled in. `page` tells the form's state of
//! it, and the elements of the state: what is wrong, and what code has changed. So there is one
//! piece of code for all fields, whatever their types, and it is small: as views of Leptos the same
//! elements were 70 kB in every wasm, where they are 10 so.
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

use super::{
    handle::{AnyField, AnyForm, Place},
    posted,
    state::State,
};
use crate::text::concat;
pub(in crate::form) use rows::ROWS;
pub use rows::RowsCode;

use html::Html;
use leptos::{context::Provider, html::Form, prelude::*};
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
        return whole(form);
    };
    let content = view! { <Provider value=form>{children()}</Provider> };
    view(&form.state(), content.into_any())
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

/// All of a form, with its title.
pub fn whole(form: AnyForm) -> AnyView {
    let state = form.state();
    // Elements are written once
    untrack(|| {
        let place = Place {
            fields: state.schema.fields,
            group: String::new(),
            state: Arc::clone(&state),
        };
        let mut html = Html::default();
        if let Some(title) = state.schema.title {
            html.open("h2").end().text(title).close("h2");
        }
        field::write_all(&place, &mut html);
        page::follow_all(&place);
        write_button(state.schema.submit_label, &mut html);
        view(&state, piece(html))
    })
}

fn view(state: &Arc<State>, content: AnyView) -> AnyView {
    let schema = state.schema;
    let node = NodeRef::<Form>::new();
    page::follow_form(node, state);
    view! {
        <form
            id=concat(&[schema.name, "-form"])
            class="mizan-form"
            method="post"
            action=posted::action(schema.name)
            aria-label=schema.title
            node_ref=node
        >
            {piece(above(state))}
            {content}
            {piece(below(state))}
        </form>
    }
    .into_any()
}

/// What a browser without JavaScript sends besides, and what is wrong with the form as a whole.
fn above(state: &State) -> Html {
    let mut html = Html::default();
    let name = state.schema.name;
    for (field, value) in [("mizan-form", name), ("mizan-key", &posted::key())] {
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
    html
}

/// That it was taken.
fn below(state: &State) -> Html {
    let mut html = Html::default();
    html.open("div")
        .attr("id", &concat(&[state.schema.name, SUCCESS]));
    html.attr("class", "mizan-success")
        .attr("role", "status")
        .end();
    html.paragraphs(&state.success()).close("div");
    html
}

/// What the ids of the two end in.
const SUMMARY: &str = "-form-summary";
const SUCCESS: &str = "-form-success";

/// A part of a form, as it was written.
fn piece(html: Html) -> AnyView {
    view! { <div class="mizan-piece" inner_html=html.finish()></div> }.into_any()
}
