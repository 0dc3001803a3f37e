use super::{
    bundle::{Bundle, decode, missing},
    lock,
    page::Store,
    slot::{Slot, TypedSlot},
};
use crate::{
    Code, Error, Result,
    browser::{self, Request, Response, Timer, Wake},
    call::wire::PREFIX,
    channel::client::live::Hook,
    context::{Context, ContextOptions, Value, key_of, percent_encoded},
};
use futures::future::{AbortHandle, Abortable};
use leptos::{
    prelude::{Get, GetUntracked, Set},
    reactive::signal::ArcRwSignal,
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::{
    any::Any,
    sync::{Arc, Mutex, Weak},
};

/// What instances of live contexts do beyond others.
pub(crate) trait Live: Sync {
    /// It is shown from now on, or not any more.
    fn shown(&self);

    /// Whether data of the version `known` is of the version `merged`, with what was merged.
    fn merged(&self, known: Option<&RawValue>, merged: &RawValue) -> bool;
}

/// A context with values for its parameters.
pub(crate) struct Instance {
    pub(crate) key: String,
    pub(super) context: &'static str,
    names: &'static [&'static str],
    values: Vec<Value>,
    options: ContextOptions,
    live: Option<&'static dyn Live>,
    store: Weak<Store>,
    state: Mutex<State>,
    fetching: ArcRwSignal<bool>,
}

#[derive(Default)]
struct State {
    slots: Vec<(&'static str, Arc<dyn Slot>)>,
    /// What the last fetch brought, for slots that are yet to be made.
    fetched: Bundle,
    data: Data,
    /// Of which version the data is, where the context is live.
    version: Option<Box<RawValue>>,
    /// How many providers and queries show it.
    mounted: usize,
    /// The request under way.
    request: Option<AbortHandle>,
    /// When something last happened to its data, on the store's clock.
    touched: u64,
    /// Drops it, or fetches it again.
    timer: Option<Timer>,
}

/// What is known of the instance.
#[derive(Clone, Copy, Default, PartialEq)]
enum Data {
    #[default]
    Missing,
    /// Something has changed it since.
    Stale,
    /// As of this time.
    Since(f64),
}

impl Instance {
    pub(super) fn new<C: Context>(context: &C, store: &Arc<Store>) -> Self {
        let values = context.values();
        let key = key_of(C::NAME, C::PARAMETERS.iter().copied().zip(&values));
        // Known when this is compiled: without a live context none of its code is there
        let live: Option<&'static dyn Live> = if C::OPTIONS.live { Some(&Hook) } else { None };
        Self {
            live,
            ..Self::described(key, C::NAME, C::PARAMETERS, values, C::OPTIONS, store)
        }
    }

    /// Not generic: one copy for all contexts.
    fn described(
        key: String,
        context: &'static str,
        names: &'static [&'static str],
        values: Vec<Value>,
        options: ContextOptions,
        store: &Arc<Store>,
    ) -> Self {
        let mut state = State::default();
        if let Some((mut bundle, since)) = store.rendered(&key) {
            state.version = bundle.version.take();
            state.fetched = bundle;
            state.data = Data::Since(since);
        }
        Self {
            key,
            context,
            names,
            values,
            options,
            live: None,
            store: Arc::downgrade(store),
            state: Mutex::new(state),
            fetching: ArcRwSignal::new(false),
        }
    }

    /// Whether a parameter has this value.
    pub(super) fn has(&self, name: &str, value: &Value) -> bool {
        let index = self.names.iter().position(|known| *known == name);
        index.and_then(|index| self.values.get(index)) == Some(value)
    }

    /// Whether somebody shows a member of it.
    pub(super) fn is_shown(&self) -> bool {
        let state = lock(&self.state);
        state.mounted > 0 && !state.slots.is_empty()
    }

    pub(super) fn is_fetching(&self) -> bool {
        self.fetching.get()
    }

    /// Returns the slot of a member; `None` where another function of that name has another type,
    /// with which the server refuses to start.
    pub(super) fn slot<T>(self: &Arc<Self>, member: &'static str) -> Option<Arc<TypedSlot<T>>>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let known = self.known_slot(member);
        let slot: Arc<dyn Any + Send + Sync> = match known {
            Some(slot) => slot,
            None => {
                let fetched = self.fetched(member);
                let slot = Arc::new(TypedSlot::<T>::new(fetched.map(decode)));
                self.add_slot(member, Arc::clone(&slot) as Arc<dyn Slot>);
                return Some(slot);
            }
        };
        slot.downcast().ok()
    }

