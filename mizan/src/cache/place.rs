//! Where an answer stands in the cache, and whose it is.

use super::{
    facts::{Fact, Facts, Told, header_value},
    fence::{Fences, Slot},
};
use crate::{
    Result,
    auth::{Principal, principal},
    context::{key_of, server::Instance},
    request::{Scope, cookies, head},
};
use blake2::{Blake2b, Digest, digest::consts::U32};
use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

/// An instance, as the cache sees it; its members share it.
pub(crate) struct Place {
    context: &'static str,
    pub(super) key: String,
    /// What else a purge may name that would concern it.
    scopes: Vec<String>,
}

impl Place {
    /// Where `instance` is. Functions make instances stale by the values of some of their
    /// parameters; `scopes` says by those of which, beside all and none.
    pub(crate) fn new(instance: &Instance, scopes: &[Box<[usize]>]) -> Self {
        let values: Vec<_> = instance.values().collect();
        let scopes = scopes.iter().map(|scope| {
            let values = scope.iter().map(|index| values[*index]);
            key_of(instance.context, values)
        });
        Self {
            context: instance.context,
            key: instance.key(),
            scopes: scopes.collect(),
        }
    }

    /// The fences of an answer of this subject's, each worked out when it is looked at: by the seed
    /// of the clock that counts then.
    pub(super) fn slots(&self, subject: Subject, fences: &Fences) -> impl Iterator<Item = Slot> {
        let all = (self.key != self.context).then_some(self.context);
        let keys = self.scopes.iter().map(String::as_str);
        let keys = keys.chain(all).chain([self.key.as_str()]);
        keys.flat_map(move |key| {
            let own = (subject != EVERYBODY).then_some(subject);
            let subjects = [EVERYBODY].into_iter().chain(own);
            subjects.map(move |subject| fences.slot(key, subject))
        })
    }
}

/// What a purge ends: all of a subject's that stands where a key says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ended {
    pub(super) key: String,
    pub(super) subject: Subject,
}

impl Ended {
    pub(super) fn slot(&self, fences: &Fences) -> Slot {
        fences.slot(&self.key, self.subject)
    }

    /// All of the context, for everybody: more than it is, and never less.
    #[cfg_attr(
        not(feature = "redis"),
        expect(dead_code, reason = "nothing has to be noted")
    )]
    pub(super) fn at_large(self) -> Self {
        let context = self.key.split(';').next().unwrap_or_default();
        Self {
            key: context.to_owned(),
            subject: EVERYBODY,
        }
    }
}

/// Whose an answer is, as a hash.
pub(super) type Subject = u64;

pub(super) const EVERYBODY: Subject = 0;

/// Callers who have not signed in: whose what is of them, only they could say.
pub(super) const VISITORS: Subject = 1;

/// A user, by a digest of their id.
pub(super) fn of_user(digest: u64) -> Subject {
    // Not one of those that stand for many
    digest | 2
}

impl Told {
    /// Who the caller is.
    ///
    /// # Errors
    ///
    /// Where the user can't be written.
    pub(crate) fn user(principal: Option<&Principal>) -> Result<Self> {
        let Some(principal) = principal else {
            return Ok(Self::new(None, None));
        };
        let (id, rights, public) = (
            principal.id()?,
            principal.fingerprint()?,
            principal.public()?,
        );
        let parts = [id.as_bytes(), &rights, public.get().as_bytes()];
        Ok(Self::new(
            Some(&parts),
            Some(of_user(principal.id_digest()?)),
        ))
    }

    /// Which session they have.
    pub(crate) fn session(id: Option<impl ToString>) -> Self {
        match id.map(|id| id.to_string()) {
            Some(id) => Self::value(Some(id.as_bytes())),
            None => Self::value(None),
        }
    }

    /// The value of a cookie or a header.
    pub(crate) fn value(value: Option<&[u8]>) -> Self {
        Self::new(
            value.map(|value| [value]).as_ref().map(|parts| &parts[..]),
            None,
        )
    }

    /// What a fact is of the current caller.
    async fn current(fact: &Fact, scope: &Scope) -> Result<Self> {
        Ok(match fact {
            // Boxed: it is large, and most answers are everybody's
            Fact::User => Self::user(Box::pin(principal()).await?.as_ref())?,
            Fact::Session => Self::session(scope.identity().session(scope).id()),
            Fact::Cookie(name) => Self::value(cookies().get(name).as_deref().map(str::as_bytes)),
            Fact::Header(name) => {
                let value = head(|parts| header_value(&parts.headers, name)).flatten();
                Self::value(value.as_deref())
            }
        })
    }
}

/// Whose answers one caller is given, of those that depend on some facts.
pub(super) struct Reader {
    /// Stands for what the facts are; empty where there are none.
    pub(super) digest: String,
    pub(super) subject: Subject,
}

impl Reader {
    /// Anybody.
    pub(super) const EVERYBODY: Self = Self {
        digest: String::new(),
        subject: EVERYBODY,
    };

    /// The current caller, who is asked for what is not in `known`.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where it can't be found out who they are.
    pub(super) async fn current(
        facts: &Facts,
        known: &BTreeMap<Fact, Told>,
        scope: &Scope,
    ) -> Result<Self> {
        if facts.is_empty() {
            return Ok(Self::EVERYBODY);
        }
        let mut user = None;
        let mut all = Blake2b::<U32>::new();
        for fact in facts {
            let told = match known.get(fact) {
                Some(told) => *told,
                None => Told::current(fact, scope).await?,
            };
            user = user.or(told.user);
            // With what it is: what one function asks for is not always the same
            fact.name(&mut all);
            all.update(told.digest);
        }
        let mut digest = String::with_capacity(64);
        for byte in all.finalize() {
            // Writing to a text never fails
            let _ = write!(digest, "{byte:02x}");
        }
        Ok(Self {
            digest,
            subject: user.unwrap_or(VISITORS),
        })
    }

    /// The key of their answer, among those at `base`.
    pub(super) fn key<'a>(&self, base: &'a str) -> Cow<'a, str> {
        if self.digest.is_empty() {
            return Cow::Borrowed(base);
        }
        // No key has a line break
        Cow::Owned(format!("{base}\n{}", self.digest))
    }
}
