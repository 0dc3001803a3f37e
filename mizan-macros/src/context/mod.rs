//! `#[mizan::context]`

mod expand;
mod model;
mod options;

pub(crate) use expand::{Definition, definition};

use proc_macro2::TokenStream;
use quote::quote;

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    match model::Context::parse(options, item.clone()) {
        Ok(context) => expand::expand(&context),
        Err(errors) => quote! { #item #errors },
    }
}
