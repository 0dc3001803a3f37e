//! What was sent for a form's fields, before anything is made of it.
//!
//! The body of a browser's own form, what Mizan's client sends and the JSON of an API client all
//! become the same tree, so that one reading path knows of what is missing, repeated, unknown or
//! of another type. In pairs a dot stands between a group and what is in it (`address.city`), and
//! rows have numbers (`items.0.text`).

use crate::{Error, Result, error::shorten};

/// How many values and groups a form may have: as many as Django takes. A form with more rows than
/// that is no form.
const MOST: usize = 1000;

/// How deep groups may lie in one another.
const DEEPEST: usize = 8;

/// One value as it came. An HTML form has texts only, JSON the others too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    Text(String),
    /// As it would be written in a text.
    #[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "JSON's"))]
    Number(String),
    #[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "JSON's"))]
    Bool(bool),
    #[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "JSON's"))]
    Null,
}

/// What stands under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// As many values as the name was given.
    Values(Vec<Raw>),
    /// A list of JSON's: as many as there are, were it one.
    #[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "JSON's"))]
    List(Vec<Raw>),
    Group(Values),
}

/// What was sent for the fields of a form, or for a group of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    /// In the order of their names.
    nodes: Vec<(String, Node)>,
}

impl Values {
    /// Reads pairs of a flat name and a text, as an HTML form has them.
    ///
    /// # Errors
    ///
    /// VALIDATION_ERROR where there are too many, or one name is a field's and a group's.
    ///
    /// # Example
    ///
    /// ```
    /// use mizan::form::Values;
    ///
    /// let values = Values::from_pairs([("email", "ada@example.com"), ("address.city", "London")])?;
    /// # let _ = values;
    /// # Ok::<_, mizan::Error>(())
    /// ```
    pub fn from_pairs<N, T>(pairs: impl IntoIterator<Item = (N, T)>) -> Result<Self>
    where
        N: AsRef<str>,
        T: Into<String>,
    {
        let (mut values, mut budget) = (Self::default(), Budget::default());
        for (name, text) in pairs {
            let name = name.as_ref();
            let put = values.put(name, text.into(), &mut budget);
            put.map_err(|refused| refused.error(name))?;
        }
        Ok(values)
    }

    /// Reads what a page has filled in; where it has too much, it says so.
    pub(crate) fn of_page(pairs: Vec<(String, String)>) -> std::result::Result<Self, String> {
        let (mut values, mut budget) = (Self::default(), Budget::default());
        for (name, text) in pairs {
            let put = values.put(&name, text, &mut budget);
            put.map_err(|refused| refused.text())?;
        }
        Ok(values)
    }

    /// What stands under a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        let index = self.find(name).ok()?;
        Some(&self.nodes[index].1)
    }

    /// All names, with what stands under them.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(name, node)| (&**name, node))
    }

    #[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "JSON's"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn find(&self, name: &str) -> std::result::Result<usize, usize> {
        self.nodes
            .binary_search_by(|(known, _)| known.as_str().cmp(name))
    }

    /// Adds a value under a flat name.
    fn put(
        &mut self,
        name: &str,
        text: String,
        budget: &mut Budget,
    ) -> std::result::Result<(), Refused> {
        let mut group = self;
        let mut segments = name.split('.').enumerate().peekable();
        while let Some((depth, segment)) = segments.next() {
            if depth >= DEEPEST {
                return Err(Refused::TooDeep);
            }
            let is_last = segments.peek().is_none();
            match group.entry(segment, is_last, budget)? {
                Node::Values(values) if is_last => {
                    budget.spend()?;
                    values.push(Raw::Text(text));
                    return Ok(());
                }
                Node::Group(inner) if !is_last => group = inner,
                _ => return Err(Refused::Both),
            }
        }
        Ok(())
    }

    /// What stands under a name; an empty place of its kind where nothing does.
    fn entry(
        &mut self,
        name: &str,
        is_value: bool,
        budget: &mut Budget,
    ) -> std::result::Result<&mut Node, Refused> {
        let index = match self.find(name) {
            Ok(index) => index,
            Err(index) => {
                let node = if is_value {
                    Node::Values(Vec::new())
                } else {
                    budget.spend()?;
                    Node::Group(Self::default())
                };
                self.nodes.insert(index, (name.to_owned(), node));
                index
            }
        };
        Ok(&mut self.nodes[index].1)
    }

    /// Puts in what is not there yet; `false` where it is.
    #[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "JSON's"))]
    pub(crate) fn insert(&mut self, name: String, node: Node) -> bool {
        match self.find(&name) {
            Ok(_) => false,
            Err(index) => {
                self.nodes.insert(index, (name, node));
                true
            }
        }
    }
}

