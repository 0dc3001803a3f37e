//! A route on the server: how its arguments are read, and its body run.

use crate::{
    Error, Result,
    call::{
        arguments::{decode_form, decode_json, form, form_name},
        server::{About, Admitted, Encoding, Outcome, Terms, around},
    },
    registry::Location,
};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::{future::Future, pin::Pin};

/// A function that is a view of its own; exists on the server only.
pub trait Route: Terms {
    /// Where it is, `/profile/{id}`.
    const PATH: &'static str;

    /// The methods that it is for.
    const METHODS: &'static [&'static str];

    /// The names of the arguments that are not in the path.
    const ARGUMENTS: &'static [&'static str];

    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// NOT_FOUND where those in the path are none; VALIDATION_ERROR or BAD_REQUEST for the others.
    fn read(sent: &Sent) -> Result<Self>;

    /// Runs the body.
    fn run(self) -> impl Future<Output = Answered> + Send;
}

/// What a body has answered.
pub struct Answered(pub(crate) Response);

/// Makes an answer of what a body returns, while it is still in its request.
pub fn answered(answer: impl IntoResponse) -> Answered {
    Answered(answer.into_response())
}

impl Outcome for Answered {
    fn is_success(&self) -> bool {
        self.0.status().as_u16() < 400
    }

    fn error(&self) -> Option<&Error> {
        self.0.extensions().get()
    }

    fn written(&self) -> Option<Box<RawValue>> {
        None
    }
}

/// Runs a route as it runs behind its path: its limit, its guard, its body.
///
/// # Errors
///
/// INTERNAL_ERROR when the body panicked; TOO_MANY_REQUESTS, UNAUTHORIZED or FORBIDDEN when it did
/// not run. What it failed with itself is an answer.
pub async fn visit<C: Route>(arguments: C) -> Result<Response> {
    let Answered(response) = answer(arguments).await?;
    Ok(response)
}

async fn answer<C: Route>(arguments: C) -> Result<Answered> {
    let run = |arguments: C| async { Ok(arguments.run().await) };
    around(arguments, Admitted::of::<C>(), run).await
}

/// The arguments as a request sent them.
pub struct Sent {
    /// Those in the path, as a form; `None` where they are not in UTF-8.
    path: Option<String>,
    others: Others,
}

enum Others {
    Query(Vec<u8>),
    Body(Bytes, Encoding),
}

impl Sent {
    /// Takes what is in the path, decoded, and the query.
    pub(crate) fn new<'a>(
        path: Option<impl Iterator<Item = (&'a str, &'a str)>>,
        query: &str,
    ) -> Self {
        let escaped = |value| utf8_percent_encode(value, NON_ALPHANUMERIC);
        let pair = |(name, value)| format!("{name}={}", escaped(value));
        Self {
            path: path.map(|path| path.map(pair).collect::<Vec<_>>().join("&")),
            others: Others::Query(query.into()),
        }
    }

    /// Takes a body in place of the query.
    pub(crate) fn with_body(self, body: Bytes, encoding: Encoding) -> Self {
        Self {
            others: Others::Body(body, encoding),
            ..self
        }
    }

    /// Reads the arguments in the path.
    ///
    /// # Errors
    ///
    /// NOT_FOUND.
    pub fn path<T: DeserializeOwned>(&self) -> Result<T> {
        let path = self.path.as_ref().map(|path| form(path.as_bytes()));
        path.and_then(|path| T::deserialize(path.ok()?).ok())
            .ok_or_else(|| Error::not_found("there is no such page"))
    }

    /// Reads the others, which have these names.
    ///
    /// # Errors
    ///
    /// VALIDATION_ERROR, which names them; BAD_REQUEST where nothing can be read.
    pub fn arguments<T: DeserializeOwned>(&self, names: &[&str]) -> Result<T> {
        match &self.others {
            Others::Query(query) => decode_query(query, names),
            Others::Body(body, Encoding::Json) => decode_json(body, names),
            Others::Body(body, Encoding::Form) => decode_form(body, names),
        }
    }
}

/// Reads arguments out of a query. What else is in it is ignored: whoever passes a link on adds to
/// it where it came from.
fn decode_query<T: DeserializeOwned>(query: &[u8], names: &[&str]) -> Result<T> {
    let pairs = query.split(|byte| *byte == b'&');
    let known = pairs.filter(|pair| names.contains(&form_name(pair).0.as_str()));
    let query = known.collect::<Vec<_>>().join(&b'&');
    if percent_decode(&query).decode_utf8().is_err() {
        return Err(Error::bad_request("the query is not encoded in UTF-8"));
    }
    decode_form(&query, names)
}

/// A route that was asked and is under way.
type Dispatched = Pin<Box<dyn Future<Output = Result<Answered>> + Send>>;

/// A route as the server knows it; collected from the whole program.
pub struct RouteRegistration {
    pub(crate) about: About,
    pub(crate) path: &'static str,
    pub(crate) methods: &'static [&'static str],
    /// The names of the arguments that are not in the path.
    pub(crate) arguments: &'static [&'static str],
    pub(crate) dispatch: fn(Sent) -> Dispatched,
}

inventory::collect!(RouteRegistration);

impl RouteRegistration {
    /// Describes the route `C`, which stands at `location`.
    pub const fn new<C: Route>(location: Location) -> Self {
        Self {
            about: About::new::<C>(location),
            path: C::PATH,
            methods: C::METHODS,
            arguments: C::ARGUMENTS,
            dispatch: dispatch::<C>,
        }
    }
}

fn dispatch<C: Route>(sent: Sent) -> Dispatched {
    Box::pin(async move {
        let arguments = C::read(&sent)?;
        drop(sent);
        answer(arguments).await
    })
}
