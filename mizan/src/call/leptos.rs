//! How a Mizan function stays a Leptos server function.
//!
//! Everything that depends on the internals of `server_fn` 0.8 is in this file and in the macro's
//! implementation of `ServerFn`. Leptos's own transport is not used: `run_on_client` goes to
//! [`client`](super::client), and the endpoint is a route of Mizan's own.

use super::wire::{Answer, JSON};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use server_fn::{ContentType, Decodes, Encodes, Format, FormatType};

/// The output encoding of a Mizan function, `{"result":T}` as JSON.
#[derive(Debug)]
pub struct AnswerEncoding;

impl ContentType for AnswerEncoding {
    const CONTENT_TYPE: &'static str = JSON;
}

impl FormatType for AnswerEncoding {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for AnswerEncoding {
    type Error = serde_json::Error;

    fn encode(result: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_vec(&Answer { result }).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for AnswerEncoding {
    type Error = serde_json::Error;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        serde_json::from_slice::<Answer<T>>(&bytes).map(|answer| answer.result)
    }
}
