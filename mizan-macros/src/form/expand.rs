//! The code that a form becomes: its description and its reading on both sides, and on the server
//! what its fields say of contexts.

use super::{field::Field, model::Form};
use crate::{parameters, terms};
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Expr, ExprLit, Ident, Lit, ext::IdentExt, spanned::Spanned};

pub(super) fn expand(form: &Form) -> TokenStream {
    let item = &form.item;
    let parts = [
        bounds(form),
        handles(form),
        description(form),
        group(form),
        server(form),
    ];
    let parts = parts.into_iter().collect::<TokenStream>();
    quote! { #item #parts }
}

/// What types have to be for their rules.
fn bounds(form: &Form) -> TokenStream {
    let bounds = form.fields.iter().flat_map(|field| {
        let ty = &field.ty;
        field.bounds.iter().map(move |bound| {
            quote_spanned!(ty.span()=> const _: () = ::mizan::__private::#bound::<#ty>();)
        })
    });
    bounds.collect()
}

/// The name of the struct that has the handles of the fields.
fn handles_name(form: &Form) -> Ident {
    let ident = &form.item.ident;
    format_ident!("{}Fields", ident.unraw(), span = ident.span())
}

/// The handles of its fields, as visible as these.
fn handles(form: &Form) -> TokenStream {
    let (item, name) = (&form.item, handles_name(form));
    let vis = &item.vis;
    let docs = format!("The fields of [`{}`], as a component has them.", item.ident);
    let fields = item.fields.iter().filter_map(|field| {
        let (vis, name, ty) = (&field.vis, field.ident.as_ref()?, &field.ty);
        let docs = format!("`{}`", name.unraw());
        Some(quote!(#[doc = #docs] #vis #name: ::mizan::form::FieldHandle<#ty>))
    });
    quote! {
        #[doc = #docs]
        #[derive(Clone, Copy, Debug)]
        #[allow(dead_code, reason = "a component may leave fields to Mizan")]
        #vis struct #name { #(#fields),* }
    }
}

fn description(form: &Form) -> TokenStream {
    let Form { name, settings, .. } = form;
    let ident = &form.item.ident;
    let fields = form.fields.iter().map(schema);
    let endpoints = ["schema", "validate", "submit"].map(|what| {
        let (field, name) = (
            syn::Ident::new(what, ident.span()),
            format!("{name}.{what}"),
        );
        let path = format!("/api/mizan/call/{name}");
        quote!(#field: ::mizan::form::Endpoint { name: #name, path: #path })
    });
    let (read, show, initial) = (read(form), show(form), initial(form));
    let handles = handles_name(form);
    let made = form.fields.iter().enumerate().map(|(index, field)| {
        let name = &field.name;
        quote!(#name: __place.field(#index))
    });
    quote! {
        impl ::mizan::form::Form for #ident {
            const SCHEMA: &'static ::mizan::form::Schema =
                &::mizan::form::Schema::new(#name, &[#(#fields),*]) #settings;
            const ENDPOINTS: ::mizan::form::Endpoints = ::mizan::form::Endpoints { #(#endpoints),* };
            type Fields = #handles;

            #read
            #show
            #initial

            #[allow(unused_variables)]
            fn fields(__place: &::mizan::__private::Place) -> #handles {
                #handles { #(#made),* }
            }
        }
    }
}

fn schema(field: &Field) -> TokenStream {
    let Field {
        ty,
        label,
        settings,
        rules,
        ..
    } = field;
    let name = field.name.unraw().to_string();
    let rules = (!rules.is_empty()).then(|| quote!(.rules(&[#(#rules),*])));
    // A type that no field can have is what the compiler shows
    quote_spanned! { ty.span()=>
        ::mizan::form::FieldSchema::new::<#ty>(#name, #label) #settings #rules
    }
}

fn read(form: &Form) -> TokenStream {
    let names: Vec<_> = form.fields.iter().map(|field| &field.name).collect();
    // All of them first, so that every mistake is told
    let reads = form.fields.iter().enumerate().map(|(index, field)| {
        let (name, ty) = (&field.name, &field.ty);
        quote! {
            let #name = ::mizan::__private::read::<#ty>(__values, &__fields[#index], __report);
        }
    });
    let rules = form
        .fields
        .iter()
        .enumerate()
        .map(|(index, field)| rules(form, index, field));
    let check = form
        .check
        .iter()
        .map(|path| quote_spanned!(path.span()=> #path(&__form, __report);));
    quote! {
        fn read(
            __values: &::mizan::form::Values,
            __report: &mut ::mizan::form::Report,
        ) -> ::core::option::Option<Self> {
            let __fields = <Self as ::mizan::form::Form>::SCHEMA.fields;
            ::mizan::__private::refuse_unknown(__values, __fields, __report);
            #(#reads)*
            #(#rules)*
            let __form = Self { #(#names: #names?),* };
            #(#check)*
            ::core::option::Option::Some(__form)
        }
    }
}

/// The rules of a field that are no data.
fn rules(form: &Form, index: usize, field: &Field) -> TokenStream {
    let name = &field.name;
    let same = field.matches.iter().map(|other| {
        let position = form.fields.iter().position(|known| known.name == *other);
        quote_spanned! { other.span()=>
            ::mizan::__private::check_same(
                (&__fields[#index], #name.as_ref()),
                (&__fields[#position], #other.as_ref()),
                __report,
            );
        }
    });
    let custom = field.custom.iter().map(|path| {
        quote_spanned! { path.span()=>
            ::mizan::__private::check_custom(#path, &__fields[#index], #name.as_ref(), __report);
        }
    });
    quote! { #(#same)* #(#custom)* }
}

fn show(form: &Form) -> TokenStream {
    let shown = form.fields.iter().enumerate().map(|(index, field)| {
        let name = &field.name;
        quote!(::mizan::__private::show(&self.#name, &__fields[#index], __pairs);)
    });
    quote! {
        #[allow(unused_variables)]
        fn show(&self, __pairs: &mut ::mizan::form::Pairs) {
            let __fields = <Self as ::mizan::form::Form>::SCHEMA.fields;
            #(#shown)*
        }
    }
}

fn initial(form: &Form) -> TokenStream {
    let shown = form.fields.iter().enumerate().filter_map(|(index, field)| {
        let (ty, default) = (field.given(), field.default.as_ref()?);
        let value = match default {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => quote_spanned!(text.span()=> ::std::string::String::from(#text)),
            other => other.to_token_stream(),
        };
        Some(quote_spanned! { default.span()=>
            let __value: #ty = #value;
            ::mizan::__private::show(&__value, &__fields[#index], __pairs);
        })
    });
    quote! {
        #[allow(unused_variables)]
        fn initial(__pairs: &mut ::mizan::form::Pairs) {
            let __fields = <Self as ::mizan::form::Form>::SCHEMA.fields;
            #(#shown)*
        }
    }
}

/// The form as a field of another one, and rows of it.
fn group(form: &Form) -> TokenStream {
    let ident = &form.item.ident;
    quote! {
        impl ::mizan::form::Field for #ident {
            const SHAPE: ::mizan::form::Shape = ::mizan::__private::group_shape::<Self>();

            fn read(reading: &mut ::mizan::form::Reading<'_>) -> ::core::option::Option<Self> {
                ::mizan::__private::read_group(reading)
            }

            fn show(&self, name: &str, pairs: &mut ::mizan::form::Pairs) {
                ::mizan::__private::show_group(self, name, pairs);
            }
        }

        impl ::mizan::form::Element for #ident {
            const LIST: ::mizan::form::Shape = ::mizan::__private::rows_shape::<Self>();

            fn read_list(
                reading: &mut ::mizan::form::Reading<'_>,
            ) -> ::core::option::Option<::std::vec::Vec<Self>> {
                ::mizan::__private::read_rows(reading)
            }

            fn show_list(list: &[Self], name: &str, pairs: &mut ::mizan::form::Pairs) {
                ::mizan::__private::show_rows(list, name, pairs);
            }
        }
    }
}

fn server(form: &Form) -> TokenStream {
    let ident = &form.item.ident;
    let fields = form.fields.iter().map(|field| parameters::Field {
        name: field.name.clone(),
        ty: field.ty.clone(),
    });
    let arguments = terms::arguments(&fields.collect::<Vec<_>>());
    quote! {
        ::mizan::server! {
            impl ::mizan::__private::FormArguments for #ident {
                #arguments
            }
        }
    }
}
