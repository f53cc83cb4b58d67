//! synctest bubbles: groups of goroutines with a clock of their own that moves when all of them are durably blocked.

use crate::g::{G, Status};
use crate::m::M;
use crate::proc;
use crate::reason::ParkReason;
use crate::timer::TimerHeap;
use core::cell::Cell;
use core::ptr;
use rt_sync::atomic::{AtomicBool, AtomicI64, Ordering};
use rt_sync::{LockRank, RawMutex};

/// Midnight UTC 2000-01-01 in ns since 1970: where a bubble's clock starts.
const EPOCH: i64 = 946_684_800_000_000_000;

/// A bubble. Off-heap, never freed (one per test).
pub struct Bubble {
    lock: RawMutex,
    timers: TimerHeap,
    now: AtomicI64,
    /// Goroutines of the bubble, the root included.
    total: Cell<i32>,
    /// Of these, not durably blocked; plus pins.
    active: Cell<i32>,
    /// Called synctest.Run; null once it is over.
    root: Cell<*const G>,
    /// In synctest.Wait.
    waiter: Cell<*const G>,
    waiting: Cell<bool>,
    /// The root is parked in Run's loop.
    root_parked: Cell<bool>,
    done: AtomicBool,
    /// Bubble's main goroutine has ended.
    main: Cell<*const G>,
    main_done: Cell<bool>,
    all_next: Cell<*const Bubble>,
}

// SAFETY: cells under the lock.
unsafe impl Sync for Bubble {}

/// The goroutine's bubble.
#[inline]
pub fn of(g: &G) -> Option<&'static Bubble> {
    // SAFETY: null or a bubble, never freed.
    unsafe { g.bubble.get().as_ref() }
}

/// The bubble of what runs now: a goroutine, or a timer's function on g0.
#[inline]
pub fn current() -> Option<&'static Bubble> {
    let curg = M::current().curg.load(Ordering::Relaxed);
    // SAFETY: null or the current G.
    unsafe { curg.as_ref() }.and_then(of)
}

/// The clock of the current goroutine: its bubble's or the system's.
#[inline]
pub fn now() -> i64 {
    match current() {
        Some(bubble) => bubble.now(),
        None => rt_os::time::nanotime(),
    }
}

impl Bubble {
    const fn new() -> Bubble {
        Bubble {
            lock: RawMutex::new(LockRank::Unranked),
            timers: TimerHeap::new(),
            now: AtomicI64::new(EPOCH),
            total: Cell::new(0),
            active: Cell::new(0),
            root: Cell::new(ptr::null()),
            waiter: Cell::new(ptr::null()),
            waiting: Cell::new(false),
            root_parked: Cell::new(false),
            done: AtomicBool::new(false),
            main: Cell::new(ptr::null()),
            main_done: Cell::new(false),
            all_next: Cell::new(ptr::null()),
        }
    }

    /// Its clock (ns since 1970; serves as monotonic clock too).
    pub fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    /// Its timers.
    pub fn timers(&'static self) -> &'static TimerHeap {
        &self.timers
    }

    /// Whether Run has returned.
    pub fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    fn unlock(&self) {
        // SAFETY: callers hold it.
        unsafe { self.lock.unlock() };
    }

    /// A goroutine of the bubble starts another.
    pub fn adopt(&'static self, g: &'static G) {
        self.lock.lock();
        self.total.set(self.total.get() + 1);
        self.active.set(self.active.get() + 1);
        self.unlock();
        g.bubble.set(self);
    }

    /// Keeps the bubble from being idle: somebody outside acts for it.
    pub fn pin(&self) {
        self.lock.lock();
        self.active.set(self.active.get() + 1);
        self.unlock();
    }

    /// Undoes [`Bubble::pin`].
    pub fn unpin(&self) {
        self.lock.lock();
        self.active.set(self.active.get() - 1);
        let wake = self.maybe_wake();
        self.unlock();
        if let Some(g) = wake {
            proc::ready(g);
        }
    }

    /// If every goroutine is durably blocked: the one to wake (Wait's caller first, else the root). It counts as active from now on,
    /// so that nobody else wakes it. [lock]
    fn maybe_wake(&self) -> Option<&'static G> {
        if self.active.get() > 0 {
            return None;
        }
        // SAFETY: null or a G.
        if let Some(waiter) = unsafe { self.waiter.replace(ptr::null()).as_ref() } {
            self.active.set(self.active.get() + 1);
            return Some(waiter);
        }
        if self.root_parked.replace(false) {
            self.active.set(self.active.get() + 1);
            // SAFETY: parked root.
            return unsafe { self.root.get().as_ref() };
        }
        None
    }
}

/// A goroutine is about to park (status still running).
#[inline]
pub fn on_park(g: &'static G, reason: ParkReason) {
    if let Some(bubble) = of(g)
        && reason.is_durable()
    {
        blocked(bubble, g);
    }
}

