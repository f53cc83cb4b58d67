//! G, the goroutine descriptor.
//!
//! Gs live in memory outside the heap and are never freed, only reused: `&'static G` is honest.
//! Fields are cells: the M that runs a G (or holds the lock that its state is under) owns them;
//! fields that others read are atomics and say who uses them.

use crate::bubble::Bubble;
use crate::m::M;
use crate::reason::ParkReason;
use crate::stack::Segment;
use crate::sudog::Sudog;
use crate::timer::Timer;
use abi::g as off;
use core::cell::Cell;
use core::mem::offset_of;
use core::ptr;
use rt_sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use rt_sync::{LockRank, SpinLock};

/// Continuation that runs on the system stack when a parked goroutine is resumed, before any Go
/// code. It may set the return words, park again or raise a panic.
pub type OnResume = fn(&'static G);

/// State of a goroutine. The collector adds [`G::SCAN`] to one it examines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// Just allocated.
    Idle = 0,
    /// On a run queue.
    Runnable = 1,
    /// Executing Go code or the runtime on its behalf; owned by an M with a P.
    Running = 2,
    /// In a system call; owned by an M, which may have lost its P.
    Syscall = 3,
    /// Parked.
    Waiting = 4,
    /// Ended or not yet started; on a free list.
    Dead = 6,
}

/// The goroutine descriptor. The head is the contract of `abi::g`.
#[repr(C)]
pub struct G {
    /// See `abi::g::STACK_LIMIT`. Written by the running M and poisoned by anybody.
    pub stack_limit: AtomicU64,
    /// M that runs it, null otherwise.
    pub m: Cell<*const M>,
    #[allow(missing_docs)]
    pub closure_ctx: Cell<usize>,
    #[allow(missing_docs)]
    pub defer: Cell<usize>,
    #[allow(missing_docs)]
    pub panic: Cell<usize>,
    #[allow(missing_docs)]
    pub morestack_fn: Cell<usize>,
    #[allow(missing_docs)]
    pub sched_sp: Cell<usize>,
    #[allow(missing_docs)]
    pub sched_pc: Cell<usize>,
    #[allow(missing_docs)]
    pub sched_bp: Cell<usize>,
    #[allow(missing_docs)]
    pub ret0: Cell<usize>,
    #[allow(missing_docs)]
    pub ret1: Cell<usize>,
    #[allow(missing_docs)]
    pub panic_arg0: Cell<usize>,
    #[allow(missing_docs)]
    pub panic_arg1: Cell<usize>,
    #[allow(missing_docs)]
    pub mcache: Cell<usize>,
    #[allow(missing_docs)]
    pub wb_buf: Cell<usize>,
    /// Goroutine id; 0 for an M's g0.
    pub goid: Cell<u64>,
    #[allow(missing_docs)]
    pub system_sp: Cell<usize>,

