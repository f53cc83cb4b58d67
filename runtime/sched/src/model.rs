//! The scheduler under a concurrency tester: what its threads are, and how a run of it begins and ends. Only with the feature `model`.
//!
//! 1. An M is a thread of the tester ([`run_thread`]). Everything else is the shipped code: system stacks, goroutines' stacks, the
//!    switches between them. The tester's own switches save the stack pointer wherever it is.
//! 2. Goroutines are Rust functions that enter the runtime through [`system_call`], which is what a system stub is to Go code.
//! 3. When nothing runs any more, all is as at the beginning if no wake-up was lost ([`check_rest`]). Then the threads end ([`retire`])
//!    and the next run begins ([`begin`]).

use crate::arch::{G_ARG_COUNT, G_ARGS};
use crate::g::{G, Status};
use crate::m::M;
use crate::p::PStatus;
use crate::sched::SCHED;
use crate::{thread, world};
use abi::g as off;
use core::arch::naked_asm;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// What the tester provides.
pub struct Model {
    /// The calling thread's M.
    pub current: fn() -> &'static M,
    /// Starts a thread that calls [`run_thread`].
    pub start_thread: fn(&'static M),
}

static MODEL: AtomicPtr<Model> = AtomicPtr::new(ptr::null_mut());
/// The run is over: threads that wake end.
static RETIRING: AtomicBool = AtomicBool::new(false);

/// Sets the tester, for good.
pub fn set(model: &'static Model) {
    MODEL.store(model as *const Model as *mut Model, Ordering::Release);
}

/// The tester, if one is set.
pub fn model() -> Option<&'static Model> {
    // SAFETY: null or what `set` stored.
    unsafe { MODEL.load(Ordering::Acquire).as_ref() }
}

/// Runs an M on the calling thread until [`retire`].
pub fn run_thread(m: &'static M) {
    // SAFETY: the top of this M's system stack; `leave_thread` comes back here.
    unsafe {
        enter_thread(
            m.saved_mask.as_ptr(),
            m.system_top.get(),
            thread::thread_entry,
            m as *const M as usize,
        )
    }
}

/// Calls `entry(arg)` on another stack; the stack pointer to come back to goes to `*slot`.
#[unsafe(naked)]
unsafe extern "C" fn enter_thread(
    slot: *mut u64,
    top: usize,
    entry: extern "C" fn(usize) -> !,
    arg: usize,
) {
    naked_asm!(
        "push rbp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov [rdi], rsp",
        "mov rsp, rsi",
        "mov rdi, rcx",
        "xor ebp, ebp",
        "call rdx",
        "ud2",
    )
}

/// Comes back from [`enter_thread`].
#[unsafe(naked)]
unsafe extern "C" fn leave_thread(sp: u64) -> ! {
    naked_asm!(
        "mov rsp, rdi",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

/// The result words of a system function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Words(pub usize, pub usize);

/// Calls a system function on behalf of the running goroutine as Go code does.
pub fn system_call(function: usize, args: [usize; 3]) -> Words {
    // SAFETY: callers run on a goroutine's stack and pass a function of the C calling convention with at most three words.
    unsafe { system_call_stub(G::current(), function, args[0], args[1], args[2]) }
}

/// The stub of [`system_call`]: r15 is Rust's, so it is kept too.
#[unsafe(naked)]
unsafe extern "C" fn system_call_stub(
    g: &G,
    function: usize,
    a0: usize,
    a1: usize,
    a2: usize,
) -> Words {
    naked_asm!(
        "push r15",
        "mov r15, rdi",
        "call 2f",
        "pop r15",
        "mov rdx, rcx",
        "ret",
        // From here on as a stub of `arch::system_call_lines`.
        "2:",
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "mov byte ptr [r15 + {arg_count}], 3",
        "mov [r15 + {args}], rdx",
        "mov [r15 + {args} + 8], rcx",
        "mov [r15 + {args} + 16], r8",
        "mov rax, rsi",
        "mov rdi, rdx",
        "mov rsi, rcx",
        "mov rdx, r8",
        "mov [r15 + {sp}], rsp",
        "mov [r15 + {bp}], rbp",
        "mov rsp, [r15 + {system}]",
        "call rax",
        "mov rsp, [r15 + {sp}]",
        "mov rcx, rdx",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
        arg_count = const G_ARG_COUNT,
        args = const G_ARGS,
        sp = const off::SCHED_SP,
        bp = const off::SCHED_BP,
        system = const off::SYSTEM_SP,
    )
}

/// Begins a run with so many Ps, from the thread of `m`, which gets one of them.
pub fn begin(m: &'static M, procs: u32) {
    RETIRING.store(false, Ordering::Relaxed);
    SCHED.waiting_for_signals.store(true, Ordering::Relaxed);
    SCHED.main_started.store(false, Ordering::Relaxed);
    SCHED
        .last_poll
        .store(rt_os::time::nanotime(), Ordering::Relaxed);
    let guard = SCHED.lock();
    while let Some(p) = SCHED.idle_p_get(&guard) {
        p.set_status(PStatus::Stopped);
    }
    drop(guard);
    m.park.clear();
    SCHED.world.lock();
    world::resize(procs);
    world::start();
    SCHED.m_count.set(1);
    SCHED.main_started.store(true, Ordering::Relaxed);
}

/// The thread of `m` has nothing more to start: its P goes to the others.
pub fn end(m: &'static M) {
    thread::hand_off_p(thread::release_p(m));
}

/// What is wrong with the owners of the Ps, if anything: to be asked at any moment.
pub fn check_owners() -> Result<(), &'static str> {
    let mut owned = [ptr::null(); 16];
    let mut count = 0;
    for m in all_ms() {
        let p = m.p.get();
        if p.is_null() {
            continue;
        }
        if owned[..count].contains(&p) {
            return Err("a P is owned by two Ms");
        }
        owned[count] = p;
        count += 1;
    }
    let mut idle = SCHED.idle_ps.get();
    let mut length = 0;
    // SAFETY: null or a P, never freed.
    while let Some(p) = unsafe { idle.as_ref() } {
        if owned[..count].contains(&idle) {
            return Err("a P in the idle list is owned by an M");
        }
        length += 1;
        if length > count_of_ps() {
            return Err("the idle list of Ps has a P twice");
        }
        idle = p.idle_link.get();
    }
    Ok(())
}

/// Reads without telling the tester.
fn count_of_ps() -> u32 {
    use core::ops::Deref;
    SCHED.p_count.deref().load(Ordering::Relaxed)
}

fn all_ms() -> impl Iterator<Item = &'static M> {
    use core::ops::Deref;
    let mut next = SCHED.all_ms.deref().load(Ordering::Acquire) as *const M;
    core::iter::from_fn(move || {
        // SAFETY: Ms are never freed; links never change once set.
        let m = unsafe { next.as_ref() }?;
        next = m.all_link.deref().load(Ordering::Acquire);
        Some(m)
    })
}

