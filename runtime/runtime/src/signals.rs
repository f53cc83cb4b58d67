//! Signals: faults become Go panics, SIGQUIT dumps, the rest goes to os/signal or keeps its default action.
//!
//! Handlers run on the alternate stack of the M, with all signals blocked. r15 holds G only if the interrupted code is Go code; Rust
//! functions may use it for anything, so the handler finds G through M.

use crate::callbacks;
use crate::fatal;
use crate::symtab;
use crate::traceback::{LEVEL, Line, Start, Stderr};
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use rt_os::signal::{
    SIG_DFL, SIG_IGN, SigAction, SigInfo, UContext, flags, reg, rt_sigaction, sig,
};
use rt_os::thread::{futex_wait, futex_wake};
use rt_sched::m::M;
use rt_sched::sched::SCHED;
use rt_sched::stack;

/// Bit `1 << signal`: the program asked for it (signal_enable).
static WANTED: AtomicU64 = AtomicU64::new(0);
/// Ignored when the process started: their action when the program no longer wants them.
static BORN_IGNORED: AtomicU64 = AtomicU64::new(0);
/// Ignored at start or by signal_ignore.
static IGNORED: AtomicU64 = AtomicU64::new(0);
/// Delivered and not yet received.
static PENDING: AtomicU64 = AtomicU64::new(0);
/// Our handler is installed.
static HANDLED: AtomicU64 = AtomicU64::new(0);
/// Counts deliveries; the receiver sleeps on it.
static DELIVERIES: AtomicU32 = AtomicU32::new(0);
/// A signal was enabled once: there is a receiver, or will be.
static ENABLED: AtomicBool = AtomicBool::new(false);
/// The receiver waits for a delivery.
static RECEIVING: AtomicBool = AtomicBool::new(false);
/// Handlers in the middle of a delivery.
static DELIVERING: AtomicU32 = AtomicU32::new(0);

fn bit(signal: u32) -> u64 {
    if signal < 64 { 1 << signal } else { 0 }
}

/// Names and texts of the signals that end the process with a dump.
fn describe(signal: u32) -> &'static str {
    match signal {
        sig::QUIT => "SIGQUIT: quit",
        sig::ILL => "SIGILL: illegal instruction",
        sig::TRAP => "SIGTRAP: trace trap",
        sig::ABRT => "SIGABRT: abort",
        sig::BUS => "SIGBUS: bus error",
        sig::FPE => "SIGFPE: floating-point exception",
        sig::SEGV => "SIGSEGV: segmentation violation",
        sig::SYS => "SIGSYS: bad system call",
        16 => "SIGSTKFLT: stack fault",
        _ => "signal",
    }
}

/// Whether a signal always has our handler: those that dump or sample, and all that have no action unless the program asks for them. The
/// others end or stop the process by their default action; numbers 32 and 33 are not the program's.
fn always_handled(signal: u32) -> bool {
    const CHLD: u32 = 17;
    const CONT: u32 = 18;
    const TTOU: u32 = 22;
    match signal {
        sig::HUP | sig::INT | sig::TERM | sig::KILL => false,
        CHLD => true,
        CONT..=TTOU | 32 | 33 => false,
        _ => signal < 64,
    }
}

/// Installs handlers. Once, at start.
pub fn init() {
    for signal in 1..sig::MAX {
        // SAFETY: only asks.
        if let Ok(action) = unsafe { rt_sigaction(signal, None) }
            && action.handler == SIG_IGN
        {
            IGNORED.fetch_or(bit(signal), Ordering::Relaxed);
            BORN_IGNORED.fetch_or(bit(signal), Ordering::Relaxed);
        }
    }
    for signal in (1..sig::MAX).filter(|&signal| always_handled(signal)) {
        install(signal);
    }
}

fn install(signal: u32) {
    let action = SigAction {
        handler: handler as *const () as usize,
        flags: flags::SA_SIGINFO | flags::SA_ONSTACK | flags::SA_RESTART,
        restorer: 0,
        mask: u64::MAX,
    };
    // SAFETY: the handler is written for any moment; see there.
    if unsafe { rt_sigaction(signal, Some(&action)) }.is_ok() {
        HANDLED.fetch_or(bit(signal), Ordering::Relaxed);
    }
}

fn set_action(signal: u32, handler: usize) {
    // SAFETY: default or ignoring action.
    let _ = unsafe {
        rt_sigaction(
            signal,
            Some(&SigAction {
                handler,
                ..Default::default()
            }),
        )
    };
    HANDLED.fetch_and(!bit(signal), Ordering::Relaxed);
}

