//! What a mutation makes stale: `affects = ProfileContext`, `affects = ["global", own(CartContext)]`.

use syn::{
    Ident, LitStr, Path, Token, bracketed, parenthesized,
    parse::{Parse, ParseStream},
    parse_quote,
    punctuated::Punctuated,
    token::{Bracket, Paren},
};

/// One context that goes stale.
pub(crate) struct Affects {
    pub(crate) context: Path,
    pub(crate) scope: Scope,
    /// For the caller alone.
    pub(crate) own: bool,
}

/// Which instances of the context.
pub(crate) enum Scope {
    /// Those that the arguments name; the pairs are a parameter and the argument that stands for it.
    Arguments(Vec<(Ident, Ident)>),
    /// All of them.
    All,
}

/// The value of the option: one, or several in brackets.
pub(crate) struct List(pub(crate) Vec<Affects>);

impl Parse for List {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if !input.peek(Bracket) {
            return Ok(Self(vec![input.parse()?]));
        }
        let content;
        bracketed!(content in input);
        let list = Punctuated::<Affects, Token![,]>::parse_terminated(&content)?;
        Ok(Self(list.into_iter().collect()))
    }
}

impl Parse for Affects {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if input.peek(LitStr) {
            let name: LitStr = input.parse()?;
            if name.value() != "global" {
                return Err(syn::Error::new(
                    name.span(),
                    "the only context with a name in quotes is \"global\"",
                ));
            }
            return Ok(Self::new(parse_quote!(::mizan::Global)));
        }
        let context: Path = input.call(Path::parse_mod_style)?;
        if !input.peek(Paren) {
            return Ok(Self::new(context));
        }
        let content;
        parenthesized!(content in input);
        if context.is_ident("own") {
            let own = Self {
                own: true,
                ..content.parse()?
            };
            content
                .is_empty()
                .then_some(own)
                .ok_or_else(|| content.error("`own` takes one context"))
        } else {
            let scope = content.parse()?;
            Ok(Self {
                scope,
                ..Self::new(context)
            })
        }
    }
}

impl Affects {
    /// Parameters, and the arguments that stand for them.
    pub(crate) fn pairs(&self) -> &[(Ident, Ident)] {
        match &self.scope {
            Scope::Arguments(pairs) => pairs,
            Scope::All => &[],
        }
    }

    fn new(context: Path) -> Self {
        Self {
            context,
            scope: Scope::Arguments(Vec::new()),
            own: false,
        }
    }
}

impl Parse for Scope {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if input.parse::<Option<Token![..]>>()?.is_some() {
            return Ok(Self::All);
        }
        let pair = |input: ParseStream| {
            let parameter = input.parse()?;
            input.parse::<Token![=]>()?;
            Ok((parameter, input.parse()?))
        };
        let pairs = Punctuated::<_, Token![,]>::parse_terminated_with;
        Ok(Self::Arguments(pairs(input, pair)?.into_iter().collect()))
    }
}
