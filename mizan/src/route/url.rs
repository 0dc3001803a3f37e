//! URLs with arguments in them.
//!
//! Arguments are written as they are read: in the path as a text, in the query as `serde_qs` has
//! them, nested ones as `address[street]`. Not with its serializer, which every page would have to
//! carry.

use crate::context::percent_encoded;
use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};
use std::fmt;

/// Writes the URL of a route: the template with the arguments that it names, and the others as the
/// query, where there is to be one.
pub fn url(arguments: &impl Serialize, template: &str, has_query: bool) -> String {
    let mut pairs = Pairs::new();
    // What fails is a type's own code: then that much is missing
    let _ = arguments.serialize(Writer::new(&mut pairs, String::new()));
    filled(template, pairs, has_query)
}

/// Names with their values, none of them escaped yet.
type Pairs = Vec<(String, String)>;

fn filled(template: &str, mut pairs: Pairs, has_query: bool) -> String {
    let mut url = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        url.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        rest = after;
        let is_rest = name.starts_with('*');
        let name = name.trim_start_matches('*');
        if let Some(index) = pairs.iter().position(|(known, _)| known == name) {
            let encoded = percent_encoded(&pairs.remove(index).1);
            // The rest of the path is several segments
            match is_rest {
                true => url.push_str(&encoded.replace("%2F", "/")),
                false => url.push_str(&encoded),
            }
        }
    }
    url.push_str(rest);
    if has_query {
        let mut separator = '?';
        for (name, value) in pairs {
            url.push(separator);
            url.push_str(&percent_encoded(&name));
            url.push('=');
            url.push_str(&percent_encoded(&value));
            separator = '&';
        }
    }
    url
}

/// Writes the value of one name, or of what is inside it.
struct Writer<'a> {
    pairs: &'a mut Pairs,
    name: String,
    /// Which element of a sequence is next.
    index: usize,
    /// The key of a map whose value is next.
    key: String,
}

impl<'a> Writer<'a> {
    fn new(pairs: &'a mut Pairs, name: String) -> Self {
        Self {
            pairs,
            name,
            index: 0,
            key: String::new(),
        }
    }

    fn text(self, text: String) -> Result<(), fmt::Error> {
        self.pairs.push((self.name, text));
        Ok(())
    }

    /// The name of something inside: `address[street]`; an argument's own at the top.
    fn inner(&self, name: &str) -> String {
        if self.name.is_empty() {
            return name.to_owned();
        }
        [&self.name, "[", name, "]"].concat()
    }

    fn inside(self, name: &str) -> Self {
        let name = self.inner(name);
        Self::new(self.pairs, name)
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), fmt::Error> {
        let name = self.inner(name);
        value.serialize(Writer::new(self.pairs, name))
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        let index = self.index.to_string();
        self.index += 1;
        self.field(&index, value)
    }
}

macro_rules! texts {
    ($($method:ident $ty:ty;)*) => {$(
        fn $method(self, value: $ty) -> Result<(), fmt::Error> {
            self.text(value.to_string())
        }
    )*};
}

impl Serializer for Writer<'_> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    texts! {
        serialize_i8 i8;
        serialize_i16 i16;
        serialize_i32 i32;
        serialize_i64 i64;
        serialize_u8 u8;
        serialize_u16 u16;
        serialize_u32 u32;
        serialize_u64 u64;
        serialize_f32 f32;
        serialize_f64 f64;
        serialize_char char;
        serialize_str &str;
    }

    fn serialize_bool(self, value: bool) -> Result<(), fmt::Error> {
        self.text(if value { "true" } else { "false" }.to_owned())
    }

    fn serialize_bytes(mut self, bytes: &[u8]) -> Result<(), fmt::Error> {
        bytes.iter().try_for_each(|byte| self.element(byte))
    }

    fn serialize_none(self) -> Result<(), fmt::Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), fmt::Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), fmt::Error> {
        self.text(String::new())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), fmt::Error> {
        self.text(String::new())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), fmt::Error> {
        self.text(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        value.serialize(self.inside(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, fmt::Error> {
        Ok(self.inside(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, fmt::Error> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self, fmt::Error> {
        Ok(self.inside(variant))
    }
}

macro_rules! elements {
    ($($of:ident $method:ident;)*) => {$(
        impl $of for Writer<'_> {
            type Ok = ();
            type Error = fmt::Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
                self.element(value)
            }

            fn end(self) -> Result<(), fmt::Error> {
                Ok(())
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

macro_rules! fields {
    ($($of:ident)*) => {$(
        impl $of for Writer<'_> {
            type Ok = ();
            type Error = fmt::Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), fmt::Error> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), fmt::Error> {
                Ok(())
            }
        }
    )*};
}

fields! { SerializeStruct SerializeStructVariant }

impl SerializeMap for Writer<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), fmt::Error> {
        let mut written = Pairs::new();
        key.serialize(Writer::new(&mut written, String::new()))?;
        self.key = written.pop().ok_or(fmt::Error)?.1;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        let key = std::mem::take(&mut self.key);
        self.field(&key, value)
    }

    fn end(self) -> Result<(), fmt::Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Arguments {
        id: i64,
        path: &'static str,
        tab: Option<&'static str>,
        r#type: Kind,
        tags: Vec<u8>,
        place: Place,
    }

    #[derive(Serialize)]
    enum Kind {
        Small,
    }

    #[derive(Serialize)]
    struct Place {
        city: &'static str,
    }

    fn arguments() -> Arguments {
        Arguments {
            id: -5,
            path: "a b/ü",
            tab: None,
            r#type: Kind::Small,
            tags: vec![1, 2],
            place: Place { city: "A&O" },
        }
    }

    #[test]
    fn what_is_not_in_the_path_is_in_the_query() {
        assert_eq!(
            url(&arguments(), "/x/{id}/y/{*path}", true),
            "/x/-5/y/a%20b/%C3%BC?type=Small&tags%5B0%5D=1&tags%5B1%5D=2&place%5Bcity%5D=A%26O"
        );
    }

    #[test]
    fn an_argument_is_one_segment_and_a_form_has_no_query() {
        let url = url(&arguments(), "/x/{path}/{id}/", false);
        assert_eq!(url, "/x/a%20b%2F%C3%BC/-5/");
    }
}