#[cold]
fn blocked(bubble: &'static Bubble, g: &'static G) {
    bubble.lock.lock();
    bubble.active.set(bubble.active.get() - 1);
    g.durably_blocked.set(true);
    let wake = bubble.maybe_wake();
    bubble.unlock();
    if let Some(other) = wake {
        // Not `ready` on this P's next slot: the caller has not parked yet, but it holds only its own operation's lock.
        proc::ready(other);
    }
}

/// A new goroutine of the bubble begins its life durably blocked.
pub fn on_born_parked(g: &'static G) {
    if let Some(bubble) = of(g) {
        bubble.lock.lock();
        bubble.active.set(bubble.active.get() - 1);
        g.durably_blocked.set(true);
        bubble.unlock();
    }
}

/// A parked goroutine is made runnable.
#[inline]
pub fn on_ready(g: &'static G) {
    if let Some(bubble) = of(g)
        && g.durably_blocked.replace(false)
    {
        bubble.lock.lock();
        bubble.active.set(bubble.active.get() + 1);
        bubble.unlock();
    }
}

/// A goroutine ended.
#[inline]
pub fn on_exit(g: &'static G) {
    if let Some(bubble) = of(g) {
        bubble.lock.lock();
        bubble.total.set(bubble.total.get() - 1);
        bubble.active.set(bubble.active.get() - 1);
        if ptr::eq(bubble.main.get(), g) {
            bubble.main_done.set(true);
        }
        let wake = bubble.maybe_wake();
        bubble.unlock();
        g.bubble.set(ptr::null());
        if let Some(other) = wake {
            proc::ready(other);
        }
    }
}

/// `internal/synctest.Run` (system function): runs the func value in a new bubble and returns when all its goroutines have ended.
pub extern "C" fn run(function: usize) {
    let g = G::current();
    if of(g).is_some() {
        crate::hooks::raise_panic("synctest.Run called from within a synctest bubble");
    }
    let at = crate::persist::alloc(size_of::<Bubble>(), 64) as *mut Bubble;
    // SAFETY: fresh memory, never freed.
    let bubble: &'static Bubble = unsafe {
        at.write(Bubble::new());
        &*at
    };
    bubble.timers.bubbled.set(true);
    publish(bubble);
    bubble.total.set(1);
    bubble.active.set(1);
    bubble.root.set(g);
    g.bubble.set(bubble);
    let main = proc::spawn(function, crate::stack::return_of_saved(g), Some(g));
    bubble.main.set(main);
    wait_as_root(g);
}

/// The root's loop: parks until the bubble is idle; then moves the clock to the next timer, or finds the bubble finished or
/// deadlocked.
fn wait_as_root(g: &'static G) {
    let Some(bubble) = of(g) else { return };
    loop {
        bubble.lock.lock();
        if bubble.total.get() == 1 {
            bubble.unlock();
            g.bubble.set(ptr::null());
            bubble.done.store(true, Ordering::Release);
            return;
        }
        if bubble.active.get() > 1 || !bubble.waiter.get().is_null() {
            // Others run: park until they are all blocked. If they are, Wait's caller goes first.
            bubble.active.set(bubble.active.get() - 1);
            let wake = bubble.maybe_wake();
            bubble.root_parked.set(true);
            g.on_resume.set(Some(wait_as_root));
            g.reason
                .store(ParkReason::SynctestRun as u8, Ordering::Relaxed);
            if crate::trace::on() {
                crate::trace::blocks(g, ParkReason::SynctestRun);
            }
            g.change_status(Status::Running, Status::Waiting);
            bubble.unlock();
            if let Some(waiter) = wake {
                proc::ready(waiter);
            }
            proc::schedule();
        }
        let next = bubble.timers.next_when();
        bubble.unlock();
        // Time stands still once the main goroutine has ended.
        if next == 0 || bubble.main_done.get() {
            g.bubble.set(ptr::null());
            bubble.done.store(true, Ordering::Release);
            crate::hooks::raise_panic(if bubble.main_done.get() {
                "deadlock: main bubble goroutine has exited but blocked goroutines remain"
            } else {
                "deadlock: all goroutines in bubble are blocked"
            });
        }
        if next > bubble.now() {
            bubble.now.store(next, Ordering::Relaxed);
        }
        bubble.timers.run(bubble.now());
    }
}

/// `internal/synctest.Wait` (system function).
pub extern "C" fn wait() {
    let g = G::current();
    let Some(bubble) = of(g) else {
        crate::hooks::raise_panic("goroutine is not in a bubble")
    };
    bubble.lock.lock();
    if bubble.waiting.get() {
        bubble.unlock();
        crate::hooks::raise_panic("wait already in progress");
    }
    bubble.active.set(bubble.active.get() - 1);
    if bubble.active.get() == 0 {
        bubble.active.set(1);
        bubble.unlock();
        return;
    }
    bubble.waiting.set(true);
    bubble.waiter.set(g);
    g.on_resume.set(Some(|g| {
        if let Some(bubble) = of(g) {
            bubble.waiting.set(false);
        }
    }));
    g.reason
        .store(ParkReason::SynctestWait as u8, Ordering::Relaxed);
    if crate::trace::on() {
        crate::trace::blocks(g, ParkReason::SynctestWait);
    }
    g.change_status(Status::Running, Status::Waiting);
    bubble.unlock();
    proc::schedule()
}

