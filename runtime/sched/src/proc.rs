//! The scheduler proper: making goroutines, finding one to run, parking, waking.
//!
//! 1. A goroutine enters the runtime through a system stub, which leaves its whole context on its own stack. Rust then runs
//!    on the M's system stack. To park, it sets the status, releases whatever lock guards the wake-up, and calls
//!    [`schedule`], abandoning the frames on the system stack. From the release on, another M may already run the goroutine:
//!    nothing of it may be touched.
//! 2. [`schedule`] finds a runnable goroutine: own queue (with the global queue every 61st time), global queue, network,
//!    other Ps' queues and timers; then gives the P up, looks once more, and sleeps.
//! 3. Wake-ups are not lost: whoever makes a goroutine runnable does so before looking at `spinning` (and starts an M if nobody
//!    spins while a P is idle); an M that stops spinning decrements the counter before it looks at all queues again. Both sides
//!    use sequentially consistent operations on the counter.
//! 4. Continuations: [`G::on_resume`] runs on the system stack before the goroutine continues; code that would loop around a
//!    park in a threaded runtime is written as such a continuation.

use crate::arch;
use crate::g::{G, GList, Status};
use crate::hooks::HOOKS;
use crate::m::M;
use crate::p::{P, PStatus};
use crate::reason::ParkReason;
use crate::sched::{SCHED, SchedGuard};
use crate::{stack, stress, thread, trace};
use core::ptr;
use rt_sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};

/// Every so many scheduling rounds the global queue goes first.
const GLOBAL_EVERY: u32 = 61;

/// Dead Gs that change hands at once.
const FREE_BATCH: usize = 64;

/// Makes a goroutine (dead still) that will call the func value `start`. `created_by` is the return address of the go statement.
pub fn new_goroutine(start: usize, created_by: usize, parent: Option<&'static G>) -> &'static G {
    let p = M::current().p();
    let g = take_free_g(p);
    g.start_fn.set(start);
    g.goid.set(p.next_goid());
    g.created_by.set(created_by);
    g.parent.set(parent.map_or(0, |parent| parent.goid.get()));
    g.ret0.set(0);
    g.ret1.set(0);
    g.lock_count.set(0);
    g.locked_m.set(ptr::null());
    g.system.set(false);
    g.wait_obj.set(0);
    g.panic_on_fault.set(false);
    g.fips_bypass.set(false);
    g.fips_indicator.set(0);
    g.leaked.store(false, Ordering::Relaxed);
    g.assist_bytes.set(0);
    if let Some(parent) = parent {
        g.labels
            .store(parent.labels.load(Ordering::Relaxed), Ordering::Relaxed);
        g.fips_bypass.set(parent.fips_bypass.get());
        if let Some(bubble) = crate::bubble::of(parent) {
            bubble.adopt(g);
        }
    }
    p.count_g(1);
    g
}

/// `go`: makes a goroutine runnable, next on this P.
pub fn spawn(start: usize, created_by: usize, parent: Option<&'static G>) -> &'static G {
    let g = new_goroutine(start, created_by, parent);
    if trace::on() {
        trace::created(g, false);
    }
    g.change_status(Status::Dead, Status::Runnable);
    run_queue_put(M::current().p(), g, true);
    if SCHED.main_started.load(Ordering::Relaxed) {
        wake_p();
    }
    g
}

fn take_free_g(p: &'static P) -> &'static G {
    if let Some(g) = p.free_gs.pop_front() {
        return g;
    }
    SCHED.free_gs.take(&p.free_gs);
    p.free_gs.pop_front().unwrap_or_else(alloc_g)
}

/// A new descriptor, dead and listed.
fn alloc_g() -> &'static G {
    let at = crate::persist::alloc(size_of::<G>(), 64) as *mut G;
    // SAFETY: fresh memory of the right size; never freed.
    let g: &'static G = unsafe {
        at.write(G::new());
        &*at
    };
    g.status.store(Status::Dead as u32, Ordering::Release);
    SCHED.publish_g(g);
    g
}

/// Queues a runnable goroutine on the caller's P; with `next`, it runs as soon as the current one stops.
pub fn run_queue_put(p: &'static P, g: &'static G, next: bool) {
    let mut g = g;
    let next = next && !(stress::on() && stress::coin());
    if next {
        match p.runq.put_next(g) {
            None => return,
            Some(kicked) => g = kicked,
        }
    }
    while !p.runq.push(g) {
        // Full: half of it and this one go to the global queue.
        let list = GList::new();
        p.runq.take_half(|g| list.push_back(g));
        if !list.is_empty() {
            list.push_back(g);
            let guard = SCHED.lock();
            SCHED.global_append(&guard, &list);
            return;
        }
    }
}

/// Starts an M for an idle P if nobody looks for work already.
pub fn wake_p() {
    if SCHED.spinning.load(Ordering::SeqCst) != 0 || SCHED.idle_p_count.load(Ordering::SeqCst) == 0
    {
        return;
    }
    if SCHED
        .spinning
        .compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst)
        .is_err()
    {
        return;
    }
    let guard = SCHED.lock();
    match SCHED.idle_p_get(&guard) {
        None => {
            drop(guard);
            leave_spinning();
        }
        Some(p) => thread::start_m_locked(guard, p, true),
    }
}

