//! Threads: making Ms, putting them to sleep, waking them; sysmon.

use crate::g::{G, Status};
use crate::hooks::HOOKS;
use crate::m::{M, SIGNAL_STACK, SYSTEM_STACK};
use crate::p::{P, PStatus};
use crate::proc;
use crate::sched::{SCHED, SchedGuard};
use crate::trace;
use core::ptr;
use rt_os::thread::NewThread;
use rt_sync::atomic::{AtomicI64, AtomicPtr, AtomicU64, Ordering, fence};

static NEXT_M: AtomicU64 = AtomicU64::new(0);

/// A descriptor with its stacks. The first one made is the main thread's (id 0).
pub fn new_m() -> &'static M {
    let at = crate::persist::alloc(size_of::<M>(), 64) as *mut M;
    // SAFETY: fresh memory of the right size; never freed.
    let m: &'static M = unsafe {
        at.write(M::new());
        &*at
    };
    m.init(NEXT_M.fetch_add(1, Ordering::Relaxed));
    crate::stress::seed_m(m);
    // One mapping: guard page, system stack, guard page, signal stack.
    let page = rt_os::mem::OS_PAGE_SIZE;
    let base = crate::persist::map(SYSTEM_STACK + SIGNAL_STACK + 2 * page);
    // SAFETY: fresh pages of ours.
    unsafe {
        let _ = rt_os::mem::mprotect(base, page, rt_os::mem::PROT_NONE);
        let _ = rt_os::mem::mprotect(base + page + SYSTEM_STACK, page, rt_os::mem::PROT_NONE);
    }
    m.system_lo.set(base + page);
    m.system_top.set(base + page + SYSTEM_STACK);
    m.signal_stack.set(base + 2 * page + SYSTEM_STACK);
    proc::publish_m(m);
    m
}

/// Function that a thread of the runtime runs instead of the scheduler (sysmon, collector).
pub type ThreadMain = fn(&'static M) -> !;

/// Starts the thread of an M. `main`: `None` for the scheduler.
fn spawn_thread(m: &'static M, main: Option<ThreadMain>) {
    #[cfg(feature = "model")]
    if let Some(model) = crate::model::model() {
        m.thread_main.set(main);
        return (model.start_thread)(m);
    }
    // The new thread inherits the mask: it must not take signals before its alternate stack is set.
    let mask = rt_os::signal::rt_sigprocmask(rt_os::signal::MaskHow::Set, u64::MAX);
    m.saved_mask.set(if m_blocks_all(main) {
        !SYSTEM_SIGNALS.load(Ordering::Relaxed)
    } else {
        USER_MASK.load(Ordering::Relaxed)
    });
    m.thread_main.set(main);
    let new = NewThread {
        stack_top: m.system_top.get(),
        tls: m.tls(),
        entry: thread_entry,
        arg: m as *const M as usize,
        parent_tid: m.tid.as_ptr(),
        child_tid: ptr::null_mut(),
    };
    SCHED.threads_created.fetch_add(1, Ordering::Relaxed);
    // SAFETY: stack and M live for ever.
    let result = unsafe { rt_os::thread::spawn(&new) };
    rt_os::signal::rt_sigprocmask(rt_os::signal::MaskHow::Set, mask);
    if let Err(err) = result {
        rt_os::throw!(
            "runtime: failed to create new OS thread (have {} already; {err})",
            SCHED.m_count.get()
        );
    }
}

fn m_blocks_all(main: Option<ThreadMain>) -> bool {
    main.is_some()
}

/// Signals blocked in threads that run goroutines: those blocked at process start.
pub static USER_MASK: AtomicU64 = AtomicU64::new(0);

/// Signals that the threads of the runtime itself take too: those that tell every thread of the process something.
pub static SYSTEM_SIGNALS: AtomicU64 = AtomicU64::new(0);

pub(crate) extern "C" fn thread_entry(arg: usize) -> ! {
    // SAFETY: the M that spawn_thread passed.
    let m: &'static M = unsafe { &*(arg as *const M) };
    if !cfg!(feature = "model") {
        init_thread(m);
        rt_os::signal::rt_sigprocmask(rt_os::signal::MaskHow::Set, m.saved_mask.get());
    }
    if let Some(main) = m.thread_main.get() {
        main(m);
    }
    if !m.next_p.get().is_null() {
        // SAFETY: non-null: a P.
        acquire_p(m, unsafe { &*m.next_p.replace(ptr::null()) });
    }
    proc::schedule()
}

/// Per-thread kernel state: id, alternate signal stack.
pub fn init_thread(m: &'static M) {
    m.tid.store(rt_os::thread::gettid(), Ordering::Relaxed);
    let stack = rt_os::signal::StackT::new(m.signal_stack.get(), SIGNAL_STACK, 0);
    // SAFETY: the stack is this M's for ever.
    let _ = unsafe { rt_os::signal::sigaltstack(Some(&stack)) };
}

/// Starts a thread of the runtime that is not part of the scheduler and does not count for deadlocks.
pub fn start_system_thread(main: ThreadMain) -> &'static M {
    let m = new_m();
    m.is_system.set(true);
    {
        let _guard = SCHED.lock();
        SCHED.m_count.set(SCHED.m_count.get() + 1);
        SCHED.system_ms.set(SCHED.system_ms.get() + 1);
    }
    spawn_thread(m, Some(main));
    m
}

