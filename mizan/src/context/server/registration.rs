use super::{
    Instance, Values,
    outcome::{Outcome, Outcomes, admit, body, run},
};
use crate::{
    Result,
    auth::Guard,
    cache::{AtHand, CachePolicy, MemberMeters, Place, Reading, purges},
    call::{
        build,
        server::{About, Body},
    },
    context::{Context, ContextParam, Global, Member, Value},
    mutation::consequences::Stale,
    registry::Location,
    request::Scope,
    server::Site,
};
use futures::future::{BoxFuture, FutureExt};
use metrics::Counter;
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
    time::Duration,
};

/// A context, with what only the server does with it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a context",
    label = "not a context",
    note = "put `#[mizan::context]` on the struct; the page's own is `\"global\"`"
)]
pub trait ServerContext: Context + Sized {
    /// The parameters, in the order of their names.
    const TYPES: &'static [Parameter];

    /// Takes the parameters out of `values`; `None` where one is missing or of another type.
    fn read(values: &mut Values) -> Option<Self>;
}

impl ServerContext for Global {
    const TYPES: &'static [Parameter] = &[];

    fn read(_: &mut Values) -> Option<Self> {
        Some(Self)
    }
}

inventory::submit! {
    ContextRegistration::new::<Global>(Location { file: file!(), line: line!() })
}

/// A member, with what only the server does with it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a member of a context",
    label = "not a member of a context",
    note = "add `context = ..` to its `#[mizan::client(..)]`"
)]
pub trait ServerMember: Member + Body {
    /// How long its answers are kept, where it says so.
    const CACHE: Option<CachePolicy> = None;

    /// Which of its answers count: those that an earlier revision has left behind don't.
    const REV: u32 = 0;

    /// Makes the arguments for an instance of the context.
    fn of(context: &Self::Context) -> Self;
}

/// A parameter's name and type.
#[derive(Clone, Copy)]
pub struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) type_id: fn() -> TypeId,
    /// What a value has to be, in words.
    pub(crate) expected: &'static str,
    /// Writes a value, if it is of the type.
    pub(crate) value: fn(&dyn Any) -> Option<Value>,
}

impl Parameter {
    /// Describes a parameter of the type `T`.
    pub const fn new<T: ContextParam>(name: &'static str) -> Self {
        Self {
            name,
            type_id: TypeId::of::<T>,
            expected: T::EXPECTED,
            value: |value| value.downcast_ref::<T>().map(T::to_value),
        }
    }
}

/// The parameters of an instance, as the context's own type.
pub(crate) type Parameters = Arc<dyn Any + Send + Sync>;

/// A context as the server knows it; collected from the whole program.
pub struct ContextRegistration {
    pub(crate) name: &'static str,
    pub(crate) location: Location,
    pub(crate) parameters: &'static [&'static str],
    pub(crate) types: &'static [Parameter],
    pub(crate) is_live: bool,
    pub(crate) read: Read,
}

/// Reads the parameters: as the context's own type, and each by itself.
type Read = fn(&mut Values) -> Option<(Parameters, Vec<Value>)>;

inventory::collect!(ContextRegistration);

impl ContextRegistration {
    /// Describes the context `C`, which stands at `location`.
    pub const fn new<C: ServerContext>(location: Location) -> Self {
        Self {
            name: C::NAME,
            location,
            parameters: C::PARAMETERS,
            types: C::TYPES,
            is_live: C::OPTIONS.live,
            read: |values| {
                let context = C::read(values)?;
                let values = context.values();
                Some((Arc::new(context), values))
            },
        }
    }
}

/// A member as the server knows it; collected from the whole program.
pub struct MemberRegistration {
    pub(crate) name: &'static str,
    pub(crate) context: &'static str,
    pub(crate) guard: Guard,
    pub(crate) cache: Option<CachePolicy>,
    pub(crate) rev: u32,
    pub(crate) build: fn() -> String,
    /// Runs it, for a caller of whom nothing is known.
    run: fn(&Parameters, Duration) -> BoxFuture<'static, Arc<dyn Outcome>>,
    /// Lets the caller in, or doesn't.
    pub(crate) admit: fn(&Parameters, Duration) -> BoxFuture<'static, Result<()>>,
    /// Runs it, for a caller who was let in.
    pub(crate) body: fn(&Parameters, Duration) -> BoxFuture<'static, Arc<dyn Outcome>>,
}

inventory::collect!(MemberRegistration);

impl MemberRegistration {
    /// Describes the member `M`.
    pub const fn new<M: ServerMember>() -> Self {
        Self {
            name: M::NAME,
            context: <M::Context as Context>::NAME,
            guard: M::GUARD,
            cache: M::CACHE,
            rev: M::REV,
            build: build::<M>,
            run: run::<M>,
            admit: admit::<M>,
            body: body::<M>,
        }
    }

    /// Whether callers have to be let in.
    pub(crate) fn admits(&self, site: &Site) -> bool {
        self.guard != Guard::None || site.limits.of(self.name).is_some()
    }
}

