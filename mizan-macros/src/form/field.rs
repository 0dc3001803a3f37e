//! A field, with what its attribute `#[field(..)]` says.

use super::rules::{self, Rules};
use crate::{errors::Errors, names::sentence, options::Entry};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Attribute, Expr, GenericArgument, Ident, LitBool, LitStr, Path, PathArguments, Token, Type,
    ext::IdentExt,
    parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token::Paren,
};

pub(super) struct Field {
    pub(super) name: Ident,
    pub(super) ty: Type,
    pub(super) label: String,
    /// Calls on `FieldSchema`.
    pub(super) settings: TokenStream,
    /// Rules that are data.
    pub(super) rules: Vec<TokenStream>,
    /// What the type has to be for them.
    pub(super) bounds: Vec<Ident>,
    /// The field that it has to be the same as.
    pub(super) matches: Option<Ident>,
    /// Rules of the application's.
    pub(super) custom: Vec<Path>,
    pub(super) default: Option<Expr>,
}

/// What a field can be asked for with: its name, and the variant of `Widget`.
const WIDGETS: [(&str, &str); 17] = [
    ("text", "Text"),
    ("textarea", "Textarea"),
    ("password", "Password"),
    ("email", "Email"),
    ("url", "Url"),
    ("tel", "Tel"),
    ("search", "Search"),
    ("number", "Number"),
    ("range", "Range"),
    ("date", "Date"),
    ("time", "Time"),
    ("datetime", "Datetime"),
    ("checkbox", "Checkbox"),
    ("select", "Select"),
    ("radio", "Radio"),
    ("checkboxes", "Checkboxes"),
    ("hidden", "Hidden"),
];

/// `key`, `key = value` or `key(arguments)`
pub(super) struct Setting {
    pub(super) entry: Entry,
    pub(super) arguments: Option<TokenStream>,
}

#[derive(Default)]
struct Options {
    label: Option<LitStr>,
    /// Calls on `FieldSchema`.
    settings: TokenStream,
    widget: Option<String>,
    autocomplete: Option<LitStr>,
    default: Option<Expr>,
    rules: Rules,
}

impl Field {
    pub(super) fn parse(
        name: &Ident,
        ty: &Type,
        attributes: &[Attribute],
        errors: &mut Errors,
    ) -> Self {
        let mut options = Options::default();
        for option in Setting::all(attributes, errors) {
            options.take(&option, errors);
        }
        let label = options.label.as_ref().map(LitStr::value);
        let settings = options.settings();
        let Rules {
            rules,
            bounds,
            matches,
            custom,
            ..
        } = options.rules;
        Self {
            name: name.clone(),
            ty: ty.clone(),
            label: label.unwrap_or_else(|| sentence(&name.unraw().to_string())),
            settings,
            rules,
            bounds,
            matches,
            custom,
            default: options.default,
        }
    }

    /// The type of what is given: that inside of an `Option`.
    pub(super) fn given(&self) -> &Type {
        let option = match &self.ty {
            Type::Path(path) => path.path.segments.last(),
            _ => None,
        };
        let arguments = option.filter(|segment| segment.ident == "Option");
        match arguments.map(|segment| &segment.arguments) {
            Some(PathArguments::AngleBracketed(arguments)) => match arguments.args.first() {
                Some(GenericArgument::Type(ty)) => ty,
                _ => &self.ty,
            },
            _ => &self.ty,
        }
    }
}

