//! The execution trace, in the format that `internal/trace/tracev2` of std documents.
//!
//! 1. Every M writes its events to a buffer of its own ([`buffer`]); full ones go to the reader, a goroutine. Strings and stacks are
//!    numbered by tables of the generation ([`table`]), which are written out at its end.
//! 2. A trace is a sequence of generations, each with the state of all goroutines and Ps at its beginning, so that a reader can begin
//!    with any. Generations change with the world stopped: whoever changes them holds everybody's state still and writes it for
//!    all, each running or blocked thread's own into that thread's buffer.
//! 3. A reader checks that every event fits the state before it. So an event and the transition that it tells of must fall into the
//!    same generation. An M with a P is safe from a stop of the world between the two; one without a P (back from a system call,
//!    polling the network) holds [`WITHOUT_P`] from before it asks [`on`] until after the transition.
//! 4. Events about one goroutine or P that different Ms write carry a sequence number (`trace_seq` of G and P, its owner's).
//! 5. While no trace runs, each transition costs one load and a branch that is never taken.
//!
//! The collector's workers are no goroutines here, but a trace shows them as such: each M has one that exists in traces only.

pub mod buffer;
pub mod table;

use crate::g::{G, Status};
use crate::hooks::HOOKS;
use crate::m::{self, M};
use crate::p::P;
use crate::reason::ParkReason;
use crate::sched::SCHED;
use crate::{proc, world};
use buffer::{Buffer, NO_THREAD, Piece};
use core::cell::Cell;
use core::ptr;
use rt_sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use rt_sync::{LockRank, RawMutex};
use table::Table;

/// Kinds of events, with the numbers of the format.
#[allow(missing_docs)]
pub mod kind {
    pub const STACKS: u8 = 2;
    pub const STACK: u8 = 3;
    pub const STRINGS: u8 = 4;
    pub const STRING: u8 = 5;
    pub const CPU_SAMPLES: u8 = 6;
    pub const CPU_SAMPLE: u8 = 7;
    pub const FREQUENCY: u8 = 8;
    pub const PROCS_CHANGE: u8 = 9;
    pub const PROC_START: u8 = 10;
    pub const PROC_STOP: u8 = 11;
    pub const PROC_STEAL: u8 = 12;
    pub const PROC_STATUS: u8 = 13;
    pub const GO_CREATE: u8 = 14;
    pub const GO_START: u8 = 16;
    pub const GO_DESTROY: u8 = 17;
    pub const GO_STOP: u8 = 19;
    pub const GO_BLOCK: u8 = 20;
    pub const GO_UNBLOCK: u8 = 21;
    pub const GO_SYSCALL_BEGIN: u8 = 22;
    pub const GO_SYSCALL_END: u8 = 23;
    pub const GO_SYSCALL_END_BLOCKED: u8 = 24;
    pub const STW_BEGIN: u8 = 26;
    pub const STW_END: u8 = 27;
    pub const GC_ACTIVE: u8 = 28;
    pub const GC_BEGIN: u8 = 29;
    pub const GC_END: u8 = 30;
    pub const GC_MARK_ASSIST_ACTIVE: u8 = 34;
    pub const GC_MARK_ASSIST_BEGIN: u8 = 35;
    pub const GC_MARK_ASSIST_END: u8 = 36;
    pub const HEAP_ALLOC: u8 = 37;
    pub const HEAP_GOAL: u8 = 38;
    pub const USER_TASK_BEGIN: u8 = 40;
    pub const USER_TASK_END: u8 = 41;
    pub const USER_REGION_BEGIN: u8 = 42;
    pub const USER_REGION_END: u8 = 43;
    pub const USER_LOG: u8 = 44;
    pub const GO_CREATE_BLOCKED: u8 = 47;
    pub const GO_STATUS_STACK: u8 = 48;
    pub const SYNC: u8 = 50;
    pub const CLOCK_SNAPSHOT: u8 = 51;
    pub const END_OF_GENERATION: u8 = 52;
}

/// First bytes of a trace.
pub static MAGIC: [u8; 16] = *b"go 1.26 trace\0\0\0";
static END_MARK: [u8; 1] = [kind::END_OF_GENERATION];

