//! Who is in which group, on all nodes.
//!
//! Each node knows its own members, and tells the others through the layer's signals: what has
//! changed, a few times a second at most, and with every beat which version of its members the
//! others should know. Who has missed something asks, and is told everything. A node that is not
//! heard any more is gone, and its members with it. So nothing is stored that could be left over.
//!
//! Nodes that have nothing to do with presence say nothing and remember nothing.

use crate::channel::layer::Layer;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};
use uuid::Uuid;

/// How long changes are collected before they are told.
const GATHER: Duration = Duration::from_millis(50);

/// How often a node says that it is there, and after which silence it is not.
const BEAT: Duration = Duration::from_secs(2);
const SILENCE: Duration = Duration::from_secs(6);

/// How many answers of a node may be under way at a time.
const MOST_ARRIVING: usize = 8;

/// How many bytes of members one signal carries, about.
const LARGEST_SIGNAL: usize = 256 * 1024;

/// What somebody says of themselves: JSON.
pub(crate) type Meta = Arc<RawValue>;

/// The members of a group, in the order in which they came.
type Members = BTreeMap<Arc<str>, Meta>;

/// What has changed in groups: a member's word, or `None` for one who has left.
type Changes = HashMap<Arc<str>, BTreeMap<Arc<str>, Option<Meta>>>;

#[derive(Debug)]
pub(crate) struct Presence {
    node: String,
    state: Mutex<State>,
    /// Told when those who watch on this node are to be told something.
    unseen: Notify,
    /// And when the other nodes are.
    untold: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Whether somebody on this node wants to know, or is there.
    takes_part: bool,
    here: Groups,
    /// Counts what the others were told of them.
    version: u64,
    /// Counts the times that everything was told.
    answers: u64,
    nodes: HashMap<String, Node>,
    /// What the others are to be told.
    untold: Changes,
    /// What those who watch on this node are to be told.
    unseen: Changes,
}

/// Another node, as far as it was heard.
#[derive(Debug)]
struct Node {
    /// `None` until it has told everything.
    version: Option<u64>,
    groups: Groups,
    /// The parts that have arrived of what it tells, by the answer that they belong to.
    arriving: Vec<(u64, Groups)>,
    heard: Instant,
}

#[derive(Debug, Default)]
struct Groups(HashMap<Arc<str>, Members>);

impl Groups {
    fn apply(&mut self, changes: Changes) {
        for (group, members) in changes {
            let known = self.0.entry(Arc::clone(&group)).or_default();
            for (member, meta) in members {
                match meta {
                    Some(meta) => known.insert(member, meta),
                    None => known.remove(&member),
                };
            }
            if known.is_empty() {
                self.0.remove(&group);
            }
        }
    }

    fn all(&self) -> Changes {
        let changes = |members: &Members| {
            let members = members.iter();
            members
                .map(|(member, meta)| (Arc::clone(member), Some(Arc::clone(meta))))
                .collect()
        };
        let groups = self.0.iter();
        groups
            .map(|(group, members)| (Arc::clone(group), changes(members)))
            .collect()
    }

    /// What it takes to make of these what the others are.
    fn difference(&self, others: &Self) -> Changes {
        let mut changes = others.all();
        for (group, members) in &self.0 {
            let known = others.0.get(group);
            let gone = members
                .keys()
                .filter(|member| known.is_none_or(|known| !known.contains_key(*member)));
            for member in gone {
                let changed = changes.entry(Arc::clone(group)).or_default();
                changed.insert(Arc::clone(member), None);
            }
        }
        changes
    }
}

/// What nodes say to one another.
#[derive(Debug, Serialize, Deserialize)]
struct Signal {
    node: String,
    /// That of the node's members, after this.
    version: u64,
    said: Said,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    /// The node is there.
    Beat,
    /// It wants to know everything of a node, or of all.
    Ask { of: Option<String> },
    /// Something has changed since the version before.
    Changes { groups: Changes },
    /// Everything as of the version, or a part of that.
    All {
        /// Which parts belong together: several answers may be under way.
        answer: u64,
        groups: Changes,
        is_last: bool,
    },
}

