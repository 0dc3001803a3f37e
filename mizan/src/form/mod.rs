//! Forms: declared once, checked on both sides.
//!
//! `#[mizan::form]` on a struct says what a form asks for, and `#[mizan::form_handler]` what
//! becomes of it. Whatever a form is sent as, an HTML form's body, what Mizan's client sends or an
//! API client's JSON, it becomes [`Values`], which [`Form::read`] reads: the same code on both
//! sides, and the one place that knows of fields that are missing, repeated, unknown or of another
//! type. What is wrong goes into a [`Report`].
//!
//! | file | what is in it |
//! | --- | --- |
//! | `values` | what was sent, as a tree |
//! | `pairs` | the same the other way: names and texts |
//! | `field/` | how the types of fields are read and shown |
//! | `rules/` | what else holds for them |
//! | `problem`, `report` | what is wrong, and the words for it |
//! | `schema` | what a form consists of |
//! | `state/` | what a form holds while it is filled in |
//! | `handle` | that, as a component has it |
//! | `view/` | the components |
//! | `posted` | without JavaScript: what a page was sent for a form |
//! | `server/` | the endpoints |
//! | `client/` | what is sent, and what becomes of the answers |
//!
//! # Example
//!
//! ```
//! mizan::server! {
//!     use mizan::form::Report;
//! }
//!
//! #[mizan::form(title = "Contact us", submit_label = "Send")]
//! pub struct ContactForm {
//!     #[field(length(max = 100))]
//!     pub name: String,
//!     #[field(email)]
//!     pub email: String,
//!     #[field(widget = "textarea", length(min = 10, message = "say a little more"))]
//!     pub message: String,
//! }
//!
//! #[mizan::form_handler(rate = "5/min")]
//! impl FormHandler for ContactForm {
//!     type Output = String;
//!
//!     async fn check(&self, report: &mut Report) -> mizan::Result<()> {
//!         if self.email.ends_with("@example.com") {
//!             report.field("email", "is nobody's");
//!         }
//!         Ok(())
//!     }
//!
//!     async fn submit(self) -> mizan::Result<String> {
//!         Ok(format!("Thank you, {}", self.name))
//!     }
//! }
//!
//! use mizan::form::{Form, Report as Found, Values};
//!
//! let sent = [("name", "Ada"), ("email", "ada"), ("message", "Hello")];
//! let mut report = Found::default();
//! ContactForm::read(&Values::from_pairs(sent)?, &mut report);
//! assert_eq!(report.fields()["email"], ["must be an e-mail address"]);
//! assert_eq!(report.fields()["message"], ["say a little more"]);
//! # Ok::<_, mizan::Error>(())
//! ```

mod field;
mod handle;
mod pairs;
mod posted;
mod problem;
mod report;
mod rules;
mod schema;
mod state;
#[cfg(test)]
mod tests;
mod values;
#[allow(
    unreachable_pub,
    reason = "what `#[component]` emits beside a component"
)]
mod view;

#[cfg(not(feature = "ssr"))]
mod client;
#[cfg(feature = "ssr")]
pub(crate) mod server;

#[cfg(not(feature = "ssr"))]
use client as side;
#[cfg(feature = "ssr")]
use server as side;

pub use field::{Choices, Element, Field, Reading};
pub use handle::{AnyField, AnyForm, FieldHandle, FormHandle};
pub use pairs::Pairs;
pub use problem::{Problem, Translate, translate};
pub use report::{FieldErrors, Report};
pub use rules::{Bound, Check, Rule, Subject};
pub use schema::{Choice, FieldSchema, Schema, Shape, Widget};
#[cfg(feature = "ssr")]
pub use server::FormHandler;
pub use values::Values;
pub use view::{FieldView, FormView, Input, Messages, SubmitButton};

#[doc(hidden)]
pub use field::{
    choice_shape, choices_shape, group_shape, read, read_choice, read_choices, read_group,
    read_rows, rows_shape, show, show_choices, show_group, show_rows,
};
#[doc(hidden)]
pub use handle::Place;
#[doc(hidden)]
pub use posted::{FORM, KEY, Posted, action, key, posted};
#[cfg(feature = "ssr")]
pub(crate) use posted::{ROW_BUTTONS, on_this_site};
#[doc(hidden)]
pub use rules::{check_custom, check_same, measured, numeric, textual};
use view::ROWS;
#[doc(hidden)]
pub use view::{RowsCode, whole};

use crate::error::{MOST_NAMED, shorten};
use serde::{Serialize, de::DeserializeOwned};

/// A form: what it asks for. `#[mizan::form]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a form",
    label = "not a form",
    note = "put `#[mizan::form]` on the struct"
)]
pub trait Form: Sized + Send + Sync + 'static {
    /// What it consists of.
    const SCHEMA: &'static Schema;

    /// Where it is on the wire.
    const ENDPOINTS: Endpoints;

    /// Handles of its fields, by their names.
    type Fields: Copy + Send + Sync + 'static;

    /// Reads it, and looks at its rules. All that is wrong goes into the report: what is returned
    /// counts where that is still valid.
    fn read(values: &Values, report: &mut Report) -> Option<Self>;

    /// Writes it as a form sends it. Passwords are left out.
    fn show(&self, pairs: &mut Pairs);

    /// Writes what its fields have to begin with: their `default`s.
    fn initial(pairs: &mut Pairs);

    /// Makes the handles of its fields.
    #[doc(hidden)]
    fn fields(place: &Place) -> Self::Fields;
}

/// What a form ends in. `#[mizan::form_handler]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no handler",
    label = "nobody says what becomes of it",
    note = "write `#[mizan::form_handler] impl FormHandler for {Self} {{ .. }}`"
)]
pub trait Submit: Form {
    /// What whoever has submitted it gets.
    type Output: Serialize + DeserializeOwned + Send + Sync + 'static;
}

/// Something of a form that can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The name on the wire, `contact.submit`.
    pub name: &'static str,
    /// The path, `/api/mizan/call/contact.submit`.
    pub path: &'static str,
}

/// Where a form is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Tells what it consists of.
    pub schema: Endpoint,
    /// Looks at what was filled in, and does nothing.
    pub validate: Endpoint,
    /// Takes what was filled in.
    pub submit: Endpoint,
}

/// Says of which names the form has no fields. Mizan's own are none of them, and neither is that of
/// a button without one.
#[doc(hidden)]
pub fn refuse_unknown(values: &Values, fields: &[FieldSchema], report: &mut Report) {
    let names = values.nodes().map(|(name, _)| name);
    let is_known = |name: &str| fields.iter().any(|field| field.name == name);
    let is_ours = |name: &str| name.is_empty() || name.starts_with("mizan-");
    let unknown = names.filter(|name| !is_known(name) && !is_ours(name));
    for name in unknown.take(MOST_NAMED) {
        report.problem(&shorten(name), &Problem::Unknown);
    }
}
