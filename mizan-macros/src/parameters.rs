//! A struct whose fields are parameters, with a name on the wire: a context, or a channel.

use crate::{errors::Errors, names::snake_case};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Fields, Ident, ItemStruct, LitStr, Type, ext::IdentExt, spanned::Spanned};

/// What such a struct means, once everything about it was checked.
pub(crate) struct Struct {
    pub(crate) item: ItemStruct,
    /// The name on the wire.
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    /// Its own name in snake case, without what it is.
    pub(crate) stem: String,
}

pub(crate) struct Field {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

impl Struct {
    /// Takes the struct of a `context` or a `channel` apart. `ProfileContext` is `profile` on the
    /// wire, unless it is told otherwise.
    pub(crate) fn parse(
        noun: &str,
        name: Option<&LitStr>,
        item: TokenStream,
        mut errors: Errors,
    ) -> Result<Self, TokenStream> {
        let item = match syn::parse2::<ItemStruct>(item.clone()) {
            Ok(item) => item,
            Err(_) => {
                let start = item.into_iter().take(2).collect::<TokenStream>();
                errors.at(
                    &start,
                    format!("`#[mizan::{noun}]` goes on a struct, whose fields are the parameters"),
                );
                return errors.finish(()).and(Err(TokenStream::new()));
            }
        };
        if !item.generics.params.is_empty() {
            errors.at(
                &item.generics,
                format!("a {noun} has no generic parameters: the wire needs to know its types"),
            );
        }
        let fields = fields(&item, &mut errors);
        let stem = stem(&item.ident, noun);
        let name = match name {
            Some(name) => {
                check_name(&name.value(), name, &mut errors);
                name.value()
            }
            None => {
                check_name(&stem, &item.ident, &mut errors);
                stem.clone()
            }
        };
        errors.finish(Self {
            item,
            name,
            fields,
            stem,
        })
    }
}

/// The name of a struct in snake case, without what it is.
pub(crate) fn stem(ident: &Ident, noun: &str) -> String {
    let text = ident.unraw().to_string();
    let suffix = format!("{}{}", noun[..1].to_uppercase(), &noun[1..]);
    snake_case(text.strip_suffix(&suffix).unwrap_or(&text))
}

fn fields(item: &ItemStruct, errors: &mut Errors) -> Vec<Field> {
    match &item.fields {
        Fields::Unit => Vec::new(),
        Fields::Unnamed(fields) => {
            errors.at(
                fields,
                "a parameter needs a name: write a struct with named fields",
            );
            Vec::new()
        }
        Fields::Named(named) => named
            .named
            .iter()
            .filter_map(|field| {
                let name = field.ident.clone()?;
                check_parameter(&name, errors);
                Some(Field {
                    name,
                    ty: field.ty.clone(),
                })
            })
            .collect(),
    }
}

/// What a header can carry as the key of a parameter (RFC 9651, section 3.1.2), and what a
/// component can have as a property.
pub(crate) fn check_parameter(name: &syn::Ident, errors: &mut Errors) {
    let text = name.unraw().to_string();
    let plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if text == "children" {
        errors.at(
            name,
            "a parameter can't be named `children`: the provider's content is",
        );
    } else if !text.starts_with(|letter: char| letter.is_ascii_lowercase())
        || !text.chars().all(plain)
    {
        errors.at(
            name,
            "a parameter's name travels in headers: it begins with a letter from a to z, and has those, digits and `_`",
        );
    }
}

/// What is no name of ours.
pub(crate) fn check_name(name: &str, tokens: &impl quote::ToTokens, errors: &mut Errors) {
    if name == "global" {
        errors.at(
            tokens,
            "`global` is the page's own context: `context = \"global\"` makes a member of it",
        );
    } else {
        check_wire_name(name, tokens, errors);
    }
}

/// What a header can carry as a Token (RFC 9651, section 3.3.4), and a path as it is.
pub(crate) fn check_wire_name(name: &str, tokens: &impl quote::ToTokens, errors: &mut Errors) {
    let plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if !name.starts_with(|letter: char| letter.is_ascii_lowercase()) || !name.chars().all(plain) {
        errors.at(
            tokens,
            format!("{name:?} can't be a name on the wire: letters from a to z, digits and `_`; choose one with `name = \"...\"`"),
        );
    }
}

/// Fields in the order of their names: that of the key.
pub(crate) struct Sorted<'a>(Vec<(String, &'a Field)>);

impl<'a> Sorted<'a> {
    pub(crate) fn new(fields: &'a [Field]) -> Self {
        let named = fields
            .iter()
            .map(|field| (field.name.unraw().to_string(), field));
        let mut fields: Vec<_> = named.collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        Self(fields)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a Field)> {
        self.0.iter().map(|(name, field)| (&**name, *field))
    }

    /// `PARAMETERS` and `values`, which both sides know.
    pub(crate) fn description(&self) -> TokenStream {
        let names = self.iter().map(|(name, _)| name);
        let values = self.iter().map(|(_, field)| {
            let (name, ty) = (&field.name, &field.ty);
            // A type that is no parameter is what the compiler shows
            quote_spanned! { ty.span()=> ::mizan::context::ContextParam::to_value(&self.#name) }
        });
        quote! {
            const PARAMETERS: &'static [&'static str] = &[#(#names),*];

            fn values(&self) -> ::std::vec::Vec<::mizan::context::Value> {
                ::std::vec![#(#values),*]
            }
        }
    }

    /// `read`, which the server has.
    pub(crate) fn read(&self) -> TokenStream {
        let names: Vec<_> = self.iter().map(|(_, field)| &field.name).collect();
        // All of them first, so that every mistake is told
        let reads = self.iter().map(|(name, field)| {
            let (field, ty) = (&field.name, &field.ty);
            quote_spanned! { ty.span()=> let #field = __values.take(#name); }
        });
        quote! {
            fn read(__values: &mut ::mizan::__private::Values) -> ::core::option::Option<Self> {
                #(#reads)*
                ::core::option::Option::Some(Self { #(#names: #names?),* })
            }
        }
    }
}
