//! Between a form's elements and its state. All of it runs in the browser only, as effects and
//! event handlers do.

use super::{BUTTON as SUBMIT, SUCCESS, SUMMARY, html::Html};
use crate::form::{
    Widget,
    handle::{At, ERRORS, Place},
    posted::ROW_BUTTONS,
    side,
    state::{Fill, State},
};
use crate::text::concat;
use leptos::prelude::{Effect, Track, document};
use std::sync::Arc;
use wasm_bindgen::{JsCast, closure::Closure};
use web_sys::{
    Element, Event, FocusEvent, FormData, HtmlFormElement, HtmlInputElement, HtmlOptionElement,
    HtmlSelectElement,
};

/// Boxed, so that the code of an effect exists once.
pub(super) fn effect(run: Box<dyn FnMut()>) {
    Effect::new(run);
}

/// What stands around a form is there: hears of what happens in it, and takes over what its elements
/// hold by then, because somebody may have typed before the page was alive.
pub(super) fn attach(around: Element, state: Option<Arc<State>>) {
    let Some(state) = state else { return };
    listen(&around, &state);
    let form = match around.query_selector("form") {
        Ok(Some(form)) => form,
        _ => around,
    };
    let form = form.unchecked_into::<HtmlFormElement>();
    // The form's own rules say more than the browser's, and in the same words everywhere
    let _ = form.set_attribute("novalidate", "");
    for field in fields(&form) {
        note(&field, &form, &state);
    }
}

/// The element of a form.
fn form_element(state: &State) -> Option<HtmlFormElement> {
    let form = by_id(&concat(&[state.schema.name, "-form"]))?;
    Some(form.unchecked_into())
}

/// Writes to the elements what code changes, and shows what is to know of the form as a whole.
pub(super) fn follow_form(state: &Arc<State>) {
    let (form, mut was_rendered) = (Arc::clone(state), false);
    effect(Box::new(move || {
        form.written.track();
        // At first they hold it
        if was_rendered && let Some(element) = form_element(&form) {
            write(&element, &form);
        }
        was_rendered = true;
    }));
    let form = Arc::clone(state);
    effect(Box::new(move || {
        let is_pending = form.facts.with(|facts| facts.pending);
        let Some(element) = form_element(&form) else {
            return;
        };
        let buttons = element.get_elements_by_class_name(SUBMIT);
        for index in 0..buttons.length() {
            mark(buttons.item(index), "aria-disabled", is_pending);
        }
    }));
    let (form, name) = (Arc::clone(state), state.schema.name);
    show(concat(&[name, SUMMARY]), Box::new(move || form.summary()));
    let form = Arc::clone(state);
    show(concat(&[name, SUCCESS]), Box::new(move || form.success()));
}

/// Shows all that is wrong with fields.
pub(super) fn follow_all(place: &Place) {
    for index in 0..place.fields.len() {
        follow(&place.at(index));
    }
}

/// Shows what is wrong with a field, and what rows it has.
pub(super) fn follow(at: &At) {
    let of_errors = at.clone();
    show(at.id(ERRORS), Box::new(move || of_errors.errors()));
    match at.schema.widget {
        Widget::Group => return follow_all(&at.group()),
        Widget::Rows => return at.schema.rows.iter().for_each(|code| (code.follow)(at)),
        Widget::Checkboxes => return,
        _ => {}
    }
    let at = at.clone();
    effect(Box::new(move || {
        mark(by_id(&at.id("")), "aria-invalid", at.is_wrong());
    }));
}

/// Shows texts in the element of an id, as they change. What it shows already is not shown again:
/// it would be announced anew.
pub(super) fn show(id: String, texts: Box<dyn Fn() -> Vec<String>>) {
    let mut shown = None;
    effect(Box::new(move || {
        let texts = texts();
        let is_new = shown.as_ref().is_some_and(|shown| *shown != texts);
        if is_new && let Some(element) = by_id(&id) {
            let mut html = Html::default();
            html.paragraphs(&texts);
            element.set_inner_html(&html.finish());
        }
        shown = Some(texts);
    }));
}

pub(super) fn by_id(id: &str) -> Option<Element> {
    document().get_element_by_id(id)
}

/// Sets an attribute that says that something is so.
fn mark(element: Option<Element>, name: &str, is_so: bool) {
    let Some(element) = element else { return };
    let _ = if is_so {
        element.set_attribute(name, "true")
    } else {
        element.remove_attribute(name)
    };
}

/// What is heard of a form.
const EVENTS: [&str; 5] = ["input", "focusout", "click", "submit", "reset"];

/// Hears what happens in a form, as long as its element is there.
fn listen(form: &Element, state: &Arc<State>) {
    let state = Arc::clone(state);
    // `Fn`: it is called while it runs, where a submit moves the focus
    let listener = Closure::<dyn Fn(Event)>::new(move |event: Event| {
        hear(&event, &state);
    });
    // Owned by the browser, which frees it when nothing refers to it any more
    let listener = listener.into_js_value();
    for event in EVENTS {
        let _ = form.add_event_listener_with_callback(event, listener.unchecked_ref());
    }
}

fn hear(event: &Event, state: &Arc<State>) {
    match &*event.type_() {
        "submit" => {
            event.prevent_default();
            side::send(state);
        }
        "reset" => {
            event.prevent_default();
            state.reset();
        }
        "click" => click(event, state),
        "focusout" => leave(event.unchecked_ref(), state),
        _ => {
            let field = target(event);
            let form = field.as_ref().and_then(form_of);
            if let (Some(field), Some(form)) = (field, form) {
                note(&field, &form, state);
            }
        }
    }
}

/// A field is left: for another one, and not for the button, which looks at all of them.
fn leave(event: &FocusEvent, state: &State) {
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

/// A row's button is pressed, or something else.
fn click(event: &Event, state: &Arc<State>) {
    let button = target(event).and_then(|target| target.closest("button").ok()?);
    let button = button.filter(|button| name_of(button).as_deref() == Some(ROW_BUTTONS));
    let Some(value) = button.and_then(|button| button.get_attribute("value")) else {
        return;
    };
    let mut parts = value.split(':');
    let (verb, list) = (parts.next(), parts.next());
    let field = list.and_then(|list| state.field(list));
    if let (Some(verb), Some(list), Some(code)) = (verb, list, field.and_then(|field| field.rows)) {
        event.prevent_default();
        let number = parts.next().and_then(|number| number.parse().ok());
        (code.press)(state, verb, list, number);
    }
}

fn target(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

fn name_of(field: &Element) -> Option<String> {
    field.get_attribute("name")
}

pub(super) fn form_of(field: &Element) -> Option<HtmlFormElement> {
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
pub(super) fn write(form: &HtmlFormElement, state: &State) {
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
