//! The CPU profile: SIGPROF handlers fill slots of a ring, runtime/pprof's goroutine empties it.
//!
//! 1. A handler reserves the next slot (or counts a lost sample if the reader is a whole ring behind), writes it, and stamps
//!    it with its number: only then the reader may take it.
//! 2. Labels are heap objects. The collector scans those of all slots and of the records being delivered as roots; a label that enters
//!    a slot during marking is reachable from its goroutine, and is shaded when the goroutine drops it.

use crate::callbacks;
use crate::symtab;
use crate::traceback::{self, Frames, Start};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use rt_os::signal::{UContext, reg};
use rt_sched::m::M;
use rt_sched::stack;

/// Return addresses kept per sample.
const DEPTH: usize = 64;
/// Samples the ring holds: several seconds at the usual 100 a second and CPU.
const SLOTS: u64 = 4096;
/// Records delivered at a time.
const BATCH: usize = 256;
/// Words of a record without its stack: length, time, count.
const HEADER: usize = 3;

struct Slot {
    /// Number of the sample plus 1 once it is complete.
    stamp: AtomicU64,
    label: AtomicUsize,
    time: UnsafeCell<u64>,
    depth: UnsafeCell<usize>,
    pcs: UnsafeCell<[usize; DEPTH]>,
}

struct Ring([Slot; SLOTS as usize]);
// SAFETY: a slot belongs to the handler that reserved it until it is stamped, then to the reader.
unsafe impl Sync for Ring {}

struct Batch {
    words: UnsafeCell<[u64; BATCH * (HEADER + DEPTH)]>,
    labels: [AtomicUsize; BATCH],
}
// SAFETY: only the one reader of the profile touches the words.
unsafe impl Sync for Batch {}

static RING: Ring = Ring(
    [const {
        Slot {
            stamp: AtomicU64::new(0),
            label: AtomicUsize::new(0),
            time: UnsafeCell::new(0),
            depth: UnsafeCell::new(0),
            pcs: UnsafeCell::new([0; DEPTH]),
        }
    }; SLOTS as usize],
);
static OUT: Batch = Batch {
    words: UnsafeCell::new([0; BATCH * (HEADER + DEPTH)]),
    labels: [const { AtomicUsize::new(0) }; BATCH],
};
static WRITTEN: AtomicU64 = AtomicU64::new(0);
static READ: AtomicU64 = AtomicU64::new(0);
static LOST: AtomicU64 = AtomicU64::new(0);
static HZ: AtomicI64 = AtomicI64::new(0);
/// Rate of a profile whose header has not been delivered yet.
static FRESH: AtomicI64 = AtomicI64::new(0);

/// Starts (hz > 0) or stops sampling.
pub fn set_rate(hz: i64) {
    let hz = hz.clamp(0, 1_000_000);
    if hz > 0 {
        // What handlers of an earlier profile left is nobody's any more.
        READ.store(WRITTEN.load(Ordering::SeqCst), Ordering::SeqCst);
        LOST.store(0, Ordering::SeqCst);
        FRESH.store(hz, Ordering::SeqCst);
        crate::signals::enable_profiling();
    }
    HZ.store(hz, Ordering::SeqCst);
    let _ = rt_os::signal::set_profile_timer(if hz > 0 { (1_000_000 / hz) as u64 } else { 0 });
}

/// The interrupted stack; number of return addresses.
fn unwind(context: &UContext, pcs: &mut [usize; DEPTH]) -> (usize, usize) {
    let pc = context.gregs[reg::RIP] as usize;
    let m = M::current();
    let mut depth = 0;
    let mut label = 0;
    // SAFETY: null or the current G.
    if let Some(g) = unsafe { m.curg.load(Ordering::Relaxed).as_ref() }.filter(|g| !g.is_g0.get()) {
        label = g.labels.load(Ordering::Relaxed);
        let sp = context.gregs[reg::RSP] as usize;
        let start = if stack::on_stack(g, sp) {
            // Go code, or a leaf function of the runtime. The frame pointer may be the caller's for an instruction or two of a prologue:
            // that frame is skipped then.
            Start {
                pc,
                fp: context.gregs[reg::RBP] as usize,
                exact: true,
                registers: [0; _],
            }
        } else {
            Start::of_saved(g)
        };
        if start.fp == 0 || stack::on_stack(g, start.fp) {
            depth = traceback::callers(Frames::new(start), 0, pcs);
            if !symtab::is_go(pc) {
                depth = traceback::prepend_entry(pcs, depth);
            }
        }
    }
    if depth == 0 {
        let whole = if symtab::is_go(pc) {
            pc
        } else {
            callbacks::address(callbacks::SYSTEM) + 1
        };
        pcs[0] = whole;
        depth = 1;
    }
    // Readers look up what is before an address: right for return addresses, one too early for the interrupted instruction.
    if pcs[0] == pc {
        pcs[0] = pc + 1;
    }
    (depth, label)
}

