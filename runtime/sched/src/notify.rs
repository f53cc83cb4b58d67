//! `sync.Cond`'s ticket lists.

use crate::g::{G, GList};
use crate::proc;
use crate::reason::ParkReason;
use crate::sudog::Sudog;
use core::cell::Cell;
use core::ptr;
use rt_sync::RawMutex;
use rt_sync::atomic::{AtomicU32, Ordering};

/// `sync.notifyList`; zero is the initial value.
#[repr(C)]
pub struct NotifyList {
    /// Next ticket to give.
    wait: AtomicU32,
    /// Next ticket to notify; written under the lock.
    notify: AtomicU32,
    lock: RawMutex,
    head: Cell<*const Sudog>,
    tail: Cell<*const Sudog>,
}

const _: () = assert!(size_of::<NotifyList>() == 32 && size_of::<RawMutex>() == 8);

/// a < b for tickets that wrap around.
fn less(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

impl NotifyList {
    /// Takes a ticket.
    pub fn add(&self) -> u32 {
        self.wait.fetch_add(1, Ordering::SeqCst)
    }

    fn unlock(&self) {
        // SAFETY: callers hold it.
        unsafe { self.lock.unlock() };
    }

    /// Parks until the ticket is notified (system function).
    pub fn wait(&self, ticket: u32) {
        let g = G::current();
        self.lock.lock();
        if less(ticket, self.notify.load(Ordering::Relaxed)) {
            self.unlock();
            return;
        }
        g.sudog.prepare(g, self as *const _ as usize, 0);
        g.sudog.ticket.set(ticket);
        if crate::profile::block_enabled() {
            g.sudog.since.set(rt_os::time::cputicks() as i64);
            g.on_resume
                .set(Some(|g| crate::profile::block_event(g, &g.sudog)));
        }
        // SAFETY: null or the last waiter.
        match unsafe { self.tail.get().as_ref() } {
            Some(tail) => tail.next.set(&g.sudog),
            None => self.head.set(&g.sudog),
        }
        self.tail.set(&g.sudog);
        proc::park(ParkReason::SyncCondWait, || self.unlock())
    }

    /// Wakes everybody.
    pub fn notify_all(&self) {
        if self.wait.load(Ordering::SeqCst) == self.notify.load(Ordering::SeqCst) {
            return;
        }
        self.lock.lock();
        let mut at = self.head.replace(ptr::null());
        self.tail.set(ptr::null());
        self.notify
            .store(self.wait.load(Ordering::SeqCst), Ordering::SeqCst);
        self.unlock();
        let list = GList::new();
        // SAFETY: the chain is ours now; a sudog's `next` is read before its goroutine may run.
        while let Some(sudog) = unsafe { at.as_ref() } {
            at = sudog.next.replace(ptr::null());
            list.push_back(sudog.g());
        }
        while let Some(g) = list.pop_front() {
            check_bubble(g);
            proc::ready(g);
        }
    }

    /// Wakes the waiter with the lowest ticket.
    pub fn notify_one(&self) {
        if self.wait.load(Ordering::SeqCst) == self.notify.load(Ordering::SeqCst) {
            return;
        }
        self.lock.lock();
        let ticket = self.notify.load(Ordering::Relaxed);
        if ticket == self.wait.load(Ordering::SeqCst) {
            self.unlock();
            return;
        }
        self.notify.store(ticket.wrapping_add(1), Ordering::SeqCst);
        // The ticket's owner may not have queued yet: then wait() returns at once.
        let mut before: *const Sudog = ptr::null();
        let mut at = self.head.get();
        // SAFETY: queued sudogs are live; under the lock.
        while let Some(sudog) = unsafe { at.as_ref() } {
            if sudog.ticket.get() == ticket {
                let next = sudog.next.replace(ptr::null());
                // SAFETY: null or queued.
                match unsafe { before.as_ref() } {
                    Some(before) => before.next.set(next),
                    None => self.head.set(next),
                }
                if next.is_null() {
                    self.tail.set(before);
                }
                self.unlock();
                check_bubble(sudog.g());
                return proc::ready(sudog.g());
            }
            before = at;
            at = sudog.next.get();
        }
        self.unlock();
    }
}
/// A goroutine of a bubble may be woken only from inside.
fn check_bubble(g: &'static G) {
    if let Some(bubble) = crate::bubble::of(g)
        && !crate::bubble::current().is_some_and(|own| core::ptr::eq(own, bubble))
    {
        rt_os::eprint_raw!(
            "semaphore wake of synctest goroutine {} from outside bubble\n",
            g.goid.get()
        );
        crate::hooks::fatal("semaphore wake of synctest goroutine from outside bubble");
    }
}
