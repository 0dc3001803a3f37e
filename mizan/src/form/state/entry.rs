//! One field of a form that is being filled in.

use crate::watched::Watched;

/// What is followed of a field.
pub(crate) type Entry = Watched<Fill>;

/// What a field holds.
#[derive(Debug, Default)]
pub(crate) struct Fill {
    /// As a form sends them: one of most fields, none of a box that is not ticked, any number of
    /// choices.
    pub(crate) texts: Vec<String>,
    /// The numbers of the rows, in order, where it has some.
    pub(crate) rows: Vec<u32>,
    /// Whether it was changed by whoever fills it in.
    pub(crate) changed: bool,
    /// Whether what is wrong with it is shown: it was left after a change, or a submit was tried.
    pub(crate) touched: bool,
    /// What its own rules say.
    pub(crate) own: Vec<String>,
    /// What the server has said of what is in it.
    pub(crate) told: Vec<String>,
}

impl Fill {
    /// What is shown as wrong.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &str> {
        let told = self.told.iter().filter(|text| !self.own.contains(text));
        let errors = self.own.iter().chain(told).filter(|_| self.touched);
        errors.map(String::as_str)
    }

    /// Its text; an empty one where it has none.
    pub(crate) fn text(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }
}
