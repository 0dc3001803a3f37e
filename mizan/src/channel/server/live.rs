//! Live contexts: what goes stale reaches every browser that shows it.
//!
//! Each live context has a group in the layer, whose messages say what went stale. Every node
//! follows it, and knows which of its sockets show what. The group's position is the version of
//! data: data that was read at a position lacks nothing that was said up to there. It goes with
//! every answer, and a browser that comes back says which version it has.
//!
//! Several messages about an instance within a moment are told once; where many show one, they
//! are told over how long to spread their requests.

use super::{
    hub::{Follower, Hub},
    line::Line,
};
use crate::{
    Result,
    channel::{Position, layer::Message},
    context::{
        Value,
        server::{Instance, Outcomes},
    },
    json::Entries,
    mutation::consequences::{Consequences, Stale},
};
use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use http::{HeaderMap, header};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak},
    time::Duration,
};
use tokio::runtime::Handle;
use xxhash_rust::xxh3::Xxh3;

/// How long what went stale is collected before it is told.
const GATHER: Duration = Duration::from_millis(30);

/// How long a call waits until what it made stale is known to all.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long to wait before it is tried again to tell it, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// How many things that went stale are kept while the layer can't be reached; beyond that it is
/// all of their contexts.
const MOST_UNTOLD: usize = 1000;

/// Over how many milliseconds each reader spreads the requests of all, where they are more than a
/// few; and at most.
const SPREAD_EACH: usize = 2;
const FEW: usize = 10;
const LONGEST_SPREAD: usize = 10_000;

/// How long it is remembered who may read what, and of how many at most.
const VERDICT_AGE: Duration = Duration::from_secs(60);
const MOST_VERDICTS: u64 = 100_000;

/// The live contexts of a server.
pub(crate) struct Live {
    hub: Arc<Hub>,
    /// Whether the groups are followed.
    follows: Once,
    contexts: HashMap<&'static str, Arc<Context>>,
    verdicts: Cache<Reader, bool>,
}

/// A live context.
struct Context {
    group: String,
    /// Itself, for the task that tells.
    this: Weak<Self>,
    state: Mutex<State>,
    untold: Mutex<Untold>,
}

/// Something that went stale.
#[derive(Clone, Debug, PartialEq)]
struct Change {
    /// The parameters that instances have which are meant.
    scope: Vec<(String, Value)>,
    /// The user who alone sees it; `None` for everybody.
    user: Option<u64>,
}

/// Who is to be told.
enum Audience {
    Everybody,
    /// Users.
    Of(HashSet<u64>),
}

impl Audience {
    fn add(&mut self, user: Option<u64>) {
        match (self, user) {
            (Self::Of(users), Some(user)) => {
                users.insert(user);
            }
            (audience, None) => *audience = Self::Everybody,
            (Self::Everybody, Some(_)) => {}
        }
    }

    fn includes(&self, line: &Line) -> bool {
        match self {
            Self::Everybody => true,
            Self::Of(users) => users.iter().any(|user| line.is_of(*user)),
        }
    }
}

/// What could not be told.
#[derive(Default)]
struct Untold {
    changes: Vec<Change>,
    /// Whether somebody tries.
    is_tried: bool,
}

#[derive(Default)]
struct State {
    /// What this node's sockets show, by its key.
    shown: HashMap<Arc<str>, Readers>,
    /// What they are about to be told, and who.
    stale: HashMap<Arc<str>, Audience>,
    /// Where the group was then.
    at: Option<Position>,
}

struct Readers {
    instance: Instance,
    lines: Vec<Arc<Line>>,
}

