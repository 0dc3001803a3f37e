//! What stands in front of the server may know of it: which contexts there are, how long their
//! answers are good, and what ends them.
//!
//! The same bytes for every run of one build: whatever is listed has an order of its own, and the
//! fields are in that of their names.

use super::flush::INVALIDATE;
use crate::{
    auth::Guard,
    cache::{Cache, CachePolicy},
    call::{server::About, wire::PREFIX},
    context::server::{ContextRegistration, MemberRegistration},
    mutation::consequences::Effect,
    registry::Registry,
};
use serde::Serialize;

/// The version of the form, which `docs/edge-manifest.schema.json` describes.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Manifest {
    contexts: Vec<Context>,
    /// The header of answers that says what a call has made stale.
    header: String,
    routes: Vec<Route>,
    version: u32,
}

#[derive(Serialize)]
struct Context {
    affected_by: Vec<Affect>,
    live: bool,
    members: Vec<Member>,
    name: &'static str,
    parameters: Vec<Parameter>,
    path: String,
}

#[derive(Serialize)]
struct Parameter {
    name: &'static str,
    /// What a value has to be, in words.
    #[serde(rename = "type")]
    ty: &'static str,
}

#[derive(Serialize)]
struct Member {
    /// A hash of the function's signature.
    build: String,
    guarded: bool,
    name: &'static str,
    policy: Policy,
    rev: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase", tag = "keep")]
enum Policy {
    Never,
    Forever,
    For { fresh: u64, stale: u64 },
}

impl From<CachePolicy> for Policy {
    fn from(policy: CachePolicy) -> Self {
        match policy {
            CachePolicy::Never => Self::Never,
            CachePolicy::Forever => Self::Forever,
            CachePolicy::For { fresh, stale } => Self::For {
                fresh: fresh.as_secs(),
                stale: stale.as_secs(),
            },
        }
    }
}

/// That a function makes instances of a context stale.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Affect {
    function: &'static str,
    /// The member whose value it has.
    merge: Option<&'static str>,
    /// Whether it is what the caller alone sees.
    own: bool,
    /// By the values of which parameters it says which instances; of none, all are.
    parameters: Vec<&'static str>,
}

/// An endpoint that is one of the application's own paths.
#[derive(Serialize)]
struct Route {
    function: &'static str,
    methods: Vec<&'static str>,
    path: &'static str,
}

/// Writes the manifest of a program with this cache.
pub(super) fn manifest(registry: &Registry, cache: &Cache) -> String {
    let mut contexts = registry.contexts.to_vec();
    contexts.sort_unstable_by_key(|context| context.name);
    let contexts = contexts.into_iter();
    let manifest = Manifest {
        contexts: contexts
            .map(|context| described(context, registry, cache))
            .collect(),
        header: INVALIDATE.to_string(),
        routes: routes(registry),
        version: VERSION,
    };
    // Texts and numbers alone: nothing of it can't be written
    let mut text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    text.push('\n');
    text
}

fn described(context: &ContextRegistration, registry: &Registry, cache: &Cache) -> Context {
    let members = registry.members.iter();
    let members = members.filter(|member| member.context == context.name);
    let mut members: Vec<_> = members.map(|one| member(one, cache)).collect();
    members.sort_unstable_by_key(|member| member.name);
    let mut affected_by = Vec::new();
    for function in registry.all() {
        let effects = function.effects.iter();
        let effects = effects.filter(|effect| effect.context() == context.name);
        affected_by.extend(effects.map(|effect| affect(function, effect, context)));
    }
    affected_by.sort_unstable();
    let parameters = context.types.iter().map(|parameter| Parameter {
        name: parameter.name,
        ty: parameter.expected,
    });
    Context {
        affected_by,
        live: context.is_live,
        members,
        name: context.name,
        parameters: parameters.collect(),
        path: format!("{PREFIX}/ctx/{}", context.name),
    }
}

fn member(member: &MemberRegistration, cache: &Cache) -> Member {
    Member {
        build: (member.build)(),
        guarded: member.guard != Guard::None,
        name: member.name,
        policy: cache.policy_of(member.cache).into(),
        rev: member.rev,
    }
}

fn affect(function: &About, effect: &Effect, context: &ContextRegistration) -> Affect {
    let scope = effect.scope(function.types).into_iter();
    Affect {
        function: function.name,
        merge: effect.merges(),
        own: effect.is_own(),
        parameters: scope.map(|index| context.parameters[index]).collect(),
    }
}

/// The functions that have paths of their own.
fn routes(registry: &Registry) -> Vec<Route> {
    let routes = registry.routes.iter().map(|route| Route {
        function: route.about.name,
        methods: route.methods.to_vec(),
        path: route.path,
    });
    let mut routes: Vec<_> = routes.collect();
    routes.sort_unstable_by_key(|route| route.function);
    routes
}