impl Options {
    fn take(&mut self, option: &Setting, errors: &mut Errors) {
        let (entry, key) = (&option.entry, &option.entry.key);
        if self.rules.take(option, errors) {
            return;
        }
        if let (Some(arguments), false) = (&option.arguments, key == "required") {
            errors.at(
                arguments,
                format!("`{key}` takes no arguments in parentheses"),
            );
            return;
        }
        match key.to_string().as_str() {
            "label" => self.label = entry.value("a text", errors),
            "help" | "placeholder" => {
                if let Some(text) = entry.value::<LitStr>("a text", errors) {
                    self.settings.extend(quote!(.#key(#text)));
                }
            }
            "autocomplete" => self.autocomplete = entry.value("a text", errors),
            "widget" => self.widget = widget(entry, errors),
            "required" => self.required(option, errors),
            "default" => self.default = entry.value("an expression", errors),
            other => errors.at(
                key,
                format!(
                    "unknown option `{other}`: there are `label`, `help`, `placeholder`, `autocomplete`, \
                     `widget`, `required`, `default`, and the rules {}",
                    rules::NAMES
                ),
            ),
        }
    }

    /// `required`, `required = false` or `required(message = "..")`
    fn required(&mut self, option: &Setting, errors: &mut Errors) {
        let entry = &option.entry;
        if let Some(arguments) = &option.arguments {
            let message = rules::message(arguments.clone(), errors);
            self.settings.extend(quote!(.required(true)));
            self.settings
                .extend(message.map(|message| quote!(.required_message(#message))));
        } else if entry.value.is_none() {
            self.settings.extend(quote!(.required(true)));
        } else if let Some(value) = entry.value::<LitBool>("`true` or `false`", errors) {
            self.settings.extend(quote!(.required(#value)));
        }
    }

    /// Calls on `FieldSchema`; a rule says how the field is asked for, unless the form does.
    fn settings(&self) -> TokenStream {
        let widget = self.widget.as_deref().or(self.rules.widget);
        let autocomplete = self.autocomplete.as_ref().map(LitStr::value);
        let autocomplete = autocomplete.or_else(|| {
            let word = match widget? {
                "Email" => "email",
                "Url" => "url",
                "Tel" => "tel",
                // A rule for it is one for who chooses it
                "Password" if self.rules.are_none() => "current-password",
                "Password" => "new-password",
                _ => return None,
            };
            Some(word.to_owned())
        });
        // That a rule is not for the type is told already
        let call = if self.widget.is_some() {
            format_ident!("widget")
        } else {
            format_ident!("widget_of_rule")
        };
        let widget = widget.map(|widget| {
            let widget = format_ident!("{widget}");
            quote!(.#call(::mizan::form::Widget::#widget))
        });
        let autocomplete = autocomplete.map(|word| quote!(.autocomplete(#word)));
        let settings = &self.settings;
        quote!(#settings #widget #autocomplete)
    }
}

fn widget(entry: &Entry, errors: &mut Errors) -> Option<String> {
    let name = entry.value::<LitStr>("a text, as in `widget = \"textarea\"`", errors)?;
    let value = name.value();
    let known = WIDGETS.iter().find(|(known, _)| *known == value);
    if known.is_none() {
        let names = WIDGETS.map(|(name, _)| format!("{name:?}")).join(", ");
        errors.at(
            &name,
            format!("unknown widget {value:?}: there are {names}"),
        );
    }
    known.map(|(_, variant)| (*variant).to_owned())
}

impl Setting {
    /// Takes the attributes of a field apart; of options that are given twice the first counts.
    fn all(attributes: &[Attribute], errors: &mut Errors) -> Vec<Self> {
        let mut known: Vec<Self> = Vec::new();
        for attribute in attributes {
            let parser = Punctuated::<Self, Token![,]>::parse_terminated;
            let options = match attribute.parse_args_with(parser) {
                Ok(options) => options,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            for option in options {
                let key = &option.entry.key;
                let is_known = known.iter().any(|earlier| earlier.entry.key == *key);
                if is_known && key != "custom" {
                    errors.at(key, format!("`{key}` is given twice"));
                } else {
                    known.push(option);
                }
            }
        }
        known
    }
}

impl Parse for Setting {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if !input.peek2(Paren) {
            return Ok(Self {
                entry: input.parse()?,
                arguments: None,
            });
        }
        let key = input.parse()?;
        let content;
        parenthesized!(content in input);
        Ok(Self {
            entry: Entry { key, value: None },
            arguments: Some(content.parse()?),
        })
    }
}
