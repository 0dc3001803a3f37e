//! What only Redis has: names that applications share, and a set of keys.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use crate::channel::layer::{
    Limits,
    tests::{Node, Server},
};
use bytes::Bytes;
use fred::{
    clients::Client,
    prelude::{Builder, ClientLike, Config, SortedSetsInterface},
};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn applications_on_one_server_do_not_meet() {
    let Some(server) = Server::redis("applications") else {
        return;
    };
    let mut nodes = vec![server.node(Limits::default()).await];
    for end in ["?prefix=shop", "/1", "/1?prefix=shop"] {
        nodes.push(Node::connect(&format!("{}{end}", server.url), Limits::default()).await);
    }
    let group = server.group();
    for node in &nodes {
        node.layer.subscribe(&group).await.unwrap();
    }
    for (number, node) in nodes.iter().enumerate() {
        let text = Bytes::from(format!("\"{number}\""));
        let position = node.layer.publish(&group, text, Some("k")).await.unwrap();
        assert_eq!(position.offset, 1, "its own history, and its own keys");
        let signal = Bytes::from(format!("{group} {number}"));
        node.layer.signal(signal).await.unwrap();
    }
    // What was said to another one would have come before what comes now
    for node in &nodes {
        node.publish(&group, "2").await;
        node.layer
            .signal(Bytes::from(format!("{group} last")))
            .await
            .unwrap();
    }
    for (number, node) in nodes.iter().enumerate() {
        assert_eq!(node.heard(&group, 2).await.len(), 2);
        let last = Bytes::from(format!("{group} last"));
        node.wait(|told| told.signals.contains(&last)).await;
        let told = node.told.borrow();
        let signals = told
            .signals
            .iter()
            .filter(|signal| signal.starts_with(group.as_bytes()));
        let own = Bytes::from(format!("{group} {number}"));
        assert!(signals.eq([&own, &last]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_forgotten_with_their_messages() {
    let Some(server) = Server::redis("keys") else {
        return;
    };
    let limits = Limits {
        size: 3,
        age: Duration::from_secs(60),
    };
    let node = server.node(limits).await;
    let group = server.group();
    let set = format!("mizan:{{{group}}}:keys");
    let client: Client = Builder::from_config(Config::from_url(&server.url).unwrap())
        .build()
        .unwrap();
    client.init().await.unwrap();
    for number in 0..10 {
        let key = format!("k{number}");
        let text = Bytes::from_static(b"1");
        node.layer.publish(&group, text, Some(&key)).await.unwrap();
        let known: u64 = client.zcard(&set).await.unwrap();
        assert_eq!(known, (number + 1).min(3));
    }
    node.publish(&group, "2").await;
    assert_eq!(client.zcard::<u64, _>(&set).await.unwrap(), 2);
    assert!(!node.layer.has(&group, "k7").await.unwrap());
    assert!(node.layer.has(&group, "k8").await.unwrap());
}
