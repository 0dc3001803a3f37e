//! What a struct with the attribute means, once everything about it was checked.

use super::options::Options;
use crate::{errors::Errors, parameters};
use proc_macro2::TokenStream;

pub(crate) struct Context {
    pub(crate) parameters: parameters::Struct,
    /// Calls on `ContextOptions`.
    pub(crate) settings: TokenStream,
}

impl Context {
    pub(crate) fn parse(options: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        let mut errors = Errors::default();
        let Options { name, settings } = Options::parse(options, &mut errors);
        let parameters = parameters::Struct::parse("context", name.as_ref(), item, errors)?;
        Ok(Self {
            parameters,
            settings,
        })
    }
}