fn leave_spinning() {
    if SCHED.spinning.fetch_sub(1, Ordering::SeqCst) == 0 {
        rt_os::throw!("negative count of spinning threads");
    }
}

/// Makes a parked goroutine runnable, next on this P.
pub fn ready(g: &'static G) {
    let m = M::current();
    crate::bubble::on_ready(g);
    trace::make_runnable(m, g);
    match m.p_opt() {
        Some(p) => {
            run_queue_put(p, g, true);
            wake_p();
        }
        None => {
            let list = GList::new();
            list.push_back(g);
            inject_runnable(&list);
        }
    }
}

/// Makes parked goroutines runnable; works without a P.
pub fn ready_list(list: &GList) {
    let m = M::current();
    let runnable = GList::new();
    while let Some(g) = list.pop_front() {
        crate::bubble::on_ready(g);
        trace::make_runnable(m, g);
        runnable.push_back(g);
    }
    inject_runnable(&runnable);
}

/// Queues runnable goroutines: with a P locally beyond what idle Ps can take, otherwise globally.
fn inject_runnable(list: &GList) {
    if list.is_empty() {
        return;
    }
    if stress::on() {
        stress::shuffle(list);
    }
    let count = list.len();
    let own = M::current().p_opt();
    let global = match own {
        None => count,
        Some(_) => (SCHED.idle_p_count.load(Ordering::Relaxed) as usize).min(count),
    };
    if global > 0 {
        let first = list.split_front(global);
        let guard = SCHED.lock();
        SCHED.global_append(&guard, &first);
        drop(guard);
        for _ in 0..global {
            let guard = SCHED.lock();
            match SCHED.idle_p_get(&guard) {
                None => break,
                Some(p) => thread::start_m_locked(guard, p, false),
            }
        }
    }
    if let Some(p) = own {
        while let Some(g) = list.pop_front() {
            run_queue_put(p, g, false);
        }
    }
}

/// First half of parking: the goroutine counts as waiting. The caller then releases its lock and calls [`schedule`].
pub fn begin_park(g: &'static G, reason: ParkReason) {
    if g.is_g0.get() {
        rt_os::throw!("parking on the system stack: {}", reason.text());
    }
    g.reason.store(reason as u8, Ordering::Relaxed);
    g.wait_since.set(0);
    crate::bubble::on_park(g, reason);
    if trace::on() {
        trace::blocks(g, reason);
    }
    g.change_status(Status::Running, Status::Waiting);
}

/// Parks the current goroutine; `unlock` runs once it may be woken.
pub fn park(reason: ParkReason, unlock: impl FnOnce()) -> ! {
    begin_park(G::current(), reason);
    unlock();
    schedule()
}

