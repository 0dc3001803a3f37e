//! The options of the attribute: `name = Ident, private, ...`

use super::route::Methods;
use crate::{duration::milliseconds, errors::Errors, options::Entry, terms::Terms};
use proc_macro2::TokenStream;
use syn::{Ident, Lit, LitInt, LitStr, Path, parse_quote};

#[derive(Default)]
pub(crate) struct Options {
    /// All that are given.
    pub(crate) keys: Vec<Ident>,
    pub(crate) context: Option<Context>,
    pub(crate) terms: Terms,
    pub(crate) private: Option<Ident>,
    pub(crate) websocket: Option<Ident>,
    pub(crate) name: Option<Ident>,
    pub(crate) input: Option<(Ident, Input)>,
    pub(crate) cache: Option<(Ident, Cache)>,
    pub(crate) stale: Option<(Ident, u64)>,
    pub(crate) rev: Option<(Ident, u32)>,
    pub(crate) route: Option<LitStr>,
    pub(crate) methods: Option<Vec<Ident>>,
}

/// How long the server keeps the answers of a member.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Cache {
    Never,
    Forever,
    /// So many milliseconds.
    For(u64),
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
        self.keys.push(key.clone());
        if self.terms.take(entry, errors) {
            return;
        }
        match key.to_string().as_str() {
            "context" => self.context = context(entry, errors),
            "private" => {
                entry.without_value(errors);
                self.private = Some(key.clone());
            }
            "websocket" => {
                entry.without_value(errors);
                self.websocket = Some(key.clone());
            }
            "cache" => self.cache = cache(entry, errors).map(|cache| (key.clone(), cache)),
            "stale_while_revalidate" => {
                self.stale = time(entry, errors).map(|time| (key.clone(), time));
            }
            "rev" => {
                let number = entry.value::<LitInt>("a number, as in `rev = 2`", errors);
                match number.map(|number| number.base10_parse()) {
                    Some(Ok(number)) => self.rev = Some((key.clone(), number)),
                    Some(Err(error)) => errors.push(error),
                    None => {}
                }
            }
            "route" => self.route = entry.value("a path, as in `\"/profile/{id}\"`", errors),
            "methods" => self.methods = methods(entry, errors),
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
                    "unknown option `{other}`: there are `context`, `affects`, `merge`, `auth`, `rate`, `cache`, \
                     `stale_while_revalidate`, `rev`, `private`, `websocket`, `route`, `methods`, `name` and `input`"
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

/// `"5m"`, `"forever"` or `false`.
fn cache(entry: &Entry, errors: &mut Errors) -> Option<Cache> {
    const EXPECTED: &str = "a time, as in `\"5m\"`, `\"forever\"` or `false`";
    match entry.value::<Lit>(EXPECTED, errors)? {
        Lit::Bool(literal) if !literal.value => return Some(Cache::Never),
        Lit::Str(text) if text.value() == "forever" => return Some(Cache::Forever),
        Lit::Str(text) => match milliseconds(&text) {
            Ok(time) => return Some(Cache::For(time)),
            Err(error) => errors.push(error),
        },
        other => errors.at(&other, format!("`cache` takes {EXPECTED}")),
    }
    None
}

/// `"1h"`.
fn time(entry: &Entry, errors: &mut Errors) -> Option<u64> {
    let text = entry.value::<LitStr>("a time, as in `\"5m\"`", errors)?;
    milliseconds(&text).map_err(|error| errors.push(error)).ok()
}

/// `[GET, POST]`
fn methods(entry: &Entry, errors: &mut Errors) -> Option<Vec<Ident>> {
    const EXPECTED: &str = "methods in brackets, as in `[GET, POST]`";
    let methods = entry.value::<Methods>(EXPECTED, errors)?;
    if methods.0.is_empty() {
        errors.at(&entry.key, format!("`methods` takes {EXPECTED}"));
    }
    Some(methods.check(errors))
}
