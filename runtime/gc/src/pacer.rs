//! When to collect, and how much allocation has to pay for it.
//!
//! 1. Goal: the heap may grow to `marked + (marked + stacks + globals) * GOGC / 100`, at least
//!    4 MiB * GOGC / 100; not above what the memory limit leaves for the heap.
//! 2. Trigger: marking must begin early enough to end at the goal. While a share `u` of the CPU (a quarter, and what was idle in the last
//!    cycles) marks and the rest allocates, marking `scan` bytes lets the program allocate
//!    `cons_mark * (1 - u) / u * scan` bytes, where `cons_mark` is the ratio of allocation rate
//!    to marking rate per CPU second, as measured in the last cycles. Trigger = goal minus that,
//!    kept between 70 % and 95 % of the way from the marked heap to the goal.
//! 3. Assists: if background marking does not suffice, who allocates pays: each allocated byte
//!    costs `work left / bytes left until the goal` bytes of scanning. Background work is credit
//!    that assists use up first. Beyond the goal nobody allocates on credit: who has nothing to mark waits for the end of the phase,
//!    or for its beginning if the last one is just being ended.
//! 4. The expected scan work is that of the last cycle; when it is used up, the size of the
//!    heap at the cycle's start bounds it.
//!
//! 5. Limiter: with a memory limit that cannot be kept, collections would follow one another and
//!    assists would take all CPU. A leaky bucket holds the CPU time that the collector used minus
//!    what the program used; while it is full (one second per P), assists are off.
//!
//! Source: the design documents of Go's pacer ("GC Pacer Redesign", "Soft memory limit").

use rt_sync::atomic::{AtomicBool, AtomicF64, AtomicI32, AtomicI64, AtomicUsize, Ordering};

/// Share of the CPU that background marking takes.
pub const BACKGROUND_UTILIZATION: f64 = 0.25;
const MIN_HEAP: usize = 4 << 20;

/// Pacing state. Written with the world stopped, or under the start lock; read anywhere.
#[derive(Debug)]
pub struct Pacer {
    /// GOGC; negative = off.
    pub percent: AtomicI32,
    /// Heap size at which the next cycle begins.
    pub trigger: AtomicUsize,
    /// Heap size that the cycle should not exceed.
    pub goal: AtomicUsize,
    /// Bytes marked by the last cycle.
    pub marked: AtomicUsize,
    /// Bytes scanned by the last cycle.
    pub last_scan: AtomicUsize,
    /// Stack and global bytes among them.
    pub last_roots: AtomicUsize,
    cons_mark: AtomicF64,
    /// Share of the CPU that was idle otherwise and marked, in the last cycles.
    idle_share: AtomicF64,
    /// Scan work per allocated byte, now.
    assist_ratio: AtomicF64,
    /// Heap size when the current cycle began.
    pub live_at_start: AtomicUsize,
    /// When it began.
    pub started_at: AtomicI64,
    /// Goal of the current cycle, for the trace line.
    pub cycle_goal: AtomicUsize,
    /// The limiter's bucket, in CPU nanoseconds, and when it was last looked at.
    bucket: AtomicI64,
    bucket_at: AtomicI64,
    limited: AtomicBool,
}

impl Pacer {
    /// Before the first cycle.
    pub const fn new() -> Pacer {
        Pacer {
            percent: AtomicI32::new(100),
            trigger: AtomicUsize::new(MIN_HEAP * 7 / 10),
            goal: AtomicUsize::new(MIN_HEAP),
            marked: AtomicUsize::new(0),
            last_scan: AtomicUsize::new(0),
            last_roots: AtomicUsize::new(0),
            cons_mark: AtomicF64::new(0.0),
            idle_share: AtomicF64::new(0.0),
            assist_ratio: AtomicF64::new(0.0),
            live_at_start: AtomicUsize::new(0),
            started_at: AtomicI64::new(0),
            cycle_goal: AtomicUsize::new(0),
            bucket: AtomicI64::new(0),
            bucket_at: AtomicI64::new(0),
            limited: AtomicBool::new(false),
        }
    }

