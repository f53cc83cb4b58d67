//! What the scheduler needs from crates above it, as functions that the runtime crate sets at start, before
//! there is a second thread. The defaults suit tests.

use crate::g::{G, GList};
use crate::p::P;
use abi::gotype::Type;
use core::cell::Cell;
use rt_sync::atomic::{AtomicU32, Ordering};

/// `runtime.writeBarrier`: nonzero while the barrier is on. Written with the world stopped.
#[unsafe(export_name = "runtime.writeBarrier")]
pub static WRITE_BARRIER: AtomicU32 = AtomicU32::new(0);

/// Whether the barrier is on.
#[inline(always)]
pub fn barrier_on() -> bool {
    WRITE_BARRIER.load(Ordering::Relaxed) != 0
}

/// Operations whose panics show the frames that the official runtime has there.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// A send; the detail: the channel was closed while the goroutine waited.
    Send,
    /// A select with one send and a default.
    TrySend,
    /// Another select.
    Select,
    /// A close; the detail: the channel is not nil, but closed.
    Close,
    /// `make`.
    Make,
}

const PLACES: usize = Place::Make as usize + 1;

/// The functions.
pub struct Hooks {
    /// Collects goroutines whose files are ready. `delay` in ns: 0 does not wait, negative waits until broken off.
    pub netpoll: Cell<fn(delay: i64, ready: &GList)>,
    /// Ends a waiting `netpoll`.
    pub netpoll_break: Cell<fn()>,
    /// Makes sure netpoll can be waited in (creates epoll).
    pub netpoll_init: Cell<fn()>,
    /// Whether netpoll exists, and whether goroutines wait in it.
    pub netpoll_state: Cell<fn() -> (bool, bool)>,
    /// Hands the values in the P's write barrier buffer to the collector.
    pub wb_flush: Cell<fn(&'static P)>,
    /// A P is about to be used for the first time or again; is given up for good.
    pub p_init: Cell<fn(&'static P)>,
    #[allow(missing_docs)]
    pub p_destroy: Cell<fn(&'static P)>,
    /// A goroutine ended.
    pub g_exit: Cell<fn(&'static G)>,
    /// Reports `stack exceeds limit` and dies.
    pub stack_overflow: Cell<fn(&'static G) -> !>,
    /// Reports a fatal error of the program (`all goroutines are asleep`) with a dump and dies.
    pub fatal: Cell<fn(&str) -> !>,
    /// Called by sysmon now and then: periodic collection, scavenger. Argument: nanotime.
    pub sysmon_tick: Cell<fn(i64)>,
    /// Whether a collector's worker should run on this P instead of a goroutine or (true) because there is none to run; runs it and returns
    /// true.
    pub gc_work: Cell<fn(&'static P, bool) -> bool>,
    /// A panic reported from within an entry point: address of the Go function `panicText(string)`.
    pub panic_text: Cell<usize>,
    /// The like for operations on channels, by [`Place`]: address of a Go function `f(msg string, detail bool)`.
    pub panic_places: [Cell<usize>; PLACES],
    /// Calls a Go func value on g0 with these arguments.
    pub call_go: Cell<fn(usize, [usize; 4])>,
    /// Write barrier for one pointer slot that Rust code is about to overwrite (0: only shades `new`).
    pub wb_slot: Cell<fn(slot: usize, new: usize)>,
    /// Write barrier for a value of this type about to be copied from `src` (0: zeroed) to `dst`. Called only while the barrier is on.
    pub wb_typed: Cell<fn(typ: *const Type, dst: usize, src: usize)>,
    /// Return addresses of a goroutine's stack: of one inside a system function on this thread (true), or of one at rest.
    pub trace_stack: Cell<fn(&'static G, bool, &mut [usize]) -> usize>,
    /// Calls back with each function that a return address stands for: (pc that is unique to it, name, file, line).
    #[allow(clippy::type_complexity)]
    pub trace_frames: Cell<fn(usize, &mut dyn FnMut(u64, &'static str, &'static str, u32))>,
    /// Entry of the Go function that stands for the collector's workers in traces, 0 if none.
    pub trace_worker_pc: Cell<usize>,
    /// Allocates from the heap: (bytes, type or null). Zeroed. Dies if there is no memory.
    pub malloc: Cell<fn(usize, *const Type) -> usize>,
}

// SAFETY: written before the second thread exists, read-only afterwards.
unsafe impl Sync for Hooks {}

fn no_netpoll(_: i64, _: &GList) {}
fn nothing() {}
fn no_state() -> (bool, bool) {
    (false, false)
}
fn ignore_p(_: &'static P) {}
fn ignore_g(_: &'static G) {}
fn overflow(g: &'static G) -> ! {
    rt_os::throw!("stack overflow of goroutine {}", g.goid.get())
}
fn die(message: &str) -> ! {
    rt_os::throw!("{message}")
}
fn ignore_time(_: i64) {}
fn no_work(_: &'static P, _: bool) -> bool {
    false
}
fn call_default(closure: usize, args: [usize; 4]) {
    crate::m::call_on_g0(closure, args);
}
fn no_barrier(_: usize, _: usize) {}
fn no_typed_barrier(_: *const Type, _: usize, _: usize) {}
fn no_stack(_: &'static G, _: bool, _: &mut [usize]) -> usize {
    0
}
fn no_frames(_: usize, _: &mut dyn FnMut(u64, &'static str, &'static str, u32)) {}
fn malloc_persistent(size: usize, _: *const Type) -> usize {
    crate::persist::alloc(size.max(8), 16)
}

/// The hooks in force.
pub static HOOKS: Hooks = Hooks {
    netpoll: Cell::new(no_netpoll),
    netpoll_break: Cell::new(nothing),
    netpoll_init: Cell::new(nothing),
    netpoll_state: Cell::new(no_state),
    wb_flush: Cell::new(ignore_p),
    p_init: Cell::new(ignore_p),
    p_destroy: Cell::new(ignore_p),
    g_exit: Cell::new(ignore_g),
    stack_overflow: Cell::new(overflow),
    fatal: Cell::new(die),
    sysmon_tick: Cell::new(ignore_time),
    gc_work: Cell::new(no_work),
    panic_text: Cell::new(0),
    panic_places: [const { Cell::new(0) }; PLACES],
    call_go: Cell::new(call_default),
    wb_slot: Cell::new(no_barrier),
    wb_typed: Cell::new(no_typed_barrier),
    trace_stack: Cell::new(no_stack),
    trace_frames: Cell::new(no_frames),
    trace_worker_pc: Cell::new(0),
    malloc: Cell::new(malloc_persistent),
};

/// Flushes the current P's write barrier buffer (system function).
pub extern "C" fn wb_flush_current() {
    HOOKS.wb_flush.get()(crate::m::M::current().p());
}

/// See [`Hooks::stack_overflow`].
pub fn stack_overflow(g: &'static G) -> ! {
    HOOKS.stack_overflow.get()(g)
}

/// See [`Hooks::fatal`].
pub fn fatal(message: &str) -> ! {
    HOOKS.fatal.get()(message)
}

/// Raises a Go panic with this text in the goroutine whose entry point is running: its stack continues in `panicText`.
pub fn raise_panic(text: &'static str) -> ! {
    raise(HOOKS.panic_text.get(), text, false)
}

/// [`raise_panic`] for an operation on a channel.
pub fn raise_panic_in(place: Place, text: &'static str, detail: bool) -> ! {
    raise(HOOKS.panic_places[place as usize].get(), text, detail)
}

fn raise(function: usize, text: &'static str, detail: bool) -> ! {
    let g = G::current();
    if g.is_g0.get() {
        rt_os::throw!("panic on the system stack: {text}");
    }
    // SAFETY: we run in a system function of this goroutine: its context is saved.
    unsafe {
        crate::arch::gogo_call(
            g,
            function,
            text.as_ptr() as usize,
            text.len(),
            usize::from(detail),
        )
    }
}