/// Ties a P to the calling M.
pub fn acquire_p(m: &'static M, p: &'static P) {
    if !m.p.get().is_null() {
        rt_os::throw!("acquire_p: already has a P");
    }
    m.p.set(p);
    p.m.store(m as *const M as *mut M, Ordering::Relaxed);
    p.set_status(PStatus::Running);
    if trace::on() {
        trace::p_started(m, p);
    }
}

/// Unties it; the status is the caller's business.
pub fn release_p(m: &'static M) -> &'static P {
    let p = m.p();
    if trace::on() {
        trace::p_stops(m);
    }
    m.p.set(ptr::null());
    p.m.store(ptr::null_mut(), Ordering::Relaxed);
    p.running.store(ptr::null_mut(), Ordering::Relaxed);
    p
}

/// Gives the P to an idle or a new M. Consumes the lock.
pub fn start_m_locked(guard: SchedGuard, p: &'static P, spinning: bool) {
    match SCHED.idle_m_get(&guard) {
        Some(m) => {
            drop(guard);
            m.spinning.set(spinning);
            m.next_p.set(p);
            m.park.wake();
        }
        None => {
            SCHED.m_count.set(SCHED.m_count.get() + 1);
            let too_many = SCHED.m_count.get() > SCHED.max_ms.load(Ordering::Relaxed);
            // SAFETY: null or a dead M that is ours now.
            let dead = unsafe { SCHED.dead_ms.get().as_ref() };
            if let Some(m) = dead {
                SCHED.dead_ms.set(m.idle_link.get());
            }
            drop(guard);
            if too_many {
                rt_os::eprint_raw!(
                    "runtime: program exceeds {}-thread limit\n",
                    SCHED.max_ms.load(Ordering::Relaxed)
                );
                rt_os::throw!("thread exhaustion");
            }
            let m = dead.unwrap_or_else(new_m);
            m.spinning.set(spinning);
            m.next_p.set(p);
            if M::current().tainted.get() {
                leave_to_sysmon(m);
            } else {
                spawn_thread(m, None);
            }
        }
    }
}

/// Ms whose threads sysmon shall start, linked by `idle_link`: a thread inherits state (name spaces, credentials) from the one that
/// starts it, and who wanted these may have changed its own.
static CLEAN_STARTS: AtomicPtr<M> = AtomicPtr::new(ptr::null_mut());

fn leave_to_sysmon(m: &'static M) {
    let at = m as *const M as *mut M;
    let mut head = CLEAN_STARTS.load(Ordering::Relaxed);
    loop {
        m.idle_link.set(head);
        match CLEAN_STARTS.compare_exchange_weak(head, at, Ordering::SeqCst, Ordering::Relaxed) {
            Ok(_) => break,
            Err(found) => head = found,
        }
    }
    // Sysmon looks at the list after it has said that it waits.
    if SCHED.sysmon_wait.load(Ordering::SeqCst) {
        SCHED.sysmon_note.wake();
    }
}

fn start_clean_threads() {
    let mut at = CLEAN_STARTS.swap(ptr::null_mut(), Ordering::SeqCst) as *const M;
    // SAFETY: null or an M of the list, which is ours now.
    while let Some(m) = unsafe { at.as_ref() } {
        at = m.idle_link.replace(ptr::null());
        spawn_thread(m, None);
    }
}

/// Sleeps until the M is given a P.
pub fn stop_m(m: &'static M) {
    if m.spinning.get() {
        m.spinning.set(false);
        SCHED.spinning.fetch_sub(1, Ordering::SeqCst);
    }
    let guard = SCHED.lock();
    SCHED.idle_m_put(&guard, m);
    drop(guard);
    m.park.sleep();
    m.park.clear();
    #[cfg(feature = "model")]
    crate::model::retire_if_asked(m);
    take_next_p(m);
}

fn take_next_p(m: &'static M) {
    // SAFETY: whoever woke us stored a P.
    let Some(p) = (unsafe { m.next_p.replace(ptr::null()).as_ref() }) else {
        rt_os::throw!("thread woken without a P")
    };
    acquire_p(m, p);
}

/// The world is being stopped: give up the P and sleep.
pub fn stop_for_world(m: &'static M) {
    if m.spinning.get() {
        m.spinning.set(false);
        SCHED.spinning.fetch_sub(1, Ordering::SeqCst);
    }
    let guard = SCHED.lock();
    if !SCHED.stopping.load(Ordering::SeqCst) {
        return;
    }
    let p = release_p(m);
    p.set_status(PStatus::Stopped);
    SCHED.stop_wait.set(SCHED.stop_wait.get() - 1);
    if SCHED.stop_wait.get() == 0 {
        SCHED.stop_note.wake();
    }
    drop(guard);
    stop_m(m);
}

/// This M's goroutine is locked to it and not running: give the P away, sleep until it is runnable again.
pub fn stop_locked_m(m: &'static M) {
    if m.p_opt().is_some() {
        let p = release_p(m);
        hand_off_p(p);
    }
    {
        let guard = SCHED.lock();
        SCHED.idle_locked.set(SCHED.idle_locked.get() + 1);
        proc::check_dead(&guard);
    }
    m.park.sleep();
    m.park.clear();
    take_next_p(m);
}

/// Gives the P and the goroutine to the M that the goroutine is locked to; sleeps itself.
pub fn hand_to_locked_m(m: &'static M, g: &'static G) {
    // SAFETY: non-null (the caller looked).
    let target = unsafe { &*g.locked_m.get() };
    if ptr::eq(target, m) {
        rt_os::throw!("locked goroutine handed to its own thread");
    }
    {
        let _guard = SCHED.lock();
        SCHED.idle_locked.set(SCHED.idle_locked.get() - 1);
    }
    let p = release_p(m);
    target.next_p.set(p);
    target.park.wake();
    stop_m(m);
}

/// A P that lost its M: start another M if there is anything to do, or if all others are busy; else make it idle.
pub fn hand_off_p(p: &'static P) {
    pass_on(p, true);
}

/// A P that a thread of the runtime used while it was idle: idle again unless there is something to do.
pub fn lay_down_p(p: &'static P) {
    pass_on(p, false);
    // Who made a goroutine ready meanwhile saw no idle P.
    fence(Ordering::SeqCst);
    if SCHED.idle_p_count.load(Ordering::Relaxed) > 0 && SCHED.all_ps().any(|p| !p.runq.is_empty())
    {
        proc::wake_p();
    }
}

fn pass_on(p: &'static P, look_out: bool) {
    let guard = SCHED.lock();
    if SCHED.stopping.load(Ordering::SeqCst) {
        p.set_status(PStatus::Stopped);
        SCHED.stop_wait.set(SCHED.stop_wait.get() - 1);
        if SCHED.stop_wait.get() == 0 {
            SCHED.stop_note.wake();
        }
        return;
    }
    if crate::syscall::give_to_waiter(&guard, p) {
        return;
    }
    if !p.runq.is_empty() || !SCHED.runq.is_empty() || crate::world::gc_wants_workers() {
        return start_m_locked(guard, p, false);
    }
    if look_out
        && SCHED.spinning.load(Ordering::SeqCst) == 0
        && SCHED.idle_p_count.load(Ordering::SeqCst) == 0
        && SCHED
            .spinning
            .compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    {
        // Everybody is busy: one should look out for work.
        return start_m_locked(guard, p, true);
    }
    let when = p.timers.next_when();
    SCHED.idle_p_put(&guard, p);
    drop(guard);
    if when != 0 {
        wake_net_poller(when);
    }
}

/// A timer is due at `when`: whoever sleeps in netpoll must not sleep longer.
pub fn wake_net_poller(when: i64) {
    // Before the poller exists nobody can sleep in it.
    if HOOKS.netpoll_state.get()().0 && SCHED.last_poll.load(Ordering::SeqCst) == 0 {
        let until = SCHED.poll_until.load(Ordering::SeqCst);
        if until == 0 || until > when {
            HOOKS.netpoll_break.get()();
        }
    } else {
        // Nobody polls: a spinning M will look at all timers before it sleeps.
        proc::wake_p();
    }
}

/// Ends the calling thread: its goroutine ended while locked to it. The process's first thread, which must not end before the process,
/// sleeps instead.
pub fn exit_m(m: &'static M) -> ! {
    hand_off_p(release_p(m));
    rt_os::signal::rt_sigprocmask(rt_os::signal::MaskHow::Set, u64::MAX);
    let guard = SCHED.lock();
    SCHED.m_count.set(SCHED.m_count.get() - 1);
    proc::check_dead(&guard);
    drop(guard);
    while m.id.get() == 0 {
        rt_os::thread::nanosleep(i64::MAX / 2);
    }
    // The descriptor and its stack are not reused: the kernel may still be on the stack.
    rt_os::thread::exit_thread()
}

/// Period of the network poll that sysmon does if nobody else does, and of preemption.
const SLICE: i64 = 10_000_000;

/// The system monitor: a thread without a P. Takes Ps back from long system calls, asks long-running goroutines to stop, polls the
/// network if nobody did for a while.
pub fn sysmon(_: &'static M) -> ! {
    let mut delay_us = 0u64;
    let mut idle_rounds = 0u32;
    let mut last_trace = 0;
    loop {
        delay_us = match idle_rounds {
            0 => 20,
            1..50 => delay_us,
            _ => (delay_us * 2).min(10_000),
        };
        rt_os::thread::nanosleep(delay_us as i64 * 1000);
        start_clean_threads();
        let mut now = rt_os::time::nanotime();
        let trace = TRACE_PERIOD.load(Ordering::Relaxed);
        if trace != 0 && now - last_trace >= trace {
            last_trace = now;
            trace_line(now);
        }
        if trace == 0
            && (SCHED.stopping.load(Ordering::Relaxed)
                || SCHED.idle_p_count.load(Ordering::Relaxed)
                    == SCHED.p_count.load(Ordering::Relaxed))
        {
            let guard = SCHED.lock();
            if SCHED.stopping.load(Ordering::Relaxed)
                || SCHED.idle_p_count.load(Ordering::Relaxed)
                    == SCHED.p_count.load(Ordering::Relaxed)
            {
                SCHED.sysmon_wait.store(true, Ordering::SeqCst);
                drop(guard);
                // Wakes now and then for the periodic work.
                if CLEAN_STARTS.load(Ordering::SeqCst).is_null() {
                    SCHED.sysmon_note.sleep_for(30_000_000_000);
                }
                SCHED.sysmon_wait.store(false, Ordering::SeqCst);
                SCHED.sysmon_note.clear();
                idle_rounds = 0;
                now = rt_os::time::nanotime();
            }
        }
        let last_poll = SCHED.last_poll.load(Ordering::Relaxed);
        if last_poll != 0 && last_poll + SLICE < now && HOOKS.netpoll_state.get()().1 {
            let _ = SCHED.last_poll.compare_exchange(
                last_poll,
                now,
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            let list = crate::g::GList::new();
            HOOKS.netpoll.get()(0, &list);
            proc::ready_list(&list);
        }
        if retake(now) {
            idle_rounds = 0;
        } else {
            idle_rounds += 1;
        }
        HOOKS.sysmon_tick.get()(now);
    }
}

/// GODEBUG=schedtrace: nanoseconds between two lines of [`trace_line`], 0 for none.
pub static TRACE_PERIOD: AtomicI64 = AtomicI64::new(0);

/// Prints the state of the scheduler in one line.
fn trace_line(now: i64) {
    use core::fmt::Write;
    let mut line = rt_os::print::FdWriter::new(2);
    let guard = SCHED.lock();
    let procs = SCHED.p_count.load(Ordering::Relaxed);
    let _ = write!(
        line,
        "SCHED {}ms: gomaxprocs={procs} idleprocs={} threads={} spinningthreads={} needspinning=0 idlethreads={} runqueue={} [ ",
        (now - SCHED.start_time.load(Ordering::Relaxed)) / 1_000_000,
        SCHED.idle_p_count.load(Ordering::Relaxed),
        SCHED.m_count.get(),
        SCHED.spinning.load(Ordering::Relaxed),
        SCHED.idle_m_count.get(),
        SCHED.runq_len.load(Ordering::Relaxed),
    );
    for p in SCHED.all_ps() {
        let _ = write!(line, "{} ", p.runq.len());
    }
    let _ = line.write_str("] schedticks=[ ");
    for p in SCHED.all_ps() {
        let _ = write!(line, "{} ", p.sched_tick.load(Ordering::Relaxed));
    }
    drop(guard);
    let _ = line.write_str("]\n");
    line.flush();
}

/// Wakes sysmon from its long sleep: something runs again.
#[inline]
pub fn wake_sysmon() {
    if SCHED.sysmon_wait.load(Ordering::SeqCst) {
        SCHED.sysmon_note.wake();
    }
}

/// Takes Ps from system calls; preempts. Returns whether it did the former.
pub fn retake(now: i64) -> bool {
    let mut took = false;
    for p in SCHED.all_ps() {
        let status = p.status();
        if status == PStatus::Running || status == PStatus::Syscall {
            let tick = p.sched_tick.load(Ordering::Relaxed);
            if p.seen.sched_tick.get() != tick {
                p.seen.sched_tick.set(tick);
                p.seen.sched_when.set(now);
            } else if p.seen.sched_when.get() + SLICE <= now {
                preempt_p(p);
            }
        }
        if status == PStatus::Syscall {
            let tick = p.syscall_tick.load(Ordering::Relaxed);
            if p.seen.syscall_tick.get() != tick {
                p.seen.syscall_tick.set(tick);
                p.seen.syscall_when.set(now);
                continue;
            }
            // Leave it if there is nothing else to do, for a while.
            let others = SCHED.spinning.load(Ordering::Relaxed)
                + SCHED.idle_p_count.load(Ordering::Relaxed)
                > 0;
            if p.runq.is_empty() && others && p.seen.syscall_when.get() + SLICE > now {
                continue;
            }
            if p.try_change(PStatus::Syscall, PStatus::Idle) {
                p.syscall_tick.fetch_add(1, Ordering::Relaxed);
                took = true;
                if trace::on() {
                    trace::p_stolen(p);
                }
                p.running.store(ptr::null_mut(), Ordering::Relaxed);
                hand_off_p(p);
            }
        }
    }
    took
}

/// Asks the goroutine on a P to stop at its next safepoint.
pub fn preempt_p(p: &'static P) {
    // SAFETY: null or a G; Gs are never freed, and a request that arrives late only costs a yield.
    if let Some(g) = unsafe { p.running.load(Ordering::Relaxed).as_ref() } {
        if g.status() == Status::Running {
            g.request_preempt();
        }
    }
    p.preempt.store(true, Ordering::Relaxed);
}
