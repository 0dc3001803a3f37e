//! What was purged, until Redis knows.

use super::super::place::Ended;
use std::{
    collections::BTreeSet,
    mem::take,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many purges are noted one by one. Of more than that, only their contexts are.
const MOST: usize = 10_000;

/// As it was named, and not as slots: which those are, the next connection says.
#[derive(Default)]
pub(super) struct Unsent(Mutex<BTreeSet<Ended>>);

impl Unsent {
    pub(super) fn note(&self, ended: &[Ended]) {
        let mut unsent = self.lock();
        unsent.extend(ended.iter().cloned());
        if unsent.len() > MOST {
            *unsent = take(&mut *unsent)
                .into_iter()
                .map(Ended::at_large)
                .collect();
        }
    }

    pub(super) fn forget(&self, ended: &[Ended]) {
        let mut unsent = self.lock();
        for ended in ended {
            unsent.remove(ended);
        }
    }

    /// Some of it.
    pub(super) fn some(&self) -> Vec<Ended> {
        self.lock().iter().take(1000).cloned().collect()
    }

    /// Does something where there is none, before there is any. Returns whether it was done.
    pub(super) fn unless_any(&self, f: impl FnOnce()) -> bool {
        let unsent = self.lock();
        let are_none = unsent.is_empty();
        if are_none {
            f();
        }
        are_none
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Ended>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(key: String) -> Ended {
        Ended { key, subject: 7 }
    }

    #[test]
    fn many_are_as_few_as_their_contexts() {
        let unsent = Unsent::default();
        for id in 0..=MOST {
            unsent.note(&[ended(format!("note;id={id}")), ended("user".to_owned())]);
        }
        let noted = unsent.some();
        let at_large = |key: &str| ended(key.to_owned()).at_large();
        assert!(noted.contains(&at_large("note")) && noted.contains(&at_large("user")));
        assert!(noted.len() < 5, "{}", noted.len());
        assert!(!unsent.unless_any(|| ()));
        unsent.forget(&noted);
        assert!(unsent.unless_any(|| ()));
    }
}
