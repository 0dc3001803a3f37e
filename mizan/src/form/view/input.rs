//! The element that asks for a field.

use super::{field::described_by, html::Html};
use crate::form::{Widget, handle::At};
use crate::text::concat;

pub(super) fn write(at: &At, html: &mut Html) {
    let texts = at.entry().peek(|fill| fill.texts.clone());
    match at.schema.widget {
        Widget::Textarea => {
            html.open("textarea");
            write_common(at, html);
            html.end();
            // The first line break after the tag is none
            html.text("\n")
                .text(texts.first().map_or("", String::as_str));
            html.close("textarea");
        }
        Widget::Select => write_select(at, &texts, html),
        Widget::Radio | Widget::Checkboxes => write_options(at, &texts, html),
        Widget::Hidden => {
            html.open("input")
                .attr("type", "hidden")
                .attr("name", &at.name);
            html.attr("value", texts.first().map_or("", String::as_str))
                .end();
        }
        widget => {
            html.open("input").attr("type", input_type(widget));
            match widget {
                Widget::Checkbox => {
                    html.attr("value", "on").flag("checked", !texts.is_empty());
                }
                // Nobody is to see it, wherever it came from
                Widget::Password => {}
                _ => {
                    html.attr("value", texts.first().map_or("", String::as_str));
                }
            }
            let (least, most) = at.schema.range();
            let (least, most) = (
                least.map(|at| at.to_string()),
                most.map(|at| at.to_string()),
            );
            html.maybe("min", least.as_deref())
                .maybe("max", most.as_deref());
            html.maybe("step", at.schema.decimal.then_some("any"));
            write_common(at, html);
            html.end();
        }
    }
}

/// What elements of all kinds have.
fn write_common(at: &At, html: &mut Html) {
    let schema = at.schema;
    html.attr("id", &at.id("")).attr("name", &at.name);
    html.flag("required", schema.required);
    html.maybe("autocomplete", schema.autocomplete);
    if schema.choices.is_empty() {
        let (shortest, longest) = schema.length();
        let shortest = shortest.map(|number| number.to_string());
        let longest = longest.map(|number| number.to_string());
        html.maybe("placeholder", schema.placeholder);
        html.maybe("minlength", shortest.as_deref())
            .maybe("maxlength", longest.as_deref());
    }
    html.maybe("aria-invalid", at.is_wrong().then_some("true"));
    html.attr("aria-describedby", &described_by(at));
}

fn write_select(at: &At, texts: &[String], html: &mut Html) {
    let schema = at.schema;
    html.open("select");
    write_common(at, html);
    html.flag("multiple", schema.multiple).end();
    if !schema.multiple {
        // Otherwise the first one would be chosen where nobody has
        html.open("option").attr("value", "").end();
        html.text(schema.placeholder.unwrap_or("–")).close("option");
    }
    for choice in schema.choices {
        let is_chosen = texts.iter().any(|text| text == choice.value);
        html.open("option")
            .attr("value", choice.value)
            .flag("selected", is_chosen);
        html.end().text(choice.label).close("option");
    }
    html.close("select");
}

/// One element for each choice.
fn write_options(at: &At, texts: &[String], html: &mut Html) {
    let is_radio = at.schema.widget == Widget::Radio;
    for (index, choice) in at.schema.choices.iter().enumerate() {
        let id = at.id(&concat(&["-", &index.to_string()]));
        let is_chosen = texts.iter().any(|text| text == choice.value);
        html.open("div").attr("class", "mizan-box").end();
        html.open("input")
            .attr("type", if is_radio { "radio" } else { "checkbox" });
        html.attr("id", &id)
            .attr("name", &at.name)
            .attr("value", choice.value);
        html.flag("checked", is_chosen);
        html.flag("required", is_radio && at.schema.required).end();
        html.open("label")
            .attr("for", &id)
            .end()
            .text(choice.label)
            .close("label");
        html.close("div");
    }
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
