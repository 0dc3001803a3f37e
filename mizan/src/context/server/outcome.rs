use super::{
    Instance, ServerMember,
    registration::{MemberRegistration, Parameters},
};
use crate::{Code, Error, Result, call::server as call, channel::Position};
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
    let arguments = parameters.downcast_ref::<M::Context>().map(M::of);
    async move {
        let result = match arguments {
            Some(arguments) => tokio::time::timeout(timeout, call::call(arguments))
                .await
                .unwrap_or_else(|_| Err(Error::unavailable("the function took too long"))),
            None => Err(Error::internal(format!(
                "two contexts are named like that of `{}`",
                M::NAME
            ))),
        };
        Arc::new(result) as Arc<dyn Outcome>
    }
    .boxed()
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

/// Runs the members of an instance concurrently, each for at most `timeout`.
pub(crate) async fn run_all(
    members: &[&'static MemberRegistration],
    instance: &Instance,
    timeout: Duration,
) -> Outcomes {
    let runs = members.iter().map(async |member| {
        let outcome = (member.run)(&instance.parameters, timeout).await;
        (member.name, outcome)
    });
    Outcomes(join_all(runs).await)
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