    /// Recomputes goal and trigger. `limit_goal`: most bytes of heap that the memory limit
    /// leaves, `usize::MAX` without one.
    pub fn commit(&self, limit_goal: usize) {
        let marked = self.marked.load(Ordering::Relaxed);
        let percent = self.percent.load(Ordering::Relaxed);
        let mut goal = usize::MAX;
        if percent >= 0 {
            let percent = percent as usize;
            let roots = self.last_roots.load(Ordering::Relaxed);
            let grow = (marked + roots) as u128 * percent as u128 / 100;
            goal = marked.saturating_add(grow.min(usize::MAX as u128 / 2) as usize);
            goal = goal.max(
                (MIN_HEAP as u128 * percent as u128 / 100).min(usize::MAX as u128 / 2) as usize,
            );
        }
        // At the limit every byte is paid for; below the marked heap no goal can help.
        goal = goal.min(limit_goal.max(marked + (64 << 10)));
        self.goal.store(goal, Ordering::Relaxed);
        if goal == usize::MAX {
            self.trigger.store(usize::MAX, Ordering::Relaxed);
            return;
        }
        let room = goal - marked.min(goal);
        let scan = self.last_scan.load(Ordering::Relaxed) as f64;
        let u = (BACKGROUND_UTILIZATION + self.idle_share.load()).min(0.95);
        let runway = (self.cons_mark.load() * (1.0 - u) / u * scan) as usize;
        let low = marked + room / 10 * 7;
        let high = marked + room / 100 * 95;
        self.trigger.store(
            goal.saturating_sub(runway).clamp(low.min(high), high),
            Ordering::Relaxed,
        );
    }

    /// A cycle begins.
    pub fn start(&self, live: usize, now: i64) {
        self.live_at_start.store(live, Ordering::Relaxed);
        self.started_at.store(now, Ordering::Relaxed);
        // A cycle forced early, or one that starts late, gets at least some room.
        let goal = self
            .goal
            .load(Ordering::Relaxed)
            .max(live + live / 20 + (64 << 10));
        self.cycle_goal.store(goal, Ordering::Relaxed);
        self.revise(live, 0);
    }

    /// Adapts the price of allocation to what is left to do.
    pub fn revise(&self, live: usize, scanned: usize) {
        let start = self.live_at_start.load(Ordering::Relaxed);
        let mut expected = self.last_scan.load(Ordering::Relaxed);
        if expected == 0 || scanned > expected / 20 * 19 {
            expected = start.max(scanned + scanned / 10);
        }
        let left = expected.saturating_sub(scanned).max(1000) as f64;
        let goal = self.cycle_goal.load(Ordering::Relaxed);
        // Past the goal: pay as if a twentieth more were allowed.
        let room = goal.saturating_sub(live).max(goal / 100).max(1 << 14) as f64;
        self.assist_ratio.store(left / room);
    }

    /// Whether assists are off because the collector has used too much CPU.
    pub fn limited(&self) -> bool {
        self.limited.load(Ordering::Relaxed)
    }

    /// Feeds the limiter: `busy` CPU nanoseconds of collector in the time until `now`.
    pub fn account(&self, busy: i64, now: i64, procs: usize) {
        let before = self.bucket_at.swap(now, Ordering::Relaxed);
        if before == 0 {
            return;
        }
        let capacity = procs as i64 * 1_000_000_000;
        let all = (now - before).max(0).saturating_mul(procs as i64);
        let bucket = (self.bucket.load(Ordering::Relaxed) + 2 * busy - all).clamp(0, capacity);
        self.bucket.store(bucket, Ordering::Relaxed);
        self.limited.store(bucket == capacity, Ordering::Relaxed);
    }

    /// Scan work owed for allocated bytes.
    pub fn debt(&self, bytes: usize) -> i64 {
        (bytes as f64 * self.assist_ratio.load()) as i64
    }

    /// Scan work per allocated byte.
    pub fn assist_ratio(&self) -> f64 {
        self.assist_ratio.load()
    }

