//! What can be wrong with a field, and the words for it.

use super::rules::Bound;
use std::{fmt, sync::OnceLock};

/// What is wrong with a field, by a rule of Mizan's.
///
/// Its `Display` says it in English, to be read behind the field's name; [`translate`] says it
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Problem<'a> {
    /// Nothing is given.
    Required,
    /// The form has no such field.
    Unknown,
    /// One value is wanted, and several are given; or the same one of a list.
    Repeated,
    /// It is of another type.
    Type {
        /// What is expected: `a whole number`.
        expected: &'a str,
    },
    /// It is none of the choices.
    Choice,
    /// A text has too few characters.
    TooShort {
        /// The least number of them.
        min: usize,
    },
    /// A text has too many characters.
    TooLong {
        /// The greatest number of them.
        max: usize,
    },
    /// A list has too few entries.
    TooFew {
        /// The least number of them.
        min: usize,
    },
    /// A list has too many entries.
    TooMany {
        /// The greatest number of them.
        max: usize,
    },
    /// A number is too small.
    TooSmall {
        /// The least one.
        min: Bound,
    },
    /// A number is too large.
    TooLarge {
        /// The greatest one.
        max: Bound,
    },
    /// It is not an e-mail address.
    Email,
    /// It is not an address of the web.
    Url,
    /// It has characters that are not of ASCII.
    Ascii,
    /// It has characters that are neither letters nor digits.
    Alphanumeric,
    /// A text is not in it.
    Contains {
        /// The text.
        text: &'a str,
    },
    /// It begins otherwise.
    Prefix {
        /// How it has to begin.
        text: &'a str,
    },
    /// It ends otherwise.
    Suffix {
        /// How it has to end.
        text: &'a str,
    },
    /// It is not the same as another field.
    Matches {
        /// The other field's label.
        label: &'a str,
    },
}

impl Problem<'_> {
    /// The words for it.
    pub(crate) fn text(&self) -> String {
        let translated = TRANSLATE.get().and_then(|translate| translate(self));
        translated.unwrap_or_else(|| self.to_string())
    }
}

impl fmt::Display for Problem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str("is required"),
            Self::Unknown => f.write_str("is not a field of this form"),
            Self::Repeated => f.write_str("is given more than once"),
            Self::Type { expected } => write!(f, "must be {expected}"),
            Self::Choice => f.write_str("is not one of the choices"),
            Self::TooShort { min } => write!(f, "must have at least {}", count(*min, "character")),
            Self::TooLong { max } => write!(f, "must have at most {}", count(*max, "character")),
            Self::TooFew { min: 1 } => f.write_str("must have at least 1 entry"),
            Self::TooFew { min } => write!(f, "must have at least {min} entries"),
            Self::TooMany { max: 1 } => f.write_str("must have at most 1 entry"),
            Self::TooMany { max } => write!(f, "must have at most {max} entries"),
            Self::TooSmall { min } => write!(f, "must be at least {min}"),
            Self::TooLarge { max } => write!(f, "must be at most {max}"),
            Self::Email => f.write_str("must be an e-mail address"),
            Self::Url => f.write_str("must be an address of the web, as https://example.com"),
            Self::Ascii => f.write_str("must have no letters with accents or of other scripts"),
            Self::Alphanumeric => f.write_str("must have letters and digits only"),
            Self::Contains { text } => write!(f, "must contain {text:?}"),
            Self::Prefix { text } => write!(f, "must begin with {text:?}"),
            Self::Suffix { text } => write!(f, "must end with {text:?}"),
            Self::Matches { label } => write!(f, "must be the same as {label:?}"),
        }
    }
}

/// `1 character`, `2 characters`.
fn count(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// Says what is wrong in other words; `None` leaves it to Mizan.
pub type Translate = fn(&Problem<'_>) -> Option<String>;

static TRANSLATE: OnceLock<Translate> = OnceLock::new();

/// Sets the words for what is wrong with fields, for the whole application: called at its start, on
/// both sides. The first one counts.
///
/// The function can ask what a body can, such as the language in the request's headers.
///
/// # Example
///
/// ```
/// use mizan::form::{Problem, translate};
///
/// translate(|problem| match problem {
///     Problem::Required => Some("wird benötigt".to_owned()),
///     Problem::TooShort { min } => Some(format!("braucht mindestens {min} Zeichen")),
///     _ => None, // in English
/// });
/// ```
pub fn translate(translate: Translate) {
    // A second one would change what is shown already
    let _ = TRANSLATE.set(translate);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_read_behind_the_name() {
        for (problem, text) in [
            (Problem::Required, "is required"),
            (
                Problem::TooShort { min: 1 },
                "must have at least 1 character",
            ),
            (
                Problem::TooLong { max: 20 },
                "must have at most 20 characters",
            ),
            (Problem::TooFew { min: 2 }, "must have at least 2 entries"),
            (
                Problem::TooSmall {
                    min: Bound::Float(0.5),
                },
                "must be at least 0.5",
            ),
            (Problem::Prefix { text: "a\"" }, r#"must begin with "a\"""#),
        ] {
            assert_eq!(problem.text(), text);
        }
    }
}
