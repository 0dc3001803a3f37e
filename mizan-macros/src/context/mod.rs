//! `#[mizan::context]`

mod expand;
mod model;
mod options;

pub(crate) use expand::{Definition, Field, definition};
pub(crate) use model::{check_name, check_parameter, fields, snake_case};

use proc_macro2::TokenStream;
use quote::quote;

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    match model::Struct::parse(options, item.clone()) {
        Ok(context) => expand::expand(&context),
        Err(errors) => quote! { #item #errors },
    }
}