/// SIGPROF: one sample of the interrupted thread. Runs on the signal stack; takes no lock.
pub fn sample(context: &UContext) {
    if HZ.load(Ordering::Relaxed) == 0 {
        return;
    }
    let mut pcs = [0usize; DEPTH];
    let (depth, label) = unwind(context, &mut pcs);
    let mut number = WRITTEN.load(Ordering::SeqCst);
    loop {
        if number - READ.load(Ordering::SeqCst) >= SLOTS {
            LOST.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match WRITTEN.compare_exchange(number, number + 1, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => break,
            Err(now) => number = now,
        }
    }
    let slot = &RING.0[(number % SLOTS) as usize];
    slot.label.store(label, Ordering::Relaxed);
    // SAFETY: the slot is this handler's until it is stamped.
    unsafe {
        *slot.time.get() = rt_os::time::nanotime() as u64;
        *slot.depth.get() = depth;
        (&mut *slot.pcs.get())[..depth].copy_from_slice(&pcs[..depth]);
    }
    slot.stamp.store(number + 1, Ordering::Release);
}

/// Waits for samples. Writes the address of the words, their number, the address of the labels and the number of records; all 0 at
/// the end of the profile. Valid until the next call.
pub fn read(out: &mut [usize; 4]) {
    // SAFETY: one reader at a time (runtime/pprof's lock).
    let words = unsafe { &mut *OUT.words.get() };
    let fresh = FRESH.swap(0, Ordering::SeqCst);
    if fresh != 0 {
        words[..3].copy_from_slice(&[3, 0, fresh as u64]);
        OUT.labels[0].store(0, Ordering::Relaxed);
        *out = [words.as_ptr() as usize, 3, OUT.labels.as_ptr() as usize, 1];
        return;
    }
    loop {
        let running = HZ.load(Ordering::SeqCst) != 0;
        let (mut at, mut records) = (0, 0);
        let lost = LOST.swap(0, Ordering::Relaxed);
        if lost != 0 {
            words[..4].copy_from_slice(&[4, rt_os::time::nanotime() as u64, 0, lost]);
            OUT.labels[0].store(0, Ordering::Relaxed);
            (at, records) = (4, 1);
        }
        while records < BATCH {
            let number = READ.load(Ordering::SeqCst);
            let slot = &RING.0[(number % SLOTS) as usize];
            if slot.stamp.load(Ordering::Acquire) != number + 1 {
                break;
            }
            // SAFETY: stamped: complete, and not reused before READ passes it.
            let (time, pcs) = unsafe {
                let depth = *slot.depth.get();
                (*slot.time.get(), &(&*slot.pcs.get())[..depth])
            };
            let label = slot.label.load(Ordering::Relaxed);
            OUT.labels[records].store(label, Ordering::Relaxed);
            words[at..at + HEADER].copy_from_slice(&[(HEADER + pcs.len()) as u64, time, 1]);
            for (word, pc) in words[at + HEADER..].iter_mut().zip(pcs) {
                *word = *pc as u64;
            }
            at += HEADER + pcs.len();
            records += 1;
            READ.store(number + 1, Ordering::SeqCst);
        }
        if records != 0 {
            *out = [
                words.as_ptr() as usize,
                at,
                OUT.labels.as_ptr() as usize,
                records,
            ];
            return;
        }
        let pending = WRITTEN.load(Ordering::SeqCst) != READ.load(Ordering::SeqCst);
        if !running && !pending {
            *out = [0; 4];
            return;
        }
        rt_sched::syscall::blocking(|| {
            rt_os::thread::nanosleep(if running { 100_000_000 } else { 1_000_000 })
        });
    }
}

/// Calls `f` with every label that the profile refers to. World stopped.
pub fn for_each_label(f: &mut dyn FnMut(usize)) {
    let read = READ.load(Ordering::SeqCst);
    for number in read..WRITTEN.load(Ordering::SeqCst) {
        f(RING.0[(number % SLOTS) as usize]
            .label
            .load(Ordering::Relaxed));
    }
    for label in &OUT.labels {
        f(label.load(Ordering::Relaxed));
    }
}
