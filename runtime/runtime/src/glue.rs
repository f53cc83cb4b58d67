//! Heap and collector of the program, and the scheduler as the collector sees it.

use crate::callbacks;
use crate::{stackscan, symtab};
use abi::gotype::Type;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use rt_gc::{ConservativeRange, Gc, RootRange, StopReason, World};
use rt_heap::{Heap, MCache};
use rt_sched::g::{G, Status};
use rt_sched::hooks::{HOOKS, WRITE_BARRIER, barrier_on};
use rt_sched::m::M;
use rt_sched::p::P;
use rt_sched::reason::ParkReason;
use rt_sched::sched::SCHED;
use rt_sched::sudog::Sudog;
use rt_sched::{m, proc, syscall, trace, world};
use rt_sync::{LockRank, Note, RawMutex};

/// The heap.
pub static HEAP: Heap = Heap::new();
/// The collector.
pub static GC: Gc = Gc::new();
/// The scheduler as a [`World`].
pub static WORLD: Scheduler = Scheduler {
    stack_roots: AtomicUsize::new(0),
};

/// See [`WORLD`].
pub struct Scheduler {
    stack_roots: AtomicUsize,
}

/// Func values registered by std that live outside of the heap's view: roots.
pub static POOL_CLEANUP: AtomicUsize = AtomicUsize::new(0);

/// Goroutine that runs finalizers, when it is parked for work.
static FINALIZER_G: AtomicPtr<G> = AtomicPtr::new(core::ptr::null_mut());
static FINALIZER_STARTED: AtomicBool = AtomicBool::new(false);
/// Guards the decision to park against the wake-up.
static FINALIZER_LOCK: RawMutex = RawMutex::new(LockRank::FinalizerQueue);
/// Finalizers handed out and being run.
pub static FINALIZERS_RUNNING: AtomicUsize = AtomicUsize::new(0);

/// The background thread that sweeps and scavenges sleeps here.
pub static SWEEPER: Note = Note::new();

/// The current P's cache; null without a P.
pub fn current_cache() -> *mut MCache {
    match M::current().p_opt() {
        Some(p) => p.mcache.get() as *mut MCache,
        None => core::ptr::null_mut(),
    }
}

// SAFETY: stacks from the saved stack pointer up through all segments, G's pointer fields, timers, sudogs' elements (which
// point into reported stacks), registered functions are reported; stop_the_world waits for every P.
unsafe impl World for Scheduler {
    fn stop_the_world(&self, reason: StopReason) {
        world::stop(match reason {
            StopReason::GcMarkStart => "GC sweep termination",
            StopReason::GcMarkTermination | StopReason::GcWhole => "GC mark termination",
            StopReason::ReadMemStats => "read mem stats",
            StopReason::ProcResize => "GOMAXPROCS",
            StopReason::AllStacks => "all goroutines stack trace",
            StopReason::HeapDump => "write heap dump",
            StopReason::Other => "unknown",
        });
    }

    fn cycle_changes(&self, active: bool) {
        if !active {
            world::GC_WANTS_WORKERS.store(false, Ordering::Relaxed);
        }
        trace::gc_phase(active);
        if trace::on() {
            trace::heap_live(HEAP.live_bytes.load(Ordering::Relaxed));
            trace::heap_goal(GC.pacer.goal.load(Ordering::Relaxed));
        }
    }

    fn assisting(&self, begin: bool) {
        trace::assist(begin);
    }

    fn start_the_world(&self) {
        world::start();
    }

    fn num_procs(&self) -> usize {
        SCHED.p_count.load(Ordering::Relaxed) as usize
    }

    fn current_mcache(&self) -> *mut MCache {
        current_cache()
    }

    fn stack_roots(&self) -> usize {
        let count = SCHED.all_g_count.load(Ordering::Acquire) as usize;
        self.stack_roots.store(count, Ordering::Relaxed);
        count
    }

    fn scan_stack(&self, index: usize, scan: &mut dyn FnMut(ConservativeRange)) -> bool {
        let Some(g) = SCHED.g(index) else { return true };
        world::with_goroutine_still(g, &mut |stopped| stackscan::scan(g, stopped, &mut *scan))
    }