/// Frames kept of a stack.
const DEPTH: usize = 128;
/// Longest string.
const STRING: usize = 1024;

static ON: AtomicBool = AtomicBool::new(false);
/// Number of the generation being written; never goes back, so that no two traces share one.
static GENERATION: AtomicU64 = AtomicU64::new(0);
/// Tables of even and odd generations.
static STRINGS: [Table; 2] = [const { Table::new() }; 2];
static STACKS: [Table; 2] = [const { Table::new() }; 2];
static SAMPLES: [Table; 2] = [const { Table::new() }; 2];
/// See the module, item 3.
static WITHOUT_P: RawMutex = RawMutex::new(LockRank::Unranked);
/// The collector is marking, whether or not a trace runs.
static GC_ACTIVE: AtomicBool = AtomicBool::new(false);
/// Events about the collector's cycles so far.
static GC_SEQ: AtomicU64 = AtomicU64::new(0);
/// The stop of the world in progress is in the trace. World stopper's.
static STOP_TRACED: AtomicBool = AtomicBool::new(false);
/// The parked reader.
static READER: AtomicPtr<G> = AtomicPtr::new(ptr::null_mut());
static LAST_HEAP: AtomicUsize = AtomicUsize::new(0);

/// Whether a trace is being written.
#[inline(always)]
pub fn on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// The clock of traces: nanoseconds.
pub fn clock() -> u64 {
    rt_os::time::nanotime() as u64
}

fn parity() -> usize {
    GENERATION.load(Ordering::Relaxed) as usize & 1
}

// ---------------------------------------------------------------- writing

/// Appends an event to an M's buffer: the current one's, or any with the world stopped.
fn write(m: &'static M, kind: u8, args: &[u64]) {
    let now = clock().max(m.trace_last.get() + 1);
    // SAFETY: null or the buffer that this M owns.
    let mut buffer = unsafe { m.trace_buf.get().as_mut() };
    if buffer
        .as_ref()
        .is_none_or(|buffer| buffer.room() < 1 + 10 * (args.len() + 1))
    {
        if let Some(full) = buffer {
            buffer::submit(full);
        }
        let thread = m.tid.load(Ordering::Relaxed) as u64;
        let fresh = Buffer::new(thread, GENERATION.load(Ordering::Relaxed), now);
        m.trace_buf.set(fresh);
        m.trace_last.set(now);
        buffer = Some(fresh);
    }
    if let Some(buffer) = buffer {
        buffer.byte(kind);
        buffer.number(now - m.trace_last.get());
        for arg in args {
            buffer.number(*arg);
        }
        m.trace_last.set(now);
    }
}

/// The number of a string in the current generation.
fn string(text: &[u8]) -> u64 {
    let mut len = text.len().min(STRING);
    while len < text.len() && len > 0 && text[len] & 0xc0 == 0x80 {
        len -= 1;
    }
    STRINGS[parity()].intern(&text[..len])
}

fn intern_stack(pcs: &[usize]) -> u64 {
    if pcs.is_empty() {
        return 0;
    }
    // SAFETY: words as bytes.
    let bytes = unsafe { core::slice::from_raw_parts(pcs.as_ptr() as *const u8, size_of_val(pcs)) };
    STACKS[parity()].intern(bytes)
}

/// The number of the stack of a goroutine: the one inside the runtime here, or one at rest.
fn stack_of(g: &'static G, here: bool) -> u64 {
    let mut pcs = [0; DEPTH];
    let depth = HOOKS.trace_stack.get()(g, here, &mut pcs);
    intern_stack(&pcs[..depth])
}

/// The stack of the goroutine that this thread runs, 0 in the scheduler.
fn current_stack(m: &'static M) -> u64 {
    // SAFETY: null or a G.
    match unsafe { m.curg.load(Ordering::Relaxed).as_ref() } {
        Some(g) if !g.is_g0.get() => stack_of(g, true),
        _ => 0,
    }
}

fn next_seq(g: &G) -> u64 {
    g.trace_seq.set(g.trace_seq.get() + 1);
    g.trace_seq.get() as u64
}

fn next_p_seq(p: &P) -> u64 {
    p.trace_seq.set(p.trace_seq.get() + 1);
    p.trace_seq.get()
}