/// Bubbles that exist, newest first, for the collector.
static ALL: rt_sync::atomic::AtomicPtr<Bubble> = rt_sync::atomic::AtomicPtr::new(ptr::null_mut());

fn publish(bubble: &'static Bubble) {
    let at = bubble as *const Bubble as *mut Bubble;
    let mut head = ALL.load(Ordering::Acquire);
    loop {
        bubble.all_next.set(head);
        match ALL.compare_exchange_weak(head, at, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(found) => head = found,
        }
    }
}

/// Calls `visit` with every timer of every bubble. World stopped.
pub fn for_each_timer(mut visit: impl FnMut(usize)) {
    let mut at = ALL.load(Ordering::Acquire) as *const Bubble;
    // SAFETY: null or a bubble, never freed.
    while let Some(bubble) = unsafe { at.as_ref() } {
        if !bubble.is_done() {
            bubble.timers.for_each(&mut visit);
        }
        at = bubble.all_next.get();
    }
}

/// Objects tied to bubbles, by address: an open-addressing table that grows. Entries leave by [`disassociate`] or with their bubble.
struct Associations {
    slots: *mut (usize, *const Bubble),
    capacity: usize,
    used: usize,
}
// SAFETY: behind the mutex.
unsafe impl Send for Associations {}

static ASSOCIATIONS: rt_sync::Mutex<Associations> = rt_sync::Mutex::new(
    LockRank::Unranked,
    Associations {
        slots: ptr::null_mut(),
        capacity: 0,
        used: 0,
    },
);

impl Associations {
    fn find(&self, object: usize) -> Option<usize> {
        if self.capacity == 0 {
            return None;
        }
        let mut index = object.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20 & (self.capacity - 1);
        loop {
            // SAFETY: index < capacity.
            match unsafe { (*self.slots.add(index)).0 } {
                0 => return None,
                key if key == object => return Some(index),
                _ => index = (index + 1) & (self.capacity - 1),
            }
        }
    }
    fn insert(&mut self, object: usize, bubble: *const Bubble) {
        if self.used * 2 >= self.capacity {
            let old = (self.slots, self.capacity);
            self.capacity = (old.1 * 2).max(256);
            self.slots =
                crate::persist::map(self.capacity * size_of::<(usize, *const Bubble)>()) as *mut _;
            self.used = 0;
            for index in 0..old.1 {
                // SAFETY: the old table.
                let (key, value) = unsafe { *old.0.add(index) };
                // Entries of finished bubbles and removed ones are dropped.
                // SAFETY: null or a bubble, never freed.
                if key != 0 && unsafe { value.as_ref() }.is_some_and(|bubble| !bubble.is_done()) {
                    self.insert(key, value);
                }
            }
        }
        let mut index = object.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20 & (self.capacity - 1);
        // SAFETY: index < capacity; at least half of the slots are free.
        unsafe {
            while (*self.slots.add(index)).0 != 0 {
                index = (index + 1) & (self.capacity - 1);
            }
            self.slots.add(index).write((object, bubble));
        }
        self.used += 1;
    }
    fn get(&self, object: usize) -> *const Bubble {
        match self.find(object) {
            // SAFETY: found.
            Some(index) => unsafe { (*self.slots.add(index)).1 },
            None => ptr::null(),
        }
    }
}

/// `internal/synctest.associate`: ties an object to the current bubble. 0: not in a bubble, 1: tied to the current one, 2: to another.
pub fn associate(g: &'static G, object: usize) -> usize {
    let Some(bubble) = of(g) else { return 0 };
    let mut table = ASSOCIATIONS.lock();
    let found = table.get(object);
    // SAFETY: null or a bubble, never freed.
    match unsafe { found.as_ref() } {
        Some(other) if ptr::eq(other, bubble) => 1,
        Some(other) if !other.is_done() => 2,
        _ => {
            if let Some(index) = table.find(object) {
                // SAFETY: found.
                unsafe { (*table.slots.add(index)).1 = bubble };
            } else {
                table.insert(object, bubble);
            }
            1
        }
    }
}

/// `internal/synctest.disassociate`.
pub fn disassociate(object: usize) {
    let table = ASSOCIATIONS.lock();
    if let Some(index) = table.find(object) {
        // SAFETY: found. The key stays, as a tombstone, until the table grows.
        unsafe { (*table.slots.add(index)).1 = ptr::null() };
    }
}

/// `internal/synctest.isAssociated`.
pub fn is_associated(object: usize) -> bool {
    // SAFETY: null or a bubble, never freed.
    unsafe { ASSOCIATIONS.lock().get(object).as_ref() }.is_some_and(|bubble| !bubble.is_done())
}
