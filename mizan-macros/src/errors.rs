//! A collector of mistakes, so that all of them are reported at once.

use proc_macro2::TokenStream;
use quote::ToTokens;
use std::fmt::Display;

#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Notes a mistake at the tokens that it is about.
    pub(crate) fn at(&mut self, tokens: &impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// The value, if no mistake was noted; otherwise the errors, as `compile_error!`s.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, TokenStream> {
        match self.0 {
            Some(errors) => Err(errors.into_compile_error()),
            None => Ok(value),
        }
    }
}
