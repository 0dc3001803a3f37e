//! The attribute macros of Mizan. Use them through the `mizan` crate, whose runtime the generated
//! code calls.
//!
//! A macro here goes through four steps: *parse* the tokens, collecting every mistake; build a
//! *model* of what was meant; *check* the model as a whole; *expand* it. On a mistake the user's
//! item is emitted as it was, beside the errors, so that an editor goes on helping.

mod channel;
mod client;
mod context;
mod duration;
mod errors;
mod options;

use proc_macro::TokenStream;

/// Makes a server function of an async function: callable from both sides, its body on the server.
///
/// | option | meaning |
/// | --- | --- |
/// | `context = "global"`, `context = mizan::Global` | a member of the global context; generates `use_<fn>()` |
/// | `context = ProfileContext` | a member of that context, which its arguments are parameters of |
/// | `context = "local"` | a member of a context of its own: `greet(name)` gets `<GreetProvider name=..>` |
/// | `affects = ProfileContext` | a mutation: when it succeeds, the instances are stale that its arguments name; `ProfileContext(user_id = owner)` maps a name, `ProfileContext(..)` means all, `own(ProfileContext)` the caller's; several in brackets |
/// | `merge = user_profile` | a mutation whose result is the new value of that member |
/// | `auth` | lets in those who have signed in; `auth = "staff"` and `auth = "superuser"` those users; `auth = path` whom `async fn(&GuardContext<U>, &Arguments) -> mizan::Result<()>` lets in |
/// | `rate = "10/min"` | how often one user or address may call it: a number in a `s`, `min`, `hour` or `day` |
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
/// A function that is no member and not `private` also gets a hook, `use_<fn>()`, that returns a
/// `mizan::Mutation`.
///
/// See the documentation of the `mizan` crate for examples.
#[proc_macro_attribute]
pub fn client(options: TokenStream, item: TokenStream) -> TokenStream {
    client::expand(options.into(), item.into()).into()
}

/// Makes a context of a struct: data that components share, one instance for each value of its
/// fields.
///
/// `ProfileContext` is `profile` on the wire and comes with the component
/// `<ProfileContextProvider>`, whose properties are the fields, as signals.
///
/// | option | meaning |
/// | --- | --- |
/// | `name = "..."` | the name on the wire |
/// | `stale_time = "30s"` | how long data counts as fresh; after that it is fetched again when somebody begins to show it. By default it stays fresh until a mutation affects it |
/// | `gc_time = "5m"` | how long data is kept that nobody shows; 5 minutes by default |
/// | `refetch_interval = "10s"` | fetches again and again while somebody shows it |
/// | `refetch_on_focus`, `refetch_on_reconnect` | fetches again when the page is looked at again, or the network is back, and the data is older than `stale_time` |
///
/// See the documentation of the `mizan` crate for examples.
#[proc_macro_attribute]
pub fn context(options: TokenStream, item: TokenStream) -> TokenStream {
    context::expand(options.into(), item.into()).into()
}

/// Makes a channel of a struct, whose fields are parameters: messages between the browsers that
/// have joined with the same ones, and the server.
///
/// `ChatChannel` is `chat` on the wire and comes with the hook `use_chat_channel(..)`, which takes
/// the fields in the order of their names, as signals. What may be said in it, and by whom, says
/// its [`channel_handler`](macro@channel_handler).
///
/// | option | meaning |
/// | --- | --- |
/// | `name = "..."` | the name on the wire |
///
/// See the documentation of the `mizan` crate for examples.
#[proc_macro_attribute]
pub fn channel(options: TokenStream, item: TokenStream) -> TokenStream {
    channel::expand(options.into(), item.into()).into()
}

/// Says what becomes of a channel's messages: `impl Channel for ChatChannel`.
///
/// | in it | meaning |
/// | --- | --- |
/// | `type ClientMessage` | what browsers send; `()` unless it is given |
/// | `type ServerMessage` | what they get |
/// | `type Presence` | what they see of one another |
/// | `async fn authorize(&self, cx: &ChannelContext) -> mizan::Result<bool>` | who may join; there is no default |
/// | `fn group(&self) -> String` | whose messages they get; by default those of the name and parameters |
/// | `async fn receive(&self, cx: &ChannelContext, message: Self::ClientMessage) -> mizan::Result<Option<Self::ServerMessage>>` | takes what a browser sends; `Some` goes to the group |
/// | `async fn on_connect(&self, cx: &ChannelContext) -> mizan::Result<()>`, `async fn on_disconnect(&self, cx: &ChannelContext)` | somebody has joined, or has left |
///
/// The functions exist on the server only.
#[proc_macro_attribute]
pub fn channel_handler(options: TokenStream, item: TokenStream) -> TokenStream {
    channel::expand_handler(options.into(), item.into()).into()
}
