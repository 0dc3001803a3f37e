//! A form that an application lays out itself, and one that it leaves to Mizan.

use leptos::prelude::*;
use mizan::form::{FieldView, FormHandle, FormView, Input, Messages, SubmitButton};

mod forms {
    //! Forms may be private, and named otherwise.

    #[mizan::form(name = "order", success = "Thank you", keep_values, live_validation)]
    pub(crate) struct Order {
        pub(crate) title: String,
        #[field(email)]
        pub(crate) email: String,
        pub(crate) address: AddressForm,
        pub(crate) other: Option<AddressForm>,
        pub(crate) items: Vec<ItemForm>,
    }

    #[mizan::form]
    pub(crate) struct AddressForm {
        pub(crate) city: String,
    }

    #[mizan::form]
    pub(crate) struct ItemForm {
        pub(crate) text: String,
        pub(crate) r#type: Option<u8>,
    }

    #[mizan::form_handler]
    impl FormHandler for Order {
        type Output = u32;

        async fn submit(self) -> mizan::Result<u32> {
            Ok(1)
        }
    }
}

use forms::{Order, OrderFormView, use_order_form};

#[component]
fn ByHand() -> impl IntoView {
    let form: FormHandle<Order> = use_order_form();
    let title = form.title;
    let rows = move || {
        let rows = form.items.rows().into_iter();
        rows.map(|row| {
            let fields = form.items.row(row);
            view! {
                <FieldView field=fields.text/>
                <FieldView field=fields.r#type/>
                <button type="button" on:click=move |_| form.items.remove(row)>"Without"</button>
            }
        })
        .collect_view()
    };
    view! {
        <FormView form>
            <input
                name=title.name()
                id=title.id()
                prop:value=move || title.get()
                on:input=move |event| title.input(event_target_value(&event))
                on:blur=move |_| title.blur()
                aria-invalid=move || (!title.errors().is_empty()).then_some("true")
                aria-describedby=title.errors_id()
            />
            <Messages field=title/>
            <label for=form.email.id()>{form.email.label()}</label>
            <Input field=form.email/>
            <FieldView field=form.address.fields().city/>
            <FieldView field=form.other.fields().city/>
            {rows}
            <SubmitButton>"Order"</SubmitButton>
        </FormView>
        <button on:click=move |_| form.submit() disabled=move || form.pending()>"Or here"</button>
        <button on:click=move |_| form.reset() disabled=move || !form.dirty()>"Begin anew"</button>
        <p>{move || form.done()}</p>
        <p>{move || form.error().map(|error| error.to_string())}</p>
        <p>{move || form.value().map(|order| order.title)}</p>
        <p>{move || form.errors().fields().len() + form.touched().len()}</p>
    }
}

#[component]
fn Whole() -> impl IntoView {
    view! { <OrderFormView/> }
}

fn main() {
    let _ = (ByHand, Whole);
}
