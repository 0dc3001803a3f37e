//! The groups that this node's sockets have joined.
//!
//! A message of the layer goes to every member of its group, in order. Its offsets have no gaps:
//! where one shows, or the layer says that it has lost something, the hub reads what it missed out
//! of the history, and holds back what comes meanwhile. What the history no longer has is told to
//! the members: they get a new `joined`, which says that nothing was recovered.

use super::{
    frames::{self, Frames},
    handler::Standing,
    line::Line,
    presence::{Meta, Presence},
};
use crate::{
    Result,
    channel::{
        Position,
        layer::{Event, Layer, Message, Past},
    },
};
use bytes::Bytes;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};
use tokio::sync::Semaphore;

/// How many groups are read at a time where something of all may be lost.
const MOST_RECOVERING: usize = 32;

/// How many messages of a group are held back while its history is read; beyond that it is read
/// again.
const MOST_HELD: usize = 10_000;

/// How long to wait before the history is asked again, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

pub(crate) struct Hub {
    layer: Box<dyn Layer>,
    groups: Mutex<HashMap<Arc<str>, Group>>,
    presence: Arc<Presence>,
    /// How many groups may be read at a time, when the layer has lost something of all.
    recovering: Arc<Semaphore>,
}

/// Somebody who joins a group.
#[derive(Clone, Copy)]
pub(crate) struct Joining<'a> {
    pub(crate) line: &'a Arc<Line>,
    /// What the socket calls the channel.
    pub(crate) id: u64,
    /// Up to where they know its messages.
    pub(crate) since: Option<&'a Position>,
    /// Whether they want to know who is there.
    pub(crate) watches: bool,
    pub(crate) standing: &'a Arc<Standing>,
}

/// Somebody on this node who follows a group, other than over a socket. It is called in order,
/// and does not block.
pub(super) trait Follower: Send + Sync {
    /// The group has another message.
    fn message(&self, message: &Message, epoch: &str);

    /// Messages before this position may have been lost.
    fn lost(&self, position: &Position);
}

struct Group {
    members: Vec<Member>,
    follower: Option<Weak<dyn Follower>>,
    /// Where the group is, as far as its members were told.
    at: At,
    /// What comes while the history is read; `None` while it is not.
    held: Option<Vec<(Arc<str>, Message)>>,
    /// Whether something may be lost that came after that began.
    lost_again: bool,
    /// Counts the readings: one that has been overtaken is of no use.
    reading: u64,
    /// Whether the layer tells of the group. Locked while that changes.
    subscribed: Arc<tokio::sync::Mutex<bool>>,
}

#[derive(Clone, Debug, PartialEq)]
struct At {
    epoch: Arc<str>,
    offset: u64,
}

impl At {
    fn move_to(&mut self, epoch: &Arc<str>, offset: u64) {
        // Counted once for each member, not for each message
        if !Arc::ptr_eq(&self.epoch, epoch) {
            self.epoch = Arc::clone(epoch);
        }
        self.offset = offset;
    }

    fn position(&self) -> Position {
        Position {
            epoch: self.epoch.as_ref().to_owned(),
            offset: self.offset,
        }
    }
}

#[derive(Debug)]
struct Member {
    line: Arc<Line>,
    id: u64,
    /// Whether it is told who is there.
    watches: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It waits for the past; this is what came meanwhile.
    Joining(Vec<(Arc<str>, Message)>),
    /// It has everything up to here.
    Joined(At),
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("layer", &self.layer)
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// Whether other nodes hear of what this one says.
    pub(crate) fn is_shared(&self) -> bool {
        self.layer.is_shared()
    }

    pub(crate) fn new(layer: Box<dyn Layer>) -> Arc<Self> {
        let hub = Arc::new(Self {
            layer,
            groups: Mutex::default(),
            presence: Arc::new(Presence::new()),
            recovering: Arc::new(Semaphore::new(MOST_RECOVERING)),
        });
        let listener = Arc::downgrade(&hub);
        hub.layer.listen(Arc::new(move |event| {
            if let Some(hub) = listener.upgrade() {
                hub.hear(event);
            }
        }));
        hub
    }