    fn for_each_global_root(&self, f: &mut dyn FnMut(RootRange)) {
        for range in symtab::slice(&symtab::module().roots) {
            f(*range);
        }
    }

    fn for_each_runtime_root(&self, f: &mut dyn FnMut(usize)) {
        for g in SCHED.all_gs() {
            goroutine_roots(g, f);
        }
        shared_roots(f);
    }

    fn set_write_barrier(&self, on: bool) {
        WRITE_BARRIER.store(on as u32, Ordering::SeqCst);
    }

    fn clear_pools(&self) {
        let cleanup = POOL_CLEANUP.load(Ordering::Relaxed);
        if cleanup != 0 {
            m::call_on_g0(cleanup, [0; 4]);
        }
    }

    fn wake_mark_workers(&self) {
        world::GC_WANTS_WORKERS.store(true, Ordering::SeqCst);
        proc::wake_p();
    }

    fn should_yield(&self) -> bool {
        let m = M::current();
        SCHED.stopping.load(Ordering::Relaxed)
            || SCHED.p_waiter_count.load(Ordering::Relaxed) > 0
            || m.p_opt().is_some_and(|p| p.preempt.load(Ordering::Relaxed))
    }

    fn should_leave_mark(&self, idle: bool) -> bool {
        self.should_yield()
            || rt_sched::timer::any_due()
            || idle
                && (SCHED.runq_len.load(Ordering::Relaxed) > 0
                    || SCHED.all_ps().any(|p| !p.runq.is_empty()))
    }

    fn wake_finalizers(&self) {
        wake_finalizers();
    }

    fn wake_sweeper(&self) {
        wake_background();
    }

    fn yield_now(&self) {
        syscall::blocking(|| rt_os::thread::nanosleep(20_000));
    }

    fn stack_scan_bytes(&self) -> usize {
        rt_sched::stack::IN_USE.load(Ordering::Relaxed) / 4
    }
}

/// Words of a goroutine's descriptor that may hold heap pointers. What else it has in registers and on the stack is for
/// [`stackscan`]: the closure of a call in progress, arguments of system functions.
fn goroutine_roots(g: &G, f: &mut dyn FnMut(usize)) {
    let status = g.status();
    if status == Status::Dead {
        return;
    }
    for word in [
        g.defer.get(),
        g.panic.get(),
        g.start_fn.get(),
        g.labels.load(Ordering::Relaxed),
        g.coro.get(),
    ] {
        f(word);
    }
    if status == Status::Waiting {
        f(g.sudog.elem.get());
        f(g.sudog.object.get());
    }
}

/// Words of the runtime that belong to no goroutine: timers, callbacks in progress, registered functions.
fn shared_roots(f: &mut dyn FnMut(usize)) {
    for p in SCHED.all_ps() {
        p.timers.for_each(&mut *f);
    }
    for m in m::all() {
        f(m.firing.get());
        let hi = m.callback_hi.get();
        let lo = m.g0.sched_sp.get();
        if hi != 0 && lo != 0 {
            // Go code that runs on this system stack for a callback, at rest inside the runtime.
            for at in (lo & !7..hi).step_by(8) {
                // SAFETY: between the saved stack pointer and the callback's entry on a live stack.
                f(unsafe { *(at as *const usize) });
            }
            f(m.g0.closure_ctx.get());
            for word in &m.g0.args[..usize::from(m.g0.arg_count.get())] {
                f(word.get());
            }
        }
    }
    crate::cpu_profile::for_each_label(&mut *f);
    f(POOL_CLEANUP.load(Ordering::Relaxed));
    rt_sched::bubble::for_each_timer(&mut *f);
}

