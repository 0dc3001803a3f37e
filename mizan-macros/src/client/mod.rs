//! `#[mizan::client]`

mod expand;
mod model;
mod options;
mod route;
mod view;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{FnArg, ItemFn};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    match model::Function::parse(options, item.clone()) {
        Ok(function) => match &function.route {
            Some(route) => view::expand(&function, route),
            None => expand::expand(&function),
        },
        Err(errors) => {
            let item = as_written(item);
            quote! { #item #errors }
        }
    }
}

/// The item for the editor, without attributes on arguments, which would be errors of their own.
fn as_written(item: TokenStream) -> TokenStream {
    let Ok(mut function) = syn::parse2::<ItemFn>(item.clone()) else {
        return item;
    };
    for input in &mut function.sig.inputs {
        match input {
            FnArg::Receiver(receiver) => receiver.attrs.clear(),
            FnArg::Typed(argument) => argument.attrs.clear(),
        }
    }
    function.into_token_stream()
}
