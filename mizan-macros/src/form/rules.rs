//! The rules of a field: `length(min = 1)`, `email`, `matches(password, message = "..")`.

use super::field::Setting;
use crate::{errors::Errors, options::Entry};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{
    Expr, ExprLit, ExprUnary, Ident, Lit, LitInt, LitStr, Path, Token, UnOp,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
};

/// What can be written.
pub(super) const NAMES: &str = "`length`, `range`, `email`, `url`, `ascii`, `alphanumeric`, `contains`, `prefix`, `suffix`, \
     `matches` and `custom`";

#[derive(Default)]
pub(super) struct Rules {
    /// Rules that are data.
    pub(super) rules: Vec<TokenStream>,
    /// What the type has to be for them.
    pub(super) bounds: Vec<Ident>,
    /// What the field is asked for with, where a rule says that.
    pub(super) widget: Option<&'static str>,
    pub(super) matches: Option<Ident>,
    pub(super) custom: Vec<Path>,
}

impl Rules {
    pub(super) fn are_none(&self) -> bool {
        self.rules.is_empty() && self.custom.is_empty()
    }

    /// Takes an option, if it is a rule.
    pub(super) fn take(&mut self, option: &Setting, errors: &mut Errors) -> bool {
        let key = &option.entry.key;
        let name = key.to_string();
        match name.as_str() {
            "length" => self.length(option, errors),
            "range" => self.range(option, errors),
            "email" => self.plain(option, "Email", Some("Email"), errors),
            "url" => self.plain(option, "Url", Some("Url"), errors),
            "ascii" => self.plain(option, "Ascii", None, errors),
            "alphanumeric" => self.plain(option, "Alphanumeric", None, errors),
            "contains" => self.text(option, "Contains", errors),
            "prefix" => self.text(option, "Prefix", errors),
            "suffix" => self.text(option, "Suffix", errors),
            "matches" => self.matches(option, errors),
            "custom" => self.custom(option, errors),
            _ => return false,
        }
        if let Some(value) = &option.entry.value {
            errors.at(
                value,
                format!("`{name}` is a rule: what it takes stands in parentheses"),
            );
        }
        true
    }

