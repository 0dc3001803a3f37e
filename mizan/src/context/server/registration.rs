use super::{
    Values,
    outcome::{Outcome, run},
};
use crate::{
    call::server::Body,
    context::{Context, ContextParam, Global, Member, Value},
    registry::Location,
};
use futures::future::BoxFuture;
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
    /// Makes the arguments for an instance of the context.
    fn of(context: &Self::Context) -> Self;
}

/// A parameter's name and type.
#[derive(Clone, Copy)]
pub struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) type_id: fn() -> TypeId,
    /// Writes a value, if it is of the type.
    pub(crate) value: fn(&dyn Any) -> Option<Value>,
}

impl Parameter {
    /// Describes a parameter of the type `T`.
    pub const fn new<T: ContextParam>(name: &'static str) -> Self {
        Self {
            name,
            type_id: TypeId::of::<T>,
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
    pub(super) run: fn(&Parameters, Duration) -> BoxFuture<'static, Arc<dyn Outcome>>,
}

inventory::collect!(MemberRegistration);

impl MemberRegistration {
    /// Describes the member `M`.
    pub const fn new<M: ServerMember>() -> Self {
        Self {
            name: M::NAME,
            context: <M::Context as Context>::NAME,
            run: run::<M>,
        }
    }
}

/// The contexts of the program, by their names.
#[derive(Default)]
pub(crate) struct Contexts(HashMap<&'static str, Entry>);

/// A context and its members, in the order of their names.
pub(crate) struct Entry {
    pub(crate) context: &'static ContextRegistration,
    pub(crate) members: Vec<&'static MemberRegistration>,
}

impl Contexts {
    pub(crate) fn new(
        contexts: impl IntoIterator<Item = &'static ContextRegistration>,
        members: impl IntoIterator<Item = &'static MemberRegistration>,
    ) -> Self {
        let entry = |context: &'static ContextRegistration| {
            let members = Vec::new();
            (context.name, Entry { context, members })
        };
        let mut entries: HashMap<_, _> = contexts.into_iter().map(entry).collect();
        for member in members {
            if let Some(entry) = entries.get_mut(member.context) {
                entry.members.push(member);
            }
        }
        for entry in entries.values_mut() {
            entry.members.sort_unstable_by_key(|member| member.name);
        }
        Self(entries)
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
