//! A call on the server: the body, run where it stands or behind the endpoint.
//!
//! [`call`] is what the function itself does, wherever it is called: the span, the log and the
//! catch for panics are here, so that the endpoint, a context member and a plain call during
//! server rendering behave the same. [`Registration`] is the endpoint's way in.

use super::{Call, build};
use crate::{
    Code, Error, Rate, Result,
    auth::{self, Guard, UserType},
    context::wire::BUILD,
    limit,
    mutation::consequences::{self as mutation, Argument, ArgumentType, Effect, Pending},
    registry::Location,
    request::Scope,
};
use bytes::Bytes;
use futures::FutureExt;
use http::request::Parts;
use leptos::reactive::owner::with_context;
use percent_encoding::percent_decode;
use serde::{Deserializer, de::DeserializeOwned};
use serde_json::error::Category;
use std::{
    any::Any,
    collections::BTreeMap,
    future::Future,
    panic::AssertUnwindSafe,
    pin::{Pin, pin},
};
use tracing::{Instrument, field};

/// The body of a function; exists on the server only.
pub trait Body: Call {
    /// What the function does to contexts.
    const EFFECTS: &'static [Effect] = &[];

    /// The arguments' types, where there are effects.
    const TYPES: &'static [ArgumentType] = &[];

    /// The arguments, where there are effects.
    fn arguments(&self) -> Vec<Argument<'_>> {
        Vec::new()
    }

    /// Whom the function lets in.
    const GUARD: Guard = Guard::None;

    /// Whether it has a check of its own, which sees the arguments.
    const CHECKED: bool = false;

    /// How often the function may be called by one caller.
    const RATE: Option<Rate> = None;

    /// The type of users that its check is for, if it has one.
    fn user_type() -> Option<UserType> {
        None
    }

    /// Lets the caller through, or doesn't.
    fn admit(&self) -> impl Future<Output = Result<()>> + Send {
        auth::admit(Self::GUARD)
    }

    /// Runs the body.
    fn run(self) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// Runs a function in a span, catching its panic: its limit, its guard, its body.
///
/// # Errors
///
/// What the body failed with; INTERNAL_ERROR when it panicked; TOO_MANY_REQUESTS, UNAUTHORIZED or
/// FORBIDDEN when it did not run.
pub async fn call<C: Body>(arguments: C) -> Result<C::Output> {
    // DEBUG, as tower-http's: under a filter of INFO it costs nothing, and errors are logged anyway
    let span = tracing::debug_span!(
        "call",
        function = C::NAME,
        code = field::Empty,
        duration_us = field::Empty
    );
    let effects = Pending::of(&arguments);
    let started = (!span.is_disabled()).then(std::time::Instant::now);
    // Pinned here, and not moved through everything around it
    let body = pin!(async {
        // The endpoint has asked already, before it read the arguments
        let admitted = Scope::with(Scope::is_admitted).unwrap_or(false);
        if !admitted {
            limit::count(C::NAME).await?;
        }
        if !admitted || C::CHECKED {
            arguments.admit().await?;
        }
        arguments.run().await
    });
    // A panic leaves the body's own values behind, and nothing of ours
    let body = AssertUnwindSafe(body).catch_unwind();
    let (result, invalidated) = mutation::collect(body.instrument(span.clone())).await;
    let result = result.unwrap_or_else(|panic| Err(panicked(C::NAME, &*panic)));
    match &result {
        Ok(output) => effects.commit::<C>(invalidated, output),
        Err(error) => log(C::NAME, error),
    }
    if let Some(started) = started {
        let code = result
            .as_ref()
            .err()
            .map_or("OK", |error| error.code().name());
        let elapsed = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        span.record("code", code).record("duration_us", elapsed);
    }
    result
}

/// The error that a panic becomes. Its text goes to the log, as a cause does.
pub(crate) fn panicked(function: &'static str, panic: &(dyn Any + Send)) -> Error {
    tracing::error!(function, panic = panic_text(panic), "the function panicked");
    Error::new(Code::Internal, Code::Internal.default_message())
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text")
}

/// Logs the cause of an internal error, once for each error.
pub(crate) fn log(function: &'static str, error: &Error) {
    error.log_once(|cause, location| {
        let chain = std::iter::successors(cause.source(), |error| error.source());
        let sources = chain.map(|error| format!(": {error}")).collect::<String>();
        tracing::error!(function, at = %location, "{cause}{sources}");
    });
}

