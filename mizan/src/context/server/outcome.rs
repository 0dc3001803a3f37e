use super::{
    Instance, ServerMember,
    registration::{Answer, Entry, Parameters},
};
use crate::{
    Code, Error, Result,
    cache::{Answered, Refused, Shared},
    call::server::{self as call, Admitted},
    channel::Position,
    request::Scope,
};
use futures::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use serde::{Serialize, Serializer};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

/// Runs a member for at most `timeout`: one that hangs must not take the others with it.
pub(super) fn run<M: ServerMember>(
    parameters: &Parameters,
    timeout: Duration,
) -> BoxFuture<'static, Arc<dyn Outcome>> {
    outcome(parameters, timeout, |arguments: M| {
        call::run(arguments, Admitted::No)
    })
}

/// Runs a member for a caller who was let in.
pub(super) fn body<M: ServerMember>(
    parameters: &Parameters,
    timeout: Duration,
) -> BoxFuture<'static, Arc<dyn Outcome>> {
    outcome(parameters, timeout, |arguments: M| {
        call::run(arguments, Admitted::Yes)
    })
}

fn outcome<M: ServerMember, F>(
    parameters: &Parameters,
    timeout: Duration,
    run: fn(M) -> F,
) -> BoxFuture<'static, Arc<dyn Outcome>>
where
    F: Future<Output = Result<M::Output>> + Send + 'static,
{
    let parameters = Arc::clone(parameters);
    async move {
        let run = async { run(arguments(&parameters)?).await };
        Arc::new(in_time::<M, _>(run, timeout).await) as Arc<dyn Outcome>
    }
    .boxed()
}

/// Lets the caller of a member in, or doesn't.
pub(super) fn admit<M: ServerMember>(
    parameters: &Parameters,
    timeout: Duration,
) -> BoxFuture<'static, Result<()>> {
    let parameters = Arc::clone(parameters);
    async move {
        let admit = async { call::admit(&arguments::<M>(&parameters)?, Admitted::No).await };
        let admitted = in_time::<M, _>(admit, timeout).await;
        admitted.inspect_err(|error| call::log(M::NAME, error))
    }
    .boxed()
}

/// Copies the arguments out of the parameters, by the types' own code.
fn arguments<M: ServerMember>(parameters: &Parameters) -> Result<M> {
    let arguments = parameters.downcast_ref::<M::Context>().map(M::of);
    arguments.ok_or_else(|| {
        let name = M::NAME;
        Error::internal(format!("two contexts are named like that of `{name}`"))
    })
}

/// Does something for a member that may take too long, or panic.
async fn in_time<M: ServerMember, T>(
    work: impl Future<Output = Result<T>>,
    timeout: Duration,
) -> Result<T> {
    let work = AssertUnwindSafe(work).catch_unwind();
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => Err(call::panicked(M::NAME, &*panic)),
        Err(_) => Err(Error::unavailable("the function took too long")),
    }
}

/// What a member ended in: typed for those who read it here, JSON for the wire.
pub(crate) trait Outcome: Any + Send + Sync {
    /// Writes the value, or returns the error that stands in its place.
    fn write(&self, text: &mut Vec<u8>) -> Result<()>;

    /// The code of the error; `None` where there is a value.
    fn failure(&self) -> Option<Code>;
}

impl<T: Serialize + Send + Sync + 'static> Outcome for Result<T> {
    fn write(&self, text: &mut Vec<u8>) -> Result<()> {
        match self {
            Ok(value) => Ok(serde_json::to_writer(text, value)?),
            Err(error) => Err(error.clone()),
        }
    }

    fn failure(&self) -> Option<Code> {
        self.as_ref().err().map(Error::code)
    }
}

/// Takes the answer of `M` out of its outcome, where it was put with that very type.
pub(super) fn typed<M: crate::Call<Output: Clone>>(
    outcome: &Arc<dyn Outcome>,
) -> Result<M::Output> {
    // Copying and reading it runs the type's own code
    let read = AssertUnwindSafe(|| read::<M>(outcome));
    catch_unwind(read).unwrap_or_else(|panic| Err(call::panicked(M::NAME, &*panic)))
}

