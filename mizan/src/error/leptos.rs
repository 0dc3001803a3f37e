//! The bridges to Leptos: its error boundary and its server functions.

use super::{Code, Error, ErrorEnvelope, Result};
use bytes::Bytes;
use http::Method;
use server_fn::{
    ContentType, Decodes, Encodes, Format, FormatType,
    error::{FromServerFnError, ServerFnErrorErr},
};
use std::fmt;

/// Lets a `mizan::Result` stand in a view: the error goes to the nearest `ErrorBoundary`.
impl From<Error> for throw_error::Error {
    fn from(error: Error) -> Self {
        Self::from(Thrown(error))
    }
}

/// [`Error`] as a [`std::error::Error`], which Leptos's boundary wants.
#[derive(Debug)]
struct Thrown(Error);

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Thrown {}

impl FromServerFnError for Error {
    type Encoder = ErrorEncoding;

    /// What Leptos's own machinery reports. Its texts can quote internals: none of them is kept,
    /// except in the cause of an internal error.
    fn from_server_fn_error(value: ServerFnErrorErr) -> Self {
        let code = match &value {
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => Code::Network,
            ServerFnErrorErr::UnsupportedRequestMethod(_) => Code::MethodNotAllowed,
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => Code::Validation,
            _ => return Self::internal(value),
        };
        Self::new(code, code.default_message())
    }
}

/// How an [`Error`] is written where Leptos transports it: the same envelope as everywhere.
#[derive(Debug)]
pub struct ErrorEncoding;

impl ContentType for ErrorEncoding {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for ErrorEncoding {
    const FORMAT_TYPE: Format = Format::Text;
}

impl server_fn::codec::Encoding for ErrorEncoding {
    const METHOD: Method = Method::POST;
}

impl Encodes<Error> for ErrorEncoding {
    type Error = serde_json::Error;

    fn encode(error: &Error) -> std::result::Result<Bytes, Self::Error> {
        serde_json::to_vec(&ErrorEnvelope { error }).map(Bytes::from)
    }
}

impl Decodes<Error> for ErrorEncoding {
    type Error = serde_json::Error;

    fn decode(bytes: Bytes) -> std::result::Result<Error, Self::Error> {
        // What is no text is no JSON either
        ErrorEnvelope::open(std::str::from_utf8(&bytes).unwrap_or_default())
    }
}

/// Keeps the conversion to Leptos's boundary from being lost unnoticed.
const _: fn(Result<()>) -> std::result::Result<(), throw_error::Error> =
    |result| result.map_err(Into::into);