/// Drops the M's goroutine and runs the next one, on a fresh system stack.
pub fn schedule() -> ! {
    let m = M::current();
    if !m.curg.swap(ptr::null_mut(), Ordering::Relaxed).is_null() {
        if let Some(p) = m.p_opt() {
            p.running.store(ptr::null_mut(), Ordering::Relaxed);
        }
    }
    // SAFETY: top of this M's system stack.
    unsafe { arch::switch_stack(m.system_top.get(), schedule_loop) }
}

extern "C" fn schedule_loop() -> ! {
    let m = M::current();
    loop {
        if !m.locked_g.get().is_null() {
            thread::stop_locked_m(m);
            // SAFETY: non-null; Gs are never freed.
            execute(unsafe { &*m.locked_g.get() }, false);
        }
        if SCHED.stopping.load(Ordering::SeqCst) {
            thread::stop_for_world(m);
            continue;
        }
        if SCHED.p_waiter_count.load(Ordering::Relaxed) > 0 && crate::syscall::yield_p_to_waiter(m)
        {
            thread::stop_m(m);
            continue;
        }
        m.p().preempt.store(false, Ordering::Relaxed);
        if trace::buffer::DELIVERABLE.load(Ordering::Relaxed) {
            trace::wake_reader();
        }
        let Some((g, inherit)) = find_runnable(m) else {
            continue;
        };
        if m.spinning.get() {
            // There may be more work than this M can take: keep one looking.
            m.spinning.set(false);
            leave_spinning();
            wake_p();
        }
        if !g.locked_m.get().is_null() {
            thread::hand_to_locked_m(m, g);
            continue;
        }
        execute(g, inherit);
    }
}

/// Runs a runnable goroutine on this M and P.
pub fn execute(g: &'static G, inherit_time: bool) -> ! {
    g.change_status(Status::Runnable, Status::Running);
    if trace::on() {
        trace::started(g);
    }
    run_switched(g, inherit_time)
}

