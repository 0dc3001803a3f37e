//! `{"error":{"code","message","details"?}}`

use super::{Code, Error, Inner};
use crate::json::Entries;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeStruct,
};
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc};

/// The body of every answer that is an error.
#[derive(Serialize)]
pub(crate) struct ErrorEnvelope<E = Error> {
    pub(crate) error: E,
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Error", 3)?;
        object.serialize_field("code", self.0.code.name())?;
        object.serialize_field("message", &*self.0.message)?;
        match &self.0.details {
            Some(details) => object.serialize_field("details", details)?,
            None => object.skip_field("details")?,
        }
        object.end()
    }
}

impl<'de> Deserialize<'de> for Error {
    /// A code that this build does not know (a newer server's) reads as [`Code::Internal`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Box<RawValue>>::deserialize(deserializer)?;
        Self::read(text.get()).map_err(D::Error::custom)
    }
}

impl Error {
    /// Reads one of the wire's. Not generic, so that its code exists once in the browser.
    pub(crate) fn read(text: &str) -> serde_json::Result<Self> {
        let mut fields: Entries = serde_json::from_str(text)?;
        let code = fields.take_text("code")?;
        let message = fields.take_text("message")?;
        Ok(Self(Arc::new(Inner {
            code: Code::from_name(&code).unwrap_or(Code::Internal),
            message: Cow::Owned(message),
            details: fields.take("details"),
            cause: None,
        })))
    }
}

impl ErrorEnvelope {
    /// Reads the error out of the body of an answer.
    pub(crate) fn open(text: &str) -> serde_json::Result<Error> {
        let mut envelope: Entries = serde_json::from_str(text)?;
        let error = envelope.take("error");
        Error::read(error.as_deref().map_or("", RawValue::get))
    }
}
