//! The code that a function becomes. It names things of the runtime's `__private` only, and puts
//! what exists on the server into `mizan::server!`.

use super::{
    model::Function,
    options::{Cache, Context, Input},
};
use crate::{
    context::{self, Definition},
    parameters::Field,
    terms,
};
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{ext::IdentExt, spanned::Spanned};

pub(crate) fn expand(function: &Function) -> TokenStream {
    let parts = [
        arguments(function),
        callable(function),
        server_fn(function),
        server(function),
        member(function),
        mutation(function),
    ];
    parts.into_iter().collect()
}

/// The argument struct.
fn arguments(function: &Function) -> TokenStream {
    let Function {
        name,
        arguments,
        output,
        ..
    } = function;
    let vis = &function.item.vis;
    let wire_name = function.wire_name();
    let path = format!("/api/mizan/call/{wire_name}");
    let docs = format!("The arguments of [`{}`].", function.item.sig.ident);
    let fields = arguments.iter().map(|argument| {
        let (attributes, name, ty) = (&argument.attributes, &argument.name, &argument.ty);
        // Spans of the user's, so that a type without serde's traits is what the compiler shows
        quote_spanned! { name.span()=> #(#attributes)* pub #name: #ty }
    });
    let names = arguments
        .iter()
        .map(|argument| argument.name.unraw().to_string());
    let output = quote_spanned! { output.span()=>
        type Output = <#output as ::mizan::__private::Returns>::Output;
    };
    let signature = signature(function);
    let types = arguments.iter().map(|argument| &argument.ty);
    let over_socket = function.websocket.then(|| {
        quote!(
            const OVER_SOCKET: bool = true;
        )
    });
    quote! {
        #[doc = #docs]
        #[allow(missing_docs)]
        #[derive(Clone, Debug, ::mizan::__private::serde::Serialize, ::mizan::__private::serde::Deserialize)]
        #[serde(crate = "::mizan::__private::serde")]
        #vis struct #name { #(#fields),* }

        impl ::mizan::__private::Call for #name {
            #output
            const NAME: &'static str = #wire_name;
            const PATH: &'static str = #path;
            const ARGUMENTS: &'static [&'static str] = &[#(#names),*];
            const SIGNATURE: u64 = #signature;
            #over_socket

            fn shapes(shapes: &mut ::mizan::__private::Shapes) {
                #(shapes.add::<#types>();)*
                shapes.add::<<Self as ::mizan::__private::Call>::Output>();
            }
        }
    }
}

/// A number for what the function takes and returns, as it is written.
fn signature(function: &Function) -> u64 {
    let mut text = function.wire_name();
    for argument in &function.arguments {
        let (name, ty) = (&argument.name, &argument.ty);
        text.push_str(&quote!((#name: #ty)).to_string());
    }
    text.push_str(&function.output.to_token_stream().to_string());
    fnv1a(text.as_bytes())
}

/// The hash FNV-1a of 64 bits (RFC 9923): the same in every build, as the standard library's is not.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The function itself, the same on both sides.
fn callable(function: &Function) -> TokenStream {
    let Function {
        attributes,
        name,
        output,
        arguments,
        ..
    } = function;
    let vis = &function.item.vis;
    let ident = &function.item.sig.ident;
    let names: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
    let types = arguments.iter().map(|argument| &argument.ty);
    quote! {
        #(#attributes)*
        #vis async fn #ident(#(#names: #types),*) -> #output {
            ::mizan::__private::call(#name { #(#names),* }).await
        }
    }
}

/// What makes a Leptos server function of it.
fn server_fn(function: &Function) -> TokenStream {
    let name = &function.name;
    let input = match function.input {
        Input::Json => quote!(::mizan::__private::Json),
        Input::PostUrl => quote!(::mizan::__private::PostUrl),
    };
    quote! {
        impl ::mizan::__private::ServerFn for #name {
            const PATH: &'static str = <Self as ::mizan::__private::Call>::PATH;
            type Client = ::mizan::__private::BrowserClient;
            type Server = ::mizan::__private::Server;
            type Protocol = ::mizan::__private::Http<
                #input,
                ::mizan::__private::Post<::mizan::__private::AnswerEncoding>,
            >;
            type Output = <Self as ::mizan::__private::Call>::Output;
            type Error = ::mizan::__private::Error;
            type InputStreamError = ::mizan::__private::Error;
            type OutputStreamError = ::mizan::__private::Error;

            async fn run_body(self) -> ::core::result::Result<Self::Output, Self::Error> {
                ::mizan::__private::call(self).await
            }

            async fn run_on_client(self) -> ::core::result::Result<Self::Output, Self::Error> {
                ::mizan::__private::call(self).await
            }
        }
    }
}

/// The body and the registration.
fn server(function: &Function) -> TokenStream {
    let Function {
        item,
        name,
        arguments,
        ..
    } = function;
    let ident = &item.sig.ident;
    let names: Vec<_> = arguments.iter().map(|argument| &argument.name).collect();
    let private = function.private.then(|| quote!(.private()));
    let form = (function.input == Input::PostUrl).then(|| quote!(.form()));
    let terms = terms(function);
    let mut item = item.clone();
    item.vis = syn::Visibility::Inherited;
    quote! {
        ::mizan::server! {
            #terms

            impl ::mizan::__private::Body for #name {
                async fn run(self) -> ::core::result::Result<
                    <Self as ::mizan::__private::Call>::Output,
                    ::mizan::__private::Error,
                > {
                    #item
                    #ident(#(self.#names),*).await
                }
            }

            ::mizan::__private::inventory::submit! {
                ::mizan::__private::FunctionRegistration::new::<#name>(
                    ::mizan::__private::Location { file: ::core::file!(), line: ::core::line!() },
                ) #private #form
            }
        }
    }
}