impl Live {
    /// Follows the live contexts among `contexts`.
    pub(crate) fn new(hub: &Arc<Hub>, contexts: impl Iterator<Item = &'static str>) -> Self {
        let context = |name: &'static str| {
            let context = Arc::new_cyclic(|this| Context {
                group: format!("live:{name}"),
                this: Weak::clone(this),
                state: Mutex::default(),
                untold: Mutex::default(),
            });
            (name, context)
        };
        let live = Self {
            hub: Arc::clone(hub),
            follows: Once::new(),
            contexts: contexts.map(context).collect(),
            verdicts: Cache::builder()
                .max_capacity(MOST_VERDICTS)
                .time_to_live(VERDICT_AGE)
                .build(),
        };
        if Handle::try_current().is_ok() {
            live.follow();
        }
        live
    }

    /// Follows the groups, from the first time on.
    fn follow(&self) {
        self.follows.call_once(|| {
            for context in self.contexts.values() {
                let follower: Weak<dyn Follower> = context.this.clone();
                self.hub.follow(&context.group, follower);
            }
        });
    }

    pub(crate) fn is_live(&self, context: &str) -> bool {
        self.contexts.contains_key(context)
    }

    /// The version of data that is read from now on; `None` where nobody can say, and for contexts
    /// that are not live.
    pub(crate) fn version(&self, context: &str) -> Option<Position> {
        let context = self.contexts.get(context)?;
        // A server that was built before there was a runtime begins now
        self.follow();
        self.hub.heard(&context.group)
    }

    /// Tells everybody what a request made stale, and its user what is theirs alone. Returns the
    /// versions that data has which is read afterwards.
    ///
    /// While the layer can't be reached it is told later; the request waits a second for it.
    pub(crate) async fn publish(&self, consequences: &Consequences, user: Option<u64>) -> Versions {
        let mut versions = Versions::default();
        if self.contexts.is_empty() {
            return versions;
        }
        let mut changes: Vec<(&'static str, Vec<Change>)> = Vec::new();
        for stale in consequences.all() {
            let name = stale.context();
            // What is nobody's own is on no other screen
            if !self.is_live(name) || stale.is_own() && user.is_none() {
                continue;
            }
            let change = Change::of(stale, user);
            match changes.iter_mut().find(|(known, _)| *known == name) {
                Some((_, list)) => list.push(change),
                None => changes.push((name, vec![change])),
            }
        }
        for (name, list) in changes {
            let Some(context) = self.contexts.get(name) else {
                continue;
            };
            let published = self.hub.publish(&context.group, written(&list), None);
            match tokio::time::timeout(LONGEST_WAIT, published).await {
                Ok(Ok(position)) => versions.0.push((name, position)),
                Ok(Err(_)) | Err(_) => context.tell_later(&self.hub, list),
            }
        }
        versions
    }

    /// Whether somebody may read an instance, if that was found out a moment ago.
    pub(crate) fn verdict(&self, reader: &Reader) -> Option<bool> {
        self.verdicts.get(reader)
    }

    /// Remembers what the members have said of it.
    pub(crate) fn judge(&self, reader: Reader, outcomes: &Outcomes) {
        if let Some(may_read) = outcomes.may_be_read() {
            self.verdicts.insert(reader, may_read);
        }
    }

    /// Tells a socket from now on when an instance goes stale; now, where it has since its version
    /// was read.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached.
    pub(crate) async fn show(
        &self,
        instance: Instance,
        version: Option<&Position>,
        line: &Arc<Line>,
    ) -> Result<Option<Shown>> {
        let Some(context) = self.contexts.get(instance.context) else {
            return Ok(None);
        };
        let key: Arc<str> = instance.key().into();
        let shown = Shown {
            context: Arc::clone(context),
            key: Arc::clone(&key),
            line: Arc::clone(line),
        };
        {
            let mut state = context.state();
            let readers = state.shown.entry(Arc::clone(&key));
            let readers = readers.or_insert_with(|| Readers {
                instance: instance.clone(),
                lines: Vec::new(),
            });
            readers.lines.push(Arc::clone(line));
        }
        let missed = match version {
            Some(version) => self.hub.missed(&context.group, version).await?,
            None => None,
        };
        let is_stale = missed.is_none_or(|missed| {
            let mut changes = missed.iter().flat_map(|message| read(&message.text));
            changes.any(|change| change.concerns(&instance) && change.is_for(line))
        });
        if is_stale {
            let at = self.hub.heard(&context.group);
            line.push(frame(&key, at.as_ref(), 0));
        }
        Ok(Some(shown))
    }
}

