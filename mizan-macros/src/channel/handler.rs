//! What an application says of a channel: types for both halves, functions for the server.

use crate::errors::Errors;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{ImplItem, ImplItemFn, ImplItemType, ItemImpl, Type, spanned::Spanned};

/// The types that a channel has; one that is not named is `()`.
const TYPES: [&str; 3] = ["ClientMessage", "ServerMessage", "Presence"];

pub(super) struct Handler {
    channel: Type,
    types: Vec<ImplItemType>,
    functions: Vec<ImplItemFn>,
}

impl Handler {
    pub(super) fn parse(options: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        let mut errors = Errors::default();
        if !options.is_empty() {
            errors.at(&options, "`#[mizan::channel_handler]` has no options");
        }
        let usage = "`#[mizan::channel_handler]` goes on `impl Channel for ..`";
        let item = match syn::parse2::<ItemImpl>(item.clone()) {
            Ok(item) => item,
            Err(_) => {
                let start = item.into_iter().take(2).collect::<TokenStream>();
                errors.at(&start, usage);
                return errors.finish(()).and(Err(TokenStream::new()));
            }
        };
        let is_channel = item.trait_.as_ref().is_some_and(|(_, path, _)| {
            path.segments
                .last()
                .is_some_and(|segment| segment.ident == "Channel")
        });
        if !is_channel {
            errors.at(&item.self_ty, usage);
        }
        let (mut types, mut functions) = (Vec::new(), Vec::new());
        for part in item.items {
            match part {
                ImplItem::Type(ty) if TYPES.iter().any(|name| ty.ident == name) => types.push(ty),
                ImplItem::Fn(function) => functions.push(function),
                other => errors.at(
                    &other,
                    "a channel has the types `ClientMessage`, `ServerMessage` and `Presence`, and functions",
                ),
            }
        }
        if !functions
            .iter()
            .any(|function| function.sig.ident == "authorize")
        {
            errors.at(
                &item.self_ty,
                "say who may join: `async fn authorize(&self, cx: &ChannelContext) -> mizan::Result<bool>`",
            );
        }
        let handler = Self {
            channel: *item.self_ty,
            types,
            functions,
        };
        let described = handler.description();
        let handler = errors.finish(handler);
        // Still a channel, to whoever uses it: one mistake is told once
        handler.map_err(|errors| {
            if is_channel {
                quote! { #errors #described }
            } else {
                errors
            }
        })
    }

    /// The types.
    fn description(&self) -> TokenStream {
        let Self { channel, types, .. } = self;
        let missing = TYPES
            .iter()
            .filter(|name| types.iter().all(|ty| ty.ident != name));
        let missing = missing.map(|name| {
            let name = syn::Ident::new(name, channel.span());
            quote! { type #name = (); }
        });
        let has_presence = types.iter().any(|ty| ty.ident == "Presence");
        quote! {
            impl ::mizan::channel::Channel for #channel {
                #(#types)*
                #(#missing)*
                const HAS_PRESENCE: bool = #has_presence;
            }
        }
    }

    pub(super) fn expand(&self) -> TokenStream {
        let Self {
            channel, functions, ..
        } = self;
        let description = self.description();
        quote! {
            #description

            ::mizan::server! {
                impl ::mizan::channel::ChannelHandler for #channel {
                    #(#functions)*
                }

                #[allow(dead_code, reason = "an application may need none of it")]
                impl #channel {
                    /// Adds a message to the channel's group: everybody in it gets it, on every
                    /// node. Returns where in the group's messages it is.
                    pub async fn push(
                        &self,
                        message: <Self as ::mizan::channel::Channel>::ServerMessage,
                    ) -> ::mizan::Result<::mizan::channel::Position> {
                        ::mizan::__private::push(self, message).await
                    }

                    /// Returns where the channel's group is: what a page has to join since, that
                    /// shows what was read after this.
                    pub async fn position(&self) -> ::mizan::Result<::mizan::channel::Position> {
                        ::mizan::__private::position(self).await
                    }
                }

                ::mizan::__private::inventory::submit! {
                    ::mizan::__private::ChannelRegistration::new::<#channel>(
                        ::mizan::__private::Location { file: ::core::file!(), line: ::core::line!() },
                    )
                }
            }
        }
    }
}
