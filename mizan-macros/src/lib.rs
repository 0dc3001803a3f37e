//! The attribute macros of Mizan. Use them through the `mizan` crate, whose runtime the generated
//! code calls.
//!
//! A macro here goes through four steps: *parse* the tokens, collecting every mistake; build a
//! *model* of what was meant; *check* the model as a whole; *expand* it. On a mistake the user's
//! item is emitted as it was, beside the errors, so that an editor goes on helping.

mod client;
mod errors;

use proc_macro::TokenStream;

/// Makes a server function of an async function: callable from both sides, its body on the server.
///
/// | option | meaning |
/// | --- | --- |
/// | `context = "global"`, `context = mizan::Global` | a member of the global context; generates `use_<fn>()` |
/// | `private` | for the server's own use: the endpoint answers 403 |
/// | `name = Ident` | names the argument struct; by default the function's name in PascalCase, which must not be another type's in the module |
/// | `input = PostUrl` | takes HTML forms too, for `ActionForm` |
///
/// The function is `async` and returns `mizan::Result<T>`. Its arguments are owned and implement
/// serde's traits, `Clone`, `Debug`, `Send` and `Sync`; `T` implements serde's traits, `Send` and
/// `Sync`, and `Clone` where it is a member of a context. Attributes for serde on an argument
/// (`#[serde(default)]`) go to the field of the argument struct.
///
/// Documentation, `#[deprecated]` and `#[must_use]` go to the function that is called, other
/// attributes to the body, and lint levels to both.
///
/// See the documentation of the `mizan` crate for examples.
#[proc_macro_attribute]
pub fn client(options: TokenStream, item: TokenStream) -> TokenStream {
    client::expand(options.into(), item.into()).into()
}
