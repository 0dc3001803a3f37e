//! What the layer calls things in NATS.
//!
//! | name | what it is |
//! | --- | --- |
//! | `mizan` | the stream |
//! | `mizan.group.<token>` | a group's messages, as they are added |
//! | `mizan.told.<token>` | the same, as the stream tells of them |
//! | `mizan.kept` | since when nothing was forgotten |
//! | `mizan.signals` | what nodes say to all nodes |
//!
//! A group's name can be anything, a token of a subject can't: it is percent-encoded after a `=`,
//! and a long one is a digest after a `#`. No two names have one token.

use crate::application::check_application;
use blake2::{Blake2s256, Digest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// How long a token may be: NATS bounds a line of its protocol to 4 kB, and has subjects in it
/// twice.
const LONGEST_TOKEN: usize = 512;

/// The names of one application's things; `mizan` above is what it calls itself.
#[derive(Clone, Debug)]
pub(super) struct Names(String);

impl Names {
    /// The names of an application, whose own one is made of letters, digits, `-` and `_`.
    ///
    /// # Errors
    ///
    /// What is wrong with that.
    pub(super) fn new(application: &str) -> Result<Self, String> {
        check_application(application)?;
        Ok(Self(application.to_owned()))
    }

    pub(super) fn stream(&self) -> &str {
        &self.0
    }

    pub(super) fn group(&self, group: &str) -> String {
        format!("{}.group.{}", self.0, token(group))
    }

    pub(super) fn groups(&self) -> String {
        format!("{}.group.>", self.0)
    }

    pub(super) fn told(&self, group: &str) -> String {
        format!("{}.told.{}", self.0, token(group))
    }

    pub(super) fn all_told(&self) -> String {
        format!("{}.told.>", self.0)
    }

    pub(super) fn kept(&self) -> String {
        format!("{}.kept", self.0)
    }

    pub(super) fn signals(&self) -> String {
        format!("{}.signals", self.0)
    }

    /// What NATS itself says about the stream: that it is made, changed, deleted, or led by another
    /// server.
    pub(super) fn advisories(&self) -> String {
        format!("$JS.EVENT.ADVISORY.STREAM.*.{}", self.0)
    }
}

/// A text as a token of a subject.
pub(super) fn token(text: &str) -> String {
    let encoded = format!("={}", utf8_percent_encode(text, NON_ALPHANUMERIC));
    if encoded.len() <= LONGEST_TOKEN {
        return encoded;
    }
    let digest = Blake2s256::digest(text);
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    std::iter::once("#".to_owned()).chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_name_has_a_token_of_its_own() {
        let long = "x".repeat(1000);
        let longer = "x".repeat(1001);
        let names = [
            "", " ", ".", "*", ">", "a", "A", "a.b", "a b", "a%20b", "=", "#", "é", "e", "\r\n",
            "{}", &long, &longer,
        ];
        let tokens: HashSet<_> = names.iter().map(|name| token(name)).collect();
        assert_eq!(tokens.len(), names.len());
        for token in tokens {
            assert!(token.len() <= LONGEST_TOKEN, "{token}");
            assert!(!token.contains(['.', '*', '>', ' ', '\r', '\n']), "{token}");
            assert!(token.is_ascii(), "{token}");
        }
        assert_eq!(token("chat:lobby"), "=chat%3Alobby");
        assert_eq!(token(&long).len(), 65);
    }

    #[test]
    fn an_application_is_named_in_letters() {
        for name in ["mizan", "shop-2", "a_b"] {
            assert!(Names::new(name).is_ok(), "{name}");
        }
        for name in ["", "a.b", "a b", "*", "é", "a/b"] {
            assert!(Names::new(name).is_err(), "{name}");
        }
    }
}
