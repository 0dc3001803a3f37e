//! The components of forms.
//!
//! What is sent of a form is what its elements hold, so it can be sent without JavaScript; they are
//! as they were rendered, and the browser keeps what is filled in. `page` tells the form's state of
//! it, and the other way round where code changes a value. So an element has no listeners and no
//! properties of its own, and there is one piece of code for all fields, whatever their types.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `field` | a field with its label, its help and what is wrong with it |
//! | `input` | the element that asks for it |
//! | `rows` | any number of groups |
//! | `page` | between the elements and the state |

mod field;
mod input;
mod page;
mod rows;
#[cfg(all(test, feature = "ssr"))]
mod tests;

pub use field::{FieldView, Messages};
pub use input::Input;

use super::{
    handle::{AnyForm, Place},
    posted, side,
    state::State,
};
use leptos::{context::Provider, html::Form, prelude::*};
use std::sync::Arc;

/// A form, with what is in it: all of its fields and a button, unless there are children.
///
/// It is sent without JavaScript too. What is wrong with the form as a whole, and that it was taken
/// where it has `success`, is shown and announced.
#[component]
pub fn FormView(
    /// The form's handle.
    #[prop(into)]
    form: AnyForm,
    /// What is in it: [`FieldView`], [`SubmitButton`] and anything else.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    match children {
        Some(children) => view(form, children),
        None => whole(form),
    }
}

/// All of a form, with its title.
pub fn whole(form: AnyForm) -> AnyView {
    let all = move || {
        let state = form.state();
        let title = state.schema.title.map(|title| view! { <h2>{title}</h2> });
        let place = Place {
            fields: state.schema.fields,
            state,
            group: String::new(),
        };
        view! {
            {title}
            {field::all(&place)}
            <SubmitButton/>
        }
        .into_any()
    };
    view(form, Box::new(all))
}

fn view(form: AnyForm, children: Children) -> AnyView {
    let state = form.state();
    let schema = state.schema;
    let node = NodeRef::<Form>::new();
    page::follow(node, Arc::clone(&state));
    let (input, focusout, submit, reset) = (
        Arc::clone(&state),
        Arc::clone(&state),
        Arc::clone(&state),
        Arc::clone(&state),
    );
    view! {
        <form
            id=[schema.name, "-form"].concat()
            class="mizan-form"
            method="post"
            action=posted::action(schema.name)
            aria-label=schema.title
            node_ref=node
            on:input=move |event| page::on_input(&event, &input)
            on:focusout=move |event| page::on_focusout(&event, &focusout)
            on:submit=move |event| {
                event.prevent_default();
                side::send(&submit);
            }
            on:reset=move |event| {
                event.prevent_default();
                reset.reset();
            }
        >
            <input type="hidden" name="mizan-form" value=schema.name/>
            <input type="hidden" name="mizan-key" value=posted::key()/>
            // The first button is the one that the Enter key presses: none of a row's
            <button type="submit" hidden></button>
            {summary(Arc::clone(&state))}
            <Provider value=form>{children()}</Provider>
            {success(state)}
        </form>
    }
    .into_any()
}

/// What is wrong with the form as a whole.
fn summary(state: Arc<State>) -> AnyView {
    let texts = move || field::paragraphs(state.summary());
    view! { <div class="mizan-summary" role="alert">{texts}</div> }.into_any()
}

/// That it was taken.
fn success(state: Arc<State>) -> AnyView {
    let text = state.schema.success.unwrap_or_default();
    let texts = move || {
        let succeeded = state.facts.with(|facts| facts.succeeded);
        let text = (succeeded && !text.is_empty()).then(|| text.to_owned());
        field::paragraphs(text.into_iter().collect())
    };
    view! { <div class="mizan-success" role="status">{texts}</div> }.into_any()
}

/// The button of the [`FormView`] that it stands in. While the form is on its way it is
/// `aria-disabled`, and does nothing: one that is `disabled` would lose the focus.
#[component]
pub fn SubmitButton(
    /// What stands on it: the form's `submit_label`, unless it is given.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    let state = use_context::<AnyForm>().map(|form| form.state());
    let label = state
        .as_ref()
        .map_or("Submit", |state| state.schema.submit_label);
    let content = children.map_or_else(|| label.into_any(), |children| children());
    let pending = move || {
        let state = state.as_ref()?;
        state.facts.with(|facts| facts.pending).then_some("true")
    };
    view! { <button type="submit" class="mizan-submit" aria-disabled=pending>{content}</button> }
}
