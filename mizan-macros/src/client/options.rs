//! The options of the attribute: `name = Ident, private, ...`

use crate::errors::Errors;
use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{
    Ident, LitStr, Path, Token,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
};

#[derive(Default)]
pub(crate) struct Options {
    pub(crate) context: Option<Path>,
    pub(crate) private: Option<Ident>,
    pub(crate) name: Option<Ident>,
    pub(crate) input: Option<(Ident, Input)>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Input {
    Json,
    PostUrl,
}

/// One option, its value not yet looked at.
struct Entry {
    key: Ident,
    value: Option<TokenStream>,
}

impl Entry {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let key: Ident = input.parse()?;
        let value = match input.parse::<Option<Token![=]>>()? {
            Some(_) => Some(value(&key, input)?),
            None => None,
        };
        Ok(Self { key, value })
    }

    /// Parses the value, which has to be there.
    fn value<T: syn::parse::Parse>(&self, expected: &str, errors: &mut Errors) -> Option<T> {
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

impl Options {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let parser = Punctuated::<Entry, Token![,]>::parse_terminated_with;
        let entries = match (|input: ParseStream| parser(input, Entry::parse)).parse2(tokens) {
            Ok(entries) => entries,
            Err(error) => {
                errors.push(error);
                return options;
            }
        };
        let mut seen: Vec<&Ident> = Vec::new();
        for entry in &entries {
            if seen.contains(&&entry.key) {
                errors.at(&entry.key, format!("`{}` is given twice", entry.key));
                continue;
            }
            seen.push(&entry.key);
            options.take(entry, errors);
        }
        options
    }

    fn take(&mut self, entry: &Entry, errors: &mut Errors) {
        let key = &entry.key;
        match key.to_string().as_str() {
            "context" => self.context = context(entry, errors),
            "private" => {
                if let Some(value) = &entry.value {
                    errors.at(value, "`private` takes no value");
                }
                self.private = Some(key.clone());
            }
            "name" => self.name = entry.value("a name, as in `name = SendEcho`", errors),
            "input" => {
                const EXPECTED: &str = "`Json` or `PostUrl`";
                let Some(value) = entry.value::<Ident>(EXPECTED, errors) else {
                    return;
                };
                self.input = match value.to_string().as_str() {
                    "Json" => Some((value, Input::Json)),
                    "PostUrl" => Some((value, Input::PostUrl)),
                    other => {
                        errors.at(&value, format!("unknown input `{other}`: it is {EXPECTED}"));
                        None
                    }
                };
            }
            other => errors.at(
                key,
                format!(
                    "unknown option `{other}`: there are `context`, `private`, `name` and `input`"
                ),
            ),
        }
    }
}

/// `"global"` or a path.
fn context(entry: &Entry, errors: &mut Errors) -> Option<Path> {
    const EXPECTED: &str = "`\"global\"` or the path of a context";
    if let Some(name) = entry
        .value
        .clone()
        .and_then(|value| syn::parse2::<LitStr>(value).ok())
    {
        if name.value() == "global" {
            return syn::parse2(quote!(::mizan::Global)).ok();
        }
        errors.at(
            &name,
            format!("unknown context {:?}: it is {EXPECTED}", name.value()),
        );
        return None;
    }
    entry.value(EXPECTED, errors)
}
