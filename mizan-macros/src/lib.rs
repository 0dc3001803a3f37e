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
mod form;
mod names;
mod options;
mod parameters;
mod terms;

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
/// | `cache = "5m"` | for how long the server keeps a member's answers: `"forever"`, until a mutation affects them, by default; `false` not at all |
/// | `stale_while_revalidate = "1h"` | for how much longer after that an old answer stands in while a new one is made |
/// | `rev = 2` | which of a member's answers count: those of another revision don't |
/// | `private` | for the server's own use: the endpoint answers 403 |
/// | `route = "/profile/{id}"` | a view at that path, server-only: see below |
/// | `methods = [GET]` | which methods a route is for: `GET`, `POST`, `PUT`, `PATCH`, `DELETE`; `GET` unless it is given |
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
/// # Routes
///
/// A function with `route` returns what implements axum's `IntoResponse`, also as a
/// `mizan::Result`. Arguments that the path names come from there, the others from the query, or
/// from the body of a `POST`, `PUT` or `PATCH`. It may have `auth`, `rate` and, unless it is for
/// `GET`, `affects`. The argument struct is on both sides, with a method `url()`; where there are
/// arguments in a body also with `action(..)`, for forms. The rest is on the server only.
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
/// | `refetch_interval = "10s"` | fetches again and again while somebody shows it; members say `cache = false`, or for how long the server keeps their answers |
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

/// Makes a form of a struct, whose fields are the form's: declared once, checked on both sides.
///
/// `ContactForm` is `contact` on the wire. What becomes of it says its
/// [`form_handler`](macro@form_handler). A form can be a field of another, also in a `Vec`.
///
/// | option | meaning |
/// | --- | --- |
/// | `name = "..."` | the name on the wire |
/// | `title = "..."`, `submit_label = "..."` | what stands above it, and on its button |
/// | `check = path` | a rule for all of it, on both sides: `fn(&ContactForm, &mut Report)`; runs where every field could be read |
/// | `success = ".."` | what is said once it was taken |
/// | `keep_values` | leaves what was filled in where it is then, but for passwords |
/// | `live_validation` | asks the handler's `check` while one types |
///
/// What a field is says its type: `String`, integers, floats, `bool`, `Option`, choices
/// ([`choices`](macro@choices)), `Vec` of choices, dates and times (feature `chrono`), other forms
/// and `Vec` of them. `#[field(..)]` says more:
///
/// | option | meaning |
/// | --- | --- |
/// | `label`, `help`, `placeholder`, `autocomplete` | texts; the label is made of the name by default |
/// | `widget = "textarea"` | what it is asked for with |
/// | `required`, `required = false`, `required(message = "..")` | whether it has to be given: all but `Option`, `Vec` and `bool`, by default. A `bool` that is required has to be ticked |
/// | `default = expression` | what it begins with; what is sent counts, also where that is nothing |
/// | `length(min = .., max = ..)` | characters of a text, entries of a list |
/// | `range(min = .., max = ..)` | a number |
/// | `email`, `url`, `ascii`, `alphanumeric` | what a text is |
/// | `contains("..")`, `prefix("..")`, `suffix("..")` | what is in it |
/// | `matches(other)` | the same as another field |
/// | `custom(path)` | `fn(&T) -> Result<(), impl Display>`, on both sides |
///
/// Every rule but `custom` takes `message = ".."`. A rule has nothing to say of a field that was
/// left empty.
///
/// See the documentation of `mizan::form` for examples.
#[proc_macro_attribute]
pub fn form(options: TokenStream, item: TokenStream) -> TokenStream {
    form::expand(options.into(), item.into()).into()
}

/// Says what becomes of a form: `impl FormHandler for ContactForm`.
///
/// | in it | meaning |
/// | --- | --- |
/// | `type Output` | what whoever has submitted it gets; `()` unless it is given |
/// | `async fn check(&self, report: &mut Report) -> mizan::Result<()>` | rules that only the server has |
/// | `async fn submit(self) -> mizan::Result<Self::Output>` | takes the form, once nothing is wrong with it |
///
/// Its options are those of a mutation: `affects`, `merge`, `auth` and `rate`, as of
/// [`client`](macro@client), with the form's fields in place of arguments.
///
/// The functions exist on the server only. Both sides have `use_contact_form()`, which returns the
/// form's handle, and the component `<ContactFormView/>`, which shows all of it.
#[proc_macro_attribute]
pub fn form_handler(options: TokenStream, item: TokenStream) -> TokenStream {
    form::expand_handler(options.into(), item.into()).into()
}

/// Makes choices of an enum, for a field of a form: one of them, or a `Vec`.
///
/// A variant is sent as its name in snake case and read as its words: `TooLate` is `too_late`, and
/// `Too late`. `#[choice(label = "..", value = "..")]` says otherwise.
///
/// See the documentation of `mizan::form` for examples.
#[proc_macro_attribute]
pub fn choices(options: TokenStream, item: TokenStream) -> TokenStream {
    form::expand_choices(options.into(), item.into()).into()
}
