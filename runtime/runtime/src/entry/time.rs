//! Clocks, timers, random numbers.

use super::Pair;
use crate::glue;
use abi::gotype::{Type, kind};
use core::cell::Cell;
use core::sync::atomic::{AtomicI64, Ordering};
use rt_chan::Hchan;
use rt_sched::bubble;
use rt_sched::m::M;
use rt_sched::timer::Timer;

extern "C" fn nanotime() -> i64 {
    bubble::now()
}

/// Not bubbled: for locks and the like.
extern "C" fn monotonic() -> i64 {
    rt_os::time::nanotime()
}

fn wall() -> (i64, i64) {
    match bubble::of(M::current().curg()) {
        Some(bubble) => (
            bubble.now().div_euclid(1_000_000_000),
            bubble.now().rem_euclid(1_000_000_000),
        ),
        None => {
            let now = rt_os::time::walltime();
            (now.sec, now.nsec)
        }
    }
}

extern "C" fn walltime() -> Pair {
    let (sec, nsec) = wall();
    Pair(sec as usize, nsec as usize)
}

/// (sec, nsec, mono) for `time.now`.
extern "C" fn now3(out: *mut [i64; 3]) {
    let (sec, nsec) = wall();
    // A bubble's times have no monotonic part: they would not compare with those from outside.
    let mono = match bubble::current() {
        Some(_) => 0,
        None => rt_os::time::nanotime(),
    };
    // SAFETY: the stub's own stack slot.
    unsafe { out.write([sec, nsec, mono]) };
}

/// (sec, nsec, mono) in rax, rcx, rdx. A deep leaf (see `deep_leaf_stubs`) with a result more.
#[unsafe(naked)]
unsafe extern "C" fn now() {
    core::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "mov [r15 + {bp}], rbp",
        "mov rsp, [r15 + {system}]",
        "sub rsp, 32",
        "mov rdi, rsp",
        "call {now}",
        "mov rax, [rsp]",
        "mov rcx, [rsp + 8]",
        "mov rdx, [rsp + 16]",
        "mov rsp, rbp",
        "pop rbp",
        "ret",
        bp = const abi::g::SCHED_BP,
        system = const abi::g::SYSTEM_SP,
        now = sym now3,
    )
}

extern "C" fn cputicks() -> i64 {
    rt_os::time::cputicks() as i64
}

/// Frequency of the time stamp counter, measured since the process started.
pub extern "C" fn ticks_per_second() -> i64 {
    static KNOWN: AtomicI64 = AtomicI64::new(0);
    let known = KNOWN.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let (ticks0, nanos0) = crate::start::clock_origin();
    let mut nanos = rt_os::time::nanotime() - nanos0;
    while nanos < 10_000_000 {
        rt_os::thread::nanosleep(10_000_000 - nanos);
        nanos = rt_os::time::nanotime() - nanos0;
    }
    let ticks = rt_os::time::cputicks() as i64 - ticks0;
    let frequency = (ticks as i128 * 1_000_000_000 / nanos as i128) as i64;
    KNOWN.store(frequency, Ordering::Relaxed);
    frequency
}

extern "C" fn rand() -> u64 {
    M::current().rand.next()
}

extern "C" fn cheaprand() -> u32 {
    M::current().cheaprand()
}

extern "C" fn randn(n: u32) -> u32 {
    ((M::current().rand.next() as u32 as u64 * n as u64) >> 32) as u32
}

/// time.Timer and time.Ticker as std sees them, then the runtime's part.
#[repr(C)]
struct TimeTimer {
    chan: Cell<usize>,
    init: Cell<bool>,
    timer: Timer,
}

const _: () = {
    use core::mem::offset_of;
    assert!(
        offset_of!(TimeTimer, timer) == 16
            && offset_of!(Timer, f) == 0
            && offset_of!(Timer, arg) == 8
    );
};

struct StaticType(Type);
// SAFETY: read-only.
unsafe impl Sync for StaticType {}
/// Pointers: chan (word 0), f (2), arg (3, 4).
static TIMER_MASK: [u8; 8] = [0b1_1101, 0, 0, 0, 0, 0, 0, 0];
static TIMER_TYPE: StaticType = StaticType(Type {
    size: size_of::<TimeTimer>(),
    ptr_bytes: 40,
    hash: 0,
    tflag: 0,
    align: 8,
    field_align: 8,
    kind: kind::STRUCT,
    equal: core::ptr::null(),
    gc_data: &raw const TIMER_MASK as *const u8,
    str_: 0,
    ptr_to_this: 0,
});

fn drain_of(timer: &'static TimeTimer) -> impl FnOnce() -> bool {
    move || {
        if !timer.timer.is_chan.get() {
            return false;
        }
        // The channel is the timer's argument.
        // SAFETY: the interface's data word is the channel, which the timer keeps.
        unsafe { Hchan::from_addr(timer.timer.arg[1].get()) }.is_some_and(rt_chan::drain)
    }
}

extern "C" fn new_timer(
    when: i64,
    period: i64,
    f: usize,
    arg_type: usize,
    arg_data: usize,
    chan: usize,
) -> usize {
    let at = glue::malloc(size_of::<TimeTimer>(), &raw const TIMER_TYPE.0, true);
    // SAFETY: fresh memory of the right size and type; no bit pattern of it was seen by anybody.
    let timer: &'static TimeTimer = unsafe {
        let place = at as *mut TimeTimer;
        (&raw mut (*place).timer).write(Timer::new());
        &*place
    };
    for word in [f, arg_type, arg_data] {
        glue::wb_slot(0, word);
    }
    timer.timer.f.set(f);
    timer.timer.arg[0].set(arg_type);
    timer.timer.arg[1].set(arg_data);
    // SAFETY: null or a channel that the caller holds.
    if let Some(chan) = unsafe { Hchan::from_addr(chan) } {
        timer.timer.is_chan.set(true);
        glue::wb_slot(chan.timer.as_ptr() as usize, at);
        chan.timer.set(&timer.timer);
    }
    timer.init.set(true);
    timer.timer.start(when, period, || false);
    at
}

fn time_timer(at: usize) -> &'static TimeTimer {
    // SAFETY: std passes what new_timer returned.
    unsafe { &*(at as *const TimeTimer) }
}

extern "C" fn stop_timer(at: usize) -> bool {
    let timer = time_timer(at);
    timer.timer.stop(drain_of(timer))
}

extern "C" fn reset_timer(at: usize, when: i64, period: i64) -> bool {
    let timer = time_timer(at);
    timer.timer.start(when, period, drain_of(timer))
}

rt_sched::system_stubs! {
    "time.Sleep" => rt_sched::timer::sleep: 1;
    "time.newTimer" => new_timer: 6;
    "time.stopTimer" => stop_timer: 1;
    "time.resetTimer" => reset_timer: 3;
    "runtime.tickspersecond", "runtime/pprof.pprof_cyclesPerSecond" => ticks_per_second: 0;
    "runtime.rand", "runtime.bootstrapRand", "internal/runtime/maps.rand" => rand: 0;
    "runtime.randn" => randn: 1;
}

rt_sched::jump_stubs! {
    "time.now", "time.runtimeNow" => now;
    "runtime.cputicks" => cputicks;
    "runtime.cheaprand" => cheaprand;
}

rt_sched::deep_leaf_stubs! {
    "runtime.walltime" => walltime;
    "runtime.nanotime", "time.runtimeNano" => nanotime;
    "internal/sync.runtime_nanotime", "crypto/internal/fips140deps/time.monoTime" => monotonic;
}