extern "C" fn handler(signal: u32, info: *mut SigInfo, context: *mut UContext) {
    // SAFETY: the kernel passes valid structures.
    let (info, context) = unsafe { (&*info, &mut *context) };
    // Sent by a program (kill, tgkill), not raised by the processor.
    let by_user = info.code <= 0;
    match signal {
        sig::SEGV | sig::BUS | sig::FPE if !by_user => fault(signal, info, context),
        sig::PROF => crate::cpu_profile::sample(context),
        ALL_THREADS => run_for_all(),
        _ => {
            if deliver(signal) {
                return;
            }
            match signal {
                sig::PIPE | sig::URG => {}
                // It came while the program was giving it up.
                sig::HUP | sig::INT | sig::TERM
                    if BORN_IGNORED.load(Ordering::Relaxed) & bit(signal) == 0 =>
                {
                    fatal::die_of_signal(signal)
                }
                sig::QUIT
                | sig::ILL
                | sig::TRAP
                | sig::ABRT
                | sig::BUS
                | sig::FPE
                | sig::SEGV
                | sig::SYS
                | 16 => dump(signal, info, context),
                _ => {}
            }
        }
    }
}

/// Queues a signal for os/signal; false if nobody asked for it.
fn deliver(signal: u32) -> bool {
    DELIVERING.fetch_add(1, Ordering::SeqCst);
    let wanted = WANTED.load(Ordering::SeqCst) & bit(signal) != 0;
    if wanted {
        PENDING.fetch_or(bit(signal), Ordering::SeqCst);
        DELIVERIES.fetch_add(1, Ordering::SeqCst);
        futex_wake(&DELIVERIES, 1);
    }
    DELIVERING.fetch_sub(1, Ordering::SeqCst);
    wanted
}

/// A fault: a panic in Go code, the end in the runtime.
fn fault(signal: u32, info: &SigInfo, context: &mut UContext) {
    let m = M::current();
    // SAFETY: null or the current G.
    let g = unsafe { m.curg.load(Ordering::Relaxed).as_ref() };
    let pc = context.gregs[reg::RIP] as usize;
    let sp = context.gregs[reg::RSP] as usize;
    let Some(g) = g.filter(|g| !g.is_g0.get() && !g.seg.get().is_null() && m.dying.get() == 0)
    else {
        return dump(signal, info, context);
    };
    // SAFETY: the current goroutine's segment.
    let on_goroutine = unsafe { (*g.seg.get()).contains(sp) };
    if !on_goroutine {
        return dump(signal, info, context);
    }
    if signal != sig::FPE && info.addr >= NIL_PAGE && !g.panic_on_fault.get() {
        return bad_address(signal, info, context);
    }
    if symtab::is_go(pc) {
        // As if the faulting instruction were a call: the return address is one past it, so that looking up what is
        // before it finds the instruction.
        let sp = sp - 8;
        // SAFETY: below the stack pointer is at least the slack of the segment.
        unsafe { (sp as *mut usize).write(pc + 1) };
        context.gregs[reg::RSP] = sp as u64;
    } else {
        // A leaf function (memmove and its kin) on bad arguments: unwind to the Go code that called it. They keep frame pointers.
        let mut fp = context.gregs[reg::RBP] as usize;
        loop {
            // SAFETY: checked to be on the segment in use.
            if fp < sp || fp & 7 != 0 || !unsafe { (*g.seg.get()).contains(fp) } {
                return dump(signal, info, context);
            }
            // SAFETY: as above.
            let (pc, next) = unsafe { (stack::frame_return(fp), *(fp as *const usize)) };
            if symtab::is_go(pc) {
                context.gregs[reg::RSP] = fp as u64 + 8;
                context.gregs[reg::RBP] = next as u64;
                break;
            }
            fp = next;
        }
    }
    context.gregs[reg::R15] = g.addr() as u64;
    context.gregs[reg::RDI] = signal as u64 | (info.code as u64) << 32;
    context.gregs[reg::RSI] = if signal == sig::FPE {
        pc as u64
    } else {
        info.addr as u64
    };
    context.gregs[reg::RDX] = pc as u64;
    context.gregs[reg::RIP] = callbacks::address(callbacks::SIGPANIC) as u64;
    // Flags: the direction flag must be clear.
    context.gregs[reg::EFL] &= !0x400;
}

/// Faults below this address are nil dereferences.
const NIL_PAGE: usize = 4096;

/// Go code touched memory that it should not: a broken program, not a nil pointer.
fn bad_address(signal: u32, info: &SigInfo, context: &UContext) {
    let pc = context.gregs[reg::RIP] as usize;
    if fatal::start_panic() {
        let mut sink = Stderr;
        let mut line = Line::new(&mut sink);
        let _ = writeln!(line, "unexpected fault address {:#x}", info.addr);
        let _ = writeln!(line, "fatal error: fault");
        let _ = writeln!(
            line,
            "[signal {} code={:#x} addr={:#x} pc={:#x}]",
            describe(signal),
            info.code,
            info.addr,
            pc
        );
    }
    fatal::die(Some(interrupted(context)), false, false)
}

