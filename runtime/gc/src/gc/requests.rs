//! What the program and the background goroutines ask of the collector.

use super::*;

impl Gc {
    /// `runtime.GC`: returns when a cycle that began after the call is complete and swept.
    pub fn collect(&self, world: &dyn World) {
        if self.heap().config().null_collector {
            return;
        }
        let target = self
            .cycles()
            .wrapping_add(if self.phase() == Phase::Off { 1 } else { 2 });
        while (self.cycles().wrapping_sub(target) as i32) < 0 {
            if self.phase() == Phase::Off {
                if !self.try_start(world, Cause::Forced) {
                    world.yield_now();
                }
                continue;
            }
            self.background_mark(world, i64::MAX, false);
            if self.phase() == Phase::Mark {
                world.yield_now();
                self.try_finish(world);
            }
        }
        // Statistics that the caller reads next must include the cycle.
        let done = self.stats.cycles();
        while (self.stats.recorded().wrapping_sub(done) as i32) < 0 {
            world.yield_now();
        }
        self.finish_sweep(world);
        if self.heap().specials.pending.load(Ordering::Relaxed) != 0 {
            world.wake_finalizers();
        }
    }

    /// `debug.FreeOSMemory`.
    pub fn free_os_memory(&self, world: &dyn World) {
        self.collect(world);
        self.heap().scavenge_all();
    }

    /// The scheduler's monitor asks now and then: starts a cycle if there was none for two
    /// minutes.
    pub fn poll_periodic(&self, world: &dyn World) -> bool {
        self.pacer.percent.load(Ordering::Relaxed) >= 0
            && world.now() - self.stats.last_end_monotonic() > PERIOD
            && self.try_start(world, Cause::Periodic)
    }

    /// Sweeps some spans; false when nothing is left to take. For the background sweeper, which
    /// yields between calls.
    pub fn background_sweep(&self, world: &dyn World) -> bool {
        for _ in 0..32 {
            if self.heap().sweep_one().is_none() {
                if self.heap().specials.pending.load(Ordering::Relaxed) != 0 {
                    world.wake_finalizers();
                }
                return false;
            }
        }
        true
    }

    /// Gives a little memory back if more is retained than the next cycle will need; returns
    /// whether there is more to give. For the background scavenger, which sleeps in proportion to
    /// the time that this takes.
    pub fn background_scavenge(&self) -> bool {
        let goal = self.pacer.goal.load(Ordering::Relaxed);
        if goal == usize::MAX {
            return false;
        }
        // In-use pages hold the goal only with some fragmentation.
        let retain = goal + goal / 10;
        let excess = self.heap().scavenge_excess(retain);
        excess > 0 && self.heap().scavenge(excess.min(64 << 10)) > 0
    }

    /// `debug.SetGCPercent`: returns the old value.
    pub fn set_gc_percent(&self, world: &dyn World, percent: i32) -> i32 {
        let old = self.pacer.percent.swap(percent.max(-1), Ordering::Relaxed);
        world.stop_the_world(StopReason::Other);
        self.pacer.commit(self.limit_goal());
        world.start_the_world();
        old
    }

    /// `debug.SetMemoryLimit`: negative only reads. Returns the old value.
    pub fn set_memory_limit(&self, world: &dyn World, limit: i64) -> i64 {
        let old = self.heap().memory_limit.load(Ordering::Relaxed);
        if limit >= 0 {
            world.stop_the_world(StopReason::Other);
            self.heap().memory_limit.store(limit, Ordering::Relaxed);
            self.pacer.commit(self.limit_goal());
            world.start_the_world();
        }
        old
    }

    /// Bytes of heap that the memory limit leaves: the limit less everything that is not heap,
    /// less some headroom for what cannot be foreseen.
    pub(super) fn limit_goal(&self) -> usize {
        let limit = self.heap().memory_limit.load(Ordering::Relaxed);
        if limit == i64::MAX {
            return usize::MAX;
        }
        let limit = limit.max(0) as usize;
        let heap = self.heap();
        let other = heap
            .mapped_ready()
            .saturating_sub(heap.in_use_bytes() + heap.free_backed_bytes());
        // Slots that spans hold beyond live objects cannot be given to other classes.
        let fragmentation = heap
            .in_use_bytes()
            .saturating_sub(heap.live_bytes.load(Ordering::Relaxed))
            / 2;
        let left = limit.saturating_sub(other + fragmentation);
        left.saturating_sub((left / 100 * 3).max(1 << 20))
    }

    /// Takes a finalizer or cleanup that is due; `None` if there is none.
    pub fn take_due(&self) -> Option<rt_heap::Due> {
        self.heap().specials.take_due()
    }

    /// Out of memory, as Go reports it.
    pub fn oom_message(error: &OutOfMemory) -> impl core::fmt::Display + '_ {
        struct Message<'a>(&'a OutOfMemory);
        impl core::fmt::Display for Message<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(
                    f,
                    "runtime: out of memory: cannot allocate {}-byte block",
                    self.0.size
                )
            }
        }
        Message(error)
    }
}