// ---------------------------------------------------------------- goroutines

/// A goroutine has been made; not yet visible to others.
#[cold]
pub fn created(g: &'static G, blocked: bool) {
    let m = M::current();
    if m.p_opt().is_none() {
        rt_os::throw!("trace: goroutine made without a P");
    }
    g.trace_seq.set(0);
    g.trace_assist.set(false);
    let start = g.start_fn.get();
    let entry = if start == 0 {
        0
    } else {
        // SAFETY: a func value, which the goroutine keeps; its first word is the code's address.
        unsafe { *(start as *const usize) }
    };
    let new_stack = if entry == 0 {
        0
    } else {
        intern_stack(&[entry + 1])
    };
    let event = if blocked {
        kind::GO_CREATE_BLOCKED
    } else {
        kind::GO_CREATE
    };
    write(m, event, &[g.goid.get(), new_stack, current_stack(m)]);
}

/// A runnable goroutine starts to run on this M.
#[cold]
pub fn started(g: &'static G) {
    worker_rests(M::current());
    write(M::current(), kind::GO_START, &[g.goid.get(), next_seq(g)]);
}

/// The current goroutine is about to park.
#[cold]
pub fn blocks(g: &'static G, reason: ParkReason) {
    let reason = string(reason.trace_text().as_bytes());
    write(M::current(), kind::GO_BLOCK, &[reason, stack_of(g, true)]);
}

/// The current goroutine is about to yield.
#[cold]
pub fn yields(g: &'static G, why: &str) {
    let why = string(why.as_bytes());
    write(M::current(), kind::GO_STOP, &[why, stack_of(g, true)]);
}

/// The current goroutine ends.
#[cold]
pub fn ends() {
    write(M::current(), kind::GO_DESTROY, &[]);
}

/// A parked goroutine is about to become runnable; the caller has the sole right to make it so.
#[cold]
pub fn unblocks(g: &'static G) {
    let m = M::current();
    let seq = next_seq(g);
    write(m, kind::GO_UNBLOCK, &[g.goid.get(), seq, current_stack(m)]);
}

/// Makes a parked goroutine runnable. Works without a P, and costs a lock then.
pub fn make_runnable(m: &'static M, g: &'static G) {
    let alone = m.p_opt().is_none();
    if alone {
        WITHOUT_P.lock();
    }
    if on() {
        unblocks(g);
    }
    g.change_status(Status::Waiting, Status::Runnable);
    if alone {
        // SAFETY: taken above.
        unsafe { WITHOUT_P.unlock() };
    }
}

/// The current goroutine, with a P, is about to enter a system call. Its stack begins with the saved context.
#[cold]
pub fn syscall_begins(g: &'static G, p: &'static P) {
    let seq = next_p_seq(p);
    write(
        M::current(),
        kind::GO_SYSCALL_BEGIN,
        &[seq, stack_of(g, true)],
    );
}

/// It came back with the same P.
#[cold]
pub fn syscall_ends() {
    write(M::current(), kind::GO_SYSCALL_END, &[]);
}

/// It came back, lost its P, has another one, and runs on.
#[cold]
pub fn syscall_ends_blocked(g: &'static G) {
    write(M::current(), kind::GO_SYSCALL_END_BLOCKED, &[]);
    started(g);
}

/// It came back, lost its P, and is runnable until it gets one.
pub fn syscall_ends_without_p(g: &'static G) {
    WITHOUT_P.lock();
    if on() {
        write(M::current(), kind::GO_SYSCALL_END_BLOCKED, &[]);
    }
    g.change_status(Status::Syscall, Status::Runnable);
    // SAFETY: taken above.
    unsafe { WITHOUT_P.unlock() };
}

// ---------------------------------------------------------------- Ps

/// This M has taken a P.
#[cold]
pub fn p_started(m: &'static M, p: &'static P) {
    let seq = next_p_seq(p);
    write(m, kind::PROC_START, &[p.id.get() as u64, seq]);
}

/// This M is about to give its P up.
#[cold]
pub fn p_stops(m: &'static M) {
    worker_rests(m);
    write(m, kind::PROC_STOP, &[]);
}

