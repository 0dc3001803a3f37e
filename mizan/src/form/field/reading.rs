//! A field that is being read: not generic, so that its code exists once in the wasm.

use crate::form::{
    FieldSchema, Problem, Report, Values, Widget,
    values::{Node, Raw},
};
use std::{borrow::Cow, str::FromStr};

/// A field that is being read: what was sent for it, and where to say what is wrong with that.
pub struct Reading<'a> {
    node: Option<&'a Node>,
    field: &'a FieldSchema,
    report: &'a mut Report,
}

impl<'a> Reading<'a> {
    pub(super) fn new(values: &'a Values, field: &'a FieldSchema, report: &'a mut Report) -> Self {
        Self {
            node: values.get(field.name),
            field,
            report,
        }
    }

    pub(super) fn node(&self) -> Option<&'a Node> {
        self.node
    }

    pub(super) fn is_required(&self) -> bool {
        self.field.required
    }

    /// Whether nothing was sent, or what a form sends of a field that was left empty.
    pub(super) fn is_blank(&self) -> bool {
        self.node.is_none_or(is_blank)
    }

    /// Says what is wrong.
    pub(super) fn problem(&mut self, problem: &Problem<'_>) {
        self.report.problem(self.field.name, problem);
    }

    /// Says that it has to be given.
    pub(super) fn required(&mut self) {
        match self.field.required_message {
            Some(message) => self.report.field(self.field.name, message),
            None => self.problem(&Problem::Required),
        }
    }

    /// Says that it is of another type.
    pub(super) fn mistyped(&mut self, expected: &str) {
        self.problem(&Problem::Type { expected });
    }

    /// The one value that was sent; a null where there was nothing.
    pub(super) fn one(&mut self, expected: &str) -> Option<&'a Raw> {
        match self.node {
            None => Some(&Raw::Null),
            Some(Node::Values(values)) => match &**values {
                [raw] => Some(raw),
                _ => {
                    self.problem(&Problem::Repeated);
                    None
                }
            },
            Some(Node::List(_) | Node::Group(_)) => {
                self.mistyped(expected);
                None
            }
        }
    }

    /// The text that was sent. Around it there is no white space, and its lines end as they do on
    /// Unix: HTML's own have CRLF.
    pub(super) fn text(&mut self) -> Option<Cow<'a, str>> {
        const EXPECTED: &str = "a text";
        let text = match self.one(EXPECTED)? {
            Raw::Null => "",
            // No database that knows of C takes it
            Raw::Text(text) if !text.contains('\0') => text,
            _ => {
                self.mistyped(EXPECTED);
                return None;
            }
        };
        if self.field.widget == Widget::Password {
            // Each of its characters may be meant
            return Some(Cow::Borrowed(text));
        }
        Some(clean(text))
    }

    /// A value that has a text of its own, read from that; from JSON's numbers too.
    pub(super) fn parse<T: FromStr>(&mut self, expected: &str) -> Option<T> {
        self.parse_with(expected, |text| text.parse().ok())
    }

    /// The same, for a type that is read otherwise.
    pub(super) fn parse_with<T>(
        &mut self,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.written(expected)?;
        let parsed = parse(text);
        if parsed.is_none() {
            self.mistyped(expected);
        }
        parsed
    }

    /// The text or number, which has to be given.
    fn written(&mut self, expected: &str) -> Option<&'a str> {
        if self.is_blank() {
            self.required();
            return None;
        }
        match self.one(expected)? {
            Raw::Text(text) | Raw::Number(text) => Some(text.trim()),
            Raw::Bool(_) | Raw::Null => {
                self.mistyped(expected);
                None
            }
        }
    }

    /// Reads what is in a group.
    pub(super) fn within<T>(&mut self, read: impl FnOnce(&FieldSchema, &mut Report) -> T) -> T {
        let field = self.field;
        self.report.within(field.name, |report| read(field, report))
    }
}

fn is_blank(node: &Node) -> bool {
    let is_blank_value = |raw: &Raw| match raw {
        Raw::Null => true,
        Raw::Text(text) => text.trim().is_empty(),
        Raw::Number(_) | Raw::Bool(_) => false,
    };
    match node {
        Node::Values(values) => matches!(&**values, [raw] if is_blank_value(raw)),
        Node::List(_) => false,
        // A form sends all of a group, whether it is filled in or not
        Node::Group(values) => values.nodes().all(|(_, node)| is_blank(node)),
    }
}

fn clean(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.contains('\r') {
        let mut letters = text.chars().peekable();
        let mut cleaned = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '\r' if letters.peek() == Some(&'\n') => {}
                '\r' => cleaned.push('\n'),
                letter => cleaned.push(letter),
            }
        }
        return Cow::Owned(cleaned);
    }
    Cow::Borrowed(text)
}
