//! The struct: a name on the wire, and parameters.

use crate::{
    context::{Field, check_name, fields, snake_case},
    errors::Errors,
    options::Entry,
};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{ItemStruct, LitStr, ext::IdentExt, spanned::Spanned};

pub(super) struct Address {
    item: ItemStruct,
    /// The name on the wire.
    name: String,
    fields: Vec<Field>,
}

impl Address {
    pub(super) fn parse(options: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        let mut errors = Errors::default();
        let name = name_option(options, &mut errors);
        let item = match syn::parse2::<ItemStruct>(item.clone()) {
            Ok(item) => item,
            Err(_) => {
                let start = item.into_iter().take(2).collect::<TokenStream>();
                errors.at(
                    &start,
                    "`#[mizan::channel]` goes on a struct, whose fields are the parameters",
                );
                return errors.finish(()).and(Err(TokenStream::new()));
            }
        };
        if !item.generics.params.is_empty() {
            errors.at(
                &item.generics,
                "a channel has no generic parameters: the wire needs to know its types",
            );
        }
        let fields = fields(&item, &mut errors);
        let name = match name {
            Some(name) => {
                check_name(&name.value(), &name, &mut errors);
                name.value()
            }
            None => {
                let ident = item.ident.unraw().to_string();
                let name = snake_case(ident.strip_suffix("Channel").unwrap_or(&ident));
                check_name(&name, &item.ident, &mut errors);
                name
            }
        };
        errors.finish(Self { item, name, fields })
    }

    pub(super) fn expand(&self) -> TokenStream {
        let parts = [self.description(), self.server(), self.hook()];
        let item = &self.item;
        let parts = parts.into_iter().collect::<TokenStream>();
        quote! { #item #parts }
    }

    /// The fields in the order of their names: that of the key.
    fn sorted(&self) -> Vec<(String, &Field)> {
        let named = self
            .fields
            .iter()
            .map(|field| (field.name.unraw().to_string(), field));
        let mut fields: Vec<_> = named.collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields
    }

    fn description(&self) -> TokenStream {
        let (ident, name) = (&self.item.ident, &self.name);
        let fields = self.sorted();
        let names = fields.iter().map(|(name, _)| name);
        let values = fields.iter().map(|(_, field)| {
            let (name, ty) = (&field.name, &field.ty);
            // A type that is no parameter is what the compiler shows
            quote_spanned! { ty.span()=> ::mizan::context::ContextParam::to_value(&self.#name) }
        });
        quote! {
            impl ::mizan::channel::Address for #ident {
                const NAME: &'static str = #name;
                const PARAMETERS: &'static [&'static str] = &[#(#names),*];

                fn values(&self) -> ::std::vec::Vec<::mizan::context::Value> {
                    ::std::vec![#(#values),*]
                }
            }
        }
    }

    fn server(&self) -> TokenStream {
        let ident = &self.item.ident;
        let fields = self.sorted();
        let names: Vec<_> = fields.iter().map(|(_, field)| &field.name).collect();
        // All of them first, so that every mistake is told
        let reads = fields.iter().map(|(name, field)| {
            let (field, ty) = (&field.name, &field.ty);
            quote_spanned! { ty.span()=> let #field = __values.take(#name); }
        });
        quote! {
            ::mizan::server! {
                impl ::mizan::__private::ServerAddress for #ident {
                    fn read(__values: &mut ::mizan::__private::Values) -> ::core::option::Option<Self> {
                        #(#reads)*
                        ::core::option::Option::Some(Self { #(#names: #names?),* })
                    }
                }
            }
        }
    }

    /// `use_chat_channel(room)`. Its parameters are signals, which closures and plain values become.
    fn hook(&self) -> TokenStream {
        let ItemStruct { vis, ident, .. } = &self.item;
        let text = ident.unraw().to_string();
        let stem = snake_case(text.strip_suffix("Channel").unwrap_or(&text));
        let hook = format_ident!("use_{stem}_channel", span = ident.span());
        let docs = format!("Joins the channel of [`{ident}`], as long as the component is there.");
        let fields = &self.fields;
        let markers: Vec<_> = (0..fields.len())
            .map(|index| format_ident!("__M{index}"))
            .collect();
        let parameters = fields.iter().zip(&markers).map(|(field, marker)| {
            let (name, ty) = (&field.name, &field.ty);
            quote! {
                #name: impl ::leptos::prelude::IntoReactiveValue<::leptos::prelude::Signal<#ty>, #marker>
            }
        });
        let signals = fields.iter().map(|field| {
            let name = &field.name;
            quote! { let #name = #name.into_reactive_value(); }
        });
        let values = fields.iter().map(|field| {
            let name = &field.name;
            quote! { #name: ::leptos::prelude::Get::get(&#name) }
        });
        quote! {
            #[doc = #docs]
            #[allow(dead_code, reason = "an application may join it elsewhere")]
            #vis fn #hook<#(#markers),*>(#(#parameters),*) -> ::mizan::channel::Handle<#ident> {
                #(#signals)*
                ::mizan::channel::Handle::join(move || #ident { #(#values),* })
            }
        }
    }
}

fn name_option(options: TokenStream, errors: &mut Errors) -> Option<LitStr> {
    let mut name = None;
    for entry in Entry::all(options, errors) {
        match entry.key.to_string().as_str() {
            "name" => {
                name = entry.value("a name on the wire, as in `name = \"chat\"`", errors);
            }
            other => errors.at(
                &entry.key,
                format!("unknown option `{other}`: there is `name`"),
            ),
        }
    }
    name
}
