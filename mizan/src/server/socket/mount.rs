//! `mount`: the instances of live contexts that a page shows.
//!
//! Each `mount` says all of them. Who may not read an instance is not told when it goes stale:
//! its members are asked, unless they were a moment ago, and again when the other end becomes
//! somebody else.

use super::{
    conversation::{Done, Step},
    frame,
    peer::Peer,
};
use crate::{
    Error, Result,
    channel::{
        Position,
        server::{Line, Shown},
    },
    context::server::Instance,
};
use futures::{FutureExt, StreamExt, stream};
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// How many instances a page may show.
const MOST_SHOWN: usize = 256;

/// How many of them are looked at at a time.
const AT_A_TIME: usize = 8;

/// What a page shows.
#[derive(Default)]
pub(super) struct Mounts {
    shown: Arc<Mutex<Vec<Seen>>>,
    /// Ends with what was asked last.
    last: Option<oneshot::Receiver<()>>,
    is_used: bool,
}

/// An instance that is shown.
struct Seen {
    instance: Instance,
    shown: Shown,
}

/// What a `mount` asks for.
pub(super) type Wanted = Vec<(Instance, Option<Position>)>;

impl Mounts {
    pub(super) fn are_empty(&self) -> bool {
        !self.is_used
    }

    /// Prepares to show other instances than before.
    ///
    /// # Errors
    ///
    /// Where there are too many.
    pub(super) fn mount(
        &mut self,
        peer: &Arc<Peer>,
        line: &Arc<Line>,
        wanted: Wanted,
    ) -> Result<Step> {
        if wanted.len() > MOST_SHOWN {
            return Err(Error::too_many_requests(format!(
                "a page shows at most {MOST_SHOWN} instances of live contexts"
            )));
        }
        self.is_used = true;
        let (peer, line, shown) = (Arc::clone(peer), Arc::clone(line), Arc::clone(&self.shown));
        Ok(self.in_turn(async move {
            let keys: Vec<_> = wanted.iter().map(|(instance, _)| instance.key()).collect();
            locked(&shown).retain(|seen| keys.iter().any(|key| *key == *seen.shown.key()));
            let mut known: HashSet<_> = {
                let shown = locked(&shown);
                let keys = shown.iter().map(|seen| seen.shown.key().to_owned());
                keys.collect()
            };
            let new = wanted.into_iter().zip(keys);
            // Each once, however often it is named
            let new = new.filter_map(|(wanted, key)| known.insert(key).then_some(wanted));
            let new: Vec<_> = new.collect();
            let (peer, line) = (&peer, &line);
            let seen = stream::iter(new)
                .map(async |(instance, version)| peer.see(instance, version, line).await)
                .buffer_unordered(AT_A_TIME)
                .filter_map(async |seen| seen)
                .collect::<Vec<_>>();
            let seen = seen.await;
            let mut shown = locked(&shown);
            shown.extend(seen);
            line.push(frame::mounted(shown.iter().map(|seen| seen.shown.key())));
        }))
    }

    /// Prepares to ask of every instance whether the other end may still read it.
    pub(super) fn ask_again(&mut self, peer: &Arc<Peer>, line: &Arc<Line>) -> Step {
        let (peer, line, shown) = (Arc::clone(peer), Arc::clone(line), Arc::clone(&self.shown));
        self.in_turn(async move {
            let instances: Vec<_> = {
                let shown = locked(&shown);
                shown.iter().map(|seen| seen.instance.clone()).collect()
            };
            let mut refused = Vec::new();
            for instance in instances {
                if !peer.may_read(&instance).await {
                    refused.push(instance.key());
                }
            }
            if !refused.is_empty() {
                let mut shown = locked(&shown);
                shown.retain(|seen| refused.iter().all(|key| *key != *seen.shown.key()));
                line.push(frame::mounted(shown.iter().map(|seen| seen.shown.key())));
            }
        })
    }

    /// Does something when what was asked before has ended.
    fn in_turn(&mut self, step: impl Future<Output = ()> + Send + 'static) -> Step {
        let (done, last) = oneshot::channel::<()>();
        let before = self.last.replace(last);
        async move {
            if let Some(before) = before {
                // Its other half is dropped
                let _ = before.await;
            }
            step.await;
            drop(done);
            Done::Silence
        }
        .boxed()
    }
}

fn locked(shown: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Peer {
    /// Shows an instance, if it is of a live context that the other end may read.
    async fn see(
        &self,
        instance: Instance,
        version: Option<Position>,
        line: &Arc<Line>,
    ) -> Option<Seen> {
        let live = &self.site.live;
        if !live.is_live(instance.context) || !self.may_read(&instance).await {
            return None;
        }
        let shown = live.show(instance.clone(), version.as_ref(), line).await;
        // What can't be shown now is asked for again with the next connection
        let shown = shown.ok().flatten()?;
        Some(Seen { instance, shown })
    }
}
