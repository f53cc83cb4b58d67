//! Profiles of the scheduler's and the allocator's doings: stacks with numbers.

use crate::glue::{GC, HEAP, WORLD};
use crate::symtab;
use crate::traceback::{self, Frames, Start};
use core::cell::Cell;
use core::sync::atomic::{AtomicI64, Ordering};
use rt_heap::MCache;
use rt_sched::g::{G, Status};
use rt_sched::m::M;
use rt_sched::sched::SCHED;
use rt_sched::{persist, world};
use rt_sync::{LockRank, Mutex};

/// Return addresses kept per stack.
pub const DEPTH: usize = 128;

/// Installs what the scheduler calls. Once, at start.
pub fn install() {
    rt_sched::profile::RECORDER.store(record as *mut (), Ordering::Relaxed);
}

// ---------------------------------------------------------------- goroutines

/// Snapshot of all goroutines; see `goroutineProfileRaw` in stubs.go.
pub fn goroutines(records: *mut usize, count: usize, leaked: bool) -> usize {
    const WORDS: usize = 2 + DEPTH;
    let own = G::current();
    world::stop("goroutine profile");
    let wanted = |g: &G| {
        !g.system.get()
            && !matches!(g.status(), Status::Dead | Status::Idle)
            && (!leaked || g.leaked.load(Ordering::Relaxed))
    };
    let total = SCHED.all_gs().filter(|g| wanted(g)).count();
    if total <= count {
        for (index, g) in SCHED.all_gs().filter(|g| wanted(g)).enumerate() {
            // SAFETY: the caller's array has `count` records of WORDS words.
            let record =
                unsafe { core::slice::from_raw_parts_mut(records.add(index * WORDS), WORDS) };
            record.fill(0);
            record[0] = g.goid.get() as usize;
            record[1] = g.labels.load(Ordering::Relaxed);
            let frames = if core::ptr::eq(g, own) {
                Frames::new(Start::of_saved(g))
            } else {
                Frames::of(g)
            };
            traceback::callers(frames, 0, &mut record[2..]);
        }
    }
    world::start();
    total
}

/// Goroutines in leaked state.
pub fn leak_count() -> usize {
    SCHED
        .all_gs()
        .filter(|g| g.status() == Status::Waiting && g.leaked.load(Ordering::Relaxed))
        .count()
}

/// A collection that marks the goroutines that nothing can wake.
pub fn find_leaks() {
    GC.find_leaks(&WORLD);
}

// ---------------------------------------------------------------- block and mutex

/// A bucket: events with the same stack.
struct Bucket {
    next: Cell<*const Bucket>,
    count: Cell<u64>,
    cycles: Cell<i64>,
    depth: usize,
    stack: [usize; DEPTH],
}

struct Table {
    heads: [*const Bucket; 512],
    len: usize,
}
// SAFETY: behind the mutex.
unsafe impl Send for Table {}

static BLOCK: Mutex<Table> = Mutex::new(
    LockRank::Unranked,
    Table {
        heads: [core::ptr::null(); 512],
        len: 0,
    },
);
static MUTEX: Mutex<Table> = Mutex::new(
    LockRank::Unranked,
    Table {
        heads: [core::ptr::null(); 512],
        len: 0,
    },
);

impl Table {
    fn add(&mut self, stack: &[usize], count: u64, cycles: i64) {
        let hash = stack.iter().fold(stack.len(), |hash, pc| {
            (hash ^ pc)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(23)
        });
        let head = &mut self.heads[hash % 512];
        let mut at = *head;
        // SAFETY: buckets are never freed.
        while let Some(bucket) = unsafe { at.as_ref() } {
            if bucket.stack[..bucket.depth] == *stack {
                bucket.count.set(bucket.count.get() + count);
                bucket.cycles.set(bucket.cycles.get() + cycles);
                return;
            }
            at = bucket.next.get();
        }
        let fresh = persist::alloc(size_of::<Bucket>(), 8) as *mut Bucket;
        let mut pcs = [0; DEPTH];
        pcs[..stack.len()].copy_from_slice(stack);
        // SAFETY: fresh memory.
        unsafe {
            fresh.write(Bucket {
                next: Cell::new(*head),
                count: Cell::new(count),
                cycles: Cell::new(cycles),
                depth: stack.len(),
                stack: pcs,
            })
        };
        *head = fresh;
        self.len += 1;
    }
}

