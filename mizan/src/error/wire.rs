//! `{"error":{"code","message","details"?}}`

use super::{Code, Error, Inner};
use crate::json::Entries;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeStruct,
};
use std::{borrow::Cow, sync::Arc};

/// The body of every answer that is an error.
#[derive(Serialize, Deserialize)]
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
        let mut fields = Entries::deserialize(deserializer)?;
        let code = fields.take_text("code").map_err(D::Error::custom)?;
        let message = fields.take_text("message").map_err(D::Error::custom)?;
        let details = fields.take("details");
        Ok(Self(Arc::new(Inner {
            code: Code::from_name(&code).unwrap_or(Code::Internal),
            message: Cow::Owned(message),
            details,
            cause: None,
        })))
    }
}
