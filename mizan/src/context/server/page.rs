//! The instances of a page that is being rendered.

use super::{
    Instance, Outcomes, ServerContext,
    outcome::{Outcome, typed, write_version},
    registration::{Answer, Entry},
};
use crate::{
    Result,
    auth::{principal, who},
    call::server::buffer,
    channel::{Position, server::Reader},
    context::{Context, Global, Member, Query, wire::FIRST_SLOT},
    request::{Scope, page},
};
use futures::{
    FutureExt,
    future::{BoxFuture, Either, Shared, join_all, pending, ready},
};
use http::request::Parts;
use hydration_context::{SerializedDataId, SharedContext};
use leptos::reactive::{
    computed::{ArcAsyncDerived, ScopedFuture},
    owner::{Owner, with_context},
};
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The instances of one request.
#[derive(Default)]
pub(crate) struct Instances {
    global: OnceLock<Handle>,
    /// Those of providers, by their keys.
    provided: Mutex<HashMap<String, Handle>>,
    /// How many slots of the page they have.
    slots: AtomicUsize,
}

impl Instances {
    pub(crate) fn are_none(&self) -> bool {
        self.global.get().is_none() && self.slots.load(Ordering::Relaxed) == 0
    }

    /// The instance of a provider, running from now on, or already.
    fn provided(&self, instance: &Instance, scope: &Scope, page: &dyn SharedContext) -> Handle {
        let key = instance.key();
        let known = || self.provided.lock().unwrap_or_else(PoisonError::into_inner);
        let running = known().get(&key).cloned();
        running.unwrap_or_else(|| {
            // Behind the global context's
            let slot = FIRST_SLOT + 1 + self.slots.fetch_add(1, Ordering::Relaxed);
            let handle = start(instance, slot, scope, page);
            known().insert(key, handle.clone());
            handle
        })
    }
}