/// The scheduler's report of a contention; runs in a system function of `g`.
fn record(g: &'static G, ticks: i64, mutex: bool) {
    let mut count = 1;
    let mut cycles = ticks;
    if mutex {
        let fraction = rt_sched::profile::MUTEX_FRACTION
            .load(Ordering::Relaxed)
            .max(1);
        count *= fraction as u64;
        cycles = cycles.saturating_mul(fraction);
    } else {
        // Events shorter than the rate are sampled in proportion to their length, and count for those not sampled.
        let rate = rt_sched::profile::BLOCK_RATE.load(Ordering::Relaxed);
        let rate_ticks = (rate as i128 * crate::entry::time::ticks_per_second() as i128
            / 1_000_000_000)
            .max(1) as i64;
        if ticks < rate_ticks {
            let random = M::current().rand.next() % rate_ticks as u64;
            if random as i64 > ticks {
                return;
            }
            if ticks > 0 {
                count = (rate_ticks / ticks).max(1) as u64;
                cycles = rate_ticks;
            }
        }
    }
    let mut stack = [0; DEPTH];
    let mut depth = traceback::callers(Frames::new(Start::of_saved(g)), 0, &mut stack);
    // Operations of the language are the runtime's functions; those of package sync are blamed themselves.
    let is_operation = |ret: &usize| {
        symtab::called_entry(*ret).is_some_and(|e| symtab::string(e.name).starts_with("runtime."))
    };
    if !mutex && stack[..depth].first().is_some_and(is_operation) {
        depth = traceback::prepend_entry(&mut stack, depth);
    }
    if mutex { &MUTEX } else { &BLOCK }
        .lock()
        .add(&stack[..depth], count, cycles);
}

/// `runtime.blockevent(cycles, skip)`, which tests of the profile call: an event at the calling goroutine's stack.
pub extern "C" fn block_event(cycles: i64, _skip: isize) {
    if rt_sched::profile::BLOCK_RATE.load(Ordering::Relaxed) > 0 {
        record(G::current(), cycles.max(1), false);
    }
}

/// See `blockProfileRaw` in stubs.go.
pub fn contention(records: *mut usize, count: usize, mutex: bool) -> usize {
    const WORDS: usize = 2 + DEPTH;
    let table = if mutex { &MUTEX } else { &BLOCK }.lock();
    if table.len > count {
        return table.len;
    }
    let mut index = 0;
    for head in table.heads {
        let mut at = head;
        // SAFETY: buckets are never freed.
        while let Some(bucket) = unsafe { at.as_ref() } {
            // SAFETY: the caller's array has `count` records of WORDS words.
            let record =
                unsafe { core::slice::from_raw_parts_mut(records.add(index * WORDS), WORDS) };
            record.fill(0);
            record[0] = bucket.count.get() as usize;
            record[1] = bucket.cycles.get() as usize;
            record[2..2 + bucket.depth].copy_from_slice(&bucket.stack[..bucket.depth]);
            index += 1;
            at = bucket.next.get();
        }
    }
    index
}

// ---------------------------------------------------------------- heap

/// The allocation before chose an object for the profile: record it with the current stack.
pub fn heap_sample(cache: *mut MCache) {
    let g = G::current();
    let mut stack = [0; DEPTH];
    let depth = if g.is_g0.get() {
        0
    } else {
        traceback::callers(Frames::new(Start::of_saved(g)), 0, &mut stack)
    };
    // SAFETY: the current P's cache; the object was allocated just now.
    unsafe {
        let (object, size) = ((*cache).sampled, (*cache).sampled_size);
        (*cache).sampled = 0;
        HEAP.record_sample(object, size, &stack[..depth]);
    }
}

/// Mean bytes per sample: the program's variable `runtime.MemProfileRate`.
pub fn follow_heap_rate(variable: &'static AtomicI64) {
    HEAP.profile.follow(variable);
}

/// See `memProfileRaw` in stubs.go.
pub fn heap(records: *mut usize, count: usize) -> usize {
    const WORDS: usize = 4 + DEPTH;
    let total = HEAP.profile.len();
    if total > count {
        return total;
    }
    let mut index = 0;
    HEAP.profile.for_each(|size, allocs, frees, stack| {
        if index == count {
            return;
        }
        // SAFETY: the caller's array has `count` records of WORDS words.
        let record = unsafe { core::slice::from_raw_parts_mut(records.add(index * WORDS), WORDS) };
        record.fill(0);
        record[0] = size;
        record[1] = allocs as usize;
        record[2] = frees as usize;
        let depth = stack.len().min(DEPTH);
        record[4..4 + depth].copy_from_slice(&stack[..depth]);
        index += 1;
    });
    index
}
