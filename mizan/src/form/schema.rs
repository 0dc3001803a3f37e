//! What a form consists of: known when it is compiled, and told to whoever asks.

use super::{Bound, Check, Field, Pairs, RowsCode, Rule};
use serde::Serialize;

/// What a form is asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Widget {
    /// One line of text.
    Text,
    /// Several lines.
    Textarea,
    /// A text that nobody is to see, and that is never sent back.
    Password,
    /// An e-mail address.
    Email,
    /// An address of the web.
    Url,
    /// A telephone number.
    Tel,
    /// What one looks for.
    Search,
    /// A number.
    Number,
    /// A number whose exact value matters little.
    Range,
    /// A day.
    Date,
    /// A time of the day.
    Time,
    /// A day with a time.
    Datetime,
    /// A box to tick.
    Checkbox,
    /// One of several choices, in a list that opens; several of them where the field is a `Vec`.
    Select,
    /// One of several choices, all of them visible.
    Radio,
    /// Any number of choices, all of them visible.
    Checkboxes,
    /// What nobody sees and anybody may change.
    Hidden,
    /// Fields of a form inside of the form.
    Group,
    /// Any number of such groups.
    Rows,
}

impl Widget {
    /// Whether a field of a type that is asked for with this widget can be with another.
    const fn can_be(self, other: Self) -> bool {
        use Widget::{
            Checkbox, Checkboxes, Date, Datetime, Email, Group, Hidden, Number, Password, Radio,
            Range, Rows, Search, Select, Tel, Text, Textarea, Time, Url,
        };
        match self {
            Text | Textarea | Password | Email | Url | Tel | Search | Hidden => matches!(
                other,
                Text | Textarea | Password | Email | Url | Tel | Search | Hidden
            ),
            Number | Range => matches!(other, Number | Range | Text | Hidden),
            Select | Radio => matches!(other, Select | Radio | Hidden),
            Checkboxes => matches!(other, Checkboxes | Select),
            Checkbox => matches!(other, Checkbox | Hidden),
            Date => matches!(other, Date | Hidden),
            Time => matches!(other, Time | Hidden),
            Datetime => matches!(other, Datetime | Hidden),
            Group => matches!(other, Group),
            Rows => matches!(other, Rows),
        }
    }
}

/// One of the choices that a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What is sent.
    pub value: &'static str,
    /// What is read.
    pub label: &'static str,
}

/// What a field's type says of it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// What it is asked for with, unless the form says otherwise.
    pub widget: Widget,
    /// Whether it has to be given, unless the form says otherwise.
    pub required: bool,
    /// Whether a number may have a fraction.
    pub decimal: bool,
    /// The choices that there are.
    pub choices: &'static [Choice],
    /// The fields of a group.
    pub fields: &'static [FieldSchema],
    /// Writes what a group begins with.
    pub initial: Option<fn(&mut Pairs)>,
    /// What shows rows.
    pub rows: Option<&'static RowsCode>,
}

impl Shape {
    /// A value that has to be given.
    pub const fn new(widget: Widget) -> Self {
        Self {
            widget,
            required: true,
            decimal: false,
            choices: &[],
            fields: &[],
            initial: None,
            rows: None,
        }
    }

    /// A value that may be missing.
    #[must_use]
    pub const fn optional(self) -> Self {
        Self {
            required: false,
            ..self
        }
    }

    /// A number that may have a fraction.
    #[must_use]
    pub const fn decimal(self) -> Self {
        Self {
            decimal: true,
            ..self
        }
    }
}

/// A form, as `<form>.schema` tells of it.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct Schema {
    /// The name on the wire.
    pub name: &'static str,
    /// What stands above it.
    pub title: Option<&'static str>,
    /// What stands on its button.
    pub submit_label: &'static str,
    /// Whether the server's rules are asked while one types.
    pub live_validation: bool,
    /// What is said once it was taken.
    #[serde(skip)]
    pub success: Option<&'static str>,
    /// Whether what was filled in stays when it was taken.
    #[serde(skip)]
    pub keep_values: bool,
    /// Its fields, in order.
    pub fields: &'static [FieldSchema],
}

impl Schema {
    /// Describes a form of these fields.
    pub const fn new(name: &'static str, fields: &'static [FieldSchema]) -> Self {
        Self {
            name,
            title: None,
            submit_label: "Submit",
            live_validation: false,
            success: None,
            keep_values: false,
            fields,
        }
    }

    /// Whether a field is a form itself, or a list of some.
    pub(crate) const fn has_groups(&self) -> bool {
        let mut index = 0;
        while index < self.fields.len() {
            if !self.fields[index].fields.is_empty() {
                return true;
            }
            index += 1;
        }
        false
    }

    /// Sets what stands above it.
    #[must_use]
    pub const fn title(mut self, title: &'static str) -> Self {
        self.title = Some(title);
        self
    }

    /// Sets what stands on its button.
    #[must_use]
    pub const fn submit_label(mut self, label: &'static str) -> Self {
        self.submit_label = label;
        self
    }

