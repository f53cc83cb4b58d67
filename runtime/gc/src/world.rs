//! What the collector asks of the scheduler. Everything about goroutines, threads and stacks is
//! behind this trait, so the collector runs against a mock world in tests.

use rt_heap::MCache;

/// Why the world is stopped; printed by traces and kept for diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StopReason {
    /// Start of a mark phase.
    GcMarkStart,
    /// End of a mark phase.
    GcMarkTermination,
    /// A whole collection with the world stopped (stress switches).
    GcWhole,
    /// `runtime.ReadMemStats`.
    ReadMemStats,
    /// Changing GOMAXPROCS.
    ProcResize,
    /// Goroutine profile or dump of all stacks.
    AllStacks,
    /// Heap dump or snapshot.
    HeapDump,
    /// Anything else.
    Other,
}

/// A range of memory that may hold pointers, scanned conservatively: every word is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConservativeRange {
    /// First byte (8-byte aligned).
    pub lo: usize,
    /// End.
    pub hi: usize,
}

/// Globals: a range with one bit a word (least significant first) for words that hold pointers.
/// The same struct as `abi::module::RootRange`.
pub use abi::module::RootRange;

/// The scheduler, as seen by the collector.
///
/// # Safety
/// The collector frees what it cannot reach: an implementation must report every stack, register
/// and off-heap word that holds a pointer into the heap, and must really stop what it says is
/// stopped.
pub unsafe trait World: Sync {
    /// Stops all other Ps at safepoints, and calls nobody back. Returns when the caller is the
    /// only thread that runs Go code or uses an mcache. Threads in system calls may go on; they
    /// wait when they come back. At most one thread has the world stopped (others wait here).
    /// The caller keeps its own P.
    fn stop_the_world(&self, reason: StopReason);

    /// Lets the Ps go on.
    fn start_the_world(&self);

    /// Number of Ps (GOMAXPROCS).
    fn num_procs(&self) -> usize;

    /// The mcache of the P that the calling thread holds. Null if it holds none.
    fn current_mcache(&self) -> *mut MCache;

    /// Number of goroutines whose stacks are roots of the cycle that begins now. Called with the
    /// world stopped. Until the cycle ends, indexes below keep their meaning; goroutines that
    /// start later are not roots of this cycle (what they hold was reachable or allocated
    /// during the cycle).
    fn stack_roots(&self) -> usize;

    /// Brings goroutine `index` to a stop (unless it is stopped, or is the caller's own, whose
    /// stack is at rest because the runtime runs on the system stack), calls `scan` with every
    /// range that may hold pointers (stack segments from the stack pointer up, saved registers),
    /// and lets it go on. A dead goroutine has no ranges. Concurrent calls have different
    /// indexes. Returns false if the goroutine cannot be stopped now: the collector asks again,
    /// from its own thread when that allocates, from the scheduler, and in the final stop of the
    /// world at the latest. The ranges must include the words of G that may hold pointers: like
    /// the stack, they change without a barrier.
    fn scan_stack(&self, index: usize, scan: &mut dyn FnMut(ConservativeRange)) -> bool;

    /// Calls `f` for every range of globals.
    fn for_each_global_root(&self, f: &mut dyn FnMut(RootRange));

    /// Calls `f` with every word that may hold a pointer into the heap and lives in memory of the
    /// runtime: timers, sudogs, defer and panic records off the stack, G fields, the closures of
    /// goroutines that have not run, netpoll data, profile labels. World stopped at the start of
    /// the cycle (such structures are written with a barrier or shaded by hand afterwards).
    fn for_each_runtime_root(&self, f: &mut dyn FnMut(usize));

    /// Sets the flag that compiled code tests before it stores a pointer. World stopped.
    fn set_write_barrier(&self, on: bool);

    /// Runs at the start of each cycle with the world stopped: `sync.Pool` cleanup, dropping of
    /// caches (sudogs, defers, free stacks). Must not allocate.
    fn clear_pools(&self);

    /// There is background marking to do: wake idle Ps so that they run
    /// [`Gc::background_mark`](crate::Gc::background_mark).
    fn wake_mark_workers(&self);

    /// Mark worker asks: should this thread give up its P (preempted, or a stop of the world is
    /// wanted)?
    fn should_yield(&self) -> bool;

    /// Whether a background worker should give its P back before its slice is over: somebody wants it, a timer is due or, if it runs there
    /// because the P was `idle`, there is something else to do again.
    fn should_leave_mark(&self, idle: bool) -> bool {
        let _ = idle;
        self.should_yield()
    }

    /// There are finalizers or cleanups to run: ready the goroutine that runs
    /// [`Gc::take_due`](crate::Gc::take_due).
    fn wake_finalizers(&self);

    /// There are spans to sweep, or memory to give back: ready whoever calls
    /// [`Gc::background_sweep`](crate::Gc::background_sweep) and
    /// [`Gc::background_scavenge`](crate::Gc::background_scavenge).
    fn wake_sweeper(&self);

    /// Nothing of the caller's to do until the collector is further (no mark work, sweep in other
    /// hands): let others run for a moment.
    fn yield_now(&self);

    /// A mark phase begins (true) or has ended; world stopped.
    fn cycle_changes(&self, _active: bool) {}

    /// The calling goroutine begins to mark in payment for its allocations (true), or ends.
    fn assisting(&self, _begin: bool) {}

    /// Nanoseconds of a monotonic clock.
    fn now(&self) -> i64 {
        rt_os::time::nanotime()
    }

    /// Bytes of stacks that this cycle will scan (for the pacer).
    fn stack_scan_bytes(&self) -> usize {
        0
    }

    /// Prints a line of `gctrace`.
    fn trace(&self, line: core::fmt::Arguments<'_>) {
        rt_os::print::write_stderr(line);
    }
}
