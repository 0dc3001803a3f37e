use super::{
    Cache, CachePolicy,
    facts::{Fact, Facts},
    memory::Stored,
    place::EVERYBODY,
};
use crate::{
    context::{Value, key_of},
    mutation::consequences::Stale,
    server::stale::Whose,
};
use bytes::Bytes;
use futures::FutureExt;
use metrics::{Gauge, GaugeFn};
use std::{
    hint::black_box,
    sync::{Arc, Mutex},
    time::Instant,
};

const CONTEXT: &str = "note";

fn scope(id: i64) -> Vec<(&'static str, Value)> {
    vec![("id", Value::Integer(id))]
}

/// A cache with so many answers in it.
fn filled(answers: i64) -> Cache {
    let cache = Cache::memory().max_bytes(u64::MAX);
    fill(&cache, answers);
    cache
}

fn fill(cache: &Cache, answers: i64) {
    for id in 0..answers {
        let value = Value::Integer(id);
        let key = key_of(CONTEXT, [("id", &value)]);
        let stored = Stored {
            text: Bytes::from_static(b"\"text\""),
            facts: Facts::new(),
            subject: EVERYBODY,
            read_at: cache.fences.now(),
            era: 0,
            since: Instant::now(),
            policy: CachePolicy::Forever,
        };
        cache.memory.insert(key.into(), Arc::new(stored));
    }
}

/// What it takes to end the answers of one instance, in nanoseconds.
fn purge_takes(cache: &Cache, answers: i64) -> f64 {
    const TIMES: u32 = 10_000;
    let batch = |batch| {
        let stale: Vec<_> = (0..i64::from(TIMES))
            .map(|index| Stale::of(CONTEXT, scope((index * 7919 + batch) % answers)))
            .collect();
        let started = Instant::now();
        for stale in &stale {
            let purged = cache.purge(std::iter::once(black_box(stale)), Whose::Unknown);
            purged.now_or_never().unwrap();
        }
        started.elapsed().as_nanos() as f64 / f64::from(TIMES)
    };
    let mut times: Vec<_> = (0..21).map(batch).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// `cargo xtask bench` runs this for release, and reads what it prints: nanoseconds among few
/// answers, and among many.
#[test]
fn a_purge_costs_the_same_whatever_is_kept() {
    // In a debug build the many would take half a minute
    let many = if cfg!(debug_assertions) {
        10_000
    } else {
        1_000_000
    };
    let [few, many] = [10, many].map(|answers| purge_takes(&filled(answers), answers));
    println!("measured {few:.0} {many:.0}");
    // In a debug build, by far; for release the bench has goals
    assert!(many < 100_000.0, "{few} {many}");
    assert!(many < 10.0 * few, "{few} {many}");
}

#[derive(Default)]
struct Seen(Mutex<f64>);

impl GaugeFn for Seen {
    fn increment(&self, value: f64) {
        *self.0.lock().unwrap() += value;
    }

    fn decrement(&self, value: f64) {
        *self.0.lock().unwrap() -= value;
    }

    fn set(&self, value: f64) {
        *self.0.lock().unwrap() = value;
    }
}

#[test]
fn what_is_said_of_the_memory_is_what_is_in_it() {
    let cache = Cache::memory().max_bytes(50_000);
    let seen = Arc::new(Seen::default());
    cache.memory.count(Gauge::from_arc(Arc::clone(&seen)));
    // What is replaced, what has to go, and what does not come in
    for answers in [10, 10, 1000, 20, 3000] {
        fill(&cache, answers);
        let facts = Facts::from([Fact::User]);
        cache.memory.depends("depends".into(), &facts);
        cache.memory.depends("note;id=1".into(), &facts);
        let taken = cache.memory.taken();
        assert!((1..=50_000).contains(&taken), "{taken}");
        assert_eq!(*seen.0.lock().unwrap(), taken as f64);
    }
}
