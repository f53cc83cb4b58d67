//! The state machine of a collection.
//!
//! ```text
//!            trigger, runtime.GC                 no grey work left
//!   Off  ------------------------->  Mark  -------------------------->  Off
//!        stop the world:                   stop the world:
//!        clear pools, close windows,       flush buffers, finish marking,
//!        barrier on, allocate black        barrier off, flush mcaches,
//!        note roots                        new sweepgen
//!   (sweeping runs lazily)           (workers and assists mark)        (sweeping runs lazily)
//! ```
//! 1. Off. Allocation may have to sweep. When the live bytes reach the trigger, the allocating
//!    thread sweeps what is left of the last cycle and starts a new one.
//! 2. Start: the world is stopped for the time of closing windows. From then on new objects are
//!    born marked (their windows are marked when opened) and every store of a pointer by
//!    compiled code shades the overwritten and the new pointer (the hybrid of Yuasa's deletion and
//!    Dijkstra's insertion barrier). The deletion part keeps everything that was reachable at
//!    the start; the insertion part covers goroutines whose stacks are not yet scanned. So each
//!    stack is scanned once, at its own moment, and never again.
//! 3. Mark: root jobs (globals, specials, stacks) and grey work are done by background workers
//!    (a quarter of the CPU, plus idle Ps) and by assists.
//! 4. End: whoever finds no work while no other worker is active stops the world, collects the
//!    barrier buffers of all Ps and marks what is in them. If that is little, marking is complete;
//!    if it turns out to be much, the world goes on and so does marking.
//! 5. Termination: barrier off, mcaches flushed, statistics and pacing, then the sweep begins.
//!
//! Locks: `start` serialises starting and ending. It is only ever tried, so a thread that must stop for the world never sleeps in
//! it; who allocates beyond the goal tries for a while.
//!
//! Rejected: an incremental-update barrier (needs stacks scanned again at the end, with the world
//! stopped); marking by moving (pointers in registers and stacks are not known precisely).

mod allocation;
mod requests;

use crate::mark::{DrainEnd, Marker};
use crate::pacer::{BACKGROUND_UTILIZATION, Pacer};
use crate::stats::{CycleTrace, GcStats};
use crate::work::{WorkBuf, WorkLists};
use crate::world::{RootRange, StopReason, World};
use abi::gotype::Type;
use core::ptr;
use rt_heap::malloc::AllocResult;
use rt_heap::{Heap, MCache, OutOfMemory, specials};
use rt_sync::atomic::{
    AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering,
};
use rt_sync::{LockRank, RawMutex, SpinMutex};

/// What the collector is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Not marking (perhaps sweeping).
    Off = 0,
    /// Marking, barrier on.
    Mark = 1,
}

/// Why a cycle starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The heap reached the trigger.
    Heap,
    /// `runtime.GC`, `debug.FreeOSMemory`.
    Forced,
    /// No cycle for two minutes.
    Periodic,
}

/// Nanoseconds of marking in the final stop before the world is let go on.
const FINAL_BUDGET: i64 = 300_000;
/// Least scan work of an assist, so that its overhead pays.
const MIN_ASSIST: i64 = 64 << 10;
/// Words of globals per root job.
const GLOBAL_BLOCK: usize = 32 << 10;
/// Spans per root job.
const SPAN_BLOCK: usize = 2048;
/// Longest time without a collection.
pub const PERIOD: i64 = 120_000_000_000;
/// How long a stack that cannot be scanned because its goroutine runs keeps the phase from ending.
const PENDING_PATIENCE: i64 = 2_000_000;
/// How long an allocation beyond the goal waits for the collection to begin or to end.
const PAST_GOAL_PATIENCE: i64 = 20_000_000;
/// Slice of a background worker that runs in place of goroutines.
const SLICE: i64 = 500_000;
/// Slice of a worker on an idle P.
const IDLE_SLICE: i64 = 10_000_000;

/// Work found at the start of a cycle: indexes are dealt out one by one.
#[derive(Debug)]
struct RootJobs {
    next: AtomicUsize,
    globals: AtomicUsize,
    spans: AtomicUsize,
    stacks: AtomicUsize,
    /// Stacks of goroutines that were running when their turn came.
    pending: SpinMutex<PendingStacks>,
    /// Their number (a hint without the lock).
    pending_len: AtomicUsize,
    /// When the first of them was put off.
    pending_since: AtomicI64,
}

