//! P, the right to run Go code, with everything that is cached per right: run queue, timers, free Gs, the allocator's cache,
//! the write barrier's buffer.

use crate::g::{G, GList};
use crate::m::M;
use crate::runq::RunQueue;
use crate::stack::Stacks;
use crate::sudog::Sudog;
use crate::timer::TimerHeap;
use core::cell::Cell;
use core::ptr;
use rt_sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};

/// State of a P.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PStatus {
    /// On the idle list.
    Idle = 0,
    /// Owned by an M.
    Running = 1,
    /// Its M is in a system call; may be taken by whoever exchanges this state.
    Syscall = 2,
    /// Stopped for a stop-the-world; owned by whoever stopped the world.
    Stopped = 3,
    /// Not in use (GOMAXPROCS was lowered).
    Dead = 4,
}

/// The processor descriptor.
#[repr(C, align(128))]
pub struct P {
    /// Index in `SCHED.ps`.
    pub id: Cell<u32>,
    /// [`PStatus`].
    pub status: AtomicU32,
    /// M that owns it (hint for sysmon).
    pub m: AtomicPtr<M>,
    /// Next idle P (under SCHED's lock).
    pub idle_link: Cell<*const P>,
    /// Incremented at every `execute`: sysmon tells a long-running goroutine by it.
    pub sched_tick: AtomicU32,
    /// Incremented at every system call exit.
    pub syscall_tick: AtomicU32,
    /// What sysmon saw last, and when.
    pub seen: SysmonView,
    /// Runnable goroutines.
    pub runq: RunQueue,
    /// Timers; other Ps steal expired ones.
    pub timers: TimerHeap,
    /// The goroutine running, for sysmon's preemption.
    pub running: AtomicPtr<G>,
    /// Asked to stop: checked when its goroutine enters the scheduler.
    pub preempt: AtomicBool,
    /// Allocator's cache (`rt_heap::MCache`), 0 while there is none.
    pub mcache: Cell<usize>,
    /// Dead Gs.
    pub free_gs: GList,
    /// Stack segments for goroutines that begin.
    pub stacks: Stacks,
    /// User goroutines that began here less those that ended here; written by the owner.
    pub g_count: AtomicI32,
    sudogs: Cell<*const Sudog>,
    sudog_count: Cell<u32>,
    /// Goroutine ids reserved for it.
    pub goid_next: Cell<u64>,
    #[allow(missing_docs)]
    pub goid_end: Cell<u64>,
    /// Collector's per-P state (opaque here).
    pub gc_state: Cell<usize>,
    /// Events about it in this generation of the execution trace.
    pub trace_seq: Cell<u64>,
}

/// Sysmon's memory of a P.
#[derive(Default)]
pub struct SysmonView {
    #[allow(missing_docs)]
    pub sched_tick: Cell<u32>,
    #[allow(missing_docs)]
    pub sched_when: Cell<i64>,
    #[allow(missing_docs)]
    pub syscall_tick: Cell<u32>,
    #[allow(missing_docs)]
    pub syscall_when: Cell<i64>,
}

// SAFETY: cells belong to the M that owns the P (status Running), to SCHED's lock holder while it is idle, to the world
// stopper while it is stopped; sysmon's view to sysmon.
unsafe impl Sync for P {}
// SAFETY: as above.
unsafe impl Send for P {}

