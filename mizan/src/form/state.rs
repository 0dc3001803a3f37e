//! What a form holds while it is filled in: on both sides, so that what the server renders is what
//! the browser goes on with.
//!
//! Not generic: a form is its schema, and one function that reads it.

mod entry;
mod layout;
mod rows;

use entry::Wrong;
pub(super) use entry::{By, Entry, Fill};
pub(super) use layout::{join, may_be_nothing, numbers, row};

use super::{
    Endpoints, Form, Pairs, Report, Schema, Values, Widget,
    posted::{Posted, posted},
    side,
};
use crate::text::concat;
use crate::{Error, watched::Watched};
use leptos::{
    prelude::{Notify, Track},
    reactive::signal::ArcTrigger,
};
use serde_json::value::RawValue;
use std::sync::{Arc, PoisonError, RwLock};

/// A form that is being filled in.
pub(crate) struct State {
    pub(super) schema: &'static Schema,
    #[cfg_attr(feature = "ssr", allow(dead_code, reason = "the browser's"))]
    pub(super) endpoints: &'static Endpoints,
    /// Reads it, and looks at its rules.
    read: fn(&Values, &mut Report),
    /// Some value has changed, and whether its own rules hold.
    follow: fn(&Arc<Self>, bool),
    /// It was taken: its fields are as they were at first, or what was taken stays.
    #[cfg_attr(feature = "ssr", allow(dead_code, reason = "the browser's"))]
    pub(super) taken: fn(&Arc<Self>),
    /// By their flat names, in the order of these.
    entries: RwLock<Vec<(String, Arc<Entry>)>>,
    /// What it goes back to.
    baseline: RwLock<Vec<(String, String)>>,
    pub(super) facts: Watched<Facts>,
    /// Some value has changed.
    changed: ArcTrigger,
    /// Values have changed, and not by the page.
    pub(super) written: ArcTrigger,
    #[cfg_attr(feature = "ssr", allow(dead_code, reason = "the browser's"))]
    pub(super) work: side::Work,
}

/// What there is to know of a form as a whole.
#[derive(Default)]
pub(super) struct Facts {
    /// Whether it is on its way.
    pub(super) pending: bool,
    /// Whether somebody has tried to submit it.
    pub(super) tried: bool,
    /// Whether it was taken, and nothing was changed since.
    pub(super) succeeded: bool,
    /// What is wrong with all of it.
    pub(super) said: Wrong,
    /// What else a submit failed with.
    pub(super) error: Option<Error>,
    /// What the latest submit that was taken got.
    pub(super) done: Option<Box<RawValue>>,
}

impl Facts {
    /// What is shown as wrong with all of it.
    pub(super) fn shown(&self) -> impl Iterator<Item = &str> {
        // Rules of all of it hold for nothing that nobody has tried to submit
        let is_shown = self.tried;
        self.said.all().filter(move |_| is_shown)
    }
}

impl State {
    pub(super) fn new<F: Form>() -> Arc<Self> {
        let mut initial = Pairs::default();
        F::initial(&mut initial);
        let mut initial: Vec<_> = initial.into_iter().collect();
        // Known when this is compiled: without them there is no code for it
        if const { F::SCHEMA.has_groups() } {
            layout::add_defaults(F::SCHEMA.fields, "", &mut initial);
        }
        let read = |values: &Values, report: &mut Report| drop(F::read(values, report));
        // The same
        let follow = if F::SCHEMA.live_validation {
            side::changed
        } else {
            side::unchanged
        };
        let taken = if F::SCHEMA.keep_values {
            side::keep
        } else {
            Self::reset
        };
        let state = Self {
            schema: F::SCHEMA,
            endpoints: &F::ENDPOINTS,
            read,
            follow,
            taken,
            entries: RwLock::default(),
            baseline: RwLock::default(),
            facts: Watched::new(Facts::default()),
            changed: ArcTrigger::new(),
            written: ArcTrigger::new(),
            work: side::Work::default(),
        };
        state.begin(&initial)
    }

    fn begin(self, initial: &[(String, String)]) -> Arc<Self> {
        self.load(initial);
        self.settle();
        if let Some(posted) = posted(self.schema.name) {
            self.come_back(posted);
        }
        Arc::new(self)
    }

    /// Goes on with what the page was asked for with: there was no JavaScript.
    fn come_back(&self, posted: Posted) {
        if posted.done {
            self.facts.update(|facts| facts.succeeded = true);
            return;
        }
        self.load(&posted.pairs);
        if posted.report.is_valid() && posted.error.is_none() {
            // Rows were changed, and nothing is said of the rest
            return;
        }
        self.note(By::Server, &posted.report);
        self.facts.update(|facts| facts.error = posted.error);
        self.touch();
    }

    /// What stands under a flat name.
    pub(super) fn entry(&self, name: &str) -> Arc<Entry> {
        let find = |entries: &[(String, Arc<Entry>)]| {
            entries.binary_search_by(|(known, _)| known.as_str().cmp(name))
        };
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if let Ok(index) = find(&entries) {
            return Arc::clone(&entries[index].1);
        }
        drop(entries);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let index = find(&entries).unwrap_or_else(|index| {
            entries.insert(
                index,
                (name.to_owned(), Arc::new(Entry::new(Fill::default()))),
            );
            index
        });
        Arc::clone(&entries[index].1)
    }