    /// Adds a message to a group; all its members get it, on every node.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached.
    pub(crate) async fn publish(
        &self,
        group: &str,
        text: Bytes,
        key: Option<&str>,
    ) -> Result<Position> {
        self.layer.publish(group, text, key).await
    }

    /// Whether a message with this key was added to a group a while ago.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached.
    pub(crate) async fn has(&self, group: &str, key: &str) -> Result<bool> {
        self.layer.has(group, key).await
    }

    /// Where a group is.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached.
    pub(crate) async fn position(&self, group: &str) -> Result<Position> {
        Ok(self.layer.past(group, None).await?.position)
    }

    /// Joins a group: from now on its messages go to the line, after what came since then.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached.
    pub(crate) async fn join(
        self: &Arc<Self>,
        group: &str,
        joining: Joining<'_>,
    ) -> Result<Membership> {
        let Joining {
            line,
            id,
            since,
            watches,
            standing,
        } = joining;
        if watches {
            self.attend();
        }
        let (membership, subscribed) = self.enter(group, joining);
        self.subscribe(&membership.group, &subscribed).await?;
        let past = match self.known(&membership.group, since) {
            Some(past) => past,
            None => self.layer.past(group, since).await?,
        };
        standing.arrive(self, &membership.group);
        if let Some(group) = self.groups().get_mut(&membership.group) {
            group.admit(line, id, past);
            if watches {
                line.push_apart(frames::present(
                    id,
                    &self.presence.members(&membership.group),
                ));
            }
        }
        Ok(membership)
    }

    /// Has the layer tell of a group, unless it does.
    async fn subscribe(
        self: &Arc<Self>,
        group: &Arc<str>,
        subscribed: &tokio::sync::Mutex<bool>,
    ) -> Result<()> {
        let mut subscribed = subscribed.lock().await;
        if !*subscribed {
            self.layer.subscribe(group).await?;
            let reading = self.groups().get(group).map(|group| group.reading);
            let past = self.layer.past(group, None).await?;
            self.recovered(group, reading, past);
            *subscribed = true;
        }
        Ok(())
    }