/// An instance whose members run, or have run: each one can be waited for by many. Without one,
/// as when Leptos asks the application for its routes, there is never a value.
#[derive(Clone, Default)]
pub(crate) struct Handle(Option<Arc<[(&'static str, Run)]>>);

/// A member that runs, or has run.
#[derive(Clone)]
enum Run {
    Ended(Arc<dyn Outcome>),
    UnderWay(Shared<ScopedFuture<BoxFuture<'static, Arc<dyn Outcome>>>>),
}

impl Run {
    /// Starts a member. Most have their answer at once: waiting for it would cost more.
    fn start(answer: Answer) -> Self {
        let mut run = match answer {
            Answer::Now(outcome) => return Self::Ended(outcome),
            Answer::Soon(run) => run,
        };
        match run.as_mut().now_or_never() {
            Some(outcome) => Self::Ended(outcome),
            None => Self::UnderWay(ScopedFuture::new_untracked(run).shared()),
        }
    }

    async fn outcome(self) -> Arc<dyn Outcome> {
        match self {
            Self::Ended(outcome) => outcome,
            Self::UnderWay(run) => run.await,
        }
    }
}

/// Runs the members of the global context for a page.
pub(crate) fn start_global(scope: &Scope) {
    if let Some(shared_context) = page()
        && scope
            .site()
            .contexts
            .get(Global::NAME)
            .is_some_and(Entry::has_members)
    {
        let global = start(&Instance::of(Global), FIRST_SLOT, scope, &*shared_context);
        // Called once for each scope
        let _ = scope.instances().global.set(global);
    }
}

/// Runs the members of an instance, and puts their answers into the page.
///
/// What does not have its answer at once runs on in a task of its own, so that a slow member holds
/// up only what reads it.
fn start(instance: &Instance, slot: usize, scope: &Scope, page: &dyn SharedContext) -> Handle {
    let site = scope.site();
    // What is read from here on is at least of this version
    let version = site.live.version(instance.context);
    let entry = site.contexts.get(instance.context);
    let answers = entry.map(|entry| entry.answers(instance, scope, site.request_timeout));
    let running: Arc<[_]> = answers
        .into_iter()
        .flatten()
        .map(|(name, answer)| (name, Run::start(answer)))
        .collect();
    let all = Arc::clone(&running);
    // In the page's owner: who it is stands in the request
    let reader = site.live.is_live(instance.context).then(|| {
        let principal = ScopedFuture::new_untracked(principal());
        let headers = with_context(|parts: &Parts| parts.headers.clone());
        let reader = move |who, instance: &Instance| {
            Reader::new(who, &headers.unwrap_or_default(), instance)
        };
        (principal, scope.clone(), instance.clone(), reader)
    });
    let mut ended = Box::pin(async move {
        let all = all.iter().cloned();
        let outcomes = join_all(all.map(async |(name, run)| (name, run.outcome().await)));
        let outcomes = Outcomes(outcomes.await);
        if let Some((principal, scope, instance, reader)) = reader
            && let Ok(who) = principal.await.and_then(who)
        {
            scope.site().live.judge(reader(who, &instance), &outcomes);
        }
        outcomes
    });
    let ended = match ended.as_mut().now_or_never() {
        Some(outcomes) => Either::Left(ready(outcomes)),
        None => Either::Right(tokio::spawn(ended).map(|ended| ended.unwrap_or_default())),
    };
    let instance = instance.clone();
    page.write_async(
        SerializedDataId::new(slot),
        Box::pin(
            async move { payload(&instance, &ended.await, version.as_ref()).unwrap_or_default() },
        ),
    );
    Handle(Some(running))
}

/// What the page carries of an instance: `{"context","params","data","errors"?,"version"?}`.
fn payload(instance: &Instance, outcomes: &Outcomes, version: Option<&Position>) -> Result<String> {
    let mut text = buffer();
    text.push(b'{');
    instance.write(&mut text)?;
    text.push(b',');
    outcomes.write(&mut text)?;
    write_version(&mut text, version)?;
    text.push(b'}');
    Ok(String::from_utf8(text)?)
}

impl Handle {
    /// The global context's.
    pub(crate) fn global() -> Self {
        let scope = Scope::current();
        let global = scope.and_then(|scope| {
            // A function that reads it has an answer of this page's alone
            scope.mark_uncacheable();
            scope.instances().global.get().cloned()
        });
        global.unwrap_or_default()
    }

    /// That of a provider, running from now on, or already.
    pub(crate) fn provided<C: ServerContext>(parameters: impl Fn() -> C) -> Self {
        match (Scope::current(), Owner::current_shared_context()) {
            (Some(scope), Some(page)) => {
                let instance = Instance::of(leptos::prelude::untrack(parameters));
                scope.instances().provided(&instance, &scope, &*page)
            }
            _ => Self::default(),
        }
    }

    /// The query of a member.
    pub(crate) fn query<M: Member>(&self) -> Query<M::Output> {
        let mut members = self.0.iter().flat_map(|members| members.iter());
        let run = members
            .find(|(name, _)| *name == M::NAME)
            .map(|(_, run)| run.clone());
        Query::settled(match run {
            Some(run) => ArcAsyncDerived::new(move || {
                run.clone().outcome().map(|outcome| typed::<M>(&outcome))
            }),
            None => ArcAsyncDerived::new(pending),
        })
    }

    /// On the server a page is rendered once, with what its request found.
    pub(crate) fn refetch(&self) {}
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// A change that lies over a value: nothing is changed while a page is rendered.
pub(crate) enum Overlay {}

/// Where a query's value could be fetched from: there is no such place on the server.
pub(crate) enum Source {}

impl Source {
    pub(crate) fn is_fetching(&self) -> bool {
        match *self {}
    }

    pub(crate) fn error<T>(&self) -> Option<Result<T>> {
        match *self {}
    }

    pub(crate) fn refetch(&self) {
        match *self {}
    }

    pub(crate) fn invalidate(&self) {
        match *self {}
    }

    pub(crate) fn set<T>(&self, _: T) -> Option<Result<T>> {
        match *self {}
    }

    pub(crate) fn update<T>(&self, _: impl FnOnce(&mut T)) -> Option<Result<T>> {
        match *self {}
    }

    pub(crate) fn lay<T>(&self, _: impl Fn(&mut T)) -> Option<Overlay> {
        match *self {}
    }
}
