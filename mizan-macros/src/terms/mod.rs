//! What holds for a function, whatever it is reached through: whom it lets in, how often, and what
//! it makes stale. The options of `#[mizan::client]` and of `#[mizan::form_handler]` that say so.

mod affects;

use crate::{errors::Errors, names::pascal_case, options::Entry, parameters::Field};
use affects::{Affects, List, Scope};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Ident, LitStr, Path, ext::IdentExt, spanned::Spanned};

#[derive(Default)]
pub(crate) struct Terms {
    pub(crate) affects: Option<(Ident, Vec<Affects>)>,
    /// The member that the result replaces: its argument struct.
    merge: Option<(Ident, Path)>,
    auth: Option<Guard>,
    rate: Option<Rate>,
}

/// Whom a function lets in.
enum Guard {
    /// Those who have signed in.
    User,
    Staff,
    Superuser,
    /// Those who have signed in and whom a function of the application's lets in.
    Check(Path),
}

/// How often a function may be called by one caller.
struct Rate {
    times: u32,
    /// The constructor of the runtime's `Rate`.
    per: Ident,
}

impl Terms {
    /// Takes an option, if it is one of these.
    pub(crate) fn take(&mut self, entry: &Entry, errors: &mut Errors) -> bool {
        let key = &entry.key;
        match key.to_string().as_str() {
            "affects" => self.affects = affects(entry, errors).map(|list| (key.clone(), list)),
            "merge" => {
                let member =
                    entry.value("a member's function, as in `merge = user_profile`", errors);
                self.merge = member.map(|path| (key.clone(), argument_struct(path)));
            }
            "auth" => self.auth = auth(entry, errors),
            "rate" => self.rate = rate(entry, errors),
            _ => return false,
        }
        true
    }

    /// The option by which the function has effects, if there is one.
    pub(crate) fn effect(&self) -> Option<&Ident> {
        let affects = self.affects.as_ref().map(|(key, _)| key);
        affects.or(self.merge.as_ref().map(|(key, _)| key))
    }

    /// The arguments that stand for parameters of other names.
    pub(crate) fn mapped(&self) -> impl Iterator<Item = &Ident> {
        self.stale()
            .flat_map(Affects::pairs)
            .map(|(_, argument)| argument)
    }

    fn stale(&self) -> impl Iterator<Item = &Affects> {
        self.affects.iter().flat_map(|(_, list)| list)
    }

