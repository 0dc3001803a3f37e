//! An enum that a field can be one of, or several: each variant is a choice.

use super::take;
use crate::{
    errors::Errors,
    names::{snake_case, words},
    options::Entry,
};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Fields, Ident, ItemEnum, LitStr, Variant, ext::IdentExt};

pub(super) struct Choices {
    item: ItemEnum,
    choices: Vec<Choice>,
}

struct Choice {
    variant: Ident,
    /// What is sent.
    value: String,
    /// What is read.
    label: String,
}

impl Choices {
    pub(super) fn parse(options: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        let mut errors = Errors::default();
        if !options.is_empty() {
            errors.at(&options, "`#[mizan::choices]` has no options");
        }
        let mut item = match syn::parse2::<ItemEnum>(item.clone()) {
            Ok(item) => item,
            Err(_) => {
                let start = item.into_iter().take(2).collect::<TokenStream>();
                errors.at(
                    &start,
                    "`#[mizan::choices]` goes on an enum, whose variants are the choices",
                );
                return errors.finish(()).and(Err(TokenStream::new()));
            }
        };
        if !item.generics.params.is_empty() {
            errors.at(&item.generics, "choices have no generic parameters");
        }
        if item.variants.is_empty() {
            errors.at(&item.ident, "there is nothing to choose from");
        }
        let mut choices: Vec<Choice> = Vec::new();
        for variant in &mut item.variants {
            let choice = Choice::parse(variant, &mut errors);
            if choices.iter().any(|known| known.value == choice.value) {
                errors.at(
                    &choice.variant,
                    format!("two choices are sent as {:?}", choice.value),
                );
            }
            choices.push(choice);
        }
        errors.finish(Self { item, choices })
    }

    pub(super) fn expand(&self) -> TokenStream {
        let Self { item, choices } = self;
        let ident = &item.ident;
        let listed = choices.iter().map(|Choice { value, label, .. }| {
            quote!(::mizan::form::Choice { value: #value, label: #label })
        });
        let variants: Vec<_> = choices.iter().map(|choice| &choice.variant).collect();
        let indexes: Vec<_> = (0..choices.len()).collect();
        let field = field(ident);
        quote! {
            #item

            impl ::mizan::form::Choices for #ident {
                const CHOICES: &'static [::mizan::form::Choice] = &[#(#listed),*];

                fn at(index: usize) -> ::core::option::Option<Self> {
                    match index {
                        #(#indexes => ::core::option::Option::Some(Self::#variants),)*
                        _ => ::core::option::Option::None,
                    }
                }

                fn index(&self) -> usize {
                    match self {
                        #(Self::#variants => #indexes),*
                    }
                }
            }

            #field
        }
    }
}

/// The enum as a field of a form, and lists of it.
fn field(ident: &Ident) -> TokenStream {
    quote! {
        impl ::mizan::form::Field for #ident {
            const SHAPE: ::mizan::form::Shape = ::mizan::__private::choice_shape::<Self>();

            fn read(reading: &mut ::mizan::form::Reading<'_>) -> ::core::option::Option<Self> {
                ::mizan::__private::read_choice(reading)
            }

            fn show(&self, name: &str, pairs: &mut ::mizan::form::Pairs) {
                ::mizan::__private::show_choices(::core::slice::from_ref(self), name, pairs);
            }
        }

        impl ::mizan::form::Element for #ident {
            const LIST: ::mizan::form::Shape = ::mizan::__private::choices_shape::<Self>();

            fn read_list(
                reading: &mut ::mizan::form::Reading<'_>,
            ) -> ::core::option::Option<::std::vec::Vec<Self>> {
                ::mizan::__private::read_choices(reading)
            }

            fn show_list(list: &[Self], name: &str, pairs: &mut ::mizan::form::Pairs) {
                ::mizan::__private::show_choices(list, name, pairs);
            }
        }
    }
}

impl Choice {
    fn parse(variant: &mut Variant, errors: &mut Errors) -> Self {
        let attributes = take(&mut variant.attrs, "choice");
        if !matches!(variant.fields, Fields::Unit) {
            errors.at(&variant.fields, "a choice is a name, and nothing more");
        }
        let name = variant.ident.unraw().to_string();
        let (label, value) = options(&attributes, errors);
        if value
            .as_ref()
            .is_some_and(|value| value.value().trim() != value.value() || value.value().is_empty())
        {
            errors.at(
                &value,
                "what is sent is not empty, and has no white space around it",
            );
        }
        Self {
            variant: variant.ident.clone(),
            value: value.map_or_else(|| snake_case(&name), |value| value.value()),
            label: label.map_or_else(|| words(&name), |label| label.value()),
        }
    }
}

/// The label and the value, where they are given.
fn options(attributes: &[Attribute], errors: &mut Errors) -> (Option<LitStr>, Option<LitStr>) {
    let (mut label, mut value) = (None, None);
    for attribute in attributes {
        let tokens = match attribute.meta.require_list() {
            Ok(list) => list.tokens.clone(),
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        for entry in Entry::all(tokens, errors) {
            match entry.key.to_string().as_str() {
                "label" => label = entry.value("a text", errors),
                "value" => value = entry.value("a text", errors),
                other => errors.at(
                    &entry.key,
                    format!("unknown option `{other}`: there are `label` and `value`"),
                ),
            }
        }
    }
    (label, value)
}
