//! When something was last made stale.
//!
//! Every purge takes a number from one clock and writes it to the slots of what it purges; every
//! answer knows the clock's time from before it was read. An answer counts while none of its slots
//! has a later number. So a purge costs the same whatever is in the cache, and a read that began
//! before one can store what it likes: nobody will be given it.
//!
//! Slots are few and shared, by a hash with a secret seed. What is purged may take an answer with
//! it that it does not concern; the other way round does not happen. The seed is the clock's: where
//! another clock begins, slots are other ones, and none that was worked out before is of use.

use super::place::{Ended, Subject};
use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How many there are: a mebibyte of memory. With so many purges an answer is lost for nothing.
pub(super) const SLOTS: usize = 1 << 17;

/// The number of one of them.
pub(super) type Slot = u32;

/// A time of one clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Which clock that was.
    begun: u64,
    pub(super) time: u64,
}

pub(super) struct Fences {
    clock: AtomicU64,
    /// Twice how often the clock began anew; odd while it does.
    begun: AtomicU64,
    seed: AtomicU64,
    slots: Box<[AtomicU64]>,
}

/// A seed that nobody knows.
pub(super) fn seed() -> u64 {
    RandomState::new().hash_one(0)
}

impl Fences {
    pub(super) fn new() -> Self {
        Self {
            clock: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            seed: AtomicU64::new(seed()),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The slot of what a purge names, and of whose that is.
    pub(super) fn slot(&self, key: &str, subject: Subject) -> Slot {
        let hash = xxh3_64_with_seed(key.as_bytes(), self.seed.load(Ordering::SeqCst));
        let hash = hash ^ subject.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The remainder fits
        (hash % SLOTS as u64) as Slot
    }

    /// The time, for what is read from now on.
    pub(super) fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// The same, for what may be looked at when another clock has begun.
    pub(super) fn moment(&self) -> Moment {
        // In this order: a clock that begins in between is not the moment's
        let begun = self.begun.load(Ordering::SeqCst);
        let time = self.now();
        Moment { begun, time }
    }

    /// Whether the clock is still the moment's.
    pub(super) fn is_of(&self, moment: Moment) -> bool {
        moment.begun.is_multiple_of(2) && self.begun.load(Ordering::SeqCst) == moment.begun
    }

    /// Whether nothing of it was made stale since a moment.
    pub(super) fn is_current_since(
        &self,
        slots: impl Iterator<Item = Slot>,
        moment: Moment,
    ) -> bool {
        // In this order: slots that were emptied are another clock's
        self.is_current(slots, moment.time) && self.is_of(moment)
    }

    /// Ends what was read before now.
    pub(super) fn end(&self, ended: &[Ended]) {
        let slots: Vec<_> = ended.iter().map(|ended| ended.slot(self)).collect();
        let now = self.tick();
        self.mark(&slots, now);
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn mark(&self, slots: &[Slot], time: u64) {
        for slot in slots.iter().filter(|slot| (**slot as usize) < SLOTS) {
            self.slots[*slot as usize].fetch_max(time, Ordering::SeqCst);
        }
    }

    /// Ends what was read before a time of the clock's.
    #[cfg_attr(
        not(feature = "redis"),
        expect(dead_code, reason = "one process has one clock")
    )]
    pub(super) fn raise_to(&self, slots: &[Slot], time: u64) {
        self.clock.fetch_max(time, Ordering::SeqCst);
        self.mark(slots, time);
    }

    /// Begins anew with another clock, for answers of which none was read before now.
    #[cfg_attr(
        not(feature = "redis"),
        expect(dead_code, reason = "one process has one clock")
    )]
    pub(super) fn begin(&self, time: u64, seed: u64) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.seed.store(seed, Ordering::SeqCst);
        for slot in &self.slots {
            slot.store(0, Ordering::SeqCst);
        }
        self.clock.store(time, Ordering::SeqCst);
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether nothing of it was made stale since.
    pub(super) fn is_current(&self, mut slots: impl Iterator<Item = Slot>, read_at: u64) -> bool {
        slots.all(|slot| self.slots[slot as usize].load(Ordering::SeqCst) <= read_at)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::place::EVERYBODY, *};

    /// What is read and written, the cache, and what each of those who use them does next.
    struct World {
        fences: Fences,
        source: u64,
        /// The answer that is kept, and the clock's time from before it was read.
        kept: Option<(u64, u64)>,
        /// The last value that was written and then purged for.
        settled: u64,
        writers: [Writer; 2],
        readers: [Reader; 2],
    }

    #[derive(Clone, Copy, Default)]
    struct Writer {
        step: usize,
        wrote: u64,
        time: u64,
    }

    #[derive(Clone, Copy, Default)]
    struct Reader {
        step: usize,
        read_at: u64,
        value: u64,
    }

    const SLOT: Slot = 7;

    fn ended(key: &str) -> Ended {
        Ended {
            key: key.to_owned(),
            subject: EVERYBODY,
        }
    }

    impl World {
        fn new() -> Self {
            Self {
                fences: Fences {
                    clock: AtomicU64::new(0),
                    begun: AtomicU64::new(0),
                    seed: AtomicU64::new(0),
                    slots: (0..8).map(|_| AtomicU64::new(0)).collect(),
                },
                source: 0,
                kept: None,
                settled: 0,
                writers: Default::default(),
                readers: Default::default(),
            }
        }

        /// What somebody is answered who asks now.
        fn look(&self) -> Option<u64> {
            let (value, read_at) = self.kept?;
            let is_current = self.fences.is_current([SLOT].into_iter(), read_at);
            is_current.then_some(value)
        }

        /// One step of somebody's; each is one that nothing comes between.
        fn step(&mut self, who: usize) {
            if who < 2 {
                let writer = &mut self.writers[who];
                match writer.step {
                    0 => {
                        self.source += 1;
                        writer.wrote = self.source;
                    }
                    1 => writer.time = self.fences.tick(),
                    _ => {
                        self.fences.mark(&[SLOT], writer.time);
                        self.settled = self.settled.max(writer.wrote);
                    }
                }
                writer.step += 1;
            } else {
                let reader = &mut self.readers[who - 2];
                match reader.step {
                    0 => reader.read_at = self.fences.now(),
                    1 => reader.value = self.source,
                    // Also an older one in place of a newer
                    _ => self.kept = Some((reader.value, reader.read_at)),
                }
                reader.step += 1;
            }
            if let Some(answer) = self.look() {
                assert!(answer >= self.settled, "{answer} after {}", self.settled);
            }
        }
    }

    /// Two who write and purge, and two who read and keep what they read, in every order that there
    /// is of their steps: nobody is given what is older than a purge that has ended.
    #[test]
    fn no_order_of_steps_brings_an_old_answer_back() {
        fn orders(left: [usize; 4], order: &mut Vec<usize>, run: &mut impl FnMut(&[usize])) {
            if left == [0; 4] {
                run(order);
            }
            for who in 0..4 {
                if left[who] > 0 {
                    let mut left = left;
                    left[who] -= 1;
                    order.push(who);
                    orders(left, order, run);
                    order.pop();
                }
            }
        }
        let (mut count, mut hits) = (0, 0);
        orders([3; 4], &mut Vec::new(), &mut |order| {
            let mut world = World::new();
            for who in order {
                world.step(*who);
            }
            count += 1;
            hits += usize::from(world.look().is_some());
        });
        // 12! / 3!^4, and some of them keep an answer
        assert_eq!(count, 369_600);
        assert!(hits > 40_000, "{hits}");
    }

    #[test]
    fn what_began_by_another_clock_is_not_current() {
        let fences = Fences::new();
        let note = ended("note");
        let slot = || [note.slot(&fences)].into_iter();
        (0..10).for_each(|_| fences.end(std::slice::from_ref(&note)));
        let before = fences.moment();
        assert!(fences.is_current_since(slot(), before));
        fences.begin(0, 1);
        // Of the new clock, and far from the time that it was by the old one
        fences.end(std::slice::from_ref(&note));
        assert!(!fences.is_current_since(slot(), before));
        assert!(fences.is_current_since(slot(), fences.moment()));
    }

    #[test]
    fn which_slots_meet_nobody_knows_from_outside() {
        let fences = Fences::new();
        let slot = fences.slot("note;id=1", 0);
        assert_eq!(fences.slot("note;id=1", 0), slot);
        let elsewhere = |_| Fences::new().slot("note;id=1", 0);
        assert!((0..4).map(elsewhere).any(|other| other != slot));
        let with_seed = |seed| {
            fences.begin(0, seed);
            fences.slot("note;id=1", 0)
        };
        assert_eq!(with_seed(1), with_seed(1));
        assert_ne!(with_seed(1), with_seed(2));
    }

    #[test]
    fn a_purge_ends_what_was_read_before_it_alone() {
        let fences = Fences::new();
        let before = fences.now();
        let [one, two, three] = ["one", "two", "three"].map(ended);
        fences.end(&[one.clone(), two.clone()]);
        let after = fences.now();
        let is_current =
            |ended: &Ended, time| fences.is_current([ended.slot(&fences)].into_iter(), time);
        for ended in [one, two] {
            assert!(!is_current(&ended, before));
            assert!(is_current(&ended, after));
        }
        assert!(is_current(&three, before));
    }
}
