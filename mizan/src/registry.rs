//! What the program consists of: every function and context, collected when it starts, and what is wrong
//! with the whole of it.

use crate::{
    call::server::{About, Registration as Function},
    channel::server::ChannelRegistration as Channel,
    context::server::{ContextRegistration as Context, MemberRegistration as Member},
    form::server::FormRegistration as Form,
    route::{
        conflicts::{Place, conflicts},
        server::RouteRegistration as Route,
    },
};
use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

/// A place in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Everything that the attributes registered in this program.
pub(crate) struct Registry {
    /// Those that can be called: a form's are among them.
    pub(crate) functions: Vec<&'static Function>,
    pub(crate) forms: Vec<&'static Form>,
    pub(crate) routes: Vec<&'static Route>,
    pub(crate) contexts: Vec<&'static Context>,
    pub(crate) members: Vec<&'static Member>,
    pub(crate) channels: Vec<&'static Channel>,
}

impl Registry {
    pub(crate) fn collect() -> Self {
        let mut registry = Self {
            functions: inventory::iter::<Function>().collect(),
            forms: inventory::iter::<Form>().collect(),
            routes: inventory::iter::<Route>().collect(),
            contexts: inventory::iter::<Context>().collect(),
            members: inventory::iter::<Member>().collect(),
            channels: inventory::iter::<Channel>().collect(),
        };
        let forms = registry.forms.iter();
        let of_forms = forms.flat_map(|form| &form.endpoints);
        registry.functions.extend(of_forms);
        registry
            .functions
            .sort_by_key(|function| function.about.name);
        registry.routes.sort_by_key(|route| route.about.location);
        registry
    }

    /// All functions, whatever they are reached through.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'static About> {
        let functions = self.functions.iter().map(|function| &function.about);
        functions.chain(self.routes.iter().map(|route| &route.about))
    }

    fn places(&self) -> Vec<Place> {
        self.routes.iter().map(|route| Place::of(route)).collect()
    }

    /// What is wrong with it, as far as the compiler could not see.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let of_forms: HashSet<_> = self.forms.iter().map(|form| form.location).collect();
        // Two forms of one name are one mistake, not one for each of their functions
        let functions = self
            .all()
            .filter(|function| !of_forms.contains(&function.location));
        let functions = functions.map(|function| (function.name, function.location));
        let contexts = self
            .contexts
            .iter()
            .map(|context| (context.name, context.location));
        let mut mistakes = same_name("functions", functions);
        mistakes.extend(same_name("contexts", contexts));
        let channels = self.channels.iter();
        let channels = channels.map(|channel| (channel.name, channel.location));
        mistakes.extend(same_name("channels", channels));
        let forms = self.forms.iter().map(|form| (form.name, form.location));
        mistakes.extend(same_name("forms", forms));
        mistakes.extend(conflicts(&self.places()));
        for function in self.all() {
            let effects = function.effects.iter();
            let wrong = effects.filter_map(|effect| effect.mistake(function.name, function.types));
            mistakes.extend(wrong.map(|mistake| format!("{mistake} ({})", function.location)));
        }
        mistakes
    }
}

/// One sentence for each name that several have.
fn same_name(what: &str, items: impl Iterator<Item = (&'static str, Location)>) -> Vec<String> {
    let mut places = BTreeMap::<&str, Vec<Location>>::new();
    for (name, location) in items {
        places.entry(name).or_default().push(location);
    }
    places.retain(|_, places| places.len() > 1);
    let sentence = |(name, mut places): (&str, Vec<Location>)| {
        places.sort_unstable();
        let places: Vec<_> = places.iter().map(ToString::to_string).collect();
        format!(
            "{} {what} are named `{name}`: {}",
            places.len(),
            places.join(", ")
        )
    };
    places.into_iter().map(sentence).collect()
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
