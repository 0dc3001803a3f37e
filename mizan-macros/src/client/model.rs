//! What a function with the attribute means, once everything about it was checked.

use super::{
    options::{Cache, Context, Input, Options},
    route::Route,
};
use crate::{errors::Errors, names::pascal_case, parameters, terms::Terms};
use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, FnArg, Ident, ItemFn, Pat, ReturnType, Type, ext::IdentExt, parse_quote};

pub(crate) struct Function {
    /// The function as it was written, without the attributes that went elsewhere.
    pub(crate) item: ItemFn,
    /// Attributes for the function that is called.
    pub(crate) attributes: Vec<Attribute>,
    /// The name of the argument struct.
    pub(crate) name: Ident,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) output: Type,
    pub(crate) context: Option<Context>,
    pub(crate) terms: Terms,
    pub(crate) private: bool,
    /// Whether the browser calls it over the page's socket.
    pub(crate) websocket: bool,
    pub(crate) input: Input,
    /// How long the server keeps its answers, and how much longer an old one stands in for a new
    /// one that is on its way, in milliseconds.
    pub(crate) cache: Option<(Cache, u64)>,
    pub(crate) rev: u32,
    /// Where it is a view of its own, and no call.
    pub(crate) route: Option<Route>,
}

pub(crate) struct Argument {
    /// Attributes for the field: serde's and docs.
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

impl Function {
    pub(crate) fn parse(options: TokenStream, item: TokenStream) -> Result<Self, TokenStream> {
        let mut errors = Errors::default();
        let mut options = Options::parse(options, &mut errors);
        let mut item = match syn::parse2::<ItemFn>(item.clone()) {
            Ok(item) => item,
            Err(_) => {
                errors.at(
                    &first_line(item),
                    "`#[mizan::client]` goes on an `async fn` with a body",
                );
                return errors.finish(()).and(Err(TokenStream::new()));
            }
        };
        check_signature(&item, &mut errors);
        let arguments = arguments(&mut item, &mut errors);
        let is_route = options.keys.iter().any(|key| key == "route");
        let output = output(&item, is_route, &mut errors);
        check_options(&options, &item, &arguments, &mut errors);
        let route = Route::check(&mut options, &arguments, &mut errors);
        let attributes = attributes_for_callers(&mut item.attrs);
        let name = options.name.unwrap_or_else(|| pascal_case(&item.sig.ident));
        check_name(&name, &item, &mut errors);
        let input = options.input.map_or(Input::Json, |(_, input)| input);
        let (context, private) = (options.context, options.private.is_some());
        let websocket = options.websocket.is_some();
        let stale = options.stale.map_or(0, |(_, stale)| stale);
        let cache = options.cache.map(|(_, cache)| (cache, stale));
        errors.finish(Self {
            item,
            attributes,
            name,
            arguments,
            output,
            context,
            terms: options.terms,
            private,
            websocket,
            input,
            cache,
            rev: options.rev.map_or(0, |(_, rev)| rev),
            route,
        })
    }

    /// The name on the wire.
    pub(crate) fn wire_name(&self) -> String {
        self.item.sig.ident.unraw().to_string()
    }
}

fn check_signature(item: &ItemFn, errors: &mut Errors) {
    let sig = &item.sig;
    if sig.asyncness.is_none() {
        errors.at(&sig.fn_token, "a server function is `async`");
    }
    if !sig.generics.params.is_empty() {
        errors.at(
            &sig.generics.params,
            "a server function has no generic parameters: the wire needs to know its types",
        );
    }
    if let Some(clause) = &sig.generics.where_clause {
        errors.at(clause, "a server function has no `where` clause");
    }
    for (present, tokens) in [
        (sig.constness.is_some(), sig.constness.to_token_stream()),
        (sig.unsafety.is_some(), sig.unsafety.to_token_stream()),
        (sig.abi.is_some(), sig.abi.to_token_stream()),
        (sig.variadic.is_some(), sig.variadic.to_token_stream()),
    ] {
        if present {
            errors.at(&tokens, format!("a server function can't be `{tokens}`"));
        }
    }
}

/// The types that the function names are others than the argument struct: where one has its name,
/// the compiler would speak of a struct that nobody has written.
fn check_name(name: &Ident, item: &ItemFn, errors: &mut Errors) {
    let arguments = item.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(argument.ty.to_token_stream()),
        FnArg::Receiver(_) => None,
    });
    let output = item.sig.output.to_token_stream();
    let same = arguments
        .chain([output])
        .find_map(|tokens| bare(name, tokens));
    if let Some(same) = same {
        let function = &item.sig.ident;
        errors.at(
            &same,
            format!(
                "`{name}` is what the argument struct of `{function}` is called: give that another \
                 name, as in `#[mizan::client(name = {name}Args)]`"
            ),
        );
    }
}

