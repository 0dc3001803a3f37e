//! Between a form's elements and its state. All of it runs in the browser only, as effects and
//! event handlers do.

use crate::form::state::{Fill, State};
use leptos::{
    ev,
    html::Form,
    prelude::{Effect, Get, NodeRef, Track},
    web_sys::{Element, Event},
};
use std::sync::Arc;
use wasm_bindgen::JsCast;
use web_sys::{FormData, HtmlFormElement, HtmlInputElement, HtmlOptionElement, HtmlSelectElement};

/// Takes over what the elements hold by the time the page is alive: somebody may have typed before.
/// From then on the state's changes are written to them.
pub(super) fn follow(node: NodeRef<Form>, state: Arc<State>) {
    Effect::new(move |was_there: Option<bool>| {
        let form: Option<HtmlFormElement> = node.get();
        state.written.track();
        if let Some(form) = &form {
            if was_there == Some(true) {
                write(form, &state);
            } else {
                adopt(form, &state);
            }
        }
        form.is_some()
    });
}

fn adopt(form: &HtmlFormElement, state: &Arc<State>) {
    // The form's own rules say more than the browser's, and in the same words everywhere
    let _ = form.set_attribute("novalidate", "");
    for field in fields(form) {
        note(&field, form, state);
    }
}

/// Somebody typed, or chose.
pub(super) fn on_input(event: &Event, state: &Arc<State>) {
    let field = target(event);
    let form = field.as_ref().and_then(form_of);
    if let (Some(field), Some(form)) = (field, form) {
        note(&field, &form, state);
    }
}

/// A field is left: for another one, and not for the button, which looks at all of them.
pub(super) fn on_focusout(event: &ev::FocusEvent, state: &Arc<State>) {
    let Some(name) = target(event).as_ref().and_then(name_of) else {
        return;
    };
    let next = event.related_target();
    let next = next.and_then(|next| next.dyn_into::<Element>().ok());
    let stays = next.is_some_and(|next| {
        let is_submit = next.get_attribute("type").as_deref() == Some("submit");
        is_submit || name_of(&next).as_ref() == Some(&name)
    });
    if !stays && state.field(&name).is_some() {
        state.blur(&name);
    }
}

fn target(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

fn name_of(field: &Element) -> Option<String> {
    field.get_attribute("name")
}

fn form_of(field: &Element) -> Option<HtmlFormElement> {
    field.closest("form").ok()??.dyn_into().ok()
}

/// The elements that something can be filled into, and others of the form.
fn fields(form: &HtmlFormElement) -> impl Iterator<Item = Element> + use<> {
    let fields = form.elements();
    (0..fields.length()).filter_map(move |index| fields.item(index))
}

/// Notes what the elements of a name hold.
fn note(field: &Element, form: &HtmlFormElement, state: &Arc<State>) {
    let name = name_of(field).filter(|name| state.field(name).is_some());
    let data = FormData::new_with_form(form).ok();
    if let (Some(name), Some(data)) = (name, data) {
        let texts = data.get_all(&name);
        let texts = texts.iter().filter_map(|text| text.as_string());
        state.input(&name, texts.collect());
    }
}

/// Writes what the state holds.
fn write(form: &HtmlFormElement, state: &State) {
    for field in fields(form) {
        let name = name_of(&field).filter(|name| state.field(name).is_some());
        if let Some(name) = name {
            state.entry(&name).peek(|fill| write_one(field, fill));
        }
    }
}

fn write_one(field: Element, fill: &Fill) {
    let holds = |value: String| fill.texts.contains(&value);
    // Whatever it is: these properties are all that is asked for
    let input = field.unchecked_into::<HtmlInputElement>();
    match &*input.type_() {
        "checkbox" | "radio" => input.set_checked(holds(input.value())),
        "select-multiple" => {
            let select = input.unchecked_into::<HtmlSelectElement>();
            let options = (0..select.length()).filter_map(|index| select.item(index));
            for option in options.map(JsCast::unchecked_into::<HtmlOptionElement>) {
                option.set_selected(holds(option.value()));
            }
        }
        // Where it is the same, the caret stays where it is
        _ if input.value() != fill.text() => input.set_value(fill.text()),
        _ => {}
    }
}
