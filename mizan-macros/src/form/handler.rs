//! What an application says of a form: its answer's type for both halves, functions for the server.

use crate::{errors::Errors, options::Entry, parameters::stem, terms::Terms};
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{ImplItem, ImplItemFn, ImplItemType, ItemImpl, Type, ext::IdentExt};

pub(super) struct Handler {
    form: Type,
    output: Option<ImplItemType>,
    functions: Vec<ImplItemFn>,
    terms: Terms,
}

impl Handler {
    pub(super) fn parse(options: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        let mut errors = Errors::default();
        let terms = terms(options, &mut errors);
        let usage = "`#[mizan::form_handler]` goes on `impl FormHandler for ..`";
        let item = match syn::parse2::<ItemImpl>(item.clone()) {
            Ok(item) => item,
            Err(_) => {
                let start = item.into_iter().take(2).collect::<TokenStream>();
                errors.at(&start, usage);
                return errors.finish(()).and(Err(TokenStream::new()));
            }
        };
        let is_handler = item.trait_.as_ref().is_some_and(|(_, path, _)| {
            path.segments
                .last()
                .is_some_and(|segment| segment.ident == "FormHandler")
        });
        if !is_handler {
            errors.at(&item.self_ty, usage);
        }
        let (mut output, mut functions) = (None, Vec::new());
        for part in item.items {
            match part {
                ImplItem::Type(ty) if ty.ident == "Output" => output = Some(ty),
                ImplItem::Fn(function) => functions.push(function),
                other => errors.at(&other, "a form has the type `Output`, and functions"),
            }
        }
        if !functions
            .iter()
            .any(|function| function.sig.ident == "submit")
        {
            errors.at(
                &item.self_ty,
                "say what becomes of it: `async fn submit(self) -> mizan::Result<Self::Output>`",
            );
        }
        let handler = Self {
            form: *item.self_ty,
            output,
            functions,
            terms,
        };
        let described = handler.description();
        // Still handled, to whoever uses it: one mistake is told once
        errors.finish(handler).map_err(|errors| {
            if is_handler {
                quote! { #errors #described }
            } else {
                errors
            }
        })
    }

    /// What whoever has submitted it gets: nothing, unless it is named.
    fn description(&self) -> TokenStream {
        let Self { form, output, .. } = self;
        let output = match output {
            Some(output) => output.to_token_stream(),
            None => quote!(
                type Output = ();
            ),
        };
        quote! {
            impl ::mizan::form::Submit for #form {
                #output
            }
        }
    }

    /// The hook, and the component that shows all of the form.
    fn hook(&self) -> Option<TokenStream> {
        let form = &self.form;
        let Type::Path(path) = form else { return None };
        let ident = &path.path.segments.last()?.ident;
        let hook = format_ident!("use_{}_form", stem(ident, "form"), span = ident.span());
        let name = ident.unraw().to_string();
        let short = name.strip_suffix("Form").unwrap_or(&name);
        let view = format_ident!("{short}FormView", span = ident.span());
        let docs = format!("Returns a [`{name}`] to be filled in.");
        let view_docs = format!("Shows a [`{name}`], all of it.");
        Some(quote! {
            #[doc = #docs]
            #[allow(dead_code, private_interfaces, unreachable_pub, reason = "as the form is")]
            pub fn #hook() -> ::mizan::form::FormHandle<#form> {
                ::mizan::form::FormHandle::new()
            }

            #[doc = #view_docs]
            #[allow(dead_code, non_snake_case, unreachable_pub, reason = "a component")]
            pub fn #view() -> impl ::leptos::IntoView {
                ::mizan::__private::whole::<#form>()
            }
        })
    }

    pub(super) fn expand(&self) -> TokenStream {
        let Self {
            form,
            functions,
            terms,
            ..
        } = self;
        let description = self.description();
        let hook = self.hook();
        let admission = terms.admission();
        let output = quote!(<#form as ::mizan::form::Submit>::Output);
        let checks = terms.checks(&form.to_token_stream(), &output);
        let effects = terms.effects().map(|effects| {
            quote! {
                #effects
                const TYPES: &'static [::mizan::__private::ArgumentType] =
                    <Self as ::mizan::__private::FormArguments>::TYPES;

                fn arguments(&self) -> ::std::vec::Vec<::mizan::__private::Argument<'_>> {
                    ::mizan::__private::FormArguments::arguments(self)
                }
            }
        });
        quote! {
            #description
            #hook

            ::mizan::server! {
                impl ::mizan::form::FormHandler for #form {
                    #(#functions)*
                }

                impl ::mizan::__private::Terms for #form {
                    const FUNCTION: &'static str =
                        <#form as ::mizan::form::Form>::ENDPOINTS.submit.name;
                    #admission
                    #effects
                }

                #checks

                ::mizan::__private::inventory::submit! {
                    ::mizan::__private::FormRegistration::new::<#form>(
                        ::mizan::__private::Location { file: ::core::file!(), line: ::core::line!() },
                    )
                }
            }
        }
    }
}

fn terms(options: TokenStream, errors: &mut Errors) -> Terms {
    let mut terms = Terms::default();
    for entry in Entry::all(options, errors) {
        if !terms.take(&entry, errors) {
            let key = &entry.key;
            errors.at(
                key,
                format!("unknown option `{key}`: there are `affects`, `merge`, `auth` and `rate`"),
            );
        }
    }
    terms
}
