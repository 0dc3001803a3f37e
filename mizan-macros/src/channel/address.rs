//! The struct: a name on the wire, and parameters.

use crate::{
    errors::Errors,
    options::Entry,
    parameters::{Sorted, Struct},
};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{ItemStruct, LitStr};

pub(super) struct Address(Struct);

impl Address {
    pub(super) fn parse(options: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        let mut errors = Errors::default();
        let name = name_option(options, &mut errors);
        Struct::parse("channel", name.as_ref(), item, errors).map(Self)
    }

    pub(super) fn expand(&self) -> TokenStream {
        let parts = [self.description(), self.server(), self.hook()];
        let item = &self.0.item;
        let parts = parts.into_iter().collect::<TokenStream>();
        quote! { #item #parts }
    }

    fn description(&self) -> TokenStream {
        let (ident, name) = (&self.0.item.ident, &self.0.name);
        let parameters = Sorted::new(&self.0.fields).description();
        quote! {
            impl ::mizan::channel::Address for #ident {
                const NAME: &'static str = #name;

                #parameters
            }
        }
    }

    fn server(&self) -> TokenStream {
        let ident = &self.0.item.ident;
        let read = Sorted::new(&self.0.fields).read();
        quote! {
            ::mizan::server! {
                impl ::mizan::__private::ServerAddress for #ident {
                    #read
                }
            }
        }
    }

    /// `use_chat_channel(room)`. Its parameters are signals, which closures and plain values become.
    fn hook(&self) -> TokenStream {
        let ItemStruct { vis, ident, .. } = &self.0.item;
        let hook = format_ident!("use_{}_channel", self.0.stem, span = ident.span());
        let docs = format!("Joins the channel of [`{ident}`], as long as the component is there.");
        let fields = &self.0.fields;
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
