//! Stopping the world, stopping one goroutine, changing the number of Ps.

use crate::g::{G, Status};
use crate::histogram::{GC_PAUSES, OTHER_PAUSES, Pauses};
use crate::hooks::HOOKS;
use crate::m::M;
use crate::p::{P, PStatus};
use crate::sched::{MAX_PS, SCHED};
use crate::{stack, syscall, thread, trace};
use core::ptr;
use rt_sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// While stopping: how often requests are repeated, in case one fell into the gap between check and store of a limit.
const REPEAT_NS: i64 = 100_000;

/// The collector wants idle Ps to run its workers.
pub static GC_WANTS_WORKERS: AtomicBool = AtomicBool::new(false);

/// Whether a P that has nothing else to do should run a worker.
pub fn gc_wants_workers() -> bool {
    GC_WANTS_WORKERS.load(Ordering::Relaxed)
}

/// When the stop in progress began, and whether it is for the collector. Under `SCHED.world`.
static BEGAN: AtomicI64 = AtomicI64::new(0);
static FOR_GC: AtomicBool = AtomicBool::new(false);

fn pauses() -> &'static Pauses {
    match FOR_GC.load(Ordering::Relaxed) {
        true => &GC_PAUSES,
        false => &OTHER_PAUSES,
    }
}

/// Stops all other Ps. The caller holds a P and keeps it. Others who want the same wait. `why` is for the execution trace.
pub fn stop(why: &str) {
    lock_world();
    if trace::on() {
        trace::world_stops(why);
    }
    stop_all(why.starts_with("GC "));
}

/// [`stop`] for the change of the trace's generation, which is no event.
pub fn stop_quietly() {
    lock_world();
    stop_all(false);
}

fn lock_world() {
    if !SCHED.world.try_lock() {
        syscall::blocking(|| SCHED.world.lock());
    }
}

fn stop_all(for_gc: bool) {
    FOR_GC.store(for_gc, Ordering::Relaxed);
    BEGAN.store(rt_os::time::nanotime(), Ordering::Relaxed);
    let m = M::current();
    let own = m.p();
    let guard = SCHED.lock();
    SCHED.stop_note.clear();
    SCHED
        .stop_wait
        .set(SCHED.p_count.load(Ordering::Relaxed) as i32);
    SCHED.stopping.store(true, Ordering::SeqCst);
    for p in SCHED.all_ps() {
        thread::preempt_p(p);
    }
    own.set_status(PStatus::Stopped);
    SCHED.stop_wait.set(SCHED.stop_wait.get() - 1);
    for p in SCHED.all_ps() {
        if p.try_change(PStatus::Syscall, PStatus::Stopped) {
            p.syscall_tick.fetch_add(1, Ordering::Relaxed);
            if trace::on() {
                trace::p_stolen(p);
            }
            p.running.store(ptr::null_mut(), Ordering::Relaxed);
            SCHED.stop_wait.set(SCHED.stop_wait.get() - 1);
        }
    }
    while let Some(p) = SCHED.idle_p_get(&guard) {
        p.set_status(PStatus::Stopped);
        SCHED.stop_wait.set(SCHED.stop_wait.get() - 1);
    }
    let wait = SCHED.stop_wait.get() > 0;
    drop(guard);
    if wait {
        while !SCHED.stop_note.sleep_for(REPEAT_NS) {
            for p in SCHED.all_ps() {
                if p.status() == PStatus::Running {
                    thread::preempt_p(p);
                }
            }
        }
        SCHED.stop_note.clear();
    }
    pauses()
        .stopping
        .record(rt_os::time::nanotime() - BEGAN.load(Ordering::Relaxed));
}