/// The caller has taken the P of an M in a system call.
#[cold]
pub fn p_stolen(p: &'static P) {
    // SAFETY: the M that entered the system call; Ms are never freed.
    let Some(from) = (unsafe { p.m.load(Ordering::Relaxed).as_ref() }) else {
        return;
    };
    let seq = next_p_seq(p);
    let thread = from.tid.load(Ordering::Relaxed) as u64;
    write(
        M::current(),
        kind::PROC_STEAL,
        &[p.id.get() as u64, seq, thread],
    );
}

/// A P that was not in use until now; world stopped.
#[cold]
pub fn p_appears(p: &'static P) {
    p.trace_seq.set(0);
    write(
        M::current(),
        kind::PROC_STATUS,
        &[p.id.get() as u64, P_IDLE],
    );
}

/// The number of Ps is about to change; world stopped.
#[cold]
pub fn procs_change(count: u32) {
    let m = M::current();
    if in_goroutine(m) {
        write(m, kind::PROCS_CHANGE, &[count as u64, current_stack(m)]);
    }
}

const P_RUNNING: u64 = 1;
const P_IDLE: u64 = 2;

// ---------------------------------------------------------------- stops of the world, collector

/// Whether the trace sees a goroutine on this M.
fn in_goroutine(m: &'static M) -> bool {
    if m.trace_worker.on.get() {
        return true;
    }
    let curg = m.curg.load(Ordering::Relaxed);
    // SAFETY: null or a G.
    match unsafe { curg.as_ref() } {
        Some(g) if g.is_g0.get() => !m.before_g0.get().is_null(),
        Some(_) => true,
        None => false,
    }
}

/// The caller is about to stop the world.
#[cold]
pub fn world_stops(why: &str) {
    let m = M::current();
    if in_goroutine(m) {
        let why = string(why.as_bytes());
        write(m, kind::STW_BEGIN, &[why, current_stack(m)]);
        STOP_TRACED.store(true, Ordering::Relaxed);
    }
}

/// The world goes on.
#[cold]
pub fn world_starts() {
    if STOP_TRACED.swap(false, Ordering::Relaxed) {
        write(M::current(), kind::STW_END, &[]);
    }
}

/// A mark phase begins or has ended. World stopped.
pub fn gc_phase(active: bool) {
    GC_ACTIVE.store(active, Ordering::Relaxed);
    if !on() {
        return;
    }
    as_worker(|| {
        let m = M::current();
        let seq = GC_SEQ.fetch_add(1, Ordering::Relaxed) + 1;
        if active {
            write(m, kind::GC_BEGIN, &[seq, current_stack(m)]);
        } else {
            write(m, kind::GC_END, &[seq]);
        }
    });
}

/// The current goroutine begins to help, or ends.
pub fn assist(begin: bool) {
    let m = M::current();
    // SAFETY: null or a G.
    let Some(g) = (unsafe { m.curg.load(Ordering::Relaxed).as_ref() }) else {
        return;
    };
    if g.is_g0.get() {
        return;
    }
    if begin && on() {
        g.trace_assist.set(true);
        write(m, kind::GC_MARK_ASSIST_BEGIN, &[stack_of(g, true)]);
    } else if !begin && g.trace_assist.replace(false) && on() {
        write(m, kind::GC_MARK_ASSIST_END, &[]);
    }
}

/// Bytes in live objects and new ones; written when it has changed by a good deal.
#[cold]
pub fn heap_live(bytes: usize) {
    const STEP: usize = 64 << 10;
    let last = LAST_HEAP.load(Ordering::Relaxed);
    if bytes.abs_diff(last) >= STEP {
        LAST_HEAP.store(bytes, Ordering::Relaxed);
        write(M::current(), kind::HEAP_ALLOC, &[bytes as u64]);
    }
}

/// The size at which the next collection is to end.
#[cold]
pub fn heap_goal(bytes: usize) {
    write(M::current(), kind::HEAP_GOAL, &[bytes as u64]);
}

/// Runs `work` of the collector, for which this M has a P but perhaps no goroutine, as the M's worker then.
pub fn as_worker<T>(work: impl FnOnce() -> T) -> T {
    let m = M::current();
    let worker = &m.trace_worker;
    if !on() || worker.busy.get() || !worker.on.get() && in_goroutine(m) {
        return work();
    }
    if !worker.on.get() {
        worker_wakes(m, worker);
    }
    worker.busy.set(true);
    let result = work();
    worker.busy.set(false);
    result
}

