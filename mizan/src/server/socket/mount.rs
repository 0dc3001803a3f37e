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
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::oneshot;

/// How many instances a page may show.
const MOST_SHOWN: usize = 256;

/// How many of them are looked at at a time.
const AT_A_TIME: usize = 8;

/// What a page shows.
#[derive(Default)]
pub(super) struct Mounts {
    board: Arc<Board>,
    /// Ends with what was asked last.
    last: Option<oneshot::Receiver<()>>,
    is_used: bool,
}

#[derive(Default)]
struct Board {
    seen: Mutex<Vec<Seen>>,
    /// Whether of some it could not be found out whether they may be read.
    is_unsettled: AtomicBool,
}

/// An instance that the page shows.
struct Seen {
    instance: Instance,
    key: String,
    /// Of which version its data is.
    version: Option<Position>,
    /// `None` where the other end may not read it.
    shown: Option<Shown>,
}

/// What a `mount` asks for.
pub(super) type Wanted = Vec<(Instance, Option<Position>)>;

impl Mounts {
    pub(super) fn are_empty(&self) -> bool {
        !self.is_used
    }

    /// Whether it has to be asked again who may read some of them.
    pub(super) fn are_unsettled(&self) -> bool {
        self.board.is_unsettled.load(Ordering::Relaxed)
    }

    /// Refuses too many.
    ///
    /// # Errors
    ///
    /// TOO_MANY_REQUESTS.
    pub(super) fn check(count: usize) -> Result<()> {
        if count > MOST_SHOWN {
            return Err(Error::too_many_requests(format!(
                "a page shows at most {MOST_SHOWN} instances of live contexts"
            )));
        }
        Ok(())
    }

    /// Prepares to show other instances than before.
    pub(super) fn mount(&mut self, peer: &Arc<Peer>, line: &Arc<Line>, wanted: Wanted) -> Step {
        self.is_used = true;
        let (peer, line, board) = (Arc::clone(peer), Arc::clone(line), Arc::clone(&self.board));
        self.in_turn(async move {
            let mut known = std::mem::take(&mut *board.seen());
            let mut seen: Vec<Seen> = Vec::new();
            for (instance, version) in wanted {
                let key = instance.key();
                // Each once, however often it is named
                if seen.iter().any(|seen| seen.key == key) {
                    continue;
                }
                let index = known.iter().position(|known| known.key == key);
                seen.push(match index {
                    Some(index) => known.swap_remove(index),
                    None => Seen {
                        instance,
                        key,
                        version,
                        shown: None,
                    },
                });
            }
            drop(known);
            *board.seen() = seen;
            board.look(&peer, &line, false).await;
            board.tell(&line);
        })
    }

    /// Prepares to ask of every instance whether the other end may read it by now.
    pub(super) fn ask_again(&mut self, peer: &Arc<Peer>, line: &Arc<Line>) -> Step {
        let (peer, line, board) = (Arc::clone(peer), Arc::clone(line), Arc::clone(&self.board));
        board.is_unsettled.store(false, Ordering::Relaxed);
        self.in_turn(async move {
            if board.look(&peer, &line, true).await {
                board.tell(&line);
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

impl Board {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks which instances the other end may read: those that are not shown, or `all`. Returns
    /// whether that has changed.
    async fn look(&self, peer: &Peer, line: &Arc<Line>, all: bool) -> bool {
        // Nobody else changes them: what is asked is done in turn
        let mut seen = std::mem::take(&mut *self.seen());
        let looks = seen.iter_mut();
        let looks: Vec<_> = looks
            .map(|seen| self.look_at(seen, peer, line, all).boxed())
            .collect();
        let changed = stream::iter(looks)
            .buffer_unordered(AT_A_TIME)
            .fold(false, async |any, changed| any || changed)
            .await;
        *self.seen() = seen;
        changed
    }

    async fn look_at(&self, seen: &mut Seen, peer: &Peer, line: &Arc<Line>, all: bool) -> bool {
        let live = &peer.site.live;
        if !live.is_live(seen.instance.context) || seen.shown.is_some() && !all {
            return false;
        }
        let Some(may_read) = peer.may_read(&seen.instance).await else {
            // What is shown stays, until it is known
            self.is_unsettled.store(true, Ordering::Relaxed);
            return false;
        };
        let was_shown = seen.shown.is_some();
        if !may_read {
            seen.shown = None;
        } else if !was_shown {
            let shown = live.show(seen.instance.clone(), seen.version.as_ref(), line);
            match shown.await {
                Ok(shown) => seen.shown = shown,
                Err(_) => self.is_unsettled.store(true, Ordering::Relaxed),
            }
        }
        was_shown != seen.shown.is_some()
    }

    /// Says what is shown.
    fn tell(&self, line: &Line) {
        let seen = self.seen();
        let shown = seen.iter().filter(|seen| seen.shown.is_some());
        line.push(frame::mounted(shown.map(|seen| seen.key.as_str())));
    }
}
