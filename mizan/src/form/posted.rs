//! A form without JavaScript: what the page that carries it was sent for it.
//!
//! The browser posts the form to the address of its own page. What came of that stands in the page
//! that it gets for an answer: where the form failed, what was filled in and what is wrong with it;
//! where it was taken, that it was. The page carries the same in its data, so that a form that takes
//! over from there begins with what the server has rendered.

use super::{Report, side};
use crate::{Error, json::Entries};
use serde::{Serialize, Serializer, ser::SerializeStruct};

/// The hidden input that says which form it is.
pub const FORM: &str = "mizan-form";

/// The hidden input by which two posts of one page are known for the same.
pub const KEY: &str = "mizan-key";

/// The buttons that change rows.
pub(crate) const ROW_BUTTONS: &str = "mizan-rows";

/// What a page was sent for a form, and what came of it. Where it was neither taken nor failed, its
/// rows were changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Posted {
    /// The form's name.
    pub(crate) form: String,
    /// What was filled in, by flat names: all that the form has fields for, and no passwords.
    /// A box that is not among it was not ticked.
    pub pairs: Vec<(String, String)>,
    /// What is wrong with it.
    pub report: Report,
    /// Why else it failed.
    pub error: Option<Error>,
    /// Whether it was taken.
    pub done: bool,
}

impl Posted {
    /// A form that was taken.
    #[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "the server's"))]
    pub(crate) fn taken(form: &str) -> Self {
        Self {
            form: form.to_owned(),
            done: true,
            ..Self::default()
        }
    }

    /// A form whose rows were changed.
    pub(crate) fn changed(form: &str, pairs: Vec<(String, String)>) -> Self {
        Self {
            form: form.to_owned(),
            pairs,
            ..Self::default()
        }
    }

    /// A form that failed.
    pub(crate) fn failed(form: &str, pairs: Vec<(String, String)>, error: Error) -> Self {
        let (report, error) = match Report::of(&error) {
            Some(report) => (report, None),
            None => (Report::default(), Some(error)),
        };
        Self {
            form: form.to_owned(),
            pairs,
            report,
            error,
            done: false,
        }
    }

    /// Reads what the page carries.
    #[cfg_attr(feature = "ssr", allow(dead_code, reason = "the browser's"))]
    pub(crate) fn read(text: &str) -> serde_json::Result<Self> {
        let mut entries: Entries = serde_json::from_str(text)?;
        let form = entries.take_text("form")?;
        let mut texts = entries.take_list::<String>("pairs").into_iter();
        let pairs = std::iter::from_fn(|| Some((texts.next()?, texts.next()?))).collect();
        Ok(match entries.take("error") {
            Some(error) => Self::failed(&form, pairs, Error::read(error.get())?),
            None => Self {
                done: entries.take("done").is_some(),
                ..Self::changed(&form, pairs)
            },
        })
    }
}

/// `{"form":"contact","pairs":["email","ada@example.com"],"error":{"code",..}}`, and
/// `"done":true` where it was taken.
impl Serialize for Posted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Posted", 4)?;
        object.serialize_field("form", &self.form)?;
        let pairs = self.pairs.iter().flat_map(|(name, text)| [name, text]);
        object.serialize_field("pairs", &pairs.collect::<Vec<_>>())?;
        let wrong = || self.report.clone().finish().err();
        match self.error.clone().or_else(wrong) {
            Some(error) => object.serialize_field("error", &error)?,
            None => object.skip_field("error")?,
        }
        if self.done {
            object.serialize_field("done", &true)?;
        } else {
            object.skip_field("done")?;
        }
        object.end()
    }
}

/// Returns what this page was sent for the form of a name, where it was, and what came of it.
///
/// While the browser takes the page over it gets the same as the server, and afterwards nothing: a
/// form that is shown anew is empty.
pub fn posted(name: &str) -> Option<Posted> {
    side::posted(name)
}

/// Returns where the form of a name is posted to: the path and query of the page that is shown. The
/// fragment is the id of the form's element, so that it is in view when the page comes back.
pub fn action(name: &str) -> String {
    let address = side::address();
    format!("{}#{name}-form", on_this_site(&address))
}

/// Makes a key by which two posts of one page are known for the same.
pub fn key() -> String {
    side::random()
}

/// A path with its query, unless a browser would take it for another site's: `//other.example`
/// names a host.
pub(crate) fn on_this_site(address: &str) -> &str {
    let is_path = address.starts_with('/');
    let is_host = address.starts_with("//") || address.starts_with("/\\");
    if is_path && !is_host { address } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(posted: &Posted) {
        let text = serde_json::to_string(posted).unwrap();
        assert_eq!(Posted::read(&text).unwrap(), *posted, "{text}");
    }

    #[test]
    fn the_browser_reads_what_the_server_has_written() {
        let pairs = vec![
            ("name".to_owned(), "</script>\u{2028}".to_owned()),
            ("items.0.text".to_owned(), String::new()),
        ];
        let mut report = Report::default();
        report.field("name", "is taken");
        report.form("not today");
        for error in [
            report.finish().unwrap_err(),
            Error::invalid_field("name", "is taken"),
            Error::validation("more than there may be"),
            Error::forbidden("not for you"),
            Error::rate_limited(std::time::Duration::from_secs(3)),
        ] {
            round(&Posted::failed("contact", pairs.clone(), error));
        }
        round(&Posted::taken("contact"));
        round(&Posted::changed("contact", pairs));
        assert!(Posted::read("{}").is_err());
    }

    #[test]
    fn what_is_wrong_with_the_form_is_in_the_report() {
        let of = |error| Posted::failed("contact", Vec::new(), error);
        let posted = of(Error::invalid_field("name", "is taken"));
        assert_eq!(posted.report.fields()["name"], ["is taken"]);
        assert_eq!((posted.error, posted.done), (None, false));
        let posted = of(Error::validation("no such name, or another password"));
        assert_eq!(
            posted.report.of_form(),
            ["no such name, or another password"]
        );
        let posted = of(Error::forbidden("not for you"));
        assert!(posted.report.is_valid() && posted.error.is_some());
    }

    #[test]
    fn an_address_is_one_of_this_site() {
        assert_eq!(on_this_site("/contact?to=ada"), "/contact?to=ada");
        for other in [
            "//evil.example/",
            "/\\evil.example",
            "https://evil.example",
            "",
            "*",
        ] {
            assert_eq!(on_this_site(other), "/", "{other}");
        }
    }

    #[test]
    fn keys_are_different() {
        assert_eq!(key().len(), 32);
        assert_ne!(key(), key());
    }
}
