//! A goroutine's place in a wait queue: of a channel, a semaphore, a condition.
//!
//! Operations on one object use the one embedded in G; select takes as many as it has cases from
//! a pool. All fields are under the lock of the object waited for, except as noted.

use crate::g::G;
use core::cell::Cell;
use core::ptr;
use rt_sync::{LockRank, Mutex};

/// The waiter.
pub struct Sudog {
    /// Who waits.
    pub g: Cell<*const G>,
    #[allow(missing_docs)]
    pub next: Cell<*const Sudog>,
    #[allow(missing_docs)]
    pub prev: Cell<*const Sudog>,
    /// Value to send or room for a received one (stack or heap; null: none).
    pub elem: Cell<usize>,
    /// Channel, or address of the semaphore.
    pub object: Cell<usize>,
    /// Semaphores: direct hand-over; notify lists: the ticket.
    pub ticket: Cell<u32>,
    /// Index of the select case.
    pub case: Cell<u16>,
    /// Part of a select: whoever dequeues it must win `select_done`.
    pub is_select: Cell<bool>,
    /// Woken by communication (true) or by close (false). Written by the waker, read by the woken.
    pub success: Cell<bool>,
    /// Semaphores: first and last of the other waiters of the same address.
    pub wait_head: Cell<*const Sudog>,
    #[allow(missing_docs)]
    pub wait_tail: Cell<*const Sudog>,
    /// cputicks when it began to wait, 0 if not sampled.
    pub since: Cell<i64>,
}

// SAFETY: under the lock of the object waited for.
unsafe impl Sync for Sudog {}
// SAFETY: as above.
unsafe impl Send for Sudog {}

impl Sudog {
    /// Unused.
    pub const fn new() -> Sudog {
        Sudog {
            g: Cell::new(ptr::null()),
            next: Cell::new(ptr::null()),
            prev: Cell::new(ptr::null()),
            elem: Cell::new(0),
            object: Cell::new(0),
            ticket: Cell::new(0),
            case: Cell::new(0),
            is_select: Cell::new(false),
            success: Cell::new(false),
            wait_head: Cell::new(ptr::null()),
            wait_tail: Cell::new(ptr::null()),
            since: Cell::new(0),
        }
    }

    /// The waiting goroutine.
    pub fn g(&self) -> &'static G {
        // SAFETY: set before the sudog is queued; Gs are never freed.
        unsafe { &*self.g.get() }
    }

    /// Prepares it for a new wait.
    pub fn prepare(&self, g: &'static G, object: usize, elem: usize) {
        self.g.set(g);
        self.next.set(ptr::null());
        self.prev.set(ptr::null());
        self.elem.set(elem);
        self.object.set(object);
        self.ticket.set(0);
        self.is_select.set(false);
        self.success.set(false);
        self.wait_head.set(ptr::null());
        self.wait_tail.set(ptr::null());
        self.since.set(0);
    }
}

/// Batches of unused sudogs: a batch is linked through `next`, batches through their first's `wait_head`.
struct Pool {
    batches: *const Sudog,
}
// SAFETY: behind the mutex.
unsafe impl Send for Pool {}

static POOL: Mutex<Pool> = Mutex::new(
    LockRank::MLists,
    Pool {
        batches: ptr::null(),
    },
);

/// Sudogs of a batch.
pub const BATCH: u32 = 64;

/// A chain of [`BATCH`] unused sudogs linked through `next`, for selects. Ps keep a few; see
/// [`crate::p::P::take_sudog`].
pub fn take_batch() -> &'static Sudog {
    let mut pool = POOL.lock();
    // SAFETY: free sudogs are initialised and never freed.
    if let Some(batch) = unsafe { pool.batches.as_ref() } {
        pool.batches = batch.wait_head.replace(ptr::null());
        return batch;
    }
    drop(pool);
    let memory = crate::persist::alloc(BATCH as usize * size_of::<Sudog>(), align_of::<Sudog>())
        as *mut Sudog;
    let mut first: *const Sudog = ptr::null();
    for index in (0..BATCH as usize).rev() {
        // SAFETY: fresh memory for BATCH sudogs.
        unsafe {
            memory.add(index).write(Sudog::new());
            (*memory.add(index)).next.set(first);
        }
        first = memory.wrapping_add(index);
    }
    // SAFETY: the first of those just made.
    unsafe { &*first }
}

/// Takes a chain of [`BATCH`] back.
pub fn put_batch(batch: &'static Sudog) {
    let mut pool = POOL.lock();
    batch.wait_head.set(pool.batches);
    pool.batches = batch;
}
