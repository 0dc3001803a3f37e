//! What an answer says beside its result: what went stale, and its new data.
//!
//! The browser tells in `Mizan-Mounted` what it shows. What of that a call made stale is run
//! again here, after the call, as the caller is by then; so one round trip is enough. The header
//! is a wish: one that is malformed or longer than 4 KiB is ignored, as are contexts and
//! parameters that don't exist, and no more than [`MOST_REFRESHED`] instances are run again. What
//! is not refreshed was invalidated all the same, and the browser fetches it.

use super::{
    Site,
    call::{Work, in_owner},
};
use crate::{
    Result,
    context::{
        Value,
        server::{Instance, Outcomes, Values, run_all},
        wire::LONGEST_MOUNTED,
    },
    mutation::consequences::Consequences,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use futures::future::join_all;
use sfv::{BareItem, List, ListEntry, Parser};
use std::{collections::HashSet, time::Duration};

/// The header that says what a call made stale: a List of RFC 9651.
const INVALIDATE: HeaderName = HeaderName::from_static("mizan-invalidate");

/// How long that may become before only contexts are named.
const LONGEST_INVALIDATE: usize = 4096;

/// How many instances one answer brings anew.
const MOST_REFRESHED: usize = 64;

/// How long an answer waits for them.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Instances with their new data.
pub(super) type Refreshed = Vec<(Instance, Outcomes)>;

/// Runs again what the browser shows and the call made stale: everything, where the caller has
/// signed in or out.
pub(super) async fn refresh(
    work: &Work,
    consequences: &Consequences,
    mounted: Option<&HeaderValue>,
) -> Refreshed {
    let all = work.scope.identity().has_changed();
    if consequences.stale.is_empty() && !all {
        return Vec::new();
    }
    let Some(mounted) = mounted else {
        return Vec::new();
    };
    let site = work.scope.site();
    let stale = |instance: &Instance| {
        let mut stale = consequences.stale.iter();
        all || stale.any(|stale| stale.concerns(instance))
    };
    let instances = instances(mounted, site).filter(stale).take(MOST_REFRESHED);
    let timeout = site.request_timeout.min(LONGEST_WAIT);
    let runs = instances.map(|instance| {
        in_owner(&work.owner, || async move {
            let members = site
                .contexts
                .get(instance.context)
                .map(|entry| &*entry.members);
            let outcomes = run_all(members.unwrap_or_default(), &instance, timeout).await;
            (instance, outcomes)
        })
    });
    let mut refreshed = join_all(runs.collect::<Vec<_>>()).await;
    // What failed for a reason that passes is fetched by the browser when it likes
    refreshed.retain(|(_, outcomes)| outcomes.are_settled());
    refreshed
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
        .filter_map(|entry| instance(entry, site))
        .filter(move |instance| known.insert(instance.key()))
}

fn instance(entry: ListEntry, site: &Site) -> Option<Instance> {
    let ListEntry::Item(item) = entry else {
        return None;
    };
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

/// Appends what the call did to contexts to an object whose last member was just written.
pub(super) fn write(
    text: &mut Vec<u8>,
    consequences: &Consequences,
    refreshed: &Refreshed,
) -> Result<()> {
    if !consequences.stale.is_empty() {
        text.extend_from_slice(b",\"invalidate\":");
        serde_json::to_writer(&mut *text, &consequences.stale)?;
    }
    if !consequences.merges.is_empty() {
        text.extend_from_slice(b",\"merge\":");
        serde_json::to_writer(&mut *text, &consequences.merges)?;
    }
    if !refreshed.is_empty() {
        text.extend_from_slice(b",\"refreshed\":[");
        for (index, (instance, outcomes)) in refreshed.iter().enumerate() {
            text.extend_from_slice(if index == 0 { b"{" } else { b",{" });
            instance.write(text)?;
            text.push(b',');
            outcomes.write(text)?;
            text.push(b'}');
        }
        text.push(b']');
    }
    Ok(())
}

/// Says in a header what went stale, for caches on the way.
pub(super) fn announce(headers: &mut HeaderMap, consequences: &Consequences) {
    let merges = consequences.merges.iter().map(|merge| &merge.instance);
    let stale = || consequences.stale.iter().chain(merges.clone());
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