/// Continues a goroutine that is in status running already.
pub fn run_switched(g: &'static G, inherit_time: bool) -> ! {
    let m = M::current();
    let p = m.p();
    attach(m, p, g);
    if !inherit_time {
        p.sched_tick.store(
            p.sched_tick.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
    }
    if g.seg.get().is_null() {
        stack::attach_first(g, p);
        if stress::on() {
            g.request_preempt();
        }
    } else if g.preempt.load(Ordering::Relaxed) {
        if stress::on() {
            g.request_preempt();
        } else {
            g.restore_stack_limit();
        }
    }
    if let Some(resume) = g.on_resume.take() {
        resume(g);
    }
    // SAFETY: the goroutine is ours and its context is saved.
    unsafe { arch::gogo(g) }
}

/// Connects goroutine, M and P.
pub fn attach(m: &'static M, p: &'static P, g: &'static G) {
    m.curg.store(g as *const G as *mut G, Ordering::Relaxed);
    p.running.store(g as *const G as *mut G, Ordering::Relaxed);
    g.m.set(m);
    g.system_sp.set(m.system_top.get());
    g.mcache.set(p.mcache.get());
    g.wb_buf.set(p.wb_buf_addr());
}

/// Finds a goroutine to run, or sleeps and returns `None` after having been given a P (look again).
fn find_runnable(m: &'static M) -> Option<(&'static G, bool)> {
    let p = m.p();
    let (now, mut poll_until) = crate::timer::run_expired(p, 0);
    // Timers' functions and the collector may have waited, and continued with another P.
    if HOOKS.gc_work.get()(m.p(), false) || !ptr::eq(m.p(), p) {
        return None;
    }
    if p.sched_tick
        .load(Ordering::Relaxed)
        .is_multiple_of(GLOBAL_EVERY)
        && SCHED.runq_len.load(Ordering::Relaxed) > 0
    {
        let guard = SCHED.lock();
        if let Some(g) = SCHED.global_get(&guard, p, 1) {
            return Some((g, false));
        }
    }
    if let Some(found) = p.runq.pop() {
        return Some(found);
    }
    if SCHED.runq_len.load(Ordering::Relaxed) > 0 {
        let guard = SCHED.lock();
        if let Some(g) = SCHED.global_get(&guard, p, 0) {
            return Some((g, false));
        }
    }
    let (net_exists, net_waiters) = HOOKS.netpoll_state.get()();
    if net_exists && net_waiters && SCHED.last_poll.load(Ordering::Relaxed) != 0 {
        let list = GList::new();
        HOOKS.netpoll.get()(0, &list);
        if let Some(g) = take_first_ready(&list) {
            return Some((g, false));
        }
    }

    // Steal, unless half of the busy Ps' threads do so already.
    let procs = SCHED.p_count.load(Ordering::Relaxed);
    let busy = procs - SCHED.idle_p_count.load(Ordering::Relaxed).min(procs);
    if m.spinning.get() || 2 * SCHED.spinning.load(Ordering::Relaxed) < busy {
        if !m.spinning.get() {
            m.spinning.set(true);
            SCHED.spinning.fetch_add(1, Ordering::SeqCst);
        }
        let stolen = steal(m, p, now);
        if let Some(g) = stolen.g {
            return Some((g, false));
        }
        if stolen.look_again {
            return None;
        }
        poll_until = earlier(poll_until, stolen.poll_until);
    }
    if crate::hooks::barrier_on() || crate::world::gc_wants_workers() {
        if m.spinning.get() {
            // Busy from now on: whoever makes work must find somebody else to look for it.
            m.spinning.set(false);
            leave_spinning();
        }
        if HOOKS.gc_work.get()(p, true) || !ptr::eq(m.p(), p) {
            return None;
        }
    }

    // Nothing: give up the P.
    let guard = SCHED.lock();
    if SCHED.stopping.load(Ordering::SeqCst) {
        return None;
    }
    if let Some(g) = SCHED.global_get(&guard, p, 0) {
        return Some((g, false));
    }
    if SCHED.p_waiter_count.load(Ordering::Relaxed) > 0 {
        return None;
    }
    thread::release_p(m);
    SCHED.idle_p_put(&guard, p);
    drop(guard);

    let was_spinning = m.spinning.get();
    if was_spinning {
        m.spinning.set(false);
        leave_spinning();
        fence(Ordering::SeqCst);
        // Work submitted between our last look and the decrement was submitted with a spinner in sight.
        if SCHED.runq_len.load(Ordering::SeqCst) > 0
            || SCHED.all_ps().any(|other| !other.runq.is_empty())
        {
            let guard = SCHED.lock();
            if let Some(idle) = SCHED.idle_p_get(&guard) {
                drop(guard);
                thread::acquire_p(m, idle);
                m.spinning.set(true);
                SCHED.spinning.fetch_add(1, Ordering::SeqCst);
                return None;
            }
        }
    }
    for other in SCHED.all_ps() {
        poll_until = earlier(poll_until, other.timers.next_when());
    }

    // Wait in netpoll, at most until the next timer, unless somebody does.
    let (mut net_exists, net_waiters) = HOOKS.netpoll_state.get()();
    if !net_exists && poll_until != 0 {
        HOOKS.netpoll_init.get()();
        net_exists = true;
    }
    if net_exists
        && (net_waiters || poll_until != 0)
        && SCHED.last_poll.swap(0, Ordering::SeqCst) != 0
    {
        SCHED.poll_until.store(poll_until, Ordering::SeqCst);
        // A timer may have been added before its maker could see that we wait.
        for other in SCHED.all_ps() {
            poll_until = earlier(poll_until, other.timers.next_when());
        }
        let delay = if poll_until == 0 {
            -1
        } else {
            (poll_until - rt_os::time::nanotime()).max(0)
        };
        let list = GList::new();
        HOOKS.netpoll.get()(delay, &list);
        SCHED.poll_until.store(0, Ordering::SeqCst);
        SCHED
            .last_poll
            .store(rt_os::time::nanotime(), Ordering::SeqCst);
        let guard = SCHED.lock();
        let idle = SCHED.idle_p_get(&guard);
        drop(guard);
        match idle {
            None => ready_list(&list),
            Some(idle) => {
                thread::acquire_p(m, idle);
                if let Some(g) = take_first_ready(&list) {
                    return Some((g, false));
                }
                if was_spinning {
                    m.spinning.set(true);
                    SCHED.spinning.fetch_add(1, Ordering::SeqCst);
                }
                return None;
            }
        }
    } else if poll_until != 0 && net_exists {
        let waiting_until = SCHED.poll_until.load(Ordering::SeqCst);
        if waiting_until == 0 || waiting_until > poll_until {
            HOOKS.netpoll_break.get()();
        }
    }
    thread::stop_m(m);
    None
}

/// Makes all ready and returns the first for immediate execution.
fn take_first_ready(list: &GList) -> Option<&'static G> {
    let g = list.pop_front()?;
    ready_list(list);
    crate::bubble::on_ready(g);
    trace::make_runnable(M::current(), g);
    Some(g)
}

