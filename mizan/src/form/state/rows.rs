//! Rows: one more, one less, and their order.
//!
//! Rows are in the order of their numbers, and keep these: what is in two that change places is
//! swapped.

use super::{
    By, Entry, Fill, State,
    layout::{add_defaults, defaults, next, row},
};
use crate::text::concat;
use leptos::prelude::Notify;
use std::sync::Arc;

impl State {
    /// Adds a row behind the others, unless there are as many as may be.
    pub(in crate::form) fn add_row(self: &Arc<Self>, name: &str) {
        let Some(field) = self.field(name) else {
            return;
        };
        let numbers = self.numbers(name);
        if numbers.len() >= field.most().unwrap_or(usize::MAX) {
            return;
        }
        let number = next(&numbers);
        let name_of_row = row(name, number);
        let mut pairs = defaults(field, &name_of_row);
        add_defaults(field.fields, &name_of_row, &mut pairs);
        self.place(field.fields, &name_of_row, &pairs);
        self.renumber(name, |numbers| numbers.push(number));
    }

    /// Takes a row out, unless there are as few as may be.
    pub(in crate::form) fn remove_row(self: &Arc<Self>, name: &str, number: u32) {
        let least = self.field(name).and_then(|field| field.length().0);
        if self.numbers(name).len() <= least.unwrap_or(0) {
            return;
        }
        for (_, entry) in self.below(&row(name, number)) {
            entry.set(Fill::default());
        }
        self.renumber(name, |numbers| numbers.retain(|known| *known != number));
    }

    /// Has what is in a row change places with what is in the one before it, or behind it; returns
    /// the number of that one, where there is one.
    pub(in crate::form) fn move_row(
        self: &Arc<Self>,
        name: &str,
        number: u32,
        up: bool,
    ) -> Option<u32> {
        let numbers = self.numbers(name);
        let index = numbers.iter().position(|known| *known == number)?;
        let other = if up { index.checked_sub(1)? } else { index + 1 };
        let number_of_other = *numbers.get(other)?;
        let (one, other) = (row(name, number), row(name, number_of_other));
        let (of_one, of_other) = (self.take_below(&one), self.take_below(&other));
        self.put_below(&one, of_other);
        self.put_below(&other, of_one);
        self.renumber(name, |_| ());
        Some(number_of_other)
    }

    /// The numbers of the rows.
    fn numbers(&self, name: &str) -> Vec<u32> {
        self.entry(name).peek(|fill| fill.rows.clone())
    }

    fn renumber(self: &Arc<Self>, name: &str, change: impl FnOnce(&mut Vec<u32>)) {
        self.entry(name).update(|fill| {
            change(&mut fill.rows);
            fill.said.set(By::Server, &[]);
        });
        self.after_change();
        self.written.notify();
    }

    /// What stands in a row, and the row itself, by what is behind its name.
    fn below(&self, group: &str) -> Vec<(String, Arc<Entry>)> {
        let entries = self.entries().into_iter();
        let below = entries.filter_map(|(name, entry)| {
            let rest = name.strip_prefix(group)?;
            let is_in_it = rest.is_empty() || rest.starts_with('.');
            is_in_it.then(|| (rest.to_owned(), entry))
        });
        below.collect()
    }

    fn take_below(&self, group: &str) -> Vec<(String, Fill)> {
        let take = |entry: Arc<Entry>| {
            let mut taken = Fill::default();
            entry.update(|fill| taken = std::mem::take(fill));
            taken
        };
        let below = self.below(group).into_iter();
        below.map(|(rest, entry)| (rest, take(entry))).collect()
    }

    fn put_below(&self, group: &str, fills: Vec<(String, Fill)>) {
        for (rest, fill) in fills {
            self.entry(&concat(&[group, &rest])).set(fill);
        }
    }
}
