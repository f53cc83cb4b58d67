//! The global part of the scheduler's state.

use crate::g::{FreeGs, G, GList};
use crate::m::M;
use crate::p::P;
use core::cell::Cell;
use core::ptr;
use rt_sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU32, AtomicU64, Ordering,
};
use rt_sync::{LockRank, Note, RawMutex};

/// Most Ps.
pub const MAX_PS: usize = 1024;

/// Gs per chunk of the table.
const G_CHUNK: usize = 4096;
/// Chunks: room for 64 million goroutines at once.
const G_CHUNKS: usize = 16384;
/// Part of the table of all Gs.
pub type GChunk = [AtomicPtr<G>; G_CHUNK];

/// Global scheduler state. Fields marked [lock] are under `lock`.
pub struct Sched {
    #[allow(missing_docs)]
    pub lock: RawMutex,
    /// [lock] Global run queue; its length may be read by anybody through `runq_len`.
    pub runq: GList,
    /// Copy of the global queue's length, a hint.
    pub runq_len: AtomicU32,
    /// [lock] Idle Ms.
    pub idle_ms: Cell<*const M>,
    /// [lock] Number of idle Ms.
    pub idle_m_count: Cell<i32>,
    /// [lock] Ms that sleep because their locked goroutine is not runnable.
    pub idle_locked: Cell<i32>,
    /// [lock] Number of Ms that exist.
    pub m_count: Cell<i32>,
    /// [lock] Ms that do not count for deadlock detection (sysmon, collector's threads).
    pub system_ms: Cell<i32>,
    /// [lock] Descriptors of Ms whose thread ended.
    pub dead_ms: Cell<*const M>,
    /// `debug.SetMaxThreads`.
    pub max_ms: AtomicI32,
    /// [lock] Idle Ps.
    pub idle_ps: Cell<*const P>,
    /// Number of idle Ps.
    pub idle_p_count: AtomicU32,
    /// Ms spinning for work.
    pub spinning: AtomicU32,
    /// All Ms, newest first.
    pub all_ms: AtomicPtr<M>,
    /// Chunks of the table of all Gs.
    pub g_chunks: [AtomicPtr<GChunk>; G_CHUNKS],
    /// Correction to the sum of the Ps' counts: goroutines that turned out to be the runtime's own.
    pub g_count: AtomicI32,
    /// Number of Gs ever made.
    pub all_g_count: AtomicU32,
    /// Last goroutine id given to a P's batch.
    pub goid: AtomicU64,
    /// Ps by id.
    pub ps: [AtomicPtr<P>; MAX_PS],
    /// GOMAXPROCS.
    pub p_count: AtomicU32,
    /// Somebody stops the world: Ms give up their Ps.
    pub stopping: AtomicBool,
    /// [lock] Ps that have not stopped yet.
    pub stop_wait: Cell<i32>,
    /// Signalled when `stop_wait` becomes 0.
    pub stop_note: Note,
    /// nanotime of the last netpoll; 0 while somebody waits in it.
    pub last_poll: AtomicI64,
    /// Until when the waiting netpoll waits, 0 if for ever or nobody.
    pub poll_until: AtomicI64,
    /// [lock] Ms in runtime code that wait for a P ([`crate::syscall::blocking`]).
    pub p_waiters: Cell<*const M>,
    /// Number of those.
    pub p_waiter_count: AtomicU32,
    /// Dead Gs that no P keeps.
    pub free_gs: FreeGs,
    /// Sysmon sleeps for good because nothing runs.
    pub sysmon_wait: AtomicBool,
    #[allow(missing_docs)]
    pub sysmon_note: Note,
    /// Serialises stop-the-world.
    pub world: RawMutex,
    /// The goroutine of main.main.
    pub main_g: AtomicPtr<G>,
    /// main called Goexit.
    pub main_gone: AtomicBool,
    /// The main goroutine exists: deadlocks are reported, wake-ups start threads.
    pub main_started: AtomicBool,
    /// A panic or fatal error is being printed: the scheduler must not report deadlocks.
    pub dying: AtomicU32,
    /// nanotime at start.
    pub start_time: AtomicI64,
    /// Processors at start.
    pub cpus: AtomicU32,
    /// GOMAXPROCS was set explicitly.
    pub procs_explicit: AtomicBool,
    /// Somebody waits for signals: no deadlock then.
    pub waiting_for_signals: AtomicBool,
    /// Threads created.
    pub threads_created: AtomicU32,
}