/// How the arguments of a request are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// `application/json`
    Json,
    /// `application/x-www-form-urlencoded`, for functions with `input = PostUrl`
    Form,
}

/// A call that was decoded and is under way; ends in the beginning of its answer, `{"result":T`.
pub(crate) type Dispatched = Pin<Box<dyn Future<Output = Result<Vec<u8>>> + Send>>;

/// A function as the server knows it; collected from the whole program.
pub struct Registration {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) location: Location,
    pub(crate) private: bool,
    pub(crate) form: bool,
    pub(crate) dispatch: fn(Bytes, Encoding) -> Dispatched,
    pub(crate) effects: &'static [Effect],
    pub(crate) types: &'static [ArgumentType],
    pub(crate) guard: Guard,
    pub(crate) rate: Option<Rate>,
    pub(crate) user_type: fn() -> Option<UserType>,
}

inventory::collect!(Registration);

impl Registration {
    /// Describes the function `C`, which stands at `location`.
    pub const fn new<C: Body>(location: Location) -> Self {
        Self {
            name: C::NAME,
            path: C::PATH,
            location,
            private: false,
            form: false,
            dispatch: dispatch::<C>,
            effects: C::EFFECTS,
            types: C::TYPES,
            guard: C::GUARD,
            rate: C::RATE,
            user_type: C::user_type,
        }
    }

    /// Keeps the function off the wire.
    #[must_use]
    pub const fn private(self) -> Self {
        Self {
            private: true,
            ..self
        }
    }

    /// Lets the endpoint take an HTML form's encoding too.
    #[must_use]
    pub const fn form(self) -> Self {
        Self { form: true, ..self }
    }
}

fn dispatch<C: Body>(body: Bytes, encoding: Encoding) -> Dispatched {
    Box::pin(async move {
        let decoded = match encoding {
            Encoding::Json => decode_json::<C>(&body, C::ARGUMENTS),
            Encoding::Form => decode_form::<C>(&body, C::ARGUMENTS),
        };
        let arguments = decoded.map_err(|error| if_current::<C>(error))?;
        drop(body);
        let result = call(arguments).await?;
        let mut text = buffer();
        text.extend_from_slice(b"{\"result\":");
        match serde_json::to_writer(&mut text, &result) {
            Ok(()) => Ok(text),
            Err(error) => {
                let error = Error::internal(error);
                log(C::NAME, &error);
                Err(error)
            }
        }
    })
}

/// The error of arguments that can't be read, unless the caller knows another build of the
/// function: then that is what is wrong.
fn if_current<C: Call>(error: Error) -> Error {
    let theirs = with_context(|parts: &Parts| parts.headers.get(BUILD).cloned());
    if theirs
        .flatten()
        .is_some_and(|theirs| theirs != build::<C>())
    {
        return Error::outdated_client("the function has changed since the page was loaded");
    }
    error
}

/// Room for an answer: most fit, a larger one grows by doubling.
pub(crate) fn buffer() -> Vec<u8> {
    Vec::with_capacity(256)
}

fn decode_json<T: DeserializeOwned>(body: &[u8], arguments: &[&str]) -> Result<T> {
    let decoded = || -> serde_json::Result<(T, bool)> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let decoded = refusing_unknown(&mut json)?;
        json.end()?;
        Ok(decoded)
    };
    // serde lets an array stand for a struct; the wire does not
    if body.trim_ascii_start().first() == Some(&b'{')
        && let Ok((value, true)) = decoded()
    {
        return Ok(value);
    }
    Err(explain::<T>(body, arguments))
}

/// Decodes, and tells whether every argument was known.
///
/// `deny_unknown_fields` on the struct would do it too, and would break `ActionForm`: Leptos puts
/// the button that was pressed among the fields, also one that has no name.
fn refusing_unknown<'de, T, D>(deserializer: D) -> std::result::Result<(T, bool), D::Error>
where
    T: DeserializeOwned,
    D: Deserializer<'de>,
{
    let mut known = true;
    let value = serde_ignored::deserialize(deserializer, |path| known &= !is_argument(&path))?;
    Ok((value, known))
}

/// Whether a path names an argument, not something inside one: what an argument's own type does
/// with fields that it does not know is its own affair.
fn is_argument(path: &serde_ignored::Path<'_>) -> bool {
    use serde_ignored::Path;
    matches!(
        path,
        Path::Map {
            parent: Path::Root,
            ..
        }
    )
}

/// How many unknown names are told: enough to see a mistake, too few to fill an answer with.
pub(crate) const MOST_NAMED: usize = 20;