/// The worker stays on its M until that has something else to do: its slices are short and follow each other.
fn worker_rests(m: &'static M) {
    let worker = &m.trace_worker;
    if worker.on.get() && !worker.busy.get() {
        worker.on.set(false);
        let why = string(b"GC worker (idle)");
        write(m, kind::GO_BLOCK, &[why, 0]);
    }
}

fn worker_wakes(m: &'static M, worker: &Worker) {
    if worker.id.get() == 0 {
        worker.id.set(m.p().next_goid());
        worker.seq.set(0);
        let name = HOOKS.trace_worker_pc.get();
        let stack = if name == 0 {
            0
        } else {
            intern_stack(&[name + 1])
        };
        write(m, kind::GO_CREATE_BLOCKED, &[worker.id.get(), stack, 0]);
    }
    worker.seq.set(worker.seq.get() + 2);
    let (id, seq) = (worker.id.get(), worker.seq.get());
    write(m, kind::GO_UNBLOCK, &[id, seq - 1, 0]);
    write(m, kind::GO_START, &[id, seq]);
    worker.on.set(true);
}

// ---------------------------------------------------------------- user annotations

/// `trace.NewTask`.
pub fn user_task(id: u64, parent: u64, name: &[u8]) {
    let m = M::current();
    if on() && in_goroutine(m) {
        let name = string(name);
        write(
            m,
            kind::USER_TASK_BEGIN,
            &[id, parent, name, current_stack(m)],
        );
    }
}

/// `Task.End`.
pub fn user_task_end(id: u64) {
    let m = M::current();
    if on() && in_goroutine(m) {
        write(m, kind::USER_TASK_END, &[id, current_stack(m)]);
    }
}

/// `trace.StartRegion` and `Region.End`.
pub fn user_region(task: u64, end: bool, name: &[u8]) {
    let m = M::current();
    if on() && in_goroutine(m) {
        let name = string(name);
        let event = if end {
            kind::USER_REGION_END
        } else {
            kind::USER_REGION_BEGIN
        };
        write(m, event, &[task, name, current_stack(m)]);
    }
}

/// `trace.Log`.
pub fn user_log(task: u64, category: &[u8], message: &[u8]) {
    let m = M::current();
    if on() && in_goroutine(m) {
        let (category, message) = (string(category), string(message));
        write(
            m,
            kind::USER_LOG,
            &[task, category, message, current_stack(m)],
        );
    }
}

/// A sample of the CPU profile: time, thread, P, goroutine, stack. Of goroutines with a P only.
pub fn cpu_sample(time: u64, thread: u64, p: u64, goroutine: u64, pcs: &[usize]) {
    if on() {
        let stack = intern_stack(&pcs[..pcs.len().min(DEPTH)]);
        let mut bytes = [0; 40];
        for (chunk, word) in bytes.chunks_mut(8).zip([time, thread, p, goroutine, stack]) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        SAMPLES[parity()].intern(&bytes);
    }
}

// ---------------------------------------------------------------- generations

/// Begins a trace. The caller excludes other changes of generations. System function.
pub fn start() {
    let m = M::current();
    world::stop_quietly();
    WITHOUT_P.lock();
    let generation = GENERATION.fetch_add(1, Ordering::Relaxed) + 1;
    buffer::begin(generation);
    LAST_HEAP.store(0, Ordering::Relaxed);
    ON.store(true, Ordering::SeqCst);
    write_state(M::current());
    if in_goroutine(m) {
        world_stops("start trace");
    }
    // SAFETY: taken above.
    unsafe { WITHOUT_P.unlock() };
    world::start();
}

