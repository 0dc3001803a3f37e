use super::registration::{ContextRegistration, Parameters};
use crate::{
    Error, Result,
    call::server::panicked,
    context::{Context, ContextParam, Value, key_of},
    error::{MOST_NAMED, shorten},
};
use serde::{Serialize, ser::SerializeMap};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// A context with values for its parameters.
#[derive(Clone)]
pub(crate) struct Instance {
    pub(crate) context: &'static str,
    pub(super) parameters: Parameters,
    names: &'static [&'static str],
    values: Vec<Value>,
}

impl Instance {
    pub(crate) fn of<C: Context>(context: C) -> Self {
        Self {
            context: C::NAME,
            names: C::PARAMETERS,
            values: context.values(),
            parameters: Arc::new(context),
        }
    }

    /// Reads the parameters of a context.
    ///
    /// # Errors
    ///
    /// VALIDATION_ERROR where they are others; INTERNAL_ERROR where a type of the application's
    /// panics over them.
    pub(crate) fn read(context: &ContextRegistration, mut values: Values) -> Result<Self> {
        let read = catch_unwind(AssertUnwindSafe(|| (context.read)(&mut values)));
        let read = read.map_err(|panic| panicked(context.name, &*panic))?;
        values.finish(read).map(|(parameters, values)| Self {
            context: context.name,
            parameters,
            names: context.parameters,
            values,
        })
    }

    /// The parameters, by their names.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.names.iter().copied().zip(&self.values)
    }

    pub(crate) fn key(&self) -> String {
        key_of(self.context, self.values())
    }

    /// Writes `"context":..,"params":{..}`, without the braces around them.
    pub(crate) fn write(&self, text: &mut Vec<u8>) -> Result<()> {
        text.extend_from_slice(b"\"context\":");
        serde_json::to_writer(&mut *text, self.context)?;
        text.extend_from_slice(b",\"params\":");
        serde_json::to_writer(text, &Params(self))?;
        Ok(())
    }
}

/// The parameters as an object; one that has no value is left out.
struct Params<'a>(&'a Instance);

impl Serialize for Params<'_> {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for (name, value) in self.0.values().filter(|(_, value)| **value != Value::Null) {
            object.serialize_entry(name, value)?;
        }
        object.end()
    }
}

/// How many parameters are looked at.
const MOST_GIVEN: usize = 100;

/// What is said of a parameter that the context does not have.
const UNKNOWN: &str = "is not one of the parameters";

/// Parameters that came over the wire, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Values {
    given: Vec<(String, Value)>,
    mistakes: BTreeMap<String, Vec<String>>,
}

impl Values {
    /// Adds a parameter; one of the name may be there already.
    pub(crate) fn push(&mut self, name: String, value: Value) {
        if self.given.len() >= MOST_GIVEN {
            // More than any context has: no need to look for one of the name
            self.mistake(&name, UNKNOWN.to_owned());
        } else if self.given.iter().any(|(known, _)| *known == name) {
            self.mistake(&name, "is given twice".to_owned());
        } else {
            self.given.push((name, value));
        }
    }

    /// Takes a parameter out; what is wrong with it is noted.
    pub fn take<T: ContextParam>(&mut self, name: &str) -> Option<T> {
        let index = self.given.iter().position(|(known, _)| known == name);
        let value = index.map(|index| self.given.swap_remove(index).1);
        let is_given = value.is_some();
        let read = T::from_value(value.unwrap_or(Value::Null));
        if read.is_none() {
            let message = match is_given {
                true => format!("is not {}", T::EXPECTED),
                false => "is missing".to_owned(),
            };
            self.mistake(name, message);
        }
        read
    }

    fn mistake(&mut self, name: &str, message: String) {
        if self.mistakes.len() < MOST_NAMED {
            self.mistakes
                .entry(shorten(name))
                .or_insert_with(|| vec![message]);
        }
    }

    /// What is left is unknown.
    pub(crate) fn finish<T>(mut self, read: Option<T>) -> Result<T> {
        for (name, _) in std::mem::take(&mut self.given) {
            self.mistake(&name, UNKNOWN.to_owned());
        }
        match read {
            Some(read) if self.mistakes.is_empty() => Ok(read),
            _ => Err(Error::invalid_fields(self.mistakes)),
        }
    }
}
