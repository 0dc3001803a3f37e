//! Contexts in the browser: a store that belongs to the page.
//!
//! The store hangs on the root owner, so that no component has to provide it. It knows an
//! *instance* for each context that somebody asked for, and for each member of it a *slot*, the
//! typed value that all queries of the member share. What the server put into the page is taken
//! from there; the rest is fetched, one request for all slots of an instance.

use super::{Context, Member, Query, query::Source, wire::FIRST_SLOT};
use crate::{Error, Result, call::wire::PREFIX, fetch, json::Entries};
use futures::{channel::oneshot, future::abortable, stream::AbortHandle};
use leptos::{
    prelude::{ArcAsyncDerived, ReadUntracked, Set, provide_context, use_context},
    reactive::{owner::Owner, signal::ArcRwSignal},
};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use wasm_bindgen::JsValue;

/// Returns the query of a member.
pub fn query<M: Member>() -> Query<M::Output> {
    Page::current().query::<M>()
}

/// What the page knows of every context.
#[derive(Clone, Default)]
pub(crate) struct Page(Arc<Mutex<Instances>>);

type Instances = HashMap<String, Arc<Instance>>;

impl Page {
    /// Returns the page's, creating it at the first use.
    pub(crate) fn current() -> Self {
        if let Some(store) = use_context::<Self>() {
            return store;
        }
        let store = Self::default();
        for Payload { instance, bundle } in page_data() {
            let seeded = Instance::new(&instance);
            *lock(&seeded.fetched) = bundle;
            lock(&store.0).insert(instance, Arc::new(seeded));
        }
        if let Some(owner) = Owner::current() {
            let mut root = owner;
            while let Some(parent) = root.parent() {
                root = parent;
            }
            root.with(|| provide_context(store.clone()));
        }
        store
    }

    pub(crate) fn query<M: Member>(&self) -> Query<M::Output> {
        self.instance(M::Context::NAME).query::<M::Output>(M::NAME)
    }

    /// Fetches all members of a context again.
    pub(crate) fn refetch<C: Context>(&self) {
        self.instance(C::NAME).fetch();
    }

    fn instance(&self, key: &str) -> Arc<Instance> {
        let mut instances = lock(&self.0);
        if let Some(instance) = instances.get(key) {
            return Arc::clone(instance);
        }
        let instance = Arc::new(Instance::new(key));
        instances.insert(key.to_owned(), Arc::clone(&instance));
        instance
    }
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page").finish_non_exhaustive()
    }
}

/// Reads the bundles that the server put into the page.
///
/// Not through Leptos's shared context, which answers only while the page is being hydrated: a
/// hook may be called for the first time after a navigation.
fn page_data() -> Vec<Payload> {
    let name = JsValue::from_str("__RESOLVED_RESOURCES");
    let Ok(slots) = js_sys::Reflect::get(&js_sys::global(), &name) else {
        return Vec::new();
    };
    if !slots.is_object() {
        return Vec::new();
    }
    (FIRST_SLOT..)
        .map_while(|slot| {
            js_sys::Reflect::get_u32(&slots, slot as u32)
                .ok()?
                .as_string()
        })
        .filter_map(|text| Payload::read(&text).ok())
        .collect()
}

/// One context with its parameters.
struct Instance {
    path: String,
    /// What the last fetch brought, for slots that are yet to be made.
    fetched: Mutex<Bundle>,
    slots: Mutex<HashMap<&'static str, Arc<dyn Slot>>>,
    /// The request under way.
    request: Mutex<Option<AbortHandle>>,
    fetching: ArcRwSignal<bool>,
    /// What the last fetch as a whole failed with.
    error: ArcRwSignal<Option<Error>>,
}

impl Instance {
    fn new(key: &str) -> Self {
        Self {
            path: format!("{PREFIX}/ctx/{key}"),
            fetched: Mutex::default(),
            slots: Mutex::default(),
            request: Mutex::default(),
            fetching: ArcRwSignal::new(false),
            error: ArcRwSignal::new(None),
        }
    }

    fn query<T>(self: &Arc<Self>, member: &'static str) -> Query<T>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let known = lock(&self.slots).get(member).cloned();
        let slot = known.unwrap_or_else(|| self.add_slot::<T>(member));
        let slot: Arc<dyn Any + Send + Sync> = slot;
        let value = match slot.downcast::<TypedSlot<T>>() {
            Ok(slot) => slot.value.clone(),
            // Two functions of one name, which the server refuses to start with
            Err(_) => ArcAsyncDerived::new(|| {
                std::future::ready(Err(Error::internal("the member has another type")))
            }),
        };
        let instance = Arc::clone(self);
        let source = Source {
            fetching: self.fetching.clone(),
            error: self.error.clone(),
            refetch: Arc::new(move || instance.fetch()),
        };
        Query::fetched(value, source)
    }

    fn add_slot<T>(self: &Arc<Self>, member: &'static str) -> Arc<dyn Slot>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let fetched = lock(&self.fetched).take(member);
        let missing = fetched.is_none();
        let slot: Arc<dyn Slot> = Arc::new(TypedSlot::<T>::new(fetched));
        lock(&self.slots).insert(member, Arc::clone(&slot));
        if missing && lock(&self.request).is_none() {
            self.fetch();
        }
        slot
    }