    /// Takes what the last fetch brought of a member; `None` where it is yet to be fetched.
    fn fetched(&self, member: &'static str) -> Option<Result<Box<RawValue>>> {
        let mut state = lock(&self.state);
        let fetched = state.fetched.take(member);
        match state.data {
            Data::Since(_) => Some(fetched.unwrap_or_else(|| Err(missing(member)))),
            Data::Missing | Data::Stale => fetched,
        }
    }

    fn known_slot(&self, member: &str) -> Option<Arc<dyn Slot>> {
        let state = lock(&self.state);
        let mut slots = state.slots.iter();
        slots
            .find(|(name, _)| *name == member)
            .map(|(_, slot)| Arc::clone(slot))
    }

    fn add_slot(self: &Arc<Self>, member: &'static str, slot: Arc<dyn Slot>) {
        let wanted = {
            let mut state = lock(&self.state);
            state.slots.push((member, slot));
            state.request.is_none() && self.is_wanted(&state)
        };
        if wanted {
            self.fetch();
        }
    }

    /// Whether the data has to be fetched before it is shown.
    fn is_wanted(&self, state: &State) -> bool {
        match state.data {
            Data::Missing | Data::Stale => true,
            Data::Since(time) => self.is_old(time),
        }
    }

    fn is_old(&self, since: f64) -> bool {
        let age = browser::now() - since;
        let longest = self.options.stale_time;
        longest.is_some_and(|longest| age >= longest.as_secs_f64() * 1000.0)
    }

    pub(super) fn mount(self: &Arc<Self>) {
        let wanted = {
            let mut state = lock(&self.state);
            state.mounted += 1;
            if state.mounted > 1 {
                return;
            }
            state.timer = None;
            !state.slots.is_empty() && state.request.is_none() && self.is_wanted(&state)
        };
        if wanted {
            self.fetch();
        }
        self.refetch_later();
        self.tell();
    }

    /// Whether it is of a live context, and on the page.
    pub(super) fn is_live(&self) -> bool {
        self.live.is_some() && lock(&self.state).mounted > 0
    }

    /// Tells, where the context is live, that it is shown, or not any more.
    fn tell(&self) {
        if let Some(live) = self.live {
            live.shown();
        }
    }

    /// Of which version its data is, where the context is live.
    pub(crate) fn version(&self) -> Option<Box<RawValue>> {
        lock(&self.state).version.clone()
    }

