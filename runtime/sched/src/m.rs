//! M, an operating system thread that runs goroutines.
//!
//! `%fs:0` of every thread holds the address of its M. Rust code of the runtime runs on the M's system stack (or, leaf functions,
//! on the goroutine's); it never moves between threads in the middle, so `M::current()` is stable.

use crate::g::G;
use crate::p::P;
use crate::sched::SCHED;
use core::cell::Cell;
use core::ptr;
use rt_sync::Note;
use rt_sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// Bytes of a system stack.
pub const SYSTEM_STACK: usize = 256 << 10;
/// Bytes of an alternate signal stack.
pub const SIGNAL_STACK: usize = 64 << 10;

/// The thread descriptor. Never freed; reused after a thread ended.
#[repr(C)]
pub struct M {
    /// Address of this M: what `%fs:0` reads.
    this: Cell<*const M>,
    /// Goroutine (or g0) on whose behalf it runs, null in the scheduler. Read by the profiler's and other signal handlers.
    pub curg: AtomicPtr<G>,
    /// Runs timer functions and callbacks.
    pub g0: G,
    /// P it owns, null if none.
    pub p: Cell<*const P>,
    /// P handed to it while it slept.
    pub next_p: Cell<*const P>,
    /// P it had when it entered a system call.
    pub old_p: Cell<*const P>,
    /// Small number, for dumps.
    pub id: Cell<u64>,
    /// Kernel thread id.
    pub tid: AtomicU32,
    /// Sleeps here when idle.
    pub park: Note,
    /// Looks for work without having found any; counted in `SCHED.spinning`.
    pub spinning: Cell<bool>,
    /// Depth of sections that must not be preempted (procPin).
    pub pins: Cell<u32>,
    /// Goroutine locked to this thread.
    pub locked_g: Cell<*const G>,
    /// Next idle M (under SCHED's lock).
    pub idle_link: Cell<*const M>,
    /// Next M of all.
    pub all_link: AtomicPtr<M>,
    /// Top of the system stack.
    pub system_top: Cell<usize>,
    #[allow(missing_docs)]
    pub system_lo: Cell<usize>,
    /// Lowest address of the alternate signal stack.
    pub signal_stack: Cell<usize>,
    /// Generator of `cheaprand`.
    pub fast_rand: Cell<u64>,
    /// ChaCha8 state.
    pub rand: crate::rand::Generator,
    /// Nesting of the print lock.
    pub print_locks: Cell<u32>,
    /// This thread is printing a panic or fatal error.
    pub dying: Cell<u32>,
    /// Signal mask to restore after a fork.
    pub saved_mask: Cell<u64>,
    /// Signals blocked, set for threads about to run children's code.
    pub in_fork: Cell<bool>,
    /// A goroutine is or was locked to this thread and may have changed its state: no thread starts from it.
    pub tainted: Cell<bool>,
    /// Times it was counted for the deadlock check as not able to run anything by itself.
    pub is_system: Cell<bool>,
    /// Ranks of locks held (debug builds).
    pub held: Cell<*mut rt_sync::rank::HeldLocks>,
    /// Switches to goroutines, for debugging.
    pub switches: AtomicU64,
    /// In a callback on g0: which goroutine was current before, null if none.
    pub before_g0: Cell<*const G>,
    /// In a callback on g0: end of the part of the system stack that Go code uses; 0 otherwise.
    pub callback_hi: Cell<usize>,
    /// Timer whose function is being called (a root), 0 if none.
    pub firing: Cell<usize>,
    /// What the thread runs instead of the scheduler.
    pub thread_main: Cell<Option<crate::thread::ThreadMain>>,
    /// Waits here for a P in the middle of runtime code.
    pub p_note: Note,
    /// Events of the execution trace on their way: the thread's; with the world stopped, the stopper's.
    pub trace_buf: Cell<*mut crate::trace::buffer::Buffer>,
    /// Time of its last event.
    pub trace_last: Cell<u64>,
    /// The goroutine that a trace shows while this thread works for the collector.
    pub trace_worker: crate::trace::Worker,
}

// SAFETY: cells belong to the thread itself, or are under SCHED's lock while it is idle.
unsafe impl Sync for M {}
// SAFETY: as above.
unsafe impl Send for M {}

impl M {
    /// A zeroed descriptor.
    pub const fn new() -> M {
        M {
            this: Cell::new(ptr::null()),
            curg: AtomicPtr::new(ptr::null_mut()),
            g0: G::new(),
            p: Cell::new(ptr::null()),
            next_p: Cell::new(ptr::null()),
            old_p: Cell::new(ptr::null()),
            id: Cell::new(0),
            tid: AtomicU32::new(0),
            park: Note::new(),
            spinning: Cell::new(false),
            pins: Cell::new(0),
            locked_g: Cell::new(ptr::null()),
            idle_link: Cell::new(ptr::null()),
            all_link: AtomicPtr::new(ptr::null_mut()),
            system_top: Cell::new(0),
            system_lo: Cell::new(0),
            signal_stack: Cell::new(0),
            fast_rand: Cell::new(0),
            rand: crate::rand::Generator::new(),
            print_locks: Cell::new(0),
            dying: Cell::new(0),
            saved_mask: Cell::new(0),
            in_fork: Cell::new(false),
            tainted: Cell::new(false),
            is_system: Cell::new(false),
            held: Cell::new(ptr::null_mut()),
            switches: AtomicU64::new(0),
            before_g0: Cell::new(ptr::null()),
            callback_hi: Cell::new(0),
            firing: Cell::new(0),
            thread_main: Cell::new(None),
            p_note: Note::new(),
            trace_buf: Cell::new(ptr::null_mut()),
            trace_last: Cell::new(0),
            trace_worker: crate::trace::Worker::new(),
        }
    }

