//! Pauses, totals and the trace line.

use crate::world::World;
use core::cell::UnsafeCell;
use rt_sync::atomic::{AtomicF64, AtomicI64, AtomicU32, AtomicU64, Ordering};

/// Pauses remembered, as in `runtime.MemStats`.
pub const PAUSES: usize = 256;

/// What a finished cycle did.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct CycleTrace {
    pub heap_start: usize,
    pub heap_end: usize,
    pub heap_marked: usize,
    pub goal: usize,
    pub stack_bytes: usize,
    pub global_bytes: usize,
    pub background_ns: i64,
    pub idle_ns: i64,
    pub assist_ns: i64,
    /// From the end of the first stop to the last.
    pub mark_ns: i64,
    pub procs: usize,
    pub forced: bool,
}

/// Statistics of the collector.
#[derive(Debug)]
pub struct GcStats {
    began: AtomicI64,
    cycles: AtomicU32,
    /// Cycles whose pauses are recorded: follows `cycles` as soon as the world has started again.
    recorded: AtomicU32,
    /// Pause of the cycle in progress (both stops, and vain attempts to end).
    cycle_pause: AtomicI64,
    /// First stop of the cycle in progress.
    first_pause: AtomicI64,
    /// Nanoseconds of all pauses.
    pub pause_total: AtomicU64,
    /// Longest single stop of the world.
    pub pause_max: AtomicI64,
    /// Ring: total pause of cycle n at `n % PAUSES`.
    pauses: [AtomicU64; PAUSES],
    /// Ring: wall clock end of cycle n.
    pause_ends: [AtomicU64; PAUSES],
    /// Monotonic end of the last cycle.
    last_end: AtomicI64,
    /// CPU nanoseconds in all cycles: background, idle, assists, pauses times Ps.
    pub cpu_background: AtomicI64,
    #[allow(missing_docs)]
    pub cpu_idle: AtomicI64,
    #[allow(missing_docs)]
    pub cpu_assist: AtomicI64,
    #[allow(missing_docs)]
    pub cpu_pause: AtomicI64,
    /// Share of the CPU that the collector has taken since start.
    pub cpu_fraction: AtomicF64,
    /// Single stops of the world by length: bucket i counts those below 2^i microseconds.
    pub pause_histogram: [AtomicU64; 24],
    last: UnsafeCell<CycleTrace>,
    procs: AtomicU32,
}

// SAFETY: `last` is written with the world stopped under the start lock and read under it.
unsafe impl Sync for GcStats {}

impl GcStats {
    /// All zero.
    pub const fn new() -> GcStats {
        GcStats {
            began: AtomicI64::new(0),
            cycles: AtomicU32::new(0),
            recorded: AtomicU32::new(0),
            cycle_pause: AtomicI64::new(0),
            first_pause: AtomicI64::new(0),
            pause_total: AtomicU64::new(0),
            pause_max: AtomicI64::new(0),
            pauses: [const { AtomicU64::new(0) }; PAUSES],
            pause_ends: [const { AtomicU64::new(0) }; PAUSES],
            last_end: AtomicI64::new(0),
            cpu_background: AtomicI64::new(0),
            cpu_idle: AtomicI64::new(0),
            cpu_assist: AtomicI64::new(0),
            cpu_pause: AtomicI64::new(0),
            cpu_fraction: AtomicF64::new(0.0),
            pause_histogram: [const { AtomicU64::new(0) }; 24],
            last: UnsafeCell::new(CycleTrace {
                heap_start: 0,
                heap_end: 0,
                heap_marked: 0,
                goal: 0,
                stack_bytes: 0,
                global_bytes: 0,
                background_ns: 0,
                idle_ns: 0,
                assist_ns: 0,
                mark_ns: 0,
                procs: 1,
                forced: false,
            }),
            procs: AtomicU32::new(1),
        }
    }

    /// The program starts.
    pub(crate) fn begin(&self, now: i64) {
        self.began.store(now, Ordering::Relaxed);
        self.last_end.store(now, Ordering::Relaxed);
    }

    /// A stop of the world is over. `more`: the cycle will stop it again.
    pub(crate) fn add_pause(&self, from: i64, to: i64, more: bool) {
        let pause = (to - from).max(1);
        self.pause_max.fetch_max(pause, Ordering::Relaxed);
        let bucket = (64 - (pause as u64 / 1000).leading_zeros()) as usize;
        self.pause_histogram[bucket.min(23)].fetch_add(1, Ordering::Relaxed);
        self.pause_total.fetch_add(pause as u64, Ordering::Relaxed);
        self.cpu_pause.fetch_add(
            pause * self.procs.load(Ordering::Relaxed) as i64,
            Ordering::Relaxed,
        );
        if more {
            if self.cycle_pause.fetch_add(pause, Ordering::Relaxed) == 0 {
                self.first_pause.store(pause, Ordering::Relaxed);
            }
            return;
        }
        let total = self.cycle_pause.swap(0, Ordering::Relaxed) + pause;
        // `note_cycle` counted the cycle already.
        let index = self.cycles.load(Ordering::Relaxed).wrapping_sub(1) as usize % PAUSES;
        let wall = rt_os::time::walltime();
        self.pauses[index].store(total as u64, Ordering::Relaxed);
        self.pause_ends[index].store(
            wall.sec as u64 * 1_000_000_000 + wall.nsec as u64,
            Ordering::Relaxed,
        );
        self.last_end.store(to, Ordering::Relaxed);
        self.recorded
            .store(self.cycles.load(Ordering::Relaxed), Ordering::Release);
        let busy = self.cpu_background.load(Ordering::Relaxed)
            + self.cpu_assist.load(Ordering::Relaxed)
            + self.cpu_pause.load(Ordering::Relaxed);
        let all = (to - self.began.load(Ordering::Relaxed)).max(1)
            * self.procs.load(Ordering::Relaxed) as i64;
        self.cpu_fraction.store(busy as f64 / all as f64);
    }

