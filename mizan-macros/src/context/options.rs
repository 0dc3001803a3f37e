//! The options of the attribute: `name = "...", stale_time = "30s", ...`

use crate::{duration, errors::Errors, options::Entry};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, LitStr};

#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    /// Calls on `ContextOptions`, in the order in which they were written.
    pub(crate) settings: TokenStream,
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
            "name" => {
                self.name = entry.value("a name on the wire, as in `name = \"profile\"`", errors);
            }
            "stale_time" | "gc_time" | "refetch_interval" => self.time(entry, errors),
            "refetch_on_focus" | "refetch_on_reconnect" | "live" => {
                entry.without_value(errors);
                self.set(key, &TokenStream::new());
            }
            other => errors.at(
                key,
                format!(
                    "unknown option `{other}`: there are `name`, `stale_time`, `gc_time`, \
                     `refetch_interval`, `refetch_on_focus`, `refetch_on_reconnect` and `live`"
                ),
            ),
        }
    }

    fn time(&mut self, entry: &Entry, errors: &mut Errors) {
        let Some(text) = entry.value::<LitStr>("a time, such as `\"30s\"`", errors) else {
            return;
        };
        match duration::milliseconds(&text) {
            Ok(milliseconds) => self.set(&entry.key, &quote!(#milliseconds)),
            Err(error) => errors.push(error),
        }
    }

    fn set(&mut self, key: &Ident, value: &TokenStream) {
        self.settings.extend(quote!(.#key(#value)));
    }
}
