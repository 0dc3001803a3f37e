//! What a Mizan function fails with: a [`Code`], a safe message, optional details.
//!
//! Two kinds of failure meet here. Those that are *meant* for the caller are built with the
//! constructor of their code, [`Error::not_found`] and so on: code, message and details go over
//! the wire as they are. Those that merely *happen*, any [`std::error::Error`], are turned into
//! [`Code::Internal`] by `?`: the cause is logged on the server and never leaves it.
//!
//! Like `anyhow::Error`, and for the same reason (coherence with that conversion), [`Error`] does
//! not implement [`std::error::Error`] itself.

mod code;
mod leptos;
mod shown;
mod wire;

pub use code::Code;
pub(crate) use shown::{MOST_NAMED, shorten};
pub(crate) use wire::ErrorEnvelope;

use crate::json::Entries;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    panic::Location,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The result of every Mizan function.
///
/// Named in full, `mizan::Result`, because Leptos's prelude exports a `Result` of its own.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure with a [`Code`], a message that is safe to show and optional details.
///
/// Cloning is cheap: the contents are shared.
///
/// # Example
///
/// ```
/// use mizan::{Code, Error};
///
/// fn parse(text: &str) -> mizan::Result<u16> {
///     if text.is_empty() {
///         return Err(Error::bad_request("say a number"));
///     }
///     Ok(text.parse()?) // any `std::error::Error` becomes INTERNAL_ERROR
/// }
///
/// assert_eq!(parse("").unwrap_err().code(), Code::BadRequest);
/// let internal = parse("no number").unwrap_err();
/// assert_eq!(internal.code(), Code::Internal);
/// assert!(!internal.to_string().contains("digit"), "the cause stays on the server");
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    code: Code,
    message: Cow<'static, str>,
    details: Option<Box<RawValue>>,
    cause: Option<Cause>,
}

/// Why an internal error happened: for the log only.
struct Cause {
    error: Box<dyn std::error::Error + Send + Sync>,
    location: &'static Location<'static>,
    logged: AtomicBool,
}