/// Where a traceback of the interrupted code begins: the instruction in Go code, or the leaf function's frame.
fn interrupted(context: &UContext) -> Start {
    Start {
        pc: context.gregs[reg::RIP] as usize,
        fp: context.gregs[reg::RBP] as usize,
        exact: true,
        registers: [0; _],
    }
}

/// The end, with what is known.
fn dump(signal: u32, info: &SigInfo, context: &UContext) {
    let m = M::current();
    let pc = context.gregs[reg::RIP] as usize;
    let in_runtime = matches!(signal, sig::SEGV | sig::BUS | sig::FPE) && info.code > 0;
    if fatal::start_panic() {
        let mut sink = Stderr;
        let mut line = Line::new(&mut sink);
        if in_runtime {
            let _ = writeln!(
                line,
                "fatal error: unexpected signal during runtime execution"
            );
            let _ = writeln!(
                line,
                "[signal {} code={:#x} addr={:#x} pc={:#x}]",
                describe(signal),
                info.code,
                info.addr,
                pc
            );
        } else {
            let _ = writeln!(line, "{}", describe(signal));
        }
        let _ = writeln!(line, "PC={:#x} m={} sigcode={}", pc, m.id.get(), info.code);
        if in_runtime {
            for (name, index) in [
                ("rax", reg::RAX),
                ("rbx", reg::RBX),
                ("rcx", reg::RCX),
                ("rdx", reg::RDX),
                ("rdi", reg::RDI),
                ("rsi", reg::RSI),
                ("rbp", reg::RBP),
                ("rsp", reg::RSP),
                ("r8", reg::R8),
                ("r9", reg::R9),
                ("r10", reg::R10),
                ("r11", reg::R11),
                ("r12", reg::R12),
                ("r13", reg::R13),
                ("r14", reg::R14),
                ("r15", reg::R15),
            ] {
                let _ = writeln!(line, "{name:<6} {:#x}", context.gregs[index]);
            }
        }
    }
    let start = symtab::is_go(pc).then(|| Start {
        pc,
        fp: context.gregs[reg::RBP] as usize,
        exact: true,
        registers: [0; _],
    });
    if LEVEL.load(Ordering::Relaxed) == 0 {
        rt_os::thread::exit_group(2);
    }
    fatal::die(start, true, in_runtime)
}

/// `signal_enable`.
pub extern "C" fn enable(signal: u32) {
    if signal == 0 || signal >= 64 {
        return;
    }
    ENABLED.store(true, Ordering::SeqCst);
    WANTED.fetch_or(bit(signal), Ordering::SeqCst);
    IGNORED.fetch_and(!bit(signal), Ordering::SeqCst);
    if HANDLED.load(Ordering::Relaxed) & bit(signal) == 0 {
        install(signal);
    }
}

/// `signal_disable`.
pub extern "C" fn disable(signal: u32) {
    if signal >= 64 {
        return;
    }
    WANTED.fetch_and(!bit(signal), Ordering::SeqCst);
    if always_handled(signal) {
        install(signal);
    } else {
        set_action(
            signal,
            if BORN_IGNORED.load(Ordering::Relaxed) & bit(signal) != 0 {
                SIG_IGN
            } else {
                SIG_DFL
            },
        );
    }
}

/// `signal_ignore`.
pub extern "C" fn ignore(signal: u32) {
    if signal >= 64 {
        return;
    }
    WANTED.fetch_and(!bit(signal), Ordering::SeqCst);
    IGNORED.fetch_or(bit(signal), Ordering::SeqCst);
    set_action(signal, SIG_IGN);
}

/// `signal_ignored`.
pub extern "C" fn is_ignored(signal: u32) -> bool {
    IGNORED.load(Ordering::Relaxed) & bit(signal) != 0
}

/// `signal_recv`: the next signal. One goroutine calls it for ever; it keeps its thread.
pub extern "C" fn receive() -> u32 {
    SCHED.waiting_for_signals.store(true, Ordering::Relaxed);
    RECEIVING.store(false, Ordering::SeqCst);
    loop {
        let deliveries = DELIVERIES.load(Ordering::SeqCst);
        let pending = PENDING.load(Ordering::SeqCst);
        if pending != 0 {
            let signal = pending.trailing_zeros();
            PENDING.fetch_and(!bit(signal), Ordering::SeqCst);
            return signal;
        }
        RECEIVING.store(true, Ordering::SeqCst);
        rt_sched::syscall::blocking(|| {
            let _ = futex_wait(&DELIVERIES, deliveries, -1);
        });
        RECEIVING.store(false, Ordering::SeqCst);
    }
}