/// Ends the generation and begins the next, or ends the trace. The caller excludes other changes. System function.
pub fn advance(stop: bool) {
    world::stop_quietly();
    WITHOUT_P.lock();
    let ended = GENERATION.load(Ordering::Relaxed);
    for m in m::all() {
        // SAFETY: null or the M's buffer; it does not write now: world stopped, and the lock.
        if let Some(buffer) = unsafe { m.trace_buf.replace(ptr::null_mut()).as_mut() } {
            buffer::submit(buffer);
        }
    }
    if stop {
        ON.store(false, Ordering::SeqCst);
        for m in m::all() {
            m.trace_worker.on.set(false);
        }
    } else {
        GENERATION.store(ended + 1, Ordering::SeqCst);
        write_state(M::current());
    }
    // SAFETY: taken above.
    unsafe { WITHOUT_P.unlock() };
    world::start();
    write_tables(ended);
    buffer::end_generation(ended, stop);
    wake_reader();
}

const G_RUNNABLE: u64 = 1;
const G_RUNNING: u64 = 2;
const G_SYSCALL: u64 = 3;
const G_WAITING: u64 = 4;

/// Writes what the new generation begins with. World stopped.
fn write_state(own: &'static M) {
    let own_p = own.p();
    for p in SCHED.all_ps() {
        p.trace_seq.set(0);
        let state = if ptr::eq(p, own_p) { P_RUNNING } else { P_IDLE };
        write(own, kind::PROC_STATUS, &[p.id.get() as u64, state]);
    }
    for g in SCHED.all_gs() {
        let here = ptr::eq(own.curg.load(Ordering::Relaxed), g);
        let state = match g.status() {
            Status::Dead | Status::Idle => continue,
            Status::Runnable => G_RUNNABLE,
            Status::Running => G_RUNNING,
            Status::Syscall => G_SYSCALL,
            Status::Waiting => G_WAITING,
        };
        g.trace_seq.set(0);
        // SAFETY: null or an M.
        let on = unsafe { g.m.get().as_ref() }.filter(|_| matches!(state, G_RUNNING | G_SYSCALL));
        let thread = on.map_or(NO_THREAD, |m| m.tid.load(Ordering::Relaxed) as u64);
        write(
            on.unwrap_or(own),
            kind::GO_STATUS_STACK,
            &[g.goid.get(), thread, state, stack_of(g, here)],
        );
        if g.trace_assist.get() {
            write(own, kind::GC_MARK_ASSIST_ACTIVE, &[g.goid.get()]);
        }
    }
    for m in m::all() {
        let worker = &m.trace_worker;
        if worker.id.get() == 0 {
            continue;
        }
        worker.seq.set(0);
        let (on, thread, state) = if worker.on.get() {
            (m, m.tid.load(Ordering::Relaxed) as u64, G_RUNNING)
        } else {
            (own, NO_THREAD, G_WAITING)
        };
        write(
            on,
            kind::GO_STATUS_STACK,
            &[worker.id.get(), thread, state, 0],
        );
    }
    if GC_ACTIVE.load(Ordering::Relaxed) {
        let seq = GC_SEQ.fetch_add(1, Ordering::Relaxed) + 1;
        write(own, kind::GC_ACTIVE, &[seq]);
    }
}

/// A sequence of records of one kind, split into batches.
struct Section {
    generation: u64,
    kind: u8,
    buffer: Option<&'static mut Buffer>,
}

impl Section {
    fn new(generation: u64, kind: u8) -> Section {
        Section {
            generation,
            kind,
            buffer: None,
        }
    }

    /// A buffer with room for a record of at most `size` bytes.
    fn record(&mut self, size: usize) -> &mut Buffer {
        if self.buffer.as_ref().is_some_and(|b| b.room() < size) {
            self.finish();
        }
        self.buffer.get_or_insert_with(|| {
            let buffer = Buffer::new(NO_THREAD, self.generation, clock());
            buffer.byte(self.kind);
            buffer
        })
    }

    fn finish(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            buffer::submit(buffer);
        }
    }
}

