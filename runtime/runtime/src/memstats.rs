//! `runtime.MemStats` and the numbered metrics of `runtime/metrics` (order of `metricTable` in goroot/runtime/metrics.go).

use crate::glue::{GC, HEAP};
use crate::symtab;
use abi::sizeclass::{CLASS_TO_SIZE, NUM_SIZE_CLASSES};
use core::sync::atomic::{AtomicI64, Ordering};
use rt_sched::g::Status;
use rt_sched::histogram::{GC_PAUSES, OTHER_PAUSES};
use rt_sched::sched::SCHED;
use rt_sched::{persist, stack};

/// Exact layout of Go's struct.
#[repr(C)]
#[allow(missing_docs)]
pub struct MemStats {
    pub alloc: u64,
    pub total_alloc: u64,
    pub sys: u64,
    pub lookups: u64,
    pub mallocs: u64,
    pub frees: u64,
    pub heap_alloc: u64,
    pub heap_sys: u64,
    pub heap_idle: u64,
    pub heap_inuse: u64,
    pub heap_released: u64,
    pub heap_objects: u64,
    pub stack_inuse: u64,
    pub stack_sys: u64,
    pub mspan_inuse: u64,
    pub mspan_sys: u64,
    pub mcache_inuse: u64,
    pub mcache_sys: u64,
    pub buck_hash_sys: u64,
    pub gc_sys: u64,
    pub other_sys: u64,
    pub next_gc: u64,
    pub last_gc: u64,
    pub pause_total_ns: u64,
    pub pause_ns: [u64; 256],
    pub pause_end: [u64; 256],
    pub num_gc: u32,
    pub num_forced_gc: u32,
    pub gc_cpu_fraction: f64,
    pub enable_gc: bool,
    pub debug_gc: bool,
    pub by_size: [BySize; 61],
}

/// A size class.
#[repr(C)]
#[allow(missing_docs)]
pub struct BySize {
    pub size: u32,
    pub mallocs: u64,
    pub frees: u64,
}

const _: () = assert!(size_of::<MemStats>() == 24 * 8 + 512 * 8 + 24 + 61 * 24);

/// Fills everything. World stopped.
pub fn fill(out: &mut MemStats) {
    let heap = HEAP.stats();
    out.alloc = heap.heap_alloc;
    out.total_alloc = heap.total_alloc;
    out.lookups = 0;
    out.mallocs = heap.mallocs;
    out.frees = heap.frees;
    out.heap_alloc = heap.heap_alloc;
    out.heap_sys = heap.heap_sys;
    out.heap_idle = heap.heap_idle;
    out.heap_inuse = heap.heap_inuse;
    out.heap_released = heap.heap_released;
    out.heap_objects = heap.heap_objects;
    out.stack_inuse = stack::IN_USE.load(Ordering::Relaxed) as u64;
    out.stack_sys = stack::FROM_SYSTEM
        .load(Ordering::Relaxed)
        .max(stack::IN_USE.load(Ordering::Relaxed)) as u64;
    out.mspan_inuse = heap.mspan_inuse;
    out.mspan_sys = heap.mspan_sys;
    out.mcache_inuse = heap.mcache_inuse;
    out.mcache_sys = heap.mcache_sys;
    out.buck_hash_sys = heap.buckets_sys;
    out.gc_sys = heap.gc_sys;
    out.other_sys = heap.other_sys + persist::total() as u64;
    out.sys = out.heap_sys
        + out.stack_sys
        + out.mspan_sys
        + out.mcache_sys
        + out.buck_hash_sys
        + out.gc_sys
        + out.other_sys;
    out.next_gc = match GC.pacer.goal.load(Ordering::Relaxed) {
        usize::MAX => u64::MAX,
        goal => goal as u64,
    };
    let cycles = GC.stats.cycles();
    out.last_gc = GC.stats.last_end_wall();
    out.pause_total_ns = GC.stats.pause_total.load(Ordering::Relaxed);
    out.pause_ns = [0; 256];
    out.pause_end = [0; 256];
    for cycle in cycles.saturating_sub(256)..cycles {
        let (pause, end) = GC.stats.pause(cycle);
        out.pause_ns[cycle as usize % 256] = pause;
        out.pause_end[cycle as usize % 256] = end;
    }
    out.num_gc = cycles;
    out.num_forced_gc = GC.forced.load(Ordering::Relaxed);
    out.gc_cpu_fraction = GC.stats.cpu_fraction.load();
    out.enable_gc = true;
    out.debug_gc = false;
    for (index, class) in out.by_size.iter_mut().enumerate() {
        let (size, mallocs, frees) = heap.by_size[index];
        *class = BySize {
            size,
            mallocs,
            frees,
        };
    }
}

const NANOS: f64 = 1e9;