    /// Follows a group, as long as the follower is there. One that can't be followed yet is, as
    /// soon as the layer can be reached.
    pub(super) fn follow(self: &Arc<Self>, group: &str, follower: Weak<dyn Follower>) {
        let name: Arc<str> = group.into();
        let subscribed = {
            let mut groups = self.groups();
            let group = groups.entry(Arc::clone(&name)).or_insert_with(Group::new);
            group.follower = Some(follower);
            Arc::clone(&group.subscribed)
        };
        let hub = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut wait = FIRST_WAIT;
            while let Some(hub) = hub.upgrade() {
                if hub.subscribe(&name, &subscribed).await.is_ok() {
                    return;
                }
                drop(hub);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        });
    }

    /// The past of a group, where the layer need not be asked: nothing came since.
    ///
    /// Of an empty group it has to be, whose position says when it was looked at.
    fn known(&self, group: &Arc<str>, since: Option<&Position>) -> Option<Past> {
        let groups = self.groups();
        let group = groups.get(group)?;
        let is_known = group.held.is_none() && group.at.offset > 0;
        let position = is_known.then(|| group.at.position())?;
        match since {
            Some(since) if *since != position => None,
            _ => Some(Past {
                position,
                missed: since.map(|_| Vec::new()),
            }),
        }
    }

    /// Where a group is as far as this node has heard, which may be a moment behind; `None` where
    /// it does not follow it.
    pub(super) fn heard(&self, group: &str) -> Option<Position> {
        let groups = self.groups();
        let group = groups.get(group)?;
        (!group.at.epoch.is_empty()).then(|| group.at.position())
    }

    /// What came in a group since a position; `None` where some of that is lost.
    ///
    /// # Errors
    ///
    /// UNAVAILABLE where the layer can't be reached.
    pub(super) async fn missed(
        &self,
        group: &str,
        since: &Position,
    ) -> Result<Option<Vec<Message>>> {
        if self.heard(group).as_ref() == Some(since) {
            return Ok(Some(Vec::new()));
        }
        Ok(self.layer.past(group, Some(since)).await?.missed)
    }

    fn enter(
        self: &Arc<Self>,
        name: &str,
        joining: Joining<'_>,
    ) -> (Membership, Arc<tokio::sync::Mutex<bool>>) {
        let mut groups = self.groups();
        let name: Arc<str> = match groups.get_key_value(name) {
            Some((name, _)) => Arc::clone(name),
            None => name.into(),
        };
        let group = groups.entry(Arc::clone(&name)).or_insert_with(Group::new);
        group.members.push(Member {
            line: Arc::clone(joining.line),
            id: joining.id,
            watches: joining.watches,
            state: State::Joining(Vec::new()),
        });
        let membership = Membership {
            hub: Arc::downgrade(self),
            group: name,
            line: Arc::clone(joining.line),
            id: joining.id,
            standing: Arc::clone(joining.standing),
        };
        (membership, Arc::clone(&group.subscribed))
    }

    /// Notes what a member says of itself, or that it has left.
    pub(super) fn show(self: &Arc<Self>, group: &Arc<str>, member: &Arc<str>, meta: Option<Meta>) {
        if meta.is_some() {
            self.attend();
        }
        self.presence.set(group, member, meta);
    }

    /// Has to do with presence from now on.
    fn attend(self: &Arc<Self>) {
        if !self.presence.begin() {
            return;
        }
        let (hub, presence) = (Arc::downgrade(self), Arc::clone(&self.presence));
        tokio::spawn(async move {
            let mut last_beat = None;
            while let Some(hub) = hub.upgrade() {
                presence.tell(&*hub.layer, &mut last_beat).await;
                drop(hub);
                presence.is_to_be_told().await;
            }
        });
        // By itself: the layer may keep the other one waiting
        let (hub, presence) = (Arc::downgrade(self), Arc::clone(&self.presence));
        tokio::spawn(async move {
            loop {
                presence.has_news().await;
                let Some(hub) = hub.upgrade() else { return };
                hub.tell_those_who_watch();
            }
        });
    }

    fn tell_those_who_watch(&self) {
        for (name, changes) in self.presence.take_unseen() {
            let mut groups = self.groups();
            let Some(group) = groups.get_mut(&name) else {
                continue;
            };
            let changes: Vec<_> = changes.into_iter().collect();
            let mut frames = Frames::new(|id| frames::presence(id, &changes));
            for member in group.watching() {
                member.line.push(frames.of(member.id));
            }
        }
    }

    fn leave(self: &Arc<Self>, name: &Arc<str>, line: &Arc<Line>, id: u64) {
        let mut groups = self.groups();
        let Some(group) = groups.get_mut(name) else {
            return;
        };
        group.members.retain(|member| !member.is(line, id));
        if group.is_unused() {
            let (hub, name) = (Arc::clone(self), Arc::clone(name));
            tokio::spawn(async move { hub.forget(&name).await });
        }
    }

    /// Ends the subscription to a group that nobody has joined any more.
    async fn forget(&self, name: &Arc<str>) {
        let subscribed = match self.groups().get(name) {
            Some(group) => Arc::clone(&group.subscribed),
            None => return,
        };
        // Who joins meanwhile waits for it
        let mut subscribed = subscribed.lock().await;
        if !self.is_unused(name) {
            return;
        }
        *subscribed = false;
        self.layer.unsubscribe(name).await;
        let mut groups = self.groups();
        if let Some(group) = groups.get_mut(name) {
            if group.is_unused() {
                groups.remove(name);
            } else {
                // Nothing was told of it for a moment
                group.begin_reading();
            }
        }
    }

    fn is_unused(&self, name: &Arc<str>) -> bool {
        self.groups().get(name).is_none_or(Group::is_unused)
    }

    fn hear(self: &Arc<Self>, event: Event) {
        match event {
            Event::Message {
                group,
                epoch,
                message,
            } => {
                let mut groups = self.groups();
                if let Some(known) = groups.get_mut(&group)
                    && known.take(&epoch, message) == Taken::Gap
                {
                    self.recover(&group, known);
                }
            }
            Event::Lost => {
                for (name, group) in &mut *self.groups() {
                    self.recover(name, group);
                }
            }
            Event::Signal(text) => {
                let answers = self.presence.hear(&text);
                if !answers.is_empty() {
                    let hub = Arc::clone(self);
                    tokio::spawn(async move {
                        for answer in answers {
                            // It is asked for again where it does not arrive
                            let _ = hub.layer.signal(answer).await;
                        }
                    });
                }
            }
        }
    }

    /// Reads out of the history what a group may lack.
    fn recover(self: &Arc<Self>, name: &Arc<str>, group: &mut Group) {
        if group.held.is_some() {
            group.lost_again = true;
            return;
        }
        let reading = group.begin_reading();
        let since = group.at.position();
        let (hub, name) = (Arc::downgrade(self), Arc::clone(name));
        let recovering = Arc::clone(&self.recovering);
        tokio::spawn(async move {
            let mut wait = FIRST_WAIT;
            // Nobody closes it
            let _turn = recovering.acquire().await;
            while let Some(hub) = hub.upgrade() {
                match hub.layer.past(&name, Some(&since)).await {
                    Ok(past) => return hub.recovered(&name, Some(reading), past),
                    Err(_) if hub.is_unused(&name) => return,
                    Err(_) => {}
                }
                drop(hub);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        });
    }

    fn recovered(self: &Arc<Self>, name: &Arc<str>, reading: Option<u64>, past: Past) {
        let mut groups = self.groups();
        let Some(group) = groups.get_mut(name) else {
            return;
        };
        if Some(group.reading) != reading {
            return;
        }
        let held = group.held.take().unwrap_or_default();
        let mut lost = std::mem::take(&mut group.lost_again);
        let epoch: Arc<str> = past.position.epoch.as_str().into();
        match past.missed {
            Some(missed) => {
                for message in missed {
                    group.take(&epoch, message);
                }
            }
            None => {
                group.restart(At {
                    epoch,
                    offset: past.position.offset,
                });
                self.tell_who_is_there(name, group);
            }
        }
        for (epoch, message) in held {
            lost |= group.take(&epoch, message) == Taken::Gap;
        }
        if lost {
            self.recover(name, group);
        }
    }

    /// Tells all who watch who is there: their handles begin anew.
    fn tell_who_is_there(&self, name: &Arc<str>, group: &Group) {
        let mut watching = group.watching().peekable();
        if watching.peek().is_some() {
            let present = self.presence.members(name);
            let mut frames = Frames::new(|id| frames::present(id, &present));
            for member in watching {
                member.line.push_apart(frames.of(member.id));
            }
        }
    }

    fn groups(&self) -> MutexGuard<'_, HashMap<Arc<str>, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Done,
    /// Something is missing before it.
    Gap,
}

