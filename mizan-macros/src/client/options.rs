//! The options of the attribute: `name = Ident, private, ...`

use super::affects::{Affects, List};
use crate::{errors::Errors, options::Entry};
use proc_macro2::TokenStream;
use syn::{Ident, LitStr, Path, parse_quote};

#[derive(Default)]
pub(crate) struct Options {
    pub(crate) context: Option<Context>,
    pub(crate) affects: Option<(Ident, Vec<Affects>)>,
    pub(crate) merge: Option<(Ident, Path)>,
    pub(crate) private: Option<Ident>,
    pub(crate) websocket: Option<Ident>,
    pub(crate) name: Option<Ident>,
    pub(crate) input: Option<(Ident, Input)>,
    pub(crate) auth: Option<Guard>,
    pub(crate) rate: Option<Rate>,
}

/// The context that a member belongs to.
pub(crate) enum Context {
    /// One that stands elsewhere.
    Path(Path),
    /// One that the function itself makes.
    Local,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Input {
    Json,
    PostUrl,
}

/// Whom a function lets in.
pub(crate) enum Guard {
    /// Those who have signed in.
    User,
    Staff,
    Superuser,
    /// Those who have signed in and whom a function of the application's lets in.
    Check(Path),
}

/// How often a function may be called by one caller.
pub(crate) struct Rate {
    pub(crate) times: u32,
    /// The constructor of the runtime's `Rate`.
    pub(crate) per: Ident,
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        for entry in Entry::all(tokens, errors) {
            options.take(&entry, errors);
        }
        options
    }

    fn take(&mut self, entry: &Entry, errors: &mut Errors) {
        let key = &entry.key;
        match key.to_string().as_str() {
            "context" => self.context = context(entry, errors),
            "affects" => self.affects = affects(entry, errors).map(|list| (key.clone(), list)),
            "merge" => {
                let member = entry.value("a member's function, as in `merge = user_profile`", errors);
                self.merge = member.map(|path| (key.clone(), path));
            }
            "private" => {
                entry.without_value(errors);
                self.private = Some(key.clone());
            }
            "websocket" => {
                entry.without_value(errors);
                self.websocket = Some(key.clone());
            }
            "auth" => self.auth = auth(entry, errors),
            "rate" => self.rate = rate(entry, errors),
            "name" => self.name = entry.value("a name, as in `name = SendEcho`", errors),
            "input" => {
                const EXPECTED: &str = "`Json` or `PostUrl`";
                let Some(value) = entry.value::<Ident>(EXPECTED, errors) else {
                    return;
                };
                self.input = match value.to_string().as_str() {
                    "Json" => Some((value, Input::Json)),
                    "PostUrl" => Some((value, Input::PostUrl)),
                    other => {
                        errors.at(&value, format!("unknown input `{other}`: it is {EXPECTED}"));
                        None
                    }
                };
            }
            other => errors.at(
                key,
                format!(
                    "unknown option `{other}`: there are `context`, `affects`, `merge`, `auth`, `rate`, `private`, `websocket`, `name` and `input`"
                ),
            ),
        }
    }
}

/// `"global"`, `"local"` or a path.
fn context(entry: &Entry, errors: &mut Errors) -> Option<Context> {
    const EXPECTED: &str = "`\"global\"`, `\"local\"` or the path of a context";
    if let Some(name) = entry
        .value
        .clone()
        .and_then(|value| syn::parse2::<LitStr>(value).ok())
    {
        match name.value().as_str() {
            "global" => return Some(Context::Path(parse_quote!(::mizan::Global))),
            "local" => return Some(Context::Local),
            other => errors.at(
                &name,
                format!("unknown context {other:?}: it is {EXPECTED}"),
            ),
        }
        return None;
    }
    entry.value(EXPECTED, errors).map(Context::Path)
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
