//! What holds for a field beside its type: data, so that there is one piece of code in the wasm
//! that looks at it, whatever the form. What a rule comes to is garde's.

mod email;
mod kind;

pub(super) use kind::Numeric;
pub use kind::{measured, numeric, textual};

use super::{
    FieldSchema, Problem, Report,
    side::{is_alphanumeric, is_url},
};
use email::is_email;
use garde::rules::{
    ascii::Ascii,
    length::HasChars,
    matches::Matches,
    prefix::Prefix,
    range::{Bounds, OutOfBounds},
    suffix::Suffix,
};
use serde::Serialize;
use std::fmt;

/// A rule, with what is said where it is broken.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rule {
    #[serde(flatten)]
    check: Check,
    #[serde(skip)]
    message: Option<&'static str>,
}

impl Rule {
    /// A rule with the words that Mizan has for it.
    pub const fn new(check: Check) -> Self {
        Self {
            check,
            message: None,
        }
    }

    /// Sets what is said where it is broken.
    #[must_use]
    pub const fn message(mut self, message: &'static str) -> Self {
        self.message = Some(message);
        self
    }

    /// Returns what has to hold.
    pub const fn check(&self) -> Check {
        self.check
    }

    fn broken(&self, field: &FieldSchema, problem: &Problem<'_>, report: &mut Report) {
        match self.message {
            Some(message) => report.field(field.name, message),
            None => report.problem(field.name, problem),
        }
    }
}

/// What has to hold for a field.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Check {
    /// So many characters, or entries of a list.
    Length {
        /// At least.
        #[serde(skip_serializing_if = "Option::is_none")]
        min: Option<usize>,
        /// At most.
        #[serde(skip_serializing_if = "Option::is_none")]
        max: Option<usize>,
    },
    /// A number between two, which count too.
    Range {
        /// At least.
        #[serde(skip_serializing_if = "Option::is_none")]
        min: Option<Bound>,
        /// At most.
        #[serde(skip_serializing_if = "Option::is_none")]
        max: Option<Bound>,
    },
    /// An e-mail address.
    Email,
    /// An address of the web: `http` or `https`.
    Url,
    /// No characters beyond ASCII.
    Ascii,
    /// Letters and digits, of any script.
    Alphanumeric,
    /// A text that is somewhere in it.
    Contains {
        /// The text.
        text: &'static str,
    },
    /// How it begins.
    Prefix {
        /// The text.
        text: &'static str,
    },
    /// How it ends.
    Suffix {
        /// The text.
        text: &'static str,
    },
    /// The same value as another field of the form.
    Matches {
        /// The other field.
        field: &'static str,
    },
}

/// A number that another one may not pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Bound {
    /// A whole number.
    Integer(i64),
    /// Any number.
    Float(f64),
}

impl Bound {
    fn float(self) -> f64 {
        match self {
            // Two whole numbers are compared as such
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
        }
    }
}

/// What rules see of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Subject<'a> {
    /// There is nothing to see.
    Nothing,
    /// A text.
    Text(&'a str),
    /// A number.
    Number(Bound),
    /// A list of so many entries.
    List(usize),
}

/// Looks whether a value keeps the field's rules. Nothing given breaks none: whether it has to be
/// given is another question.
pub(super) fn check(field: &FieldSchema, subject: Subject<'_>, report: &mut Report) {
    for rule in field.rules {
        let problem = match subject {
            Subject::Nothing | Subject::Text("") => None,
            Subject::Text(text) => broken_by_text(rule.check, text),
            Subject::Number(number) => broken_by_number(rule.check, number),
            Subject::List(length) => broken_by_list(rule.check, length),
        };
        if let Some(problem) = problem {
            rule.broken(field, &problem, report);
        }
    }
}

fn broken_by_text(check: Check, text: &str) -> Option<Problem<'static>> {
    let keeps = |keeps: bool, problem| (!keeps).then_some(problem);
    match check {
        Check::Length { min, max } => match within(text.num_chars(), min, max) {
            Ok(()) => None,
            Err(OutOfBounds::Lower) => Some(Problem::TooShort { min: min? }),
            Err(OutOfBounds::Upper) => Some(Problem::TooLong { max: max? }),
        },
        Check::Email => keeps(is_email(text), Problem::Email),
        Check::Url => keeps(is_url(text), Problem::Url),
        Check::Ascii => keeps(text.validate_ascii(), Problem::Ascii),
        Check::Alphanumeric => keeps(is_alphanumeric(text), Problem::Alphanumeric),
        Check::Contains { text: part } => keeps(
            // Not by the standard library's search, whose code is larger than all other rules'
            part.is_empty()
                || text
                    .as_bytes()
                    .windows(part.len())
                    .any(|some| some == part.as_bytes()),
            Problem::Contains { text: part },
        ),
        Check::Prefix { text: part } => {
            keeps(text.validate_prefix(part), Problem::Prefix { text: part })
        }
        Check::Suffix { text: part } => {
            keeps(text.validate_suffix(part), Problem::Suffix { text: part })
        }
        Check::Range { .. } | Check::Matches { .. } => None,
    }
}

fn broken_by_number(check: Check, number: Bound) -> Option<Problem<'static>> {
    let Check::Range { min, max } = check else {
        return None;
    };
    let whole = |bound| match bound {
        None => Some(None),
        Some(Bound::Integer(number)) => Some(Some(number)),
        Some(Bound::Float(_)) => None,
    };
    let kept = match (number, whole(min), whole(max)) {
        (Bound::Integer(number), Some(min), Some(max)) => within(number, min, max),
        _ => within(number.float(), min.map(Bound::float), max.map(Bound::float)),
    };
    match kept {
        Ok(()) => None,
        Err(OutOfBounds::Lower) => Some(Problem::TooSmall { min: min? }),
        Err(OutOfBounds::Upper) => Some(Problem::TooLarge { max: max? }),
    }
}

