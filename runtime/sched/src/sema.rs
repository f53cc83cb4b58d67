//! Semaphores by address: what std's Mutex, RWMutex, WaitGroup and fdMutex sleep on.
//!
//! A semaphore is a u32 anywhere in memory. Waiters queue in a table of buckets by address: a bucket lists one head waiter per
//! address, the head has the queue of the others. A released permit may be taken by anybody (a running goroutine included); a woken
//! waiter that comes too late queues again. With hand-off the permit goes to the first waiter, which runs at once.

use crate::g::G;
use crate::m::M;
use crate::proc;
use crate::reason::ParkReason;
use crate::sudog::Sudog;
use core::cell::Cell;
use core::ptr;
use rt_sync::atomic::{AtomicU32, Ordering};
use rt_sync::{LockRank, SpinLock};

const BUCKETS: usize = 1024;

#[repr(align(64))]
struct Bucket {
    lock: SpinLock,
    waiters: AtomicU32,
    heads: Cell<*const Sudog>,
}

// SAFETY: `heads` is under the lock.
unsafe impl Sync for Bucket {}

static TABLE: [Bucket; BUCKETS] = [const {
    Bucket {
        lock: SpinLock::new(LockRank::Semaphore),
        waiters: AtomicU32::new(0),
        heads: Cell::new(ptr::null()),
    }
}; BUCKETS];

fn bucket(addr: usize) -> &'static Bucket {
    // Fibonacci hashing of the address without its alignment.
    &TABLE[((addr >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) % BUCKETS]
}

impl Bucket {
    fn find(&self, addr: usize) -> Option<&'static Sudog> {
        // SAFETY: queued sudogs are live; under the lock.
        let mut at = unsafe { self.heads.get().as_ref() };
        while let Some(head) = at {
            if head.object.get() == addr {
                return Some(head);
            }
            // SAFETY: as above.
            at = unsafe { head.next.get().as_ref() };
        }
        None
    }

    fn add_head(&self, head: &'static Sudog) {
        head.prev.set(ptr::null());
        head.next.set(self.heads.get());
        // SAFETY: null or a queued head.
        if let Some(next) = unsafe { self.heads.get().as_ref() } {
            next.prev.set(head);
        }
        self.heads.set(head);
    }

    fn remove_head(&self, head: &'static Sudog) {
        // SAFETY: neighbours are queued heads.
        unsafe {
            match head.prev.get().as_ref() {
                Some(prev) => prev.next.set(head.next.get()),
                None => self.heads.set(head.next.get()),
            }
            if let Some(next) = head.next.get().as_ref() {
                next.prev.set(head.prev.get());
            }
        }
        head.next.set(ptr::null());
        head.prev.set(ptr::null());
    }

    fn enqueue(&self, sudog: &'static Sudog, addr: usize, lifo: bool) {
        let Some(head) = self.find(addr) else {
            return self.add_head(sudog);
        };
        if lifo {
            // The new one takes the head's place; the old head leads its queue.
            self.remove_head(head);
            self.add_head(sudog);
            head.next.set(head.wait_head.replace(ptr::null()));
            let tail = head.wait_tail.replace(ptr::null());
            sudog.wait_head.set(head);
            sudog
                .wait_tail
                .set(if tail.is_null() { head } else { tail });
        } else {
            sudog.next.set(ptr::null());
            // SAFETY: null or the last of the queue.
            match unsafe { head.wait_tail.get().as_ref() } {
                Some(tail) => tail.next.set(sudog),
                None => head.wait_head.set(sudog),
            }
            head.wait_tail.set(sudog);
        }
    }

    fn dequeue(&self, addr: usize) -> Option<&'static Sudog> {
        let head = self.find(addr)?;
        self.remove_head(head);
        // SAFETY: null or the first of the queue.
        if let Some(second) = unsafe { head.wait_head.replace(ptr::null()).as_ref() } {
            let rest = second.next.get();
            let tail = head.wait_tail.replace(ptr::null());
            self.add_head(second);
            second.wait_head.set(rest);
            second
                .wait_tail
                .set(if rest.is_null() { ptr::null() } else { tail });
        }
        Some(head)
    }
}

fn try_take(addr: usize) -> bool {
    // SAFETY: the caller of the Go entry point passed the address of a live semaphore word.
    let word = unsafe { AtomicU32::from_ptr(addr as *mut u32) };
    let mut value = word.load(Ordering::SeqCst);
    while value > 0 {
        match word.compare_exchange_weak(value, value - 1, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => return true,
            Err(found) => value = found,
        }
    }
    false
}