    /// Whom the function lets in, and how often.
    pub(crate) fn admission(&self) -> TokenStream {
        let rate = self.rate.iter().map(|Rate { times, per }| {
            quote! {
                const RATE: ::core::option::Option<::mizan::__private::Rate> =
                    ::core::option::Option::Some(::mizan::__private::Rate::#per(#times));
            }
        });
        let guard = self.auth.iter().map(|guard| {
            let (level, check) = match guard {
                Guard::User => (quote!(User), None),
                Guard::Staff => (quote!(Staff), None),
                Guard::Superuser => (quote!(Superuser), None),
                Guard::Check(path) => (quote!(User), Some(check(path))),
            };
            quote! {
                const GUARD: ::mizan::__private::Guard = ::mizan::__private::Guard::#level;
                #check
            }
        });
        quote! { #(#rate)* #(#guard)* }
    }

    /// What the function makes stale; its arguments say where.
    pub(crate) fn effects(&self) -> Option<TokenStream> {
        self.effect()?;
        let affects = self.stale().map(|affects| {
            let context = &affects.context;
            let own = affects.own.then(|| quote!(.own()));
            let span = context.span();
            match &affects.scope {
                Scope::Arguments(pairs) => {
                    let pairs = pairs.iter().map(|(parameter, argument)| {
                        let (parameter, argument) = (parameter.unraw().to_string(), argument.unraw().to_string());
                        quote!((#parameter, #argument))
                    });
                    quote_spanned!(span=> ::mizan::__private::Effect::affects::<#context>(&[#(#pairs),*])#own)
                }
                Scope::All => quote_spanned!(span=> ::mizan::__private::Effect::affects_all::<#context>()#own),
            }
        });
        let merge = self.merge.iter().map(
            |(_, member)| quote_spanned!(member.span()=> ::mizan::__private::Effect::merge::<#member>()),
        );
        Some(quote! {
            const EFFECTS: &'static [::mizan::__private::Effect] = &[#(#affects,)* #(#merge,)*];
        })
    }

    /// What the compiler can say about the effects of what has its arguments in the type
    /// `arguments`.
    pub(crate) fn checks(&self, arguments: &TokenStream, output: &TokenStream) -> TokenStream {
        let pairs = self.stale().flat_map(|affects| {
            let context = &affects.context;
            affects.pairs().iter().map(move |(parameter, argument)| {
                // The parameter has to be there, and the argument has to be of its type
                quote_spanned! { parameter.span()=>
                    const _: fn(&#context, &#arguments) = |context, arguments| {
                        ::mizan::__private::same_type(&context.#parameter, &arguments.#argument)
                    };
                }
            })
        });
        let merge = self.merge.iter().map(|(_, member)| {
            quote_spanned! { member.span()=>
                const _: fn(#output) -> <#member as ::mizan::__private::Call>::Output = |value| value;
            }
        });
        pairs.chain(merge).collect()
    }
}

/// The arguments, with their types.
pub(crate) fn arguments(fields: &[Field]) -> TokenStream {
    let arguments = fields.iter().map(|Field { name, .. }| {
        let text = name.unraw().to_string();
        quote!(::mizan::__private::Argument::new(#text, &self.#name))
    });
    let types = fields.iter().map(|Field { name, ty }| {
        let name = name.unraw().to_string();
        quote!(::mizan::__private::ArgumentType::new::<#ty>(#name))
    });
    quote! {
        const TYPES: &'static [::mizan::__private::ArgumentType] = &[#(#types),*];

        fn arguments(&self) -> ::std::vec::Vec<::mizan::__private::Argument<'_>> {
            ::std::vec![#(#arguments),*]
        }
    }
}

/// Asks a function of the application's in addition.
fn check(path: &Path) -> TokenStream {
    quote_spanned! { path.span()=>
        const CHECKED: bool = true;

        fn user_type() -> ::core::option::Option<::mizan::__private::UserType> {
            ::core::option::Option::Some(::mizan::__private::user_type::<_, Self>(#path))
        }

        async fn admit(&self) -> ::core::result::Result<(), ::mizan::__private::Error> {
            let context = ::mizan::__private::GuardContext::current().await?;
            #path(&context, self).await
        }
    }
}

/// Nothing, `"staff"`, `"superuser"` or a path.
fn auth(entry: &Entry, errors: &mut Errors) -> Option<Guard> {
    const EXPECTED: &str = "`\"staff\"`, `\"superuser\"` or the path of a check";
    let Some(value) = entry.value.clone() else {
        return Some(Guard::User);
    };
    if let Ok(name) = syn::parse2::<LitStr>(value) {
        match name.value().as_str() {
            "staff" => return Some(Guard::Staff),
            "superuser" => return Some(Guard::Superuser),
            other => errors.at(
                &name,
                format!(
                    "unknown guard {other:?}: it is {EXPECTED}; `auth` by itself lets in \
                     everybody who has signed in"
                ),
            ),
        }
        return None;
    }
    entry.value(EXPECTED, errors).map(Guard::Check)
}

/// `"10/min"`.
fn rate(entry: &Entry, errors: &mut Errors) -> Option<Rate> {
    const EXPECTED: &str = "a number of times in a second, minute, hour or day, as in `\"10/min\"`";
    let text = entry.value::<LitStr>(EXPECTED, errors)?;
    let value = text.value();
    let read = value.split_once('/').and_then(|(times, period)| {
        let times = times.trim().parse().ok().filter(|times| *times > 0)?;
        let per = match period.trim() {
            "s" | "sec" | "second" => "per_second",
            "m" | "min" | "minute" => "per_minute",
            "h" | "hour" => "per_hour",
            "d" | "day" => "per_day",
            _ => return None,
        };
        let per = Ident::new(per, text.span());
        Some(Rate { times, per })
    });
    if read.is_none() {
        errors.at(&text, format!("{value:?} is not a rate: it is {EXPECTED}"));
    }
    read
}

fn affects(entry: &Entry, errors: &mut Errors) -> Option<Vec<Affects>> {
    const EXPECTED: &str = "`\"global\"`, a context, `Context(parameter = argument)`, `Context(..)`, `own(Context)`, or several of them in brackets";
    entry.value::<List>(EXPECTED, errors).map(|List(list)| list)
}

/// The path of a function's argument struct: `notes::rename_note` is `notes::RenameNote`. The name
/// of the struct itself stays as it is.
fn argument_struct(mut function: Path) -> Path {
    if let Some(last) = function.segments.last_mut() {
        last.ident = pascal_case(&last.ident);
    }
    function
}
