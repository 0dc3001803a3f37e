//! Forms in the browser: what is sent, and what becomes of the answers.
//!
//! A submit is a mutation, with a key: where its answer was lost, the same values are the same
//! submit when it is tried again. The server's own rules are asked while one types where the form
//! has `live_validation`, once the form is in order and nobody has typed for a moment; an answer
//! that comes too late is not looked at.

mod json;
mod posted;
#[cfg(test)]
mod tests;

// What the browser knows of forms' values already, so that it need not be in the wasm
pub(super) use crate::browser::{address, is_alphanumeric, is_url, random};
pub(super) use posted::posted;

use super::{
    Report, Widget,
    state::{By, State},
};
use crate::{
    Code, Error, Result,
    browser::{self, Timer, focus},
    mutation::client::{post, spawn},
};
use serde_json::value::RawValue;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long nobody has to have typed before the server is asked.
const PAUSE: Duration = Duration::from_millis(400);

/// What is under way.
#[derive(Default)]
pub(super) struct Work {
    /// Counts what makes an answer to an earlier question useless.
    moment: AtomicU64,
    /// Asks the server's rules when it is due.
    look: Mutex<Option<Timer>>,
    /// What was sent and may not have arrived, with the key that it was sent with.
    sent: Mutex<Option<(String, String)>>,
}

impl Work {
    fn moment(&self) -> u64 {
        self.moment.load(Ordering::Relaxed)
    }

    /// Begins another moment: what was asked before counts for nothing.
    fn move_on(&self) {
        self.moment.fetch_add(1, Ordering::Relaxed);
        *lock(&self.look) = None;
    }

    /// The key of a submit: that of the one before it, where that was the same and its answer was
    /// lost.
    fn key(&self, body: &str) -> String {
        let mut sent = lock(&self.sent);
        if let Some((known, key)) = &*sent
            && known == body
        {
            return key.clone();
        }
        let key = browser::random();
        *sent = Some((body.to_owned(), key.clone()));
        key
    }
}

/// Submits a form, unless it is on its way.
pub(super) fn send(state: &Arc<State>) {
    if state.facts.peek(|facts| facts.pending) {
        return;
    }
    state.work.move_on();
    let report = state.look();
    state.touch();
    let body = match state.values() {
        Ok(values) if report.is_valid() => json::write(&values),
        _ => return focus_first(state),
    };
    state.facts.update(|facts| {
        facts.pending = true;
        facts.succeeded = false;
        facts.error = None;
        facts.said.set(By::Server, &[]);
    });
    let (state, key) = (Arc::clone(state), state.work.key(&body));
    spawn(async move {
        let answer = post(state.endpoints.submit.path, body, Some(key)).await;
        settle(&state, answer);
    });
}

/// Notes what became of a submit.
fn settle(state: &Arc<State>, answer: Result<Box<RawValue>>) {
    let was_lost = answer
        .as_ref()
        .is_err_and(|error| matches!(error.code(), Code::Network | Code::Unavailable));
    if !was_lost {
        *lock(&state.work.sent) = None;
    }
    // What was asked of the server meanwhile was asked of other values
    state.work.move_on();
    let done = match answer {
        Ok(done) => done,
        Err(error) => return refuse(state, error),
    };
    state.note(By::Server, &Report::default());
    (state.taken)(state);
    state.facts.update(|facts| {
        facts.pending = false;
        facts.succeeded = true;
        facts.done = Some(done);
    });
}

/// Shows why a submit failed.
fn refuse(state: &State, error: Error) {
    let said = error.details().map(Report::read).unwrap_or_default();
    state.note(By::Server, &said);
    state.touch();
    let is_told = !said.is_valid();
    state.facts.update(|facts| {
        facts.pending = false;
        facts.error = (!is_told).then_some(error);
    });
    focus_first(state);
}

/// Keeps what was taken, as that which the form goes back to: all but passwords.
pub(super) fn keep(state: &Arc<State>) {
    let mut taken = Vec::new();
    state.each_leaf(&mut |field, name, entry| {
        if field.widget != Widget::Password {
            let texts = entry.peek(|fill| fill.texts.clone()).into_iter();
            taken.extend(texts.map(|text| (name.to_owned(), text)));
        }
    });
    state.fill(&taken);
    state.settle();
}

/// Moves the focus to the first field at which something wrong is shown.
fn focus_first(state: &State) {
    let entries = state.entries().into_iter();
    let wrong = entries.filter(|(_, entry)| entry.peek(|fill| fill.errors().next().is_some()));
    let wrong: Vec<_> = wrong.map(|(name, _)| name).collect();
    if !wrong.is_empty() {
        focus(state.schema.name, &wrong);
    }
}

/// Some value has changed, and the server's rules are not asked.
pub(super) fn unchanged(_: &Arc<State>, _: bool) {}

/// Some value has changed: the server's rules are asked in a moment.
pub(super) fn changed(state: &Arc<State>, is_valid: bool) {
    let work = &state.work;
    work.move_on();
    if !is_valid || state.facts.peek(|facts| facts.pending) {
        return;
    }
    let form = Arc::downgrade(state);
    let look = Timer::new(PAUSE, move || {
        if let Some(state) = form.upgrade() {
            spawn(look(state));
        }
    });
    *lock(&work.look) = Some(look);
}

/// Asks the server's rules.
async fn look(state: Arc<State>) {
    let moment = state.work.moment();
    let Ok(values) = state.values() else { return };
    let answer = post(state.endpoints.validate.path, json::write(&values), None).await;
    if state.work.moment() != moment {
        return;
    }
    // Where it can't be asked, the submit will tell
    let said = answer.ok();
    if let Some(said) = said.and_then(|said| serde_json::from_str(said.get()).ok()) {
        state.note(By::Server, &Report::read(said));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
