//! Where a function is a view of its own: `route = "/profile/{id}"`, `methods = [GET]`.

use super::{model::Argument, options::Options};
use crate::errors::Errors;
use quote::format_ident;
use syn::{
    GenericArgument, Ident, LitStr, PathArguments, Token, Type, bracketed,
    ext::IdentExt,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
};

pub(crate) struct Route {
    pub(crate) template: LitStr,
    /// The arguments that stand in the path.
    in_path: Vec<String>,
    pub(crate) methods: Vec<Ident>,
}

/// Methods that a function can be for.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// Those whose arguments come in the body.
const WITH_BODY: [&str; 3] = ["POST", "PUT", "PATCH"];

/// Options that are about calls.
const OF_CALLS: [&str; 7] = [
    "context",
    "private",
    "websocket",
    "input",
    "cache",
    "stale_while_revalidate",
    "rev",
];

impl Route {
    /// Checks the options of a route, and those that a route can't have.
    pub(crate) fn check(
        options: &mut Options,
        arguments: &[Argument],
        errors: &mut Errors,
    ) -> Option<Self> {
        let methods = options.methods.take();
        if !options.keys.iter().any(|key| key == "route") {
            for key in options.keys.iter().filter(|key| *key == "methods") {
                errors.at(
                    key,
                    "`methods` says how a route is asked: it needs `route = \"/..\"`",
                );
            }
            return None;
        }
        for key in &options.keys {
            if OF_CALLS.contains(&key.to_string().as_str()) {
                errors.at(
                    key,
                    format!(
                        "a route is a page or a form's target, and no call: it can't have `{key}`"
                    ),
                );
            }
            if key == "merge" {
                errors.at(
                    key,
                    "the answer of a route is no value that a member could have: say `affects = ..`",
                );
            }
        }
        let methods = methods.unwrap_or_else(|| vec![format_ident!("GET")]);
        if methods.iter().any(|method| method == "GET")
            && let Some((key, _)) = &options.terms.affects
        {
            errors.at(
                key,
                "a GET changes nothing: whoever follows a link, or fetches it ahead, sends one. \
                 Say `methods = [POST]`",
            );
        }
        let template = options.route.take()?;
        let in_path = parameters(&template, arguments, errors);
        Some(Self {
            template,
            in_path,
            methods,
        })
    }

    pub(crate) fn is_in_path(&self, argument: &Argument) -> bool {
        self.in_path.contains(&argument.name.unraw().to_string())
    }

    /// Whether some method has the arguments in the query.
    pub(crate) fn has_query(&self) -> bool {
        !self.methods.iter().all(has_body)
    }

    /// Whether some method has the arguments in the body.
    pub(crate) fn has_body(&self) -> bool {
        self.methods.iter().any(has_body)
    }
}

fn has_body(method: &Ident) -> bool {
    WITH_BODY.iter().any(|known| method == known)
}

/// The names in the template, each of which is an argument's.
fn parameters(template: &LitStr, arguments: &[Argument], errors: &mut Errors) -> Vec<String> {
    let text = template.value();
    let Some(path) = text.strip_prefix('/') else {
        errors.at(template, "a route begins with `/`");
        return Vec::new();
    };
    if text == "/api/mizan" || text.starts_with("/api/mizan/") {
        errors.at(template, "`/api/mizan` is Mizan's own: choose another path");
    }
    let mut names: Vec<String> = Vec::new();
    let count = path.split('/').count();
    for (index, segment) in path.split('/').enumerate() {
        let is_last = index + 1 == count;
        let name = match parameter(segment, is_last) {
            Ok(None) => continue,
            Ok(Some(name)) => name,
            Err(mistake) => {
                errors.at(template, mistake);
                continue;
            }
        };
        if names.iter().any(|known| known == name) {
            errors.at(template, format!("`{{{name}}}` is there twice"));
            continue;
        }
        let is_named = |argument: &&Argument| argument.name.unraw() == name;
        match arguments.iter().find(is_named) {
            None => errors.at(
                template,
                format!("`{{{name}}}` is not an argument of this function"),
            ),
            Some(argument) if is_option(&argument.ty) => errors.at(
                &argument.ty,
                format!("`{name}` stands in the path, and so is always there: it is no `Option`"),
            ),
            Some(_) => names.push(name.to_owned()),
        }
    }
    names
}

/// The name that a segment of the template has in braces, if it has one.
fn parameter(segment: &str, is_last: bool) -> Result<Option<&str>, String> {
    let inside = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    if let Some(name) = inside {
        let (name, is_rest) = match name.strip_prefix('*') {
            Some(name) => (name, true),
            None => (name, false),
        };
        // A keyword too: `r#type` is `{type}`
        if Ident::parse_any.parse_str(name).is_err() {
            return Err(format!("`{segment}` names no argument, as `{{id}}` does"));
        }
        if is_rest && !is_last {
            return Err(format!(
                "`{segment}` is the rest of the path: nothing stands behind it"
            ));
        }
        return Ok(Some(name));
    }
    if segment.contains(['{', '}']) {
        return Err(format!(
            "`{segment}` is neither a text nor an argument: an argument is a whole segment, as in `/{{id}}/`"
        ));
    }
    if let Some(name) = segment.strip_prefix([':', '*']) {
        return Err(format!(
            "an argument stands in braces: `{{{name}}}` for `{segment}`"
        ));
    }
    if matches!(segment, "." | "..") || segment.is_empty() && !is_last {
        return Err("a browser asks for no path with `//`, `/./` or `/../`".to_owned());
    }
    // RFC 3986, section 3.3, without what is percent-encoded: it would have several spellings
    let is_allowed =
        |letter: char| letter.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(letter);
    match segment.chars().find(|letter| !is_allowed(*letter)) {
        Some(letter) => Err(format!(
            "a route has no {letter:?}: it stands in URLs as it is"
        )),
        None => Ok(None),
    }
}

/// Whether a type is written as an `Option`.
fn is_option(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    let last = path.path.segments.last();
    last.is_some_and(|last| {
        let PathArguments::AngleBracketed(inside) = &last.arguments else {
            return false;
        };
        last.ident == "Option" && matches!(inside.args.first(), Some(GenericArgument::Type(_)))
    })
}

/// The value of `methods`: names in brackets.
pub(crate) struct Methods(pub(crate) Vec<Ident>);

impl Parse for Methods {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let content;
        bracketed!(content in input);
        let list = Punctuated::<Ident, Token![,]>::parse_terminated(&content)?;
        Ok(Self(list.into_iter().collect()))
    }
}

impl Methods {
    /// Those that a function can be for, each one once.
    pub(crate) fn check(self, errors: &mut Errors) -> Vec<Ident> {
        let mut methods: Vec<Ident> = Vec::new();
        for method in self.0 {
            if method == "HEAD" {
                errors.at(&method, "`HEAD` comes with `GET`");
            } else if !METHODS.iter().any(|known| method == known) {
                errors.at(
                    &method,
                    format!("unknown method `{method}`: there are `GET`, `POST`, `PUT`, `PATCH` and `DELETE`"),
                );
            } else if methods.contains(&method) {
                errors.at(&method, format!("`{method}` is given twice"));
            } else {
                methods.push(method);
            }
        }
        methods
    }
}