/// What is said of an argument that the function does not have.
const UNKNOWN: &str = "is not an argument of this function";

/// Says what is wrong with a body that did not decode; off the fast path.
fn explain<T: DeserializeOwned>(body: &[u8], arguments: &[&str]) -> Error {
    use serde_json::Value;

    let object = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Error::validation("the arguments have to be one object"),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            return Error::bad_request(format!("not valid JSON at line {line}, column {column}"));
        }
    };
    let mut fields = BTreeMap::<String, Vec<String>>::new();
    let unknown = object
        .keys()
        .filter(|key| !arguments.contains(&key.as_str()));
    for key in unknown.take(MOST_NAMED) {
        fields.insert(shorten(key), vec![UNKNOWN.to_owned()]);
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    if let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut json) {
        let path = error.path().to_string();
        let error = error.into_inner();
        let text = error.to_string();
        if let Some(name) = quoted(&text, "missing field `") {
            fields.insert(joined(&path, name), vec!["is missing".to_owned()]);
        } else if let Some(name) = quoted(&text, "duplicate field `") {
            fields.insert(joined(&path, name), vec!["is given twice".to_owned()]);
        } else if error.classify() == Category::Data && !fields.contains_key(&path) {
            let text = text.split(" at line ").next().unwrap_or_default();
            fields.insert(shorten(&path), vec![shorten(text)]);
        }
    }
    Error::invalid_fields(fields)
}

/// The name in backticks behind `prefix`, where a message of serde's begins like that.
fn quoted<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.strip_prefix(prefix)?.split('`').next()
}

/// The path of a field in the object at `path`, which is `.` for the arguments themselves.
fn joined(path: &str, name: &str) -> String {
    if path == "." {
        name.to_owned()
    } else {
        shorten(&format!("{path}.{name}"))
    }
}

/// Keeps what a caller sent from coming back at full length.
pub(crate) fn shorten(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn decode_form<T: DeserializeOwned>(body: &[u8], arguments: &[&str]) -> Result<T> {
    if percent_decode(body).decode_utf8().is_err() {
        return Err(Error::bad_request("the form is not encoded in UTF-8"));
    }
    match form(body).and_then(refusing_unknown) {
        Ok((value, true)) => Ok(value),
        _ => Err(explain_form::<T>(body, arguments)),
    }
}

/// Depth and leniency as in Leptos's `PostUrl`: nested structs as `address[street]`.
fn form(body: &[u8]) -> std::result::Result<serde_qs::Deserializer<'_>, serde_qs::Error> {
    serde_qs::Deserializer::with_config(&serde_qs::Config::new(5, false), body)
}

/// Says what is wrong with a form that did not decode.
fn explain_form<T: DeserializeOwned>(body: &[u8], arguments: &[&str]) -> Error {
    let mut fields = BTreeMap::<String, Vec<String>>::new();
    let mut seen = Vec::new();
    for (name, is_list) in form_names(body) {
        let message = if !arguments.contains(&name.as_str()) {
            UNKNOWN
        } else if seen.contains(&name) && !is_list {
            "is given twice"
        } else {
            seen.push(name);
            continue;
        };
        if fields.len() < MOST_NAMED {
            fields.insert(shorten(&name), vec![message.to_owned()]);
        }
    }
    let decoded = match form(body) {
        Ok(form) => serde_path_to_error::deserialize::<_, T>(form),
        Err(error) => return Error::bad_request(shorten(&error.to_string())),
    };
    if let Err(error) = decoded {
        let path = error.path().to_string();
        let text = error.into_inner().to_string();
        match quoted(&text, "missing field `") {
            Some(name) => {
                fields.insert(joined(&path, name), vec!["is missing".to_owned()]);
            }
            None if path == "." && fields.is_empty() => return Error::validation(shorten(&text)),
            None if path == "." => {}
            None => {
                fields
                    .entry(shorten(&path))
                    .or_insert_with(|| vec![shorten(&text)]);
            }
        }
    }
    Error::invalid_fields(fields)
}

/// The names of a form's fields, up to the bracket of a nested one, and whether there is one.
fn form_names(body: &[u8]) -> impl Iterator<Item = (String, bool)> {
    let pairs = body
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = percent_decode(name).decode_utf8_lossy().replace('+', " ");
        match name.split_once('[') {
            Some((name, _)) => (name.to_owned(), true),
            None => (name, false),
        }
    })
}