/// `signalWaitUntilIdle`.
pub extern "C" fn wait_until_idle() {
    while DELIVERING.load(Ordering::SeqCst) != 0 {
        rt_os::thread::sched_yield();
    }
    // Everything delivered has been passed on when the receiver, which starts with the first signal enabled, waits again.
    while ENABLED.load(Ordering::SeqCst)
        && (PENDING.load(Ordering::SeqCst) != 0 || !RECEIVING.load(Ordering::SeqCst))
    {
        rt_sched::syscall::blocking(|| rt_os::thread::nanosleep(10_000));
    }
}

/// `os.sigpipe`: a write to standard output or error met a closed pipe: die of SIGPIPE unless the program handles it.
pub extern "C" fn sigpipe() {
    if IGNORED.load(Ordering::Relaxed) & bit(sig::PIPE) != 0 || deliver(sig::PIPE) {
        return;
    }
    fatal::die_of_signal(sig::PIPE)
}

/// `os.ignoreSIGSYS` and its opposite, around probes of system calls.
pub extern "C" fn ignore_sigsys() {
    set_action(sig::SYS, SIG_IGN);
}
#[allow(missing_docs)]
pub extern "C" fn restore_sigsys() {
    install(sig::SYS);
}

/// In a forked child: default actions for everything that has our handler (memory is shared with the parent, so no static changes).
pub fn reset_for_child() {
    let handled = HANDLED.load(Ordering::Relaxed);
    for signal in 1..64 {
        if handled & bit(signal) != 0 {
            // SAFETY: default action.
            let _ = unsafe {
                rt_sigaction(
                    signal,
                    Some(&SigAction {
                        handler: SIG_DFL,
                        ..Default::default()
                    }),
                )
            };
        }
    }
}

/// Signal that makes every thread run the system call of [`on_all_threads`]; real-time, not used by std.
pub const ALL_THREADS: u32 = 33;

static CALL: [core::sync::atomic::AtomicUsize; 7] =
    [const { core::sync::atomic::AtomicUsize::new(0) }; 7];
static CALL_LEFT: AtomicU32 = AtomicU32::new(0);
static CALL_RESULT: core::sync::atomic::AtomicIsize = core::sync::atomic::AtomicIsize::new(0);

fn make_call() -> isize {
    let word = |index: usize| CALL[index].load(Ordering::SeqCst);
    // SAFETY: syscall.AllThreadsSyscall's caller vouches for it.
    unsafe {
        rt_os::syscall::syscall6(
            word(0),
            word(1),
            word(2),
            word(3),
            word(4),
            word(5),
            word(6),
        )
    }
}

fn run_for_all() {
    if make_call() != CALL_RESULT.load(Ordering::SeqCst) {
        rt_os::eprint_raw!(
            "fatal error: AllThreadsSyscall6 results differ between threads; runtime corrupted\n"
        );
        rt_os::thread::exit_group(2);
    }
    CALL_LEFT.fetch_sub(1, Ordering::SeqCst);
}

/// Runs a system call on every thread, the calling one first; if it fails there, nowhere else.
pub fn on_all_threads(args: [usize; 7]) -> isize {
    rt_sched::world::stop("AllThreadsSyscall");
    for (slot, arg) in CALL.iter().zip(args) {
        slot.store(arg, Ordering::SeqCst);
    }
    let result = make_call();
    if !(-4095..0).contains(&result) {
        CALL_RESULT.store(result, Ordering::SeqCst);
        if HANDLED.load(Ordering::Relaxed) & bit(ALL_THREADS) == 0 {
            install(ALL_THREADS);
        }
        let own = M::current();
        let pid = rt_os::thread::getpid();
        for m in rt_sched::m::all() {
            let tid = m.tid.load(Ordering::Relaxed);
            if core::ptr::eq(m, own) || tid == 0 {
                continue;
            }
            CALL_LEFT.fetch_add(1, Ordering::SeqCst);
            if rt_os::thread::tgkill(pid, tid, ALL_THREADS).is_err() {
                CALL_LEFT.fetch_sub(1, Ordering::SeqCst);
            }
        }
        while CALL_LEFT.load(Ordering::SeqCst) != 0 {
            rt_os::thread::nanosleep(10_000);
        }
    }
    rt_sched::world::start();
    result
}

/// Makes SIGPROF sample.
pub fn enable_profiling() {
    if HANDLED.load(Ordering::Relaxed) & bit(sig::PROF) == 0 {
        install(sig::PROF);
    }
}