    /// Fetches the bundle, abandoning a request that is under way.
    fn fetch(self: &Arc<Self>) {
        let instance = Arc::clone(self);
        let (work, abort) = abortable(async move { fetch::get(&instance.path).await });
        if let Some(earlier) = lock(&self.request).replace(abort) {
            earlier.abort();
        }
        self.fetching.set(true);
        let instance = Arc::clone(self);
        leptos::task::spawn_local(async move {
            // Aborted: a later fetch has taken over
            let Ok(answer) = work.await else { return };
            *lock(&instance.request) = None;
            instance.fetching.set(false);
            instance
                .deliver(answer.and_then(|text| Bundle::read(&text).map_err(fetch::unreadable)));
        });
    }

    fn deliver(&self, answer: Result<Bundle>) {
        let slots: Vec<_> = lock(&self.slots)
            .iter()
            .map(|(name, slot)| (*name, Arc::clone(slot)))
            .collect();
        match answer {
            Ok(mut bundle) => {
                self.error.set(None);
                for (member, slot) in slots {
                    slot.receive(bundle.take(member).unwrap_or_else(|| Err(missing(member))));
                }
                *lock(&self.fetched) = bundle;
            }
            Err(error) => {
                for (_, slot) in slots {
                    slot.fail(&error);
                }
                self.error.set(Some(error));
            }
        }
    }
}

fn missing(member: &str) -> Error {
    Error::outdated_client(format!(
        "the server does not know `{member}`: reload the page"
    ))
}

/// A bundle in the page, with the instance that it is of.
struct Payload {
    instance: String,
    bundle: Bundle,
}

impl Payload {
    fn read(text: &str) -> serde_json::Result<Self> {
        let mut parts: Entries = serde_json::from_str(text)?;
        let bundle = parts.take("bundle").unwrap_or_default();
        Ok(Self {
            instance: parts.take_text("instance")?,
            bundle: Bundle::read(bundle.get())?,
        })
    }
}

/// The answers of a context's members, still in JSON; each of the errors is an [`Error`].
#[derive(Default)]
struct Bundle {
    data: Entries,
    errors: Entries,
}

impl Bundle {
    fn read(text: &str) -> serde_json::Result<Self> {
        let mut parts: Entries = serde_json::from_str(text)?;
        let mut part = |name| match parts.take(name) {
            Some(part) => serde_json::from_str(part.get()),
            None => Ok(Entries::default()),
        };
        Ok(Self {
            data: part("data")?,
            errors: part("errors")?,
        })
    }

    /// Takes one member's answer out; `None` where it is not in here.
    fn take(&mut self, member: &str) -> Option<Result<Box<RawValue>>> {
        if let Some(error) = self.errors.take(member) {
            return Some(Err(
                decode(Ok(error)).unwrap_or_else(|unreadable| unreadable)
            ));
        }
        self.data.take(member).map(Ok)
    }
}

/// The value of a member, its type put aside.
trait Slot: Any + Send + Sync {
    /// Takes the member's answer.
    fn receive(&self, answer: Result<Box<RawValue>>);

    /// Takes note that no answer came: an earlier value stays.
    fn fail(&self, error: &Error);
}

struct TypedSlot<T: 'static> {
    value: ArcAsyncDerived<Result<T>>,
    /// Ends the wait for the first answer.
    first: Mutex<Option<oneshot::Sender<Result<T>>>>,
}

impl<T> TypedSlot<T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    fn new(fetched: Option<Result<Box<RawValue>>>) -> Self {
        let (first, waiting) = match fetched {
            Some(answer) => (None, Waiting::Over(decode(answer))),
            None => {
                let (sender, receiver) = oneshot::channel();
                (Some(sender), Waiting::For(receiver))
            }
        };
        let waiting = Mutex::new(Some(waiting));
        // Ready at once where the page had the value, so that hydration finds what was rendered
        let value = ArcAsyncDerived::new(move || {
            let waiting = lock(&waiting).take();
            async move {
                match waiting {
                    Some(Waiting::Over(value)) => value,
                    Some(Waiting::For(receiver)) => receiver.await.unwrap_or_else(|_| abandoned()),
                    None => abandoned(),
                }
            }
        });
        Self {
            value,
            first: Mutex::new(first),
        }
    }

    fn put(&self, value: Result<T>) {
        let waits = |value: &Option<Result<T>>| value.is_none();
        let waits = self
            .value
            .try_read_untracked()
            .is_some_and(|value| waits(&value));
        match lock(&self.first).take() {
            // The receiver lives as long as the value
            Some(first) if waits => drop(first.send(value)),
            // Somebody has set a value meanwhile, and nobody waits any longer
            _ => self.value.set(Some(value)),
        }
    }
}

enum Waiting<T> {
    Over(Result<T>),
    For(oneshot::Receiver<Result<T>>),
}

fn abandoned<T>() -> Result<T> {
    Err(Error::network("the page no longer waits for the answer"))
}

impl<T> Slot for TypedSlot<T>
where
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    fn receive(&self, answer: Result<Box<RawValue>>) {
        self.put(decode(answer));
    }

    fn fail(&self, error: &Error) {
        let has_value = self
            .value
            .try_read_untracked()
            .is_some_and(|value| matches!(&*value, Some(Ok(_))));
        if !has_value {
            self.put(Err(error.clone()));
        }
    }
}

fn decode<T: DeserializeOwned>(answer: Result<Box<RawValue>>) -> Result<T> {
    serde_json::from_str(answer?.get()).map_err(fetch::unreadable)
}

/// Locks; a panic elsewhere is no reason for another one here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
