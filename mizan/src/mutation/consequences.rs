//! What a call makes stale, on the server.
//!
//! A function's [`Effect`]s say which contexts; its arguments say which instances. They count
//! when the function has succeeded, wherever it was called from; what it invalidated by
//! [`invalidate`] counts with them. All of a request's come together in its [`Consequences`].

use crate::{
    call::server::{Outcome, Terms},
    context::{
        Context, Value, key_of,
        server::{Instance, Parameter, ServerContext, ServerMember},
    },
    request::Scope,
    server::stale,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;
use std::{
    any::{Any, TypeId},
    cell::RefCell,
    future::Future,
    sync::{Arc, OnceLock},
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

    /// The parameters by whose values it tells which instances of the context are stale.
    pub(crate) fn scope(&self, types: &[ArgumentType]) -> Vec<usize> {
        if matches!(self.kind, Kind::AffectsAll) {
            return Vec::new();
        }
        let is_told = |parameter: &Parameter| {
            let argument = self.argument(parameter.name);
            let mut types = types.iter();
            types.any(|known| known.name == argument && (known.type_id)() == (parameter.type_id)())
        };
        let parameters = self.parameters.iter().enumerate();
        let told = parameters.filter(|(_, parameter)| is_told(parameter));
        told.map(|(index, _)| index).collect()
    }

    /// The name of the context.
    pub(crate) fn context(&self) -> &'static str {
        self.context
    }

    /// Whether it is for the caller alone.
    pub(crate) fn is_own(&self) -> bool {
        self.own
    }

    /// The member whose value the result is.
    pub(crate) fn merges(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Merge(member) => Some(member),
            Kind::Affects(_) | Kind::AffectsAll => None,
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
    /// All instances that have these values.
    #[cfg(test)]
    pub(crate) fn of(context: &'static str, scope: Vec<(&'static str, Value)>) -> Self {
        Self {
            context,
            scope,
            own: false,
        }
    }

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

/// The effects of a call: known before, counted when it has succeeded.
///
/// Where it is cut off in the middle, by its time, a panic or a browser that has gone, nobody knows
/// what it has done: what it might have made stale is told as if it had.
#[derive(Default)]
pub(crate) struct Pending {
    effects: Vec<(&'static Effect, Stale)>,
    /// Where it was called; `None` before it has begun.
    begun: OnceLock<Option<Scope>>,
}

impl Pending {
    pub(crate) fn of<C: Terms>(arguments: &C) -> Self {
        if C::EFFECTS.is_empty() {
            return Self::default();
        }
        let arguments = arguments.arguments();
        let effects = C::EFFECTS.iter();
        let effects = effects.map(|effect| (effect, effect.stale(&arguments)));
        Self {
            effects: effects.collect(),
            begun: OnceLock::new(),
        }
    }

    /// Notes that the caller was let in: from here on it may do something.
    pub(crate) fn begin(&self) {
        if !self.effects.is_empty() {
            let _ = self.begun.set(Scope::current());
        }
    }

    /// Notes that it failed: what it did by itself counts for nothing.
    pub(crate) fn fail(mut self) {
        self.effects.clear();
    }

    /// Notes that it panicked, with what the body had invalidated by then. The rest is told where
    /// this is dropped.
    pub(crate) fn cut_off(self, invalidated: Vec<Stale>) {
        cut_off(None, invalidated);
    }

    /// Counts them, and what the body invalidated. Returns what nobody tells of by themselves.
    #[must_use]
    pub(crate) fn commit(
        mut self,
        invalidated: Vec<Stale>,
        result: &impl Outcome,
    ) -> Option<Untold> {
        let effects = std::mem::take(&mut self.effects);
        if effects.is_empty() && invalidated.is_empty() {
            return None;
        }
        let mut consequences = Consequences::default();
        for (effect, stale) in effects {
            match effect.kind {
                Kind::Merge(member) => match result.written() {
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
        let scope = Scope::current();
        if let Some(scope) = &scope {
            scope.mark_uncacheable();
        }
        match scope {
            Some(scope) if scope.tells() => {
                scope.consequences().extend(consequences);
                None
            }
            scope => Some(Untold {
                scope,
                consequences,
            }),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(scope) = self.begun.take() {
            let effects = std::mem::take(&mut self.effects).into_iter();
            cut_off(scope.as_ref(), effects.map(|(_, stale)| stale).collect());
        }
    }
}

/// Tells what a call that did not end may have made stale.
fn cut_off(scope: Option<&Scope>, stale: Vec<Stale>) {
    if stale.is_empty() {
        return;
    }
    let consequences = Consequences {
        stale,
        merges: Vec::new(),
    };
    match scope {
        Some(scope) => {
            let caller = scope.identity().known();
            stale::soon_at(Arc::clone(scope.site()), Arc::new(consequences), caller);
        }
        None => stale::soon(consequences),
    }
}

/// What a call did where no answer tells of it: while a page is rendered, or outside of a request.
pub(crate) struct Untold {
    scope: Option<Scope>,
    consequences: Consequences,
}

impl Untold {
    /// Tells of it.
    pub(crate) async fn tell(self) {
        match self.scope {
            Some(scope) => stale::at_once(scope, self.consequences).await,
            None => stale::soon(self.consequences),
        }
    }
}

tokio::task_local! {
    /// What the body that runs has invalidated. Each call has its own: it counts if that call
    /// succeeds, whatever becomes of those around it.
    static INVALIDATED: Invalidated;
}

#[derive(Default)]
struct Invalidated(RefCell<Vec<Stale>>);

impl Drop for Invalidated {
    fn drop(&mut self) {
        // Nothing is left where the body has ended
        cut_off(None, self.0.take());
    }
}

/// Runs a body, and returns what it invalidated.
pub(crate) async fn collect<T>(body: impl Future<Output = T>) -> (T, Vec<Stale>) {
    let body = async {
        let output = body.await;
        (output, INVALIDATED.with(|list| list.0.take()))
    };
    INVALIDATED.scope(Invalidated::default(), body).await
}

/// Says that an instance of a context is stale, if the function that runs succeeds.
///
/// For what `affects` can't say, because it is known in the body only. Browsers that show the
/// instance get its new data with the answer, or fetch it.
///
/// It counts in the body of a function, which has to succeed, and in the handler of a channel.
/// Anywhere else it is told at once: in a task that a body has spawned, in a component that the
/// server renders, in a thread or a task of the application's own, such as one that runs every
/// night. Outside of a request it is told by all servers of the process; where there is none, a
/// warning is logged.
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
    let mut stale = vec![stale];
    let collected = INVALIDATED.try_with(|list| list.0.borrow_mut().append(&mut stale));
    if collected.is_err() {
        stale::soon(Consequences {
            stale,
            merges: Vec::new(),
        });
    }
}
