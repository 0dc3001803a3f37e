use crate::{
    Error, Result, browser,
    context::{Value, key_of},
    json::Entries,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// The answers of a context's members, still in JSON; each of the errors is an [`Error`].
#[derive(Default)]
pub(crate) struct Bundle {
    data: Entries,
    errors: Entries,
    /// Where a live context was when its data began to be read.
    pub(super) version: Option<Box<RawValue>>,
}

impl Bundle {
    pub(crate) fn read(text: &str) -> serde_json::Result<Self> {
        Self::take_from(&mut serde_json::from_str(text)?)
    }

    /// Takes `data` and `errors` out of an object.
    pub(crate) fn take_from(parts: &mut Entries) -> serde_json::Result<Self> {
        let mut part = |name| match parts.take(name) {
            Some(part) => serde_json::from_str(part.get()),
            None => Ok(Entries::default()),
        };
        Ok(Self {
            data: part("data")?,
            errors: part("errors")?,
            version: parts.take("version"),
        })
    }

    /// Puts in a member's value, in place of what is there.
    pub(super) fn replace(&mut self, member: &str, value: Box<RawValue>) {
        drop(self.errors.take(member));
        self.data.replace(member, value);
    }

    /// Takes one member's answer out; `None` where it is not in here.
    pub(crate) fn take(&mut self, member: &str) -> Option<Result<Box<RawValue>>> {
        if let Some(error) = self.errors.take(member) {
            return Some(Err(
                decode(Ok(error)).unwrap_or_else(|unreadable| unreadable)
            ));
        }
        self.data.take(member).map(Ok)
    }
}

pub(super) fn decode<T: DeserializeOwned>(answer: Result<Box<RawValue>>) -> Result<T> {
    serde_json::from_str(answer?.get()).map_err(browser::unreadable)
}

/// The server does not know a member that this build of the page knows.
pub(super) fn missing(member: &str) -> Error {
    Error::outdated_client(format!(
        "the server does not know `{member}`: reload the page"
    ))
}

/// Instances on the wire, `{"context":"profile","params":{"user_id":5}}`: those of a context whose
/// parameters have these values.
pub(crate) struct Target {
    pub(super) context: String,
    pub(super) parameters: Vec<(String, Value)>,
}

impl Target {
    pub(crate) fn take_from(parts: &mut Entries) -> serde_json::Result<Self> {
        let parameters = match parts.take("params") {
            Some(parameters) => serde_json::from_str::<Entries>(parameters.get())?,
            None => Entries::default(),
        };
        // In the order of their names, as the server writes them
        let parameters = parameters
            .into_iter()
            .filter_map(|(name, value)| Some((name, Value::read(&value)?)))
            .collect();
        Ok(Self {
            context: parts.take_text("context")?,
            parameters,
        })
    }

    /// Whether everything that the other names is named by this.
    pub(super) fn includes(&self, other: &Self) -> bool {
        self.context == other.context
            && self.parameters.iter().all(|(name, value)| {
                let known = other.parameters.iter().find(|(known, _)| known == name);
                // What has no value is left out
                known.map_or(&Value::Null, |(_, value)| value) == value
            })
    }

    /// The key of the instance, where all of its parameters are there.
    pub(super) fn key(&self) -> String {
        let parameters = self.parameters.iter();
        key_of(
            &self.context,
            parameters.map(|(name, value)| (name.as_str(), value)),
        )
    }
}