    /// Whether a request for it is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        lock(&self.state).request.is_some()
    }

    pub(super) fn unmount(self: &Arc<Self>) {
        let request = {
            let mut state = lock(&self.state);
            state.mounted -= 1;
            if state.mounted > 0 {
                return;
            }
            if matches!(state.data, Data::Since(_)) && state.request.is_some() {
                state.data = Data::Stale;
            }
            state.request.take()
        };
        if let Some(request) = request {
            // Nobody waits for the answer
            request.abort();
            self.fetching.set(false);
        }
        self.tell();
        self.drop_later();
    }

    /// Drops the instance when nobody has shown it for a while.
    fn drop_later(self: &Arc<Self>) {
        if self.names.is_empty() && self.context == crate::Global::NAME {
            return;
        }
        let instance = Arc::downgrade(self);
        let timer = Timer::new(self.options.gc_time, move || {
            if let Some(instance) = instance.upgrade()
                && let Some(store) = instance.store.upgrade()
                && lock(&instance.state).mounted == 0
            {
                store.remove(&instance.key);
            }
        });
        lock(&self.state).timer = Some(timer);
    }

    /// Fetches the instance again and again, where its context asks for that.
    fn refetch_later(self: &Arc<Self>) {
        let Some(interval) = self.options.refetch_interval else {
            return;
        };
        let instance = Arc::downgrade(self);
        let timer = Timer::new(interval, move || {
            let Some(instance) = instance.upgrade() else {
                return;
            };
            let (mounted, idle) = {
                let state = lock(&instance.state);
                (
                    state.mounted > 0,
                    state.request.is_none() && !state.slots.is_empty(),
                )
            };
            if mounted && idle {
                instance.fetch();
            }
            if mounted {
                instance.refetch_later();
            }
        });
        lock(&self.state).timer = Some(timer);
    }

    /// Looks after data that may have grown old unseen.
    pub(super) fn wake(self: &Arc<Self>, why: Wake) {
        let asked_for = match why {
            Wake::Focus => self.options.refetch_on_focus,
            Wake::Reconnect => self.options.refetch_on_reconnect,
        };
        // Without a time after which it is old, it may be old at once
        let is_old = match lock(&self.state).data {
            Data::Since(time) => self.options.stale_time.is_none() || self.is_old(time),
            Data::Missing | Data::Stale => true,
        };
        if asked_for && is_old && self.is_shown() && !self.fetching.get_untracked() {
            self.fetch();
        }
    }

    pub(super) fn prefetch(self: &Arc<Self>) {
        let (wanted, mounted) = {
            let state = lock(&self.state);
            (
                state.request.is_none() && self.is_wanted(&state),
                state.mounted,
            )
        };
        if wanted {
            self.fetch();
        }
        if mounted == 0 {
            self.drop_later();
        }
    }

    /// Says that the data is no longer true: it is fetched now if somebody shows it, otherwise
    /// when somebody does.
    pub(crate) fn invalidate(self: &Arc<Self>) {
        let touched = self.now();
        let (shown, request) = {
            let mut state = lock(&self.state);
            state.touched = touched;
            // Slots that are yet to be made must not find it
            state.fetched = Bundle::default();
            if state.data != Data::Missing {
                state.data = Data::Stale;
            }
            let shown = state.mounted > 0 && !state.slots.is_empty();
            (shown, if shown { None } else { state.request.take() })
        };
        if shown {
            self.fetch();
        } else if let Some(request) = request {
            request.abort();
            self.fetching.set(false);
        }
    }

    /// Gives up a request that is under way.
    pub(super) fn abandon(&self) {
        let request = lock(&self.state).request.take();
        if let Some(request) = request {
            request.abort();
            self.fetching.set(false);
        }
    }

    /// Forgets what was answered to somebody else; whether somebody shows the instance.
    pub(super) fn forget(&self) -> bool {
        for (_, slot) in self.slots() {
            slot.forget();
        }
        lock(&self.state).mounted > 0
    }

    /// The time on the store's clock.
    fn now(&self) -> u64 {
        self.store.upgrade().map_or(0, |store| store.tick())
    }

    /// Fetches the bundle, abandoning a request that is under way: its answer may be from before
    /// whatever made this necessary.
    pub(super) fn fetch(self: &Arc<Self>) {
        let (abort, registration) = AbortHandle::new_pair();
        let touched = self.now();
        let earlier = {
            let mut state = lock(&self.state);
            state.touched = touched;
            state.request.replace(abort.clone())
        };
        if let Some(earlier) = earlier {
            earlier.abort();
        }
        self.fetching.set(true);
        let work = Abortable::new(Arc::clone(self).load(abort, touched), registration);
        // Aborted: a later fetch has taken over, or nobody waits
        leptos::task::spawn_local(async move {
            let _ = work.await;
        });
    }

    /// Sends a read until there is an answer: again where it was lost on the way, or where the
    /// server wants to be asked later. Reading has no effects, so it can be done twice.
    async fn load(self: Arc<Self>, abort: AbortHandle, since: u64) {
        for attempt in 0..=RETRIES {
            let answer = browser::send(Request::get(self.url())).await;
            let lost = match &answer {
                Ok(response) => response.wait(),
                Err(_) => Some(0),
            };
            if let Some(least) = lost
                && attempt < RETRIES
            {
                pause(least, attempt).await;
                continue;
            }
            lock(&self.state).request = None;
            if let (Ok(answer), Some(store)) = (&answer, self.store.upgrade()) {
                store.heard(answer.session, since);
            }
            let answer = answer
                .and_then(Response::success)
                .and_then(|text| Bundle::read(&text).map_err(browser::foreign));
            let limited = match answer {
                Ok(bundle) => self.receive(bundle),
                Err(error) => {
                    self.fail(&error);
                    None
                }
            };
            if abort.is_aborted() {
                return;
            }
            self.fetching.set(false);
            let Some(least) = limited.filter(|_| attempt < RETRIES) else {
                return;
            };
            // The others are shown meanwhile
            lock(&self.state).request = Some(abort.clone());
            pause(least, attempt).await;
            self.fetching.set(true);
        }
    }

    /// Takes the answers of all members. Returns how many milliseconds those want to be left alone
    /// that were asked too often.
    pub(super) fn receive(&self, mut bundle: Bundle) -> Option<u32> {
        let mut limited = None;
        let mut data = Data::Since(browser::now());
        for (member, slot) in self.slots() {
            match bundle.take(member).unwrap_or_else(|| Err(missing(member))) {
                Err(error)
                    if matches!(
                        error.code(),
                        Code::Internal | Code::Unavailable | Code::TooManyRequests
                    ) =>
                {
                    // It may be gone when somebody asks again
                    data = Data::Stale;
                    if let Some(wait) = error.retry_after() {
                        limited = limited.max(Some((wait.as_secs() as u32).saturating_mul(1000)));
                    }
                    slot.fail(&error);
                }
                answer => slot.receive(answer),
            }
        }
        let touched = self.now();
        let mut state = lock(&self.state);
        state.touched = touched;
        state.data = data;
        state.version = bundle.version.take();
        state.fetched = bundle;
        limited
    }

    fn fail(&self, error: &Error) {
        for (_, slot) in self.slots() {
            slot.fail(error);
        }
        let mut state = lock(&self.state);
        if state.data != Data::Missing {
            state.data = Data::Stale;
        }
    }

    fn slots(&self) -> Vec<(&'static str, Arc<dyn Slot>)> {
        lock(&self.state).slots.clone()
    }

    /// Whether nothing has happened to the data since a time on the store's clock.
    pub(super) fn is_untouched(&self, since: u64) -> bool {
        lock(&self.state).touched <= since
    }

    /// Takes data that came with the answer to a call.
    pub(super) fn refresh(&self, bundle: Bundle) {
        let request = lock(&self.state).request.take();
        if let Some(request) = request {
            request.abort();
            self.fetching.set(false);
        }
        // What was asked too often is fetched when it is invalidated, or shown again
        let _ = self.receive(bundle);
    }

    /// Takes a member's value that came with the answer to a call.
    pub(super) fn merge(
        self: &Arc<Self>,
        member: &str,
        value: Box<RawValue>,
        version: Option<Box<RawValue>>,
    ) {
        let touched = self.now();
        let is_fetching = {
            let mut state = lock(&self.state);
            state.touched = touched;
            if let (Some(live), Some(version)) = (self.live, version)
                && live.merged(state.version.as_deref(), &version)
            {
                state.version = Some(version);
            }
            state.request.is_some()
        };
        if is_fetching {
            // What is on its way may be from before
            self.fetch();
        }
        match self.known_slot(member) {
            Some(slot) => slot.receive(Ok(value)),
            // Nobody has asked for the member yet
            None => lock(&self.state).fetched.replace(member, value),
        }
    }

    fn url(&self) -> String {
        let mut url = format!("{PREFIX}/ctx/{}", self.context);
        let mut separator = '?';
        for (name, value) in self.names.iter().zip(&self.values) {
            let text = match value {
                Value::Null => continue,
                Value::Bool(flag) => flag.to_string(),
                Value::Integer(number) => number.to_string(),
                Value::Large(number) => number.to_string(),
                Value::Text(text) => percent_encoded(text),
            };
            url.push(separator);
            url.push_str(name);
            url.push('=');
            url.push_str(&text);
            separator = '&';
        }
        url
    }
}

/// How often a read that was lost is tried again.
const RETRIES: u32 = 3;

/// The longest wait before the first of them, in milliseconds; the next may be twice as long.
const FIRST_WAIT: u32 = 1000;

/// The longest that the server can ask a page to wait, in milliseconds.
const LONGEST_WAIT: u32 = 60_000;

/// Waits for at least so many milliseconds before the next attempt.
async fn pause(least: u32, attempt: u32) {
    let longest = FIRST_WAIT << attempt;
    // Between half of it and all (AWS's "equal jitter")
    let backoff = longest / 2 + (f64::from(longest / 2) * browser::jitter()) as u32;
    browser::sleep(least.min(LONGEST_WAIT).max(backoff)).await;
}