/// Stacks to try again. At most one a P is running; a full table makes the worker wait.
#[derive(Debug)]
struct PendingStacks {
    len: usize,
    indexes: [usize; PendingStacks::MAX],
}

impl PendingStacks {
    const MAX: usize = 256;

    fn push(&mut self, index: usize) -> bool {
        if self.len == PendingStacks::MAX {
            return false;
        }
        self.indexes[self.len] = index;
        self.len += 1;
        true
    }
}

/// The collector. One static instance in a program.
#[derive(Debug)]
pub struct Gc {
    heap: AtomicPtr<Heap>,
    phase: AtomicU8,
    pub(crate) work: WorkLists,
    jobs: RootJobs,
    /// Threads that hold a marker.
    active: AtomicUsize,
    /// Whether some thread is the lead marker.
    pub(crate) lead_taken: AtomicBool,
    pub(crate) start: RawMutex,
    /// Cycles completed (marking and its end; sweeping may go on).
    cycles: AtomicU32,
    /// Of them forced.
    pub forced: AtomicU32,
    /// Goals, trigger, prices.
    pub pacer: Pacer,
    /// Bytes marked in this cycle.
    marked: AtomicUsize,
    /// Bytes scanned in this cycle.
    scanned: AtomicUsize,
    /// Of them in stacks and globals.
    scanned_roots: AtomicUsize,
    /// Background work that assists may use up.
    credit: AtomicI64,
    /// CPU time of background workers in this cycle.
    background_ns: AtomicI64,
    /// Of them on idle Ps.
    idle_ns: AtomicI64,
    /// CPU time of assists in this cycle.
    assist_ns: AtomicI64,
    /// Pauses and totals.
    pub stats: GcStats,
    cause_forced: AtomicBool,
    /// Words that should have been pointers to objects and were not.
    strays: AtomicUsize,
}

impl Gc {
    /// Without a heap; [`Gc::init`] comes next.
    pub const fn new() -> Gc {
        Gc {
            heap: AtomicPtr::new(ptr::null_mut()),
            phase: AtomicU8::new(0),
            work: WorkLists::new(),
            jobs: RootJobs {
                next: AtomicUsize::new(0),
                globals: AtomicUsize::new(0),
                spans: AtomicUsize::new(0),
                stacks: AtomicUsize::new(0),
                pending: SpinMutex::new(PendingStacks {
                    len: 0,
                    indexes: [0; PendingStacks::MAX],
                }),
                pending_len: AtomicUsize::new(0),
                pending_since: AtomicI64::new(0),
            },
            active: AtomicUsize::new(0),
            lead_taken: AtomicBool::new(false),
            start: RawMutex::new(LockRank::GcStart),
            cycles: AtomicU32::new(0),
            forced: AtomicU32::new(0),
            pacer: Pacer::new(),
            marked: AtomicUsize::new(0),
            scanned: AtomicUsize::new(0),
            scanned_roots: AtomicUsize::new(0),
            credit: AtomicI64::new(0),
            background_ns: AtomicI64::new(0),
            idle_ns: AtomicI64::new(0),
            assist_ns: AtomicI64::new(0),
            stats: GcStats::new(),
            cause_forced: AtomicBool::new(false),
            strays: AtomicUsize::new(0),
        }
    }

    /// Ties the collector to an initialised heap. `percent` is GOGC (negative = off), `limit`
    /// GOMEMLIMIT in bytes (`i64::MAX` = none).
    pub fn init(&self, heap: &'static Heap, percent: i32, limit: i64) {
        self.heap
            .store(heap as *const Heap as *mut Heap, Ordering::Release);
        self.pacer.percent.store(percent, Ordering::Relaxed);
        heap.memory_limit.store(limit, Ordering::Relaxed);
        self.stats.begin(rt_os::time::nanotime());
        self.pacer.commit(self.limit_goal());
    }