/// The earlier of two times of which 0 means never.
pub fn earlier(a: i64, b: i64) -> i64 {
    match (a, b) {
        (0, b) => b,
        (a, 0) => a,
        (a, b) => a.min(b),
    }
}

/// How long a thief sleeps before it takes the `next` of a running P, in nanoseconds; the kernel adds its timer slack, usually 50 us.
const NEXT_PATIENCE: i64 = 3_000;

struct Stolen {
    g: Option<&'static G>,
    look_again: bool,
    poll_until: i64,
}

/// Four rounds over the other Ps in random order; the last also runs their expired timers and takes their `next`.
fn steal(m: &'static M, own: &'static P, now: i64) -> Stolen {
    let count = SCHED.p_count.load(Ordering::Relaxed);
    let mut poll_until = 0;
    const ROUNDS: u32 = 4;
    for round in 0..ROUNDS {
        let last = round == ROUNDS - 1;
        // A step coprime to the count visits every P once.
        let start = m.cheaprandn(count);
        let mut step = m.cheaprandn(count).max(1);
        while gcd(step, count) != 1 {
            step = step % count + 1;
        }
        let mut look_again = false;
        for turn in 0..count {
            if SCHED.stopping.load(Ordering::Relaxed) {
                return Stolen {
                    g: None,
                    look_again: true,
                    poll_until,
                };
            }
            let victim =
                SCHED.p(((start as u64 + turn as u64 * step as u64) % count as u64) as u32);
            if ptr::eq(victim, own) {
                continue;
            }
            if last && victim.timers.next_when() != 0 {
                let (_, next) = crate::timer::run_expired(victim, now);
                poll_until = earlier(poll_until, next);
                if !ptr::eq(m.p(), own) {
                    // A timer's function waited for the collector: the P is another one now.
                    return Stolen {
                        g: None,
                        look_again: true,
                        poll_until,
                    };
                }
                look_again |= !own.runq.is_empty();
            }
            if victim.status() == PStatus::Idle {
                continue;
            }
            let take_next = last && victim.status() == PStatus::Running;
            if take_next && victim.runq.has_only_next() {
                // Its owner is likely about to park and to run it. Taken at once, goroutines that talk to each other would be torn apart
                // again and again, and would then fight for cache lines; asleep, this M costs nothing and, since it counts as
                // spinning, saves whoever makes goroutines ready the wake-ups.
                rt_os::thread::nanosleep(NEXT_PATIENCE);
            }
            if own.runq.is_empty()
                && let Some(g) = victim.runq.steal_into(&own.runq, take_next)
            {
                return Stolen {
                    g: Some(g),
                    look_again,
                    poll_until,
                };
            }
        }
        if look_again {
            return Stolen {
                g: None,
                look_again,
                poll_until,
            };
        }
    }
    Stolen {
        g: None,
        look_again: false,
        poll_until,
    }
}

fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A safepoint at which the goroutine was asked to stop (system function).
pub extern "C" fn preempt_point() {
    let m = M::current();
    let g = m.curg();
    if may_preempt(m, g) {
        if !stress::on() {
            g.restore_stack_limit();
        } else if stress::due(m) {
            stress_yield(g);
        } else {
            return g.request_preempt();
        }
        yield_global(g, "preempted");
    }
}

/// The same at a function's entry. Returns 1 if the function is to return through [`arch::stress_return`].
pub extern "C" fn preempt_at_entry() -> usize {
    let m = M::current();
    let g = m.curg();
    if may_preempt(m, g) {
        if !stress::on() {
            g.ret0.set(0);
            g.restore_stack_limit();
            yield_global(g, "preempted");
        }
        if !stress::due(m) {
            return stress::arm_at_entry(g).into();
        }
        g.on_resume
            .set(Some(|g| g.ret0.set(stress::arm_at_entry(g).into())));
        stress_yield(g);
    }
    0
}

fn stress_yield(g: &'static G) -> ! {
    if stress::coin() {
        yield_global(g, "preempted")
    }
    yield_local(g)
}

/// Whether a goroutine that was asked to stop can. If not now, the request stays, and the limit is real again until it is repeated.
fn may_preempt(m: &M, g: &G) -> bool {
    if g.is_g0.get() {
        return false;
    }
    if m.pins.get() > 0 || m.in_fork.get() {
        g.stack_limit.store(g.real_limit(), Ordering::Relaxed);
        return false;
    }
    true
}

/// Puts the current goroutine at the end of the global queue (or stops for the world) and schedules.
pub fn yield_global(g: &'static G, why: &str) -> ! {
    let m = M::current();
    if trace::on() {
        trace::yields(g, why);
    }
    m.curg.store(ptr::null_mut(), Ordering::Relaxed);
    m.p().running.store(ptr::null_mut(), Ordering::Relaxed);
    g.change_status(Status::Running, Status::Runnable);
    let guard = SCHED.lock();
    SCHED.global_put(&guard, g);
    drop(guard);
    wake_p();
    schedule()
}

/// Puts the current goroutine at the end of the local queue and schedules.
pub fn yield_local(g: &'static G) -> ! {
    let m = M::current();
    if trace::on() {
        trace::yields(g, "unspecified");
    }
    m.curg.store(ptr::null_mut(), Ordering::Relaxed);
    m.p().running.store(ptr::null_mut(), Ordering::Relaxed);
    g.change_status(Status::Running, Status::Runnable);
    run_queue_put(m.p(), g, false);
    schedule()
}

/// Ends the current goroutine (system function).
pub extern "C" fn goexit0() -> ! {
    let g = G::current();
    HOOKS.g_exit.get()(g);
    if ptr::eq(g, SCHED.main_g.load(Ordering::Relaxed)) {
        SCHED.main_gone.store(true, Ordering::Relaxed);
    }
    end_goroutine(g);
    schedule()
}

/// Takes the current goroutine apart and frees its descriptor. The caller schedules or switches next.
pub fn end_goroutine(g: &'static G) {
    let m = M::current();
    if trace::on() {
        trace::ends();
    }
    crate::bubble::on_exit(g);
    let labels = g.labels.swap(0, Ordering::Relaxed);
    if labels != 0 && crate::hooks::barrier_on() {
        // A sample of the CPU profile may be the only one to know them now.
        HOOKS.wb_slot.get()(0, labels);
    }
    g.start_fn.set(0);
    g.closure_ctx.set(0);
    g.defer.set(0);
    g.panic.set(0);
    g.coro.set(0);
    g.bubble.set(ptr::null());
    g.on_resume.set(None);
    let locked = !g.locked_m.get().is_null();
    g.locked_m.set(ptr::null());
    g.lock_count.set(0);
    if locked {
        m.locked_g.set(ptr::null());
    }
    m.curg.store(ptr::null_mut(), Ordering::Relaxed);
    let p = m.p();
    if !g.system.get() {
        p.count_g(-1);
    }
    stack::detach_all(g, p);
    p.running.store(ptr::null_mut(), Ordering::Relaxed);
    g.m.set(ptr::null());
    g.change_status(Status::Running, Status::Dead);
    p.free_gs.push_front(g);
    if p.free_gs.len() >= 2 * FREE_BATCH {
        SCHED.free_gs.put(&p.free_gs.split_front(FREE_BATCH));
    }
    if locked {
        // A goroutine that ends while locked leaves its thread in a state that nobody knows: the thread ends too.
        thread::exit_m(m);
    }
}

