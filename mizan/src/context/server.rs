//! Contexts on the server: members run in-process, once per request.

use super::{
    Context, Global, Member, Query,
    query::Source,
    wire::{Bundle, FIRST_SLOT, Payload},
};
use crate::{
    Error, Result,
    call::{Call, server as call},
    request::Scope,
    server::Site,
};
use futures::{
    FutureExt,
    future::{BoxFuture, Either, Shared, join_all, pending, ready},
};
use hydration_context::SerializedDataId;
use leptos::reactive::{
    computed::{ArcAsyncDerived, ScopedFuture},
    owner::Owner,
    signal::ArcRwSignal,
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::{
    any::Any,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// A member as the server knows it; collected from the whole program.
pub struct Registration {
    pub(crate) name: &'static str,
    pub(crate) context: &'static str,
    run: fn(Duration) -> BoxFuture<'static, Arc<dyn Outcome>>,
}

inventory::collect!(Registration);

impl Registration {
    /// Describes the member `M`, which takes no arguments: `new` makes them.
    pub const fn new<M: Member + call::Body + Default>() -> Self {
        Self {
            name: M::NAME,
            context: <M::Context as Context>::NAME,
            run: run::<M>,
        }
    }
}

/// Runs a member for at most `timeout`: one that hangs must not take the others with it.
fn run<M: call::Body + Default>(timeout: Duration) -> BoxFuture<'static, Arc<dyn Outcome>> {
    async move {
        let result = match tokio::time::timeout(timeout, call::call(M::default())).await {
            Ok(result) => result,
            Err(_) => Err(Error::unavailable("the function took too long")),
        };
        Arc::new(result) as Arc<dyn Outcome>
    }
    .boxed()
}

/// What a member ended in: typed for those who read it here, JSON for the wire.
trait Outcome: Any + Send + Sync {
    fn encode(&self) -> Result<Box<RawValue>>;
}

impl<T: Serialize + Send + Sync + 'static> Outcome for Result<T> {
    fn encode(&self) -> Result<Box<RawValue>> {
        match self {
            Ok(value) => Ok(to_raw_value(value)?),
            Err(error) => Err(error.clone()),
        }
    }
}

/// The members of a context, about to run.
pub(crate) struct Members(Vec<&'static Registration>);

impl Members {
    /// Finds the members of a context among all; `None` where there is none.
    pub(crate) fn of(context: &str, all: &[&'static Registration]) -> Option<Self> {
        let members: Vec<_> = all
            .iter()
            .copied()
            .filter(|member| member.context == context)
            .collect();
        // The global context exists also where it is empty
        (!members.is_empty() || context == Global::NAME).then_some(Self(members))
    }

    /// Runs all of them, concurrently, each for at most `timeout`.
    pub(crate) async fn run(self, timeout: Duration) -> Outcomes {
        let members = self.0.iter();
        Outcomes(
            join_all(members.map(async |member| (member.name, (member.run)(timeout).await))).await,
        )
    }
}

/// What the members of a bundle ended in, by name.
pub(crate) struct Outcomes(Vec<(&'static str, Arc<dyn Outcome>)>);

impl Outcomes {
    fn bundle(&self) -> Bundle {
        let mut bundle = Bundle::default();
        for (name, outcome) in &self.0 {
            let (part, value) = match outcome.encode() {
                Ok(value) => (&mut bundle.data, value),
                Err(error) => (&mut bundle.errors, to_raw_value(&error).unwrap_or_default()),
            };
            part.push(name, value);
        }
        bundle
    }

    /// Writes the bundle as JSON.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        call::encode(&self.bundle())
    }
}

/// The bundles of one request.
#[derive(Default)]
pub(crate) struct Bundles {
    global: OnceLock<Running>,
}

/// Members that run, or have run, for a page: each one can be waited for by many.
struct Running(Vec<(&'static str, SharedOutcome)>);

type SharedOutcome = Shared<BoxFuture<'static, Arc<dyn Outcome>>>;

/// Runs the members of the global context for a page, and puts their answers into it.
///
/// What does not have its answer at once runs on in a task of its own, so that a slow member holds
/// up only what reads it.
pub(crate) fn start_global(scope: &Scope, site: &Site) {
    let Some(shared_context) = Owner::current_shared_context() else {
        return;
    };
    let Some(Members(members)) = Members::of(Global::NAME, &site.context_members) else {
        return;
    };
    if members.is_empty() {
        return;
    }
    let running: Vec<_> = members
        .iter()
        .map(|member| (member.name, (member.run)(site.request_timeout).shared()))
        .collect();
    let all = running.clone();
    let mut ended = Box::pin(ScopedFuture::new_untracked(async move {
        Outcomes(
            join_all(
                all.into_iter()
                    .map(async |(name, member)| (name, member.await)),
            )
            .await,
        )
    }));
    // Most members have their answer at once: a task would cost more than they do
    let ended = match ended.as_mut().now_or_never() {
        Some(outcomes) => Either::Left(ready(Ok(outcomes))),
        None => Either::Right(tokio::spawn(ended)),
    };
    // `start_global` is called once for each scope
    let _ = scope.bundles().global.set(Running(running));
    shared_context.write_async(
        SerializedDataId::new(FIRST_SLOT),
        Box::pin(async move {
            let bundle = ended
                .await
                .map(|outcomes| outcomes.bundle())
                .unwrap_or_default();
            let payload = Payload {
                instance: Global::NAME.to_owned(),
                bundle,
            };
            serde_json::to_string(&payload).unwrap_or_default()
        }),
    );
}

/// Returns the query of a member for the page that is being rendered.
///
/// Outside of one, as when Leptos asks the application for its routes, it never has a value.
pub fn query<M: Member>() -> Query<M::Output> {
    let running = Scope::with(|scope| {
        let Running(members) = scope.bundles().global.get()?;
        members
            .iter()
            .find(|(name, _)| *name == M::NAME)
            .map(|(_, running)| running.clone())
    });
    match running.flatten() {
        Some(running) => settled(ArcAsyncDerived::new(move || {
            running.clone().map(|outcome| typed::<M>(&outcome))
        })),
        None => settled(ArcAsyncDerived::new(pending)),
    }
}

/// A query that is never fetched again.
fn settled<T: Send + Sync + 'static>(value: ArcAsyncDerived<Result<T>>) -> Query<T> {
    let source = Source {
        fetching: ArcRwSignal::new(false),
        error: ArcRwSignal::new(None),
        refetch: Arc::new(|| {}),
    };
    Query::new(value, source)
}

/// Takes the answer of `M` out of its outcome, where it was put with that very type.
fn typed<M: Call<Output: Clone>>(outcome: &Arc<dyn Outcome>) -> Result<M::Output> {
    let outcome: &dyn Any = &**outcome;
    outcome
        .downcast_ref::<Result<M::Output>>()
        .cloned()
        .unwrap_or_else(|| {
            Err(Error::internal(format!(
                "two functions are registered as the member `{}`",
                M::NAME
            )))
        })
}

/// The page that is being rendered.
#[derive(Clone, Debug)]
pub(crate) struct Page;

impl Page {
    pub(crate) fn current() -> Self {
        Self
    }

    pub(crate) fn query<M: Member>(&self) -> Query<M::Output> {
        query::<M>()
    }

    /// On the server a page is rendered once, with what its request found.
    pub(crate) fn refetch<C: Context>(&self) {}
}