    /// Has the server's rules asked while one types.
    #[must_use]
    pub const fn live_validation(mut self) -> Self {
        self.live_validation = true;
        self
    }

    /// Sets what is said once it was taken.
    #[must_use]
    pub const fn success(mut self, text: &'static str) -> Self {
        self.success = Some(text);
        self
    }

    /// Leaves what was filled in where it is when it was taken.
    #[must_use]
    pub const fn keep_values(mut self) -> Self {
        self.keep_values = true;
        self
    }
}

/// A field of a form.
#[derive(Clone, Copy, Debug, Serialize)]
#[non_exhaustive]
pub struct FieldSchema {
    /// The name, in its group.
    pub name: &'static str,
    /// What stands beside it.
    pub label: &'static str,
    /// What else there is to say of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<&'static str>,
    /// What stands in it while it is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<&'static str>,
    /// What a browser may fill in, in the words of HTML's `autocomplete`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autocomplete: Option<&'static str>,
    /// What it is asked for with.
    pub widget: Widget,
    /// Whether it has to be given.
    pub required: bool,
    /// Whether several choices can be made.
    #[serde(skip_serializing_if = "is_not")]
    pub multiple: bool,
    /// Whether a number may have a fraction.
    #[serde(skip_serializing_if = "is_not")]
    pub decimal: bool,
    /// What is said where it is not; the words for that by default.
    #[serde(skip)]
    pub(crate) required_message: Option<&'static str>,
    /// What else holds for it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub rules: &'static [Rule],
    /// The choices that there are.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub choices: &'static [Choice],
    /// The fields of a group.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub fields: &'static [FieldSchema],
    /// Writes what a group begins with.
    #[serde(skip)]
    pub(crate) initial: Option<fn(&mut Pairs)>,
    /// What shows rows.
    #[serde(skip)]
    pub(crate) rows: Option<&'static RowsCode>,
}

impl FieldSchema {
    /// Describes a field of the type `T`.
    pub const fn new<T: Field>(name: &'static str, label: &'static str) -> Self {
        let Shape {
            widget,
            required,
            decimal,
            choices,
            fields,
            initial,
            rows,
        } = T::SHAPE;
        Self {
            name,
            label,
            help: None,
            placeholder: None,
            autocomplete: None,
            widget,
            required,
            multiple: matches!(widget, Widget::Checkboxes),
            decimal,
            required_message: None,
            rules: &[],
            choices,
            fields,
            initial,
            rows,
        }
    }

    /// Sets what else there is to say of it.
    #[must_use]
    pub const fn help(mut self, help: &'static str) -> Self {
        self.help = Some(help);
        self
    }

    /// Sets what stands in it while it is empty.
    #[must_use]
    pub const fn placeholder(mut self, placeholder: &'static str) -> Self {
        self.placeholder = Some(placeholder);
        self
    }

    /// Sets what a browser may fill in.
    #[must_use]
    pub const fn autocomplete(mut self, autocomplete: &'static str) -> Self {
        self.autocomplete = Some(autocomplete);
        self
    }

    /// Sets what it is asked for with.
    ///
    /// # Panics
    ///
    /// Where that is not for the field's type.
    #[must_use]
    pub const fn widget(mut self, widget: Widget) -> Self {
        assert!(
            self.widget.can_be(widget),
            "the field's type can't be asked for with this widget"
        );
        self.widget = widget;
        self
    }

    /// Sets what it is asked for with, as a rule suggests it.
    #[doc(hidden)]
    #[must_use]
    pub const fn widget_of_rule(mut self, widget: Widget) -> Self {
        if self.widget.can_be(widget) {
            self.widget = widget;
        }
        self
    }

    /// Sets whether it has to be given.
    #[must_use]
    pub const fn required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// Sets what is said where it is not given.
    #[must_use]
    pub const fn required_message(mut self, message: &'static str) -> Self {
        self.required_message = Some(message);
        self
    }

    /// How many entries a list may have, where there is a rule that says so.
    pub(crate) fn most(&self) -> Option<usize> {
        self.length().1
    }

    /// Between which two a length is, where there is a rule that says so.
    pub(crate) fn length(&self) -> (Option<usize>, Option<usize>) {
        let mut checks = self.rules.iter().map(Rule::check);
        let length = checks.find_map(|check| match check {
            Check::Length { min, max } => Some((min, max)),
            _ => None,
        });
        length.unwrap_or_default()
    }

    /// Between which two a number is, where there is a rule that says so.
    pub(crate) fn range(&self) -> (Option<Bound>, Option<Bound>) {
        let mut checks = self.rules.iter().map(Rule::check);
        let range = checks.find_map(|check| match check {
            Check::Range { min, max } => Some((min, max)),
            _ => None,
        });
        range.unwrap_or_default()
    }

    /// Sets what else holds for it.
    #[must_use]
    pub const fn rules(mut self, rules: &'static [Rule]) -> Self {
        self.rules = rules;
        self
    }
}

fn is_not(flag: &bool) -> bool {
    !flag
}