fn read<M: crate::Call<Output: Clone>>(outcome: &Arc<dyn Outcome>) -> Result<M::Output> {
    let any: &dyn Any = &**outcome;
    if let Some(result) = any.downcast_ref::<Result<M::Output>>() {
        return result.clone();
    }
    if let Some(answered) = Answered::of(&**outcome) {
        return match answered.value() {
            Some(value) => read::<M>(value),
            None => Ok(serde_json::from_slice(answered.text())?),
        };
    }
    if let Some(Refused(error)) = any.downcast_ref() {
        return Err(error.clone());
    }
    Err(Error::internal(format!(
        "two functions are registered as the member `{}`",
        M::NAME
    )))
}

/// Answers what the members say of an instance, all at once, each for at most `timeout`.
pub(crate) async fn answer_all(
    entry: &Entry,
    instance: &Instance,
    scope: &Scope,
    timeout: Duration,
) -> Outcomes {
    let (mut outcomes, mut waiting) = (Vec::new(), Vec::new());
    for (index, (name, answer)) in entry.answers(instance, scope, timeout).enumerate() {
        match answer {
            Answer::Now(outcome) => outcomes.push((name, outcome)),
            Answer::Soon(answer) => waiting.push((index, name, answer)),
        }
    }
    let waiting = waiting.into_iter();
    let late = waiting.map(async |(index, name, answer)| (index, (name, answer.await)));
    for (index, outcome) in join_all(late).await {
        // In the order of their names: those before it are there
        outcomes.insert(index, outcome);
    }
    Outcomes(outcomes)
}

/// What the members of a bundle ended in, by name.
#[derive(Default)]
pub(crate) struct Outcomes(pub(super) Vec<(&'static str, Arc<dyn Outcome>)>);

impl Outcomes {
    /// Whether every member said something that will still be true in a moment: a value, or an
    /// error that is meant for the caller.
    pub(crate) fn are_settled(&self) -> bool {
        let passing = |code| {
            matches!(
                code,
                Code::Internal | Code::Unavailable | Code::TooManyRequests
            )
        };
        !self
            .0
            .iter()
            .filter_map(|(_, outcome)| outcome.failure())
            .any(passing)
    }

    /// How much there is to write, about: nothing is missing where all of it came out of the cache.
    pub(crate) fn size(&self) -> usize {
        let members = self.0.iter().map(|(name, outcome)| {
            let text = Answered::of(&**outcome).map_or(0, |answered| answered.text().len());
            name.len() + text + "\"\":,".len()
        });
        members.sum::<usize>() + "{\"data\":{}}".len()
    }

    /// How it may be kept on its way to the browser; `None` where some of it is the caller's alone.
    pub(crate) fn shared(&self) -> Option<Shared> {
        let members = self.0.iter();
        let shared = members.map(|(_, outcome)| Answered::of(&**outcome)?.shared());
        shared.reduce(|one, other| Some(one?.and(other?))).flatten()
    }

    /// Where the answers came from, as a Dictionary of RFC 9651.
    pub(crate) fn sources(&self) -> String {
        let member = |(name, outcome): &(_, Arc<dyn Outcome>)| {
            let source = Answered::of(&**outcome).map_or("none", Answered::source);
            format!("{name}={source}")
        };
        self.0.iter().map(member).collect::<Vec<_>>().join(", ")
    }

    /// Whether the caller may read it: no member has refused them. `None` where one did not say.
    pub(crate) fn may_be_read(&self) -> Option<bool> {
        let refused = |code| matches!(code, Code::Unauthorized | Code::Forbidden);
        let mut failures = self.0.iter().filter_map(|(_, outcome)| outcome.failure());
        if failures.any(refused) {
            return Some(false);
        }
        self.are_settled().then_some(true)
    }

    /// Writes `"data":{..},"errors"?:{..}`, without the braces around them.
    pub(crate) fn write(&self, text: &mut Vec<u8>) -> Result<()> {
        let mut errors = Vec::new();
        text.extend_from_slice(b"\"data\":{");
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
        Ok(())
    }
}

/// Writes `,"version":{..}`: where a live context was when its data began to be read.
pub(crate) fn write_version(text: &mut Vec<u8>, version: Option<&Position>) -> Result<()> {
    if let Some(version) = version {
        text.extend_from_slice(b",\"version\":");
        serde_json::to_writer(text, version)?;
    }
    Ok(())
}