// SAFETY: the two kinds of roots together are those of `for_each_runtime_root`.
unsafe impl rt_gc::LeakWorld for Scheduler {
    fn blocked_on(&self, index: usize, f: &mut dyn FnMut(usize)) -> bool {
        let Some(g) = SCHED.g(index) else {
            return false;
        };
        if g.status() != Status::Waiting || g.system.get() {
            return false;
        }
        match g.reason() {
            ParkReason::ChanReceive
            | ParkReason::ChanSend
            | ParkReason::SynctestChanReceive
            | ParkReason::SynctestChanSend
            | ParkReason::SyncMutexLock
            | ParkReason::SyncRwMutexLock
            | ParkReason::SyncRwMutexRLock
            | ParkReason::SyncWaitGroupWait
            | ParkReason::SynctestWaitGroupWait
            | ParkReason::SyncCondWait
            | ParkReason::Semacquire => f(g.sudog.object.get()),
            ParkReason::Select | ParkReason::SynctestSelect => {
                let mut at = g.wait_obj.get() as *const Sudog;
                // SAFETY: the sudogs of a parked select, linked by it; the world is stopped.
                while let Some(sudog) = unsafe { at.as_ref() } {
                    f(sudog.object.get());
                    at = sudog.wait_head.get();
                }
            }
            // Nothing can wake these. A main goroutine that waits for ever is meant to, but will not use what its stack refers to:
            // it counts as blocked here and not as leaked below.
            ParkReason::ChanReceiveNil | ParkReason::ChanSendNil | ParkReason::SelectNoCases => {}
            _ => return false,
        }
        true
    }

    fn for_each_shared_root(&self, f: &mut dyn FnMut(usize)) {
        shared_roots(f);
    }

    fn for_each_goroutine_root(&self, index: usize, f: &mut dyn FnMut(usize)) {
        if let Some(g) = SCHED.g(index) {
            goroutine_roots(g, f);
        }
    }

    fn set_leaked(&self, index: usize, leaked: bool) {
        if let Some(g) = SCHED.g(index) {
            let meant = g.reason() == ParkReason::SelectNoCases
                && core::ptr::eq(g, SCHED.main_g.load(Ordering::Relaxed));
            g.leaked.store(leaked && !meant, Ordering::Relaxed);
        }
    }
}

/// Runs a mark worker if the collector wants one: instead of a goroutine, or (`idle`) because there is none to run.
fn gc_work(p: &'static P, idle: bool) -> bool {
    if !GC.is_marking() {
        if world::gc_wants_workers() {
            world::GC_WANTS_WORKERS.store(false, Ordering::Relaxed);
        }
        return false;
    }
    match GC.mark_work_wanted(&WORLD, idle) {
        None => {
            if idle && GC.may_finish(&WORLD) {
                trace::as_worker(|| GC.try_finish(&WORLD));
            }
            false
        }
        Some(slice) => {
            // Nobody else may be there to look at the clock: other Ps run goroutines that do not stop.
            if rt_sched::timer::any_due() && rt_sched::timer::run_due_of_all() && !p.runq.is_empty()
            {
                return false;
            }
            trace::as_worker(|| GC.background_mark(&WORLD, slice, idle));
            slice > 0
        }
    }
}

/// Allocates for the runtime and for compiled code.
pub fn malloc(size: usize, typ: *const Type, zero: bool) -> usize {
    // SAFETY: we are in a system function or a callback, with a P.
    match unsafe { GC.malloc(&WORLD, current_cache(), size, typ, zero) } {
        Ok(at) => {
            let cache = current_cache();
            if trace::on() {
                trace::heap_live(HEAP.live_bytes.load(Ordering::Relaxed));
            }
            // SAFETY: the current P's cache.
            if unsafe { (*cache).sampled } != 0 {
                crate::profile::heap_sample(cache);
            }
            at.as_ptr() as usize
        }
        Err(error) => {
            rt_os::eprint_raw!(
                "{} ({} in use)\n",
                Gc::oom_message(&error),
                HEAP.in_use_bytes()
            );
            crate::fatal::fatal("out of memory");
        }
    }
}

/// Shades one pointer that the runtime stores (and, given the slot, the one that it overwrites).
pub fn wb_slot(slot: usize, new: usize) {
    if !barrier_on() {
        return;
    }
    let cache = current_cache();
    if cache.is_null() {
        rt_os::throw!("write barrier without a P");
    }
    // SAFETY: the current P's cache; the slot is a live pointer slot.
    unsafe {
        if slot != 0 {
            GC.shade(cache, *(slot as *const usize));
        }
        GC.shade(cache, new);
    }
}