/// What is left of what a form may have.
pub(crate) struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Budget {
    /// Pays for a value, or a group.
    #[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "JSON's"))]
    pub(crate) fn take(&mut self) -> Result<()> {
        self.spend().map_err(|refused| refused.error(""))
    }

    fn spend(&mut self) -> std::result::Result<(), Refused> {
        self.0 = self.0.checked_sub(1).ok_or(Refused::TooMany)?;
        Ok(())
    }
}

/// Why values are no form's.
#[derive(Clone, Copy)]
enum Refused {
    TooMany,
    TooDeep,
    /// A name is a value's and a group's.
    Both,
}

impl Refused {
    fn text(self) -> String {
        match self {
            Self::TooMany => format!("the form has more than {MOST} values"),
            Self::TooDeep => format!("the form's groups lie deeper than {DEEPEST}"),
            Self::Both => "is given as a value and as a group".to_owned(),
        }
    }

    fn error(self, name: &str) -> Error {
        match self {
            Self::Both => Error::invalid_field(shorten(name), self.text()),
            Self::TooMany | Self::TooDeep => Error::validation(self.text()),
        }
    }
}

/// Whether groups may lie so deep.
#[cfg_attr(not(feature = "ssr"), allow(dead_code, reason = "JSON's"))]
pub(crate) fn check_depth(depth: usize) -> Result<()> {
    if depth < DEEPEST {
        return Ok(());
    }
    Err(Refused::TooDeep.error(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Raw {
        Raw::Text(text.to_owned())
    }

    #[test]
    fn dots_make_groups_and_repetition_makes_lists() {
        let pairs = [
            ("b", "2"),
            ("a.x", "1"),
            ("b", "3"),
            ("rows.10.t", "last"),
            ("rows.0.t", "first"),
        ];
        let values = Values::from_pairs(pairs).unwrap();
        let names: Vec<_> = values.nodes().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "rows"]);
        let both = Node::Values(vec![text("2"), text("3")]);
        assert_eq!(values.get("b"), Some(&both));
        let Some(Node::Group(a)) = values.get("a") else {
            panic!("no group")
        };
        assert_eq!(a.get("x"), Some(&Node::Values(vec![text("1")])));
        assert_eq!(values.get("c"), None);
    }

    #[test]
    fn a_name_is_a_value_s_or_a_group_s() {
        for pairs in [[("a", "1"), ("a.b", "2")], [("a.b", "2"), ("a", "1")]] {
            let error = Values::from_pairs(pairs).unwrap_err();
            assert_eq!(error.fields().len(), 1, "{error}");
        }
    }

    #[test]
    fn there_are_bounds() {
        let many = (0..10_000).map(|row| (format!("rows.{row}.text"), "x"));
        let error = Values::from_pairs(many).unwrap_err();
        assert_eq!(error.message(), "the form has more than 1000 values");
        let repeated = std::iter::repeat_n(("a", "x"), 1001);
        assert!(Values::from_pairs(repeated).is_err());
        let deep = ["a"; 9].join(".");
        let error = Values::from_pairs([(deep, "x")]).unwrap_err();
        assert_eq!(error.message(), "the form's groups lie deeper than 8");
        assert!(Values::from_pairs([(["a"; 8].join("."), "x")]).is_ok());
        assert!(Values::from_pairs([("....", "x")]).is_ok());
    }
}