/// Lets the Ps go on.
pub fn start() {
    pauses()
        .total
        .record(rt_os::time::nanotime() - BEGAN.load(Ordering::Relaxed));
    let m = M::current();
    let own = m.p();
    let guard = SCHED.lock();
    let count = SCHED.p_count.load(Ordering::Relaxed);
    own.set_status(PStatus::Running);
    SCHED.stopping.store(false, Ordering::SeqCst);
    // Ps with work get an M; the others are idle. Waiters inside the runtime come first.
    let mut runnable: *const P = ptr::null();
    for id in (0..count).rev() {
        let p = SCHED.p(id);
        if ptr::eq(p, own) {
            continue;
        }
        if syscall::give_to_waiter(&guard, p) {
            continue;
        }
        if p.runq.is_empty() {
            SCHED.idle_p_put(&guard, p);
        } else {
            p.idle_link.set(runnable);
            runnable = p;
        }
    }
    thread::wake_sysmon();
    drop(guard);
    // SAFETY: the chain made above; Ps are never freed.
    while let Some(p) = unsafe { runnable.as_ref() } {
        runnable = p.idle_link.get();
        let guard = SCHED.lock();
        thread::start_m_locked(guard, p, false);
    }
    if trace::on() {
        trace::world_starts();
    }
    // SAFETY: taken in `lock_world`.
    unsafe { SCHED.world.unlock() };
    if SCHED.main_started.load(Ordering::Relaxed) {
        crate::proc::wake_p();
    }
}

/// Sets the number of Ps; the world is stopped (or has not begun: the caller has no P). Returns nothing; the caller's P stays
/// valid, or, if it disappears, is exchanged for the first.
pub fn resize(count: u32) {
    let m = M::current();
    let count = count.clamp(1, MAX_PS as u32);
    let old = SCHED.p_count.load(Ordering::Relaxed);
    for id in 0..count {
        if SCHED.ps[id as usize].load(Ordering::Relaxed).is_null() {
            let at = crate::persist::alloc(size_of::<P>(), align_of::<P>()) as *mut P;
            // SAFETY: fresh memory of the right size; never freed.
            let p: &'static P = unsafe {
                at.write(P::new());
                &*at
            };
            p.init(id);
            SCHED.ps[id as usize].store(at, Ordering::Release);
        }
        let p = SCHED.p(id);
        if id >= old {
            if trace::on() {
                trace::p_appears(p);
            }
            p.set_status(PStatus::Stopped);
            HOOKS.p_init.get()(p);
        }
    }
    SCHED.p_count.store(count, Ordering::Release);
    let own_gone = m.p_opt().is_some_and(|p| p.id.get() >= count);
    if own_gone || m.p_opt().is_none() {
        if own_gone {
            let p = thread::release_p(m);
            p.set_status(PStatus::Stopped);
        }
        thread::acquire_p(m, SCHED.p(0));
        m.p().set_status(PStatus::Stopped);
        // SAFETY: null or the current G.
        if let Some(g) = unsafe { m.curg.load(Ordering::Relaxed).as_ref() } {
            crate::proc::attach(m, m.p(), g);
        }
    }
    for id in count..old {
        let p = SCHED.p(id);
        let guard = SCHED.lock();
        p.runq.drain(|g| SCHED.global_put(&guard, g));
        drop(guard);
        SCHED.free_gs.put(&p.free_gs);
        p.stacks.clear();
        p.timers.move_all_to(&SCHED.p(0).timers);
        HOOKS.p_destroy.get()(p);
        p.set_status(PStatus::Dead);
    }
}

/// `GOMAXPROCS(n)`: returns the number before; 0 only asks.
pub fn set_procs(count: i64) -> u32 {
    let old = SCHED.p_count.load(Ordering::Relaxed);
    if count <= 0 || count == old as i64 {
        return old;
    }
    stop("GOMAXPROCS");
    if trace::on() {
        trace::procs_change(count.min(MAX_PS as i64) as u32);
    }
    resize(count.min(MAX_PS as i64) as u32);
    start();
    old
}