    // ---- the runtime's own. Up to `scan_cycle`: all that making, running once and ending a goroutine touches, in four cache lines.
    // Offsets known to arch.rs: seg, preempt, arg_count, start_fn, args.
    /// Current stack segment; null until it first runs and when it is dead.
    pub seg: Cell<*mut Segment>,
    /// Somebody wants it to stop at the next safepoint; the limit is (or will be) poisoned.
    pub preempt: AtomicBool,
    /// How many of [`G::args`] there are.
    pub arg_count: Cell<u8>,
    /// Why it is parked (valid while waiting); read by dumps.
    pub reason: AtomicU8,
    /// Parked, and counted as durably blocked in its bubble.
    pub durably_blocked: Cell<bool>,
    /// [`Status`], perhaps with [`G::SCAN`].
    pub status: AtomicU32,
    /// Closure object of the goroutine's function until it starts.
    pub start_fn: Cell<usize>,
    /// Next G of the list it is on (run queue, free list, wake list).
    pub link: Cell<*const G>,
    /// Continuation for the next resume.
    pub on_resume: Cell<Option<OnResume>>,
    /// When it was parked, by a coarse clock of the dump; 0 = unknown.
    pub wait_since: Cell<i64>,
    /// The element or other pointer operand of the blocked operation.
    pub wait_obj: Cell<usize>,
    /// Return address of the go statement, id of the creating goroutine.
    pub created_by: Cell<usize>,
    #[allow(missing_docs)]
    pub parent: Cell<u64>,
    /// pprof labels (heap pointer: a root).
    pub labels: AtomicUsize,
    /// synctest bubble, null outside.
    pub bubble: Cell<*const Bubble>,
    /// M it is locked to, null otherwise; and the nesting of LockOSThread.
    pub locked_m: Cell<*const M>,
    /// Assist debt or credit in bytes (the collector's).
    pub assist_bytes: Cell<i64>,
    #[allow(missing_docs)]
    pub lock_count: Cell<u32>,
    /// Runtime's own goroutine: hidden from dumps and counts.
    pub system: Cell<bool>,
    /// An M's g0: runs timer functions and the like, cannot park.
    pub is_g0: Cell<bool>,
    /// Its first segment was too small.
    pub grew: Cell<bool>,
    /// Marked by the leak detector.
    pub leaked: AtomicBool,
    #[allow(missing_docs)]
    pub fips_indicator: Cell<u8>,
    #[allow(missing_docs)]
    pub fips_bypass: Cell<bool>,
    #[allow(missing_docs)]
    pub panic_on_fault: Cell<bool>,
    /// It helps the collector, as the execution trace knows.
    pub trace_assist: Cell<bool>,
    /// Cycle in which the collector scanned its stack.
    pub scan_cycle: AtomicU32,

    // ---- stack and system calls
    /// Bytes of all its segments.
    pub stack_bytes: Cell<usize>,
    /// Segment that morestack replaced; freed at the next occasion.
    pub retired_seg: Cell<*mut Segment>,
    /// Stack pointer down to which the stack is stable during a system call.
    pub syscall_sp: Cell<usize>,
    /// Return address and rbp of the Go code that entered the system call, for tracebacks.
    pub syscall_pc: Cell<usize>,
    #[allow(missing_docs)]
    pub syscall_bp: Cell<usize>,

    // ---- blocking operations
    /// Arguments of the system function in progress (or the last one): they came in registers, so nothing else holds them.
    pub args: [Cell<usize>; 6],
    /// The waiter of operations on one object.
    pub sudog: Sudog,
    /// Select: won by the first to exchange 0 for 1.
    pub select_done: AtomicU32,
    /// Events about it in this generation of the trace that carry a number.
    pub trace_seq: Cell<u32>,
    /// Select in progress: waiters in lock order, cases, order array, counts.
    pub select: SelectState,
    /// Sleep's timer, made when it first sleeps.
    pub sleep_timer: Cell<*const Timer>,
    /// Goroutine chan timers it is blocked on: in sudogs.
    pub coro: Cell<usize>,
    /// Loop state of semacquire and others (meaning: the user's). In a system call: rbx r12 r13 r14 at its entry, for the collector.
    pub scratch: [Cell<usize>; 4],
}

/// What a parked select needs when it is resumed.
#[derive(Default)]
pub struct SelectState {
    /// Address of the cases.
    pub cases: Cell<usize>,
    /// Address of the lock order (u16 indices).
    pub lock_order: Cell<usize>,
    /// Number of cases in lock order.
    pub count: Cell<u32>,
    /// Cases below this index are sends.
    pub sends: Cell<u32>,
}

// SAFETY: cells are owned by the M that runs the G, or by the holder of the lock or claim that its
// state names; hand-over goes through the status atomic or a lock.
unsafe impl Sync for G {}
// SAFETY: as above.
unsafe impl Send for G {}

