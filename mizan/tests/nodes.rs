//! The cache of several nodes that share a Redis: what one purges all others forget, also when the
//! wire is cut or Redis comes back with what it had before.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/layers.rs"]
mod layers;
#[path = "support/own_redis.rs"]
mod own_redis;
#[path = "support/proxy.rs"]
mod proxy;
mod support;

use axum::Router;
use futures::future::join_all;
use mizan::{Mizan, cache::Cache};
use own_redis::OwnRedis;
use proxy::Proxy;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{call, get, options};
use tokio::time::{sleep, timeout};

/// What both nodes' functions read, and how often they have.
#[derive(Clone, Default)]
struct World(Arc<Mutex<(i64, usize)>>);

impl World {
    fn read(&self) -> i64 {
        let mut world = self.0.lock().unwrap();
        world.1 += 1;
        world.0
    }

    fn write(&self, value: i64) {
        self.0.lock().unwrap().0 = value;
    }

    /// How often it was read since this was last asked.
    fn runs(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }
}

#[mizan::client(context = "local")]
async fn count(id: i64) -> mizan::Result<i64> {
    let _ = id;
    let value = mizan::state::<World>().read();
    sleep(Duration::from_millis(50)).await;
    Ok(value)
}

#[mizan::client(affects = Count)]
async fn set(id: i64, value: i64) -> mizan::Result<()> {
    let _ = id;
    mizan::state::<World>().write(value);
    Ok(())
}

async fn node(url: &str, world: &World) -> Router {
    let cache = Cache::connect(url).await.unwrap();
    let mizan = Mizan::new(options()).cache(cache);
    mizan.provide(world.clone()).api().unwrap()
}

async fn read(node: &Router) -> i64 {
    let answer = get(node, "/api/mizan/ctx/count?id=1").await;
    answer.json()["data"]["count"].as_i64().unwrap()
}

