use super::{
    bundle::{Bundle, Target},
    handle::Mount,
    instance::Instance,
    lock,
    session::changed,
};
use crate::{
    browser::{self, Session},
    context::{Context, wire::LONGEST_MOUNTED},
    json::Entries,
};
use leptos::{
    prelude::{GetUntracked, Set, provide_context, use_context},
    reactive::{owner::Owner, signal::ArcRwSignal},
};
use serde_json::value::RawValue;
use std::{
    cell::RefCell,
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
    /// One that was made by such a call, until a component asks for the page's.
    static EARLY: RefCell<Option<Page>> = const { RefCell::new(None) };
}

pub(crate) struct Store {
    /// Sorted by their keys: the code of a map would be a kilobyte in every page.
    instances: Mutex<Vec<Arc<Instance>>>,
    /// How many parameters each context has that there was an instance of.
    parameters: Mutex<Vec<(&'static str, usize)>>,
    /// What the server put into the page and nobody has asked for yet, and when it was read.
    rendered: Mutex<Vec<(Target, Bundle)>>,
    rendered_at: f64,
    /// Whether the server has said that the visitor's session is over.
    expired: ArcRwSignal<bool>,
    /// When somebody last signed in or out.
    changed_at: AtomicU64,
    /// Counts what happens to data.
    clock: AtomicU64,
    /// How many calls are under way.
    calls: AtomicU64,
}

impl Page {
    /// Returns the page's, creating it at the first use.
    pub(crate) fn current() -> Self {
        if let Some(page) = use_context::<Self>() {
            return page;
        }
        let owner = Owner::current();
        if owner.is_none()
            && let Some(page) = LATEST.with_borrow(Weak::upgrade)
        {
            return Self(page);
        }
        let page = EARLY.take().unwrap_or_else(Self::new);
        match owner {
            Some(owner) => page.belong_to(owner),
            None => EARLY.set(Some(page.clone())),
        }
        page
    }

    fn new() -> Self {
        let page = Self(Arc::new(Store {
            instances: Mutex::default(),
            parameters: Mutex::default(),
            rendered: Mutex::new(rendered()),
            rendered_at: browser::now(),
            expired: ArcRwSignal::new(false),
            changed_at: AtomicU64::new(0),
            clock: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }));
        LATEST.set(Arc::downgrade(&page.0));
        page.watch();
        page
    }

    fn belong_to(&self, owner: Owner) {
        let mut root = owner;
        while let Some(parent) = root.parent() {
            root = parent;
        }
        root.with(|| provide_context(self.clone()));
    }

    /// Refetches what has grown old while nobody looked, and everything when another tab says that
    /// the visitor has signed in or out.
    fn watch(&self) {
        let store = Arc::downgrade(&self.0);
        browser::on_announcement(move || {
            let Some(store) = store.upgrade() else { return };
            store.become_somebody_else(&[]);
            store.heard(Session::Changed, 0);
        });
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
        self.0.know(C::NAME, C::PARAMETERS.len());
        let mut instances = lock(&self.0.instances);
        let index = position(&instances, &instance.key).unwrap_or_else(|index| {
            instances.insert(index, Arc::new(instance));
            index
        });
        Arc::clone(&instances[index])
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

    /// How many instances there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        lock(&self.0.instances).len()
    }

    /// Invalidates the instances whose parameters have these values.
    #[cfg(test)]
    pub(super) fn invalidate(&self, context: &str, parameters: &[(&str, i64)]) {
        let parameters = parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), crate::context::Value::Integer(*value)));
        let target = Target {
            context: context.to_owned(),
            parameters: parameters.collect(),
        };
        let answered = Answered {
            stale: vec![target],
            ..Answered::default()
        };
        self.apply(answered, self.now());
    }

    /// Takes what an answer said of contexts; its call was sent at `since`.
    ///
    /// Answers may come in another order than the server gave them. Where something else has
    /// happened to an instance's data since the call was sent, which of the two is newer can't be
    /// known: then the data is fetched.
    pub(crate) fn apply(&self, answered: Answered, since: u64) {
        let Answered {
            session,
            merges,
            refreshed,
            stale,
        } = answered;
        let changed = session == Session::Changed;
        self.0
            .forget(merges.iter().map(|merge| &merge.target).chain(&stale));
        let merges: Vec<_> = merges
            .into_iter()
            .filter_map(|merge| Some((self.0.known(&merge.target, since)?, merge)))
            .collect();
        let refreshed: Vec<_> = refreshed
            .into_iter()
            .filter_map(|fresh| Some((self.0.known(&fresh.target, since)?, fresh.bundle)))
            .collect();
        let mut stale: Vec<_> = stale
            .iter()
            .flat_map(|target| self.0.matching(target))
            .collect();
        stale.retain(|instance| !is_among(instance, &refreshed));
        for ((instance, trusted), merge) in merges {
            if trusted {
                instance.merge(&merge.member, merge.value, merge.version);
            } else {
                instance.invalidate();
            }
        }
        if changed {
            // Before the new data is there: a reader must not find the old beside it
            self.0.become_somebody_else(&refreshed);
            stale.clear();
        }
        for ((instance, trusted), bundle) in refreshed {
            if trusted {
                instance.refresh(bundle);
            } else {
                instance.invalidate();
            }
        }
        for instance in stale {
            instance.invalidate();
        }
        self.0.heard(session, since);
        if changed {
            browser::announce();
        }
    }

    /// What the page shows of live contexts.
    pub(crate) fn live(&self) -> Vec<Arc<Instance>> {
        let mut shown = self.0.all();
        shown.retain(|instance| instance.is_live());
        shown
    }

    pub(crate) fn known(&self, key: &str) -> Option<Arc<Instance>> {
        self.0.find(key)
    }

    /// Notes that a call is under way, as long as what this returns lives.
    pub(crate) fn calls(&self) -> Calling {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        Calling(Arc::clone(&self.0))
    }

    pub(crate) fn is_calling(&self) -> bool {
        self.0.calls.load(Ordering::Relaxed) > 0
    }

    /// Whether the server has said that the visitor's session is over.
    pub(super) fn expired(&self) -> ArcRwSignal<bool> {
        self.0.expired.clone()
    }
}