/// What is wrong with the state in which nothing runs, if anything.
pub fn check_rest() -> Result<(), &'static str> {
    check_owners()?;
    if SCHED.all_gs().any(|g| g.status() != Status::Dead) {
        return Err("everything sleeps, and a goroutine has not ended: a wake-up was lost");
    }
    let ps = SCHED.p_count.load(Ordering::Relaxed);
    let mut idle = 0;
    let mut at = SCHED.idle_ps.get();
    // SAFETY: null or a P, never freed.
    while let Some(p) = unsafe { at.as_ref() } {
        idle += 1;
        at = p.idle_link.get();
    }
    if idle != ps || SCHED.idle_p_count.load(Ordering::Relaxed) != ps {
        return Err("at rest a P is not idle");
    }
    if SCHED.all_ps().any(|p| p.status() != PStatus::Idle) {
        return Err("at rest an idle P is in another state");
    }
    if !SCHED.runq.is_empty() || SCHED.all_ps().any(|p| !p.runq.is_empty()) {
        return Err("at rest a queue is not empty");
    }
    if SCHED.spinning.load(Ordering::Relaxed) != 0 {
        return Err("at rest a thread counts as spinning");
    }
    if SCHED.p_waiter_count.load(Ordering::Relaxed) != 0 {
        return Err("at rest a thread waits for a P");
    }
    if SCHED.all_ps().any(|p| p.timers.next_when() != 0) {
        return Err("at rest a timer is pending");
    }
    Ok(())
}

/// Shows the state of a run that went wrong.
pub fn dump() {
    use core::ops::Deref;
    for id in 0..count_of_ps() {
        // SAFETY: stored when made, never freed.
        let p = unsafe { &*SCHED.ps[id as usize].deref().load(Ordering::Relaxed) };
        std::eprintln!(
            "P{id}: status {:?}, timers {} (next {}), queue {}",
            p.status.deref(),
            p.timers.len(),
            p.timers.next_when(),
            p.runq.len()
        );
    }
    for g in SCHED.all_gs().filter(|g| g.status() != Status::Dead) {
        std::eprintln!("G{}: {:?}, {}", g.goid.get(), g.status(), g.reason().text());
    }
    for m in all_ms() {
        let p = m.p_opt().map(|p| p.id.get());
        std::eprintln!("M{}: P {p:?}, spinning {}", m.id.get(), m.spinning.get());
    }
    std::eprintln!(
        "idle Ps {}, spinning {}, stopping {}, global queue {}",
        SCHED.idle_p_count.load(Ordering::Relaxed),
        SCHED.spinning.load(Ordering::Relaxed),
        SCHED.stopping.load(Ordering::Relaxed),
        SCHED.runq.len()
    );
}

/// Tells the idle threads to end.
pub fn retire() {
    RETIRING.store(true, Ordering::Relaxed);
    loop {
        let guard = SCHED.lock();
        let Some(m) = SCHED.idle_m_get(&guard) else {
            break;
        };
        drop(guard);
        m.park.wake();
    }
}

/// In a thread that was woken: ends it if that is why.
pub fn retire_if_asked(m: &'static M) {
    if RETIRING.load(Ordering::Relaxed) {
        leave(m)
    }
}

/// Ends the thread of `m`; the descriptor is used again.
fn leave(m: &'static M) -> ! {
    m.spinning.set(false);
    let guard = SCHED.lock();
    m.idle_link.set(SCHED.dead_ms.get());
    SCHED.dead_ms.set(m);
    drop(guard);
    // SAFETY: what `enter_thread` stored for this thread.
    unsafe { leave_thread(m.saved_mask.get()) }
}
