//! What each layer promises, as tests.

use super::{DEADLINE, Line, Node, Server, Told, at, few, proxy::Proxy, texts};
use crate::{
    Code,
    channel::{
        Position,
        layer::{Limits, Past},
    },
};
use bytes::Bytes;
use futures::future::join_all;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use uuid::Uuid;

pub(super) async fn messages_have_offsets_and_an_order(server: &Server) {
    let node = server.node(Limits::default()).await;
    let (group, other) = (server.group(), server.group());
    node.layer.subscribe(&group).await.unwrap();
    let epoch = node.publish(&group, "1").await.epoch;
    for number in 2..=5 {
        let position = node.publish(&group, &number.to_string()).await;
        assert_eq!(position, at(&epoch, number));
    }
    assert_eq!(node.publish(&other, "1").await.offset, 1);
    assert_eq!(node.texts(&group, 5).await, ["1", "2", "3", "4", "5"]);
    assert_eq!(node.position(&group).await, at(&epoch, 5));
    assert!(node.told.borrow().of(&other).next().is_none());
}

pub(super) async fn nodes_are_told_the_same(server: &Server) {
    let [one, two] = server.nodes(Limits::default()).await;
    let group = server.group();
    one.layer.subscribe(&group).await.unwrap();
    two.layer.subscribe(&group).await.unwrap();
    for number in 0..20 {
        let from = if number % 2 == 0 { &one } else { &two };
        let position = from.publish(&group, &number.to_string()).await;
        assert_eq!(position.offset, number + 1);
    }
    let heard = one.heard(&group, 20).await;
    assert_eq!(heard, two.heard(&group, 20).await);
    let numbers: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(one.texts(&group, 20).await, numbers);
    let epoch = &heard[0].epoch;
    assert_eq!(one.position(&group).await, at(epoch, 20));
    assert_eq!(two.position(&group).await, at(epoch, 20));
}

pub(super) async fn a_key_counts_once_while_its_message_is_there(server: &Server) {
    let [one, two] = server.nodes(few(3)).await;
    let (group, other) = (server.group(), server.group());
    for key in ["k", "", "a key: with spaces, \"quotes\" and \r\n lines"] {
        assert!(!one.layer.has(&other, key).await.unwrap());
    }
    let first = one.publish_once(&group, "1", "k").await;
    assert_eq!(first.offset, 1);
    assert_eq!(one.publish_once(&group, "again", "k").await, first);
    assert_eq!(two.publish_once(&group, "again", "k").await, first);
    assert_eq!(two.publish_once(&group, "2", "a b\r\nc").await.offset, 2);
    assert_eq!(
        one.publish_once(&group, "again", "a b\r\nc").await.offset,
        2
    );
    assert!(two.layer.has(&group, "k").await.unwrap());
    assert!(!two.layer.has(&group, "K").await.unwrap());
    assert!(!two.layer.has(&other, "k").await.unwrap());
    assert_eq!(two.publish_once(&other, "1", "k").await.offset, 1);
    // It is forgotten with its message
    one.publish(&group, "3").await;
    one.publish(&group, "4").await;
    assert!(!one.layer.has(&group, "k").await.unwrap());
    let anew = one.publish_once(&group, "5", "k").await;
    assert_eq!(anew, at(&first.epoch, 5));
    assert_eq!(two.publish_once(&group, "again", "k").await, anew);
    let missed = one.missed(&group, &at(&first.epoch, 2)).await;
    assert_eq!(missed.unwrap(), ["3", "4", "5"]);
}

