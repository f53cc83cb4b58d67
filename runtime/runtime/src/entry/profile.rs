//! Profiles: goroutine, heap, block, mutex, CPU.

use crate::profile;
use core::sync::atomic::{AtomicI64, Ordering};

extern "C" fn goroutine_profile(records: *mut usize, count: usize, leaked: bool) -> usize {
    profile::goroutines(records, count, leaked)
}
extern "C" fn set_block_rate(rate: i64) {
    rt_sched::profile::BLOCK_RATE.store(rate.max(0), Ordering::Relaxed);
}
extern "C" fn set_mutex_fraction(fraction: i64) -> i64 {
    if fraction < 0 {
        return rt_sched::profile::MUTEX_FRACTION.load(Ordering::Relaxed);
    }
    rt_sched::profile::MUTEX_FRACTION.swap(fraction, Ordering::Relaxed)
}
extern "C" fn block_profile(records: *mut usize, count: usize, mutex: bool) -> usize {
    profile::contention(records, count, mutex)
}
extern "C" fn mem_profile_rate_at(variable: &'static AtomicI64) {
    profile::follow_heap_rate(variable);
}
extern "C" fn mem_profile(records: *mut usize, count: usize) -> usize {
    profile::heap(records, count)
}
extern "C" fn set_cpu_rate(hz: i64) {
    crate::cpu_profile::set_rate(hz);
}
extern "C" fn read_cpu(out: &mut [usize; 4]) {
    crate::cpu_profile::read(out);
}
extern "C" fn leak_count() -> usize {
    profile::leak_count()
}
extern "C" fn leak_gc() {
    profile::find_leaks();
}

rt_sched::system_stubs! {
    "runtime.goroutineProfileRaw" => goroutine_profile: 3;
    "runtime.setBlockProfileRateRaw" => set_block_rate: 1;
    "runtime.setMutexProfileFractionRaw" => set_mutex_fraction: 1;
    "runtime.blockevent" => profile::block_event: 2;
    "runtime.blockProfileRaw" => block_profile: 3;
    "runtime.memProfileRateAt" => mem_profile_rate_at: 1;
    "runtime.memProfileRaw" => mem_profile: 2;
    "runtime.setCPUProfileRateRaw" => set_cpu_rate: 1;
    "runtime.readCPUProfile" => read_cpu: 1;
    "runtime/pprof.runtime_goroutineleakcount" => leak_count: 0;
    "runtime/pprof.runtime_goroutineLeakGC" => leak_gc: 0;
}
