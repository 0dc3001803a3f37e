//! What a call makes stale, on the server.
//!
//! A function's [`Effect`]s say which contexts; its arguments say which instances. They count
//! when the function has succeeded, wherever it was called from; what it invalidated by
//! [`invalidate`] counts with them. All of a request's come together in its [`Consequences`].

use crate::{
    call::{Call, server::Body},
    context::{
        Context, Value, key_of,
        server::{Instance, Parameter, ServerContext, ServerMember},
    },
    request::Scope,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::{RawValue, to_raw_value};
use std::{
    any::{Any, TypeId},
    cell::RefCell,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// One of the things that a function does to contexts.
pub struct Effect {
    context: &'static str,
    parameters: &'static [Parameter],
    kind: Kind,
    own: bool,
}

enum Kind {
    /// The instances that arguments name are stale. The pairs are a parameter and the argument
    /// that stands for it; where there is none, it is the one of the parameter's name and type.
    Affects(&'static [(&'static str, &'static str)]),
    /// All instances are stale.
    AffectsAll,
    /// The result is the value of this member.
    Merge(&'static str),
}

impl Effect {
    /// The instances of `C` that the arguments name are stale.
    pub const fn affects<C: ServerContext>(pairs: &'static [(&'static str, &'static str)]) -> Self {
        Self::new::<C>(Kind::Affects(pairs))
    }

    /// All instances of `C` are stale.
    pub const fn affects_all<C: ServerContext>() -> Self {
        Self::new::<C>(Kind::AffectsAll)
    }

    /// The result is the value of the member `M`.
    pub const fn merge<M>() -> Self
    where
        M: ServerMember,
        M::Context: ServerContext,
    {
        Self::new::<M::Context>(Kind::Merge(M::NAME))
    }

    /// For the caller alone: others who show a live context are not told.
    #[must_use]
    pub const fn own(mut self) -> Self {
        self.own = true;
        self
    }

    const fn new<C: ServerContext>(kind: Kind) -> Self {
        Self {
            context: C::NAME,
            parameters: C::TYPES,
            kind,
            own: false,
        }
    }

    /// The name of the argument that stands for a parameter.
    fn argument(&self, parameter: &'static str) -> &'static str {
        let pairs = match self.kind {
            Kind::Affects(pairs) => pairs,
            Kind::AffectsAll | Kind::Merge(_) => &[],
        };
        let mapped = pairs.iter().find(|(name, _)| *name == parameter);
        mapped.map_or(parameter, |(_, argument)| argument)
    }

    /// What is stale, for these arguments.
    fn stale(&self, arguments: &[Argument<'_>]) -> Stale {
        let scope = match self.kind {
            Kind::AffectsAll => Vec::new(),
            Kind::Affects(_) | Kind::Merge(_) => self
                .parameters
                .iter()
                .filter_map(|parameter| {
                    let name = self.argument(parameter.name);
                    let argument = arguments.iter().find(|argument| argument.name == name)?;
                    Some((parameter.name, (parameter.value)(argument.value)?))
                })
                .collect(),
        };
        Stale {
            context: self.context,
            scope,
            own: self.own,
        }
    }

    /// What is wrong with the effect of a function that takes these arguments.
    pub(crate) fn mistake(&self, function: &str, types: &[ArgumentType]) -> Option<String> {
        if matches!(self.kind, Kind::AffectsAll) {
            return None;
        }
        let context = self.context;
        self.parameters.iter().find_map(|parameter| {
            let (name, argument) = (parameter.name, self.argument(parameter.name));
            match types.iter().find(|known| known.name == argument) {
                Some(known) if (known.type_id)() == (parameter.type_id)() => None,
                Some(_) => Some(format!(
                    "`{function}` changes `{context}`, and its argument `{argument}` has another type than the parameter `{name}`: \
                     give it that type, map another with `({name} = ..)`, or write `(..)` for all instances"
                )),
                None if matches!(self.kind, Kind::Merge(_)) => Some(format!(
                    "`{function}` merges into `{context}`, and has no argument for its parameter `{name}`: \
                     the result belongs to one instance"
                )),
                None => None,
            }
        })
    }
}

/// An argument of a call.
pub struct Argument<'a> {
    name: &'static str,
    value: &'a dyn Any,
}

impl<'a> Argument<'a> {
    /// Names a value.
    pub fn new<T: Any>(name: &'static str, value: &'a T) -> Self {
        Self { name, value }
    }
}

/// An argument of a function.
pub struct ArgumentType {
    name: &'static str,
    type_id: fn() -> TypeId,
}

impl ArgumentType {
    /// Names a type.
    pub const fn new<T: Any>(name: &'static str) -> Self {
        Self {
            name,
            type_id: TypeId::of::<T>,
        }
    }
}

/// Compiles where both have one type.
pub const fn same_type<T>(_: &T, _: &T) {}

/// Instances that went stale: those of a context whose parameters have these values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stale {
    context: &'static str,
    scope: Vec<(&'static str, Value)>,
    /// Whether it is what the caller alone sees.
    own: bool,
}

impl Stale {
    pub(crate) fn concerns(&self, instance: &Instance) -> bool {
        self.context == instance.context
            && self.scope.iter().all(|(name, value)| {
                let mut values = instance.values();
                values.any(|(known, other)| known == *name && other == value)
            })
    }

    pub(crate) fn context(&self) -> &'static str {
        self.context
    }

    pub(crate) fn is_own(&self) -> bool {
        self.own
    }

    /// The parameters that instances have which are meant.
    pub(crate) fn scope(&self) -> &[(&'static str, Value)] {
        &self.scope
    }

    /// As it stands in the header `Mizan-Invalidate`.
    pub(crate) fn key(&self) -> String {
        key_of(
            self.context,
            self.scope.iter().map(|(name, value)| (*name, value)),
        )
    }
}

impl Serialize for Stale {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("context", self.context)?;
        if !self.scope.is_empty() {
            object.serialize_entry("params", &Params(&self.scope))?;
        }
        object.end()
    }
}

struct Params<'a>(&'a [(&'static str, Value)]);

impl Serialize for Params<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A new value of one member.
pub(crate) struct Merge {
    pub(crate) instance: Stale,
    member: &'static str,
    value: Box<RawValue>,
}

impl Merge {
    /// Writes it without the braces around it.
    pub(crate) fn write(&self, text: &mut Vec<u8>) -> crate::Result<()> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten)]
            instance: &'a Stale,
            member: &'a str,
            value: &'a RawValue,
        }
        let Self {
            instance,
            member,
            value,
        } = self;
        let written = serde_json::to_vec(&Written {
            instance,
            member,
            value,
        })?;
        text.extend_from_slice(&written[1..written.len() - 1]);
        Ok(())
    }
}

/// Everything that a request has done to contexts so far.
#[derive(Default)]
pub(crate) struct Consequences {
    pub(crate) stale: Vec<Stale>,
    pub(crate) merges: Vec<Merge>,
}

impl Consequences {
    /// Adds others, each one once.
    fn extend(&mut self, others: Self) {
        for stale in others.stale {
            if !self.stale.contains(&stale) {
                self.stale.push(stale);
            }
        }
        self.merges.extend(others.merges);
    }

    /// Adds what went stale.
    pub(crate) fn add(&mut self, stale: Vec<Stale>) {
        self.extend(Self {
            stale,
            merges: Vec::new(),
        });
    }

    /// All that is no longer what it was: for others than the caller, a merge is that too.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Stale> {
        let merges = self.merges.iter().map(|merge| &merge.instance);
        self.stale.iter().chain(merges)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.stale.is_empty() && self.merges.is_empty()
    }
}

/// The effects of a call that is about to run: known before, counted when it has succeeded.
pub(crate) struct Pending(Vec<(&'static Effect, Stale)>);

impl Pending {
    pub(crate) fn of<C: Body>(arguments: &C) -> Self {
        if C::EFFECTS.is_empty() {
            return Self(Vec::new());
        }
        let arguments = arguments.arguments();
        let effects = C::EFFECTS.iter();
        Self(
            effects
                .map(|effect| (effect, effect.stale(&arguments)))
                .collect(),
        )
    }

    /// Counts them, and what the body invalidated.
    pub(crate) fn commit<C: Call>(self, invalidated: Vec<Stale>, result: &C::Output) {
        if self.0.is_empty() && invalidated.is_empty() {
            return;
        }
        let mut consequences = Consequences::default();
        for (effect, stale) in self.0 {
            match effect.kind {
                Kind::Merge(member) => match written(result) {
                    Some(value) => consequences.merges.push(Merge {
                        instance: stale,
                        member,
                        value,
                    }),
                    // The answer can't be written either, which is logged there
                    None => consequences.stale.push(stale),
                },
                Kind::Affects(_) | Kind::AffectsAll => consequences.stale.push(stale),
            }
        }
        consequences.stale.extend(invalidated);
        // Outside a request there is nobody to tell
        if let Some(scope) = Scope::current() {
            scope.consequences().extend(consequences);
        }
    }
}

/// Writes a result, if its own code can do that.
fn written(result: &impl Serialize) -> Option<Box<RawValue>> {
    let write = AssertUnwindSafe(|| to_raw_value(result).ok());
    catch_unwind(write).ok().flatten()
}

tokio::task_local! {
    /// What the body that runs has invalidated. Each call has its own: it counts if that call
    /// succeeds, whatever becomes of those around it.
    static INVALIDATED: RefCell<Vec<Stale>>;
}

/// Runs a body, and returns what it invalidated.
pub(crate) async fn collect<T>(body: impl Future<Output = T>) -> (T, Vec<Stale>) {
    let body = async {
        let output = body.await;
        (output, INVALIDATED.with(RefCell::take))
    };
    INVALIDATED.scope(RefCell::default(), body).await
}

/// Says that an instance of a context is stale, if the function that runs succeeds.
///
/// For what `affects` can't say, because it is known in the body only. Browsers that show the
/// instance get its new data with the answer, or fetch it.
///
/// Outside of a function's body, and in a task that it spawned, this does nothing but log a
/// warning.
///
/// # Example
///
/// ```
/// #[mizan::context]
/// pub struct ProfileContext {
///     pub user_id: i64,
/// }
///
/// #[mizan::client]
/// pub async fn accept_invitation(code: String) -> mizan::Result<()> {
///     let user_id = code.parse()?;
///     mizan::invalidate(ProfileContext { user_id });
///     Ok(())
/// }
/// # let _ = accept_invitation;
/// ```
pub fn invalidate<C: ServerContext>(context: C) {
    push(Stale {
        context: C::NAME,
        scope: C::PARAMETERS
            .iter()
            .copied()
            .zip(context.values())
            .collect(),
        own: false,
    });
}

/// Says that all instances of a context are stale, if the function that runs succeeds.
///
/// See [`invalidate`].
pub fn invalidate_all<C: Context>() {
    push(Stale {
        context: C::NAME,
        scope: Vec::new(),
        own: false,
    });
}

fn push(stale: Stale) {
    let context = stale.context;
    let pushed = INVALIDATED.try_with(|list| list.borrow_mut().push(stale));
    if pushed.is_err() {
        tracing::warn!(
            context,
            "invalidated outside of a function's body: nobody is told"
        );
    }
}