/// Takes a permit, waiting for one if need be. System function: may park, then the goroutine continues after it.
pub fn acquire(addr: usize, lifo: bool, reason: ParkReason) {
    if try_take(addr) {
        return;
    }
    let g = G::current();
    g.sudog.prepare(g, addr, 0);
    if crate::profile::block_enabled() {
        g.sudog.since.set(rt_os::time::cputicks() as i64);
    }
    wait(g, lifo, reason);
}

/// Queues and parks, unless a permit turns up.
fn wait(g: &'static G, lifo: bool, reason: ParkReason) {
    let addr = g.sudog.object.get();
    let bucket = bucket(addr);
    bucket.lock.lock();
    // Announce before the last look: a releaser adds its permit before it looks at `waiters`.
    bucket.waiters.fetch_add(1, Ordering::SeqCst);
    if try_take(addr) {
        bucket.waiters.fetch_sub(1, Ordering::SeqCst);
        // SAFETY: taken above.
        unsafe { bucket.lock.unlock() };
        return;
    }
    bucket.enqueue(&g.sudog, addr, lifo);
    g.on_resume.set(Some(resumed));
    // SAFETY: taken above.
    proc::park(reason, || unsafe { bucket.lock.unlock() })
}

fn resumed(g: &'static G) {
    if g.sudog.ticket.get() != 0 || try_take(g.sudog.object.get()) {
        crate::profile::block_event(g, &g.sudog);
        return;
    }
    wait(g, false, g.reason());
}

/// Releases a permit and wakes a waiter. With `handoff` the waiter owns the permit and runs now.
pub fn release(addr: usize, handoff: bool) {
    let bucket = bucket(addr);
    // SAFETY: as in try_take.
    unsafe { AtomicU32::from_ptr(addr as *mut u32) }.fetch_add(1, Ordering::SeqCst);
    if bucket.waiters.load(Ordering::SeqCst) == 0 {
        return;
    }
    bucket.lock.lock();
    let sudog = if bucket.waiters.load(Ordering::SeqCst) == 0 {
        None
    } else {
        bucket.dequeue(addr)
    };
    if sudog.is_some() {
        bucket.waiters.fetch_sub(1, Ordering::SeqCst);
    }
    // SAFETY: taken above.
    unsafe { bucket.lock.unlock() };
    let Some(sudog) = sudog else { return };
    crate::profile::mutex_event(sudog);
    let granted = handoff && try_take(addr);
    if granted {
        sudog.ticket.set(1);
    }
    let g = G::current();
    proc::ready(sudog.g());
    if granted && !g.is_g0.get() && M::current().pins.get() == 0 {
        // The waiter is next on this P: let it run.
        proc::yield_local(g);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(addr: usize) -> &'static Sudog {
        let sudog = Box::leak(Box::new(Sudog::new()));
        sudog.object.set(addr);
        sudog
    }

    fn bucket() -> Bucket {
        Bucket {
            lock: SpinLock::new(LockRank::Unranked),
            waiters: AtomicU32::new(0),
            heads: Cell::new(ptr::null()),
        }
    }

    /// Random operations on a few addresses in one bucket, against queues of plain vectors.
    #[test]
    fn waiters_leave_in_order_of_arrival_unless_put_in_front() {
        let bucket = bucket();
        let mut naive: Vec<std::collections::VecDeque<usize>> = vec![Default::default(); 4];
        let mut state = 99u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let (which, what) = ((state >> 33) as usize % 4, (state >> 40) % 5);
            let addr = 1000 + which * 8;
            if what < 3 {
                let sudog = waiter(addr);
                let lifo = what == 0;
                bucket.enqueue(sudog, addr, lifo);
                let id = sudog as *const Sudog as usize;
                if lifo {
                    naive[which].push_front(id)
                } else {
                    naive[which].push_back(id)
                }
            } else {
                let found = bucket
                    .dequeue(addr)
                    .map(|sudog| sudog as *const Sudog as usize);
                assert_eq!(found, naive[which].pop_front());
            }
        }
    }

    #[test]
    fn permits_are_taken_until_none_is_left() {
        let word = AtomicU32::new(2);
        let addr = word.as_ptr() as usize;
        assert!(try_take(addr) && try_take(addr) && !try_take(addr));
    }
}
