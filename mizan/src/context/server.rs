//! Contexts on the server: members run in-process, once per request.

use super::{Context, Global, Member, Query, wire::FIRST_SLOT};
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
};
use serde::{Serialize, Serializer};
use std::{
    any::Any,
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
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
    /// Writes the value, or returns the error that stands in its place.
    fn write(&self, text: &mut Vec<u8>) -> Result<()>;
}

impl<T: Serialize + Send + Sync + 'static> Outcome for Result<T> {
    fn write(&self, text: &mut Vec<u8>) -> Result<()> {
        match self {
            Ok(value) => Ok(serde_json::to_writer(text, value)?),
            Err(error) => Err(error.clone()),
        }
    }
}

/// The members of each context, by its name.
#[derive(Default)]
pub(crate) struct Contexts(HashMap<&'static str, Members>);

/// The members of one context, in the order of their names.
pub(crate) type Members = Vec<&'static Registration>;

impl Contexts {
    pub(crate) fn new(members: impl IntoIterator<Item = &'static Registration>) -> Self {
        // The global context exists also where it is empty
        let mut contexts = HashMap::from([(Global::NAME, Members::new())]);
        for member in members {
            contexts.entry(member.context).or_default().push(member);
        }
        for members in contexts.values_mut() {
            members.sort_unstable_by_key(|member| member.name);
        }
        Self(contexts)
    }

    /// Returns the members of a context; `None` where there is no such context.
    pub(crate) fn members(&self, context: &str) -> Option<&Members> {
        self.0.get(context)
    }
}

/// Runs members concurrently, each for at most `timeout`.
pub(crate) async fn run_all(members: &Members, timeout: Duration) -> Outcomes {
    let members = members.iter();
    Outcomes(join_all(members.map(async |member| (member.name, (member.run)(timeout).await))).await)
}

/// What the members of a bundle ended in, by name.
#[derive(Default)]
pub(crate) struct Outcomes(Vec<(&'static str, Arc<dyn Outcome>)>);

impl Outcomes {
    /// Writes the bundle: `{"data":{..},"errors"?:{..}}`.
    pub(crate) fn write(&self, text: &mut Vec<u8>) -> Result<()> {
        let mut errors = Vec::new();
        text.extend_from_slice(b"{\"data\":{");
        let mut separator = "";
        for (name, outcome) in &self.0 {
            let before = text.len();
            // The name is an identifier: nothing in it is escaped
            for part in [separator, "\"", name, "\":"] {
                text.extend_from_slice(part.as_bytes());
            }
            // Writing runs the types' own serde code
            let write = AssertUnwindSafe(|| outcome.write(text));
            let written =
                catch_unwind(write).unwrap_or_else(|panic| Err(call::panicked(name, &*panic)));
            match written {
                Ok(()) => separator = ",",
                Err(error) => {
                    call::log(name, &error);
                    // Part of a value may be there that could not be written to its end
                    text.truncate(before);
                    errors.push((name, error));
                }
            }
        }
        text.push(b'}');
        if !errors.is_empty() {
            text.extend_from_slice(b",\"errors\":");
            let errors = errors.iter().map(|(name, error)| (name, error));
            serde_json::Serializer::new(&mut *text).collect_map(errors)?;
        }
        text.push(b'}');
        Ok(())
    }
}

/// The bundles of one request.
#[derive(Default)]
pub(crate) struct Bundles {
    global: OnceLock<Running>,
}

/// Members that run, or have run, for a page: each one can be waited for by many.
struct Running(Vec<(&'static str, Run)>);

/// One of them.
#[derive(Clone)]
enum Run {
    Ended(Arc<dyn Outcome>),
    UnderWay(Shared<ScopedFuture<BoxFuture<'static, Arc<dyn Outcome>>>>),
}

impl Run {
    /// Starts a member. Most have their answer at once: waiting for it would cost more.
    fn start(member: &Registration, timeout: Duration) -> Self {
        let mut run = (member.run)(timeout);
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

/// Runs the members of the global context for a page, and puts their answers into it.
///
/// What does not have its answer at once runs on in a task of its own, so that a slow member holds
/// up only what reads it.
pub(crate) fn start_global(scope: &Scope, site: &Site) {
    // A page is rendered in an owner without a parent. Leptos prepares the endpoints of its own
    // `#[server]` functions in the same way, below whatever page the thread held last: data
    // written there would be another visitor's.
    let page = Owner::current().filter(|owner| owner.parent().is_none());
    let Some(shared_context) = page.and_then(|owner| owner.shared_context()) else {
        return;
    };
    let Some(members) = site.contexts.members(Global::NAME) else {
        return;
    };
    if members.is_empty() {
        return;
    }
    let running: Vec<_> = members
        .iter()
        .map(|member| (member.name, Run::start(member, site.request_timeout)))
        .collect();
    let all = running.clone();
    // `start_global` is called once for each scope
    let _ = scope.bundles().global.set(Running(running));
    let mut ended = Box::pin(async move {
        let all = all.into_iter();
        Outcomes(join_all(all.map(async |(name, run)| (name, run.outcome().await))).await)
    });
    let ended = match ended.as_mut().now_or_never() {
        Some(outcomes) => Either::Left(ready(outcomes)),
        None => Either::Right(tokio::spawn(ended).map(|ended| ended.unwrap_or_default())),
    };
    shared_context.write_async(
        SerializedDataId::new(FIRST_SLOT),
        Box::pin(ended.map(|outcomes| payload(Global::NAME, &outcomes).unwrap_or_default())),
    );
}

/// What the page carries of an instance: `{"instance":"global","bundle":{..}}`.
fn payload(instance: &str, outcomes: &Outcomes) -> Result<String> {
    let mut text = call::buffer();
    text.extend_from_slice(b"{\"instance\":");
    serde_json::to_writer(&mut text, instance)?;
    text.extend_from_slice(b",\"bundle\":");
    outcomes.write(&mut text)?;
    text.push(b'}');
    Ok(String::from_utf8(text)?)
}

/// Returns the query of a member for the page that is being rendered.
///
/// Outside of one, as when Leptos asks the application for its routes, it never has a value.
pub fn query<M: Member>() -> Query<M::Output> {
    let run = Scope::with(|scope| {
        let Running(members) = scope.bundles().global.get()?;
        let mut members = members.iter();
        members
            .find(|(name, _)| *name == M::NAME)
            .map(|(_, run)| run.clone())
    });
    let value = match run.flatten() {
        Some(run) => {
            ArcAsyncDerived::new(move || run.clone().outcome().map(|outcome| typed::<M>(&outcome)))
        }
        None => ArcAsyncDerived::new(pending),
    };
    Query::settled(value)
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