impl Error {
    /// Creates an error of any code, with a message that the caller may read.
    ///
    /// Prefer the constructor of the code: [`Error::not_found`], [`Error::conflict`] and so on.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            code,
            message: message.into(),
            details: None,
            cause: None,
        }))
    }

    /// Creates an internal error out of its cause, which is logged and never sent.
    ///
    /// This is what `?` does; call it where there is nothing to apply `?` to.
    #[track_caller]
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(Arc::new(Inner {
            code: Code::Internal,
            message: Cow::Borrowed(Code::Internal.default_message()),
            details: None,
            cause: Some(Cause {
                error: cause.into(),
                location: Location::caller(),
                logged: AtomicBool::new(false),
            }),
        }))
    }

    /// Creates a VALIDATION_ERROR about one field, in the shape that forms and arguments share.
    ///
    /// # Example
    ///
    /// ```
    /// let error = mizan::Error::invalid_field("email", "is taken");
    /// assert_eq!(error.fields()["email"], ["is taken"]);
    /// ```
    pub fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid_fields([(field.into(), vec![message.into()])].into())
    }

    /// Creates a VALIDATION_ERROR about several fields, each with its messages.
    ///
    /// The error's own message names them all.
    pub fn invalid_fields(fields: BTreeMap<String, Vec<String>>) -> Self {
        Self::invalid_form(fields, Vec::new())
    }

    /// The same, with what is wrong with a form as a whole.
    pub(crate) fn invalid_form(fields: BTreeMap<String, Vec<String>>, form: Vec<String>) -> Self {
        let mut message = form.join("; ");
        for (field, messages) in &fields {
            for text in messages {
                let separator = if message.is_empty() { "" } else { "; " };
                message.push_str(&format!("{separator}`{field}`: {text}"));
            }
        }
        Self::validation(message).with_details(&Fields { fields, form })
    }

    /// Creates a TOO_MANY_REQUESTS that says when to try again: the answer carries `Retry-After`, in
    /// seconds.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let error = mizan::Error::rate_limited(Duration::from_secs(30));
    /// assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
    /// ```
    pub fn rate_limited(wait: Duration) -> Self {
        let retry_after = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self::too_many_requests("too many requests: wait a little")
            .with_details(&Wait { retry_after })
    }

    /// Returns how long to wait before trying again, where the error says so.
    pub fn retry_after(&self) -> Option<Duration> {
        // Not through serde's derived code, which would be in every wasm
        let mut details: Entries = serde_json::from_str(self.0.details.as_ref()?.get()).ok()?;
        let seconds = details.take("retry_after")?.get().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }

    /// Attaches details, sent beside the message.
    ///
    /// Details that can't be written as JSON (a map with keys that are not strings) are left out.
    #[must_use]
    pub fn with_details(self, details: &impl Serialize) -> Self {
        let details = serde_json::value::to_raw_value(details).ok();
        let Inner {
            code,
            message,
            cause,
            ..
        } = Arc::try_unwrap(self.0).unwrap_or_else(|shared| Inner {
            code: shared.code,
            message: shared.message.clone(),
            details: None,
            cause: None,
        });
        Self(Arc::new(Inner {
            code,
            message,
            details,
            cause,
        }))
    }

    /// Returns the code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Returns the message, the same that [`Display`](fmt::Display) writes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Reads the details as `T`; `None` where there are none or they have another shape.
    pub fn details<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.0.details.as_ref()?.get()).ok()
    }

    /// Returns the messages per field of a VALIDATION_ERROR; empty for everything else.
    pub fn fields(&self) -> BTreeMap<String, Vec<String>> {
        self.details::<Fields>()
            .map(|details| details.fields)
            .unwrap_or_default()
    }

    /// Returns the messages of a VALIDATION_ERROR about a form as a whole; empty for everything else.
    pub fn form(&self) -> Vec<String> {
        self.details::<Fields>()
            .map(|details| details.form)
            .unwrap_or_default()
    }

    /// Returns what caused an internal error, while it is on the server that met it.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.0.cause.as_ref().map(|cause| &*cause.error)
    }

    /// Hands the cause and the place of the `?` to `log`, the first time it is called.
    #[cfg_attr(
        not(any(feature = "ssr", test)),
        expect(dead_code, reason = "the browser keeps no log")
    )]
    pub(crate) fn log_once(&self, log: impl FnOnce(&dyn std::error::Error, &Location<'_>)) {
        if let Some(cause) = &self.0.cause
            && !cause.logged.swap(true, Ordering::Relaxed)
        {
            log(&*cause.error, cause.location);
        }
    }
}

/// `{"retry_after": 30}`, in seconds.
#[derive(serde::Serialize)]
struct Wait {
    retry_after: u64,
}

/// `{"fields": {"email": ["is taken"]}}`, and what is wrong with all of them together.
#[derive(serde::Serialize, serde::Deserialize)]
struct Fields {
    fields: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    form: Vec<String>,
}

impl<E> From<E> for Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    #[track_caller]
    fn from(cause: E) -> Self {
        Self::internal(cause)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug
            .field("code", &self.0.code)
            .field("message", &self.0.message);
        if let Some(details) = &self.0.details {
            debug.field("details", &details.get());
        }
        if let Some(cause) = &self.0.cause {
            debug
                .field("cause", &cause.error)
                .field("at", &cause.location.to_string());
        }
        debug.finish()
    }
}

/// Two errors are equal when they read the same on the wire.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        let details = |error: &Self| error.0.details.as_ref().map(|raw| raw.get().to_owned());
        self.code() == other.code()
            && self.message() == other.message()
            && details(self) == details(other)
    }
}

#[cfg(test)]
mod tests;