pub(super) async fn who_comes_back_learns_what_they_missed(server: &Server) {
    let [one, two] = server.nodes(few(4)).await;
    let group = server.group();
    let empty = one.position(&group).await;
    assert_eq!(two.missed(&group, &empty).await.unwrap().len(), 0);
    let empty_there = two.past(&group, Some(&empty)).await.position;
    let epoch = one.publish(&group, "1").await.epoch;
    two.publish(&group, "2").await;
    for node in [&one, &two] {
        for empty in [&empty, &empty_there] {
            assert_eq!(node.missed(&group, empty).await.unwrap(), ["1", "2"]);
        }
        assert_eq!(node.missed(&group, &at(&epoch, 1)).await.unwrap(), ["2"]);
        assert_eq!(node.missed(&group, &at(&epoch, 2)).await.unwrap().len(), 0);
        let past = node.past(&group, Some(&at(&epoch, 1))).await;
        assert_eq!(past.position, at(&epoch, 2));
        for lost in [
            at(&epoch, 3),
            at(&epoch, u64::MAX),
            at("another", 1),
            at("", 0),
            at("@", 0),
            at("@1", 0),
            at("@99999999999999999999", 0),
            at(&empty.epoch, 1),
        ] {
            let past = node.past(&group, Some(&lost)).await;
            assert!(past.missed.is_none(), "{lost:?}");
            assert_eq!(past.position, at(&epoch, 2));
        }
    }
    // More than is kept
    for number in 3..=6 {
        one.publish(&group, &number.to_string()).await;
    }
    let missed = two.missed(&group, &at(&epoch, 2)).await;
    assert_eq!(missed.unwrap(), ["3", "4", "5", "6"]);
    assert_eq!(two.missed(&group, &at(&epoch, 1)).await, None);
    assert_eq!(two.missed(&group, &empty).await, None);
}