/// A goroutine that was stopped inside a system function: where its stack is in use, and what it had in registers.
#[derive(Clone, Copy, Debug)]
pub struct Stopped {
    /// Lowest stack address in use: the frame of the code that called the system function begins here.
    pub sp: usize,
    /// Return address into that code; 0 if the goroutine has not started.
    pub pc: usize,
    /// Its rbp.
    pub fp: usize,
    /// Where its rbx, r12, r13, r14 are.
    pub registers: [usize; 4],
    /// The goroutine may run meanwhile, in the innermost frame: it is in a system call.
    pub loose: bool,
}

/// Where a goroutine that is inside a system function, not a system call, has its rbx, r12, r13, r14; 0: nowhere.
pub fn saved_registers(g: &G) -> [usize; 4] {
    Stopped::in_stub(g).map_or([0; 4], |stopped| stopped.registers)
}

impl Stopped {
    fn in_stub(g: &G) -> Option<Stopped> {
        let context = g.sched_sp.get();
        if context == 0 || g.seg.get().is_null() {
            return None;
        }
        let stub = g.sched_bp.get();
        let (pc, fp) = if stub == 0 {
            (0, 0)
        } else {
            // SAFETY: the stub's frame: [rbp] is the caller's rbp.
            (stack::return_of_saved(g), unsafe {
                *(stub as *const usize)
            })
        };
        Some(Stopped {
            sp: context + crate::arch::CONTEXT_WORDS * 8,
            pc,
            fp,
            registers: [3, 2, 1, 0].map(|word| context + word * 8),
            loose: false,
        })
    }

    fn in_syscall(g: &G) -> Option<Stopped> {
        if g.seg.get().is_null() {
            return None;
        }
        Some(Stopped {
            sp: g.syscall_sp.get(),
            pc: g.syscall_pc.get(),
            fp: g.syscall_bp.get(),
            registers: [3, 2, 1, 0].map(|word| g.scratch[word].as_ptr() as usize),
            loose: true,
        })
    }
}

/// Holds a goroutine still and calls `visit` with where it stopped, unless it has no stack in use. The caller's own
/// goroutine is at rest (system stack). Returns false if it runs and was asked to stop: try again later.
pub fn with_goroutine_still(g: &'static G, visit: &mut dyn FnMut(&Stopped)) -> bool {
    let m = M::current();
    let own = m.curg.load(Ordering::Relaxed);
    let mut visit = |stopped: Option<Stopped>| {
        if let Some(stopped) = stopped {
            visit(&stopped);
        }
    };
    if ptr::eq(own, g) || ptr::eq(m.before_g0.get(), g) {
        visit(Stopped::in_stub(g));
        return true;
    }
    loop {
        let found = g.status.load(Ordering::Acquire);
        if found & G::SCAN != 0 {
            return false;
        }
        let status = g.status();
        match status {
            Status::Dead | Status::Idle => return true,
            Status::Running => {
                if SCHED.stopping.load(Ordering::Relaxed) && all_stopped() {
                    // World stopped: a goroutine that counts as running is inside the runtime on its system stack.
                    visit(Stopped::in_stub(g));
                    return true;
                }
                g.request_preempt();
                return false;
            }
            Status::Runnable | Status::Waiting | Status::Syscall => {
                if g.status
                    .compare_exchange(found, found | G::SCAN, Ordering::AcqRel, Ordering::Relaxed)
                    .is_err()
                {
                    continue;
                }
                if status == Status::Waiting && g.wait_since.get() == 0 {
                    // A coarse clock is enough for dumps, and costs nothing when parking.
                    g.wait_since.set(rt_os::time::nanotime());
                }
                if status == Status::Syscall {
                    visit(Stopped::in_syscall(g));
                } else {
                    visit(Stopped::in_stub(g));
                    stack::trim(g);
                }
                g.status.store(found, Ordering::Release);
                return true;
            }
        }
    }
}

fn all_stopped() -> bool {
    SCHED.all_ps().all(|p| p.status() != PStatus::Running)
}
