//! System calls that block, from Go code and from the runtime itself.
//!
//! A goroutine in a system call keeps its M; its P stays attached in state `Syscall`, from which sysmon (or a stop of the world) takes
//! it after 20 us. Coming back is cheap if nobody did.

use crate::g::{G, Status};
use crate::m::M;
use crate::p::{P, PStatus};
use crate::proc;
use crate::sched::{SCHED, SchedGuard};
use crate::{thread, trace};
use core::ptr;
use rt_sync::atomic::Ordering;

/// `entersyscall` (system function): the Go caller may block in the kernel from now on.
pub extern "C" fn enter() {
    let m = M::current();
    let g = m.curg();
    if g.is_g0.get() {
        return;
    }
    // The stub's frame is popped when we return, so the collector must not rely on it: keep the callee-saved registers
    // that it saved, and scan from the caller's frame.
    let saved = g.sched_sp.get() as *const usize;
    for (index, cell) in g.scratch.iter().enumerate() {
        // SAFETY: the stub pushed rbx r12 r13 r14; sched_sp points at the last.
        cell.set(unsafe { saved.add(index).read() });
    }
    g.syscall_sp
        .set(g.sched_sp.get() + crate::arch::CONTEXT_WORDS * 8);
    note_caller(g);
    enter_common(m, g);
}

/// Keeps what a traceback needs: the stub's frame does not last.
fn note_caller(g: &'static G) {
    g.syscall_pc.set(crate::stack::return_of_saved(g));
    // SAFETY: the stub's frame, live now: [rbp] is the Go caller's rbp.
    g.syscall_bp
        .set(unsafe { *(g.sched_bp.get() as *const usize) });
}

fn enter_common(m: &'static M, g: &'static G) {
    let p = m.p();
    if trace::on() {
        trace::syscall_begins(g, p);
    }
    g.change_status(Status::Running, Status::Syscall);
    m.old_p.set(p);
    m.p.set(ptr::null());
    thread::wake_sysmon();
    p.set_status(PStatus::Syscall);
    if SCHED.stopping.load(Ordering::SeqCst) {
        stop_during_syscall(p);
    }
}

#[cold]
fn stop_during_syscall(p: &'static P) {
    let _guard = SCHED.lock();
    if SCHED.stop_wait.get() > 0 && p.try_change(PStatus::Syscall, PStatus::Stopped) {
        if trace::on() {
            trace::p_stolen(p);
        }
        p.running.store(ptr::null_mut(), Ordering::Relaxed);
        SCHED.stop_wait.set(SCHED.stop_wait.get() - 1);
        if SCHED.stop_wait.get() == 0 {
            SCHED.stop_note.wake();
        }
    }
}

