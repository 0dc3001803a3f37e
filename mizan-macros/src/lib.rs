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
/// | `name = Ident` | names the argument struct; by default the function's name in PascalCase |
/// | `input = PostUrl` | takes HTML forms too, for `ActionForm` |
///
/// The function is `async`, takes owned arguments that implement serde's traits and returns
/// `mizan::Result<T>`. Attributes for serde on an argument go to the field of the argument struct.
///
/// See the documentation of the `mizan` crate for examples.
#[proc_macro_attribute]
pub fn client(options: TokenStream, item: TokenStream) -> TokenStream {
    client::expand(options.into(), item.into()).into()
}
