//! The code that a context becomes: its description for both sides, its provider, and on the
//! server its registration.

use super::model::Context;
use crate::parameters::{Field, Sorted};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, Visibility, ext::IdentExt, spanned::Spanned};

/// A context: a struct of its own, or the arguments of a function with `context = "local"`.
pub(crate) struct Definition<'a> {
    pub(crate) vis: &'a Visibility,
    /// The type that implements `Context`.
    pub(crate) ident: &'a Ident,
    /// The name on the wire.
    pub(crate) name: &'a str,
    pub(crate) fields: &'a [Field],
    pub(crate) settings: &'a TokenStream,
}

pub(crate) fn expand(context: &Context) -> TokenStream {
    let Context {
        parameters,
        settings,
    } = context;
    let item = &parameters.item;
    let definition = definition(&Definition {
        vis: &item.vis,
        ident: &item.ident,
        name: &parameters.name,
        fields: &parameters.fields,
        settings,
    });
    quote! { #item #definition }
}

pub(crate) fn definition(context: &Definition) -> TokenStream {
    let parts = [description(context), server(context), provider(context)];
    parts.into_iter().collect()
}

fn provider_name(context: &Definition) -> Ident {
    format_ident!(
        "{}Provider",
        context.ident.unraw(),
        span = context.ident.span()
    )
}

fn description(context: &Definition) -> TokenStream {
    let Definition {
        ident,
        name,
        settings,
        ..
    } = context;
    let provider = provider_name(context).to_string();
    let parameters = Sorted::new(context.fields).description();
    quote! {
        impl ::mizan::context::Context for #ident {
            const NAME: &'static str = #name;
            const PROVIDER: &'static str = #provider;
            const OPTIONS: ::mizan::context::ContextOptions =
                ::mizan::context::ContextOptions::new() #settings;

            #parameters
        }
    }
}

fn server(context: &Definition) -> TokenStream {
    let ident = context.ident;
    let fields = Sorted::new(context.fields);
    let types = fields.iter().map(|(name, field)| {
        let ty = &field.ty;
        quote_spanned! { ty.span()=> ::mizan::__private::Parameter::new::<#ty>(#name) }
    });
    let read = fields.read();
    quote! {
        ::mizan::server! {
            impl ::mizan::__private::ServerContext for #ident {
                const TYPES: &'static [::mizan::__private::Parameter] = &[#(#types),*];

                #read
            }

            ::mizan::__private::inventory::submit! {
                ::mizan::__private::ContextRegistration::new::<#ident>(
                    ::mizan::__private::Location { file: ::core::file!(), line: ::core::line!() },
                )
            }
        }
    }
}

/// The component. Its properties are signals, which closures and plain values become.
fn provider(context: &Definition) -> TokenStream {
    let Definition { vis, ident, .. } = context;
    let provider = provider_name(context);
    let docs = format!("Provides an instance of [`{ident}`] to its children.");
    let properties = context.fields.iter().map(|field| {
        let (name, ty) = (&field.name, &field.ty);
        let docs = format!("The parameter `{name}`: a signal, a closure or a value.");
        quote! {
            #[doc = #docs]
            #[prop(into)]
            #name: ::leptos::prelude::Signal<#ty>
        }
    });
    let values = context.fields.iter().map(|field| {
        let name = &field.name;
        quote! { #name: ::leptos::prelude::Get::get(&#name) }
    });
    quote! {
        #[doc = #docs]
        #[allow(missing_docs, dead_code)]
        #[::leptos::component]
        #vis fn #provider<Children>(
            #(#properties,)*
            children: ::leptos::children::TypedChildren<Children>,
        ) -> impl ::leptos::IntoView
        where
            Children: ::leptos::IntoView + 'static,
        {
            ::mizan::__private::provide(move || #ident { #(#values),* }, children)
        }
    }
}
