//! `join`, `send` and `leave`: the channels of a socket.
//!
//! What a socket asks of one channel is done in the order in which it asked, each when the one
//! before has ended; different channels don't wait for one another. The browser names a channel by
//! a number of its own, which it can use again when it has left.

use super::{
    call::commit,
    conversation::{Done, Step},
    frame,
    peer::Peer,
};
use crate::{
    Error, Result,
    auth::bearer,
    call::server::log,
    channel::{
        ChannelContext, Position,
        server::{Handler, Joining, Line, Membership},
    },
    context::{Value, server::Values},
    json::Entries,
    mutation::consequences::collect,
    request::{Scope, Way, in_owner, owner_of},
    server::{
        call::{Work, bounded},
        flush::Flush,
        serve::Stopping,
    },
};
use futures::FutureExt;
use leptos::reactive::owner::Owner;
use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};
use tokio::sync::oneshot::{self, error::TryRecvError};

/// How long the key of a message may be, in bytes.
const LONGEST_KEY: usize = 64;

/// How many channels a socket may have joined.
const MOST_CHANNELS: usize = 100;

/// The channels of a socket, by their numbers.
#[derive(Default)]
pub(super) struct Lanes(BTreeMap<u64, Lane>);

struct Lane {
    /// `None` once it was left, while that is done.
    joined: Option<Arc<Joined>>,
    /// Ends with the last thing that was asked.
    last: oneshot::Receiver<()>,
}

/// A channel that a socket has joined, or wants to.
struct Joined {
    id: u64,
    name: &'static str,
    handler: Arc<dyn Handler>,
    cx: ChannelContext,
    /// Has the request's head for what is received, one message at a time: copying that for each
    /// would take longer than most handlers. Made for the first one.
    head: OnceLock<Owner>,
    /// What the last message was received in, where nothing is left of it: the next one can be,
    /// too.
    work: Mutex<Option<Work>>,
    /// There while the joining is done and not undone.
    membership: Mutex<Option<Membership>>,
}

impl Joined {
    fn membership(&self) -> MutexGuard<'_, Option<Membership>> {
        self.membership
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) -> MutexGuard<'_, Option<Work>> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn authorize(&self) -> Result<()> {
        if self.handler.authorize(&self.cx).await? {
            Ok(())
        } else {
            Err(Error::forbidden("you may not join that"))
        }
    }

    fn group(&self) -> Option<Arc<str>> {
        let membership = self.membership();
        let membership = membership.as_ref()?;
        Some(Arc::clone(membership.group()))
    }
}

/// What a `join` asks for.
pub(super) struct Join {
    pub(super) id: u64,
    pub(super) channel: String,
    pub(super) params: Entries,
    pub(super) since: Option<Position>,
    /// Whether the browser wants to know who is there.
    pub(super) presence: bool,
}

/// What a `send` asks for.
pub(super) struct Said {
    pub(super) id: u64,
    pub(super) message: String,
    pub(super) key: Option<String>,
    pub(super) again: bool,
}

impl Lanes {
    /// Prepares to join a channel.
    ///
    /// # Errors
    ///
    /// What is wrong with the request.
    pub(super) fn join(&mut self, peer: &Arc<Peer>, line: &Arc<Line>, join: Join) -> Result<Step> {
        let Join {
            id,
            channel,
            params,
            since,
            presence,
        } = join;
        self.0.retain(|_, lane| lane.is_there());
        let known = self.0.get(&id);
        if known.is_some_and(|lane| lane.joined.is_some()) {
            return Err(Error::conflict(
                "the socket has joined something under this `id`",
            ));
        }
        if self.0.len() >= MOST_CHANNELS {
            return Err(Error::too_many_requests(format!(
                "a socket joins at most {MOST_CHANNELS} channels"
            )));
        }
        let registered = peer.site.channels.get(&*channel);
        let registered = registered.ok_or_else(|| Error::not_found("there is no such channel"))?;
        let handler = (registered.read)(values(params)?)?;
        let joined = Arc::new(Joined {
            id,
            name: registered.name,
            handler,
            cx: ChannelContext::new(Arc::clone(&peer.parts)),
            head: OnceLock::new(),
            work: Mutex::new(None),
            membership: Mutex::new(None),
        });
        let (done, last) = oneshot::channel();
        let before = self.0.insert(
            id,
            Lane {
                joined: Some(Arc::clone(&joined)),
                last,
            },
        );
        let before = before.map(|lane| lane.last);
        let turn = Turn { before, done };
        let (peer, line) = (Arc::clone(peer), Arc::clone(line));
        let step = async move {
            let _done = turn.comes().await;
            let result = peer.join(&joined, since, presence, &line).await;
            let error = result.err();
            Done::from(error.map(|error| frame::error(Some(id), None, &error)))
        };
        Ok(step.boxed())
    }

