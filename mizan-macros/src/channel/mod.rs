//! `#[mizan::channel]` and `#[mizan::channel_handler]`

mod address;
mod handler;

use proc_macro2::TokenStream;
use quote::quote;

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> TokenStream {
    match address::Address::parse(options, item.clone()) {
        Ok(address) => address.expand(),
        Err(errors) => quote! { #item #errors },
    }
}

pub(crate) fn expand_handler(options: TokenStream, item: TokenStream) -> TokenStream {
    match handler::Handler::parse(options, item) {
        Ok(handler) => handler.expand(),
        // The item itself implements a trait that does not exist
        Err(errors) => errors,
    }
}
