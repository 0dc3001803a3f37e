use governor::Quota;
use std::{num::NonZeroU32, time::Duration};

/// How often something may happen: a number of times, at once at most, in a time.
///
/// # Example
///
/// ```
/// use mizan::Rate;
///
/// let rate = Rate::per_minute(600); // the attribute's `rate = "600/min"`
/// # let _ = rate;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    times: NonZeroU32,
    period: Duration,
}

impl Rate {
    /// A number of times in a second.
    ///
    /// # Panics
    ///
    /// Where `times` is 0, as all of these.
    pub const fn per_second(times: u32) -> Self {
        Self::new(times, 1)
    }

    /// A number of times in a minute.
    pub const fn per_minute(times: u32) -> Self {
        Self::new(times, 60)
    }

    /// A number of times in an hour.
    pub const fn per_hour(times: u32) -> Self {
        Self::new(times, 60 * 60)
    }

    /// A number of times in a day.
    pub const fn per_day(times: u32) -> Self {
        Self::new(times, 24 * 60 * 60)
    }

    /// So many times as often.
    pub(crate) const fn times(self, factor: u32) -> Self {
        Self {
            times: self
                .times
                .saturating_mul(NonZeroU32::MIN.saturating_add(factor - 1)),
            ..self
        }
    }

    const fn new(times: u32, seconds: u64) -> Self {
        match NonZeroU32::new(times) {
            Some(times) => Self {
                times,
                period: Duration::from_secs(seconds),
            },
            None => panic!("a rate of 0 would let nothing through"),
        }
    }

    pub(super) fn quota(self) -> Quota {
        // At least a nanosecond: a minute of four billion is 14
        let one = (self.period / self.times.get()).max(Duration::from_nanos(1));
        match Quota::with_period(one) {
            Some(quota) => quota.allow_burst(self.times),
            None => Quota::per_second(self.times),
        }
    }
}