impl P {
    /// An unused P.
    pub const fn new() -> P {
        P {
            id: Cell::new(0),
            status: AtomicU32::new(PStatus::Dead as u32),
            m: AtomicPtr::new(ptr::null_mut()),
            idle_link: Cell::new(ptr::null()),
            // Not 0: with a multiple of `GLOBAL_EVERY` the first Gosched would come back before the goroutine that was just started has run.
            sched_tick: AtomicU32::new(1),
            syscall_tick: AtomicU32::new(0),
            seen: SysmonView {
                sched_tick: Cell::new(0),
                sched_when: Cell::new(0),
                syscall_tick: Cell::new(0),
                syscall_when: Cell::new(0),
            },
            runq: RunQueue::with(
                AtomicU32::new(0),
                AtomicU32::new(0),
                AtomicPtr::new(ptr::null_mut()),
                [const { AtomicPtr::new(ptr::null_mut()) }; crate::runq::CAPACITY as usize],
            ),
            timers: TimerHeap::new(),
            running: AtomicPtr::new(ptr::null_mut()),
            preempt: AtomicBool::new(false),
            mcache: Cell::new(0),
            free_gs: GList::new(),
            stacks: Stacks::new(),
            g_count: AtomicI32::new(0),
            sudogs: Cell::new(ptr::null()),
            sudog_count: Cell::new(0),
            goid_next: Cell::new(0),
            goid_end: Cell::new(0),
            gc_state: Cell::new(0),
            trace_seq: Cell::new(0),
        }
    }

    /// Prepares a P for its first use.
    pub fn init(&'static self, id: u32) {
        self.id.set(id);
        self.status
            .store(PStatus::Stopped as u32, Ordering::Relaxed);
    }

    /// State.
    pub fn status(&self) -> PStatus {
        match self.status.load(Ordering::Acquire) {
            0 => PStatus::Idle,
            1 => PStatus::Running,
            2 => PStatus::Syscall,
            3 => PStatus::Stopped,
            _ => PStatus::Dead,
        }
    }

    /// Sets the state; the caller owns the P.
    pub fn set_status(&self, status: PStatus) {
        self.status.store(status as u32, Ordering::SeqCst);
    }

    /// Takes the P over from one state to another, if it is in it.
    pub fn try_change(&self, from: PStatus, to: PStatus) -> bool {
        self.status
            .compare_exchange(from as u32, to as u32, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Address for `G.wb_buf`.
    pub fn wb_buf_addr(&self) -> usize {
        self.mcache.get() + rt_heap::mcache::WB_BUF
    }

    /// Counts a user goroutine that begins (1) or ends (-1).
    #[inline]
    pub fn count_g(&self, change: i32) {
        self.g_count.store(
            self.g_count.load(Ordering::Relaxed).wrapping_add(change),
            Ordering::Relaxed,
        );
    }

    /// An unused sudog; give it back with [`P::put_sudog`] of any P.
    pub fn take_sudog(&self) -> &'static Sudog {
        if self.sudogs.get().is_null() {
            self.sudogs.set(crate::sudog::take_batch());
            self.sudog_count.set(crate::sudog::BATCH);
        }
        // SAFETY: free sudogs are initialised and never freed.
        let sudog = unsafe { &*self.sudogs.get() };
        self.sudogs.set(sudog.next.get());
        self.sudog_count.set(self.sudog_count.get() - 1);
        sudog
    }

    /// Gives a sudog back.
    pub fn put_sudog(&self, sudog: &'static Sudog) {
        if self.sudog_count.get() == 2 * crate::sudog::BATCH {
            // Goroutines that park on one P and go on on another would pile them up here.
            let batch = self.sudogs.get();
            let mut last = batch;
            // SAFETY: the list has more than a batch.
            unsafe {
                for _ in 1..crate::sudog::BATCH {
                    last = (*last).next.get();
                }
                self.sudogs.set((*last).next.get());
                (*last).next.set(ptr::null());
                crate::sudog::put_batch(&*batch);
            }
            self.sudog_count.set(crate::sudog::BATCH);
        }
        sudog.elem.set(0);
        sudog.next.set(self.sudogs.get());
        self.sudogs.set(sudog);
        self.sudog_count.set(self.sudog_count.get() + 1);
    }

    /// A new goroutine id.
    pub fn next_goid(&self) -> u64 {
        const BATCH: u64 = 16;
        if self.goid_next.get() == self.goid_end.get() {
            let first = crate::sched::SCHED.goid.fetch_add(BATCH, Ordering::Relaxed) + 1;
            self.goid_next.set(first);
            self.goid_end.set(first + BATCH);
        }
        let id = self.goid_next.get();
        self.goid_next.set(id + 1);
        id
    }
}