macro_rules! check_offsets {
    ($($field:ident = $name:ident),* $(,)?) => {
        const _: () = { $(assert!(offset_of!(G, $field) == off::$name as usize);)* };
    };
}
check_offsets! {
    stack_limit = STACK_LIMIT, m = M, closure_ctx = CLOSURE_CTX, defer = DEFER, panic = PANIC,
    morestack_fn = MORESTACK_FN, sched_sp = SCHED_SP, sched_pc = SCHED_PC, sched_bp = SCHED_BP,
    ret0 = RET0, ret1 = RET1, panic_arg0 = PANIC_ARG0, panic_arg1 = PANIC_ARG1, mcache = MCACHE,
    wb_buf = WB_BUF, goid = GOID, system_sp = SYSTEM_SP,
}
const _: () = assert!(offset_of!(G, seg) == off::RUNTIME_FIELDS);
// A million goroutines have a million of these.
const _: () = assert!(offset_of!(G, stack_bytes) == 256 && size_of::<G>() <= 496);

impl G {
    /// Bit of `status`: the collector examines the stack; the state must not change meanwhile.
    pub const SCAN: u32 = 0x1000;

    /// A fresh descriptor.
    pub const fn new() -> G {
        G {
            stack_limit: AtomicU64::new(0),
            m: Cell::new(ptr::null()),
            closure_ctx: Cell::new(0),
            defer: Cell::new(0),
            panic: Cell::new(0),
            morestack_fn: Cell::new(0),
            sched_sp: Cell::new(0),
            sched_pc: Cell::new(0),
            sched_bp: Cell::new(0),
            ret0: Cell::new(0),
            ret1: Cell::new(0),
            panic_arg0: Cell::new(0),
            panic_arg1: Cell::new(0),
            mcache: Cell::new(0),
            wb_buf: Cell::new(0),
            goid: Cell::new(0),
            system_sp: Cell::new(0),
            seg: Cell::new(ptr::null_mut()),
            preempt: AtomicBool::new(false),
            arg_count: Cell::new(0),
            reason: AtomicU8::new(0),
            status: AtomicU32::new(Status::Idle as u32),
            start_fn: Cell::new(0),
            link: Cell::new(ptr::null()),
            on_resume: Cell::new(None),
            wait_since: Cell::new(0),
            wait_obj: Cell::new(0),
            created_by: Cell::new(0),
            parent: Cell::new(0),
            labels: AtomicUsize::new(0),
            bubble: Cell::new(ptr::null()),
            locked_m: Cell::new(ptr::null()),
            assist_bytes: Cell::new(0),
            lock_count: Cell::new(0),
            system: Cell::new(false),
            is_g0: Cell::new(false),
            grew: Cell::new(false),
            leaked: AtomicBool::new(false),
            fips_indicator: Cell::new(0),
            fips_bypass: Cell::new(false),
            panic_on_fault: Cell::new(false),
            trace_assist: Cell::new(false),
            durably_blocked: Cell::new(false),
            scan_cycle: AtomicU32::new(0),
            stack_bytes: Cell::new(0),
            retired_seg: Cell::new(ptr::null_mut()),
            syscall_sp: Cell::new(0),
            syscall_pc: Cell::new(0),
            syscall_bp: Cell::new(0),
            args: [const { Cell::new(0) }; 6],
            sudog: Sudog::new(),
            select_done: AtomicU32::new(0),
            trace_seq: Cell::new(0),
            select: SelectState {
                cases: Cell::new(0),
                lock_order: Cell::new(0),
                count: Cell::new(0),
                sends: Cell::new(0),
            },
            sleep_timer: Cell::new(ptr::null()),
            coro: Cell::new(0),
            scratch: [const { Cell::new(0) }; 4],
        }
    }