/// The contexts of the program, by their names.
#[derive(Default)]
pub(crate) struct Contexts(HashMap<&'static str, Entry>);

/// A context and its members, in the order of their names.
pub(crate) struct Entry {
    pub(crate) context: &'static ContextRegistration,
    members: Vec<EntryMember>,
    /// By the values of which parameters functions make instances stale, beside all and none.
    scopes: Vec<Box<[usize]>>,
    purges: Counter,
}

struct EntryMember {
    member: &'static MemberRegistration,
    /// What the keys of its answers begin with: the function, and what it returns.
    label: String,
    meters: Arc<MemberMeters>,
}

/// How a member is going to be answered.
pub(crate) enum Answer {
    Now(Arc<dyn Outcome>),
    Soon(BoxFuture<'static, Arc<dyn Outcome>>),
}

/// What all members say, where that is everybody's.
pub(crate) enum Public<'a> {
    Now(Outcomes),
    /// Some of it is being made. Ends in `None` where it turns out not to be everybody's.
    Soon(BoxFuture<'a, Option<Outcomes>>),
}

impl Entry {
    pub(crate) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    /// What the members say of an instance, where all of it is everybody's, and in the cache or
    /// being made.
    pub(crate) fn public(&self, instance: &Instance, site: &Site) -> Option<Public<'_>> {
        let place = Place::new(instance, &self.scopes);
        let mut outcomes = Vec::with_capacity(self.members.len());
        let mut waiting = Vec::new();
        for (index, EntryMember { member, label, .. }) in self.members.iter().enumerate() {
            if member.admits(site) {
                return None;
            }
            match site.cache.at_hand(member.cache, label, &place)? {
                AtHand::Now(outcome) => outcomes.push((member.name, outcome)),
                AtHand::Soon(run) => waiting.push((index, member.name, run)),
            }
        }
        if waiting.is_empty() {
            return Some(Public::Now(self.counted(outcomes)));
        }
        let all = async move {
            for (index, name, run) in waiting {
                // In the order of their names: those before it are there
                outcomes.insert(index, (name, run.await?));
            }
            Some(self.counted(outcomes))
        };
        Some(Public::Soon(all.boxed()))
    }

    /// Counts a reader who was given these, one of each member.
    fn counted(&self, outcomes: Vec<(&'static str, Arc<dyn Outcome>)>) -> Outcomes {
        for (one, (_, outcome)) in self.members.iter().zip(&outcomes) {
            one.meters.count(&**outcome);
        }
        Outcomes(outcomes)
    }

    /// Begins to answer what the members say of an instance, each for at most `timeout`.
    pub(crate) fn answers(
        &self,
        instance: &Instance,
        scope: &Scope,
        timeout: Duration,
    ) -> impl Iterator<Item = (&'static str, Answer)> {
        let place = Arc::new(Place::new(instance, &self.scopes));
        self.members.iter().map(move |one| {
            let EntryMember {
                member,
                label,
                meters,
            } = one;
            let parameters = &instance.parameters;
            let reading = Reading::new(scope, member, label, parameters, &place, timeout);
            let answer = match reading {
                Some(reading) => match reading.at_hand() {
                    Some(outcome) => {
                        meters.count(&*outcome);
                        Answer::Now(outcome)
                    }
                    None => {
                        let meters = Arc::clone(meters);
                        let count = move |outcome: &Arc<dyn Outcome>| meters.count(&**outcome);
                        Answer::Soon(Box::pin(reading.answer().inspect(count)))
                    }
                },
                None => Answer::Soon((member.run)(parameters, timeout)),
            };
            (member.name, answer)
        })
    }
}

impl Contexts {
    pub(crate) fn new(
        contexts: impl IntoIterator<Item = &'static ContextRegistration>,
        members: impl IntoIterator<Item = &'static MemberRegistration>,
        functions: impl IntoIterator<Item = &'static About>,
    ) -> Self {
        let entry = |context: &'static ContextRegistration| {
            let entry = Entry {
                context,
                members: Vec::new(),
                scopes: Vec::new(),
                purges: purges(context.name),
            };
            (context.name, entry)
        };
        let mut entries: HashMap<_, _> = contexts.into_iter().map(entry).collect();
        for member in members {
            if let Some(entry) = entries.get_mut(member.context) {
                let (name, rev, build) = (member.name, member.rev, (member.build)());
                let label = format!("{name}.{rev}.{build} ");
                let meters = Arc::new(MemberMeters::of(entry.context.name, name));
                entry.members.push(EntryMember {
                    member,
                    label,
                    meters,
                });
            }
        }
        for function in functions {
            for effect in function.effects {
                let scope: Box<[_]> = effect.scope(function.types).into();
                if let Some(entry) = entries.get_mut(effect.context())
                    && !scope.is_empty()
                    && scope.len() < entry.context.parameters.len()
                    && !entry.scopes.contains(&scope)
                {
                    entry.scopes.push(scope);
                }
            }
        }
        for entry in entries.values_mut() {
            let name = |entry: &EntryMember| entry.member.name;
            entry.members.sort_unstable_by_key(name);
        }
        Self(entries)
    }

    /// Counts what a request has made stale.
    pub(crate) fn count_purges<'a>(&self, stale: impl Iterator<Item = &'a Stale>) {
        for entry in stale.filter_map(|stale| self.get(stale.context())) {
            entry.purges.increment(1);
        }
    }

    /// The names of all.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// The names of those that are live.
    pub(crate) fn live(&self) -> impl Iterator<Item = &'static str> {
        let entries = self.0.values();
        let live = entries.filter(|entry| entry.context.is_live);
        live.map(|entry| entry.context.name)
    }

    pub(crate) fn get(&self, context: &str) -> Option<&Entry> {
        self.0.get(context)
    }
}
