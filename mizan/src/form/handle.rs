//! What a component has of a form: its fields, and what becomes of it.

use super::{
    FieldSchema, Form, Pairs, Report, Submit, side,
    state::{Entry, State, join, row},
};
use crate::Error;
use crate::text::concat;
use leptos::prelude::WithValue;
use leptos::reactive::owner::StoredValue;
use std::{fmt, marker::PhantomData, ops::Deref, sync::Arc};

/// A form that a component shows; returned by `use_contact_form()`.
///
/// It is `Copy`, and belongs to the owner that called the hook. Its fields are those of the form:
/// `form.email` is a [`FieldHandle`]. On the server it is as it is filled in at first, or as it was
/// posted by a browser without JavaScript.
///
/// # Example
///
/// ```
/// use leptos::prelude::*;
/// use mizan::form::{FieldView, FormView, SubmitButton};
///
/// #[mizan::form(submit_label = "Send")]
/// pub struct LetterForm {
///     #[field(email)]
///     pub email: String,
///     #[field(widget = "textarea", length(min = 10))]
///     pub text: String,
/// }
///
/// #[mizan::form_handler]
/// impl FormHandler for LetterForm {
///     type Output = u32;
///
///     async fn submit(self) -> mizan::Result<u32> {
///         Ok(self.text.len().try_into()?)
///     }
/// }
///
/// /// All of it as Mizan lays it out.
/// #[component]
/// fn Short() -> impl IntoView {
///     view! { <LetterFormView/> }
/// }
///
/// /// By hand.
/// #[component]
/// fn Long() -> impl IntoView {
///     let form = use_letter_form();
///     view! {
///         <FormView form>
///             <FieldView field=form.email/>
///             <p>{move || form.text.get().len()} " letters"</p>
///             <FieldView field=form.text/>
///             <SubmitButton/>
///         </FormView>
///         <p>{move || form.done().map(|count| format!("{count} letters are on their way"))}</p>
///     }
/// }
/// # let _ = (Short, Long);
/// ```
pub struct FormHandle<F: Form> {
    fields: F::Fields,
    any: AnyForm,
}

/// A form's handle, whatever the form: what components take.
#[derive(Clone, Copy)]
pub struct AnyForm(StoredValue<Arc<State>>);

impl<F: Submit> FormHandle<F> {
    /// For the hooks, which the macro writes.
    #[doc(hidden)]
    #[must_use]
    pub fn new() -> Self {
        let state = State::new::<F>();
        let place = Place {
            state: Arc::clone(&state),
            fields: F::SCHEMA.fields,
            group: String::new(),
        };
        Self {
            fields: F::fields(&place),
            any: AnyForm(StoredValue::new(state)),
        }
    }

    /// Returns what the latest submit that was taken got.
    pub fn done(&self) -> Option<F::Output> {
        let state = self.any.state();
        let read = |text: &str| serde_json::from_str(text).ok();
        state.facts.with(|facts| read(facts.done.as_ref()?.get()))
    }
}

impl<F: Submit> Default for FormHandle<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Form> FormHandle<F> {
    /// Submits it, unless it is on its way already.
    ///
    /// Where something is wrong with it that can be seen here, all of that is shown, the first
    /// field with a mistake gets the focus, and nothing is sent. The same happens where the server
    /// finds something wrong.
    ///
    /// A submit whose answer was lost can be tried again: with the same values it is the same
    /// submit, which the server makes once.
    pub fn submit(&self) {
        side::send(&self.any.state());
    }

    /// Returns whether it is on its way.
    pub fn pending(&self) -> bool {
        self.any.state().facts.with(|facts| facts.pending)
    }

    /// Returns whether it was taken, and nothing was changed since.
    pub fn succeeded(&self) -> bool {
        self.any.state().facts.with(|facts| facts.succeeded)
    }

    /// Returns what is wrong, as far as it is shown: by fields' flat names, and of the form as a
    /// whole.
    pub fn errors(&self) -> Report {
        let state = self.any.state();
        let mut report = Report::default();
        for (name, entry) in state.entries() {
            entry.with(|fill| fill.errors().for_each(|text| report.field(&name, text)));
        }
        state.facts.with(|facts| {
            for text in facts.shown() {
                report.form(text);
            }
        });
        report
    }

    /// Returns the flat names of the fields whose mistakes are shown: those that were left after a
    /// change, and all once a submit was tried.
    pub fn touched(&self) -> Vec<String> {
        let entries = self.any.state().entries().into_iter();
        let touched = entries.filter(|(_, entry)| entry.with(|fill| fill.touched));
        touched.map(|(name, _)| name).collect()
    }

    /// Returns what the latest submit failed with, where that is nothing about its fields.
    pub fn error(&self) -> Option<Error> {
        self.any.state().facts.with(|facts| facts.error.clone())
    }

