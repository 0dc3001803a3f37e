//! A form's endpoints: `<form>.schema`, `<form>.validate` and `<form>.submit`.
//!
//! They are functions as all others are, to the server: their guard and rate are asked before the
//! body is read, what happens around them is `call::server::around`, and what a submit makes stale
//! is told as a mutation's is.

mod json;
mod page;
mod posted;
mod rows;

pub(super) use page::{Work, changed, keep, send, unchanged};
pub(crate) use posted::{Said, done_cookie, given_back, start_page};
pub(super) use posted::{address, posted, random};
pub(crate) use rows::change_rows;

use super::{Endpoint, Form, Report, Schema, Submit, Values, refuse_unknown};
use crate::{
    Error, Rate, Result,
    auth::{self, Guard, UserType},
    call::{
        arguments::check_utf8,
        server::{
            About, Admitted, Dispatched, Encoding, Registration, Terms, around, begin_answer,
        },
    },
    mutation::consequences::{Argument, ArgumentType},
    registry::Location,
};
use bytes::Bytes;
use garde::rules::alphanumeric::Alphanumeric;
use std::future::Future;
use url::Url;

/// What an application says of a form; the body of `#[mizan::form_handler] impl FormHandler`.
///
/// Its functions run as a call's body does: `mizan::current_user`, `mizan::session` and
/// `mizan::state` work in them, and they have the same time.
pub trait FormHandler: Submit + Terms {
    /// Looks at what only the server can: whether a name is taken, say. Runs where everything else
    /// about the form is in order, before it is submitted, and while it is filled in where it has
    /// `live_validation`.
    ///
    /// # Errors
    ///
    /// What the caller is told instead of the report.
    fn check(&self, report: &mut Report) -> impl Future<Output = Result<()>> + Send {
        let _ = report;
        async { Ok(()) }
    }

    /// Takes the form.
    ///
    /// # Errors
    ///
    /// What the caller is told.
    fn submit(self) -> impl Future<Output = Result<Self::Output>> + Send;
}

/// A form's fields as arguments: they say which instances of contexts are stale.
pub trait FormArguments {
    /// Their types.
    const TYPES: &'static [ArgumentType];

    /// Their values.
    fn arguments(&self) -> Vec<Argument<'_>>;
}

/// How many times a form may be looked at for each time that it may be submitted: people make
/// mistakes, and some forms are looked at while they are filled in.
const LOOKS: u32 = 20;

/// A form that is looked at only.
struct Look<F>(F);

impl<F: FormHandler> Terms for Look<F> {
    const FUNCTION: &'static str = F::ENDPOINTS.validate.name;
    const GUARD: Guard = F::GUARD;
    const CHECKED: bool = F::CHECKED;
    const RATE: Option<Rate> = match F::RATE {
        Some(rate) => Some(rate.times(LOOKS)),
        None => None,
    };

    fn user_type() -> Option<UserType> {
        F::user_type()
    }

    fn admit(&self) -> impl Future<Output = Result<()>> + Send {
        self.0.admit()
    }
}

/// A form of which it is asked what it consists of.
struct Description<F>(std::marker::PhantomData<fn() -> F>);

impl<F: FormHandler> Terms for Description<F> {
    const FUNCTION: &'static str = F::ENDPOINTS.schema.name;
    const GUARD: Guard = F::GUARD;

    fn admit(&self) -> impl Future<Output = Result<()>> + Send {
        auth::admit(Self::GUARD)
    }
}

/// A form as the server knows it; collected from the whole program.
pub struct FormRegistration {
    pub(crate) name: &'static str,
    pub(crate) schema: &'static Schema,
    pub(crate) location: Location,
    pub(crate) endpoints: [Registration; 3],
}

inventory::collect!(FormRegistration);

impl FormRegistration {
    /// Describes the form `F`, whose handler stands at `location`.
    pub const fn new<F: FormHandler>(location: Location) -> Self {
        let endpoints = F::ENDPOINTS;
        Self {
            name: F::SCHEMA.name,
            schema: F::SCHEMA,
            location,
            endpoints: [
                endpoint::<Description<F>>(&endpoints.schema, location, describe::<F>),
                endpoint::<Look<F>>(&endpoints.validate, location, validate::<F>),
                endpoint::<F>(&endpoints.submit, location, submit::<F>),
            ],
        }
    }

    /// The endpoint that takes it.
    pub(crate) fn submit(&self) -> &Registration {
        let [_, _, submit] = &self.endpoints;
        submit
    }
}

const fn endpoint<C: Terms>(
    endpoint: &Endpoint,
    location: Location,
    dispatch: fn(Bytes, Encoding) -> Dispatched,
) -> Registration {
    Registration {
        about: About::new::<C>(location),
        path: endpoint.path,
        private: false,
        form: true,
        dispatch,
    }
}

fn describe<F: FormHandler>(body: Bytes, encoding: Encoding) -> Dispatched {
    Box::pin(async move {
        let mut report = Report::default();
        refuse_unknown(&decode(&body, encoding)?, &[], &mut report);
        report.finish()?;
        begin_answer(F::ENDPOINTS.schema.name, F::SCHEMA)
    })
}

fn validate<F: FormHandler>(body: Bytes, encoding: Encoding) -> Dispatched {
    Box::pin(async move {
        let (form, mut report) = read::<F>(&body, encoding)?;
        drop(body);
        if let Some(form) = form {
            let look = async |Look(form): Look<F>| checked(&form).await;
            report = around(Look(form), Admitted::of::<Look<F>>(), look).await?;
        }
        begin_answer(F::ENDPOINTS.validate.name, &report)
    })
}

fn submit<F: FormHandler>(body: Bytes, encoding: Encoding) -> Dispatched {
    Box::pin(async move {
        let (form, report) = read::<F>(&body, encoding)?;
        drop(body);
        let form = match form {
            Some(form) => form,
            None => return Err(refused(report)),
        };
        let run = async |form: F| {
            checked(&form).await?.finish()?;
            form.submit().await
        };
        let output = around(form, Admitted::of::<F>(), run).await?;
        begin_answer(F::ENDPOINTS.submit.name, &output)
    })
}

/// Reads a form: it is there where nothing is wrong with it as far as that can be seen by itself.
fn read<F: Form>(body: &[u8], encoding: Encoding) -> Result<(Option<F>, Report)> {
    let values = decode(body, encoding)?;
    let mut report = Report::default();
    let form = F::read(&values, &mut report).filter(|_| report.is_valid());
    Ok((form, report))
}

/// The error of a form that could not be read.
fn refused(report: Report) -> Error {
    let error = report.finish().err();
    error.unwrap_or_else(|| Error::internal("a form was not read, and nothing is wrong with it"))
}

async fn checked<F: FormHandler>(form: &F) -> Result<Report> {
    let mut report = Report::default();
    form.check(&mut report).await?;
    Ok(report)
}

fn decode(body: &[u8], encoding: Encoding) -> Result<Values> {
    match encoding {
        Encoding::Json => json::decode(body),
        Encoding::Form => {
            check_utf8(body)?;
            Values::from_pairs(form_urlencoded::parse(body))
        }
    }
}

/// Whether a text has letters and digits only.
pub(super) fn is_alphanumeric(text: &str) -> bool {
    text.validate_alphanumeric()
}

/// Whether a text is an address of the web, as a browser would say.
pub(super) fn is_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}