impl Group {
    /// One that the layer is yet to tell of.
    fn new() -> Self {
        Self {
            members: Vec::new(),
            follower: None,
            at: At {
                epoch: "".into(),
                offset: 0,
            },
            held: Some(Vec::new()),
            lost_again: false,
            reading: 0,
            subscribed: Arc::default(),
        }
    }

    fn is_unused(&self) -> bool {
        self.members.is_empty() && self.follower().is_none()
    }

    fn follower(&self) -> Option<Arc<dyn Follower>> {
        self.follower.as_ref().and_then(Weak::upgrade)
    }

    /// The members who are told who is there.
    fn watching(&self) -> impl Iterator<Item = &Member> {
        let members = self.members.iter();
        members.filter(|member| member.watches && member.has_joined())
    }

    /// Holds back what comes from now on, until the history was read. Returns which reading that
    /// is.
    fn begin_reading(&mut self) -> u64 {
        self.held = Some(Vec::new());
        self.lost_again = false;
        self.reading += 1;
        self.reading
    }

    /// Takes what the layer says came next.
    fn take(&mut self, epoch: &Arc<str>, message: Message) -> Taken {
        if let Some(held) = &mut self.held {
            if held.len() < MOST_HELD {
                held.push((Arc::clone(epoch), message));
            } else {
                self.lost_again = true;
            }
            return Taken::Done;
        }
        let is_same = self.at.epoch == *epoch;
        if is_same && message.offset <= self.at.offset {
            return Taken::Done;
        }
        // A history begins with its first message: the one before was empty, or is too long ago
        let expected = if is_same { self.at.offset + 1 } else { 1 };
        if message.offset != expected {
            return Taken::Gap;
        }
        self.at.move_to(epoch, message.offset);
        let begun = (!is_same).then_some(&**epoch);
        let mut frames = Frames::new(|id| frames::message(id, &message, begun));
        for member in &mut self.members {
            member.take(epoch, &message, &mut frames);
        }
        if let Some(follower) = self.follower() {
            follower.message(&message, epoch);
        }
        Taken::Done
    }

