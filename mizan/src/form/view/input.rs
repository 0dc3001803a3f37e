use super::field::described_by;
use crate::form::{
    Choice, FieldSchema, Widget,
    handle::{AnyField, At},
};
use leptos::prelude::*;
use std::sync::Arc;

/// The element that asks for a field, or the elements, without a label: give it one, by
/// `for=form.email.id()`.
#[component]
pub fn Input(
    /// The field's handle.
    #[prop(into)]
    field: AnyField,
) -> impl IntoView {
    control(&field.at())
}

/// What an element is rendered with.
pub(super) fn control(at: &Arc<At>) -> AnyView {
    let texts = at.entry().peek(|fill| fill.texts.clone());
    match at.schema.widget {
        Widget::Textarea => textarea(at, texts),
        Widget::Select => select(at, &texts),
        Widget::Radio | Widget::Checkboxes => options(at, &texts),
        Widget::Hidden => {
            let value = texts.into_iter().next();
            let name = at.name.clone();
            view! { <input type="hidden" name=name value=value/> }.into_any()
        }
        widget => input(at, widget, texts),
    }
}

/// Whether something is shown as wrong.
pub(super) fn invalid(at: &Arc<At>) -> impl Fn() -> Option<&'static str> + Send + Sync + 'static {
    let entry = at.entry();
    move || {
        let is_wrong = entry.with(|fill| fill.errors().next().is_some());
        is_wrong.then_some("true")
    }
}

fn input(at: &Arc<At>, widget: Widget, texts: Vec<String>) -> AnyView {
    let (schema, limits) = (at.schema, Limits::of(at.schema));
    let is_box = widget == Widget::Checkbox;
    let value = match widget {
        Widget::Checkbox => Some("on".to_owned()),
        // Nobody is to see it, wherever it came from
        Widget::Password => None,
        _ => texts.first().cloned(),
    };
    view! {
        <input
            id=at.id("")
            type=input_type(widget)
            name=at.name.clone()
            value=value
            checked=is_box && !texts.is_empty()
            required=schema.required
            placeholder=schema.placeholder
            autocomplete=schema.autocomplete
            minlength=limits.shortest
            maxlength=limits.longest
            min=limits.least
            max=limits.most
            step=schema.decimal.then_some("any")
            aria-invalid=invalid(at)
            aria-describedby=described_by(at)
        />
    }
    .into_any()
}

fn textarea(at: &Arc<At>, texts: Vec<String>) -> AnyView {
    let (schema, limits) = (at.schema, Limits::of(at.schema));
    let text = texts.into_iter().next().unwrap_or_default();
    view! {
        <textarea
            id=at.id("")
            name=at.name.clone()
            required=schema.required
            placeholder=schema.placeholder
            autocomplete=schema.autocomplete
            minlength=limits.shortest
            maxlength=limits.longest
            aria-invalid=invalid(at)
            aria-describedby=described_by(at)
            // A text of its own would have a space in it where it is empty
            inner_html=escape(&text)
        ></textarea>
    }
    .into_any()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn select(at: &Arc<At>, texts: &[String]) -> AnyView {
    let schema = at.schema;
    let options = schema.choices.iter().map(|choice| {
        let is_chosen = texts.iter().any(|text| text == choice.value);
        view! { <option value=choice.value selected=is_chosen>{choice.label}</option> }
    });
    let options = options.collect::<Vec<_>>();
    // Otherwise the first one would be chosen where nobody has
    let nothing = (!schema.multiple).then(|| {
        view! { <option value="">{schema.placeholder.unwrap_or("–")}</option> }
    });
    view! {
        <select
            id=at.id("")
            name=at.name.clone()
            multiple=schema.multiple
            required=schema.required
            autocomplete=schema.autocomplete
            aria-invalid=invalid(at)
            aria-describedby=described_by(at)
        >
            {nothing}
            {options}
        </select>
    }
    .into_any()
}

/// One element for each choice.
fn options(at: &Arc<At>, texts: &[String]) -> AnyView {
    let choices = at.schema.choices.iter().enumerate();
    let options = choices.map(|(index, choice)| option(at, index, choice, texts));
    options.collect::<Vec<_>>().into_any()
}

fn option(at: &At, index: usize, choice: &Choice, texts: &[String]) -> AnyView {
    let id = at.id(&["-", &index.to_string()].concat());
    let is_radio = at.schema.widget == Widget::Radio;
    view! {
        <div class="mizan-box">
            <input
                id=id.clone()
                type=if is_radio { "radio" } else { "checkbox" }
                name=at.name.clone()
                value=choice.value
                checked=texts.iter().any(|text| text == choice.value)
                required=is_radio && at.schema.required
            />
            <label for=id>{choice.label}</label>
        </div>
    }
    .into_any()
}

fn input_type(widget: Widget) -> &'static str {
    match widget {
        Widget::Password => "password",
        Widget::Email => "email",
        Widget::Url => "url",
        Widget::Tel => "tel",
        Widget::Search => "search",
        Widget::Number => "number",
        Widget::Range => "range",
        Widget::Date => "date",
        Widget::Time => "time",
        Widget::Datetime => "datetime-local",
        Widget::Checkbox => "checkbox",
        _ => "text",
    }
}

/// Rules that a browser without JavaScript looks at too.
#[derive(Default)]
struct Limits {
    shortest: Option<String>,
    longest: Option<String>,
    least: Option<String>,
    most: Option<String>,
}

impl Limits {
    fn of(schema: &FieldSchema) -> Self {
        // A number that is asked for with a text has no length
        let ((shortest, longest), (least, most)) = (schema.length(), schema.range());
        Self {
            shortest: shortest.map(|number| number.to_string()),
            longest: longest.map(|number| number.to_string()),
            least: least.map(|number| number.to_string()),
            most: most.map(|number| number.to_string()),
        }
    }
}