    /// Returns whether something else is filled in than at first.
    pub fn dirty(&self) -> bool {
        self.any.state().is_dirty()
    }

    /// Goes back to what was filled in at first, or taken last where that is kept.
    pub fn reset(&self) {
        self.any.state().reset();
    }

    /// Fills it in. Passwords are left empty.
    pub fn fill(&self, form: &F) {
        let mut pairs = Pairs::default();
        form.show(&mut pairs);
        let pairs: Vec<_> = pairs.into_iter().collect();
        self.any.state().fill(&pairs);
    }

    /// Returns the form, where nothing is wrong with it that can be seen here.
    pub fn value(&self) -> Option<F> {
        let state = self.any.state();
        state.track();
        let mut report = Report::default();
        let form = F::read(&state.values().ok()?, &mut report);
        form.filter(|_| report.is_valid())
    }
}

impl<F: Form> Deref for FormHandle<F> {
    type Target = F::Fields;

    fn deref(&self) -> &F::Fields {
        &self.fields
    }
}

impl<F: Form> Clone for FormHandle<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F: Form> Copy for FormHandle<F> {}

impl<F: Form> fmt::Debug for FormHandle<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = F::SCHEMA.name;
        f.debug_tuple("FormHandle").field(&name).finish()
    }
}

impl<F: Form> From<FormHandle<F>> for AnyForm {
    fn from(form: FormHandle<F>) -> Self {
        form.any
    }
}

impl AnyForm {
    pub(super) fn state(&self) -> Arc<State> {
        let state = self.0.try_with_value(Arc::clone);
        state.expect("a form's handle lives as long as the owner that called the hook")
    }
}

impl fmt::Debug for AnyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyForm").finish_non_exhaustive()
    }
}

/// Where a form stands: by itself, or as a group of another.
#[derive(Clone)]
pub struct Place {
    pub(super) state: Arc<State>,
    pub(super) fields: &'static [FieldSchema],
    /// Empty, or the group's flat name.
    pub(super) group: String,
}

impl Place {
    /// The field at an index.
    pub fn field<T>(&self, index: usize) -> FieldHandle<T> {
        FieldHandle {
            any: self.any(index),
            ty: PhantomData,
        }
    }

    fn any(&self, index: usize) -> AnyField {
        AnyField(StoredValue::new(Arc::new(self.at(index))))
    }

    pub(super) fn at(&self, index: usize) -> At {
        let schema = &self.fields[index];
        At {
            state: Arc::clone(&self.state),
            schema,
            name: join(&self.group, schema.name),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.group).finish()
    }
}

/// A field of a form that a component shows, of the type `T`.
///
/// It is `Copy`. What it returns is followed as a signal is.
pub struct FieldHandle<T> {
    any: AnyField,
    ty: PhantomData<fn() -> T>,
}

/// A field's handle, whatever its type: what components take.
#[derive(Clone, Copy)]
pub struct AnyField(StoredValue<Arc<At>>);

/// A field in its form.
#[derive(Clone)]
pub(super) struct At {
    pub(super) state: Arc<State>,
    pub(super) schema: &'static FieldSchema,
    /// The flat name.
    pub(super) name: String,
}

impl At {
    pub(super) fn entry(&self) -> Arc<Entry> {
        self.state.entry(&self.name)
    }

    /// The fields in it.
    pub(super) fn group(&self) -> Place {
        self.group_of(&self.name)
    }

    /// The fields in one of its rows.
    pub(super) fn group_of(&self, name: &str) -> Place {
        Place {
            state: Arc::clone(&self.state),
            fields: self.schema.fields,
            group: name.to_owned(),
        }
    }

    /// What is shown as wrong.
    pub(super) fn errors(&self) -> Vec<String> {
        let entry = self.entry();
        entry.with(|fill| fill.errors().map(str::to_owned).collect())
    }

    /// Whether something is shown as wrong.
    pub(super) fn is_wrong(&self) -> bool {
        self.entry().with(|fill| fill.errors().next().is_some())
    }

    /// The numbers of its rows.
    pub(super) fn rows(&self) -> Vec<u32> {
        self.entry().with(|fill| fill.rows.clone())
    }

    /// The id of its element, or of a part of what stands around that.
    pub(super) fn id(&self, part: &str) -> String {
        let name = self.name.replace('.', "-");
        concat(&[self.state.schema.name, "-", &name, part])
    }
}

impl<T> FieldHandle<T> {
    /// Returns its text: what stands in it, the choice that is made, or `on` of a box that is
    /// ticked.
    #[must_use]
    pub fn get(&self) -> String {
        self.any.at().entry().with(|fill| fill.text().to_owned())
    }