/// Barrier for a value of a type that will be copied from `src` (0: zeroed) to `dst`: what `dst` holds is shaded if `dst` is in the heap or a
/// global, what `src` holds in any case.
pub fn wb_typed(typ: *const Type, dst: usize, src: usize) {
    // SAFETY: the compiler's descriptor.
    let size = unsafe { (*typ).size };
    wb_range(typ, dst, src, size);
}

/// [`wb_typed`] for `size` bytes of values of the type.
pub fn wb_range(typ: *const Type, dst: usize, src: usize, size: usize) {
    if !barrier_on() {
        return;
    }
    let cache = current_cache();
    let old = dst != 0 && !on_current_stack(dst);
    // SAFETY: descriptors are the compiler's; both ranges hold values of the type.
    unsafe {
        let elem = (*typ).size;
        let Some(mask) = rt_heap::typemap::pointer_mask(typ, &HEAP.memory) else {
            return;
        };
        if elem == 0 {
            return;
        }
        let words = (*typ).ptr_bytes / 8;
        let mut base = 0;
        while base < size {
            for word in 0..words {
                if *mask.add(word / 8) >> (word % 8) & 1 != 0 {
                    let offset = base + word * 8;
                    if offset + 8 > size {
                        return;
                    }
                    if old {
                        GC.shade(cache, *((dst + offset) as *const usize));
                    }
                    if src != 0 {
                        GC.shade(cache, *((src + offset) as *const usize));
                    }
                }
            }
            base += elem;
        }
    }
}

/// Barrier for a range of words about to be zeroed or overwritten, pointers or not: shades every word conservatively.
pub fn wb_words(dst: usize, size: usize) {
    if !barrier_on() {
        return;
    }
    let cache = current_cache();
    for offset in (0..size / 8).map(|word| word * 8) {
        // SAFETY: the caller's live range; only words that lead to objects are shaded.
        unsafe {
            let word = *((dst + offset) as *const usize);
            if HEAP.find_object(word).is_some() {
                GC.shade(cache, word);
            }
        }
    }
}

fn on_current_stack(addr: usize) -> bool {
    let m = M::current();
    // SAFETY: null or the current G.
    let curg = unsafe { m.curg.load(Ordering::Relaxed).as_ref() };
    curg.is_some_and(|g| rt_sched::stack::on_stack(g, addr))
        || (m.system_lo.get() <= addr && addr < m.system_top.get())
}

fn p_init(p: &'static P) {
    if p.mcache.get() == 0 {
        match HEAP.new_mcache() {
            Ok(cache) => p.mcache.set(cache as usize),
            Err(error) => rt_os::throw!("no memory for a processor's cache: {error:?}"),
        }
    }
}

fn p_destroy(p: &'static P) {
    let cache = p.mcache.replace(0) as *mut MCache;
    if !cache.is_null() {
        // SAFETY: the P is given up, the world stopped.
        unsafe {
            GC.flush_cache(cache);
            HEAP.free_mcache(cache);
        }
    }
}

fn wb_flush(p: &'static P) {
    // SAFETY: the current P's cache.
    unsafe { GC.wb_flush(p.mcache.get() as *mut MCache) };
}

fn sysmon_tick(now: i64) {
    static LAST: core::sync::atomic::AtomicI64 = core::sync::atomic::AtomicI64::new(0);
    // The periodic collection needs a P: leave it to the background thread, once a second at most.
    if now - LAST.load(Ordering::Relaxed) > 1_000_000_000 {
        LAST.store(now, Ordering::Relaxed);
        if now - GC.stats.last_end_monotonic() > rt_gc::gc::PERIOD {
            wake_background();
        }
    }
}