    /// The goroutine (or g0) on whose behalf this thread runs.
    #[inline(always)]
    pub fn current() -> &'static G {
        M::current().curg()
    }

    /// The M that runs it; only for a running G.
    #[inline(always)]
    pub fn m(&self) -> &'static M {
        // SAFETY: set by `execute` for as long as the G runs; Ms are never freed.
        unsafe { &*self.m.get() }
    }

    /// The address that compiled code holds in r15.
    pub fn addr(&self) -> usize {
        self as *const G as usize
    }

    /// State without the scan bit.
    pub fn status(&self) -> Status {
        match self.status.load(Ordering::Acquire) & !G::SCAN {
            0 => Status::Idle,
            1 => Status::Runnable,
            2 => Status::Running,
            3 => Status::Syscall,
            4 => Status::Waiting,
            6 => Status::Dead,
            other => rt_os::throw!("goroutine {} has status {other}", self.goid.get()),
        }
    }

    /// Why it is parked.
    pub fn reason(&self) -> ParkReason {
        ParkReason::ALL[self.reason.load(Ordering::Relaxed) as usize % ParkReason::ALL.len()]
    }

    /// Moves from one state to another; waits while the collector holds the scan bit. Any other
    /// state is a broken invariant.
    #[inline]
    pub fn change_status(&self, from: Status, to: Status) {
        if self
            .status
            .compare_exchange(from as u32, to as u32, Ordering::AcqRel, Ordering::Relaxed)
            .is_err()
        {
            self.change_status_slow(from, to);
        }
    }

    #[cold]
    fn change_status_slow(&self, from: Status, to: Status) {
        let mut spins = 0u32;
        loop {
            match self.status.compare_exchange_weak(
                from as u32,
                to as u32,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(found) if found & !G::SCAN != from as u32 => {
                    rt_os::throw!(
                        "goroutine {}: status {found}, expected {from:?} to become {to:?}",
                        self.goid.get()
                    )
                }
                Err(_) => {
                    spins += 1;
                    if spins.is_multiple_of(100) {
                        rt_os::thread::sched_yield();
                    }
                    rt_sync::atomic::spin_hint();
                }
            }
        }
    }

    /// Keeps what the system function in progress allocated alive until it returns, as one more of its arguments: nothing else holds it
    /// across the next allocation. For functions with fewer than six.
    pub fn keep(&self, object: usize) {
        let count = usize::from(self.arg_count.get());
        self.args[count].set(object);
        self.arg_count.set(count as u8 + 1);
    }

    /// Asks it to stop at its next safepoint.
    pub fn request_preempt(&self) {
        self.preempt.store(true, Ordering::Release);
        self.stack_limit
            .store(abi::g::STACK_LIMIT_POISON, Ordering::Release);
    }

    /// The limit of its current segment: withdraws a preemption request's poison.
    pub fn restore_stack_limit(&self) {
        self.preempt.store(false, Ordering::Relaxed);
        self.stack_limit.store(self.real_limit(), Ordering::Relaxed);
    }

    /// Limit of the current segment.
    pub fn real_limit(&self) -> u64 {
        if self.seg.get().is_null() {
            return 0;
        }
        // SAFETY: the segment belongs to this G.
        unsafe { (*self.seg.get()).limit as u64 }
    }
}

/// List of Gs through `link`, first in first out. Not synchronised.
#[derive(Default)]
pub struct GList {
    head: Cell<Option<&'static G>>,
    tail: Cell<Option<&'static G>>,
    len: Cell<usize>,
}