// SAFETY: cells are under `lock`.
unsafe impl Sync for Sched {}

/// The scheduler.
pub static SCHED: Sched = Sched {
    lock: RawMutex::new(LockRank::Sched),
    runq: GList::new(),
    runq_len: AtomicU32::new(0),
    idle_ms: Cell::new(ptr::null()),
    idle_m_count: Cell::new(0),
    idle_locked: Cell::new(0),
    m_count: Cell::new(0),
    system_ms: Cell::new(0),
    dead_ms: Cell::new(ptr::null()),
    max_ms: AtomicI32::new(10000),
    idle_ps: Cell::new(ptr::null()),
    idle_p_count: AtomicU32::new(0),
    spinning: AtomicU32::new(0),
    all_ms: AtomicPtr::new(ptr::null_mut()),
    g_chunks: [const { AtomicPtr::new(ptr::null_mut()) }; G_CHUNKS],
    g_count: AtomicI32::new(0),
    all_g_count: AtomicU32::new(0),
    goid: AtomicU64::new(0),
    ps: [const { AtomicPtr::new(ptr::null_mut()) }; MAX_PS],
    p_count: AtomicU32::new(0),
    stopping: AtomicBool::new(false),
    stop_wait: Cell::new(0),
    stop_note: Note::new(),
    last_poll: AtomicI64::new(0),
    poll_until: AtomicI64::new(0),
    p_waiters: Cell::new(ptr::null()),
    p_waiter_count: AtomicU32::new(0),
    free_gs: FreeGs::new(),
    sysmon_wait: AtomicBool::new(false),
    sysmon_note: Note::new(),
    world: RawMutex::new(LockRank::WorldStop),
    main_g: AtomicPtr::new(ptr::null_mut()),
    main_gone: AtomicBool::new(false),
    main_started: AtomicBool::new(false),
    dying: AtomicU32::new(0),
    start_time: AtomicI64::new(0),
    cpus: AtomicU32::new(1),
    procs_explicit: AtomicBool::new(false),
    waiting_for_signals: AtomicBool::new(false),
    threads_created: AtomicU32::new(0),
};

/// Holds SCHED's lock until dropped.
pub struct SchedGuard(());

impl Drop for SchedGuard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the guard stands for the lock.
        unsafe { SCHED.lock.unlock() };
    }
}

impl Sched {
    /// Takes the lock.
    #[inline]
    pub fn lock(&self) -> SchedGuard {
        self.lock.lock();
        SchedGuard(())
    }

