//! `#[mizan::form]`, `#[mizan::form_handler]` and `#[mizan::choices]`

mod choices;
mod expand;
mod field;
mod handler;
mod model;
mod rules;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, ItemEnum, ItemStruct};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    match model::Form::parse(options, item.clone()) {
        Ok(form) => expand::expand(&form),
        Err(errors) => {
            let item = as_written(item);
            quote! { #item #errors }
        }
    }
}

pub(crate) fn expand_handler(options: TokenStream, item: TokenStream) -> TokenStream {
    match handler::Handler::parse(options, item) {
        Ok(handler) => handler.expand(),
        // The item itself implements a trait of other functions
        Err(errors) => errors,
    }
}

pub(crate) fn expand_choices(options: TokenStream, item: TokenStream) -> TokenStream {
    match choices::Choices::parse(options, item.clone()) {
        Ok(choices) => choices.expand(),
        Err(errors) => {
            let item = as_written(item);
            quote! { #item #errors }
        }
    }
}

/// The item for the editor, without attributes that are only these macros'.
fn as_written(item: TokenStream) -> TokenStream {
    if let Ok(mut item) = syn::parse2::<ItemStruct>(item.clone()) {
        for field in &mut item.fields {
            take(&mut field.attrs, "field");
        }
        return item.into_token_stream();
    }
    if let Ok(mut item) = syn::parse2::<ItemEnum>(item.clone()) {
        for variant in &mut item.variants {
            take(&mut variant.attrs, "choice");
        }
        return item.into_token_stream();
    }
    item
}

/// Takes the attributes of a name out of all.
fn take(attributes: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    attributes
        .extract_if(.., |attribute| attribute.path().is_ident(name))
        .collect()
}