/// What holds for the function, whatever it is reached through.
pub(super) fn terms(function: &Function) -> TokenStream {
    let name = &function.name;
    let wire_name = function.wire_name();
    let terms = &function.terms;
    let admission = terms.admission();
    let output = quote!(<#name as ::mizan::__private::Call>::Output);
    let checks = terms.checks(&name.to_token_stream(), &output);
    let effects = terms.effects().map(|effects| {
        let arguments = arguments_of(function);
        quote!(#effects #arguments)
    });
    quote! {
        impl ::mizan::__private::Terms for #name {
            const FUNCTION: &'static str = #wire_name;
            #admission
            #effects
        }

        #checks
    }
}

/// The arguments, which say where something is stale.
fn arguments_of(function: &Function) -> TokenStream {
    let fields = function.arguments.iter().map(|argument| Field {
        name: argument.name.clone(),
        ty: argument.ty.clone(),
    });
    terms::arguments(&fields.collect::<Vec<_>>())
}

/// The hook of a context's member, and its registration.
fn member(function: &Function) -> TokenStream {
    let Function {
        item,
        name,
        arguments,
        ..
    } = function;
    let (context, definition) = match &function.context {
        None => return TokenStream::new(),
        Some(Context::Path(path)) => (path.to_token_stream(), None),
        Some(Context::Local) => (name.to_token_stream(), Some(local(function))),
    };
    let vis = &item.vis;
    let hook = hook(function);
    let docs = format!(
        "Returns the answer of [`{}`], shared by all who ask.",
        item.sig.ident
    );
    let fields = arguments.iter().map(|argument| {
        let field = &argument.name;
        // The context has to have such a field, and of this type
        let value = quote_spanned!(field.span()=> context.#field);
        let value = quote_spanned!(argument.ty.span()=> ::core::clone::Clone::clone(&#value));
        quote!(#field: #value)
    });
    let deprecated = deprecated(function);
    let caching = caching(function);
    quote! {
        #definition

        impl ::mizan::__private::Member for #name {
            type Context = #context;
        }

        #deprecated
        #[doc = #docs]
        #[allow(dead_code)]
        #vis fn #hook() -> ::mizan::Query<<#name as ::mizan::__private::Call>::Output> {
            ::mizan::__private::query::<#name>()
        }

        ::mizan::server! {
            impl ::mizan::__private::ServerMember for #name {
                #caching

                #[allow(unused_variables)]
                fn of(context: &#context) -> Self {
                    Self { #(#fields),* }
                }
            }

            ::mizan::__private::inventory::submit! {
                ::mizan::__private::MemberRegistration::new::<#name>()
            }
        }
    }
}

/// What of the member's answers is kept.
fn caching(function: &Function) -> TokenStream {
    let policy = function.cache.map(|(cache, stale)| {
        let policy = match cache {
            Cache::Never => quote!(Never),
            Cache::Forever => quote!(Forever),
            Cache::For(time) => quote! {
                For {
                    fresh: ::core::time::Duration::from_millis(#time),
                    stale: ::core::time::Duration::from_millis(#stale),
                }
            },
        };
        quote! {
            const CACHE: ::core::option::Option<::mizan::__private::CachePolicy> =
                ::core::option::Option::Some(::mizan::__private::CachePolicy::#policy);
        }
    });
    let rev = function.rev;
    let rev = (rev != 0).then(|| quote!(const REV: u32 = #rev;));
    quote!(#policy #rev)
}

/// The context that a function with `context = "local"` is alone in: its arguments.
fn local(function: &Function) -> TokenStream {
    let fields: Vec<_> = function
        .arguments
        .iter()
        .map(|argument| Field {
            name: argument.name.clone(),
            ty: argument.ty.clone(),
        })
        .collect();
    context::definition(&Definition {
        vis: &function.item.vis,
        ident: &function.name,
        name: &function.wire_name(),
        fields: &fields,
        settings: &TokenStream::new(),
    })
}

/// The hook of a function that does something.
fn mutation(function: &Function) -> TokenStream {
    if function.context.is_some() || function.private {
        return TokenStream::new();
    }
    let Function { item, name, .. } = function;
    let vis = &item.vis;
    let hook = hook(function);
    let docs = format!(
        "Returns a handle to call [`{}`] from a component.",
        item.sig.ident
    );
    let deprecated = deprecated(function);
    quote! {
        #deprecated
        #[doc = #docs]
        #[allow(dead_code)]
        #vis fn #hook() -> ::mizan::Mutation<#name> {
            ::mizan::Mutation::new()
        }
    }
}

fn hook(function: &Function) -> syn::Ident {
    let ident = &function.item.sig.ident;
    format_ident!("use_{}", ident.unraw(), span = ident.span())
}

fn deprecated(function: &Function) -> Option<&syn::Attribute> {
    let mut attributes = function.attributes.iter();
    attributes.find(|attribute| attribute.path().is_ident("deprecated"))
}
