//! Which build of a function a caller knows.
//!
//! The page was built with the server's types, and may outlive them: the server is replaced while
//! it is open. So a call carries a hash of what the function looks like to its caller, and where
//! its arguments can't be read, the server compares: if the hashes differ, the page is to blame
//! and has to be loaded anew, not its data.
//!
//! The hash is of the signature as it is written, and of the shapes of the types in it as far as
//! serde's derives tell them: the names of a struct's fields and of an enum's variants, also
//! inside of lists and options. What the fields' own types look like inside is not seen.

use super::Call;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};
use std::fmt;

/// Returns the hash of the function `C`, as it stands in the header.
pub(crate) fn build<C: Call>() -> String {
    let mut shapes = Shapes::new(C::SIGNATURE);
    C::shapes(&mut shapes);
    format!("{:016x}", shapes.hash)
}

/// A hash that shapes are added to.
#[derive(Debug)]
pub struct Shapes {
    hash: u64,
    /// How many types the one that is asked stands in.
    depth: usize,
}

/// How deep a type is followed: one may stand in itself, by way of a list or an option.
const DEEPEST: usize = 16;

impl Shapes {
    fn new(hash: u64) -> Self {
        Self { hash, depth: 0 }
    }

    /// Adds the shape of a type.
    pub fn add<'de, T: Deserialize<'de>>(&mut self) {
        // It never gets as far as a value
        let _ = T::deserialize(Tracer(self));
        self.depth = 0;
    }

    /// FNV-1a of 64 bits (RFC 9923): the same in every build, as the standard library's is not.
    fn text(&mut self, text: &str) {
        for byte in text.bytes().chain([0]) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn names(&mut self, name: &str, parts: &[&str]) {
        self.text(name);
        for part in parts {
            self.text(part);
        }
    }
}

/// Asks a type what it wants to read, and gives it nothing.
struct Tracer<'a>(&'a mut Shapes);

impl Tracer<'_> {
    /// Goes on to a type inside of this one. There is no way back: the trace ends there.
    fn deeper(self) -> Result<Self, Traced> {
        self.0.depth += 1;
        if self.0.depth > DEEPEST {
            return Err(Traced);
        }
        Ok(self)
    }
}

/// The end of a trace.
#[derive(Debug)]
struct Traced;

impl fmt::Display for Traced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("traced")
    }
}

impl std::error::Error for Traced {}

impl Error for Traced {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! leaves {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Traced> {
            self.0.text(stringify!($method));
            Err(Traced)
        }
    )*};
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Traced;

    leaves! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32
        deserialize_i64 deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf
        deserialize_unit deserialize_map deserialize_identifier deserialize_ignored_any
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Traced> {
        self.0.text("option");
        visitor.visit_some(self.deeper()?)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Traced> {
        self.0.text("list");
        visitor.visit_seq(self.deeper()?)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Traced> {
        self.0.text(name);
        visitor.visit_newtype_struct(self.deeper()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, _: V) -> Result<V::Value, Traced> {
        self.0.text(&length.to_string());
        Err(Traced)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        length: usize,
        _: V,
    ) -> Result<V::Value, Traced> {
        self.0.names(name, &[&length.to_string()]);
        Err(Traced)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: V,
    ) -> Result<V::Value, Traced> {
        self.0.text(name);
        Err(Traced)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Traced> {
        self.0.names(name, fields);
        Err(Traced)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Traced> {
        self.0.names(name, variants);
        Err(Traced)
    }
}

/// The elements of a list: one, to be traced.
impl<'de> SeqAccess<'de> for Tracer<'_> {
    type Error = Traced;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Traced> {
        seed.deserialize(Tracer(self.0)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash<T: for<'de> Deserialize<'de>>() -> u64 {
        let mut shapes = Shapes::new(0);
        shapes.add::<T>();
        shapes.hash
    }

    #[test]
    fn a_type_may_stand_in_itself() {
        #[derive(serde::Deserialize)]
        #[allow(dead_code, reason = "only its shape matters")]
        struct Tree(Vec<Tree>);
        #[derive(serde::Deserialize)]
        #[allow(dead_code, reason = "only its shape matters")]
        struct Chain(Option<Box<Chain>>);
        assert_ne!(hash::<Tree>(), hash::<Chain>());
    }

    #[test]
    fn types_of_one_name_and_other_fields_differ() {
        mod before {
            #[derive(serde::Deserialize)]
            #[allow(dead_code, reason = "only its shape matters")]
            pub(super) struct Note {
                text: String,
            }
        }
        mod after {
            #[derive(serde::Deserialize)]
            #[allow(dead_code, reason = "only its shape matters")]
            pub(super) struct Note {
                text: String,
                color: u8,
            }
        }
        assert_ne!(hash::<before::Note>(), hash::<after::Note>());
        assert_ne!(hash::<Vec<before::Note>>(), hash::<Vec<after::Note>>());
        assert_ne!(hash::<Option<before::Note>>(), hash::<before::Note>());
        assert_eq!(hash::<Vec<before::Note>>(), hash::<Vec<before::Note>>());
        assert_ne!(hash::<i32>(), hash::<i64>());
    }
}