    /// Fixes the self pointer, links g0, names it. Once, before the thread starts.
    pub fn init(&'static self, id: u64) {
        self.this.set(self);
        self.id.set(id);
        self.g0.is_g0.set(true);
        self.g0.m.set(self);
        self.g0
            .status
            .store(crate::g::Status::Running as u32, Ordering::Relaxed);
        self.fast_rand.set(rt_os::time::cputicks() ^ (id << 32) | 1);
    }

    /// This thread's M.
    #[cfg(not(any(test, feature = "std")))]
    #[inline(always)]
    pub fn current() -> &'static M {
        // SAFETY: see fs_base.
        unsafe { &*(crate::arch::fs_base() as *const M) }
    }

    /// This thread's M: in tests, one that the thread made for itself.
    #[cfg(any(test, feature = "std"))]
    pub fn current() -> &'static M {
        crate::testing::current_m()
    }

    /// Base for `%fs`.
    pub fn tls(&'static self) -> usize {
        self as *const M as usize
    }

    /// The goroutine on whose behalf it runs.
    #[inline(always)]
    pub fn curg(&self) -> &'static G {
        // SAFETY: set while anything asks (system stubs run for a G; the scheduler itself does not ask).
        unsafe { &*self.curg.load(Ordering::Relaxed) }
    }

    /// The P it owns.
    #[inline(always)]
    pub fn p(&self) -> &'static P {
        // SAFETY: callers run with a P; Ps are never freed.
        unsafe { &*self.p.get() }
    }

    /// The P it owns, if any.
    #[inline(always)]
    pub fn p_opt(&self) -> Option<&'static P> {
        // SAFETY: null or a P; Ps are never freed.
        unsafe { self.p.get().as_ref() }
    }

    /// A fast random number.
    #[inline]
    pub fn cheaprand(&self) -> u32 {
        // wyrand's step: odd increment, folded 128-bit product.
        let state = self.fast_rand.get().wrapping_add(0xa076_1d64_78bd_642f);
        self.fast_rand.set(state);
        let product = (state as u128).wrapping_mul((state ^ 0xe703_7ed1_a0b4_28db) as u128);
        ((product >> 64) as u64 ^ product as u64) as u32
    }

    /// A random number below `n`.
    #[inline]
    pub fn cheaprandn(&self, n: u32) -> u32 {
        ((self.cheaprand() as u64 * n as u64) >> 32) as u32
    }
}

/// Stack kept free for the Go code of a callback; its system calls use what is below.
const CALLBACK_STACK: usize = 64 << 10;

/// Calls a Go func value `fn(a0, a1, a2, a3)` on the system stack, as g0. The function must not park and must not be deep.
/// Not to be called with runtime locks held that the function may need.
pub fn call_on_g0(closure: usize, args: [usize; 4]) {
    let m = M::current();
    let g0 = &m.g0;
    let here = 0usize;
    let sp = (&raw const here as usize - CALLBACK_STACK) & !15;
    if sp < m.system_lo.get() + (48 << 10) {
        rt_os::throw!("callback: system stack exhausted");
    }
    let saved = (
        g0.system_sp.get(),
        g0.sched_sp.get(),
        g0.sched_bp.get(),
        g0.closure_ctx.get(),
    );
    let before = m.curg.load(Ordering::Relaxed);
    g0.system_sp.set(sp);
    // What the function does and starts belongs to the bubble of the goroutine that it runs for.
    let bubble = g0.bubble.get();
    // SAFETY: null or a G.
    g0.bubble
        .set(unsafe { before.as_ref() }.map_or(ptr::null(), |before| before.bubble.get()));
    if let Some(p) = m.p_opt() {
        g0.mcache.set(p.mcache.get());
        g0.wb_buf.set(p.wb_buf_addr());
    }
    let nested = m.callback_hi.get() != 0;
    if !nested {
        m.before_g0.set(before);
        m.callback_hi.set(&raw const here as usize);
    }
    m.curg.store(g0 as *const G as *mut G, Ordering::Relaxed);
    // SAFETY: g0 is this thread's; room was checked.
    unsafe { crate::arch::call_go(g0, closure, args[0], args[1], args[2], args[3]) };
    if !nested {
        m.callback_hi.set(0);
        m.before_g0.set(ptr::null());
    }
    m.curg.store(before, Ordering::Relaxed);
    g0.bubble.set(bubble);
    g0.system_sp.set(saved.0);
    g0.sched_sp.set(saved.1);
    g0.sched_bp.set(saved.2);
    g0.closure_ctx.set(saved.3);
}

/// All Ms, newest first.
pub fn all() -> impl Iterator<Item = &'static M> {
    let mut next = SCHED.all_ms.load(Ordering::Acquire) as *const M;
    core::iter::from_fn(move || {
        // SAFETY: Ms are never freed; links never change once set.
        let m = unsafe { next.as_ref() }?;
        next = m.all_link.load(Ordering::Acquire);
        Some(m)
    })
}
