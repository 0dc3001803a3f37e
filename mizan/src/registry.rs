//! What the program consists of: every function, collected when it starts, and what is wrong
//! with the whole of it.

use crate::{call::server::Registration as Function, context::server::Registration as Member};
use std::{collections::BTreeMap, fmt};

/// A place in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The path of the file, as the compiler was given it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Everything that `#[mizan::client]` registered in this program.
pub(crate) struct Registry {
    pub(crate) functions: Vec<&'static Function>,
    pub(crate) members: Vec<&'static Member>,
}

impl Registry {
    /// Collects the program's functions, in the order of their names.
    pub(crate) fn collect() -> Result<Self, RegistryError> {
        Self::new(inventory::iter::<Function>(), inventory::iter::<Member>())
    }

    fn new(
        functions: impl IntoIterator<Item = &'static Function>,
        members: impl IntoIterator<Item = &'static Member>,
    ) -> Result<Self, RegistryError> {
        let mut by_name = BTreeMap::<&str, Vec<&'static Function>>::new();
        for function in functions {
            by_name.entry(function.name).or_default().push(function);
        }
        let mistakes: Vec<String> = by_name
            .iter()
            .filter(|(_, functions)| functions.len() > 1)
            .map(|(name, functions)| {
                let mut places: Vec<_> =
                    functions.iter().map(|function| function.location).collect();
                places.sort_unstable();
                let places: Vec<_> = places.iter().map(ToString::to_string).collect();
                format!(
                    "{} functions are named `{name}`: {}",
                    places.len(),
                    places.join(", ")
                )
            })
            .collect();
        RegistryError::unless_empty(mistakes)?;
        let functions = by_name.into_values().flatten().collect();
        let members = members.into_iter().collect();
        Ok(Self { functions, members })
    }
}

/// What is wrong with the program as a whole: everything at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryError {
    mistakes: Vec<String>,
}

impl RegistryError {
    pub(crate) fn unless_empty(mistakes: Vec<String>) -> Result<(), Self> {
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(Self { mistakes })
        }
    }

    /// One sentence for each mistake.
    pub fn mistakes(&self) -> &[String] {
        &self.mistakes
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server can't start: ")?;
        f.write_str(&self.mistakes.join("; "))
    }
}

impl std::error::Error for RegistryError {}
