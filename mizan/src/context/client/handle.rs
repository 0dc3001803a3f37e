use super::{
    instance::Instance,
    lock,
    page::Page,
    slot::{Overlay, TypedSlot},
};
use crate::{
    Error, Global, Query, Result,
    context::{Context, Member},
};
use futures::{channel::oneshot, future::select};
use leptos::{
    prelude::{ArcAsyncDerived, Effect, Get, GetUntracked, Track, on_cleanup},
    reactive::{
        computed::ArcMemo,
        graph::{Observer, Subscriber, ToAnySubscriber},
    },
};
use serde::de::DeserializeOwned;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

/// An instance that is shown, for as long as this lives.
pub(super) struct Mount(Arc<Instance>);

impl Mount {
    pub(super) fn new(instance: Arc<Instance>) -> Self {
        instance.mount();
        Self(instance)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.0.unmount();
    }
}

impl PartialEq for Mount {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A provider's instance, which is another one when its parameters change.
#[derive(Clone)]
pub(crate) struct Handle {
    current: ArcMemo<Arc<Mount>>,
    /// Those who wait for data of an instance that may not be the one any longer.
    moved: Arc<Mutex<Vec<oneshot::Sender<()>>>>,
}

impl Handle {
    /// The global context's.
    pub(crate) fn global() -> Self {
        let mount = Page::current().mount(&Global);
        Self::of(ArcMemo::new(move |_| Arc::clone(&mount)))
    }

    /// That of a provider.
    pub(crate) fn provided<C: Context>(parameters: impl Fn() -> C + Send + Sync + 'static) -> Self {
        let page = Page::current();
        let handle = Self::of(ArcMemo::new(move |_| page.mount(&parameters())));
        let moving = handle.clone();
        Effect::new(move || {
            moving.current.track();
            drop(std::mem::take(&mut *lock(&moving.moved)));
        });
        handle
    }

    fn of(current: ArcMemo<Arc<Mount>>) -> Self {
        Self {
            current,
            moved: Arc::default(),
        }
    }

    pub(crate) fn query<M: Member>(&self) -> Query<M::Output> {
        self.query_of(M::NAME)
    }

    /// Not generic over the member: one copy for all members of a type.
    fn query_of<T>(&self, member: &'static str) -> Query<T>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let source = Source {
            handle: self.clone(),
            member,
            disposed: Arc::default(),
        };
        let followed = source.clone();
        let value = ArcAsyncDerived::new(move || {
            // Leptos leaves what was tracked before, here the slots of other instances
            if let Some(this) = Observer::get() {
                this.clear_sources(&this);
            }
            followed.handle.current.track();
            if let Some(slot) = followed.slot::<T>() {
                slot.track();
            }
            let followed = followed.clone();
            async move { followed.value::<T>().await }
        });
        let (subscriber, ended) = (value.to_any_subscriber(), source.clone());
        on_cleanup(move || {
            subscriber.clear_sources(&subscriber);
            ended.dispose();
        });
        Query::fetched(value, source)
    }

    pub(crate) fn refetch(&self) {
        self.instance().fetch();
    }

    fn instance(&self) -> Arc<Instance> {
        Arc::clone(&self.current.get_untracked().0)
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Where a query's value comes from: a member of a provider's instance.
#[derive(Clone)]
pub(crate) struct Source {
    handle: Handle,
    member: &'static str,
    /// Set when nobody reads the query any more.
    disposed: Arc<AtomicBool>,
}

impl Source {
    fn slot<T>(&self) -> Option<Arc<TypedSlot<T>>>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        self.handle.instance().slot(self.member)
    }

    /// The value, as soon as it is there, of what is the provider's instance by then.
    async fn value<T>(&self) -> Result<T>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        loop {
            let Some(slot) = self.slot::<T>() else {
                return Err(Error::internal("two members of one name have two types"));
            };
            if let Some(value) = slot.value() {
                return value;
            }
            if self.disposed.load(Ordering::Relaxed) {
                return Err(Error::network("the page no longer waits for the answer"));
            }
            let (sender, moved) = oneshot::channel();
            lock(&self.handle.moved).push(sender);
            select(slot.wait(), moved).await;
        }
    }

    /// Ends the wait for a value, and with it the task that holds the instance.
    fn dispose(&self) {
        self.disposed.store(true, Ordering::Relaxed);
        drop(std::mem::take(&mut *lock(&self.handle.moved)));
    }

    pub(crate) fn is_fetching(&self) -> bool {
        self.handle.current.get().0.is_fetching()
    }

    /// The error of the last attempt, where there is one.
    pub(crate) fn error<T>(&self) -> Option<Result<T>>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        self.handle.current.track();
        let slot = self.slot::<T>()?;
        slot.track();
        slot.error().map(Err)
    }

    pub(crate) fn refetch(&self) {
        self.handle.refetch();
    }

    pub(crate) fn invalidate(&self) {
        self.handle.instance().invalidate();
    }

    /// Sets the value, and returns what is shown now.
    pub(crate) fn set<T>(&self, value: T) -> Option<Result<T>>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let slot = self.slot()?;
        slot.set(Ok(value));
        slot.value()
    }

    /// Changes the value, and returns what is shown now.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut T)) -> Option<Result<T>>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        let slot = self.slot()?;
        slot.update(change);
        slot.value()
    }

    /// Lays a change over the value until the overlay is lifted.
    pub(crate) fn lay<T>(&self, change: impl Fn(&mut T) + Send + Sync + 'static) -> Option<Overlay>
    where
        T: DeserializeOwned + Clone + Send + Sync + 'static,
    {
        Some(self.slot()?.lay(Arc::new(change)))
    }
}