/// Installs the hooks. Once, at start.
pub fn install() {
    HOOKS.wb_flush.set(wb_flush);
    HOOKS.p_init.set(p_init);
    HOOKS.p_destroy.set(p_destroy);
    HOOKS.gc_work.set(gc_work);
    HOOKS.sysmon_tick.set(sysmon_tick);
    HOOKS.wb_slot.set(wb_slot);
    HOOKS.wb_typed.set(wb_typed);
    HOOKS.malloc.set(|size, typ| malloc(size, typ, true));
    HOOKS
        .panic_text
        .set(callbacks::address(callbacks::PANIC_TEXT));
    for (index, place) in HOOKS.panic_places.iter().enumerate() {
        place.set(callbacks::address(callbacks::PLACES + index));
    }
    HOOKS.trace_stack.set(crate::traceback::trace_stack);
    HOOKS.trace_frames.set(crate::traceback::trace_frames);
    HOOKS
        .trace_worker_pc
        .set(callbacks::address(callbacks::MARK_WORKER));
    HOOKS.fatal.set(|message| crate::fatal::fatal(message));
    HOOKS
        .stack_overflow
        .set(|g| crate::fatal::stack_overflow(g));
}

/// Body of the background thread: sweeping, scavenging, the periodic collection. Sweeps on idle Ps only: when all are busy, allocation
/// sweeps what it needs.
fn background(m: &'static M) -> ! {
    loop {
        // Sleeps; the minute is for scavenging.
        SWEEPER.sleep_for(60_000_000_000);
        SWEEPER.clear();
        if rt_os::time::nanotime() - GC.stats.last_end_monotonic() > rt_gc::gc::PERIOD {
            syscall::wait_for_p(m);
            GC.poll_periodic(&WORLD);
            give_up_p(m);
        }
        loop {
            if syscall::try_idle_p(m) {
                m.p().preempt.store(false, Ordering::Relaxed);
                // Kept until somebody has a use for it: each time it changes hands, threads wake and go to sleep.
                let mut more = true;
                while more {
                    more = GC.background_sweep(&WORLD);
                    if WORLD.should_leave_mark(true) {
                        break;
                    }
                }
                rt_sched::thread::lay_down_p(rt_sched::thread::release_p(m));
                if !more {
                    break;
                }
                rt_os::thread::sched_yield();
            } else {
                if HEAP.sweep_done() {
                    break;
                }
                rt_os::thread::nanosleep(1_000_000);
            }
        }
        rt_sched::stack::release_idle();
        while GC.background_scavenge() {
            rt_os::thread::nanosleep(1_000_000);
        }
    }
}

/// Wakes the background thread; the first call starts it.
fn wake_background() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    SWEEPER.wake();
    if !STARTED.swap(true, Ordering::AcqRel) {
        rt_sched::thread::start_system_thread(background);
    }
}

fn give_up_p(m: &'static M) {
    rt_sched::thread::hand_off_p(rt_sched::thread::release_p(m));
}

fn finalizer_waiting() -> bool {
    HEAP.specials.pending.load(Ordering::Acquire) != 0
}

/// There are finalizers to run: starts or readies their goroutine. May be called with or without a P, in the collector's midst.
fn wake_finalizers() {
    if !FINALIZER_STARTED.load(Ordering::Acquire) {
        if M::current().p_opt().is_some() && !FINALIZER_STARTED.swap(true, Ordering::AcqRel) {
            let g = proc::spawn(callbacks::func_value(callbacks::RUN_FINALIZERS), 0, None);
            g.system.set(true);
            SCHED.g_count.fetch_sub(1, Ordering::Relaxed);
        }
        return;
    }
    FINALIZER_LOCK.lock();
    let g = FINALIZER_G.swap(core::ptr::null_mut(), Ordering::AcqRel);
    // SAFETY: taken above.
    unsafe { FINALIZER_LOCK.unlock() };
    // SAFETY: null or the parked goroutine.
    if let Some(g) = unsafe { g.as_ref() } {
        proc::ready(g);
    }
}

/// What `nextFinalizer` writes, see stubs.go.
#[repr(C)]
pub struct FinalizerRecord {
    func: usize,
    object: usize,
    result_bytes: usize,
    arg_type: usize,
    object_type: usize,
    kind: usize,
}