pub(super) async fn what_is_too_old_is_lost(server: &Server) {
    let limits = Limits {
        age: Duration::from_secs(1),
        ..Limits::default()
    };
    let [one, two] = server.nodes(limits).await;
    let group = server.group();
    let empty = one.position(&group).await;
    let first = one.publish(&group, "1").await;
    let before = at(&first.epoch, 0);
    assert_eq!(two.missed(&group, &before).await.unwrap(), ["1"]);
    let began = Instant::now();
    while two.missed(&group, &before).await.is_some() {
        assert!(began.elapsed() < DEADLINE, "it is still there");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(two.missed(&group, &empty).await, None);
    let second = two.publish(&group, "2").await;
    for node in [&one, &two] {
        assert_eq!(node.missed(&group, &before).await, None);
        assert_eq!(node.missed(&group, &empty).await, None);
        let missed = node.missed(&group, &first).await;
        // Who has seen the first one lacks the second one, and is told so or gets it
        let expected = (first.epoch == second.epoch).then(|| vec!["2".to_owned()]);
        assert_eq!(missed, expected);
    }
    assert!(first.epoch != second.epoch || second.offset == 2);
}

pub(super) async fn who_unsubscribes_is_told_no_more(server: &Server) {
    let node = server.node(Limits::default()).await;
    let group = server.group();
    // Not to be subscribed is no mistake
    node.layer.unsubscribe(&group).await;
    node.layer.subscribe(&group).await.unwrap();
    node.publish(&group, "1").await;
    node.heard(&group, 1).await;
    node.layer.unsubscribe(&group).await;
    node.publish(&group, "2").await;
    node.layer.subscribe(&group).await.unwrap();
    node.publish(&group, "3").await;
    let heard = node.heard(&group, 2).await;
    let offsets: Vec<_> = heard.iter().map(|line| line.offset).collect();
    assert_eq!(offsets, [1, 3]);
}

pub(super) async fn signals_reach_all_nodes(server: &Server) {
    let [one, two] = server.nodes(Limits::default()).await;
    let signals = [server.group(), server.group()].map(Bytes::from);
    one.layer.signal(signals[0].clone()).await.unwrap();
    two.layer.signal(signals[1].clone()).await.unwrap();
    for node in [&one, &two] {
        let has_all = |told: &Told| signals.iter().all(|signal| told.signals.contains(signal));
        node.wait(has_all).await;
    }
}

pub(super) async fn a_group_has_any_name(server: &Server) {
    let [one, two] = server.nodes(Limits::default()).await;
    let own = Uuid::new_v4().to_string();
    let long = "x".repeat(1000);
    let mut groups = vec![String::new()];
    for name in [
        "", " ", "a b", "a.b", ".", "..", "*", ">", "a.*", "a.>", "é", "日本", "🦀", "\"", "'",
        "{a}", "{", "}", "\\", "\r\n", "\t", "\0", "%", "%20", "=", "#", "$", "[a]", "?", &long,
    ] {
        groups.push(format!("{own}{name}"));
        groups.push(format!("{name}{own}"));
    }
    groups.sort_unstable();
    groups.dedup();
    // The one without a name is there for all runs
    let begun = two.position("").await.offset;
    for group in &groups {
        two.layer.subscribe(group).await.unwrap();
    }
    for (number, group) in groups.iter().enumerate() {
        let offset = if group.is_empty() { begun + 1 } else { 1 };
        let position = one.publish(group, &number.to_string()).await;
        assert_eq!(position.offset, offset, "{group:?}");
    }
    for (number, group) in groups.iter().enumerate() {
        let texts = two.texts(group, 1).await;
        assert_eq!(texts, [number.to_string()], "{group:?}");
        let line = two.heard(group, 1).await.remove(0);
        let before = at(&line.epoch, line.offset - 1);
        let missed = two.missed(group, &before).await;
        assert_eq!(missed.unwrap(), [number.to_string()], "{group:?}");
    }
}

pub(super) async fn large_messages_are_carried(server: &Server) {
    let [one, two] = server.nodes(Limits::default()).await;
    let group = server.group();
    two.layer.subscribe(&group).await.unwrap();
    let texts: Vec<_> = (0..4)
        .map(|number| number.to_string().repeat(500_000))
        .collect();
    let mut first = None;
    for text in &texts {
        let position = one.publish(&group, text).await;
        first.get_or_insert(position);
    }
    assert!(two.texts(&group, 4).await == texts);
    let missed = two.missed(&group, &first.unwrap()).await;
    assert!(missed.unwrap() == texts[1..]);
}

pub(super) async fn all_may_talk_at_once(server: &Server) {
    const EACH: usize = 200;
    let [one, two] = server.nodes(few(2 * EACH)).await;
    let group = server.group();
    one.layer.subscribe(&group).await.unwrap();
    two.layer.subscribe(&group).await.unwrap();
    let empty = one.position(&group).await;
    let talk = async |node: &Node, name: &str| {
        let mut positions = Vec::new();
        for number in 0..EACH {
            positions.push(node.publish(&group, &format!("{name} {number}")).await);
        }
        positions
    };
    let positions = join_all([talk(&one, "one"), talk(&two, "two")]).await;
    let mut offsets: Vec<_> = positions.iter().flatten().map(|at| at.offset).collect();
    offsets.sort_unstable();
    assert!(offsets.into_iter().eq(1..=2 * EACH as u64));
    let heard = one.texts(&group, 2 * EACH).await;
    assert_eq!(heard.len(), 2 * EACH);
    assert_eq!(heard, two.texts(&group, 2 * EACH).await);
    assert_eq!(heard, one.missed(&group, &empty).await.unwrap());
    for name in ["one", "two"] {
        let of_one = heard.iter().filter(|text| text.starts_with(name));
        let expected = (0..EACH).map(|number| format!("{name} {number}"));
        assert!(
            of_one.cloned().eq(expected),
            "each one's are in their order"
        );
    }
}

/// Many at once on one node, as its browsers are: it is told of all, or that some may be lost.
pub(super) async fn a_node_may_say_much_at_once(server: &Server) {
    const MESSAGES: usize = 100;
    let node = server.node(Limits::default()).await;
    let group = server.group();
    node.layer.subscribe(&group).await.unwrap();
    let lost = node.told.borrow().lost;
    let said = (0..MESSAGES).map(|number| {
        let (node, group) = (&node, &group);
        async move { node.publish(group, &number.to_string()).await.offset }
    });
    let mut offsets = join_all(said).await;
    offsets.sort_unstable();
    assert!(offsets.into_iter().eq(1..=MESSAGES as u64));
    node.wait(|told| told.of(&group).count() == MESSAGES || told.lost > lost)
        .await;
    let epoch = node.position(&group).await.epoch;
    let missed = node.missed(&group, &at(&epoch, 0)).await.unwrap();
    assert_eq!(missed.len(), MESSAGES);
}

/// Each gets what it missed, up to where it is told that the group is, while the group goes on.
pub(super) async fn many_come_back_at_once(server: &Server) {
    const BEFORE: u64 = 40;
    let node = server.node(Limits::default()).await;
    let group = server.group();
    let empty = node.position(&group).await;
    let epoch = node.publish(&group, "1").await.epoch;
    for number in 2..=BEFORE {
        node.publish(&group, &number.to_string()).await;
    }
    let come_back = async |since: Position| {
        let past = node.past(&group, Some(&since)).await;
        let end = past.position.offset;
        let expected = (since.offset + 1..=end).map(|number| number.to_string());
        assert!(texts(past).unwrap().into_iter().eq(expected), "{since:?}");
        assert!(end >= BEFORE);
    };
    let talk = async {
        for number in BEFORE + 1..BEFORE + 20 {
            node.publish(&group, &number.to_string()).await;
        }
    };
    let sinces = (0..200).map(|number| at(&epoch, number % (BEFORE + 1)));
    let sinces = sinces.chain(std::iter::repeat_n(empty, 50));
    futures::join!(talk, join_all(sinces.map(come_back)));
}

/// What the hub does about a loss: it asks what came since, until that is answered.
async fn recovered(node: &Node, group: &str, since: &Position) -> Past {
    let began = Instant::now();
    loop {
        match node.layer.past(group, Some(since)).await {
            Ok(past) => return past,
            Err(error) => assert!(began.elapsed() < DEADLINE, "{error}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

pub(super) async fn what_was_missed_while_cut_off_is_there_afterwards(server: &Server) {
    if server.url == "memory:" {
        return;
    }
    let proxy = Proxy::to(&server.url).await;
    let cut_off = Node::connect(&proxy.url, Limits::default()).await;
    let other = server.node(Limits::default()).await;
    let (group, quiet) = (server.group(), server.group());
    cut_off.layer.subscribe(&group).await.unwrap();
    cut_off.layer.subscribe(&quiet).await.unwrap();
    let empty = cut_off.position(&quiet).await;
    let first = other.publish(&group, "1").await;
    cut_off.heard(&group, 1).await;

    let lost = cut_off.told.borrow().lost;
    proxy.cut();
    other.publish(&group, "2").await;
    other.publish(&group, "3").await;
    let began = Instant::now();
    let refused = cut_off.layer.publish(&group, "x".into(), None);
    assert_eq!(refused.await.unwrap_err().code(), Code::Unavailable);
    assert!(began.elapsed() < Duration::from_secs(7), "it took too long");

    proxy.heal();
    cut_off.wait(|told| told.lost > lost).await;
    let past = recovered(&cut_off, &group, &first).await;
    let end = past.position.clone();
    let missed = texts(past).unwrap();
    // It may have been added, though it was not certain
    assert_eq!(missed[..2], ["2", "3"]);
    assert!(missed[2..].iter().all(|text| text == "x"));
    assert_eq!(end, at(&first.epoch, first.offset + missed.len() as u64));
    let past = recovered(&cut_off, &quiet, &empty).await;
    assert_eq!(texts(past).unwrap().len(), 0);
    // It goes on
    other.publish(&group, "from there").await;
    cut_off.publish(&group, "from here").await;
    let is_told = |text: &'static str| move |line: &Line| line.text == text;
    cut_off
        .wait(|told| {
            told.of(&group).any(is_told("from there")) && told.of(&group).any(is_told("from here"))
        })
        .await;
    let signal = Bytes::from(server.group());
    other.layer.signal(signal.clone()).await.unwrap();
    cut_off.wait(|told| told.signals.contains(&signal)).await;
}
