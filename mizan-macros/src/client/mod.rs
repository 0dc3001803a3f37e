//! `#[mizan::client]`

mod expand;
mod model;
mod options;

use proc_macro2::TokenStream;
use quote::quote;

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    match model::Function::parse(options, item.clone()) {
        Ok(function) => expand::expand(&function),
        Err(errors) => quote! { #item #errors },
    }
}
