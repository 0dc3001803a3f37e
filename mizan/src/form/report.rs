//! What is wrong with what was sent: by field, and with the form as a whole.

use super::Problem;
use crate::{Code, Error, Result, json::Entries};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use std::{collections::BTreeMap, ops::Index};

/// What is wrong with a form.
///
/// # Example
///
/// ```
/// use mizan::form::Report;
///
/// let mut report = Report::default();
/// assert!(report.is_valid());
/// report.field("email", "is taken");
/// report.form("nobody can sign up at this hour");
/// assert_eq!(report.fields()["email"], ["is taken"]);
/// assert!(!report.is_valid());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    fields: FieldErrors,
    form: Vec<String>,
    /// Which group is being looked at: empty, or with a dot at its end.
    group: String,
}

impl Report {
    /// Says what is wrong with a field. One of a group is named `address.city`, one of a row
    /// `items.0.text`.
    pub fn field(&mut self, name: &str, message: impl Into<String>) {
        let name = format!("{}{name}", self.group);
        self.fields.push(name, message.into());
    }

    /// Says what is wrong with the form as a whole.
    pub fn form(&mut self, message: impl Into<String>) {
        self.form.push(message.into());
    }

    /// Returns whether nothing is wrong.
    pub fn is_valid(&self) -> bool {
        self.fields.is_empty() && self.form.is_empty()
    }

    /// Returns what is wrong with each field, by its flat name.
    pub fn fields(&self) -> &FieldErrors {
        &self.fields
    }

    /// Returns what is wrong with the form as a whole.
    pub fn of_form(&self) -> &[String] {
        &self.form
    }

    /// Reads it out of an error, where that is about values; what an error says of no field, it
    /// says of the form.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        if error.code() != Code::Validation {
            return None;
        }
        let mut report = error.details().map(Self::read).unwrap_or_default();
        if report.is_valid() {
            report.form(error.message());
        }
        Some(report)
    }

    /// Reads what the server says of a form. By hand: derived code would swell the wasm.
    pub(crate) fn read(mut said: Entries) -> Self {
        let mut report = Self::default();
        for text in said.take_list::<String>("form") {
            report.form(text);
        }
        let fields = said.take("fields");
        let fields = fields.and_then(|fields| serde_json::from_str::<Entries>(fields.get()).ok());
        for (name, texts) in fields.into_iter().flatten() {
            let texts = serde_json::from_str::<Vec<String>>(texts.get());
            for text in texts.unwrap_or_default() {
                report.field(&name, text);
            }
        }
        report
    }

    /// Makes an error of it.
    ///
    /// # Errors
    ///
    /// VALIDATION_ERROR with the details `{"fields":{..},"form":[..]}`, unless nothing is wrong.
    pub fn finish(self) -> Result<()> {
        if self.is_valid() {
            return Ok(());
        }
        let fields = self.fields.0.into_iter().collect();
        Err(Error::invalid_form(fields, self.form))
    }

    /// Says what is wrong with a field, in the words for it.
    pub(crate) fn problem(&mut self, name: &str, problem: &Problem<'_>) {
        self.field(name, problem.text());
    }

    /// Looks at a group: the names of fields are those in it.
    pub(crate) fn within<T>(&mut self, group: &str, look: impl FnOnce(&mut Self) -> T) -> T {
        let outside = self.group.len();
        self.group.push_str(group);
        self.group.push('.');
        let result = look(self);
        self.group.truncate(outside);
        result
    }
}

/// What is wrong with fields: messages by flat names, in the order of these.
///
/// # Example
///
/// ```
/// use mizan::form::Report;
///
/// let mut report = Report::default();
/// report.field("email", "is taken");
/// let fields = report.fields();
/// assert_eq!(fields["email"], ["is taken"]);
/// assert_eq!(fields.get("name"), None);
/// assert_eq!(fields.keys().collect::<Vec<_>>(), ["email"]);
/// ```
// A map's code would be kilobytes in the wasm
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(Vec<(String, Vec<String>)>);

impl FieldErrors {
    fn push(&mut self, name: String, message: String) {
        let find = self.0.binary_search_by(|(known, _)| known.cmp(&name));
        match find {
            Ok(index) => self.0[index].1.push(message),
            Err(index) => self.0.insert(index, (name, vec![message])),
        }
    }

    /// Returns the messages of a field.
    pub fn get(&self, name: &str) -> Option<&Vec<String>> {
        let mut fields = self.0.iter();
        fields.find_map(|(known, messages)| (known == name).then_some(messages))
    }

    /// Returns the fields with their messages.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        self.0.iter().map(|(name, messages)| (name, messages))
    }

    /// Returns the names of the fields.
    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(name, _)| name)
    }

    /// Returns the messages, field by field.
    pub fn values(&self) -> impl Iterator<Item = &Vec<String>> {
        self.0.iter().map(|(_, messages)| messages)
    }

    /// Returns of how many fields something is wrong.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether nothing is wrong with any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<BTreeMap<String, Vec<String>>> for FieldErrors {
    fn from(fields: BTreeMap<String, Vec<String>>) -> Self {
        Self(fields.into_iter().collect())
    }
}

/// # Panics
///
/// Where nothing is wrong with the field.
impl<Q: AsRef<str> + ?Sized> Index<&Q> for FieldErrors {
    type Output = Vec<String>;

    fn index(&self, name: &Q) -> &Vec<String> {
        let name = name.as_ref();
        let messages = self.get(name);
        messages.unwrap_or_else(|| panic!("nothing is wrong with `{name}`"))
    }
}

impl Serialize for FieldErrors {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// `{"valid":false,"fields":{"email":["is taken"]},"form":[]}`
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Report", 3)?;
        object.serialize_field("valid", &self.is_valid())?;
        object.serialize_field("fields", &self.fields)?;
        object.serialize_field("form", &self.form)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_whole_form() {
        let mut report = Report::default();
        report.within("items", |report| {
            report.within("0", |report| report.field("text", "is required"));
            report.field("1.text", "is taken");
        });
        report.field("name", "is required");
        let names: Vec<_> = report.fields().keys().map(String::as_str).collect();
        assert_eq!(names, ["items.0.text", "items.1.text", "name"]);
    }

    #[test]
    fn it_becomes_an_error_that_says_all_of_it() {
        assert!(Report::default().finish().is_ok());
        let mut report = Report::default();
        report.field("email", "is taken");
        report.form("not today");
        let written = serde_json::to_value(&report).unwrap();
        let expected = serde_json::json!({
            "valid": false, "fields": { "email": ["is taken"] }, "form": ["not today"],
        });
        assert_eq!(written, expected);
        let error = report.finish().unwrap_err();
        assert_eq!(error.message(), "not today; `email`: is taken");
        assert_eq!(error.fields()["email"], ["is taken"]);
        assert_eq!(error.form(), ["not today"]);
    }
}