/// Called with SCHED's lock when an M becomes idle: if nothing can ever run again, says so.
pub fn check_dead(_: &SchedGuard) {
    static REPORTED: AtomicU32 = AtomicU32::new(0);
    if !SCHED.main_started.load(Ordering::Relaxed) || SCHED.dying.load(Ordering::Relaxed) > 0 {
        return;
    }
    let running = SCHED.m_count.get()
        - SCHED.idle_m_count.get()
        - SCHED.idle_locked.get()
        - SCHED.system_ms.get();
    if running > 0 {
        return;
    }
    if running < 0 {
        rt_os::throw!(
            "checkdead: inconsistent counts: ms={} idle={} locked={} system={}",
            SCHED.m_count.get(),
            SCHED.idle_m_count.get(),
            SCHED.idle_locked.get(),
            SCHED.system_ms.get()
        );
    }
    if SCHED.waiting_for_signals.load(Ordering::Relaxed)
        || SCHED.p_waiter_count.load(Ordering::Relaxed) > 0
    {
        return;
    }
    let mut waiting = 0;
    for g in SCHED.all_gs() {
        if g.system.get() {
            continue;
        }
        match g.status() {
            Status::Waiting => waiting += 1,
            Status::Runnable | Status::Running | Status::Syscall => return,
            Status::Idle | Status::Dead => {}
        }
    }
    // Timers that will fire.
    if SCHED.all_ps().any(|p| p.timers.next_when() != 0) {
        return;
    }
    if REPORTED.swap(1, Ordering::Relaxed) != 0 {
        return;
    }
    if waiting == 0 || SCHED.main_gone.load(Ordering::Relaxed) {
        crate::hooks::fatal("no goroutines (main called runtime.Goexit) - deadlock!");
    }
    crate::hooks::fatal("all goroutines are asleep - deadlock!");
}

/// Makes the current goroutine one of the runtime's own: not counted, not shown.
pub fn become_system(g: &'static G) {
    if !g.system.replace(true) {
        SCHED.g_count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Number of user goroutines.
pub fn goroutine_count() -> i32 {
    let ps = SCHED.ps.iter().map_while(|p| {
        // SAFETY: null or a P, never freed.
        unsafe { p.load(Ordering::Acquire).as_ref() }
    });
    // One that began on one P and ended on another adds to both.
    ps.fold(SCHED.g_count.load(Ordering::Relaxed), |sum, p| {
        sum.wrapping_add(p.g_count.load(Ordering::Relaxed))
    })
}

/// LockOSThread (leaf).
pub fn lock_os_thread() {
    let m = M::current();
    let g = m.curg();
    g.lock_count.set(g.lock_count.get() + 1);
    g.locked_m.set(m);
    m.locked_g.set(g);
    m.tainted.set(true);
}

/// UnlockOSThread (leaf).
pub fn unlock_os_thread() {
    let m = M::current();
    let g = m.curg();
    if g.lock_count.get() == 0 {
        return;
    }
    g.lock_count.set(g.lock_count.get() - 1);
    if g.lock_count.get() == 0 {
        g.locked_m.set(ptr::null());
        m.locked_g.set(ptr::null());
        m.tainted.set(false);
    }
}

/// Links a new M into the list of all.
pub fn publish_m(m: &'static M) {
    let at = m as *const M as *mut M;
    let list: &AtomicPtr<M> = &SCHED.all_ms;
    let mut head = list.load(Ordering::Acquire);
    loop {
        m.all_link.store(head, Ordering::Relaxed);
        match list.compare_exchange_weak(head, at, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(found) => head = found,
        }
    }
}