    fn add(&mut self, key: &Ident, bound: &str, check: &TokenStream, message: Option<LitStr>) {
        let message = message.map(|message| quote!(.message(#message)));
        self.rules
            .push(quote!(::mizan::form::Rule::new(::mizan::form::Check::#check)#message));
        if !bound.is_empty() {
            self.bounds.push(Ident::new(bound, key.span()));
        }
    }

    /// `length(min = 1, max = 100)`
    fn length(&mut self, option: &Setting, errors: &mut Errors) {
        let bound = |entry: &Entry, errors: &mut Errors| {
            let number = entry.value::<LitInt>("a number of characters or entries", errors)?;
            let value = number.base10_parse::<u32>();
            value.map_err(|error| errors.push(error)).ok()
        };
        let Some(bounds) = Bounds::parse(option, bound, errors) else {
            return;
        };
        let (min, max) = (bounds.tokens(bounds.min), bounds.tokens(bounds.max));
        let check = quote!(Length { min: #min, max: #max });
        self.add(&option.entry.key, "measured", &check, bounds.message);
    }

    /// `range(min = 0, max = 1.5)`
    fn range(&mut self, option: &Setting, errors: &mut Errors) {
        let Some(bounds) = Bounds::parse(option, number, errors) else {
            return;
        };
        let (min, max) = (bounds.tokens(bounds.min), bounds.tokens(bounds.max));
        let check = quote!(Range { min: #min, max: #max });
        self.add(&option.entry.key, "numeric", &check, bounds.message);
    }

    /// `email`, or `email(message = "..")`
    fn plain(
        &mut self,
        option: &Setting,
        check: &str,
        widget: Option<&'static str>,
        errors: &mut Errors,
    ) {
        let arguments = option.arguments.clone();
        let message = arguments.and_then(|arguments| message(arguments, errors));
        let check = Ident::new(check, Span::call_site()).to_token_stream();
        self.add(&option.entry.key, "textual", &check, message);
        self.widget = self.widget.or(widget);
    }

    /// `contains("text")`
    fn text(&mut self, option: &Setting, check: &str, errors: &mut Errors) {
        let Some((text, message)) = first::<LitStr>(option, "a text", errors) else {
            return;
        };
        let check = Ident::new(check, Span::call_site());
        let check = quote!(#check { text: #text });
        self.add(&option.entry.key, "textual", &check, message);
    }

    /// `matches(other)`
    fn matches(&mut self, option: &Setting, errors: &mut Errors) {
        let Some((other, message)) = first::<Ident>(option, "another field", errors) else {
            return;
        };
        let name = other.unraw().to_string();
        let check = quote!(Matches { field: #name });
        self.add(&option.entry.key, "", &check, message);
        self.matches = Some(other);
    }

    /// `custom(path)`
    fn custom(&mut self, option: &Setting, errors: &mut Errors) {
        const EXPECTED: &str = "the path of a function";
        let path = first::<Path>(option, EXPECTED, errors);
        if let Some((path, message)) = path {
            if let Some(message) = message {
                errors.at(&message, "the message is what the function fails with");
            }
            self.custom.push(path);
        }
    }
}

/// What stands first in the parentheses of a rule, and its message.
fn first<T: Parse>(
    option: &Setting,
    expected: &str,
    errors: &mut Errors,
) -> Option<(T, Option<LitStr>)> {
    let key = &option.entry.key;
    let parse = |input: ParseStream| {
        let first = input.parse::<T>()?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        Ok((first, input.parse::<TokenStream>()?))
    };
    let arguments = option.arguments.clone().unwrap_or_default();
    let text = format!("`{key}` takes {expected}, as in `{key}(..)`");
    match parse.parse2(arguments.clone()) {
        Ok((first, rest)) => Some((first, message(rest, errors))),
        Err(_) if arguments.is_empty() => {
            errors.at(key, text);
            None
        }
        Err(_) => {
            errors.at(&arguments, text);
            None
        }
    }
}

/// `message = ".."`, or nothing.
pub(super) fn message(arguments: TokenStream, errors: &mut Errors) -> Option<LitStr> {
    let mut message = None;
    for entry in Entry::all(arguments, errors) {
        if entry.key == "message" {
            message = entry.value("a text", errors);
        } else {
            errors.at(&entry.key, "there is nothing but `message` to say here");
        }
    }
    message
}

/// What is between two numbers.
struct Bounds<T> {
    min: Option<T>,
    max: Option<T>,
    message: Option<LitStr>,
}

impl<T: Copy + Literal> Bounds<T> {
    fn parse(
        option: &Setting,
        bound: impl Fn(&Entry, &mut Errors) -> Option<T>,
        errors: &mut Errors,
    ) -> Option<Self> {
        let key = &option.entry.key;
        let mut bounds = Self {
            min: None,
            max: None,
            message: None,
        };
        let entries = Entry::all(option.arguments.clone().unwrap_or_default(), errors);
        if !entries
            .iter()
            .any(|entry| entry.key == "min" || entry.key == "max")
        {
            errors.at(
                key,
                format!("`{key}` takes bounds, as in `{key}(min = 1, max = 100)`"),
            );
            return None;
        }
        for entry in entries {
            match entry.key.to_string().as_str() {
                "min" => bounds.min = bound(&entry, errors),
                "max" => bounds.max = bound(&entry, errors),
                "message" => bounds.message = entry.value("a text", errors),
                other => errors.at(
                    &entry.key,
                    format!("unknown bound `{other}`: there are `min`, `max` and `message`"),
                ),
            }
        }
        if let (Some(min), Some(max)) = (bounds.min, bounds.max)
            && min.float() > max.float()
        {
            errors.at(key, "nothing is between these: `min` is above `max`");
        }
        Some(bounds)
    }

    fn tokens(&self, bound: Option<T>) -> TokenStream {
        match bound {
            Some(bound) => {
                let bound = bound.tokens();
                quote!(::core::option::Option::Some(#bound))
            }
            None => quote!(::core::option::Option::None),
        }
    }
}

/// A bound as it is written in code.
trait Literal {
    fn tokens(self) -> TokenStream;
    fn float(self) -> f64;
}

impl Literal for u32 {
    fn tokens(self) -> TokenStream {
        let number = LitInt::new(&self.to_string(), Span::call_site());
        quote!(#number)
    }

    fn float(self) -> f64 {
        self.into()
    }
}

/// A whole number, or any other.
#[derive(Clone, Copy)]
enum Number {
    Integer(i64),
    Float(f64),
}

impl Literal for Number {
    fn tokens(self) -> TokenStream {
        match self {
            Self::Integer(number) => quote!(::mizan::form::Bound::Integer(#number)),
            Self::Float(number) => quote!(::mizan::form::Bound::Float(#number)),
        }
    }

    fn float(self) -> f64 {
        match self {
            // Only to be compared
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

fn number(entry: &Entry, errors: &mut Errors) -> Option<Number> {
    const EXPECTED: &str = "a number, as in `min = -1.5`";
    let expression = entry.value::<Expr>(EXPECTED, errors)?;
    let (sign, literal) = match &expression {
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => ("-", &**expr),
        other => ("", other),
    };
    let number = match literal {
        Expr::Lit(ExprLit {
            lit: Lit::Int(number),
            ..
        }) => format!("{sign}{}", number.base10_digits())
            .parse()
            .ok()
            .map(Number::Integer),
        Expr::Lit(ExprLit {
            lit: Lit::Float(number),
            ..
        }) => format!("{sign}{}", number.base10_digits())
            .parse()
            .ok()
            .map(Number::Float),
        _ => None,
    };
    if number.is_none() {
        errors.at(&expression, format!("`{}` takes {EXPECTED}", entry.key));
    }
    number
}