    /// Prepares to hand a message to its channel.
    ///
    /// # Errors
    ///
    /// What is wrong with the request.
    pub(super) fn send(&mut self, peer: &Arc<Peer>, said: Said) -> Result<Step> {
        let Said {
            id,
            message,
            key,
            again,
        } = said;
        if key
            .as_ref()
            .is_some_and(|key| key.is_empty() || key.len() > LONGEST_KEY)
        {
            return Err(Error::bad_request(format!(
                "a `key` has 1 to {LONGEST_KEY} bytes"
            )));
        }
        let (joined, turn) = self.next(id)?;
        let peer = Arc::clone(peer);
        let step = async move {
            let _done = turn.comes().await;
            let key = key.as_deref();
            Done::from(match peer.receive(&joined, &message, key, again).await {
                Ok(()) => key.map(|key| frame::sent(id, key)),
                Err(error) => Some(frame::error(Some(id), key, &error)),
            })
        };
        Ok(step.boxed())
    }

    /// Prepares to leave a channel.
    ///
    /// # Errors
    ///
    /// What is wrong with the request.
    pub(super) fn leave(&mut self, peer: &Arc<Peer>, line: &Arc<Line>, id: u64) -> Result<Step> {
        let (joined, turn) = self.next(id)?;
        if let Some(lane) = self.0.get_mut(&id) {
            lane.joined = None;
        }
        let (peer, line) = (Arc::clone(peer), Arc::clone(line));
        let step = async move {
            let _done = turn.comes().await;
            peer.leave(&joined).await;
            // Behind the messages that wait
            line.push(frame::left(id, None));
            Done::Silence
        };
        Ok(step.boxed())
    }

    /// Prepares to ask of every channel whether its member may still be there. That does not wait
    /// for what was asked before, which may take long.
    pub(super) fn ask_again(&mut self, peer: &Arc<Peer>, line: &Arc<Line>) -> Vec<Step> {
        let ids: Vec<_> = self.0.keys().copied().collect();
        let steps = ids.into_iter().filter_map(|id| {
            // One that was left needs no asking
            let (joined, turn) = self.next(id).ok()?;
            let (peer, line) = (Arc::clone(peer), Arc::clone(line));
            let step = async move {
                let was_there = joined.membership().is_some();
                let mut is_over = was_there && peer.dismiss(&joined, &line).await;
                let _done = turn.comes().await;
                if !was_there {
                    // It was being joined, perhaps as who they were before
                    is_over = peer.dismiss(&joined, &line).await;
                }
                if is_over {
                    peer.disconnected(&joined).await;
                }
                Done::Silence
            };
            Some(step.boxed())
        });
        steps.collect()
    }

    pub(super) fn are_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A channel that was joined, and when it is the turn of what is asked of it now.
    fn next(&mut self, id: u64) -> Result<(Arc<Joined>, Turn)> {
        let lane = self.0.get_mut(&id);
        let lane = lane.and_then(|lane| Some((Arc::clone(lane.joined.as_ref()?), &mut lane.last)));
        let (joined, last) = lane
            .ok_or_else(|| Error::bad_request("the socket has joined nothing under this `id`"))?;
        let (done, next) = oneshot::channel();
        let before = Some(std::mem::replace(last, next));
        Ok((joined, Turn { before, done }))
    }

    /// Leaves everything: the socket is gone. A server that stops waits for it.
    pub(super) fn end(self, peer: &Arc<Peer>, stopping: Option<&Stopping>) {
        for lane in self.0.into_values() {
            if let Some(joined) = lane.joined {
                let (peer, stopping) = (Arc::clone(peer), stopping.cloned());
                tokio::spawn(async move {
                    let _holds_up = stopping;
                    // What it had asked for is done before
                    ended(lane.last).await;
                    peer.leave(&joined).await;
                });
            }
        }
    }
}

impl Lane {
    /// Whether something is under way, or was joined: not where that was refused.
    fn is_there(&mut self) -> bool {
        let is_busy = matches!(self.last.try_recv(), Err(TryRecvError::Empty));
        let joined = self.joined.as_ref();
        is_busy || joined.is_some_and(|joined| joined.membership().is_some())
    }
}

/// When something is done that was asked of a channel.
struct Turn {
    /// Ends with what was asked before.
    before: Option<oneshot::Receiver<()>>,
    done: oneshot::Sender<()>,
}

impl Turn {
    /// Waits for it. What is returned is to be dropped when all is done.
    async fn comes(self) -> oneshot::Sender<()> {
        if let Some(before) = self.before {
            ended(before).await;
        }
        self.done
    }
}

/// Waits for the end of what was asked, which drops the other half.
async fn ended(mut last: oneshot::Receiver<()>) {
    // Most of the time it has: looking takes less than waiting for nothing
    if last.try_recv() == Err(TryRecvError::Empty) {
        let _ = last.await;
    }
}

