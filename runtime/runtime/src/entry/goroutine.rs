//! Goroutines, Ps, locking to threads, coroutines.

use core::sync::atomic::Ordering;
use rt_sched::coro::Coro;
use rt_sched::g::G;
use rt_sched::m::M;
use rt_sched::reason::ParkReason;
use rt_sched::sched::SCHED;
use rt_sched::{proc, stack, world};

extern "C" fn newproc(start: usize) {
    let g = G::current();
    if start == 0 {
        crate::fatal::fatal("go of nil func value");
    }
    // The creating goroutine's stack held the closure; from now on the new G's field does.
    crate::glue::wb_slot(0, start);
    proc::spawn(
        start,
        stack::return_of_saved(g),
        // A timer's function is no parent, but what it starts joins its bubble.
        (!g.is_g0.get() || rt_sched::bubble::of(g).is_some()).then_some(g),
    );
}

extern "C" fn gosched() {
    let g = G::current();
    if !g.is_g0.get() && M::current().pins.get() == 0 {
        proc::yield_global(g, "runtime.Gosched");
    }
}

extern "C" fn goyield() {
    let g = G::current();
    if !g.is_g0.get() && M::current().pins.get() == 0 {
        proc::yield_local(g);
    }
}

extern "C" fn goexit1() {
    proc::goexit0()
}

extern "C" fn goid() -> u64 {
    G::current().goid.get()
}

extern "C" fn lock_os_thread() {
    proc::lock_os_thread();
}

extern "C" fn unlock_os_thread() {
    proc::unlock_os_thread();
}

extern "C" fn gomaxprocs(count: i64) -> usize {
    if count > 0 {
        SCHED.procs_explicit.store(true, Ordering::Relaxed);
    }
    world::set_procs(count) as usize
}

extern "C" fn gomaxprocs_default() {
    SCHED.procs_explicit.store(false, Ordering::Relaxed);
    world::set_procs(crate::start::default_procs() as i64);
}

extern "C" fn ncpu() -> usize {
    SCHED.cpus.load(Ordering::Relaxed) as usize
}

extern "C" fn gcount() -> usize {
    proc::goroutine_count().max(0) as usize
}

extern "C" fn proc_pin() -> usize {
    let m = M::current();
    m.pins.set(m.pins.get() + 1);
    m.p().id.get() as usize
}

/// Allows preemption again, and asks for one that was refused meanwhile.
pub extern "C" fn unpin() {
    let m = M::current();
    m.pins.set(m.pins.get() - 1);
    if m.pins.get() == 0 {
        let g = m.curg();
        if g.preempt.load(Ordering::Relaxed) && !g.is_g0.get() {
            g.request_preempt();
        }
    }
}

extern "C" fn block_forever() {
    proc::park(ParkReason::SelectNoCases, || {})
}

extern "C" fn park_nil_chan(recv: bool) {
    rt_chan::park_nil(if recv {
        ParkReason::ChanReceiveNil
    } else {
        ParkReason::ChanSendNil
    })
}

extern "C" fn set_running_inits(_on: bool) {}

extern "C" fn newcoro(start: usize) -> usize {
    // 16 bytes without pointers; the G reports the object as its root.
    let at = crate::glue::malloc(16, core::ptr::null(), true);
    crate::glue::wb_slot(0, start);
    // SAFETY: fresh zeroed memory of sufficient size.
    unsafe { (*(at as *const Coro)).init(start, stack::return_of_saved(G::current())) };
    at
}

extern "C" fn coroswitch(coro: usize) {
    // SAFETY: from newcoro; the caller holds it.
    unsafe { (*(coro as *const Coro)).switch() }
}

extern "C" fn coroexit(coro: usize) {
    // SAFETY: from newcoro; the caller holds it.
    unsafe { (*(coro as *const Coro)).exit() }
}

extern "C" fn synctest_acquire() -> usize {
    let g = G::current();
    match rt_sched::bubble::of(g) {
        Some(bubble) => {
            bubble.pin();
            g.bubble.get() as usize
        }
        None => 0,
    }
}

extern "C" fn synctest_release(bubble: usize) {
    // SAFETY: from synctestAcquire: null or a bubble, never freed.
    if let Some(bubble) = unsafe { (bubble as *const rt_sched::bubble::Bubble).as_ref() } {
        bubble.unpin();
    }
}

extern "C" fn synctest_enter(bubble: usize) -> usize {
    G::current().bubble.replace(bubble as *const _) as usize
}

extern "C" fn is_in_bubble() -> bool {
    rt_sched::bubble::of(G::current()).is_some()
}

extern "C" fn associate(object: usize) -> usize {
    rt_sched::bubble::associate(G::current(), object)
}

