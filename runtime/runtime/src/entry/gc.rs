//! The collector's controls and figures; finalizers, cleanups.

use super::Pair;
use crate::glue::{self, GC, WORLD};
use abi::gotype::Type;
use core::sync::atomic::Ordering;
use rt_heap::Finalizer;

/// How often `runtime.GC` waits 20 us (with the kernel's slack, 70) for finalizers that have become due.
const FINALIZER_WAITS: usize = 8;

/// Programs look at what finalizers did right after collections. Their goroutine is ready then, but its thread may not have come to run yet:
/// so it gets a little time, though nothing is promised of finalizers.
extern "C" fn gc_run() {
    GC.collect(&WORLD);
    for _ in 0..FINALIZER_WAITS {
        if glue::finalizers_done() {
            break;
        }
        rt_sched::syscall::blocking(|| rt_os::thread::nanosleep(20_000));
    }
}

extern "C" fn free_os_memory() {
    GC.free_os_memory(&WORLD);
}

extern "C" fn set_gc_percent(percent: i32) -> i32 {
    GC.set_gc_percent(&WORLD, percent)
}

extern "C" fn set_memory_limit(limit: i64) -> i64 {
    GC.set_memory_limit(&WORLD, limit)
}

extern "C" fn read_mem_stats(out: *mut crate::memstats::MemStats) {
    rt_sched::world::stop("read mem stats");
    // SAFETY: Go's struct; the world is stopped.
    unsafe { crate::memstats::fill(&mut *out) };
    rt_sched::world::start();
}

/// Newest first.
extern "C" fn gc_pauses(pauses: *mut u64, ends: *mut u64, count: usize) -> usize {
    let cycles = GC.stats.cycles();
    let count = count.min(256).min(cycles as usize);
    for index in 0..count {
        let (pause, end) = GC.stats.pause(cycles - 1 - index as u32);
        // SAFETY: Go's arrays of `count` entries.
        unsafe {
            pauses.add(index).write(pause);
            ends.add(index).write(end);
        }
    }
    count
}

extern "C" fn gc_summary() -> Pair {
    Pair(
        GC.stats.last_end_wall() as usize,
        GC.stats.cycles() as usize,
    )
}

extern "C" fn gc_pause_total() -> u64 {
    GC.stats.pause_total.load(Ordering::Relaxed)
}

extern "C" fn read_metric(number: usize, out: *mut u64) -> bool {
    crate::memstats::metric(number, out)
}

extern "C" fn set_finalizer(
    object: usize,
    func: usize,
    result_bytes: usize,
    _arg: *const Type,
    object_type: *const Type,
) -> bool {
    if func == 0 {
        // SAFETY: the caller holds the object.
        unsafe { GC.remove_finalizer(object) };
        return true;
    }
    glue::wb_slot(0, func);
    // SAFETY: the caller holds the object; system function with a P.
    match unsafe {
        GC.set_finalizer(
            object,
            Finalizer {
                func,
                arg_type: object_type,
                result_bytes,
            },
        )
    } {
        Ok(()) => true,
        Err(rt_gc::AttachError::AlreadySet) => false,
        // Globals never die: nothing to do. The overlay has checked that other pointers begin an object.
        Err(rt_gc::AttachError::NotHeap) => true,
        Err(rt_gc::AttachError::NotStart) => {
            crate::fatal::throw("runtime.SetFinalizer: pointer not at beginning of allocated block")
        }
        Err(rt_gc::AttachError::NoMemory) => crate::fatal::fatal("runtime: out of memory"),
    }
}

extern "C" fn add_cleanup(object: usize, func: usize) -> u64 {
    glue::wb_slot(0, func);
    // SAFETY: the caller holds the object; system function with a P.
    match unsafe { GC.add_cleanup(object, func) } {
        Ok(id) => id as u64,
        Err(rt_gc::AttachError::NoMemory) => crate::fatal::fatal("runtime: out of memory"),
        Err(_) => 0,
    }
}

extern "C" fn stop_cleanup(object: usize, id: u64) {
    // SAFETY: with a P; the object may be gone.
    unsafe { GC.stop_cleanup(object, id as usize) };
}

extern "C" fn block_until_finalizers_done(timeout: i64) -> bool {
    let deadline = rt_os::time::nanotime().saturating_add(timeout);
    while !glue::finalizers_done() {
        if rt_os::time::nanotime() >= deadline {
            return false;
        }
        rt_sched::syscall::blocking(|| rt_os::thread::nanosleep(100_000));
    }
    true
}

rt_sched::system_stubs! {
    "runtime.gcRun" => gc_run: 0;
    "runtime.freeOSMemoryRaw", "runtime/debug.freeOSMemory" => free_os_memory: 0;
    "runtime/debug.setGCPercent" => set_gc_percent: 1;
    "runtime/debug.setMemoryLimit" => set_memory_limit: 1;
    "runtime.readMemStatsRaw" => read_mem_stats: 1;
    "runtime.gcPauses" => gc_pauses: 3;
    "runtime.readMetricRaw" => read_metric: 2;
    "runtime.setFinalizerRaw" => set_finalizer: 5;
    "runtime.addCleanupRaw" => add_cleanup: 2;
    "runtime.stopCleanupRaw" => stop_cleanup: 2;
    "runtime.nextFinalizer" => glue::next_finalizer: 1;
    "runtime.blockUntilFinalizersDone" => block_until_finalizers_done: 1;
}

rt_sched::leaf_stubs! {
    "runtime.gcSummary" => gc_summary;
}

rt_sched::jump_stubs! {
    "runtime.gcPauseTotal" => gc_pause_total;
}
