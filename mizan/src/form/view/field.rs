use super::{input, rows};
use crate::form::{
    FieldSchema, Widget,
    handle::{AnyField, At, ERRORS, HELP, Place},
};
use leptos::prelude::*;
use std::sync::Arc;

/// A field: its label, the element that asks for it, its help, and what is wrong with it.
#[component]
pub fn FieldView(
    /// The field's handle.
    #[prop(into)]
    field: AnyField,
) -> impl IntoView {
    view(&field.at())
}

/// What is wrong with a field, announced when it changes. What [`FieldView`] has it has already.
#[component]
pub fn Messages(
    /// The field's handle.
    #[prop(into)]
    field: AnyField,
) -> impl IntoView {
    messages(&field.at())
}

/// All fields of a form, or of a group.
pub(super) fn all(place: &Place) -> AnyView {
    let fields = 0..place.fields.len();
    let fields = fields.map(|index| view(&Arc::new(place.at(index))));
    fields.collect::<Vec<_>>().into_any()
}

fn view(at: &Arc<At>) -> AnyView {
    match at.schema.widget {
        Widget::Hidden => input::control(at),
        Widget::Group => group(at, at.id(""), all(&at.group())),
        Widget::Rows => rows::view(at),
        Widget::Radio => group(at, at.id(""), input::control(at)),
        Widget::Checkboxes => group(at, at.id(""), input::control(at)),
        Widget::Checkbox => view! {
            <div class="mizan-field mizan-box">{input::control(at)} {label(at)} {notes(at)}</div>
        }
        .into_any(),
        _ => view! {
            <div class="mizan-field">{label(at)} {input::control(at)} {notes(at)}</div>
        }
        .into_any(),
    }
}

/// Several elements that belong together.
pub(super) fn group(at: &Arc<At>, id: String, content: AnyView) -> AnyView {
    let is_radio = at.schema.widget == Widget::Radio;
    let schema = at.schema;
    view! {
        <fieldset
            id=id
            class="mizan-group"
            tabindex="-1"
            role=is_radio.then_some("radiogroup")
            aria-required=(is_radio && schema.required).then_some("true")
            aria-invalid=is_radio.then(|| input::invalid(at))
            aria-describedby=described_by(at)
        >
            <legend>{schema.label} {mark(schema)}</legend>
            {content}
            {notes(at)}
        </fieldset>
    }
    .into_any()
}

fn label(at: &At) -> AnyView {
    let schema = at.schema;
    view! { <label for=at.id("")>{schema.label} {mark(schema)}</label> }.into_any()
}

/// Says to those who see it what `required` says to others.
fn mark(schema: &FieldSchema) -> Option<AnyView> {
    let is_required = schema.required && !matches!(schema.widget, Widget::Group);
    let mark = || view! { <span class="mizan-required" aria-hidden="true">"*"</span> }.into_any();
    is_required.then(mark)
}

/// The help, and what is wrong.
fn notes(at: &Arc<At>) -> AnyView {
    let help = at.schema.help.map(|help| {
        view! { <p id=at.id(HELP) class="mizan-help">{help}</p> }
    });
    view! { {help} {messages(at)} }.into_any()
}

fn messages(at: &Arc<At>) -> AnyView {
    let entry = at.entry();
    let texts = move || {
        let texts = entry.with(|fill| fill.errors().map(str::to_owned).collect());
        paragraphs(texts)
    };
    view! { <div id=at.id(ERRORS) class="mizan-errors" aria-live="polite">{texts}</div> }.into_any()
}

pub(super) fn paragraphs(texts: Vec<String>) -> AnyView {
    let texts = texts.into_iter().map(|text| view! { <p>{text}</p> });
    texts.collect::<Vec<_>>().into_any()
}

/// The ids of the help and of what is wrong.
pub(super) fn described_by(at: &At) -> String {
    let errors = at.id(ERRORS);
    match at.schema.help {
        Some(_) => [&*at.id(HELP), " ", &*errors].concat(),
        None => errors,
    }
}
