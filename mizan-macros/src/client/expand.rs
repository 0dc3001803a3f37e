//! The code that a function becomes. It names things of the runtime's `__private` only, and puts
//! what exists on the server into `mizan::server!`.

use super::{model::Function, options::Input};
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{ext::IdentExt, spanned::Spanned};

pub(crate) fn expand(function: &Function) -> TokenStream {
    let parts = [
        arguments(function),
        callable(function),
        server_fn(function),
        server(function),
        member(function),
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
    // What takes no arguments can be made out of nothing
    let default = arguments.is_empty().then(|| quote!(Default,));
    quote! {
        #[doc = #docs]
        #[allow(missing_docs)]
        #[derive(Clone, Debug, #default ::mizan::__private::serde::Serialize, ::mizan::__private::serde::Deserialize)]
        #[serde(crate = "::mizan::__private::serde")]
        #vis struct #name { #(#fields),* }

        impl ::mizan::__private::Call for #name {
            #output
            const NAME: &'static str = #wire_name;
            const PATH: &'static str = #path;
            const ARGUMENTS: &'static [&'static str] = &[#(#names),*];
        }
    }
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
    let mut item = item.clone();
    item.vis = syn::Visibility::Inherited;
    quote! {
        ::mizan::server! {
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

/// The hook of a context's member, and its registration.
fn member(function: &Function) -> TokenStream {
    let Function {
        item,
        name,
        context: Some(context),
        ..
    } = function
    else {
        return TokenStream::new();
    };
    let vis = &item.vis;
    let hook = format_ident!(
        "use_{}",
        item.sig.ident.unraw(),
        span = item.sig.ident.span()
    );
    let docs = format!(
        "Returns the answer of [`{}`], shared by all who ask.",
        item.sig.ident
    );
    quote! {
        impl ::mizan::__private::Member for #name {
            type Context = #context;
        }

        #[doc = #docs]
        #vis fn #hook() -> ::mizan::Query<<#name as ::mizan::__private::Call>::Output> {
            ::mizan::__private::query::<#name>()
        }

        ::mizan::server! {
            ::mizan::__private::inventory::submit! {
                ::mizan::__private::MemberRegistration::new::<#name>()
            }
        }
    }
}
