//! Ends of the process that are not exits: fatal errors, unrecovered panics, faults in the runtime. Nothing here allocates.

use crate::traceback::{self, LEVEL, Sink, Start, Stderr};
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use rt_os::thread::exit_group;
use rt_sched::g::G;
use rt_sched::m::M;
use rt_sched::sched::SCHED;

/// Serialises the last words of several dying threads.
static DYING_LOCK: AtomicU32 = AtomicU32::new(0);
static PRINT_OWNER: AtomicU32 = AtomicU32::new(0);

/// Takes the print lock; nests.
pub extern "C" fn print_lock() {
    let m = M::current();
    let nesting = m.print_locks.get();
    m.print_locks.set(nesting + 1);
    if nesting == 0 {
        let mut spins = 0u32;
        while PRINT_OWNER.swap(1, Ordering::Acquire) != 0 {
            spins += 1;
            if spins.is_multiple_of(64) {
                rt_os::thread::sched_yield();
            }
        }
        // The goroutine must stay on this thread while it holds the lock.
        m.pins.set(m.pins.get() + 1);
    }
}

/// Gives it back.
pub extern "C" fn print_unlock() {
    let m = M::current();
    m.print_locks.set(m.print_locks.get() - 1);
    if m.print_locks.get() == 0 {
        PRINT_OWNER.store(0, Ordering::Release);
        crate::entry::goroutine::unpin();
    }
}

/// Marks this thread as printing the process' last words. False if it does so already. Other threads that get here wait for the end.
pub extern "C" fn start_panic() -> bool {
    let m = M::current();
    SCHED.dying.fetch_add(1, Ordering::SeqCst);
    let depth = m.dying.get();
    m.dying.set(depth + 1);
    match depth {
        0 => {
            while DYING_LOCK
                .compare_exchange(
                    0,
                    m.tid.load(Ordering::Relaxed).max(1),
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_err()
            {
                rt_os::thread::nanosleep(1_000_000_000);
            }
            true
        }
        1 => false,
        2 => {
            Stderr.put(b"panic during panic\n");
            exit_group(3)
        }
        3 => {
            Stderr.put(b"stack trace unavailable\n");
            exit_group(4)
        }
        _ => exit_group(5),
    }
}

/// Whether some thread is dying.
pub fn is_dying() -> bool {
    SCHED.dying.load(Ordering::Relaxed) > 0
}

/// The traceback that ends the process. `all`: every goroutine whatever GOTRACEBACK says (unless none). `start`: where the current
/// goroutine's stack begins, if not at its saved context.
pub fn die(start: Option<Start>, all: bool, show_runtime: bool) -> ! {
    let level = LEVEL.load(Ordering::Relaxed);
    let show_runtime = show_runtime || level >= 3;
    if level > 0 {
        // SAFETY: null or the current G.
        let g = unsafe { M::current().curg.load(Ordering::Relaxed).as_ref() }
            .filter(|g| !g.is_g0.get());
        let mut sink = Stderr;
        if let Some(g) = g {
            sink.put(b"\n");
            traceback::print_goroutine(
                &mut sink,
                g,
                Some(start.unwrap_or_else(|| Start::of_saved(g))),
                show_runtime,
            );
        }
        if all || level >= 2 {
            freeze();
            traceback::print_others(&mut sink, g, show_runtime);
        }
    }
    if level >= 4 {
        crash();
    }
    exit_group(2)
}

/// Asks all running goroutines to stop, and gives them a moment: their stacks can be printed then.
fn freeze() {
    SCHED.stopping.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        for p in SCHED.all_ps() {
            rt_sched::thread::preempt_p(p);
        }
        rt_os::thread::nanosleep(1_000_000);
    }
}

/// Dies of SIGABRT with the default action: a core dump if the system makes them.
pub fn crash() -> ! {
    die_of_signal(rt_os::signal::sig::ABRT)
}

/// Raises a signal with its default action.
pub fn die_of_signal(signal: u32) -> ! {
    // SAFETY: default action.
    unsafe {
        let _ = rt_os::signal::rt_sigaction(
            signal,
            Some(&rt_os::signal::SigAction {
                handler: rt_os::signal::SIG_DFL,
                ..Default::default()
            }),
        );
    }
    rt_os::signal::rt_sigprocmask(rt_os::signal::MaskHow::Unblock, 1 << (signal - 1));
    let _ = rt_os::thread::tgkill(rt_os::thread::getpid(), rt_os::thread::gettid(), signal);
    rt_os::thread::nanosleep(1_000_000);
    exit_group(2)
}

/// `fatal error: ...` for an error of the program; all goroutines are printed.
pub fn fatal(message: &str) -> ! {
    if start_panic() {
        let _ = writeln!(traceback::Line::new(&mut Stderr), "fatal error: {message}");
    }
    die(None, true, false)
}

/// The same for an internal inconsistency: runtime frames are shown.
pub fn throw(message: &str) -> ! {
    if start_panic() {
        let _ = writeln!(traceback::Line::new(&mut Stderr), "fatal error: {message}");
    }
    die(None, true, true)
}

/// Hook of `rt_os::throw!`: the message has been printed; adds the goroutines.
pub fn throw_hook() {
    static ONCE: AtomicBool = AtomicBool::new(false);
    if ONCE.swap(true, Ordering::Relaxed) || !crate::symtab::is_ready() {
        return;
    }
    if start_panic() {
        die(None, true, true);
    }
}

/// A goroutine needs more stack than it may have.
pub fn stack_overflow(g: &'static G) -> ! {
    if start_panic() {
        let limit = rt_sched::stack::MAX_STACK.load(Ordering::Relaxed);
        let _ = writeln!(
            traceback::Line::new(&mut Stderr),
            "runtime: goroutine stack exceeds {limit}-byte limit"
        );
        let sp = g.sched_sp.get();
        // SAFETY: the goroutine's own chain.
        let seg = unsafe { &*g.seg.get() };
        let _ = writeln!(
            traceback::Line::new(&mut Stderr),
            "runtime: sp={:#x} stack=[{:#x}, {:#x}]",
            sp,
            seg.lo,
            seg.hi()
        );
        Stderr.put(b"fatal error: stack overflow\n");
    }
    die(None, false, false)
}
