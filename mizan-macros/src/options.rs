//! Options of an attribute, `key = value, key, ...`, their values not yet looked at.

use crate::errors::Errors;
use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Ident, Token,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
};

pub(crate) struct Entry {
    pub(crate) key: Ident,
    pub(crate) value: Option<TokenStream>,
}

impl Entry {
    /// Takes an attribute apart; of options that are given twice the first counts.
    pub(crate) fn all(tokens: TokenStream, errors: &mut Errors) -> Vec<Self> {
        let parser = Punctuated::<Entry, Token![,]>::parse_terminated;
        let entries = match parser.parse2(tokens) {
            Ok(entries) => entries,
            Err(error) => {
                errors.push(error);
                return Vec::new();
            }
        };
        let mut known: Vec<Self> = Vec::new();
        for entry in entries {
            if known.iter().any(|earlier| earlier.key == entry.key) {
                errors.at(&entry.key, format!("`{}` is given twice", entry.key));
            } else {
                known.push(entry);
            }
        }
        known
    }

    /// Parses the value, which has to be there.
    pub(crate) fn value<T: Parse>(&self, expected: &str, errors: &mut Errors) -> Option<T> {
        let Some(value) = &self.value else {
            errors.at(
                &self.key,
                format!("`{}` needs a value: {expected}", self.key),
            );
            return None;
        };
        let parsed = syn::parse2(value.clone());
        if parsed.is_err() {
            errors.at(value, format!("`{}` takes {expected}", self.key));
        }
        parsed.ok()
    }

    /// Checks that there is no value.
    pub(crate) fn without_value(&self, errors: &mut Errors) {
        if let Some(value) = &self.value {
            errors.at(value, format!("`{}` takes no value", self.key));
        }
    }
}

impl Parse for Entry {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let key: Ident = input.parse()?;
        let value = match input.parse::<Option<Token![=]>>()? {
            Some(_) => Some(value(&key, input)?),
            None => None,
        };
        Ok(Self { key, value })
    }
}

/// The tokens up to the next comma.
fn value(key: &Ident, input: ParseStream) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    if tokens.is_empty() {
        return Err(syn::Error::new(
            key.span(),
            format!("`{key}` needs a value behind the `=`"),
        ));
    }
    Ok(tokens)
}
