//! The order of all locks. A thread may take a lock only if its rank is greater than that of
//! every lock it holds, except where [`SAME_RANK_OK`] allows equals (ordered by address).
//!
//! The table below is the only statement of the order; the checker is generated from it and runs
//! in builds with debug assertions. Where a thread keeps the ranks it holds is the business of
//! the program around: the runtime points [`set_held_locks_provider`] at a field of M; tests use
//! a thread-local.

use crate::atomic::{AtomicPtr, Ordering};

macro_rules! ranks {
    ($($(#[$meta:meta])* $name:ident),* $(,)?) => {
        /// A lock's place in the order; earlier ones are taken first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum LockRank { $($(#[$meta])* $name),* }

        impl LockRank {
            /// Name for reports.
            pub fn name(self) -> &'static str {
                match self { $(LockRank::$name => stringify!($name)),* }
            }
        }
    };
}

ranks! {
    /// Not checked (locks of tests).
    Unranked,
    /// os/signal's state.
    Signal,
    /// The system monitor.
    Sysmon,
    /// One collection at a time starts or ends.
    GcStart,
    /// Serialises whoever stops the world.
    WorldStop,
    /// GOGC and memory limit changes.
    GcControl,
    /// Background sweeper's sleep.
    SweepWait,
    /// Background scavenger's sleep.
    ScavengeWait,
    /// CPU profile buffers.
    CpuProfile,
    /// Execution trace.
    Trace,
    /// Netpoll descriptors.
    PollDesc,
    /// A synctest bubble.
    Synctest,
    /// A channel (several at once in select, by address).
    Channel,
    /// sync.Cond tickets.
    NotifyList,
    /// A bucket of the semaphore table.
    Semaphore,
    /// A timer.
    Timer,
    /// A P's timer heap.
    Timers,
    /// The scheduler.
    Sched,
    /// The list of all goroutines.
    AllGs,
    /// The list of all Ps.
    AllPs,
    /// Idle threads, deferred work of an M.
    MLists,
    /// Dynamic itabs.
    Itab,
    /// reflect's offsets, types made at run time.
    ReflectTypes,
    /// Finalizer and cleanup queue.
    FinalizerQueue,
    /// Work for assists.
    AssistQueue,
    /// Roots of specials.
    SpecialRoots,
    /// Stack segments of goroutines.
    StackPool,
    /// Large stack segments.
    StackLarge,
    /// One span class's spans.
    Central,
    /// A span's list of specials.
    SpanSpecials,
    /// Heap profile buckets.
    HeapProfile,
    /// Marking work that spills.
    WorkBufs,
    /// Pages and spans.
    Heap,
    /// Free specials.
    SpecialPool,
    /// Memory of the runtime itself.
    Persistent,
    /// Taken last: prints.
    Print,
}

/// Ranks of which a thread may hold several locks, taken in address order.
pub const SAME_RANK_OK: &[LockRank] = &[
    LockRank::Channel,
    LockRank::Semaphore,
    LockRank::Timers,
    LockRank::SpanSpecials,
];

/// Locks that a thread holds, most recent last.
#[derive(Debug)]
pub struct HeldLocks {
    len: usize,
    held: [(LockRank, usize); HeldLocks::MAX],
}

impl HeldLocks {
    const MAX: usize = 32;

    /// None held.
    pub const fn new() -> HeldLocks {
        HeldLocks {
            len: 0,
            held: [(LockRank::Unranked, 0); HeldLocks::MAX],
        }
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The lock that forbids taking one of this rank, if any.
    fn conflict(&self, rank: LockRank, addr: usize) -> Option<(LockRank, usize)> {
        let same_ok = SAME_RANK_OK.contains(&rank);
        self.held[..self.len]
            .iter()
            .copied()
            .find(|(held, at)| *held > rank || (*held == rank && !(same_ok && *at < addr)))
    }

    fn push(&mut self, rank: LockRank, addr: usize) {
        if self.len == HeldLocks::MAX {
            rt_os::throw!("too many locks held (taking {})", rank.name());
        }
        self.held[self.len] = (rank, addr);
        self.len += 1;
    }

    fn remove(&mut self, addr: usize) -> bool {
        let Some(index) = self.held[..self.len]
            .iter()
            .rposition(|(_, at)| *at == addr)
        else {
            return false;
        };
        self.held.copy_within(index + 1..self.len, index);
        self.len -= 1;
        true
    }
}

/// Null, or the function that finds the calling thread's [`HeldLocks`].
static PROVIDER: AtomicPtr<()> = AtomicPtr::new(core::ptr::null_mut());

/// Says where threads keep their held ranks; the function may return null (not checked then, for
/// instance on a thread that is being born).
pub fn set_held_locks_provider(provider: fn() -> *mut HeldLocks) {
    PROVIDER.store(provider as *mut (), Ordering::Release);
}

fn current() -> Option<&'static mut HeldLocks> {
    let provider = PROVIDER.load(Ordering::Acquire);
    if provider.is_null() {
        return None;
    }
    // SAFETY: only `set_held_locks_provider` stores here.
    let provider: fn() -> *mut HeldLocks = unsafe { core::mem::transmute(provider) };
    // SAFETY: the provider returns the calling thread's own list, or null.
    unsafe { provider().as_mut() }
}

/// Checks that a lock may be taken; called before blocking, so that a deadlock is reported
/// instead of entered.
#[inline]
pub fn check_acquire(rank: LockRank, addr: usize) {
    if !cfg!(debug_assertions) || rank == LockRank::Unranked {
        return;
    }
    if let Some(held) = current() {
        if let Some((other, _)) = held.conflict(rank, addr) {
            rt_os::throw!(
                "lock order: {} taken while {} is held",
                rank.name(),
                other.name()
            );
        }
        held.push(rank, addr);
    }
}

/// Notes that a lock was taken without waiting (no order to respect).
#[inline]
pub fn note_try_acquired(rank: LockRank, addr: usize) {
    if cfg!(debug_assertions) && rank != LockRank::Unranked {
        if let Some(held) = current() {
            held.push(rank, addr);
        }
    }
}

/// Notes that a lock is released.
#[inline]
pub fn note_release(rank: LockRank, addr: usize) {
    if cfg!(debug_assertions) && rank != LockRank::Unranked {
        if let Some(held) = current() {
            held.remove(addr);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_the_order_of_the_table() {
        let mut held = HeldLocks::new();
        assert!(held.conflict(LockRank::Heap, 1).is_none());
        held.push(LockRank::Sched, 1);
        assert!(held.conflict(LockRank::Heap, 2).is_none());
        assert_eq!(
            held.conflict(LockRank::Channel, 2),
            Some((LockRank::Sched, 1))
        );
        assert_eq!(
            held.conflict(LockRank::Sched, 2),
            Some((LockRank::Sched, 1))
        );
        assert!(held.remove(1) && held.is_empty() && !held.remove(1));
    }

    #[test]
    fn channels_nest_by_address() {
        let mut held = HeldLocks::new();
        held.push(LockRank::Channel, 100);
        assert!(held.conflict(LockRank::Channel, 200).is_none());
        assert!(held.conflict(LockRank::Channel, 50).is_some());
        assert!(held.conflict(LockRank::Channel, 100).is_some());
    }
}
