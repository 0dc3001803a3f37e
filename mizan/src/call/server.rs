//! A call on the server: the body, run where it stands or behind the endpoint.
//!
//! [`call`] is what the function itself does, wherever it is called: the span, the log and the
//! catch for panics are here, so that the endpoint, a context member and a plain call during
//! server rendering behave the same. [`Registration`] is the endpoint's way in.

use super::{
    Call,
    arguments::{decode_form, decode_json},
    build,
};
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
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
};
use tracing::{Instrument, field};

/// What holds for a function, whatever it is reached through; exists on the server only.
pub trait Terms: Send + Sync + Sized + 'static {
    /// The function's name.
    const FUNCTION: &'static str;

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
}

/// The body of a function; exists on the server only.
pub trait Body: Call + Terms {
    /// Runs the body.
    fn run(self) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// What a body ends in, where it does not end in an error.
pub(crate) trait Outcome {
    /// Whether what the function does to contexts counts.
    fn is_success(&self) -> bool {
        true
    }

    /// The error that it is all the same.
    fn error(&self) -> Option<&Error> {
        None
    }

    /// The value that a member of a context becomes by it.
    fn written(&self) -> Option<Box<RawValue>>;
}

impl<T: Serialize> Outcome for T {
    fn written(&self) -> Option<Box<RawValue>> {
        // If its own code can do that
        let write = AssertUnwindSafe(|| to_raw_value(self).ok());
        catch_unwind(write).ok().flatten()
    }
}

/// Runs a function in a span, catching its panic: its limit, its guard, its body.
///
/// # Errors
///
/// What the body failed with; INTERNAL_ERROR when it panicked; TOO_MANY_REQUESTS, UNAUTHORIZED or
/// FORBIDDEN when it did not run.
pub async fn call<C: Body>(arguments: C) -> Result<C::Output> {
    run(arguments, Admitted::of::<C>()).await
}

/// Whether the caller of a function was let in.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Admitted {
    No,
    /// As far as that was possible without the arguments.
    ButForTheCheck,
    Yes,
}

impl Admitted {
    /// Whether that is so of the function that runs now: the endpoint has asked already, before
    /// it read the arguments.
    pub(crate) fn of<C: Terms>() -> Self {
        match Scope::with(Scope::is_admitted).unwrap_or(false) {
            true if C::CHECKED => Self::ButForTheCheck,
            true => Self::Yes,
            false => Self::No,
        }
    }
}

/// Counts a call, and lets the caller in, or doesn't.
///
/// # Errors
///
/// TOO_MANY_REQUESTS, UNAUTHORIZED or FORBIDDEN; what a check of the application's failed with.
pub(crate) async fn admit<C: Terms>(arguments: &C, so_far: Admitted) -> Result<()> {
    if so_far == Admitted::No {
        limit::count(C::FUNCTION).await?;
    }
    if so_far != Admitted::Yes {
        arguments.admit().await?;
    }
    Ok(())
}

/// The same, for a caller who was let in already, or wasn't.
pub(crate) async fn run<C: Body>(arguments: C, admitted: Admitted) -> Result<C::Output> {
    around(arguments, admitted, C::run).await
}

/// Runs whatever is a function's body, with all that is around it.
pub(crate) async fn around<C: Terms, T: Outcome, F>(
    arguments: C,
    admitted: Admitted,
    body: impl FnOnce(C) -> F,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    // DEBUG, as tower-http's: under a filter of INFO it costs nothing, and errors are logged anyway
    let span = tracing::debug_span!(
        "call",
        function = C::FUNCTION,
        code = field::Empty,
        duration_us = field::Empty
    );
    let effects = Pending::of(&arguments);
    let started = (!span.is_disabled()).then(std::time::Instant::now);
    let (result, invalidated) = {
        // Pinned here, and not moved through everything around it
        let body = pin!(async {
            admit(&arguments, admitted).await?;
            effects.begin();
            body(arguments).await
        });
        // A panic leaves the body's own values behind, and nothing of ours
        let body = AssertUnwindSafe(body).catch_unwind();
        mutation::collect(body.instrument(span.clone())).await
    };
    let has_panicked = result.is_err();
    let result = result.unwrap_or_else(|panic| Err(panicked(C::FUNCTION, &*panic)));
    let untold = match &result {
        Ok(output) if output.is_success() => effects.commit(invalidated, output),
        _ if has_panicked => {
            effects.cut_off(invalidated);
            None
        }
        _ => {
            effects.fail();
            None
        }
    };
    let error = result.as_ref().map_or_else(Some, T::error);
    if let Some(error) = error {
        log(C::FUNCTION, error);
    }
    if let Some(started) = started {
        let code = error.map_or("OK", |error| error.code().name());
        let elapsed = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        span.record("code", code).record("duration_us", elapsed);
    }
    if let Some(untold) = untold {
        // Boxed: over HTTP it is never so
        Box::pin(untold.tell()).await;
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

/// What the server knows of a function, whatever it is reached through.
pub(crate) struct About {
    pub(crate) name: &'static str,
    pub(crate) location: Location,
    pub(crate) effects: &'static [Effect],
    pub(crate) types: &'static [ArgumentType],
    pub(crate) guard: Guard,
    pub(crate) rate: Option<Rate>,
    pub(crate) user_type: fn() -> Option<UserType>,
}

impl About {
    pub(crate) const fn new<C: Terms>(location: Location) -> Self {
        Self {
            name: C::FUNCTION,
            location,
            effects: C::EFFECTS,
            types: C::TYPES,
            guard: C::GUARD,
            rate: C::RATE,
            user_type: C::user_type,
        }
    }
}

/// A function that can be called; collected from the whole program.
pub struct Registration {
    pub(crate) about: About,
    pub(crate) path: &'static str,
    pub(crate) private: bool,
    pub(crate) form: bool,
    pub(crate) dispatch: fn(Bytes, Encoding) -> Dispatched,
}

inventory::collect!(Registration);

impl Registration {
    /// Describes the function `C`, which stands at `location`.
    pub const fn new<C: Body>(location: Location) -> Self {
        Self {
            about: About::new::<C>(location),
            path: C::PATH,
            private: false,
            form: false,
            dispatch: dispatch::<C>,
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
        begin_answer(C::NAME, &result)
    })
}

/// Writes the beginning of an answer, `{"result":T`.
pub(crate) fn begin_answer<T: Serialize>(function: &'static str, result: &T) -> Result<Vec<u8>> {
    let mut text = buffer();
    text.extend_from_slice(b"{\"result\":");
    match serde_json::to_writer(&mut text, result) {
        Ok(()) => Ok(text),
        Err(error) => {
            let error = Error::internal(error);
            log(function, &error);
            Err(error)
        }
    }
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
