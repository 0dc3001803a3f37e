//! What a struct with the attribute means, once everything about it was checked.

use super::{field::Field, take};
use crate::{
    errors::Errors,
    options::Entry,
    parameters::{check_wire_name, stem},
};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Fields, ItemStruct, LitStr, Path, ext::IdentExt};

pub(super) struct Form {
    /// The struct as it was written, without the attributes that are the macro's.
    pub(super) item: ItemStruct,
    /// The name on the wire.
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
    /// Calls on `Schema`.
    pub(super) settings: TokenStream,
    /// A rule of the application's for all of it.
    pub(super) check: Option<Path>,
}

#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    settings: TokenStream,
    check: Option<Path>,
}

impl Form {
    pub(super) fn parse(options: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        let mut errors = Errors::default();
        let options = Options::parse(options, &mut errors);
        let mut item = match syn::parse2::<ItemStruct>(item.clone()) {
            Ok(item) => item,
            Err(_) => {
                let start = item.into_iter().take(2).collect::<TokenStream>();
                errors.at(
                    &start,
                    "`#[mizan::form]` goes on a struct, whose fields are the form's",
                );
                return errors.finish(()).and(Err(TokenStream::new()));
            }
        };
        if !item.generics.params.is_empty() {
            errors.at(
                &item.generics,
                "a form has no generic parameters: the wire needs to know its types",
            );
        }
        let fields = fields(&mut item, &mut errors);
        let name = name(options.name.as_ref(), &item, &mut errors);
        errors.finish(Self {
            item,
            name,
            fields,
            settings: options.settings,
            check: options.check,
        })
    }
}

/// `ContactForm` is `contact` on the wire, unless it is told otherwise.
fn name(given: Option<&LitStr>, item: &ItemStruct, errors: &mut Errors) -> String {
    match given {
        Some(name) => {
            check_wire_name(&name.value(), name, errors);
            name.value()
        }
        None => {
            let name = stem(&item.ident, "form");
            check_wire_name(&name, &item.ident, errors);
            name
        }
    }
}

fn fields(item: &mut ItemStruct, errors: &mut Errors) -> Vec<Field> {
    if let Fields::Unnamed(fields) = &item.fields {
        errors.at(
            fields,
            "a field of a form needs a name: write a struct with named fields",
        );
    }
    let mut fields: Vec<Field> = Vec::new();
    for field in &mut item.fields {
        let attributes = take(&mut field.attrs, "field");
        if let Some(name) = &field.ident {
            fields.push(Field::parse(name, &field.ty, &attributes, errors));
        }
    }
    for field in &fields {
        if let Some(other) = &field.matches
            && !fields
                .iter()
                .any(|known| known.name == *other && known.name != field.name)
        {
            errors.at(
                other,
                format!("`{}` is not another field of this form", other.unraw()),
            );
        }
    }
    fields
}

impl Options {
    fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        for entry in Entry::all(tokens, errors) {
            options.take(&entry, errors);
        }
        options
    }

    fn take(&mut self, entry: &Entry, errors: &mut Errors) {
        let key = &entry.key;
        match key.to_string().as_str() {
            "name" => {
                self.name = entry.value("a name on the wire, as in `name = \"contact\"`", errors);
            }
            "title" | "submit_label" | "success" => {
                if let Some(text) = entry.value::<LitStr>("a text", errors) {
                    self.settings.extend(quote!(.#key(#text)));
                }
            }
            "check" => self.check = entry.value("the path of a function", errors),
            "live_validation" | "keep_values" => {
                entry.without_value(errors);
                self.settings.extend(quote!(.#key()));
            }
            other => errors.at(
                key,
                format!(
                    "unknown option `{other}`: there are `name`, `title`, `submit_label`, `success`, \
                     `check`, `live_validation` and `keep_values`"
                ),
            ),
        }
    }
}
