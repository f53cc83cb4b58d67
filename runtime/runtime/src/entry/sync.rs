//! What package sync and its kin sleep on.

use core::sync::atomic::Ordering;
use rt_sched::m::M;
use rt_sched::notify::NotifyList;
use rt_sched::reason::ParkReason;
use rt_sched::sched::SCHED;
use rt_sched::sema;

extern "C" fn semacquire(addr: usize) {
    sema::acquire(addr, false, ParkReason::Semacquire);
}
extern "C" fn semacquire_wait_group(addr: usize, durable: bool) {
    let reason = if durable {
        ParkReason::SynctestWaitGroupWait
    } else {
        ParkReason::SyncWaitGroupWait
    };
    sema::acquire(addr, false, reason);
}
extern "C" fn semacquire_mutex(addr: usize, lifo: bool, _skip: usize) {
    sema::acquire(addr, lifo, ParkReason::SyncMutexLock);
}
extern "C" fn semacquire_rw_read(addr: usize, lifo: bool, _skip: usize) {
    sema::acquire(addr, lifo, ParkReason::SyncRwMutexRLock);
}
extern "C" fn semacquire_rw(addr: usize, lifo: bool, _skip: usize) {
    sema::acquire(addr, lifo, ParkReason::SyncRwMutexLock);
}
extern "C" fn semrelease(addr: usize, handoff: bool, _skip: usize) {
    sema::release(addr, handoff);
}
extern "C" fn semrelease_plain(addr: usize) {
    sema::release(addr, false);
}

/// Whether spinning for a mutex may pay: other processors run and nothing else waits for this one.
extern "C" fn can_spin(round: i64) -> bool {
    const ROUNDS: i64 = 4;
    if round >= ROUNDS || SCHED.cpus.load(Ordering::Relaxed) <= 1 {
        return false;
    }
    let procs = SCHED.p_count.load(Ordering::Relaxed);
    if procs
        <= SCHED.idle_p_count.load(Ordering::Relaxed) + SCHED.spinning.load(Ordering::Relaxed) + 1
    {
        return false;
    }
    M::current().p().runq.is_empty()
}

extern "C" fn do_spin() {
    for _ in 0..30 {
        core::hint::spin_loop();
    }
}

fn list(at: usize) -> &'static NotifyList {
    // SAFETY: sync.Cond passes its own list, which the calling goroutine holds.
    unsafe { &*(at as *const NotifyList) }
}
extern "C" fn notify_add(at: usize) -> u32 {
    list(at).add()
}
extern "C" fn notify_wait(at: usize, ticket: u32) {
    list(at).wait(ticket);
}
extern "C" fn notify_all(at: usize) {
    list(at).notify_all();
}
extern "C" fn notify_one(at: usize) {
    list(at).notify_one();
}
extern "C" fn notify_check(size: usize) {
    if size != size_of::<NotifyList>() {
        crate::fatal::throw("bad notifyList size");
    }
}
extern "C" fn register_pool_cleanup(function: usize) {
    crate::glue::wb_slot(0, function);
    crate::glue::POOL_CLEANUP.store(function, Ordering::Relaxed);
}

rt_sched::system_stubs! {
    "sync.runtime_Semacquire", "internal/poll.runtime_Semacquire" => semacquire: 1;
    "sync.runtime_SemacquireWaitGroup" => semacquire_wait_group: 2;
    "internal/sync.runtime_SemacquireMutex" => semacquire_mutex: 3;
    "sync.runtime_SemacquireRWMutexR" => semacquire_rw_read: 3;
    "sync.runtime_SemacquireRWMutex" => semacquire_rw: 3;
    "sync.runtime_Semrelease", "internal/sync.runtime_Semrelease" => semrelease: 3;
    "internal/poll.runtime_Semrelease" => semrelease_plain: 1;
    "sync.runtime_notifyListWait" => notify_wait: 2;
    "sync.runtime_notifyListNotifyAll" => notify_all: 1;
    "sync.runtime_notifyListNotifyOne" => notify_one: 1;
    "sync.runtime_notifyListCheck" => notify_check: 1;
    "sync.runtime_registerPoolCleanup" => register_pool_cleanup: 1;
}

rt_sched::jump_stubs! {
    "sync.runtime_notifyListAdd" => notify_add;
    "internal/sync.runtime_canSpin" => can_spin;
    "internal/sync.runtime_doSpin" => do_spin;
}