/// Somebody who wants to read an instance.
///
/// Who it is says not all: members may look at a session or a cookie of a visitor who has not
/// signed in. So verdicts are shared only by those who present the same cookies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Reader {
    who: Option<u128>,
    cookies: u128,
    key: String,
}

impl Reader {
    pub(crate) fn new(who: Option<u128>, headers: &HeaderMap, instance: &Instance) -> Self {
        let mut cookies = Xxh3::new();
        let lines = headers.get_all(header::COOKIE).iter();
        for cookie in lines.filter(|line| !line.is_empty()) {
            cookies.update(cookie.as_bytes());
            cookies.update(b";");
        }
        Self {
            who,
            cookies: cookies.digest128(),
            key: instance.key(),
        }
    }
}

/// The versions of data that is read after something was told.
#[derive(Default)]
pub(crate) struct Versions(Vec<(&'static str, Position)>);

impl Versions {
    pub(crate) fn of(&self, context: &str) -> Option<&Position> {
        let known = self.0.iter().find(|(name, _)| *name == context);
        known.map(|(_, position)| position)
    }
}

impl Context {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that instances are stale, which their readers are told in a moment.
    fn mark(&self, changes: &[Change], at: Position) {
        let mut state = self.state();
        let is_first = state.stale.is_empty();
        let State { shown, stale, .. } = &mut *state;
        for (key, readers) in shown {
            let changes = changes.iter();
            for change in changes.filter(|change| change.concerns(&readers.instance)) {
                let audience = stale.entry(Arc::clone(key));
                audience
                    .or_insert_with(|| Audience::Of(HashSet::new()))
                    .add(change.user);
            }
        }
        state.at = Some(at);
        if is_first && !state.stale.is_empty() {
            let this = Weak::clone(&self.this);
            tokio::spawn(async move {
                tokio::time::sleep(GATHER).await;
                if let Some(this) = this.upgrade() {
                    this.tell();
                }
            });
        }
    }

    fn tell(&self) {
        let mut state = self.state();
        let stale = std::mem::take(&mut state.stale);
        for (key, audience) in stale {
            if let Some(readers) = state.shown.get(&key) {
                let frame = frame(&key, state.at.as_ref(), spread(readers.lines.len()));
                for line in readers.lines.iter().filter(|line| audience.includes(line)) {
                    line.push(frame.clone());
                }
            }
        }
    }

    /// Tells what went stale as soon as the layer can be reached.
    fn tell_later(&self, hub: &Arc<Hub>, changes: Vec<Change>) {
        let is_tried = {
            let mut untold = self.untold();
            untold.add(changes);
            std::mem::replace(&mut untold.is_tried, true)
        };
        if is_tried {
            return;
        }
        let (this, hub) = (Weak::clone(&self.this), Arc::downgrade(hub));
        tokio::spawn(async move {
            let mut wait = FIRST_RETRY;
            loop {
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_RETRY);
                let (Some(this), Some(hub)) = (this.upgrade(), hub.upgrade()) else {
                    return;
                };
                let changes = std::mem::take(&mut this.untold().changes);
                let published = hub.publish(&this.group, written(&changes), None).await;
                let mut untold = this.untold();
                if published.is_err() {
                    untold.add(changes);
                } else if untold.changes.is_empty() {
                    untold.is_tried = false;
                    return;
                }
            }
        });
    }

    fn untold(&self) -> MutexGuard<'_, Untold> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Untold {
    fn add(&mut self, changes: Vec<Change>) {
        self.changes.extend(changes);
        if self.changes.len() > MOST_UNTOLD {
            self.changes = vec![Change::EVERYTHING];
        }
    }
}

impl Follower for Context {
    fn message(&self, message: &Message, epoch: &str) {
        let at = Position {
            epoch: epoch.to_owned(),
            offset: message.offset,
        };
        self.mark(&read(&message.text), at);
    }

    fn lost(&self, position: &Position) {
        self.mark(&[Change::EVERYTHING], position.clone());
    }
}

/// That a socket shows an instance; dropped, it does not.
pub(crate) struct Shown {
    context: Arc<Context>,
    key: Arc<str>,
    line: Arc<Line>,
}

impl Drop for Shown {
    fn drop(&mut self) {
        let mut state = self.context.state();
        if let Some(readers) = state.shown.get_mut(&self.key) {
            let mut lines = readers.lines.iter();
            if let Some(index) = lines.position(|line| Arc::ptr_eq(line, &self.line)) {
                readers.lines.swap_remove(index);
            }
            if readers.lines.is_empty() {
                state.shown.remove(&self.key);
            }
        }
    }
}

/// Over how many milliseconds so many readers spread their requests.
fn spread(readers: usize) -> usize {
    (readers.saturating_sub(FEW) * SPREAD_EACH).min(LONGEST_SPREAD)
}

impl Change {
    /// All instances, for everybody.
    const EVERYTHING: Self = Self {
        scope: Vec::new(),
        user: None,
    };

    fn of(stale: &Stale, user: Option<u64>) -> Self {
        let scope = stale.scope().iter();
        Self {
            scope: scope
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            user: user.filter(|_| stale.is_own()),
        }
    }

    fn concerns(&self, instance: &Instance) -> bool {
        self.scope.iter().all(|(name, value)| {
            let mut values = instance.values();
            values.any(|(known, other)| known == name && other == value)
        })
    }

    fn is_for(&self, line: &Line) -> bool {
        self.user.is_none_or(|user| line.is_of(user))
    }
}

/// What went stale, as a message: `[{"params":{"user_id":5}},{"params":{},"user":7}]`.
fn written(changes: &[Change]) -> Bytes {
    #[derive(Serialize)]
    struct Written<'a> {
        params: HashMap<&'a str, &'a Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<u64>,
    }
    let written = changes.iter().map(|change| Written {
        params: change
            .scope
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect(),
        user: change.user,
    });
    let text = serde_json::to_vec(&written.collect::<Vec<_>>());
    // Parameters can be written
    text.unwrap_or_default().into()
}

