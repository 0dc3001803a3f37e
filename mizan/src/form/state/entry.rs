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
    /// What is wrong with it.
    pub(crate) said: Wrong,
}

/// What is wrong, by who says so.
#[derive(Debug, Default)]
pub(crate) struct Wrong([Vec<String>; 2]);

/// Who says that something is wrong.
#[derive(Clone, Copy)]
pub(crate) enum By {
    /// The form's own rules.
    Rules,
    /// The server, of what was there when it was asked.
    Server,
}

impl Wrong {
    pub(crate) fn by(&self, who: By) -> &[String] {
        &self.0[who as usize]
    }

    pub(crate) fn set(&mut self, who: By, texts: &[String]) {
        self.0[who as usize] = texts.to_vec();
    }

    /// All of it, each text once.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        let [rules, server] = &self.0;
        let server = server.iter().filter(|text| !rules.contains(text));
        rules.iter().chain(server).map(String::as_str)
    }
}

impl Fill {
    /// What is shown as wrong.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &str> {
        self.said.all().filter(|_| self.touched)
    }

    /// Its text; an empty one where it has none.
    pub(crate) fn text(&self) -> &str {
        self.texts.first().map_or("", String::as_str)
    }
}