    /// Returns all its texts: the choices that are made, where there can be several.
    #[must_use]
    pub fn get_all(&self) -> Vec<String> {
        self.any.at().entry().with(|fill| fill.texts.clone())
    }

    /// Puts a text into it: an empty one makes no choice, and takes the tick out of a box.
    pub fn set(&self, text: impl Into<String>) {
        self.any.set(text.into());
    }

    /// Makes these choices.
    pub fn set_all(&self, texts: Vec<String>) {
        let at = self.any.at();
        at.state.set(&at.name, texts);
    }

    /// Notes that this was typed; for an element that stands in no
    /// [`FormView`](super::FormView), which does so by itself.
    pub fn input(&self, text: impl Into<String>) {
        self.set(text);
    }

    /// Notes that it was left; for an element that stands in no [`FormView`](super::FormView).
    pub fn blur(&self) {
        let at = self.any.at();
        at.state.blur(&at.name);
    }

    /// Returns what is wrong with it, as far as that is shown.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.any.at().errors()
    }

    /// Returns whether what is wrong with it is shown: it was left after a change, or a submit was
    /// tried.
    #[must_use]
    pub fn touched(&self) -> bool {
        self.any.at().entry().with(|fill| fill.touched)
    }

    /// Returns its flat name, as in `address.city`: what an element that asks for it is named.
    #[must_use]
    pub fn name(&self) -> String {
        self.any.at().name.clone()
    }

    /// Returns what stands beside it.
    #[must_use]
    pub fn label(&self) -> &'static str {
        self.any.at().schema.label
    }

    /// Returns what the form says of it.
    #[must_use]
    pub fn schema(&self) -> &'static FieldSchema {
        self.any.at().schema
    }

    /// Returns the id of the element that asks for it.
    #[must_use]
    pub fn id(&self) -> String {
        self.any.at().id("")
    }

    /// Returns the id of what else is said of it.
    #[must_use]
    pub fn help_id(&self) -> String {
        self.any.at().id(HELP)
    }

    /// Returns the id of what is wrong with it.
    #[must_use]
    pub fn errors_id(&self) -> String {
        self.any.at().id(ERRORS)
    }
}

/// What the ids of a field's help and mistakes end in.
pub(super) const HELP: &str = "-help";
pub(super) const ERRORS: &str = "-errors";

impl<F: Form> FieldHandle<F> {
    /// Returns the fields of the group.
    #[must_use]
    pub fn fields(&self) -> F::Fields {
        F::fields(&self.any.at().group())
    }
}

impl<F: Form> FieldHandle<Option<F>> {
    /// Returns the fields of the group.
    #[must_use]
    pub fn fields(&self) -> F::Fields {
        F::fields(&self.any.at().group())
    }
}

impl<F: Form> FieldHandle<Vec<F>> {
    /// Returns the numbers of the rows, in order. A row keeps its number when others go.
    #[must_use]
    pub fn rows(&self) -> Vec<u32> {
        self.any.at().rows()
    }

    /// Returns the fields of the row of a number.
    #[must_use]
    pub fn row(&self, number: u32) -> F::Fields {
        let at = self.any.at();
        F::fields(&at.group_of(&row(&at.name, number)))
    }

    /// Adds a row behind the others, unless there are as many as there may be.
    pub fn add(&self) {
        let at = self.any.at();
        at.state.add_row(&at.name);
    }

    /// Takes a row out, unless there are as few as there may be.
    pub fn remove(&self, number: u32) {
        let at = self.any.at();
        at.state.remove_row(&at.name, number);
    }

    /// Has what is in a row change places with what is in the one before it.
    pub fn move_up(&self, number: u32) {
        let at = self.any.at();
        at.state.move_row(&at.name, number, true);
    }

    /// Has what is in a row change places with what is in the one behind it.
    pub fn move_down(&self, number: u32) {
        let at = self.any.at();
        at.state.move_row(&at.name, number, false);
    }
}

impl<T> Clone for FieldHandle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for FieldHandle<T> {}

impl<T> fmt::Debug for FieldHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldHandle").finish_non_exhaustive()
    }
}

impl<T> From<FieldHandle<T>> for AnyField {
    fn from(field: FieldHandle<T>) -> Self {
        field.any
    }
}

impl AnyField {
    pub(super) fn at(&self) -> Arc<At> {
        let at = self.0.try_with_value(Arc::clone);
        at.expect("a field's handle lives as long as the owner that called the hook")
    }

    fn set(&self, text: String) {
        let at = self.at();
        let is_nothing = text.is_empty() && super::state::may_be_nothing(at.schema);
        let texts = if is_nothing { Vec::new() } else { vec![text] };
        at.state.set(&at.name, texts);
    }
}

impl fmt::Debug for AnyField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyField").finish_non_exhaustive()
    }
}