    /// The heap.
    #[inline(always)]
    pub fn heap(&self) -> &'static Heap {
        // SAFETY: set by `init` from a static reference before anything else is called.
        unsafe { &*self.heap.load(Ordering::Relaxed) }
    }

    /// What the collector is doing.
    #[inline(always)]
    pub fn phase(&self) -> Phase {
        if self.phase.load(Ordering::Acquire) == 0 {
            Phase::Off
        } else {
            Phase::Mark
        }
    }

    /// Whether stores of pointers must be shaded.
    #[inline(always)]
    pub fn is_marking(&self) -> bool {
        self.phase() == Phase::Mark
    }

    /// Completed cycles.
    pub fn cycles(&self) -> u32 {
        self.cycles.load(Ordering::Acquire)
    }

    // ---- cycle ----

    /// Starts a cycle if none runs. Returns whether it did.
    pub fn try_start(&self, world: &dyn World, cause: Cause) -> bool {
        if self.heap().config().null_collector
            || self.phase() == Phase::Mark
            || !self.start.try_lock()
        {
            return false;
        }
        let due = match cause {
            Cause::Heap => {
                self.heap().live_bytes.load(Ordering::Relaxed)
                    >= self.pacer.trigger.load(Ordering::Relaxed)
            }
            Cause::Forced | Cause::Periodic => true,
        };
        let starts = due && self.phase() == Phase::Off;
        if starts {
            if self.heap().config().stop_the_world {
                self.whole_locked(world, cause);
            } else {
                self.finish_sweep(world);
                let from = world.now();
                world.stop_the_world(StopReason::GcMarkStart);
                self.start_marking(world, cause);
                let now = world.now();
                world.start_the_world();
                self.stats.add_pause(from, now, true);
            }
        }
        // SAFETY: taken above.
        unsafe { self.start.unlock() };
        if starts && self.phase() == Phase::Mark {
            world.wake_mark_workers();
        }
        starts
    }

    /// Sweeps what the last cycle left, waiting for other sweepers.
    pub(crate) fn finish_sweep(&self, world: &dyn World) {
        while !self.heap().sweep_done() {
            if self.heap().sweep_one().is_none() {
                world.yield_now();
            }
        }
    }

    /// World stopped, everything swept.
    fn start_marking(&self, world: &dyn World, cause: Cause) {
        self.start_marking_from(world, cause, world.stack_roots(), &mut |push| {
            world.for_each_runtime_root(push)
        });
    }

    /// [`Gc::start_marking`] with a choice of stacks and of the runtime's roots.
    pub(crate) fn start_marking_from(
        &self,
        world: &dyn World,
        cause: Cause,
        stacks: usize,
        runtime_roots: &mut dyn FnMut(&mut dyn FnMut(usize)),
    ) {
        let heap = self.heap();
        world.clear_pools();
        heap.for_each_mcache(|cache| {
            // SAFETY: world stopped.
            unsafe {
                heap.close_windows(cache);
                heap.flush_stats(cache);
                (*cache).wb_buf.reset();
                (*cache).assist_bytes = 0;
                (*cache).assist_credit = 0;
            }
        });
        self.cause_forced
            .store(cause == Cause::Forced, Ordering::Relaxed);
        self.marked.store(0, Ordering::Relaxed);
        self.scanned.store(0, Ordering::Relaxed);
        self.scanned_roots.store(0, Ordering::Relaxed);
        self.credit.store(0, Ordering::Relaxed);
        self.background_ns.store(0, Ordering::Relaxed);
        self.idle_ns.store(0, Ordering::Relaxed);
        self.assist_ns.store(0, Ordering::Relaxed);
        self.pacer
            .start(heap.live_bytes.load(Ordering::Relaxed), world.now());
        // Root jobs. Spans made from now on have no specials that are not shaded when added.
        let mut words = 0;
        world.for_each_global_root(&mut |range| words += range.words);
        self.jobs
            .globals
            .store(words.div_ceil(GLOBAL_BLOCK), Ordering::Relaxed);
        self.jobs
            .spans
            .store(heap.spans.len().div_ceil(SPAN_BLOCK), Ordering::Relaxed);
        self.jobs.stacks.store(stacks, Ordering::Relaxed);
        self.jobs.next.store(0, Ordering::Relaxed);
        heap.set_allocate_black(true);
        world.set_write_barrier(true);
        self.phase.store(Phase::Mark as u8, Ordering::Release);
        world.cycle_changes(true);
        let mut marker = Marker::new(self);
        runtime_roots(&mut |word| marker.push_conservative(word));
        heap.specials.for_each_due(|due| {
            marker.push_conservative(due.func);
            marker.push_conservative(due.object);
        });
        marker.finish();
    }

    /// Runs the next root job; false if none is left.
    pub(crate) fn root_job(&self, world: &dyn World, marker: &mut Marker<'_>) -> bool {
        let jobs = &self.jobs;
        let (globals, spans, stacks) = (
            jobs.globals.load(Ordering::Relaxed),
            jobs.spans.load(Ordering::Relaxed),
            jobs.stacks.load(Ordering::Relaxed),
        );
        if jobs.next.load(Ordering::Relaxed) >= globals + spans + stacks {
            return self.pending_stack(world, marker);
        }
        let job = jobs.next.fetch_add(1, Ordering::AcqRel);
        let before = marker.scan_work;
        if job < globals {
            self.globals_job(world, marker, job);
        } else if job < globals + spans {
            self.specials_job(marker, job - globals);
        } else if job < globals + spans + stacks {
            let index = job - globals - spans;
            if !world.scan_stack(index, &mut |range| marker.scan_conservative(range)) {
                self.put_off(world, marker, index);
            }
        } else {
            return self.pending_stack(world, marker);
        }
        self.scanned_roots
            .fetch_add(marker.scan_work - before, Ordering::Relaxed);
        true
    }

    /// A goroutine does not stand still: its stack is scanned when it does, by its own thread at
    /// the next allocation or on the way through the scheduler, or at the end of the phase.
    fn put_off(&self, world: &dyn World, marker: &mut Marker<'_>, index: usize) {
        let pushed = {
            let mut pending = self.jobs.pending.lock();
            if pending.len == 0 {
                self.jobs
                    .pending_since
                    .store(world.now(), Ordering::Relaxed);
            }
            let pushed = pending.push(index);
            self.jobs.pending_len.store(pending.len, Ordering::Release);
            pushed
        };
        if !pushed {
            while !world.scan_stack(index, &mut |range| marker.scan_conservative(range)) {
                world.yield_now();
            }
        }
    }

    /// Tries the stacks that were put off, each once; returns whether one was scanned.
    fn pending_stack(&self, world: &dyn World, marker: &mut Marker<'_>) -> bool {
        let mut scanned = false;
        for _ in 0..self.jobs.pending_len.load(Ordering::Acquire) {
            // Taken off while being tried: nobody else may scan it meanwhile. This thread counts
            // as active, so the phase does not end without it.
            let index = {
                let mut pending = self.jobs.pending.lock();
                if pending.len == 0 {
                    break;
                }
                let index = pending.indexes[0];
                pending.len -= 1;
                let len = pending.len;
                pending.indexes.copy_within(1..len + 1, 0);
                self.jobs.pending_len.store(len, Ordering::Release);
                index
            };
            let before = marker.scan_work;
            if world.scan_stack(index, &mut |range| marker.scan_conservative(range)) {
                self.scanned_roots
                    .fetch_add(marker.scan_work - before, Ordering::Relaxed);
                scanned = true;
            } else {
                self.put_off(world, marker, index);
            }
        }
        scanned
    }

    /// Whether stacks were put off, and not so long ago that the phase should rather end with
    /// them scanned in the final stop.
    fn pending_young(&self, world: &dyn World) -> bool {
        self.pending_len() > 0
            && world.now() - self.jobs.pending_since.load(Ordering::Relaxed) < PENDING_PATIENCE
    }

    fn pending_len(&self) -> usize {
        self.jobs.pending_len.load(Ordering::Acquire)
    }

    fn roots_left(&self) -> bool {
        let jobs = &self.jobs;
        let total = jobs.globals.load(Ordering::Relaxed)
            + jobs.spans.load(Ordering::Relaxed)
            + jobs.stacks.load(Ordering::Relaxed);
        jobs.next.load(Ordering::Acquire) < total
    }

    /// Job `n` is block `n` of the globals' words, all ranges taken together: programs have one
    /// range or thousands of small ones.
    fn globals_job(&self, world: &dyn World, marker: &mut Marker<'_>, job: usize) {
        let (lo, hi) = (job * GLOBAL_BLOCK, (job + 1) * GLOBAL_BLOCK);
        let mut first = 0;
        world.for_each_global_root(&mut |range: RootRange| {
            let (from, to) = (lo.max(first), hi.min(first + range.words));
            if from < to {
                // SAFETY: the world reports readable ranges with their bitmaps.
                unsafe { marker.scan_bitmap(range.start, from - first, to - from, range.bitmap) };
            }
            first += range.words;
        });
    }

    /// Roots in specials, see `rt_heap::specials`.
    fn specials_job(&self, marker: &mut Marker<'_>, job: usize) {
        let heap = self.heap();
        let end = heap.spans.len().min((job + 1) * SPAN_BLOCK);
        for index in job * SPAN_BLOCK..end {
            let span = heap.spans.get(index);
            if span.state() == rt_heap::SpanState::InUse {
                specials::for_each(span, |special| self.shade_special(marker, span, special));
            }
        }
    }

    pub(crate) fn shade_special(
        &self,
        marker: &mut Marker<'_>,
        span: &rt_heap::MSpan,
        special: &specials::Special,
    ) {
        match special.kind {
            specials::SpecialKind::Finalizer => {
                marker.push_conservative(special.payload[0]);
                if let Some(object) = self.heap().find_object(span.start() + special.offset) {
                    marker.scan_children(&object);
                }
            }
            specials::SpecialKind::Cleanup | specials::SpecialKind::WeakHandle => {
                marker.push_conservative(special.payload[0]);
            }
            specials::SpecialKind::Profile => {}
        }
    }

    // ---- marking by workers and assists ----

    /// Whether the scheduler should run a worker now instead of a goroutine (`idle` = the P has
    /// nothing else to do); the result is the slice in nanoseconds for [`Gc::background_mark`]. 0: the
    /// worker looks at what was put off and leaves; a goroutine's turn comes next.
    pub fn mark_work_wanted(&self, world: &dyn World, idle: bool) -> Option<i64> {
        if self.phase() != Phase::Mark {
            return None;
        }
        let pending = self.pending_len() > 0;
        // Without work and without workers, somebody has to end the phase.
        let worth = self.work.has_work()
            || self.roots_left()
            || !pending && self.active.load(Ordering::Relaxed) == 0;
        if idle {
            return (worth || pending).then_some(IDLE_SLICE);
        }
        if worth {
            let elapsed = world.now() - self.pacer.started_at.load(Ordering::Relaxed);
            let goal = elapsed as f64 * world.num_procs() as f64 * BACKGROUND_UTILIZATION;
            // Idle time comes on top: it takes nothing from goroutines.
            let spent =
                self.background_ns.load(Ordering::Relaxed) - self.idle_ns.load(Ordering::Relaxed);
            if spent as f64 <= goal {
                return Some(SLICE);
            }
        }
        // A goroutine has just left this P: perhaps it is one of those that were put off.
        pending.then_some(0)
    }

    /// Marks on the calling thread (system stack, with a P) until the slice is over, the world
    /// wants the P, or no work is left. Ends the mark phase if there is nothing more to do.
    pub fn background_mark(&self, world: &dyn World, slice: i64, idle: bool) {
        if self.phase() != Phase::Mark {
            return;
        }
        let from = world.now();
        self.active.fetch_add(1, Ordering::SeqCst);
        let mut marker = Marker::new(self);
        let mut stopped = false;
        let mut credited = 0;
        loop {
            while !stopped && self.root_job(world, &mut marker) {
                stopped = world.should_leave_mark(idle) || world.now() - from > slice;
            }
            if stopped {
                break;
            }
            let end = marker.drain(|marker| {
                self.add_credit(marker.scan_work - credited);
                credited = marker.scan_work;
                if marker.take_shared() {
                    world.wake_mark_workers();
                }
                world.should_leave_mark(idle) || world.now() - from > slice
            });
            stopped = end == DrainEnd::Stopped;
            if stopped || !self.roots_left() {
                break;
            }
        }
        self.add_credit(marker.scan_work - credited);
        marker.finish();
        self.pacer.revise(
            self.heap().live_bytes.load(Ordering::Relaxed),
            self.scanned.load(Ordering::Relaxed),
        );
        let spent = world.now() - from;
        self.background_ns.fetch_add(spent, Ordering::Relaxed);
        if idle {
            self.idle_ns.fetch_add(spent, Ordering::Relaxed);
        }
        let last = self.active.fetch_sub(1, Ordering::SeqCst) == 1;
        if !stopped {
            if idle && self.pending_young(world) {
                // Only running goroutines are left: give them a moment to come to a stop. Their threads may want this processor.
                world.yield_now();
            }
            if last {
                self.try_finish(world);
            }
        }
    }

    fn add_credit(&self, work: usize) {
        self.credit.fetch_add(work as i64, Ordering::Relaxed);
    }

    /// Marks in payment for the cache's allocations.
    ///
    /// # Safety
    /// `cache` is the current P's.
    unsafe fn assist(&self, world: &dyn World, cache: *mut MCache) {
        // SAFETY: the caller's promise.
        let cache = unsafe { &mut *cache };
        if self.pacer.limited() {
            cache.assist_bytes = 0;
            return;
        }
        cache.assist_credit -= self.pacer.debt(core::mem::take(&mut cache.assist_bytes));
        // Beyond the goal credit does not count: marking ends the phase, or shows that there is nothing to do but to wait for its end.
        let beyond = self.live() > self.pacer.cycle_goal.load(Ordering::Relaxed);
        if cache.assist_credit >= 0 && !beyond {
            return;
        }
        let mut need = (-cache.assist_credit).max(MIN_ASSIST);
        // What the background did already.
        let mut credit = if beyond {
            0
        } else {
            self.credit.load(Ordering::Relaxed)
        };
        while credit > 0 {
            let take = credit.min(need);
            match self.credit.compare_exchange_weak(
                credit,
                credit - take,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    need -= take;
                    cache.assist_credit += take;
                    break;
                }
                Err(now) => credit = now,
            }
        }
        if !beyond && (cache.assist_credit >= 0 || need <= 0) {
            return;
        }
        let from = world.now();
        world.assisting(true);
        self.active.fetch_add(1, Ordering::SeqCst);
        let mut marker = Marker::new(self);
        let mut empty = false;
        while (marker.scan_work as i64) < need && !world.should_yield() {
            if self.root_job(world, &mut marker) {
                continue;
            }
            let end = marker.drain(|marker| {
                if marker.take_shared() {
                    world.wake_mark_workers();
                }
                marker.scan_work as i64 >= need || world.should_yield()
            });
            if end == DrainEnd::Empty {
                empty = !self.roots_left();
                break;
            }
        }
        let done = marker.scan_work as i64;
        let stuck = empty || beyond && done < need;
        marker.finish();
        // `scan_stack` may have switched the P; the debt is forgiven then.
        let now_cache = world.current_mcache();
        if !now_cache.is_null() {
            // SAFETY: the current P's cache.
            unsafe {
                (*now_cache).assist_credit += done;
                if empty {
                    // Nothing to do: the others have it in hand.
                    (*now_cache).assist_credit = (*now_cache).assist_credit.max(0);
                }
            }
        }
        self.pacer.revise(
            self.heap().live_bytes.load(Ordering::Relaxed),
            self.scanned.load(Ordering::Relaxed),
        );
        self.assist_ns
            .fetch_add(world.now() - from, Ordering::Relaxed);
        world.assisting(false);
        if self.active.fetch_sub(1, Ordering::SeqCst) == 1 && empty {
            self.try_finish(world);
        }
        if stuck {
            // Past the goal, and nothing to pay with or others want the P: wait for those who have the work.
            self.wait_while(world, || {
                self.try_finish(world);
                self.is_marking() && self.live() > self.pacer.cycle_goal.load(Ordering::Relaxed)
            });
        }
    }

    /// Lets other threads go first while `condition` holds, at most [`PAST_GOAL_PATIENCE`]: who allocates waits for a thread of the
    /// collector that the system does not run at the moment.
    fn wait_while(&self, world: &dyn World, condition: impl Fn() -> bool) {
        let from = world.now();
        while condition() && world.now() - from < PAST_GOAL_PATIENCE {
            world.yield_now();
        }
    }

    /// Bytes of objects that are reachable or not yet known not to be.
    fn live(&self) -> usize {
        self.heap().live_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn add_marked(&self, bytes: usize, work: usize) {
        self.marked.fetch_add(bytes, Ordering::Relaxed);
        self.scanned.fetch_add(work, Ordering::Relaxed);
    }

    /// A precise word led to no object. Free pages and stacks are met in correct programs too
    /// (stale words behind a slice's length); they are counted, and reported under `gcverify`.
    #[cold]
    pub(crate) fn note_stray(&self, _word: usize) {
        self.strays.fetch_add(1, Ordering::Relaxed);
    }

    /// Words met so far that looked like pointers and were none.
    pub fn strays(&self) -> usize {
        self.strays.load(Ordering::Relaxed)
    }

    // ---- barrier ----

    /// Takes over a P's barrier buffer: called when it is full, and for all Ps at the end.
    ///
    /// # Safety
    /// The cache is the current P's, or the world is stopped.
    pub unsafe fn wb_flush(&self, cache: *mut MCache) {
        // SAFETY: the caller's promise.
        let cache = unsafe { &mut *cache };
        if self.is_marking() {
            for index in 0..cache.wb_buf.used().len() {
                let word = cache.wb_buf.entries[index];
                // SAFETY: as above.
                unsafe { self.shade_unmarked(cache, word) };
            }
        }
        cache.wb_buf.reset();
    }

    /// Shades one pointer: for stores that the runtime itself makes into the heap.
    ///
    /// # Safety
    /// As [`Gc::wb_flush`].
    #[inline]
    pub unsafe fn shade(&self, cache: *mut MCache, word: usize) {
        if self.is_marking() {
            // SAFETY: the caller's promise.
            unsafe { self.shade_unmarked(&mut *cache, word) };
        }
    }

    /// Most barriers see objects that are marked already: those make no work.
    unsafe fn shade_unmarked(&self, cache: &mut MCache, word: usize) {
        let arena = &self.heap().arena;
        if let Some(slot) = arena.slot_of(word)
            && !arena.is_marked(slot.bit)
        {
            // SAFETY: passed on.
            unsafe { self.push_local(cache, slot.base) };
        }
    }

    unsafe fn push_local(&self, cache: &mut MCache, entry: usize) {
        let mut buf = cache.gc_work[0] as *mut WorkBuf;
        if buf.is_null() {
            buf = self.work.take_empty(&self.heap().memory);
            cache.gc_work[0] = buf as usize;
        }
        // SAFETY: the buffer belongs to the cache.
        unsafe {
            let len = (*buf).len;
            (*buf).entries[len] = entry;
            (*buf).len = len + 1;
            if len + 1 == crate::work::ENTRIES {
                cache.gc_work[0] = 0;
                self.work.give(buf);
            }
        }
    }

    /// Hands a P's barrier buffer and grey work over; when a P goes idle or away, and at the end.
    ///
    /// # Safety
    /// As [`Gc::wb_flush`].
    pub unsafe fn flush_cache(&self, cache: *mut MCache) {
        // SAFETY: the caller's promise.
        unsafe {
            self.wb_flush(cache);
            let buf = core::mem::take(&mut (*cache).gc_work[0]) as *mut WorkBuf;
            if !buf.is_null() {
                self.work.give(buf);
            }
        }
    }

    // ---- end ----

    fn no_work(&self) -> bool {
        self.active.load(Ordering::SeqCst) == 0 && !self.work.has_work() && !self.roots_left()
    }

    /// Whether [`Self::try_finish`] may find the mark phase done.
    pub fn may_finish(&self, world: &dyn World) -> bool {
        self.phase() == Phase::Mark && self.no_work() && !self.pending_young(world)
    }

    /// Ends the mark phase if nothing is left to do.
    pub fn try_finish(&self, world: &dyn World) {
        if self.phase() != Phase::Mark
            || !self.no_work()
            || self.pending_young(world)
            || !self.start.try_lock()
        {
            return;
        }
        let mut again = false;
        if self.phase() == Phase::Mark && self.no_work() {
            let from = world.now();
            world.stop_the_world(StopReason::GcMarkTermination);
            let heap = self.heap();
            // SAFETY: world stopped.
            heap.for_each_mcache(|cache| unsafe { self.flush_cache(cache) });
            let deadline = from + FINAL_BUDGET;
            // A worker may have been stopped with a root job in hand (it waits for a stack).
            let busy = self.active.load(Ordering::SeqCst) != 0 || self.roots_left();
            if busy || !self.drain_stopped(world, deadline) {
                again = true;
            } else {
                self.terminate(world, from);
            }
            // Before the threads are woken: one of them may run in place of this one.
            let now = world.now();
            world.start_the_world();
            self.stats.add_pause(from, now, again);
            if !again {
                self.after_termination(world, now);
            }
        }
        // SAFETY: taken above.
        unsafe { self.start.unlock() };
        if again {
            world.wake_mark_workers();
        }
    }

    /// Marks with the world stopped; false if the time was not enough.
    fn drain_stopped(&self, world: &dyn World, deadline: i64) -> bool {
        let mut marker = Marker::new(self);
        while self.pending_stack(world, &mut marker) {}
        let end = marker.drain(|_| world.now() > deadline);
        marker.finish();
        end == DrainEnd::Empty && self.pending_len() == 0
    }

    /// Marking is complete, world stopped.
    fn terminate(&self, world: &dyn World, stopped_at: i64) {
        let heap = self.heap();
        if heap.config().check_mark {
            crate::check::check_marks(self, world);
        }
        self.phase.store(Phase::Off as u8, Ordering::Release);
        world.set_write_barrier(false);
        let allocated_from = self.pacer.live_at_start.load(Ordering::Relaxed);
        // Unused slots of open windows lose their marks here, so this comes before black ends.
        heap.for_each_mcache(|cache| {
            // SAFETY: world stopped.
            unsafe {
                heap.flush_mcache(cache);
                (*cache).assist_bytes = 0;
                (*cache).assist_credit = 0;
            }
        });
        heap.set_allocate_black(false);
        let live_before = heap.live_bytes.load(Ordering::Relaxed);
        let allocated = live_before.saturating_sub(allocated_from);
        let marked = self.marked.load(Ordering::Relaxed) + allocated;
        heap.live_bytes.store(marked, Ordering::Relaxed);
        let (scanned, roots) = (
            self.scanned.load(Ordering::Relaxed),
            self.scanned_roots.load(Ordering::Relaxed),
        );
        let (background, assist) = (
            self.background_ns.load(Ordering::Relaxed),
            self.assist_ns.load(Ordering::Relaxed),
        );
        let elapsed = stopped_at - self.pacer.started_at.load(Ordering::Relaxed);
        self.pacer.finish(
            marked,
            scanned,
            roots,
            allocated,
            background + assist,
            self.idle_ns.load(Ordering::Relaxed),
            elapsed,
            world.num_procs(),
        );
        self.pacer
            .account(background + assist, stopped_at, world.num_procs());
        self.pacer.commit(self.limit_goal());
        self.stats.note_cycle(CycleTrace {
            heap_start: allocated_from,
            heap_end: live_before,
            heap_marked: marked,
            goal: self.pacer.cycle_goal.load(Ordering::Relaxed),
            stack_bytes: world.stack_scan_bytes(),
            global_bytes: roots.saturating_sub(world.stack_scan_bytes()),
            background_ns: background - self.idle_ns.load(Ordering::Relaxed),
            idle_ns: self.idle_ns.load(Ordering::Relaxed),
            assist_ns: assist,
            mark_ns: elapsed,
            procs: world.num_procs(),
            forced: self.cause_forced.load(Ordering::Relaxed),
        });
        if self.cause_forced.load(Ordering::Relaxed) {
            self.forced.fetch_add(1, Ordering::Relaxed);
        }
        heap.profile.next_cycle();
        let distance = self
            .pacer
            .trigger
            .load(Ordering::Relaxed)
            .saturating_sub(marked);
        heap.start_sweep(distance);
        world.cycle_changes(false);
        self.cycles.fetch_add(1, Ordering::Release);
        if heap.config().eager_sweep {
            heap.sweep_all();
        }
        if heap.config().verify
            && let Err(corruption) = heap.verify()
        {
            rt_os::throw!("heap: {corruption:?}");
        }
    }

    fn after_termination(&self, world: &dyn World, now: i64) {
        if self.heap().config().trace {
            self.stats.trace(world, now);
        }
        world.wake_sweeper();
        if self.heap().specials.pending.load(Ordering::Relaxed) != 0 {
            world.wake_finalizers();
        }
    }

    /// A whole cycle with the world stopped, and nothing concurrent but the sweep.
    pub fn collect_whole(&self, world: &dyn World) {
        if !self.start.try_lock() {
            return;
        }
        if self.phase() == Phase::Off {
            self.whole_locked(world, Cause::Forced);
        }
        // SAFETY: taken above.
        unsafe { self.start.unlock() };
    }

    fn whole_locked(&self, world: &dyn World, cause: Cause) {
        self.finish_sweep(world);
        let from = world.now();
        world.stop_the_world(StopReason::GcWhole);
        self.start_marking(world, cause);
        let mut marker = Marker::new(self);
        loop {
            while self.root_job(world, &mut marker) {}
            if marker.drain(|_| false) == DrainEnd::Empty
                && !self.roots_left()
                && self.pending_len() == 0
            {
                break;
            }
        }
        marker.finish();
        self.finish_whole(world, from);
    }

    /// Ends a cycle that was marked with the world stopped since `from`.
    pub(crate) fn finish_whole(&self, world: &dyn World, from: i64) {
        self.terminate(world, world.now());
        let now = world.now();
        world.start_the_world();
        self.stats.add_pause(from, now, false);
        self.after_termination(world, now);
    }
}
