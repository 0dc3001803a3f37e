//! What a struct with the attribute means, once everything about it was checked.

use super::{Field, options::Options};
use crate::errors::Errors;
use proc_macro2::TokenStream;
use syn::{Fields, ItemStruct, ext::IdentExt};

pub(crate) struct Struct {
    pub(crate) item: ItemStruct,
    /// The name on the wire.
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    /// Calls on `ContextOptions`.
    pub(crate) settings: TokenStream,
}

impl Struct {
    pub(crate) fn parse(options: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        let mut errors = Errors::default();
        let options = Options::parse(options, &mut errors);
        let item = match syn::parse2::<ItemStruct>(item.clone()) {
            Ok(item) => item,
            Err(_) => {
                let start = item.into_iter().take(2).collect::<TokenStream>();
                errors.at(
                    &start,
                    "`#[mizan::context]` goes on a struct, whose fields are the parameters",
                );
                return errors.finish(()).and(Err(TokenStream::new()));
            }
        };
        if !item.generics.params.is_empty() {
            errors.at(
                &item.generics,
                "a context has no generic parameters: the wire needs to know its types",
            );
        }
        let fields = fields(&item, &mut errors);
        let name = name(&item, &options, &mut errors);
        errors.finish(Self {
            item,
            name,
            fields,
            settings: options.settings,
        })
    }
}

pub(crate) fn fields(item: &ItemStruct, errors: &mut Errors) -> Vec<Field> {
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

/// `ProfileContext` is `profile`, unless it is told otherwise.
fn name(item: &ItemStruct, options: &Options, errors: &mut Errors) -> String {
    if let Some(name) = &options.name {
        let text = name.value();
        check_name(&text, name, errors);
        return text;
    }
    let ident = item.ident.unraw().to_string();
    let name = snake_case(ident.strip_suffix("Context").unwrap_or(&ident));
    check_name(&name, &item.ident, errors);
    name
}

/// What a header can carry as a Token (RFC 9651, section 3.3.4), and is no name of ours.
pub(crate) fn check_name(name: &str, tokens: &impl quote::ToTokens, errors: &mut Errors) {
    let plain =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if name == "global" {
        errors.at(
            tokens,
            "`global` is the page's own context: `context = \"global\"` makes a member of it",
        );
    } else if !name.starts_with(|letter: char| letter.is_ascii_lowercase())
        || !name.chars().all(plain)
    {
        errors.at(
            tokens,
            format!("{name:?} can't be a name on the wire: letters from a to z, digits and `_`; choose one with `name = \"...\"`"),
        );
    }
}

pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