/// Writes the tables of a generation that nobody adds to any more, and empties them.
fn write_tables(generation: u64) {
    let at = generation as usize & 1;
    let mut sync = Section::new(generation, kind::SYNC);
    let buffer = sync.record(64);
    buffer.byte(kind::FREQUENCY);
    buffer.number(1_000_000_000);
    buffer.byte(kind::CLOCK_SNAPSHOT);
    let wall = rt_os::time::walltime();
    let now = clock();
    for number in [1, now, wall.sec as u64, wall.nsec as u64] {
        buffer.number(number);
    }
    sync.finish();

    let mut samples = Section::new(generation, kind::CPU_SAMPLES);
    SAMPLES[at].for_each(|_, bytes| {
        let buffer = samples.record(64);
        buffer.byte(kind::CPU_SAMPLE);
        for word in bytes.as_chunks::<8>().0 {
            buffer.number(u64::from_le_bytes(*word));
        }
    });
    samples.finish();

    let strings = &STRINGS[at];
    let mut stacks = Section::new(generation, kind::STACKS);
    STACKS[at].for_each(|id, bytes| {
        let mut frames = [[0u64; 4]; DEPTH];
        let mut count = 0;
        for word in bytes.as_chunks::<8>().0 {
            let pc = usize::from_le_bytes(*word);
            HOOKS.trace_frames.get()(pc, &mut |pc, name, file, line| {
                if let Some(frame) = frames.get_mut(count) {
                    let short = |text: &'static str| {
                        strings.intern(&text.as_bytes()[..text.len().min(STRING)])
                    };
                    *frame = [pc, short(name), short(file), line as u64];
                    count += 1;
                }
            });
        }
        let buffer = stacks.record(32 + count * 40);
        buffer.byte(kind::STACK);
        buffer.number(id);
        buffer.number(count as u64);
        for word in frames[..count].iter().flatten() {
            buffer.number(*word);
        }
    });
    stacks.finish();

    let mut texts = Section::new(generation, kind::STRINGS);
    strings.for_each(|id, bytes| {
        let buffer = texts.record(32 + bytes.len());
        buffer.byte(kind::STRING);
        buffer.number(id);
        buffer.number(bytes.len() as u64);
        buffer.bytes(bytes);
    });
    texts.finish();
    for table in [strings, &STACKS[at], &SAMPLES[at]] {
        table.clear();
    }
}

// ---------------------------------------------------------------- reading

/// `readTraceRaw(out *[2]uintptr)`: address and length of the next piece, 0 and 0 at the end. Parks until there is one. System
/// function; one reader at a time.
pub fn read(out: *mut [usize; 2]) {
    let g = G::current();
    g.scratch[0].set(out as usize);
    read_or_park(g);
}

fn read_or_park(g: &'static G) {
    let bytes: &'static [u8] = match buffer::next_piece() {
        Piece::Header => &MAGIC,
        Piece::Batch(bytes) => bytes,
        Piece::EndOfGeneration => &END_MARK,
        Piece::End => &[],
        Piece::Wait => {
            buffer::DELIVERABLE.store(false, Ordering::SeqCst);
            g.on_resume.set(Some(read_or_park));
            proc::park(ParkReason::TraceReaderBlocked, || {
                READER.store(g as *const G as *mut G, Ordering::SeqCst);
                // Something may have come between the look and the store.
                wake_reader();
            });
        }
    };
    let out = g.scratch[0].get() as *mut [usize; 2];
    // SAFETY: the caller's variable, live while it is in this function.
    unsafe {
        *out = if bytes.is_empty() {
            [0, 0]
        } else {
            [bytes.as_ptr() as usize, bytes.len()]
        };
    }
}

/// Readies the reader if it waits and there is something to read. Called where a goroutine may be made runnable.
pub fn wake_reader() {
    if buffer::DELIVERABLE.load(Ordering::SeqCst) && !READER.load(Ordering::SeqCst).is_null() {
        // SAFETY: null or the parked reader, which is ours once taken.
        if let Some(g) = unsafe { READER.swap(ptr::null_mut(), Ordering::SeqCst).as_ref() } {
            proc::ready(g);
        }
    }
}

/// The collector's worker of an M in traces. The M's own; with the world stopped, the stopper's.
pub struct Worker {
    /// Goroutine id, 0 while it has not appeared.
    id: Cell<u64>,
    /// Its sequence number in this generation.
    seq: Cell<u64>,
    /// It runs, as far as the trace knows.
    on: Cell<bool>,
    /// It is at work.
    busy: Cell<bool>,
}

impl Worker {
    /// Not seen yet.
    pub const fn new() -> Worker {
        Worker {
            id: Cell::new(0),
            seq: Cell::new(0),
            on: Cell::new(false),
            busy: Cell::new(false),
        }
    }
}