    /// Ends a member's joining.
    fn admit(&mut self, line: &Arc<Line>, id: u64, past: Past) {
        let Some(member) = self.members.iter_mut().find(|member| member.is(line, id)) else {
            return;
        };
        let Past { position, missed } = past;
        let epoch: Arc<str> = position.epoch.as_str().into();
        let at = At {
            epoch,
            offset: position.offset,
        };
        member
            .line
            .push(frames::joined(id, &position, missed.is_some()));
        member.line.replay(id, missed.unwrap_or_default());
        let state = std::mem::replace(&mut member.state, State::Joined(at));
        if let State::Joining(meanwhile) = state {
            for (epoch, message) in meanwhile {
                let begun = member.begins(&epoch).then_some(&*epoch);
                let mut frames = Frames::new(|id| frames::message(id, &message, begun));
                member.take(&epoch, &message, &mut frames);
            }
        }
    }

    /// Tells the members that what came before `at` is lost.
    fn restart(&mut self, at: At) {
        if let Some(follower) = self.follower().filter(|_| self.at != at) {
            follower.lost(&at.position());
        }
        for member in &mut self.members {
            let State::Joined(known) = &mut member.state else {
                continue;
            };
            if *known != at {
                *known = at.clone();
                member
                    .line
                    .push(frames::joined(member.id, &at.position(), false));
            }
        }
        self.at = at;
    }
}

impl Member {
    fn is(&self, line: &Arc<Line>, id: u64) -> bool {
        self.id == id && Arc::ptr_eq(&self.line, line)
    }

    /// Whether messages of this epoch are those of another history than it knows.
    fn begins(&self, epoch: &Arc<str>) -> bool {
        matches!(&self.state, State::Joined(at) if at.epoch != *epoch)
    }

    fn has_joined(&self) -> bool {
        matches!(self.state, State::Joined(_))
    }

    fn take<F: Fn(u64) -> axum::extract::ws::Utf8Bytes>(
        &mut self,
        epoch: &Arc<str>,
        message: &Message,
        frames: &mut Frames<F>,
    ) {
        match &mut self.state {
            State::Joining(meanwhile) => meanwhile.push((Arc::clone(epoch), message.clone())),
            State::Joined(at) => {
                // It has joined after this one
                if at.epoch == *epoch && message.offset <= at.offset {
                    return;
                }
                at.move_to(epoch, message.offset);
                self.line.push(frames.of(self.id));
            }
        }
    }
}

/// That a socket has joined a group; dropped, it leaves.
#[derive(Debug)]
pub(crate) struct Membership {
    hub: Weak<Hub>,
    group: Arc<str>,
    line: Arc<Line>,
    id: u64,
    standing: Arc<Standing>,
}

impl Membership {
    pub(crate) fn group(&self) -> &Arc<str> {
        &self.group
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.standing.depart();
        if let Some(hub) = self.hub.upgrade() {
            hub.leave(&self.group, &self.line, self.id);
        }
    }
}

#[cfg(test)]
mod tests;