fn broken_by_list(check: Check, length: usize) -> Option<Problem<'static>> {
    let Check::Length { min, max } = check else {
        return None;
    };
    match within(length, min, max) {
        Ok(()) => None,
        Err(OutOfBounds::Lower) => Some(Problem::TooFew { min: min? }),
        Err(OutOfBounds::Upper) => Some(Problem::TooMany { max: max? }),
    }
}

fn within<T: Bounds<Size = T> + Copy>(
    value: T,
    min: Option<T>,
    max: Option<T>,
) -> Result<(), OutOfBounds> {
    value.validate_bounds(min.unwrap_or(T::MIN), max.unwrap_or(T::MAX))
}

/// Looks whether two fields have the same value, for the rule `matches`.
pub fn check_same<T: PartialEq>(
    (field, value): (&FieldSchema, Option<&T>),
    (other, expected): (&FieldSchema, Option<&T>),
    report: &mut Report,
) {
    if let (Some(value), Some(expected)) = (value, expected)
        && !value.validate_matches(expected)
    {
        differs(field, other, report);
    }
}

fn differs(field: &FieldSchema, other: &FieldSchema, report: &mut Report) {
    let mut rules = field.rules.iter();
    let rule = rules.find(|rule| matches!(rule.check, Check::Matches { .. }));
    let rule = rule
        .copied()
        .unwrap_or(Rule::new(Check::Matches { field: other.name }));
    rule.broken(field, &Problem::Matches { label: other.label }, report);
}

/// Asks a rule of the application's.
pub fn check_custom<T, E: fmt::Display>(
    rule: impl FnOnce(&T) -> Result<(), E>,
    field: &FieldSchema,
    value: Option<&T>,
    report: &mut Report,
) {
    if let Some(Err(message)) = value.map(rule) {
        report.field(field.name, message.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(check: Check, subject: Subject<'_>) -> Vec<String> {
        let rules = Box::leak(Box::new([Rule::new(check)]));
        let field = FieldSchema::new::<String>("f", "F").rules(rules);
        let mut report = Report::default();
        super::check(&field, subject, &mut report);
        report.fields().get("f").cloned().unwrap_or_default()
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        let (min, max) = (Some(2), Some(3));
        let length = |text| problems(Check::Length { min, max }, Subject::Text(text));
        assert_eq!(length("é"), ["must have at least 2 characters"]);
        assert_eq!(length("ééé"), [""; 0]);
        assert_eq!(length("😀😀😀😀"), ["must have at most 3 characters"]);
        assert_eq!(
            length(""),
            [""; 0],
            "whether it is required is not its affair"
        );
        let list = |length| problems(Check::Length { min, max }, Subject::List(length));
        assert_eq!(list(0), ["must have at least 2 entries"]);
        assert_eq!(list(4), ["must have at most 3 entries"]);
        assert_eq!(list(2), [""; 0]);
    }

    #[test]
    fn numbers_are_compared_as_what_they_are() {
        use Bound::{Float, Integer};
        let range = |min, max, number| problems(Check::Range { min, max }, Subject::Number(number));
        let wide = Some(Integer(i64::MAX - 1));
        assert_eq!(
            range(None, wide, Integer(i64::MAX)),
            ["must be at most 9223372036854775806"]
        );
        assert_eq!(range(None, wide, Integer(i64::MAX - 1)), [""; 0]);
        assert_eq!(
            range(Some(Float(0.5)), None, Integer(0)),
            ["must be at least 0.5"]
        );
        assert_eq!(
            range(Some(Integer(1)), None, Float(0.99)),
            ["must be at least 1"]
        );
        assert_eq!(
            range(Some(Integer(1)), Some(Integer(2)), Float(1.5)),
            [""; 0]
        );
    }

    #[test]
    fn texts_have_rules_of_their_own() {
        for (check, good, bad) in [
            (Check::Email, "a@b.c", "a"),
            (Check::Ascii, "ab", "é"),
            (Check::Alphanumeric, "é1", "a b"),
            (Check::Contains { text: "x" }, "axb", "ab"),
            (Check::Prefix { text: "x" }, "xa", "ax"),
            (Check::Suffix { text: "x" }, "ax", "xa"),
        ] {
            assert_eq!(problems(check, Subject::Text(good)), [""; 0], "{check:?}");
            assert_eq!(problems(check, Subject::Text(bad)).len(), 1, "{check:?}");
        }
    }

    #[test]
    fn an_address_of_the_web_is_nothing_that_runs() {
        for good in [
            "https://example.com",
            "http://localhost:3000/a?b#c",
            "https://exämple.com/é",
        ] {
            assert_eq!(problems(Check::Url, Subject::Text(good)), [""; 0], "{good}");
        }
        for bad in [
            "example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "//a",
            "https://",
            "/a",
        ] {
            assert_eq!(problems(Check::Url, Subject::Text(bad)).len(), 1, "{bad}");
        }
    }

    #[test]
    fn an_own_message_takes_the_place_of_ours() {
        const RULES: &[Rule] = &[Rule::new(Check::Email).message("write to us otherwise")];
        let field = FieldSchema::new::<String>("f", "F").rules(RULES);
        let mut report = Report::default();
        super::check(&field, Subject::Text("x"), &mut report);
        assert_eq!(report.fields()["f"], ["write to us otherwise"]);
        let written = serde_json::to_string(RULES).unwrap();
        assert_eq!(written, r#"[{"rule":"email"}]"#);
    }
}
