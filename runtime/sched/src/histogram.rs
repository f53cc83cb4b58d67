//! Histograms of durations, with the buckets of runtime/metrics: four steps for each power of two from 256 ns on, the same step
//! below. The overlay's `metricBuckets` has the boundaries.

use rt_sync::atomic::{AtomicU64, Ordering};

/// Number of buckets: below 0, four up to 256 ns, four for each power of two below 2^47 ns, the rest.
pub const BUCKETS: usize = 1 + 4 + 4 * (47 - 8) + 1;

/// The counts.
pub struct TimeHistogram([AtomicU64; BUCKETS]);

impl TimeHistogram {
    /// Empty.
    pub const fn new() -> TimeHistogram {
        TimeHistogram([const { AtomicU64::new(0) }; BUCKETS])
    }

    /// Counts a duration in nanoseconds.
    pub fn record(&self, nanos: i64) {
        self.0[bucket(nanos)].fetch_add(1, Ordering::Relaxed);
    }

    /// Calls `visit` with each bucket's number and count.
    pub fn for_each(&self, mut visit: impl FnMut(usize, u64)) {
        for (index, count) in self.0.iter().enumerate() {
            visit(index, count.load(Ordering::Relaxed));
        }
    }
}

fn bucket(nanos: i64) -> usize {
    let Ok(nanos) = u64::try_from(nanos) else {
        return 0;
    };
    if nanos < 256 {
        return 1 + (nanos / 64) as usize;
    }
    let power = nanos.ilog2() as usize;
    let step = (nanos >> (power - 2)) as usize & 3;
    (5 + (power - 8) * 4 + step).min(BUCKETS - 1)
}

/// How long stops of the world took.
pub struct Pauses {
    /// From the request until everybody stood.
    pub stopping: TimeHistogram,
    /// From the request until everybody went on.
    pub total: TimeHistogram,
}

impl Pauses {
    const fn new() -> Pauses {
        Pauses {
            stopping: TimeHistogram::new(),
            total: TimeHistogram::new(),
        }
    }
}

/// Stops for the collector.
pub static GC_PAUSES: Pauses = Pauses::new();
/// Other stops.
pub static OTHER_PAUSES: Pauses = Pauses::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_contiguous_and_ordered() {
        assert_eq!(
            [-1, 0, 63, 64, 255, 256, 319, 320, 511, 512, 639, 640].map(bucket),
            [0, 1, 1, 2, 4, 5, 5, 6, 8, 9, 9, 10]
        );
        assert_eq!(bucket(i64::MAX), BUCKETS - 1);
        assert_eq!(bucket((1 << 47) - 1), BUCKETS - 2);
        assert_eq!(bucket(1 << 47), BUCKETS - 1);
        let mut last = 0;
        for nanos in 0..100_000 {
            let this = bucket(nanos);
            assert!(this == last || this == last + 1);
            last = this;
        }
    }
}
