//! What an answer depended on, as its function asked for it.
//!
//! A function that is cached runs in an owner of its own, where what it can ask about the request
//! is noted here with what it was told, and nothing else of the request is in reach. So nobody has
//! to say what an answer depends on: a user looked up in a helper, or in one branch of many, is
//! noticed.

use super::place::Subject;
use blake2::{Blake2b, Digest, digest::consts::U32};
use http::{HeaderMap, request::Parts};
use leptos_axum::ResponseOptions;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Something about the caller that a function can ask for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Fact {
    /// Who they are: their id, roles, permissions and public view.
    User,
    /// Which session they have.
    Session,
    /// A cookie of theirs.
    Cookie(Box<str>),
    /// A header of the request, its name in lower case.
    Header(Box<str>),
}

impl Fact {
    /// Whether it is what the request's `Identity` knows, which may be from before the function ran.
    pub(super) fn is_identity(&self) -> bool {
        matches!(self, Self::User | Self::Session)
    }

    /// Adds to a digest what it is, such that no two are the same.
    pub(super) fn name(&self, digest: &mut impl Digest) {
        let (kind, name): (u8, &str) = match self {
            Self::User => (0, ""),
            Self::Session => (1, ""),
            Self::Cookie(name) => (2, name),
            Self::Header(name) => (3, name),
        };
        digest.update([kind]);
        digest.update((name.len() as u64).to_be_bytes());
        digest.update(name);
    }
}

/// All that a function asks for. Empty, its answer is the same for everybody.
pub(crate) type Facts = BTreeSet<Fact>;

/// What it was told: a digest of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(super) digest: [u8; 32],
    /// The user whose an answer is that depends on it.
    pub(super) user: Option<Subject>,
}

impl Told {
    /// Something that may be there, in parts.
    pub(super) fn new(parts: Option<&[&[u8]]>, user: Option<Subject>) -> Self {
        let mut digest = Blake2b::<U32>::new();
        for part in parts.into_iter().flatten() {
            // With the length in front, so that some parts are never taken for others
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self {
            digest: digest.finalize().into(),
            user,
        }
    }
}

/// What a function may ask for; beyond that its answer is nobody else's.
pub(super) const MOST: usize = 16;

/// A run of a function, and what it has asked for so far.
pub(crate) struct Tracked {
    facts: Mutex<BTreeMap<Fact, Told>>,
    is_uncacheable: AtomicBool,
    head: Option<Parts>,
    options: Option<ResponseOptions>,
}

impl Tracked {
    pub(super) fn new(head: Option<Parts>, options: Option<ResponseOptions>) -> Self {
        Self {
            facts: Mutex::default(),
            is_uncacheable: AtomicBool::new(false),
            head,
            options,
        }
    }

    pub(crate) fn note(&self, fact: Fact, told: Told) {
        let before = self.facts().insert(fact, told);
        if before.is_some_and(|before| before != told) {
            // It has changed in the middle, by a login, say
            self.mark_uncacheable();
        }
    }

    /// Notes that its answer can't stand for another run's: because it did something beside
    /// answering, or saw what is not noted.
    pub(crate) fn mark_uncacheable(&self) {
        self.is_uncacheable.store(true, Ordering::Relaxed);
    }

    /// The head of the request, for what notes what it takes out of it.
    pub(crate) fn head(&self) -> Option<&Parts> {
        self.head.as_ref()
    }

    /// What goes out with the answer to the request.
    pub(crate) fn options(&self) -> Option<&ResponseOptions> {
        self.options.as_ref()
    }

    /// What it has asked for.
    pub(super) fn conclude(&self) -> Concluded {
        let told = self.facts().clone();
        let are_few = told.len() <= MOST;
        let is_shareable = are_few && !self.is_uncacheable.load(Ordering::Relaxed);
        Concluded {
            told: if are_few { told } else { BTreeMap::new() },
            is_shareable,
        }
    }

    fn facts(&self) -> MutexGuard<'_, BTreeMap<Fact, Told>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a run has asked for.
pub(super) struct Concluded {
    pub(super) told: BTreeMap<Fact, Told>,
    /// Whether its answer can stand for another run's.
    pub(super) is_shareable: bool,
}

impl Concluded {
    pub(super) fn facts(&self) -> Facts {
        self.told.keys().cloned().collect()
    }
}

/// All values of a header, as one.
pub(crate) fn header_value(headers: &HeaderMap, name: &str) -> Option<Vec<u8>> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|value| value.as_bytes())
        .collect();
    (!values.is_empty()).then(|| values.join(&b", "[..]))
}