/// Where a type is named so, without a path.
fn bare(name: &Ident, tokens: TokenStream) -> Option<Ident> {
    let is_colon =
        |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':');
    let mut follows_colon = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let in_path = follows_colon || tokens.peek().is_some_and(is_colon);
        follows_colon = is_colon(&token);
        match token {
            TokenTree::Ident(ident) if ident == *name && !in_path => return Some(ident),
            TokenTree::Group(group) => {
                if let Some(found) = bare(name, group.stream()) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}

fn check_options(options: &Options, item: &ItemFn, arguments: &[Argument], errors: &mut Errors) {
    if let (Some(key), Some(_)) = (options.terms.effect(), &options.context) {
        errors.at(
            key,
            format!(
                "a member of a context only reads, whenever it is asked to: it can't have `{key}`"
            ),
        );
    }
    for argument in options.terms.mapped() {
        if arguments.iter().all(|known| known.name != *argument) {
            errors.at(
                argument,
                format!("`{argument}` is not an argument of this function"),
            );
        }
    }
    if options.route.is_none() {
        check_cache(options, errors);
    }
    if let Some(Context::Local) = &options.context {
        let name = &item.sig.ident;
        parameters::check_name(&name.unraw().to_string(), name, errors);
        for argument in arguments {
            parameters::check_parameter(&argument.name, errors);
        }
    }
    if let (Some(private), Some(websocket)) = (&options.private, &options.websocket) {
        errors.at(
            websocket,
            format!("a `{private}` function has no endpoint: `websocket` means nothing for it"),
        );
    }
    if let Some(private) = &options.private {
        if options.context.is_some() {
            errors.at(
                private,
                "a member of a context is sent to the browser: it can't be `private`",
            );
        }
        if options.input.is_some() {
            errors.at(
                private,
                "a `private` function has no endpoint: `input` means nothing for it",
            );
        }
    }
    let is_global = match &options.context {
        Some(Context::Path(path)) => path.segments.last(),
        _ => None,
    };
    if is_global.is_some_and(|segment| segment.ident == "Global") && !item.sig.inputs.is_empty() {
        errors.at(
            &item.sig.inputs,
            "a member of the global context takes no arguments: the page as a whole has none to give",
        );
    }
}

fn check_cache(options: &Options, errors: &mut Errors) {
    let keys = [
        options.cache.as_ref().map(|(key, _)| key),
        options.stale.as_ref().map(|(key, _)| key),
        options.rev.as_ref().map(|(key, _)| key),
    ];
    if options.context.is_none() {
        for key in keys.into_iter().flatten() {
            errors.at(
                key,
                format!("answers of context members are cached: `{key}` needs `context = ..`"),
            );
        }
    }
    let has_time = matches!(options.cache, Some((_, Cache::For(_))));
    if let Some((key, _)) = &options.stale
        && !has_time
    {
        errors.at(
            key,
            format!("`{key}` begins when a time has passed: it needs one, as in `cache = \"5m\"`"),
        );
    }
}

/// Takes the arguments apart, and their attributes off the function.
fn arguments(item: &mut ItemFn, errors: &mut Errors) -> Vec<Argument> {
    let mut arguments = Vec::new();
    for input in &mut item.sig.inputs {
        let argument = match input {
            FnArg::Receiver(receiver) => {
                errors.at(receiver, "a server function is not a method");
                continue;
            }
            FnArg::Typed(argument) => argument,
        };
        let attributes = std::mem::take(&mut argument.attrs);
        for attribute in &attributes {
            check_argument_attribute(attribute, errors);
        }
        let ty = (*argument.ty).clone();
        match &ty {
            Type::Reference(_) => errors.at(
                &ty,
                "an argument travels over the wire: take an owned value, such as `String` for `&str`",
            ),
            Type::ImplTrait(_) => {
                errors.at(&ty, "an argument has one type, which the wire knows: `impl Trait` has many");
            }
            _ => {}
        }
        match &*argument.pat {
            Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => {
                arguments.push(Argument {
                    attributes,
                    name: pat.ident.clone(),
                    ty,
                });
            }
            pat => errors.at(pat, "an argument needs a name: the wire carries it"),
        }
    }
    arguments
}

/// Docs, and of serde's attributes those that leave the name as it is: messages tell the names.
fn check_argument_attribute(attribute: &Attribute, errors: &mut Errors) {
    if attribute.path().is_ident("serde") {
        let renaming = [
            "rename",
            "alias",
            "flatten",
            "skip",
            "skip_serializing",
            "skip_deserializing",
        ];
        let checked = attribute.parse_nested_meta(|meta| {
            if renaming.iter().any(|name| meta.path.is_ident(name)) {
                errors.at(&meta.path, "an argument has one name, on the wire too");
            }
            // Over the value, whatever it is
            meta.value()
                .and_then(|value| value.parse::<syn::Expr>())
                .map(drop)
                .or(Ok(()))
        });
        if let Err(error) = checked {
            errors.push(error);
        }
    } else if !attribute.path().is_ident("doc") {
        errors.at(
            attribute,
            "an argument takes attributes of serde's and docs only",
        );
    }
}

fn output(item: &ItemFn, is_route: bool, errors: &mut Errors) -> Type {
    match &item.sig.output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        // An answer too: an empty one, or where it redirects
        ReturnType::Default if is_route => parse_quote!(()),
        ReturnType::Default => {
            errors.at(
                &item.sig.ident,
                "a server function returns `mizan::Result<T>`; `mizan::Result<()>` for nothing",
            );
            Type::Verbatim(quote!(()))
        }
    }
}

/// Takes off the function what is about calling it; what stays is about its body.
fn attributes_for_callers(attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    let is = |attribute: &Attribute, names: &[&str]| {
        names.iter().any(|name| attribute.path().is_ident(name))
    };
    let for_callers = ["doc", "deprecated", "must_use"];
    // A lint that is expected is expected once: in the body
    let for_both = ["allow", "warn", "deny", "forbid"];
    let taken = attributes
        .iter()
        .filter(|one| is(one, &for_callers) || is(one, &for_both))
        .cloned()
        .collect();
    attributes.retain(|one| !is(one, &for_callers));
    taken
}

/// Something to point at in an item that is not a function: not all of its body.
fn first_line(item: TokenStream) -> TokenStream {
    item.into_iter()
        .take_while(|token| !matches!(token, proc_macro2::TokenTree::Group(_)))
        .collect()
}