/// Nanoseconds of processor time as last read.
static LAST_DEDICATED: AtomicI64 = AtomicI64::new(0);
static LAST_IDLE: AtomicI64 = AtomicI64::new(0);
static LAST_USER: AtomicI64 = AtomicI64::new(0);

/// Reads one metric: scalars (floats as bits) into `out[0]`. False: not provided here.
pub fn metric(number: usize, out: *mut u64) -> bool {
    let count_status = |wanted: &[Status]| {
        SCHED
            .all_gs()
            .filter(|g| !g.system.get() && wanted.contains(&g.status()))
            .count() as u64
    };
    let seconds = |nanos: i64| (nanos as f64 / NANOS).to_bits();
    // A difference of clocks that are read one after the other, and that must not go back.
    let growing =
        |last: &AtomicI64, nanos: i64| seconds(last.fetch_max(nanos, Ordering::Relaxed).max(nanos));
    let stats = &GC.stats;
    let (assist, background, idle, pause) = (
        stats.cpu_assist.load(Ordering::Relaxed),
        stats.cpu_background.load(Ordering::Relaxed),
        stats.cpu_idle.load(Ordering::Relaxed),
        stats.cpu_pause.load(Ordering::Relaxed),
    );
    let total = (rt_os::time::nanotime() - SCHED.start_time.load(Ordering::Relaxed))
        * SCHED.p_count.load(Ordering::Relaxed) as i64;
    let value = match number {
        0 => 0,
        1 => seconds(assist),
        2 => growing(&LAST_DEDICATED, background - idle),
        3 => seconds(idle),
        4 => seconds(pause),
        5 => seconds(assist + background + pause),
        6 => growing(&LAST_IDLE, total - process_cputime()),
        7..=9 => 0f64.to_bits(),
        10 => seconds(total),
        11 => growing(&LAST_USER, process_cputime() - assist - background - pause),
        17 | 18 | 12 | 13 => return false,
        19 => GC.pacer.percent.load(Ordering::Relaxed) as i64 as u64,
        20 => HEAP.memory_limit.load(Ordering::Relaxed) as u64,
        21 | 24 => {
            let heap = stopped(|| HEAP.stats());
            // One bucket per size class (from class 1), then the large objects.
            for class in 1..NUM_SIZE_CLASSES {
                let (_, mallocs, frees) = heap.by_size[class];
                // SAFETY: the overlay's array has a word per bucket.
                unsafe {
                    out.add(class - 1)
                        .write(if number == 21 { mallocs } else { frees })
                };
            }
            let _ = CLASS_TO_SIZE;
            // SAFETY: as above.
            unsafe {
                out.add(NUM_SIZE_CLASSES - 1).write(if number == 21 {
                    heap.large.0
                } else {
                    heap.large.2
                })
            };
            return true;
        }
        28 => GC.pacer.marked.load(Ordering::Relaxed) as u64,
        33..=36 => {
            let globals: usize = symtab::slice(&symtab::module().roots)
                .iter()
                .map(|range| range.words * 8)
                .sum();
            let stacks = stack::IN_USE.load(Ordering::Relaxed);
            let roots = GC.pacer.last_roots.load(Ordering::Relaxed);
            // Before the first cycle: what there is.
            let heap = match GC.pacer.last_scan.load(Ordering::Relaxed) {
                0 => HEAP.live_bytes.load(Ordering::Relaxed),
                scanned => scanned.saturating_sub(roots),
            };
            match number {
                33 => globals as u64,
                34 => heap as u64,
                35 => stacks as u64,
                _ => (globals + heap + stacks) as u64,
            }
        }
        64 => {
            let _guard = SCHED.lock();
            SCHED.m_count.get().max(0) as u64
        }
        30 => stopped(|| HEAP.stats()).tiny_allocs,
        31 => 0,
        32 | 60..=63 => {
            let histogram = match number {
                60 => &GC_PAUSES.stopping,
                61 => &OTHER_PAUSES.stopping,
                63 => &OTHER_PAUSES.total,
                _ => &GC_PAUSES.total,
            };
            // SAFETY: the overlay's array has a word per bucket.
            histogram.for_each(|index, count| unsafe { out.add(index).write(count) });
            return true;
        }
        37 => stack::SMALL as u64,
        53 => SCHED.goid.load(Ordering::Relaxed),
        54 => count_status(&[Status::Syscall]),
        55 => count_status(&[Status::Runnable]),
        56 => count_status(&[Status::Running]),
        57 => count_status(&[Status::Waiting]),
        _ => return false,
    };
    // SAFETY: the overlay's array.
    unsafe { out.write(value) };
    true
}

fn process_cputime() -> i64 {
    let now = rt_os::time::clock_gettime(rt_os::time::CLOCK_PROCESS_CPUTIME);
    now.sec * 1_000_000_000 + now.nsec
}

fn stopped<T>(read: impl FnOnce() -> T) -> T {
    rt_sched::world::stop("read mem stats");
    let value = read();
    rt_sched::world::start();
    value
}
