//! What an answer says beside its result: what went stale, and its new data.
//!
//! The browser tells in `Mizan-Mounted` what it shows. What of that a call made stale is run
//! again here, after the call, as the caller is by then; so one round trip is enough. The header
//! is a wish: one that is malformed or longer than 4 KiB is ignored, as are contexts and
//! parameters that don't exist, and no more than [`MOST_REFRESHED`] instances are run again. What
//! is not refreshed was invalidated all the same, and the browser fetches it.

use super::{Site, call::Work, stale::Telling};
use crate::{
    Error, Result,
    auth::principal,
    channel::{Position, server::Versions},
    context::{
        Value,
        server::{Instance, Outcomes, Values, answer_all, write_version},
        wire::LONGEST_MOUNTED,
    },
    mutation::consequences::Consequences,
    request::in_owner,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use futures::future::join_all;
use sfv::{BareItem, Item, List, ListEntry, Parser};
use std::{collections::HashSet, sync::Arc, time::Duration};

/// The header that says what a call made stale: a List of RFC 9651.
pub(super) const INVALIDATE: HeaderName = HeaderName::from_static("mizan-invalidate");

/// How long that may become before only contexts are named.
const LONGEST_INVALIDATE: usize = 4096;

/// How many instances one answer brings anew.
const MOST_REFRESHED: usize = 64;

/// How long an answer waits for them.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// What the answer to a call says of contexts.
#[derive(Default)]
pub(super) struct Flush {
    consequences: Arc<Consequences>,
    refreshed: Vec<Refreshed>,
    versions: Versions,
}

/// An instance with its new data.
struct Refreshed {
    instance: Instance,
    outcomes: Outcomes,
    version: Option<Position>,
}

impl Flush {
    /// Takes what the calls of a request did to contexts, and tells everybody else who shows them.
    pub(super) async fn publish(work: &Work) -> Self {
        let consequences = Arc::new(work.scope.settle());
        let versions = if consequences.is_empty() {
            Versions::default()
        } else {
            let telling = Telling::new(&work.scope, &consequences);
            let caller = async {
                let caller = in_owner(&work.owner, principal).await?;
                // Who has signed out was somebody
                if caller.is_none() && work.scope.identity().has_changed() {
                    return Err(Error::internal("the caller is no longer who they were"));
                }
                Ok(caller)
            };
            telling.tell(caller).await
        };
        Self {
            consequences,
            versions,
            refreshed: Vec::new(),
        }
    }

    /// Runs again what the browser shows and the call made stale: everything, where the caller has
    /// signed in or out.
    pub(super) async fn refresh(&mut self, work: &Work, mounted: Option<&HeaderValue>) {
        let all = work.scope.identity().has_changed();
        let stale = &self.consequences.stale;
        if stale.is_empty() && !all {
            return;
        }
        let Some(mounted) = mounted else { return };
        work.scope.identity().forget().await;
        let site = work.scope.site();
        let stale = |instance: &Instance| all || stale.iter().any(|stale| stale.concerns(instance));
        let instances = instances(mounted, site).filter(stale).take(MOST_REFRESHED);
        let timeout = site.request_timeout.min(LONGEST_WAIT);
        let versions = &self.versions;
        let runs = instances.map(|instance| {
            in_owner(&work.owner, || async move {
                let known = versions.of(instance.context).cloned();
                // Before it is read
                let version = known.or_else(|| site.live.version(instance.context));
                let entry = site.contexts.get(instance.context);
                let outcomes = match entry {
                    Some(entry) => answer_all(entry, &instance, &work.scope, timeout).await,
                    None => Outcomes::default(),
                };
                Refreshed {
                    instance,
                    outcomes,
                    version,
                }
            })
        });
        let mut refreshed = join_all(runs.collect::<Vec<_>>()).await;
        // What failed for a reason that passes is fetched by the browser when it likes
        refreshed.retain(|fresh| fresh.outcomes.are_settled());
        self.refreshed = refreshed;
    }

    /// Appends it to an object whose last member was just written.
    pub(super) fn write(&self, text: &mut Vec<u8>) -> Result<()> {
        let Consequences { stale, merges } = &*self.consequences;
        if !stale.is_empty() {
            text.extend_from_slice(b",\"invalidate\":");
            serde_json::to_writer(&mut *text, stale)?;
        }
        if !merges.is_empty() {
            text.extend_from_slice(b",\"merge\":[");
            for (index, merge) in merges.iter().enumerate() {
                text.extend_from_slice(if index == 0 { b"{" } else { b",{" });
                merge.write(text)?;
                write_version(text, self.versions.of(merge.instance.context()))?;
                text.push(b'}');
            }
            text.push(b']');
        }
        if !self.refreshed.is_empty() {
            text.extend_from_slice(b",\"refreshed\":[");
            for (index, fresh) in self.refreshed.iter().enumerate() {
                text.extend_from_slice(if index == 0 { b"{" } else { b",{" });
                fresh.instance.write(text)?;
                text.push(b',');
                fresh.outcomes.write(text)?;
                write_version(text, fresh.version.as_ref())?;
                text.push(b'}');
            }
            text.push(b']');
        }
        Ok(())
    }

    /// Forgets the new data: an error has no room for it.
    pub(super) fn without_data(mut self) -> Self {
        self.refreshed.clear();
        self
    }

    /// Says in a header what went stale, for caches on the way.
    pub(super) fn announce(&self, headers: &mut HeaderMap) {
        if self.consequences.is_empty() {
            return;
        }
        let stale = || self.consequences.all();
        let mut keys: Vec<_> = stale().map(|stale| stale.key()).collect();
        if keys.iter().map(|key| key.len() + 2).sum::<usize>() > LONGEST_INVALIDATE {
            // All of a context is more than was said, and never less
            keys = stale().map(|stale| stale.context().to_owned()).collect();
            keys.sort_unstable();
            keys.dedup();
        }
        if let Ok(value) = HeaderValue::from_str(&keys.join(", ")) {
            headers.insert(INVALIDATE, value);
        }
    }
}

/// The instances that the header names and that there can be, each one once.
fn instances(header: &HeaderValue, site: &Site) -> impl Iterator<Item = Instance> {
    let text = header.as_bytes();
    let list = (text.len() <= LONGEST_MOUNTED)
        .then(|| Parser::new(text).parse::<List>().ok())
        .flatten();
    let mut known = HashSet::new();
    list.into_iter()
        .flatten()
        .filter_map(|entry| match entry {
            ListEntry::Item(item) => instance(item, site),
            ListEntry::InnerList(_) => None,
        })
        .filter(move |instance| known.insert(instance.key()))
}

/// The instance that a key names.
pub(super) fn instance_of(key: &str, site: &Site) -> Option<Instance> {
    instance(Parser::new(key).parse::<Item>().ok()?, site)
}

fn instance(item: Item, site: &Site) -> Option<Instance> {
    let BareItem::Token(context) = item.bare_item else {
        return None;
    };
    let entry = site.contexts.get(context.as_str())?;
    let mut values = Values::default();
    for (name, value) in item.params {
        let value = match value {
            BareItem::Boolean(flag) => Value::Bool(flag),
            BareItem::Integer(number) => Value::Integer(i64::from(number)),
            BareItem::String(text) => Value::Text(text.into()),
            BareItem::DisplayString(text) => Value::Text(text),
            _ => return None,
        };
        values.push(name.into(), value);
    }
    Instance::read(entry.context, values).ok()
}
