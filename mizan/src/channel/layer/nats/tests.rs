//! What becomes of a group when somebody does something to the stream.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use super::{Last, Nats};
use crate::channel::layer::{
    Layer, Limits,
    tests::{Node, Server, at},
};
use async_nats::jetstream::{
    self, Context,
    stream::{Config, StorageType},
};
use std::time::Duration;

/// Somebody who manages the server.
async fn manager(server: &Server) -> Context {
    let client = async_nats::connect(&server.url).await.unwrap();
    jetstream::new(client)
}

/// What the test's stream is called.
fn stream(server: &Server) -> &str {
    server.url.rsplit('/').next().unwrap()
}

/// A node, a group with one message, and another one that was found empty.
async fn groups(server: &Server, node: &Node) -> [(String, crate::channel::Position); 2] {
    let (group, empty) = (server.group(), server.group());
    node.layer.subscribe(&group).await.unwrap();
    let first = node.publish(&group, "1").await;
    node.heard(&group, 1).await;
    let found = node.position(&empty).await;
    [(group, first), (empty, found)]
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_that_an_emptied_stream_was_complete() {
    let Some(server) = Server::nats("emptied") else {
        return;
    };
    let node = server.node(Limits::default()).await;
    let [(group, first), (empty, found)] = groups(&server, &node).await;
    assert_eq!(node.missed(&empty, &found).await.unwrap().len(), 0);
    node.publish(&empty, "forgotten").await;
    let manager = manager(&server).await;
    let stream = manager.get_stream(stream(&server)).await.unwrap();
    stream.purge().await.unwrap();
    assert_eq!(node.missed(&group, &first).await, None);
    assert_eq!(node.missed(&empty, &found).await, None);
    // It goes on, in another epoch
    let next = node.publish(&group, "2").await;
    assert_eq!(next, at(&next.epoch, 1));
    assert_ne!(next.epoch, first.epoch);
    let heard = node.heard(&group, 2).await;
    assert_eq!((&heard[1].epoch, heard[1].offset), (&next.epoch, 1));
    assert_eq!(node.missed(&group, &first).await, None);
    assert_eq!(node.missed(&group, &next).await.unwrap().len(), 0);
    node.publish(&empty, "2").await;
    assert_eq!(node.missed(&empty, &found).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_vanished_is_made_again() {
    let Some(server) = Server::nats("vanished") else {
        return;
    };
    let node = server.node(Limits::default()).await;
    let [(group, first), (empty, found)] = groups(&server, &node).await;
    node.publish(&empty, "forgotten").await;
    let lost = node.told.borrow().lost;
    let manager = manager(&server).await;
    manager.delete_stream(stream(&server)).await.unwrap();
    node.wait(|told| told.lost > lost).await;
    assert_eq!(node.missed(&empty, &found).await, None);
    assert_eq!(node.missed(&group, &first).await, None);
    // Who finds it empty now is sure of that
    let anew = node.position(&empty).await;
    assert_eq!(node.missed(&empty, &anew).await.unwrap().len(), 0);

    manager.delete_stream(stream(&server)).await.unwrap();
    let next = node.publish(&group, "2").await;
    assert_eq!(next, at(&next.epoch, 1));
    assert_ne!(next.epoch, first.epoch);
    assert_eq!(node.heard(&group, 2).await[1].epoch, next.epoch);
    assert_eq!(node.missed(&empty, &anew).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_the_node_s_and_storage_is_the_manager_s() {
    const MOST_BYTES: i64 = 10_000;
    let Some(server) = Server::nats("managed") else {
        return;
    };
    let manager = manager(&server).await;
    let name = stream(&server);
    let _ = manager.delete_stream(name).await;
    let managed = Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.group.>"), format!("{name}.kept")],
        storage: StorageType::File,
        max_bytes: MOST_BYTES,
        republish: Some(jetstream::stream::Republish {
            source: format!("{name}.group.>"),
            destination: format!("{name}.told.>"),
            headers_only: false,
        }),
        ..Config::default()
    };
    manager.create_stream(managed).await.unwrap();
    for size in [100, 7] {
        let limits = Limits {
            size,
            age: Duration::from_secs(10),
        };
        let node = server.node(limits).await;
        let stream = manager.get_stream(name).await.unwrap();
        let config = &stream.cached_info().config;
        assert_eq!(config.max_messages_per_subject, size as i64);
        assert_eq!(config.max_age, limits.age);
        assert_eq!(config.storage, StorageType::File);
        assert_eq!(config.max_bytes, MOST_BYTES);
        let group = server.group();
        let first = node.publish(&group, "1").await;
        // It takes no more rather than forget
        let text = "x".repeat(4_000);
        let said = ["2", "3", "4"].map(|_| node.layer.publish(&group, text.clone().into(), None));
        let said = futures::future::join_all(said).await;
        let refused = said.iter().filter(|said| said.is_err()).count();
        assert!(refused > 0, "{said:?}");
        let missed = node.missed(&group, &first).await.unwrap();
        assert_eq!(missed.len(), 3 - refused);
        stream.purge().await.unwrap();
    }
    manager.delete_stream(name).await.unwrap();
}

/// A server that crashed may have forgotten the last message, and have given its number to another
/// one, before the node hears that it was started anew.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_an_earlier_run_is_not_gone_on_with() {
    let Some(server) = Server::nats("runs") else {
        return;
    };
    let nats = Nats::connect(&server.url, Limits::default()).await.unwrap();
    let group = server.group();
    let publish = async || nats.publish(&group, "1".into(), None).await.unwrap();
    let first = publish().await;
    let end = nats.node.end(&group);
    let known = end.last().unwrap();
    let of_earlier = |sequence| Last {
        position: Some(at("earlier", 7)),
        sequence,
        run: "earlier".to_owned(),
    };
    *end.lock() = Some(of_earlier(known.sequence));
    assert_eq!(publish().await, at(&first.epoch, 2));
    // Nor does a higher number keep it
    *end.lock() = Some(of_earlier(known.sequence + 1000));
    assert_eq!(publish().await, at(&first.epoch, 3));
    assert_eq!(end.last().unwrap().run, known.run);
    assert_eq!(publish().await, at(&first.epoch, 4));
}