    /// A cycle's mark phase ended: `marked` bytes survived, `scanned` bytes (of which `roots`
    /// in stacks and globals) were scanned in `busy` CPU nanoseconds (of which `idle` on Ps with nothing else to do), while `allocated`
    /// bytes were allocated, during `elapsed` nanoseconds on `procs` Ps.
    pub fn finish(
        &self,
        marked: usize,
        scanned: usize,
        roots: usize,
        allocated: usize,
        busy: i64,
        idle: i64,
        elapsed: i64,
        procs: usize,
    ) {
        self.marked.store(marked, Ordering::Relaxed);
        self.last_scan.store(scanned, Ordering::Relaxed);
        self.last_roots.store(roots, Ordering::Relaxed);
        if elapsed > 0 && scanned > 0 {
            let all = elapsed as f64 * procs as f64;
            let idle = (idle as f64 / all).clamp(0.0, 0.95);
            self.idle_share
                .store((self.idle_share.load() * 3.0 + idle) / 4.0);
            let u = (busy as f64 / all).clamp(0.05, 0.95);
            let now = allocated as f64 * u / (scanned as f64 * (1.0 - u));
            let old = self.cons_mark.load();
            self.cons_mark.store(if old == 0.0 {
                now
            } else {
                (old * 3.0 + now) / 4.0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(marked: usize, percent: i32, limit: usize) -> (usize, usize) {
        let pacer = Pacer::new();
        pacer.percent.store(percent, Ordering::Relaxed);
        pacer.marked.store(marked, Ordering::Relaxed);
        pacer.commit(limit);
        (
            pacer.trigger.load(Ordering::Relaxed),
            pacer.goal.load(Ordering::Relaxed),
        )
    }

    #[test]
    fn goal_follows_gogc_and_limit() {
        assert_eq!(committed(0, 100, usize::MAX).1, 4 << 20);
        assert_eq!(committed(100 << 20, 100, usize::MAX).1, 200 << 20);
        assert_eq!(committed(100 << 20, 50, usize::MAX).1, 150 << 20);
        assert_eq!(
            committed(100 << 20, -1, usize::MAX),
            (usize::MAX, usize::MAX)
        );
        assert_eq!(committed(100 << 20, -1, 120 << 20).1, 120 << 20);
        assert_eq!(
            committed(100 << 20, 100, 50 << 20).1,
            (100 << 20) + (64 << 10)
        );
        assert!(committed(1 << 20, i32::MAX, usize::MAX).1 > 1 << 40);
    }

    #[test]
    fn trigger_leaves_room_for_marking() {
        let (trigger, goal) = committed(100 << 20, 100, usize::MAX);
        assert!(trigger > 170 << 20 && trigger < goal);
        let pacer = Pacer::new();
        // Allocation outran marking: begin as early as allowed.
        pacer.finish(100 << 20, 100 << 20, 0, 300 << 20, 250, 0, 1000, 1);
        pacer.commit(usize::MAX);
        assert_eq!(
            pacer.trigger.load(Ordering::Relaxed),
            (100 << 20) + (100 << 20) / 10 * 7
        );
    }

    #[test]
    fn idle_processors_that_mark_let_cycles_begin_later() {
        let trigger = |idle| {
            let pacer = Pacer::new();
            for _ in 0..20 {
                pacer.finish(100 << 20, 100 << 20, 0, 8 << 20, 500, idle, 1000, 1);
            }
            pacer.commit(usize::MAX);
            pacer.trigger.load(Ordering::Relaxed)
        };
        assert!(trigger(400) > trigger(0));
    }

    #[test]
    fn limiter_turns_assists_off_and_on_again() {
        let pacer = Pacer::new();
        let second = 1_000_000_000;
        pacer.account(0, second, 2);
        for n in 2..10 {
            pacer.account(2 * second, n * second, 2);
        }
        assert!(pacer.limited());
        pacer.account(0, 10 * second, 2);
        assert!(!pacer.limited());
    }

    #[test]
    fn assists_get_dearer_towards_the_goal() {
        let pacer = Pacer::new();
        pacer.finish(100 << 20, 50 << 20, 0, 10 << 20, 250, 0, 1000, 1);
        pacer.commit(usize::MAX);
        pacer.start(180 << 20, 0);
        let early = pacer.debt(1000);
        pacer.revise(195 << 20, 10 << 20);
        assert!(pacer.debt(1000) > early);
    }
}