extern "C" fn disassociate(object: usize) {
    rt_sched::bubble::disassociate(object);
}

extern "C" fn is_associated(object: usize) -> bool {
    rt_sched::bubble::is_associated(object)
}

extern "C" fn set_bypass() {
    G::current().fips_bypass.set(true);
}
extern "C" fn unset_bypass() {
    G::current().fips_bypass.set(false);
}
extern "C" fn is_bypassed() -> bool {
    G::current().fips_bypass.get()
}
extern "C" fn get_indicator() -> u8 {
    G::current().fips_indicator.get()
}
extern "C" fn set_indicator(value: u8) {
    G::current().fips_indicator.set(value);
}
extern "C" fn set_labels(labels: usize) {
    crate::glue::wb_slot(0, labels);
    // The old ones may be known to a sample of the CPU profile only.
    crate::glue::wb_slot(0, G::current().labels.load(Ordering::Relaxed));
    G::current().labels.store(labels, Ordering::Relaxed);
}
extern "C" fn get_labels() -> usize {
    G::current().labels.load(Ordering::Relaxed)
}
extern "C" fn set_panic_on_fault(on: bool) -> bool {
    G::current().panic_on_fault.replace(on)
}
extern "C" fn nothing() {}
extern "C" fn no() -> bool {
    false
}
extern "C" fn zero() -> usize {
    0
}
extern "C" fn thread_create_count() -> usize {
    SCHED.threads_created.load(Ordering::Relaxed) as usize
}
extern "C" fn set_max_threads(count: i64) -> i64 {
    SCHED
        .max_ms
        .swap(count.clamp(1, i32::MAX as i64) as i32, Ordering::Relaxed) as i64
}

rt_sched::system_stubs! {
    "runtime.newproc" => newproc: 1;
    "runtime.gosched" => gosched: 0;
    "runtime.goyield" => goyield: 0;
    "runtime.goexit1" => goexit1: 0;
    "runtime.gomaxprocs" => gomaxprocs: 1;
    "runtime.gomaxprocsDefault" => gomaxprocs_default: 0;
    "runtime.blockForever" => block_forever: 0;
    "runtime.parkNilChan" => park_nil_chan: 1;
    "runtime.newcoroRaw" => newcoro: 1;
    "runtime.coroswitchRaw" => coroswitch: 1;
    "runtime.coroexitRaw" => coroexit: 1;
    "internal/synctest.Run" => rt_sched::bubble::run: 1;
    "internal/synctest.Wait" => rt_sched::bubble::wait: 0;
    "runtime.synctestRelease" => synctest_release: 1;
    "runtime/pprof.runtime_setProfLabel" => set_labels: 1;
}

rt_sched::jump_stubs! {
    "runtime.goid" => goid;
    "runtime.lockOSThread" => lock_os_thread;
    "runtime.unlockOSThread" => unlock_os_thread;
    "runtime.ncpu" => ncpu;
    "runtime.gcount" => gcount;
    "runtime.procPin", "sync.runtime_procPin", "sync/atomic.runtime_procPin" => proc_pin;
    "runtime.procUnpin", "sync.runtime_procUnpin", "sync/atomic.runtime_procUnpin" => unpin;
    "runtime.setRunningInits" => set_running_inits;
    "runtime.synctestEnter" => synctest_enter;
    "internal/synctest.IsInBubble", "time.runtimeIsBubbled" => is_in_bubble;
    "crypto/fips140.setBypass" => set_bypass;
    "crypto/fips140.unsetBypass" => unset_bypass;
    "crypto/fips140.isBypassed" => is_bypassed;
    "crypto/internal/fips140.getIndicator" => get_indicator;
    "crypto/internal/fips140.setIndicator" => set_indicator;
    "crypto/subtle.setDITEnabled" => no;
    "crypto/subtle.setDITDisabled" => nothing;
    "crypto/internal/boring/sig.BoringCrypto", "crypto/internal/boring/sig.FIPSOnly", "crypto/internal/boring/sig.StandardCrypto" => nothing;
    "runtime/pprof.runtime_getProfLabel" => get_labels;
    "runtime/debug.setPanicOnFault" => set_panic_on_fault;
    "runtime/debug.setMaxThreads" => set_max_threads;
    "runtime.threadCreateCount" => thread_create_count;
    "internal/runtime/sys.GetCallerPC", "internal/runtime/sys.GetCallerSP", "internal/runtime/sys.GetClosurePtr" => zero;
}

rt_sched::deep_leaf_stubs! {
    "runtime.synctestAcquire" => synctest_acquire;
    "internal/synctest.associate" => associate;
    "internal/synctest.disassociate" => disassociate;
    "internal/synctest.isAssociated" => is_associated;
}