/// Reads such a message. What can't be read, of a later version, means everything.
fn read(text: &[u8]) -> Vec<Change> {
    #[derive(Deserialize)]
    struct Written {
        params: Entries,
        user: Option<u64>,
    }
    let change = |Written { params, user }| {
        let values = params.into_iter();
        let values = values.map(|(name, json)| Some((name, Value::read(&json)?)));
        match values.collect() {
            Some(scope) => Change { scope, user },
            None => Change::EVERYTHING,
        }
    };
    match serde_json::from_slice::<Vec<Written>>(text) {
        Ok(changes) => changes.into_iter().map(change).collect(),
        Err(_) => vec![Change::EVERYTHING],
    }
}

/// `{"op":"invalidate","contexts":[..],"epoch","offset","spread"?}`
fn frame(key: &str, at: Option<&Position>, spread: usize) -> Utf8Bytes {
    #[derive(Serialize)]
    struct Invalidate<'a> {
        op: &'static str,
        contexts: [&'a str; 1],
        #[serde(flatten)]
        at: Option<&'a Position>,
        #[serde(skip_serializing_if = "is_zero")]
        spread: usize,
    }
    let frame = Invalidate {
        op: "invalidate",
        contexts: [key],
        at,
        spread,
    };
    serde_json::to_string(&frame).unwrap_or_default().into()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}
