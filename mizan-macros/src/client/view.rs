//! The code that a route becomes: its arguments with their URL on both sides, all else on the
//! server.

use super::{
    expand::terms,
    model::{Argument, Function},
    route::Route,
};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Attribute, ext::IdentExt, spanned::Spanned};

pub(super) fn expand(function: &Function, route: &Route) -> TokenStream {
    let parts = [
        arguments(function),
        urls(function, route),
        server(function, route),
    ];
    parts.into_iter().collect()
}

/// The argument struct, with what is said of the function.
fn arguments(function: &Function) -> TokenStream {
    let (name, vis) = (&function.name, &function.item.vis);
    let docs = attributes(function, "doc");
    let fields = function.arguments.iter().map(|argument| {
        let (attributes, name, ty) = (&argument.attributes, &argument.name, &argument.ty);
        quote_spanned!(name.span()=> #(#attributes)* pub #name: #ty)
    });
    quote! {
        #(#docs)*
        #[allow(missing_docs)]
        #[derive(Clone, Debug, ::mizan::__private::serde::Serialize)]
        #[serde(crate = "::mizan::__private::serde")]
        #vis struct #name { #(#fields),* }
    }
}

fn attributes<'a>(
    function: &'a Function,
    name: &'a str,
) -> impl Iterator<Item = &'a Attribute> + use<'a> {
    let attributes = function.attributes.iter();
    attributes.filter(move |attribute| attribute.path().is_ident(name))
}

/// What the URL is, for these arguments.
fn urls(function: &Function, route: &Route) -> TokenStream {
    let (name, vis, template) = (&function.name, &function.item.vis, &route.template);
    let has_query = route.has_query();
    let deprecated = attributes(function, "deprecated");
    let docs = format!(
        "Returns the URL: `{}`, of these arguments.",
        template.value()
    );
    let action = action(function, route);
    quote! {
        impl #name {
            #(#deprecated)*
            #[doc = #docs]
            #[must_use]
            #[allow(dead_code)]
            #vis fn url(&self) -> ::std::string::String {
                ::mizan::__private::url(self, #template, #has_query)
            }

            #action
        }
    }
}

/// The same for a form, which has the arguments of the body in its fields.
fn action(function: &Function, route: &Route) -> TokenStream {
    let (in_path, others) = split(function, route);
    if others.is_empty() || !route.has_body() {
        return TokenStream::new();
    }
    let (vis, template) = (&function.item.vis, &route.template);
    let docs = format!(
        "Returns the `action` of a form: `{}`. The other arguments are its fields.",
        template.value()
    );
    let fields = fields(&in_path);
    let names: Vec<_> = in_path.iter().map(|argument| &argument.name).collect();
    let types = in_path.iter().map(|argument| &argument.ty);
    quote! {
        #[doc = #docs]
        #[must_use]
        #[allow(dead_code)]
        #vis fn action(#(#names: #types),*) -> ::std::string::String {
            #[derive(::mizan::__private::serde::Serialize)]
            #[serde(crate = "::mizan::__private::serde")]
            struct MizanPath { #fields }
            ::mizan::__private::url(&MizanPath { #(#names),* }, #template, false)
        }
    }
}

/// The arguments in the path, and the others.
fn split<'a>(function: &'a Function, route: &Route) -> (Vec<&'a Argument>, Vec<&'a Argument>) {
    let arguments = function.arguments.iter();
    arguments.partition(|argument| route.is_in_path(argument))
}

fn fields(arguments: &[&Argument]) -> TokenStream {
    let fields = arguments.iter().map(|argument| {
        let (attributes, name, ty) = (&argument.attributes, &argument.name, &argument.ty);
        quote_spanned!(name.span()=> #(#attributes)* #name: #ty,)
    });
    fields.collect()
}

/// How it is asked, the body, the registration, and the function for callers on the server.
fn server(function: &Function, route: &Route) -> TokenStream {
    let Function {
        item,
        name,
        attributes,
        arguments,
        output,
        ..
    } = function;
    let (vis, ident) = (&item.vis, &item.sig.ident);
    let names: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
    let types = arguments.iter().map(|argument| &argument.ty);
    let mut body = item.clone();
    body.vis = syn::Visibility::Inherited;
    // The span of what the function returns, where that is no answer
    let answer = quote_spanned! { output.span()=>
        ::mizan::__private::answered(#ident(#(self.#names),*).await)
    };
    let terms = terms(function);
    let read = read(function, route);
    quote! {
        ::mizan::server! {
            #terms

            impl ::mizan::__private::Route for #name {
                #read

                async fn run(self) -> ::mizan::__private::Answered {
                    #body
                    #answer
                }
            }

            ::mizan::__private::inventory::submit! {
                ::mizan::__private::RouteRegistration::new::<#name>(
                    ::mizan::__private::Location { file: ::core::file!(), line: ::core::line!() },
                )
            }

            #(#attributes)*
            #[allow(dead_code)]
            #vis async fn #ident(#(#names: #types),*) -> ::core::result::Result<
                ::mizan::__private::Response,
                ::mizan::__private::Error,
            > {
                ::mizan::__private::visit(#name { #(#names),* }).await
            }
        }
    }
}

/// Where the route is, and how its arguments are read.
fn read(function: &Function, route: &Route) -> TokenStream {
    let template = &route.template;
    let methods = route.methods.iter().map(ToString::to_string);
    let (in_path, others) = split(function, route);
    let told = others
        .iter()
        .map(|argument| argument.name.unraw().to_string());
    let (path_fields, fields) = (fields(&in_path), fields(&others));
    let path_names: Vec<_> = in_path.iter().map(|argument| &argument.name).collect();
    let names: Vec<_> = others.iter().map(|argument| &argument.name).collect();
    quote! {
        const PATH: &'static str = #template;
        const METHODS: &'static [&'static str] = &[#(#methods),*];
        const ARGUMENTS: &'static [&'static str] = &[#(#told),*];

        #[allow(unused_variables)]
        fn read(
            sent: &::mizan::__private::Sent,
        ) -> ::core::result::Result<Self, ::mizan::__private::Error> {
            #[derive(::mizan::__private::serde::Deserialize)]
            #[serde(crate = "::mizan::__private::serde")]
            struct MizanPath { #path_fields }
            #[derive(::mizan::__private::serde::Deserialize)]
            #[serde(crate = "::mizan::__private::serde")]
            struct MizanArguments { #fields }
            let in_path: MizanPath = sent.path()?;
            let others: MizanArguments = sent.arguments(<Self as ::mizan::__private::Route>::ARGUMENTS)?;
            ::core::result::Result::Ok(Self {
                #(#path_names: in_path.#path_names,)*
                #(#names: others.#names,)*
            })
        }
    }
}