    /// A cycle's marking is complete; world stopped.
    pub(crate) fn note_cycle(&self, trace: CycleTrace) {
        self.procs.store(trace.procs as u32, Ordering::Relaxed);
        self.cpu_background
            .fetch_add(trace.background_ns, Ordering::Relaxed);
        self.cpu_idle.fetch_add(trace.idle_ns, Ordering::Relaxed);
        self.cpu_assist
            .fetch_add(trace.assist_ns, Ordering::Relaxed);
        // SAFETY: world stopped, under the start lock.
        unsafe { *self.last.get() = trace };
        self.cycles.fetch_add(1, Ordering::Release);
    }

    /// Completed cycles whose pauses are known.
    pub(crate) fn recorded(&self) -> u32 {
        self.recorded.load(Ordering::Acquire)
    }

    /// Completed cycles.
    pub fn cycles(&self) -> u32 {
        self.cycles.load(Ordering::Acquire)
    }

    /// Monotonic time of the end of the last cycle (start of the program if none).
    pub fn last_end_monotonic(&self) -> i64 {
        self.last_end.load(Ordering::Relaxed)
    }

    /// Wall clock nanoseconds of the end of the last cycle, 0 if none.
    pub fn last_end_wall(&self) -> u64 {
        match self.cycles() {
            0 => 0,
            n => self.pause_ends[(n - 1) as usize % PAUSES].load(Ordering::Relaxed),
        }
    }

    /// Total pause and wall clock end of cycle `n` (0 = first); only the last [`PAUSES`] are
    /// remembered.
    pub fn pause(&self, n: u32) -> (u64, u64) {
        let index = n as usize % PAUSES;
        (
            self.pauses[index].load(Ordering::Relaxed),
            self.pause_ends[index].load(Ordering::Relaxed),
        )
    }

    /// `debug.ReadGCStats`: up to 256 pauses (latest first), as many ends, then the end of the
    /// last cycle, the number of cycles, the total pause. Returns the words written to `out`,
    /// which has room for `2 * PAUSES + 3`.
    pub fn read_gc_stats(&self, out: &mut [u64]) -> usize {
        let cycles = self.cycles();
        let n = cycles.min(PAUSES as u32);
        for index in 0..n {
            let (pause, end) = self.pause(cycles - 1 - index);
            out[index as usize] = pause;
            out[(n + index) as usize] = end;
        }
        let at = 2 * n as usize;
        out[at] = self.last_end_wall();
        out[at + 1] = cycles as u64;
        out[at + 2] = self.pause_total.load(Ordering::Relaxed);
        at + 3
    }

    /// The last cycle.
    ///
    /// # Safety
    /// World stopped, or no cycle ends meanwhile.
    pub unsafe fn last_cycle(&self) -> CycleTrace {
        // SAFETY: the caller's promise.
        unsafe { *self.last.get() }
    }

    /// Prints the line of `GODEBUG=gctrace=1`, in the documented format.
    pub(crate) fn trace(&self, world: &dyn World, now: i64) {
        // SAFETY: under the start lock.
        let t = unsafe { *self.last.get() };
        let n = self.cycles();
        let since = now - self.began.load(Ordering::Relaxed);
        let percent = (self.cpu_fraction.load() * 100.0) as u32;
        let (pause, _) = self.pause(n - 1);
        let first = self
            .first_pause
            .swap(0, Ordering::Relaxed)
            .min(pause as i64);
        let last = pause as i64 - first;
        let procs = t.procs as i64;
        let mb = |bytes: usize| bytes >> 20;
        world.trace(format_args!(
            "gc {n} @{}.{:03}s {percent}%: {}+{}+{} ms clock, {}+{}/{}/{}+{} ms cpu, {}->{}->{} MB, {} MB goal, {} MB stacks, {} MB globals, {} P{}\n",
            since / 1_000_000_000,
            since / 1_000_000 % 1000,
            Millis(first),
            Millis(t.mark_ns),
            Millis(last),
            Millis(first * procs),
            Millis(t.assist_ns),
            Millis(t.background_ns),
            Millis(t.idle_ns),
            Millis(last * procs),
            mb(t.heap_start),
            mb(t.heap_end),
            mb(t.heap_marked),
            mb(t.goal),
            mb(t.stack_bytes),
            mb(t.global_bytes),
            t.procs,
            if t.forced { " (forced)" } else { "" },
        ));
    }
}

/// Nanoseconds as milliseconds with two or three significant digits.
struct Millis(i64);

impl core::fmt::Display for Millis {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let micros = self.0 / 1000;
        if micros >= 10_000 {
            write!(f, "{}", micros / 1000)
        } else if micros >= 1000 {
            write!(f, "{}.{}", micros / 1000, micros / 100 % 10)
        } else {
            write!(f, "0.{:03}", micros)
        }
    }
}