    /// All that there are, with their names.
    pub(super) fn entries(&self) -> Vec<(String, Arc<Entry>)> {
        let entries = self.entries.read();
        entries.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is filled in, as a form sends it.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        self.each_leaf(&mut |_, name, entry| {
            entry.peek(|fill| {
                pairs.extend(
                    fill.texts
                        .iter()
                        .map(|text| (name.to_owned(), text.clone())),
                );
            });
        });
        pairs
    }

    /// What is filled in, as a tree.
    pub(super) fn values(&self) -> std::result::Result<Values, String> {
        Values::of_page(self.pairs())
    }

    /// What is filled in, looked at anew whenever that changes.
    pub(super) fn track(&self) {
        self.changed.track();
    }

    /// Reads it, and notes what its own rules say.
    pub(super) fn look(&self) -> Report {
        let mut report = Report::default();
        match self.values() {
            Ok(values) => (self.read)(&values, &mut report),
            Err(text) => report.form(text),
        }
        self.note(By::Rules, &report);
        report
    }

    /// Notes what the page has in a field.
    pub(super) fn input(self: &Arc<Self>, name: &str, texts: Vec<String>) {
        let entry = self.entry(name);
        if entry.peek(|fill| fill.texts == texts) {
            return;
        }
        entry.update(|fill| {
            fill.texts = texts;
            fill.changed = true;
            // That was said of something else
            fill.said.set(By::Server, &[]);
        });
        self.after_change();
    }

    /// Notes that a field was left. What is wrong with it is shown from then on, if it was changed.
    pub(super) fn blur(&self, name: &str) {
        let entry = self.entry(name);
        if entry.peek(|fill| fill.changed && !fill.touched) {
            entry.update(|fill| fill.touched = true);
        }
    }

    /// Puts something into a field.
    pub(super) fn set(self: &Arc<Self>, name: &str, texts: Vec<String>) {
        self.input(name, texts);
        self.written.notify();
    }

    /// Fills all of it in anew; it is as if nobody had touched it.
    pub(super) fn fill(self: &Arc<Self>, pairs: &[(String, String)]) {
        self.load(pairs);
        self.forget();
        self.look();
        self.changed.notify();
        self.written.notify();
        (self.follow)(self, false);
    }

    /// Goes back to how it began, or to what was taken last where that stays.
    pub(super) fn reset(self: &Arc<Self>) {
        let baseline = self.baseline.read();
        let baseline = baseline.unwrap_or_else(PoisonError::into_inner).clone();
        self.fill(&baseline);
    }

    /// Counts what is filled in as nothing new.
    pub(super) fn settle(&self) {
        let pairs = self.pairs();
        *self
            .baseline
            .write()
            .unwrap_or_else(PoisonError::into_inner) = pairs;
        self.changed.notify();
    }

    /// Whether something else is filled in than at first.
    pub(super) fn is_dirty(&self) -> bool {
        self.track();
        let baseline = self.baseline.read();
        *baseline.unwrap_or_else(PoisonError::into_inner) != self.pairs()
    }

    /// Forgets what was said of it.
    fn forget(&self) {
        self.facts.update(|facts| {
            facts.tried = false;
            facts.succeeded = false;
            facts.said.set(By::Server, &[]);
            facts.error = None;
        });
    }

    pub(super) fn after_change(self: &Arc<Self>) {
        if self.facts.peek(|facts| facts.succeeded) {
            self.facts.update(|facts| facts.succeeded = false);
        }
        let report = self.look();
        self.changed.notify();
        (self.follow)(self, report.is_valid());
    }

    /// Shows all that is wrong from now on: somebody has tried to submit it.
    pub(super) fn touch(&self) {
        for (_, entry) in self.entries() {
            if entry.peek(|fill| !fill.touched) {
                entry.update(|fill| fill.touched = true);
            }
        }
        self.facts.update(|facts| facts.tried = true);
    }

    /// Notes what is wrong, in place of what the same said before.
    pub(super) fn note(&self, who: By, report: &Report) {
        for name in report.fields().keys() {
            self.entry(name);
        }
        for (name, entry) in self.entries() {
            let texts = report.fields().get(&name).map_or(&[][..], Vec::as_slice);
            if entry.peek(|fill| fill.said.by(who) != texts) {
                entry.update(|fill| fill.said.set(who, texts));
            }
        }
        let texts = report.of_form();
        if self.facts.peek(|facts| facts.said.by(who) != texts) {
            self.facts.update(|facts| facts.said.set(who, texts));
        }
    }

    /// What is said where it was taken.
    pub(super) fn success(&self) -> Vec<String> {
        let succeeded = self.facts.with(|facts| facts.succeeded);
        let text = self.schema.success.filter(|_| succeeded);
        text.into_iter().map(str::to_owned).collect()
    }

    /// What is wrong with all of it, and with what nobody sees.
    pub(super) fn summary(&self) -> Vec<String> {
        let mut texts = self.facts.with(|facts| {
            let error = facts.error.iter().map(Error::message);
            let texts = facts.shown().chain(error);
            texts.map(str::to_owned).collect::<Vec<_>>()
        });
        for (name, entry) in self.entries() {
            let field = self.field(&name);
            if field.is_some_and(|field| field.widget != Widget::Hidden) {
                continue;
            }
            let label = field.map_or(&*name, |field| field.label);
            entry.with(|fill| {
                texts.extend(fill.errors().map(|text| concat(&[label, ": ", text])));
            });
        }
        texts
    }
}