impl Presence {
    pub(super) fn new() -> Self {
        Self {
            node: Uuid::new_v4().simple().to_string(),
            state: Mutex::default(),
            unseen: Notify::new(),
            untold: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that somebody on this node has to do with presence. Returns whether that is new:
    /// then [`run`](Self::run) has to.
    pub(super) fn begin(&self) -> bool {
        !std::mem::replace(&mut self.state().takes_part, true)
    }

    /// Notes what a member of this node says of itself, or that it has left.
    pub(super) fn set(&self, group: &Arc<str>, member: &Arc<str>, meta: Option<Meta>) {
        let mut state = self.state();
        if meta.is_none() {
            let known = state.here.0.get(group);
            if known.is_none_or(|members| !members.contains_key(member)) {
                return;
            }
        }
        let changes = || {
            Changes::from([(
                Arc::clone(group),
                [(Arc::clone(member), meta.clone())].into(),
            )])
        };
        state.here.apply(changes());
        merge(&mut state.untold, changes());
        merge(&mut state.unseen, changes());
        drop(state);
        self.unseen.notify_one();
        self.untold.notify_one();
    }

    /// Everybody who is in a group, in the order in which they came.
    pub(super) fn members(&self, group: &str) -> Vec<(Arc<str>, Meta)> {
        let state = self.state();
        let nodes = state.nodes.values().map(|node| &node.groups);
        let groups = nodes.chain([&state.here]);
        let members = groups.filter_map(|groups| groups.0.get(group)).flatten();
        let members = members.map(|(member, meta)| (Arc::clone(member), Arc::clone(meta)));
        let mut members: Vec<_> = members.collect();
        members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        members
    }

    /// What those who watch are yet to be told.
    pub(super) fn take_unseen(&self) -> Changes {
        std::mem::take(&mut self.state().unseen)
    }

    /// Waits until those who watch are to be told something, and a moment longer.
    pub(super) async fn has_news(&self) {
        self.unseen.notified().await;
        tokio::time::sleep(GATHER).await;
    }

    /// Waits until the other nodes are to be told something; at the latest until the next beat.
    pub(super) async fn is_to_be_told(&self) {
        let _ = tokio::time::timeout(BEAT, self.untold.notified()).await;
        tokio::time::sleep(GATHER).await;
    }

    /// Tells the other nodes what has changed, and that this one is there.
    pub(super) async fn tell(&self, layer: &dyn Layer, last_beat: &mut Option<Instant>) {
        let mut signals = Vec::new();
        {
            let mut state = self.state();
            for groups in parts(std::mem::take(&mut state.untold)) {
                state.version += 1;
                signals.push(self.signal(state.version, Said::Changes { groups }));
            }
            let is_first = last_beat.is_none();
            if is_first {
                signals.push(self.signal(state.version, Said::Ask { of: None }));
            }
            if last_beat.is_none_or(|last| last.elapsed() >= BEAT) {
                *last_beat = Some(Instant::now());
                signals.push(self.signal(state.version, Said::Beat));
                if state.bury() {
                    self.unseen.notify_one();
                }
            }
        }
        self.say(layer, signals).await;
    }

    /// Says things in order. What can't be said is asked for by those who miss it.
    async fn say(&self, layer: &dyn Layer, signals: Vec<Bytes>) {
        for signal in signals {
            if layer.signal(signal).await.is_err() {
                return;
            }
        }
    }

    fn signal(&self, version: u64, said: Said) -> Bytes {
        let signal = Signal {
            node: self.node.clone(),
            version,
            said,
        };
        // Texts and JSON can be written
        serde_json::to_vec(&signal).unwrap_or_default().into()
    }

    /// Hears what a node says. Returns what is to be answered.
    pub(super) fn hear(&self, text: &[u8]) -> Vec<Bytes> {
        let Ok(Signal {
            node,
            version,
            said,
        }) = serde_json::from_slice(text)
        else {
            return Vec::new();
        };
        if node == self.node {
            return Vec::new();
        }
        let mut state = self.state();
        if !state.takes_part {
            return Vec::new();
        }
        let mut answers = Vec::new();
        match said {
            Said::Ask { of } if of.as_ref().is_none_or(|of| *of == self.node) => {
                let mut all = parts(state.here.all());
                if all.is_empty() {
                    all.push(Changes::new());
                }
                let last = all.len() - 1;
                state.answers += 1;
                let answer = state.answers;
                for (index, groups) in all.into_iter().enumerate() {
                    let said = Said::All {
                        answer,
                        groups,
                        is_last: index == last,
                    };
                    answers.push(self.signal(state.version, said));
                }
                // What was not told is in there, and comes again: that changes nothing
            }
            Said::Ask { .. } => {}
            Said::Beat | Said::Changes { .. } | Said::All { .. } => {
                if !state.take(&node, version, said) {
                    answers.push(self.signal(state.version, Said::Ask { of: Some(node) }));
                }
            }
        }
        let has_changed = !state.unseen.is_empty();
        drop(state);
        if has_changed {
            self.unseen.notify_one();
        }
        answers
    }
}

impl State {
    /// Takes what a node says of its members. Returns whether they are known now.
    fn take(&mut self, name: &str, version: u64, said: Said) -> bool {
        let node = self.nodes.entry(name.to_owned()).or_insert_with(|| Node {
            version: None,
            groups: Groups::default(),
            arriving: Vec::new(),
            heard: Instant::now(),
        });
        node.heard = Instant::now();
        match said {
            Said::Changes { groups } if node.version == Some(version.wrapping_sub(1)) => {
                node.version = Some(version);
                node.groups.apply(groups.clone());
                merge(&mut self.unseen, groups);
                true
            }
            Said::All {
                answer,
                groups,
                is_last,
            } => {
                if let Some((_, parts)) = node.arriving.iter_mut().find(|(of, _)| *of == answer) {
                    parts.apply(groups);
                } else {
                    let mut parts = Groups::default();
                    parts.apply(groups);
                    node.arriving.push((answer, parts));
                    if node.arriving.len() > MOST_ARRIVING {
                        node.arriving.remove(0);
                    }
                }
                if is_last {
                    let index = node.arriving.iter().position(|(of, _)| *of == answer);
                    let all = index.map(|index| node.arriving.remove(index).1);
                    // What it has changed since may have been faster
                    let is_news = node.version.is_none_or(|known| known <= version);
                    if let Some(all) = all.filter(|_| is_news) {
                        let changes = node.groups.difference(&all);
                        node.groups = all;
                        node.version = Some(version);
                        merge(&mut self.unseen, changes);
                    }
                }
                true
            }
            _ => node.version == Some(version),
        }
    }

    /// Forgets the nodes that were not heard for too long. Returns whether there were some.
    fn bury(&mut self) -> bool {
        let nodes = self.nodes.iter();
        let silent = nodes.filter(|(_, node)| node.heard.elapsed() > SILENCE);
        let silent: Vec<_> = silent.map(|(name, _)| name.clone()).collect();
        for name in &silent {
            self.lose(name);
        }
        !silent.is_empty()
    }

    fn lose(&mut self, name: &str) {
        if let Some(node) = self.nodes.remove(name) {
            let changes = node.groups.difference(&Groups::default());
            merge(&mut self.unseen, changes);
        }
    }
}

/// Adds later changes to earlier ones.
fn merge(earlier: &mut Changes, later: Changes) {
    for (group, members) in later {
        earlier.entry(group).or_default().extend(members);
    }
}

/// Changes in parts that a signal can carry.
fn parts(changes: Changes) -> Vec<Changes> {
    let mut parts = Vec::new();
    let (mut part, mut bytes) = (Changes::new(), 0);
    for (group, members) in changes {
        for (member, meta) in members {
            let size =
                group.len() + member.len() + meta.as_ref().map_or(4, |meta| meta.get().len());
            if bytes + size > LARGEST_SIGNAL && !part.is_empty() {
                parts.push(std::mem::take(&mut part));
                bytes = 0;
            }
            bytes += size;
            part.entry(Arc::clone(&group))
                .or_default()
                .insert(member, meta);
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(text: &str) -> Option<Meta> {
        let meta = RawValue::from_string(format!("{text:?}")).unwrap();
        Some(meta.into())
    }

    fn node() -> Presence {
        let presence = Presence::new();
        assert!(presence.begin());
        presence
    }

    /// What one would tell the others now.
    fn told(presence: &Presence) -> Vec<Bytes> {
        let mut state = presence.state();
        let parts = parts(std::mem::take(&mut state.untold));
        let mut signals = Vec::new();
        for groups in parts {
            state.version += 1;
            signals.push(presence.signal(state.version, Said::Changes { groups }));
        }
        signals
    }

    fn beat(presence: &Presence) -> Bytes {
        presence.signal(presence.state().version, Said::Beat)
    }

    fn names(presence: &Presence, group: &str) -> Vec<String> {
        let members = presence.members(group);
        members
            .iter()
            .map(|(member, meta)| format!("{member}={}", meta.get()))
            .collect()
    }

    fn key(text: &str) -> Arc<str> {
        text.into()
    }

    /// Has two nodes talk until nothing is left to say.
    fn talk(from: &Presence, to: &Presence, signals: Vec<Bytes>) {
        for signal in signals {
            let answers = to.hear(&signal);
            if !answers.is_empty() {
                talk(to, from, answers);
            }
        }
    }

    #[test]
    fn nodes_learn_of_one_anothers_members() {
        let (one, two) = (node(), node());
        one.set(&key("a"), &key("1"), meta("Ada"));
        two.set(&key("a"), &key("2"), meta("Bob"));
        // Nothing was heard of it before: everything is asked for
        talk(&one, &two, told(&one));
        assert_eq!(names(&two, "a"), ["1=\"Ada\"", "2=\"Bob\""]);
        talk(&two, &one, told(&two));
        assert_eq!(names(&one, "a"), names(&two, "a"));
        one.set(&key("a"), &key("1"), meta("Ada, typing"));
        talk(&one, &two, told(&one));
        assert_eq!(names(&two, "a")[0], "1=\"Ada, typing\"");
        one.set(&key("a"), &key("1"), None);
        one.set(&key("a"), &key("never there"), None);
        talk(&one, &two, told(&one));
        assert_eq!(names(&two, "a"), ["2=\"Bob\""]);
        assert!(names(&two, "b").is_empty());
    }

    #[test]
    fn what_was_missed_is_asked_for() {
        let (one, two) = (node(), node());
        one.set(&key("a"), &key("1"), meta("Ada"));
        talk(&one, &two, told(&one));
        one.set(&key("a"), &key("1"), None);
        one.set(&key("a"), &key("3"), meta("Cleo"));
        drop(told(&one));
        assert_eq!(names(&two, "a"), ["1=\"Ada\""]);
        two.take_unseen();
        talk(&one, &two, vec![beat(&one)]);
        assert_eq!(names(&two, "a"), ["3=\"Cleo\""]);
        let unseen = two.take_unseen();
        let unseen = &unseen["a"];
        assert!(unseen["1"].is_none());
        assert_eq!(unseen["3"].as_ref().unwrap().get(), "\"Cleo\"");
        assert!(two.hear(&beat(&one)).is_empty(), "everything is known");
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_is_silent_is_gone() {
        let (one, two) = (node(), node());
        one.set(&key("a"), &key("1"), meta("Ada"));
        talk(&one, &two, told(&one));
        tokio::time::advance(SILENCE / 2).await;
        two.state().bury();
        assert_eq!(names(&two, "a").len(), 1);
        talk(&one, &two, vec![beat(&one)]);
        tokio::time::advance(SILENCE / 4 * 3).await;
        two.state().bury();
        assert_eq!(names(&two, "a").len(), 1);
        two.take_unseen();
        tokio::time::advance(SILENCE).await;
        two.state().bury();
        assert!(names(&two, "a").is_empty());
        assert!(two.take_unseen()["a"]["1"].is_none());
        // It was cut off, and is back
        talk(&one, &two, vec![beat(&one)]);
        assert_eq!(names(&two, "a").len(), 1);
    }

    #[test]
    fn many_members_are_told_in_parts() {
        let (one, two) = (node(), node());
        let text = "x".repeat(1000);
        for number in 0..1000 {
            let member = key(&format!("{number:04}"));
            one.set(&key("a"), &member, meta(&text));
        }
        let signals = told(&one);
        assert!(signals.len() > 3);
        assert!(
            signals
                .iter()
                .all(|signal| signal.len() < 2 * LARGEST_SIGNAL)
        );
        talk(&one, &two, vec![beat(&one)]);
        assert_eq!(two.members("a").len(), 1000);
    }

    #[test]
    fn who_has_nothing_to_do_with_it_remembers_nothing() {
        let (one, two) = (node(), Presence::new());
        one.set(&key("a"), &key("1"), meta("Ada"));
        talk(&one, &two, told(&one));
        assert!(two.members("a").is_empty());
        assert!(two.state().nodes.is_empty());
        for nonsense in [
            "",
            "{}",
            "[]",
            r#"{"node":"x","version":1,"said":"nothing"}"#,
        ] {
            assert!(one.hear(nonsense.as_bytes()).is_empty());
        }
    }

    /// Two nodes ask at once; the answers are said by two tasks, a part at a time each.
    #[test]
    fn answers_that_cross_lose_nobody() {
        let (one, two) = (node(), node());
        let text = "x".repeat(1000);
        for number in 0..1000 {
            let meta = RawValue::from_string(format!("{text:?}")).unwrap();
            one.set(
                &"a".into(),
                &format!("{number:04}").as_str().into(),
                Some(meta.into()),
            );
        }
        {
            let mut state = one.state();
            state.untold.clear();
            state.version = 1;
        }
        let ask = two.signal(0, Said::Ask { of: None });
        let (first, second) = (one.hear(&ask), one.hear(&ask));
        assert!(first.len() > 2);
        for (a, b) in first.iter().zip(&second) {
            assert!(two.hear(a).is_empty());
            assert!(two.hear(b).is_empty());
        }
        // And no beat heals it
        let beat = one.signal(1, Said::Beat);
        let asked = two.hear(&beat);
        assert!(
            two.members("a").len() == 1000 || !asked.is_empty(),
            "{}",
            two.members("a").len()
        );
    }
}
