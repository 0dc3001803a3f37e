use super::{bundle::decode, lock};
use crate::{Error, Result};
use futures::channel::oneshot;
use leptos::{
    prelude::{Notify, Track},
    reactive::signal::ArcTrigger,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::{
    any::Any,
    sync::{Arc, Mutex},
};

/// The value of a member, its type put aside.
pub(super) trait Slot: Any + Send + Sync {
    /// Takes the member's answer.
    fn receive(&self, answer: Result<Box<RawValue>>);

    /// Takes note that no answer came: an earlier value stays.
    fn fail(&self, error: &Error);

    /// Forgets the value: it was for somebody else.
    fn forget(&self);
}

/// The value of a member.
pub(super) struct TypedSlot<T> {
    state: Mutex<State<T>>,
    changed: ArcTrigger,
}

struct State<T> {
    /// What the server said last; `None` before it said anything.
    confirmed: Option<Result<T>>,
    /// How often it said something.
    revision: u64,
    /// Why it said nothing when it was asked last.
    failed: Option<Error>,
    /// What calls under way will have changed, in the order of their dispatch.
    overlays: Vec<(u64, Change<T>)>,
    next_overlay: u64,
    /// Those who wait for the first answer.
    waiting: Vec<oneshot::Sender<()>>,
}

type Change<T> = Arc<dyn Fn(&mut T) + Send + Sync>;

impl<T: Clone + Send + Sync + 'static> TypedSlot<T> {
    pub(super) fn new(confirmed: Option<Result<T>>) -> Self {
        Self {
            state: Mutex::new(State {
                confirmed,
                revision: 0,
                failed: None,
                overlays: Vec::new(),
                next_overlay: 0,
                waiting: Vec::new(),
            }),
            changed: ArcTrigger::new(),
        }
    }

    /// What is to be shown, the changes of calls under way included.
    pub(super) fn value(&self) -> Option<Result<T>> {
        let (mut value, changes) = {
            let state = lock(&self.state);
            (state.confirmed.clone()?, state.overlays.clone())
        };
        if let Ok(value) = &mut value {
            for (_, change) in changes {
                change(value);
            }
        }
        Some(value)
    }

    /// The error of the last attempt: in place of a value, or beside an earlier one.
    pub(super) fn error(&self) -> Option<Error> {
        let state = lock(&self.state);
        let failed = state.failed.clone();
        failed.or_else(|| state.confirmed.as_ref()?.as_ref().err().cloned())
    }

    /// Ready when there is a value.
    pub(super) fn wait(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut state = lock(&self.state);
        if state.confirmed.is_none() {
            state.waiting.push(sender);
        }
        // Otherwise the sender is dropped, which ends the wait as well
        receiver
    }

    pub(super) fn track(&self) {
        self.changed.track();
    }

    pub(super) fn set(&self, value: Result<T>) {
        let waiting = {
            let mut state = lock(&self.state);
            state.confirmed = Some(value);
            state.failed = None;
            state.revision += 1;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
        self.changed.notify();
    }

    /// Changes the confirmed value, if there is one.
    pub(super) fn update(&self, change: impl FnOnce(&mut T)) {
        // Not in place: the change may read other slots, or this one
        let confirmed = lock(&self.state).confirmed.clone();
        if let Some(Ok(mut value)) = confirmed {
            change(&mut value);
            self.set(Ok(value));
        }
    }

    /// Lays a change over the value until the overlay is lifted.
    pub(super) fn lay(self: &Arc<Self>, change: Change<T>) -> Overlay {
        let number = {
            let mut state = lock(&self.state);
            state.next_overlay += 1;
            let number = state.next_overlay;
            state.overlays.push((number, change));
            number
        };
        self.changed.notify();
        let slot = Arc::clone(self);
        Overlay {
            lift: Box::new(move |end| slot.lift(number, end)),
            slot: Arc::clone(self) as Arc<dyn Revised>,
        }
    }

    fn lift(&self, number: u64, end: End) {
        let change = {
            let mut state = lock(&self.state);
            let index = state
                .overlays
                .iter()
                .position(|(known, _)| *known == number);
            index.map(|index| state.overlays.remove(index).1)
        };
        match (end, change) {
            // The call succeeded and said nothing of the member: until it does, this is its value
            (End::Kept, Some(change)) => {
                self.update(|value| change(value));
            }
            _ => self.changed.notify(),
        }
    }
}

/// How an overlay ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Kept,
    Gone,
}

/// A change that lies over a value, for as long as a call is under way. Dropped, it is taken back.
pub(crate) struct Overlay {
    lift: Box<dyn Fn(End) + Send + Sync>,
    slot: Arc<dyn Revised>,
}

/// Something that the server says the value of.
trait Revised: Send + Sync {
    fn revision(&self) -> u64;
}

impl<T: Send + Sync> Revised for TypedSlot<T> {
    fn revision(&self) -> u64 {
        lock(&self.state).revision
    }
}

impl Overlay {
    /// How often the server has said the value.
    pub(crate) fn revision(&self) -> u64 {
        self.slot.revision()
    }

    /// Ends it after its call has succeeded: with news of the value in the answer, or without.
    pub(crate) fn settle(self, news: bool) {
        if !news {
            (self.lift)(End::Kept);
        }
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        (self.lift)(End::Gone);
    }
}

impl<T> Slot for TypedSlot<T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    fn receive(&self, answer: Result<Box<RawValue>>) {
        self.set(decode(answer));
    }

    fn forget(&self) {
        let mut state = lock(&self.state);
        state.confirmed = None;
        state.failed = None;
        drop(state);
        self.changed.notify();
    }

    fn fail(&self, error: &Error) {
        let has_value = {
            let mut state = lock(&self.state);
            state.failed = Some(error.clone());
            matches!(state.confirmed, Some(Ok(_)))
        };
        if has_value {
            self.changed.notify();
        } else {
            self.set(Err(error.clone()));
        }
    }
}