/// A call that is under way.
pub(crate) struct Calling(Arc<Store>);

impl Drop for Calling {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What the answer to a call says beside its result.
#[derive(Default)]
pub(crate) struct Answered {
    pub(crate) session: Session,
    pub(crate) merges: Vec<Merge>,
    pub(crate) refreshed: Vec<Refreshed>,
    pub(crate) stale: Vec<Target>,
}

/// A member's new value, in the answer to a call.
pub(crate) struct Merge {
    pub(crate) target: Target,
    pub(crate) member: String,
    pub(crate) value: Box<RawValue>,
    /// Where a live context was when that was told to others.
    pub(crate) version: Option<Box<RawValue>>,
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
    /// Takes what an answer says of the session.
    ///
    /// `since` is when it was asked for: a session that was over before somebody signed in says
    /// nothing of the one that is now.
    pub(super) fn heard(&self, session: Session, since: u64) {
        let expired = match session {
            Session::Same => return,
            Session::Changed => {
                self.changed_at.store(self.tick(), Ordering::Relaxed);
                changed();
                false
            }
            Session::Expired if since < self.changed_at.load(Ordering::Relaxed) => return,
            Session::Expired => true,
        };
        if self.expired.get_untracked() != expired {
            self.expired.set(expired);
        }
    }

    pub(super) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes what the page carries of an instance, and since when it does.
    pub(super) fn rendered(&self, key: &str) -> Option<(Bundle, f64)> {
        let mut rendered = lock(&self.rendered);
        let index = rendered
            .iter()
            .position(|(target, _)| target.key() == key)?;
        Some((rendered.swap_remove(index).1, self.rendered_at))
    }

    /// Forgets what the page carries of instances that are no longer what they were.
    fn forget<'a>(&self, targets: impl Iterator<Item = &'a Target>) {
        let mut rendered = lock(&self.rendered);
        if !rendered.is_empty() {
            for target in targets {
                rendered.retain(|(known, _)| !target.includes(known));
            }
        }
    }

    fn find(&self, key: &str) -> Option<Arc<Instance>> {
        let instances = lock(&self.instances);
        let index = position(&instances, key).ok()?;
        Some(Arc::clone(&instances[index]))
    }

    pub(super) fn remove(&self, key: &str) {
        let mut instances = lock(&self.instances);
        if let Ok(index) = position(&instances, key) {
            let removed = instances.remove(index);
            // Dropped after the lock: what is in it may be anything
            drop(instances);
            drop(removed);
        }
    }

    /// The instance that a target names, and whether nothing has happened to it since.
    fn known(&self, target: &Target, since: u64) -> Option<(Arc<Instance>, bool)> {
        let instance = self.find(&target.key())?;
        let trusted = instance.is_untouched(since);
        Some((instance, trusted))
    }

    /// Forgets what was answered to whom the visitor was before; what is shown is fetched, but for
    /// what is there anew already.
    fn become_somebody_else(&self, fresh: &[Fresh]) {
        lock(&self.rendered).clear();
        for instance in self.all() {
            if is_among(&instance, fresh) {
                continue;
            }
            if instance.forget() {
                instance.invalidate();
            } else {
                instance.abandon();
                self.remove(&instance.key);
            }
        }
    }

    fn all(&self) -> Vec<Arc<Instance>> {
        lock(&self.instances).clone()
    }

    /// How many parameters a context has; `None` where it has no instance here.
    fn parameters(&self, context: &str) -> Option<usize> {
        let parameters = lock(&self.parameters);
        let known = parameters.iter().find(|(known, _)| *known == context);
        known.map(|(_, count)| *count)
    }

    fn know(&self, context: &'static str, parameters: usize) {
        if self.parameters(context).is_none() {
            lock(&self.parameters).push((context, parameters));
        }
    }

    /// The instances that a target names.
    fn matching(&self, target: &Target) -> Vec<Arc<Instance>> {
        // All parameters are there: at most one, which need not be searched for
        if self.parameters(&target.context) == Some(target.parameters.len()) {
            return self.find(&target.key()).into_iter().collect();
        }
        let matches = |instance: &&Arc<Instance>| {
            let mut parameters = target.parameters.iter();
            instance.context == target.context
                && parameters.all(|(name, value)| instance.has(name, value))
        };
        let mut matching = self.all();
        matching.retain(|instance| matches(&instance));
        matching
    }
}

/// An instance, whether its new data can be trusted, and that data.
type Fresh = ((Arc<Instance>, bool), Bundle);

fn is_among(instance: &Arc<Instance>, fresh: &[Fresh]) -> bool {
    fresh
        .iter()
        .any(|((fresh, _), _)| Arc::ptr_eq(fresh, instance))
}

/// Where the instance of a key is, or belongs.
fn position(instances: &[Arc<Instance>], key: &str) -> Result<usize, usize> {
    instances.binary_search_by(|instance| instance.key.as_str().cmp(key))
}

/// Reads the bundles that the server put into the page.
fn rendered() -> Vec<(Target, Bundle)> {
    let read = |text: String| {
        let mut parts: Entries = serde_json::from_str(&text).ok()?;
        let bundle = Bundle::take_from(&mut parts).ok()?;
        Some((Target::take_from(&mut parts).ok()?, bundle))
    };
    browser::page_data().into_iter().filter_map(read).collect()
}