/// Reads parameters out of JSON.
fn values(params: Entries) -> Result<Values> {
    let mut values = Values::default();
    for (name, json) in params {
        let value = Value::read(&json);
        let value = value.ok_or_else(|| {
            Error::invalid_field(
                crate::error::shorten(&name),
                "is no value that a parameter has",
            )
        })?;
        values.push(name, value);
    }
    Ok(values)
}

impl Peer {
    async fn join(
        &self,
        joined: &Arc<Joined>,
        since: Option<Position>,
        watches: bool,
        line: &Arc<Line>,
    ) -> Result<()> {
        let Joined { handler, cx, .. } = &**joined;
        let entered = self.within(joined.name, || async {
            joined.authorize().await?;
            let group = handler.group();
            handler.on_connect(cx).await?;
            Ok(group)
        });
        let group = entered.await?;
        let hub = &self.site.hub;
        let joining = Joining {
            line,
            id: joined.id,
            since: since.as_ref(),
            watches,
            standing: cx.standing(),
        };
        match bounded(&self.site, joined.name, hub.join(&group, joining)).await {
            Ok(membership) => *joined.membership() = Some(membership),
            Err(error) => {
                self.disconnected(joined).await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Ends a membership, unless it may go on. Returns whether it was ended.
    async fn dismiss(&self, joined: &Joined, line: &Line) -> bool {
        if joined.membership().is_none() {
            return false;
        }
        let Err(error) = self.within(joined.name, || joined.authorize()).await else {
            return false;
        };
        let membership = joined.membership().take();
        // It may have been left meanwhile
        if membership.is_some() {
            drop(membership);
            line.push(frame::left(joined.id, Some(&error)));
            return true;
        }
        false
    }

    async fn receive(
        &self,
        joined: &Joined,
        message: &str,
        key: Option<&str>,
        again: bool,
    ) -> Result<()> {
        let hub = &self.site.hub;
        let group = joined.group();
        let group = group
            .ok_or_else(|| Error::bad_request("the socket has joined nothing under this `id`"))?;
        if let Some(key) = key.filter(|_| again)
            && hub.has(&group, key).await?
        {
            // It arrived, and its answer was lost
            return Ok(());
        }
        let Joined { handler, cx, .. } = joined;
        let cx = cx.receiving(key);
        let work = joined.work().take().filter(Work::is_as_new);
        let work = work.unwrap_or_else(|| {
            let head = joined.head.get_or_init(|| owner_of((*self.parts).clone()));
            // It keeps count of its parts until then
            head.cleanup();
            Work::below(head, self.scope())
        });
        // What the handler itself provides ends with the message
        let part = work.owner.child();
        let received = self
            .run_in(&work, &part, joined.name, || handler.receive(&cx, message))
            .await;
        drop(part);
        work.owner.cleanup();
        *joined.work() = work.is_as_new().then_some(work);
        if let Some(text) = received? {
            hub.publish(&group, text, key).await?;
        }
        Ok(())
    }

    async fn leave(&self, joined: &Joined) {
        let membership = joined.membership().take();
        if membership.is_some() {
            drop(membership);
            self.disconnected(joined).await;
        }
    }

    async fn disconnected(&self, joined: &Joined) {
        let Joined { handler, cx, .. } = joined;
        // What goes wrong is logged where it does
        let _ = self
            .within(joined.name, || async {
                handler.on_disconnect(cx).await;
                Ok(())
            })
            .await;
    }

    /// Runs a handler's function as a call is: as the caller is now, for as long as that may take.
    async fn within<T, F>(&self, name: &'static str, run: impl FnOnce() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let work = Work::new(self.scope());
        work.provide((*self.parts).clone());
        self.run_in(&work, &work.owner, name, run).await
    }

    fn scope(&self) -> Scope {
        Scope::new(Arc::clone(&self.site), Way::Socket)
    }

    async fn run_in<T, F>(
        &self,
        work: &Work,
        owner: &Owner,
        name: &'static str,
        run: impl FnOnce() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        // Pinned here, and not moved through what is around it
        let ran = pin!(async {
            bearer::present(&work.scope, &self.parts.headers).await?;
            let (result, invalidated) = collect(in_owner(owner, run)).await;
            if result.is_ok() && !invalidated.is_empty() {
                work.scope.consequences().add(invalidated);
            }
            result
        });
        let result = bounded(&self.site, name, ran).await;
        // What a function that was called there made stale: seldom anything
        if !work.scope.consequences().is_empty() {
            Box::pin(Flush::publish(work)).await;
        }
        let result = commit(work, result).await;
        if let Err(error) = &result {
            log(name, error);
        }
        result
    }
}
