//! JSON, read into [`Values`] as it is parsed: there is no other tree of it.

use crate::{
    Error, Result,
    error::shorten,
    form::{
        Values,
        values::{Budget, Node, Raw, check_depth},
    },
};
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::error::Category;
use std::fmt;

/// Reads the fields out of one object.
pub(super) fn decode(body: &[u8]) -> Result<Values> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let mut budget = Budget::default();
    let seed = Seed {
        budget: &mut budget,
        depth: 0,
    };
    let decoded = seed.deserialize(&mut json);
    match decoded.and_then(|node| json.end().map(|()| node)) {
        Ok(Node::Group(values)) => Ok(values),
        Ok(Node::Values(_) | Node::List(_)) => {
            Err(Error::validation("the fields have to be one object"))
        }
        Err(error) if error.classify() == Category::Data => {
            let text = error.to_string();
            let text = text.split(" at line ").next().unwrap_or_default();
            Err(Error::validation(shorten(text)))
        }
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            let text = format!("not valid JSON at line {line}, column {column}");
            Err(Error::bad_request(text))
        }
    }
}

/// A value that is about to be read.
struct Seed<'a> {
    budget: &'a mut Budget,
    depth: usize,
}

impl Seed<'_> {
    fn one<E: serde::de::Error>(self, raw: Raw) -> std::result::Result<Node, E> {
        self.budget.take().map_err(E::custom)?;
        Ok(Node::Values(vec![raw]))
    }

    /// The budget, for what is in a list or an object.
    fn open<E: serde::de::Error>(&mut self) -> std::result::Result<(), E> {
        self.budget.take().map_err(E::custom)?;
        // The form itself is no group in it
        check_depth(self.depth).map_err(E::custom)
    }

    fn inner(&mut self) -> Seed<'_> {
        Seed {
            budget: self.budget,
            depth: self.depth + 1,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a form")
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> std::result::Result<Node, E> {
        self.one(Raw::Bool(flag))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> std::result::Result<Node, E> {
        self.one(Raw::Number(number.to_string()))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> std::result::Result<Node, E> {
        self.one(Raw::Number(number.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> std::result::Result<Node, E> {
        // As Debug has it, 1.0 is no whole number
        self.one(Raw::Number(format!("{number:?}")))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Node, E> {
        self.one(Raw::Text(text.to_owned()))
    }

    fn visit_unit<E: serde::de::Error>(self) -> std::result::Result<Node, E> {
        self.one(Raw::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> std::result::Result<Node, A::Error> {
        self.open()?;
        let (mut values, mut rows) = (Vec::new(), Values::default());
        let mut index = 0_usize;
        while let Some(node) = list.next_element_seed(self.inner())? {
            match node {
                Node::Values(raws) => values.extend(raws),
                row @ Node::Group(_) => {
                    rows.insert(index.to_string(), row);
                }
                Node::List(_) => return Err(A::Error::custom("a list can't be in a list")),
            }
            index += 1;
        }
        match (values.is_empty(), rows.is_empty()) {
            (_, true) => Ok(Node::List(values)),
            (true, false) => Ok(Node::Group(rows)),
            (false, false) => Err(A::Error::custom("a list has values or objects, not both")),
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<Node, A::Error> {
        self.open()?;
        let mut values = Values::default();
        while let Some(name) = map.next_key::<String>()? {
            let node = map.next_value_seed(self.inner())?;
            let shown = shorten(&name);
            if !values.insert(name, node) {
                return Err(A::Error::custom(format!(
                    "`{shown}`: is given more than once"
                )));
            }
        }
        Ok(Node::Group(values))
    }
}