/// `runtime.nextFinalizer` (system function).
pub extern "C" fn next_finalizer(out: *mut FinalizerRecord) {
    let g = G::current();
    g.wait_obj.set(out as usize);
    g.system.set(true);
    FINALIZERS_RUNNING.store(0, Ordering::SeqCst);
    next_or_park(g);
}

fn next_or_park(g: &'static G) {
    if let Some(due) = GC.take_due() {
        FINALIZERS_RUNNING.store(1, Ordering::SeqCst);
        let out = g.wait_obj.get() as *mut FinalizerRecord;
        let cleanup = due.kind == rt_heap::SpecialKind::Cleanup;
        // While it runs code of the program, dumps and profiles show it.
        g.system.set(false);
        wb_slot(0, due.func);
        wb_slot(0, due.object);
        // SAFETY: the record is in the goroutine's frame or a heap object that it keeps.
        unsafe {
            out.write(FinalizerRecord {
                func: due.func,
                object: due.object,
                result_bytes: due.extra,
                arg_type: 0,
                object_type: due.word,
                kind: cleanup as usize,
            });
        }
        return;
    }
    FINALIZER_LOCK.lock();
    if finalizer_waiting() {
        // SAFETY: taken above.
        unsafe { FINALIZER_LOCK.unlock() };
        return next_or_park(g);
    }
    FINALIZER_G.store(g as *const G as *mut G, Ordering::Release);
    g.on_resume.set(Some(next_or_park));
    // SAFETY: taken above.
    proc::park(ParkReason::FinalizerWait, || unsafe {
        FINALIZER_LOCK.unlock()
    })
}

/// Whether all due finalizers have run.
pub fn finalizers_done() -> bool {
    !finalizer_waiting() && FINALIZERS_RUNNING.load(Ordering::SeqCst) == 0
}

/// Weak handles of addresses that are not in the heap (globals, zero-size objects): they live for ever. A table, since equal addresses
/// must have equal handles.
struct Immortals {
    slots: *mut [usize; 2],
    capacity: usize,
    used: usize,
}
// SAFETY: behind the mutex.
unsafe impl Send for Immortals {}

static IMMORTALS: rt_sync::Mutex<Immortals> = rt_sync::Mutex::new(
    LockRank::Unranked,
    Immortals {
        slots: core::ptr::null_mut(),
        capacity: 0,
        used: 0,
    },
);

impl Immortals {
    /// Slot of the address: [address, handle]; the handle is 0 in a free slot.
    fn slot(&mut self, addr: usize) -> &mut [usize; 2] {
        let mut index = addr.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24 & (self.capacity - 1);
        loop {
            // SAFETY: index < capacity; under the lock; at least half of the slots are free.
            let slot = unsafe { &mut *self.slots.add(index) };
            if slot[1] == 0 || slot[0] == addr {
                return slot;
            }
            index = (index + 1) & (self.capacity - 1);
        }
    }
}

/// The handle of an address outside of the heap: a word that holds it.
pub fn immortal_handle(addr: usize) -> usize {
    let mut table = IMMORTALS.lock();
    if table.used * 2 >= table.capacity {
        let old = (table.slots, table.capacity);
        table.capacity = (old.1 * 2).max(64);
        table.slots = rt_sched::persist::alloc(table.capacity * 16, 16) as *mut [usize; 2];
        for index in 0..old.1 {
            // SAFETY: the old table.
            let entry = unsafe { *old.0.add(index) };
            if entry[1] != 0 {
                *table.slot(entry[0]) = entry;
            }
        }
    }
    let slot = table.slot(addr);
    if slot[1] != 0 {
        return slot[1];
    }
    let handle = rt_sched::persist::alloc(8, 8);
    // SAFETY: fresh memory.
    unsafe { (handle as *mut usize).write(addr) };
    *slot = [addr, handle];
    table.used += 1;
    handle
}

/// The address in a handle of [`immortal_handle`], if it is one.
pub fn immortal_value(handle: usize) -> Option<usize> {
    // SAFETY: handles outside of the heap are words made above.
    (!HEAP.arena.contains(handle)).then(|| unsafe { *(handle as *const usize) })
}