/// `exitsyscall` (system function).
pub extern "C" fn exit() {
    let m = M::current();
    let g = m.curg();
    if g.is_g0.get() {
        return;
    }
    if let Some(same) = try_regain(m) {
        let p = m.p();
        p.syscall_tick.store(
            p.syscall_tick.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
        g.change_status(Status::Syscall, Status::Running);
        if trace::on() {
            if same {
                trace::syscall_ends();
            } else {
                trace::syscall_ends_blocked(g);
            }
        }
        proc::attach(m, p, g);
        return;
    }
    // No P to be had: queue the goroutine, sleep.
    m.curg.store(ptr::null_mut(), Ordering::Relaxed);
    trace::syscall_ends_without_p(g);
    let guard = SCHED.lock();
    let idle = SCHED.idle_p_get(&guard);
    match idle {
        Some(p) => {
            drop(guard);
            thread::acquire_p(m, p);
            proc::execute(g, false);
        }
        None => {
            SCHED.global_put(&guard, g);
            drop(guard);
            if !g_is_locked_here(m) {
                thread::stop_m(m);
            }
            proc::schedule();
        }
    }
}

fn g_is_locked_here(m: &M) -> bool {
    !m.locked_g.get().is_null()
}

/// The P from before (true), or an idle one (false).
fn try_regain(m: &'static M) -> Option<bool> {
    // SAFETY: set by enter; Ps are never freed.
    let old = unsafe { &*m.old_p.replace(ptr::null()) };
    if old.try_change(PStatus::Syscall, PStatus::Running) {
        m.p.set(old);
        old.m.store(m as *const M as *mut M, Ordering::Relaxed);
        return Some(true);
    }
    if SCHED.idle_p_count.load(Ordering::Relaxed) > 0 && !SCHED.stopping.load(Ordering::SeqCst) {
        let guard = SCHED.lock();
        if !SCHED.stopping.load(Ordering::SeqCst)
            && let Some(p) = SCHED.idle_p_get(&guard)
        {
            drop(guard);
            thread::wake_sysmon();
            thread::acquire_p(m, p);
            return Some(false);
        }
    }
    None
}

/// Runs `wait`, which may block the thread, without holding up the P. For rare slow paths inside the runtime (on the
/// system stack, current goroutine in state running); the calling code continues on the same thread afterwards.
pub fn blocking<T>(wait: impl FnOnce() -> T) -> T {
    let m = M::current();
    let Some(_) = m.p_opt() else { return wait() };
    let curg = m.curg.load(Ordering::Relaxed);
    // SAFETY: null or the current G.
    let g = unsafe { curg.as_ref() }.filter(|g| !g.is_g0.get());
    if let Some(g) = g {
        for (index, cell) in g.scratch.iter().enumerate() {
            // SAFETY: we are inside a system stub of this goroutine: its context is at sched_sp.
            cell.set(unsafe { (g.sched_sp.get() as *const usize).add(index).read() });
        }
        g.syscall_sp
            .set(g.sched_sp.get() + crate::arch::CONTEXT_WORDS * 8);
        note_caller(g);
        if trace::on() {
            trace::syscall_begins(g, m.p());
        }
        g.change_status(Status::Running, Status::Syscall);
    }
    thread::hand_off_p(thread::release_p(m));
    let result = wait();
    wait_for_p(m);
    if let Some(g) = g {
        g.change_status(Status::Syscall, Status::Running);
        if trace::on() {
            trace::syscall_ends_blocked(g);
        }
        proc::attach(m, m.p(), g);
    // SAFETY: null or the current g0, which follows the P like a goroutine does.
    } else if let Some(g0) = unsafe { curg.as_ref() } {
        g0.mcache.set(m.p().mcache.get());
        g0.wb_buf.set(m.p().wb_buf_addr());
    }
    result
}

/// Takes an idle P, if there is one.
pub fn try_idle_p(m: &'static M) -> bool {
    let guard = SCHED.lock();
    if SCHED.stopping.load(Ordering::SeqCst) {
        return false;
    }
    let Some(p) = SCHED.idle_p_get(&guard) else {
        return false;
    };
    drop(guard);
    thread::acquire_p(m, p);
    true
}

/// Sleeps until this M has a P.
pub fn wait_for_p(m: &'static M) {
    let guard = SCHED.lock();
    if !SCHED.stopping.load(Ordering::SeqCst)
        && let Some(p) = SCHED.idle_p_get(&guard)
    {
        drop(guard);
        return thread::acquire_p(m, p);
    }
    m.p_note.clear();
    m.idle_link.set(SCHED.p_waiters.get());
    SCHED.p_waiters.set(m);
    SCHED.p_waiter_count.fetch_add(1, Ordering::SeqCst);
    drop(guard);
    // Busy Ps notice at their next safepoint.
    for p in SCHED.all_ps() {
        thread::preempt_p(p);
    }
    m.p_note.sleep();
    // SAFETY: whoever woke us stored a P.
    let p = unsafe { &*m.next_p.replace(ptr::null()) };
    thread::acquire_p(m, p);
}

/// Gives a P to the first waiter in runtime code, if there is one. [lock]
pub fn give_to_waiter(_: &SchedGuard, p: &'static P) -> bool {
    // SAFETY: null or an M; never freed.
    let Some(waiter) = (unsafe { SCHED.p_waiters.get().as_ref() }) else {
        return false;
    };
    SCHED.p_waiters.set(waiter.idle_link.get());
    SCHED.p_waiter_count.fetch_sub(1, Ordering::SeqCst);
    waiter.next_p.set(p);
    waiter.p_note.wake();
    true
}

/// Scheduler loop: gives this M's P to a waiter. True if the M has none now.
pub fn yield_p_to_waiter(m: &'static M) -> bool {
    let guard = SCHED.lock();
    if SCHED.p_waiters.get().is_null() || SCHED.stopping.load(Ordering::SeqCst) {
        return false;
    }
    let p = thread::release_p(m);
    give_to_waiter(&guard, p)
}