    /// The P with this index; only for indices that exist.
    pub fn p(&self, id: u32) -> &'static P {
        // SAFETY: stored when made, never freed.
        unsafe { &*self.ps[id as usize].load(Ordering::Acquire) }
    }

    /// All Ps in use.
    pub fn all_ps(&self) -> impl Iterator<Item = &'static P> {
        (0..self.p_count.load(Ordering::Acquire)).map(|id| self.p(id))
    }

    /// Appends to the global queue. [lock]
    pub fn global_put(&self, _: &SchedGuard, g: &'static G) {
        self.runq.push_back(g);
        self.runq_len
            .store(self.runq.len() as u32, Ordering::SeqCst);
    }

    /// Appends a list to the global queue. [lock]
    pub fn global_append(&self, _: &SchedGuard, list: &GList) {
        self.runq.append(list);
        self.runq_len
            .store(self.runq.len() as u32, Ordering::SeqCst);
    }

    /// Takes a fair share of the global queue: the first to run, the rest into the P's ring. `max` 0: no bound. [lock]
    pub fn global_get(&self, _: &SchedGuard, p: &'static P, max: u32) -> Option<&'static G> {
        let len = self.runq.len() as u32;
        if len == 0 {
            return None;
        }
        let mut count = (len / self.p_count.load(Ordering::Relaxed).max(1) + 1)
            .min(len)
            .min(crate::runq::CAPACITY / 2);
        if max > 0 {
            count = count.min(max);
        }
        let first = self.runq.pop_front();
        for _ in 1..count {
            let Some(g) = self.runq.pop_front() else {
                break;
            };
            if !p.runq.push(g) {
                self.runq.push_front(g);
                break;
            }
        }
        self.runq_len
            .store(self.runq.len() as u32, Ordering::SeqCst);
        first
    }

    /// Makes a P idle. The caller owns it. [lock]
    pub fn idle_p_put(&self, _: &SchedGuard, p: &'static P) {
        p.m.store(ptr::null_mut(), Ordering::Relaxed);
        p.set_status(crate::p::PStatus::Idle);
        p.idle_link.set(self.idle_ps.get());
        self.idle_ps.set(p);
        self.idle_p_count.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes an idle P. [lock]
    pub fn idle_p_get(&self, _: &SchedGuard) -> Option<&'static P> {
        // SAFETY: null or a P, never freed.
        let p = unsafe { self.idle_ps.get().as_ref() }?;
        self.idle_ps.set(p.idle_link.get());
        self.idle_p_count.fetch_sub(1, Ordering::SeqCst);
        Some(p)
    }

    /// Makes the calling M idle. [lock]
    pub fn idle_m_put(&self, guard: &SchedGuard, m: &'static M) {
        m.idle_link.set(self.idle_ms.get());
        self.idle_ms.set(m);
        self.idle_m_count.set(self.idle_m_count.get() + 1);
        crate::proc::check_dead(guard);
    }

    /// Takes an idle M. [lock]
    pub fn idle_m_get(&self, _: &SchedGuard) -> Option<&'static M> {
        // SAFETY: null or an M, never freed.
        let m = unsafe { self.idle_ms.get().as_ref() }?;
        self.idle_ms.set(m.idle_link.get());
        self.idle_m_count.set(self.idle_m_count.get() - 1);
        Some(m)
    }

    /// The G with this index in the table, if it is there yet. Indexes below `all_g_count` are valid.
    pub fn g(&self, index: usize) -> Option<&'static G> {
        let chunk = self.g_chunks[index / G_CHUNK].load(Ordering::Acquire);
        // SAFETY: null or a chunk; its entries are null or Gs; neither is ever freed.
        unsafe {
            chunk.as_ref()?[index % G_CHUNK]
                .load(Ordering::Acquire)
                .as_ref()
        }
    }

    /// Enters a new G into the table.
    pub fn publish_g(&self, g: &'static G) {
        let index = self.all_g_count.load(Ordering::Relaxed) as usize;
        // Chunks are made ahead of the index, by whoever comes first.
        self.chunk(index / G_CHUNK);
        let index = self.all_g_count.fetch_add(1, Ordering::AcqRel) as usize;
        self.chunk(index / G_CHUNK)[index % G_CHUNK]
            .store(g as *const G as *mut G, Ordering::Release);
    }

    fn chunk(&self, number: usize) -> &'static GChunk {
        if number >= G_CHUNKS {
            rt_os::throw!("too many goroutines");
        }
        let slot = &self.g_chunks[number];
        let mut at = slot.load(Ordering::Acquire);
        if at.is_null() {
            let fresh = crate::persist::alloc(size_of::<GChunk>(), 64) as *mut GChunk;
            at = match slot.compare_exchange(
                ptr::null_mut(),
                fresh,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => fresh,
                Err(found) => found,
            };
        }
        // SAFETY: zeroed memory is a chunk of nulls; never freed.
        unsafe { &*at }
    }

    /// All goroutines ever made (dead ones included), in order of creation of their descriptors.
    pub fn all_gs(&self) -> impl Iterator<Item = &'static G> {
        (0..self.all_g_count.load(Ordering::Acquire) as usize).filter_map(|index| self.g(index))
    }
}