async fn write(node: &Router, value: i64) {
    let answer = call(node, "set", format!(r#"{{"id":1,"value":{value}}}"#)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// A Redis for all tests, and a name in it for each.
fn url() -> Option<String> {
    let url = layers::redis()?;
    Some(format!("{url}?prefix={}", uuid::Uuid::new_v4().simple()))
}

/// Waits until something is so.
async fn comes(what: &str, is_so: impl AsyncFn() -> bool) {
    let comes = async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(
        timeout(Duration::from_secs(10), comes).await.is_ok(),
        "{what}"
    );
}

#[tokio::test]
async fn what_one_purges_the_other_forgets() {
    let Some(url) = url() else { return };
    let world = World::default();
    let (one, two) = (node(&url, &world).await, node(&url, &world).await);
    for value in 1..20 {
        write(&one, value).await;
        // Redis has it, whoever asks; and what each keeps in memory goes within a moment
        assert_eq!(read(&one).await, value);
        comes("the other node's memory", async || {
            read(&two).await == value
        })
        .await;
        write(&two, -value).await;
        assert_eq!(read(&two).await, -value);
        comes("this node's memory", async || read(&one).await == -value).await;
    }
}

#[tokio::test]
async fn one_runs_it_for_all() {
    let Some(url) = url() else { return };
    let world = World::default();
    let (one, two) = (node(&url, &world).await, node(&url, &world).await);
    let readers = (0..1000).map(|reader| read([&one, &two][reader % 2]));
    join_all(readers).await;
    assert_eq!(world.runs(), 1);
    // A third node, which was not there
    read(&node(&url, &world).await).await;
    assert_eq!(world.runs(), 0);
}

#[tokio::test]
async fn a_node_that_is_cut_off_asks_functions_and_catches_up() {
    let Some(url) = url() else { return };
    let (server, prefix) = url.split_once('?').unwrap();
    let wire = Proxy::to(server).await;
    let world = World::default();
    let one = node(&format!("{}?{prefix}", wire.url), &world).await;
    let two = node(&url, &world).await;
    write(&one, 1).await;
    assert_eq!((read(&one).await, read(&two).await), (1, 1));
    wire.cut();
    // It notices
    comes("the cut", async || {
        world.runs();
        read(&one).await;
        world.runs() == 1
    })
    .await;
    // It does not hear of the other's purges, and says nothing old
    write(&two, 2).await;
    assert_eq!((read(&one).await, read(&two).await), (2, 2));
    // What it purges itself is noted, and done before it takes anything from there again
    write(&one, 3).await;
    assert_eq!(read(&one).await, 3);
    wire.heal();
    comes("the purge", async || read(&two).await == 3).await;
    for _ in 0..300 {
        assert_eq!(read(&one).await, 3);
        sleep(Duration::from_millis(1)).await;
    }
    comes("the cache is used again", async || {
        world.runs();
        read(&one).await;
        world.runs() == 0
    })
    .await;
    write(&two, 4).await;
    comes("its purges are heard again", async || read(&one).await == 4).await;
}

#[tokio::test]
async fn a_redis_that_comes_back_with_what_it_had_is_not_believed() {
    if layers::redis().is_none() {
        return;
    }
    let mut redis = OwnRedis::new();
    redis.start();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let world = World::default();
    let (one, two) = (node(&url, &world).await, node(&url, &world).await);
    write(&one, 1).await;
    assert_eq!(read(&two).await, 1);
    // Kept there with the answer, and without the purge that ends it
    redis.save();
    write(&one, 2).await;
    assert_eq!(read(&one).await, 2);
    redis.stop();
    write(&one, 3).await;
    for node in [&one, &two] {
        assert_eq!(read(node).await, 3);
    }
    redis.start();
    for _ in 0..400 {
        for node in [&one, &two] {
            assert_eq!(read(node).await, 3);
        }
    }
    comes("the cache is used again", async || {
        world.runs();
        read(&one).await;
        read(&two).await;
        world.runs() == 0
    })
    .await;
    write(&two, 4).await;
    comes("purges are heard again", async || read(&one).await == 4).await;
}

#[tokio::test]
async fn what_is_emptied_or_damaged_is_made_anew() {
    if layers::redis().is_none() {
        return;
    }
    let mut redis = OwnRedis::new();
    redis.start();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let world = World::default();
    let (one, two) = (node(&url, &world).await, node(&url, &world).await);
    write(&one, 1).await;
    assert_eq!(read(&one).await, 1);
    for damage in ["x", "mizan1 and whatever comes behind it", "null"] {
        let answers = redis.ask(&["--scan", "--pattern", "*:answer:*"]);
        assert_eq!(answers.len(), 1);
        redis.ask(&["set", &answers[0], damage]);
        // One that has nothing in its memory
        let three = node(&url, &world).await;
        assert_eq!(read(&three).await, 1, "{damage}");
        world.runs();
        assert_eq!(read(&node(&url, &world).await).await, 1);
        assert_eq!(world.runs(), 0, "it was replaced");
    }
    for kind in ["answer", "depends", "lease", "meta", "fences"] {
        for key in redis.ask(&["--scan", "--pattern", &format!("*:{kind}*")]) {
            redis.ask(&["del", &key]);
            redis.ask(&["lpush", &key, "not what it was"]);
        }
        write(&two, 2).await;
        comes(kind, async || {
            read(&one).await == 2 && read(&two).await == 2
        })
        .await;
        write(&one, 1).await;
        comes(kind, async || {
            read(&one).await == 1 && read(&two).await == 1
        })
        .await;
    }
    // Everything is gone, clock and fences as well
    redis.ask(&["flushall"]);
    write(&two, 3).await;
    comes("the other node's memory", async || read(&one).await == 3).await;
    write(&two, 4).await;
    assert_eq!(read(&two).await, 4);
    comes("the cache is used again", async || {
        world.runs();
        read(&one).await;
        read(&two).await;
        world.runs() == 0
    })
    .await;
}

#[tokio::test]
async fn a_purge_is_one_round_trip_whatever_is_kept() {
    if layers::redis().is_none() {
        return;
    }
    let mut redis = OwnRedis::new();
    redis.start();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let one = node(&url, &World::default()).await;
    write(&one, 1).await;
    join_all((0..200).map(async |id| {
        let path = format!("/api/mizan/ctx/count?id={id}");
        assert_eq!(get(&one, &path).await.status, 200);
    }))
    .await;
    redis.ask(&["config", "resetstat"]);
    write(&one, 2).await;
    // What a script does is counted too, and no round trip
    let commands = redis.ask(&["info", "commandstats"]);
    let of_scripts = |line: &&String| line.contains("_eval") || line.contains("_script");
    let scripts: Vec<_> = commands.iter().filter(of_scripts).collect();
    assert_eq!(scripts.len(), 1, "{commands:?}");
    assert!(
        scripts[0].starts_with("cmdstat_evalsha:calls=1,"),
        "{commands:?}"
    );
}

#[tokio::test]
async fn a_redis_that_made_room_has_not_forgotten_purges() {
    if layers::redis().is_none() {
        return;
    }
    let mut redis = OwnRedis::new();
    redis.start();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let world = World::default();
    let one = node(&url, &world).await;
    write(&one, 1).await;
    assert_eq!(read(&one).await, 1);
    // The answer is still there, and what says that it does not count is not
    write(&one, 2).await;
    let fences = redis.ask(&["--scan", "--pattern", "*:fences"]);
    redis.ask(&["del", &fences[0]]);
    assert_eq!(read(&node(&url, &world).await).await, 2);
    comes("the cache is used again", async || {
        world.runs();
        assert_eq!(read(&one).await, 2);
        world.runs() == 0
    })
    .await;
}

/// Says to all nodes that everything was purged, at a time that is far ahead.
fn purge_everything(redis: &OwnRedis, epoch: &str) {
    let slots: Vec<_> = (0..1 << 17).map(|slot: u32| slot.to_string()).collect();
    // What an argument of a program may be is bounded
    for slots in slots.chunks(10_000) {
        let text = format!("purge {epoch} 1000000 {}", slots.join(" "));
        redis.ask(&["publish", "{mizan:cache}:0", &text]);
    }
}

#[tokio::test]
async fn what_is_said_by_another_clock_is_not_believed() {
    if layers::redis().is_none() {
        return;
    }
    let mut redis = OwnRedis::new();
    redis.start();
    let world = World::default();
    let one = node(&format!("redis://127.0.0.1:{}", redis.port), &world).await;
    read(&one).await;
    world.runs();
    // Left in the node's memory alone
    let answers = redis.ask(&["--scan", "--pattern", "*:answer:*"]);
    redis.ask(&["del", &answers[0]]);
    purge_everything(&redis, &uuid::Uuid::new_v4().simple().to_string());
    sleep(Duration::from_millis(100)).await;
    read(&one).await;
    assert_eq!(world.runs(), 0);
    // As it would be
    let epoch = redis.ask(&["hget", "{mizan:cache}:meta", "epoch"]);
    purge_everything(&redis, &epoch[0]);
    comes("the purge", async || {
        read(&one).await;
        world.runs() == 1
    })
    .await;
}

#[tokio::test]
async fn the_seed_of_slots_is_secret_and_the_same_for_all() {
    if layers::redis().is_none() {
        return;
    }
    let mut redis = OwnRedis::new();
    redis.start();
    let url = format!("redis://127.0.0.1:{}", redis.port);
    let world = World::default();
    let seed = || redis.ask(&["hget", "{mizan:cache}:meta", "seed"])[0].clone();
    let one = node(&url, &world).await;
    let first = seed();
    assert!(first.parse::<u64>().is_ok(), "{first}");
    let two = node(&url, &world).await;
    assert_eq!(seed(), first);
    read(&two).await;
    // With another clock comes another seed, and what is purged meanwhile goes by that
    redis.ask(&["flushall"]);
    write(&one, 7).await;
    comes("the other node's memory", async || read(&two).await == 7).await;
    assert_ne!(seed(), first);
}
