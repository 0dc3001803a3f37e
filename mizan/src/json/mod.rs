//! JSON that is taken apart by hand, for the parts of the wire that the browser reads: a derived
//! `Deserialize` for each of them would be several kilobytes of WebAssembly.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _, MapAccess, Visitor},
};
use serde_json::{Error, value::RawValue};
use std::fmt;

/// An object whose values are still JSON.
///
/// There are a handful of them: a list finds one as fast as a tree would, and is a tenth of its
/// code in the browser.
#[derive(Clone, Default)]
pub(crate) struct Entries(Vec<(String, Box<RawValue>)>);

impl Entries {
    /// Takes out the entry of a name.
    pub(crate) fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let index = self.0.iter().position(|(entry, _)| entry == name)?;
        Some(self.0.remove(index).1)
    }

    /// Puts in an entry, in place of another one of its name.
    #[cfg_attr(feature = "ssr", expect(dead_code, reason = "the browser's"))]
    pub(crate) fn replace(&mut self, name: &str, value: Box<RawValue>) {
        drop(self.take(name));
        self.0.push((name.to_owned(), value));
    }

    /// Takes out a text, which has to be there.
    pub(crate) fn take_text(&mut self, name: &'static str) -> Result<String, Error> {
        let value = self.take(name).ok_or_else(|| Error::missing_field(name))?;
        serde_json::from_str(value.get())
    }

    /// Takes out a list; an empty one where there is none.
    #[cfg_attr(feature = "ssr", allow(dead_code, reason = "the browser's"))]
    pub(crate) fn take_list<T: DeserializeOwned>(&mut self, name: &str) -> Vec<T> {
        let list = self.take(name);
        let list = list.and_then(|list| serde_json::from_str(list.get()).ok());
        list.unwrap_or_default()
    }
}

impl IntoIterator for Entries {
    type Item = (String, Box<RawValue>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_taken_by_name_with_their_text() {
        let text = r#"{"b":{"x":[1, 2]},"a":"é","c":1}"#;
        let mut entries: Entries = serde_json::from_str(text).unwrap();
        assert_eq!(entries.take("b").unwrap().get(), r#"{"x":[1, 2]}"#);
        assert_eq!(entries.take_text("a").unwrap(), "é");
        assert!(entries.take("a").is_none());
        assert!(entries.take_text("c").is_err());
        assert!(serde_json::from_str::<Entries>("[1]").is_err());
    }
}