impl GList {
    /// Empty.
    pub const fn new() -> GList {
        GList {
            head: Cell::new(None),
            tail: Cell::new(None),
            len: Cell::new(0),
        }
    }
    /// Number of Gs.
    pub fn len(&self) -> usize {
        self.len.get()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len.get() == 0
    }
    /// Appends.
    pub fn push_back(&self, g: &'static G) {
        g.link.set(ptr::null());
        match self.tail.get() {
            Some(tail) => tail.link.set(g),
            None => self.head.set(Some(g)),
        }
        self.tail.set(Some(g));
        self.len.set(self.len.get() + 1);
    }
    /// Prepends.
    pub fn push_front(&self, g: &'static G) {
        g.link
            .set(self.head.get().map_or(ptr::null(), |head| head as *const G));
        if self.tail.get().is_none() {
            self.tail.set(Some(g));
        }
        self.head.set(Some(g));
        self.len.set(self.len.get() + 1);
    }
    /// Removes the first.
    pub fn pop_front(&self) -> Option<&'static G> {
        let g = self.head.get()?;
        // SAFETY: links of listed Gs point at Gs, which are never freed.
        self.head.set(unsafe { g.link.get().as_ref() });
        if self.head.get().is_none() {
            self.tail.set(None);
        }
        g.link.set(ptr::null());
        self.len.set(self.len.get() - 1);
        Some(g)
    }
    /// Moves everything of `other` to the end.
    pub fn append(&self, other: &GList) {
        let Some(head) = other.head.take() else {
            return;
        };
        match self.tail.get() {
            Some(tail) => tail.link.set(head),
            None => self.head.set(Some(head)),
        }
        self.tail.set(other.tail.take());
        self.len.set(self.len.get() + other.len.take());
    }
    /// Takes the first `count` off.
    pub fn split_front(&self, count: usize) -> GList {
        let front = GList::new();
        let Some(first) = self.head.get().filter(|_| count > 0) else {
            return front;
        };
        let (mut last, mut taken) = (first, 1);
        // SAFETY: links of listed Gs point at Gs, which are never freed.
        while let Some(next) = unsafe { last.link.get().as_ref() }.filter(|_| taken < count) {
            last = next;
            taken += 1;
        }
        // SAFETY: as above.
        self.head.set(unsafe { last.link.get().as_ref() });
        if self.head.get().is_none() {
            self.tail.set(None);
        }
        self.len.set(self.len.get() - taken);
        last.link.set(ptr::null());
        front.head.set(Some(first));
        front.tail.set(Some(last));
        front.len.set(taken);
        front
    }
}

/// Dead Gs that no P keeps: whole lists, so that they change hands in a few instructions under a lock of their own. Followed one by one
/// under the scheduler's lock, Gs that another processor used last held everybody up.
pub struct FreeGs {
    lock: SpinLock,
    /// First G of the list put last; its `wait_obj` leads to the first of the list before.
    lists: Cell<Option<&'static G>>,
    some: AtomicBool,
}

impl FreeGs {
    /// Empty.
    pub const fn new() -> FreeGs {
        FreeGs {
            lock: SpinLock::new(LockRank::AllGs),
            lists: Cell::new(None),
            some: AtomicBool::new(false),
        }
    }
    /// Takes all Gs of a list.
    pub fn put(&self, list: &GList) {
        let Some(first) = list.head.take() else {
            return;
        };
        list.tail.set(None);
        list.len.set(0);
        self.lock.lock();
        let before = self.lists.replace(Some(first));
        first
            .wait_obj
            .set(before.map_or(0, |g| g as *const G as usize));
        self.some.store(true, Ordering::Relaxed);
        // SAFETY: taken above.
        unsafe { self.lock.unlock() };
    }
    /// Gives a list to `to`, which is empty, if there is one.
    pub fn take(&self, to: &GList) {
        if !self.some.load(Ordering::Relaxed) {
            return;
        }
        self.lock.lock();
        let first = self.lists.get();
        if let Some(first) = first {
            // SAFETY: `put` stored the address of a G; Gs are never freed.
            let before = unsafe { (first.wait_obj.replace(0) as *const G).as_ref() };
            self.lists.set(before);
            self.some.store(before.is_some(), Ordering::Relaxed);
        }
        // SAFETY: taken above.
        unsafe { self.lock.unlock() };
        let Some(first) = first else { return };
        let (mut last, mut len) = (first, 1);
        // SAFETY: links of listed Gs point at Gs.
        while let Some(next) = unsafe { last.link.get().as_ref() } {
            last = next;
            len += 1;
        }
        to.head.set(Some(first));
        to.tail.set(Some(last));
        to.len.set(len);
    }
}
