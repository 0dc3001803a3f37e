//! What went stale of the live contexts that the page shows.
//!
//! The server is told what is shown, and of which version that is; it tells what went stale since.
//! Data that is of that version already is left alone: it came with the page's own call. While a
//! call or a fetch is under way it may be on its way, so that is waited for. Everything else is
//! fetched once, however much went stale meanwhile, and at a time of the page's own where many
//! show it.

use super::socket::{Socket, Use, number, position};
use crate::{
    browser::{self, Timer},
    channel::Position,
    context::client::{Instance, Live, Page},
    json::Entries,
};
use serde_json::value::RawValue;
use std::{
    cell::{Cell, RefCell},
    sync::Arc,
    time::Duration,
};

/// How often it is looked whether what was waited for has ended.
const GLANCE: Duration = Duration::from_millis(50);

/// How often at most, while calls are under way: one that takes longer is not waited for.
const MOST_GLANCES: u32 = 60;

/// How many instances the server is told of.
const MOST_SHOWN: usize = 256;

thread_local! {
    static CONTEXTS: &'static Contexts = {
        let contexts: &Contexts = Box::leak(Box::default());
        Socket::current().carry(contexts);
        contexts
    };
}

/// The live contexts of the page.
#[derive(Default)]
struct Contexts {
    /// What the server was told is shown.
    told: RefCell<Vec<String>>,
    is_shown: Cell<bool>,
    /// Whether it is about to be looked what is shown.
    is_looking: Cell<bool>,
    stale: RefCell<Vec<Stale>>,
}

/// An instance that went stale, and is about to be fetched.
struct Stale {
    key: String,
    /// The version that it has to have; `None` where nobody knows.
    wanted: Option<Position>,
    _timer: Option<Timer>,
}

/// What instances of live contexts do beyond others; others do without the code.
pub(crate) struct Hook;

impl Live for Hook {
    fn shown(&self) {
        let contexts = Contexts::current();
        if contexts.is_looking.replace(true) {
            return;
        }
        // After everything that a page shows at once
        leptos::task::spawn_local(async move {
            contexts.is_looking.set(false);
            contexts.tell(false);
        });
    }

    fn merged(&self, known: Option<&RawValue>, merged: &RawValue) -> bool {
        let known = known.and_then(version);
        let Some(merged) = version(merged) else {
            return false;
        };
        match known {
            Some(known) if known.epoch == merged.epoch => known.offset + 1 == merged.offset,
            // The first message of a group that was empty
            Some(known) => known.offset == 0 && merged.offset == 1,
            None => false,
        }
    }
}

impl Contexts {
    fn current() -> &'static Self {
        CONTEXTS.with(|contexts| *contexts)
    }

    /// Tells the server what is shown, where that has changed or there is another connection.
    fn tell(&self, anew: bool) {
        let mut shown = Page::current().live();
        // More the server does not take
        shown.truncate(MOST_SHOWN);
        let keys: Vec<_> = shown.iter().map(|instance| instance.key.clone()).collect();
        self.is_shown.set(!keys.is_empty());
        let socket = Socket::current();
        if !anew && *self.told.borrow() == keys {
            return;
        }
        let versions: Vec<_> = shown.iter().map(|instance| instance.version()).collect();
        let text = |list: Result<String, serde_json::Error>| list.unwrap_or_default();
        let frame = format!(
            r#"{{"op":"mount","contexts":{},"versions":{}}}"#,
            text(serde_json::to_string(&keys)),
            text(serde_json::to_string(&versions)),
        );
        let is_shown = !keys.is_empty();
        if socket.send(&frame) {
            *self.told.borrow_mut() = keys;
        } else if is_shown {
            socket.open();
        }
        if !is_shown {
            socket.linger();
        }
    }

    /// Notes that an instance is to have a version, and fetches it in a while.
    fn note(&'static self, key: String, wanted: Option<Position>, spread: f64) {
        let mut stale = self.stale.borrow_mut();
        if let Some(known) = stale.iter_mut().find(|known| known.key == key) {
            known.wanted = wanted;
            return;
        }
        stale.push(Stale {
            key: key.clone(),
            wanted,
            _timer: None,
        });
        drop(stale);
        if spread > 0.0 {
            let wait = Duration::from_millis((browser::jitter() * spread) as u64);
            self.look_later(key, wait, 0);
        } else {
            self.look(key, 0);
        }
    }

    fn look_later(&'static self, key: String, wait: Duration, glances: u32) {
        let name = key.clone();
        let timer = Timer::new(wait, move || self.look(name, glances));
        let mut stale = self.stale.borrow_mut();
        let known = stale.iter_mut().find(|known| known.key == key);
        let before = known.and_then(|known| known._timer.replace(timer));
        drop(stale);
        drop(before);
    }

    /// Fetches an instance, unless it has its version by now.
    fn look(&'static self, key: String, glances: u32) {
        let page = Page::current();
        let Some(instance) = page.known(&key) else {
            return self.forget(&key);
        };
        let calls = page.is_calling() && glances < MOST_GLANCES;
        if calls || instance.is_under_way() {
            return self.look_later(key, GLANCE, glances + 1);
        }
        let wanted = {
            let stale = self.stale.borrow();
            let known = stale.iter().find(|known| known.key == key);
            known.and_then(|known| known.wanted.clone())
        };
        self.forget(&key);
        if !wanted.is_some_and(|wanted| has(&instance, &wanted)) {
            instance.invalidate();
        }
    }

    fn forget(&self, key: &str) {
        let forgotten: Vec<_> = {
            let mut stale = self.stale.borrow_mut();
            let (forgotten, kept) = stale.drain(..).partition(|known| known.key == key);
            *stale = kept;
            forgotten
        };
        drop(forgotten);
    }
}

impl Use for Contexts {
    fn is_needed(&self) -> bool {
        self.is_shown.get()
    }

    fn opened(&self, _: &Socket) {
        self.tell(true);
    }

    fn hear(&self, op: &str, frame: &mut Entries) {
        if op != "invalidate" {
            return;
        }
        let this = Contexts::current();
        let wanted = position(frame);
        let spread = number(frame, "spread");
        for key in frame.take_list("contexts") {
            this.note(key, wanted.clone(), spread.unwrap_or_default() as f64);
        }
    }

    fn lost(&self) {
        self.told.borrow_mut().clear();
    }
}

fn version(text: &RawValue) -> Option<Position> {
    position(&mut serde_json::from_str(text.get()).ok()?)
}

/// Whether an instance's data is of a version, or a later one.
fn has(instance: &Arc<Instance>, wanted: &Position) -> bool {
    let known = instance.version();
    let known = known.as_deref().and_then(version);
    known.is_some_and(|known| known.epoch == wanted.epoch && known.offset >= wanted.offset)
}
