//! A form's values as a form sends them: flat names, and texts.

/// Names and texts, as an HTML form sends them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    pairs: Vec<(String, String)>,
    /// The group that is being written: empty, or with a dot at its end.
    group: String,
}

impl Pairs {
    /// Adds a field of the group that is being written.
    pub(crate) fn put(&mut self, name: &str, text: String) {
        self.pairs.push((format!("{}{name}", self.group), text));
    }

    /// Writes a group.
    pub(crate) fn within(&mut self, group: &str, write: impl FnOnce(&mut Self)) {
        let outside = self.group.len();
        self.group.push_str(group);
        self.group.push('.');
        write(self);
        self.group.truncate(outside);
    }
}

impl IntoIterator for Pairs {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.into_iter()
    }
}
