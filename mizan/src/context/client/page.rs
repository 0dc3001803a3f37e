use super::{
    bundle::{Bundle, Target},
    handle::Mount,
    instance::Instance,
    lock,
};
use crate::{
    browser,
    context::{Context, wire::LONGEST_MOUNTED},
    json::Entries,
};
use leptos::{
    prelude::{provide_context, use_context},
    reactive::owner::Owner,
};
use serde_json::value::RawValue;
use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

/// What a page knows of every context.
///
/// It hangs on the root owner, so that no component has to provide it.
#[derive(Clone)]
pub(crate) struct Page(Arc<Store>);

thread_local! {
    /// The latest one, for calls out of event handlers and tasks, which have no owner.
    static LATEST: RefCell<Weak<Store>> = const { RefCell::new(Weak::new()) };
}

pub(crate) struct Store {
    instances: Mutex<HashMap<String, Arc<Instance>>>,
    /// What the server put into the page and nobody has asked for yet.
    rendered: Mutex<HashMap<String, Bundle>>,
    /// Counts what happens to data.
    clock: AtomicU64,
}

impl Page {
    /// Returns the page's, creating it at the first use.
    pub(crate) fn current() -> Self {
        if let Some(page) = use_context::<Self>() {
            return page;
        }
        let owner = Owner::current();
        if owner.is_none()
            && let Some(page) = Self::latest()
        {
            return page;
        }
        let page = Self(Arc::new(Store {
            instances: Mutex::default(),
            rendered: Mutex::new(rendered()),
            clock: AtomicU64::new(0),
        }));
        LATEST.set(Arc::downgrade(&page.0));
        if let Some(owner) = owner {
            let mut root = owner;
            while let Some(parent) = root.parent() {
                root = parent;
            }
            root.with(|| provide_context(page.clone()));
            page.watch();
        }
        page
    }

    /// The page that the program made last, if it still exists.
    pub(crate) fn latest() -> Option<Self> {
        LATEST.with_borrow(Weak::upgrade).map(Self)
    }

    /// Refetches what has grown old while nobody looked.
    fn watch(&self) {
        let store = Arc::downgrade(&self.0);
        browser::on_wake(move |why| {
            let instances = store.upgrade().map(|store| store.all());
            for instance in instances.into_iter().flatten() {
                instance.wake(why);
            }
        });
    }

    pub(super) fn instance<C: Context>(&self, context: &C) -> Arc<Instance> {
        let instance = Instance::new(context, &self.0);
        let mut instances = lock(&self.0.instances);
        let key = instance.key.clone();
        Arc::clone(instances.entry(key).or_insert_with(|| Arc::new(instance)))
    }

    pub(super) fn mount<C: Context>(&self, context: &C) -> Arc<Mount> {
        Arc::new(Mount::new(self.instance(context)))
    }

    /// When a call is sent, on the clock of the store's data.
    pub(crate) fn now(&self) -> u64 {
        self.0.tick()
    }

    /// What the page shows, as the header `Mizan-Mounted` says it, as far as it may be long.
    pub(crate) fn mounted(&self) -> Option<String> {
        let mut header = String::new();
        for instance in self.0.all() {
            if !instance.is_shown() || header.len() + 2 + instance.key.len() > LONGEST_MOUNTED {
                continue;
            }
            if !header.is_empty() {
                header.push_str(", ");
            }
            header.push_str(&instance.key);
        }
        (!header.is_empty()).then_some(header)
    }

    /// Takes what an answer said of contexts; its call was sent at `since`.
    pub(crate) fn apply(
        &self,
        merges: Vec<Merge>,
        refreshed: Vec<Refreshed>,
        stale: &[Target],
        since: u64,
    ) {
        for Merge {
            target,
            member,
            value,
        } in merges
        {
            if let Some(instance) = self.0.get(&target.key()) {
                instance.merge(&member, value, since);
            }
        }
        let mut fresh = Vec::new();
        for Refreshed { target, bundle } in refreshed {
            let key = target.key();
            if let Some(instance) = self.0.get(&key) {
                instance.refresh(bundle, since);
            }
            fresh.push(key);
        }
        for target in stale {
            for instance in self.0.matching(target) {
                if !fresh.contains(&instance.key) {
                    instance.invalidate();
                }
            }
        }
    }
}

/// A member's new value, in the answer to a call.
pub(crate) struct Merge {
    pub(crate) target: Target,
    pub(crate) member: String,
    pub(crate) value: Box<RawValue>,
}

/// An instance's new data, in the answer to a call.
pub(crate) struct Refreshed {
    pub(crate) target: Target,
    pub(crate) bundle: Bundle,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page").finish_non_exhaustive()
    }
}

impl Store {
    pub(super) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes what the page carries of an instance.
    pub(super) fn rendered(&self, key: &str) -> Option<Bundle> {
        lock(&self.rendered).remove(key)
    }

    pub(super) fn remove(&self, key: &str) {
        // Dropped after the lock: what is in it may be anything
        let removed = lock(&self.instances).remove(key);
        drop(removed);
    }

    fn get(&self, key: &str) -> Option<Arc<Instance>> {
        lock(&self.instances).get(key).cloned()
    }

    fn all(&self) -> Vec<Arc<Instance>> {
        lock(&self.instances).values().cloned().collect()
    }

    /// The instances that a target names.
    fn matching(&self, target: &Target) -> Vec<Arc<Instance>> {
        let matches = |instance: &&Arc<Instance>| {
            let mut parameters = target.parameters.iter();
            instance.context == target.context
                && parameters.all(|(name, value)| instance.has(name, value))
        };
        lock(&self.instances)
            .values()
            .filter(matches)
            .cloned()
            .collect()
    }
}

/// Reads the bundles that the server put into the page.
fn rendered() -> HashMap<String, Bundle> {
    let read = |text: String| {
        let mut parts: Entries = serde_json::from_str(&text).ok()?;
        let bundle = Bundle::take_from(&mut parts).ok()?;
        let target = Target::take_from(&mut parts).ok()?;
        Some((target.key(), bundle))
    };
    browser::page_data().into_iter().filter_map(read).collect()
}
