//! `select` over several channels.
//!
//! 1. Cases are tried in a random order: first those that look ready, one by one, then all with all locks held, taken in address order.
//! 2. If none is ready, the goroutine queues a sudog on every channel and parks with all locks released. Whoever wants to
//!    complete one of its cases must win `G::select_done`, so exactly one does.
//! 3. Resumed, it takes all locks again, removes the losing sudogs and returns the winner.
//!
//! While the last channels are being unlocked another M may already run the continuation; it waits for the locks, and after
//! the last unlock nothing of the goroutine is touched.

use crate::{Hchan, is_durable, receive_from, wake};
use core::ptr;
use rt_sched::g::G;
use rt_sched::hooks::{Place, raise_panic_in};
use rt_sched::m::M;
use rt_sched::proc;
use rt_sched::reason::ParkReason;
use rt_sched::sudog::Sudog;
use rt_sync::atomic::Ordering;

/// A case, as the compiler lays it out.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Scase {
    /// Channel, 0 for nil.
    pub chan: usize,
    /// Value to send, or room for the received one.
    pub elem: usize,
}

#[derive(Clone, Copy)]
struct Cases<'a> {
    cases: &'a [Scase],
    sends: usize,
}

impl Cases<'_> {
    fn chan(&self, case: u16) -> &'static Hchan {
        // SAFETY: only cases with a channel are in the orders; the goroutine's stack keeps it.
        unsafe { &*(self.cases[case as usize].chan as *const Hchan) }
    }
    fn is_send(&self, case: u16) -> bool {
        (case as usize) < self.sends
    }
    fn lock(&self, order: &[u16]) {
        let mut last: *const Hchan = ptr::null();
        for &case in order {
            let chan = self.chan(case);
            if !ptr::eq(chan, last) {
                chan.lock.lock();
                last = chan;
            }
        }
    }
    /// Completes a case if it is ready. Its channel is locked.
    #[inline]
    fn attempt(&self, case: u16) -> Attempt {
        let chan = self.chan(case);
        let elem = self.cases[case as usize].elem;
        if self.is_send(case) {
            if chan.closed.load(Ordering::Relaxed) != 0 {
                return Attempt::Closed;
            }
            if let Some(waiter) = chan.receivers.pop() {
                chan.copy_elem(waiter.elem.get(), elem);
                return Attempt::Woke {
                    waiter,
                    received: false,
                };
            }
            if chan.count.load(Ordering::Relaxed) < chan.capacity {
                chan.enqueue(elem);
                return Attempt::Done { received: false };
            }
        } else {
            if let Some(waiter) = chan.senders.pop() {
                receive_from(chan, waiter, elem);
                return Attempt::Woke {
                    waiter,
                    received: true,
                };
            }
            if chan.count.load(Ordering::Relaxed) > 0 {
                chan.dequeue(elem);
                return Attempt::Done { received: true };
            }
            if chan.closed.load(Ordering::Relaxed) != 0 {
                chan.clear_elem(elem);
                return Attempt::Done { received: false };
            }
        }
        Attempt::NotReady
    }

    /// Reads everything it needs of a channel before it unlocks it.
    fn unlock(&self, order: &[u16]) {
        let count = order.len();
        for index in 0..count {
            let chan = self.chan(order[index]);
            if index + 1 < count && ptr::eq(self.chan(order[index + 1]), chan) {
                continue;
            }
            chan.unlock();
        }
    }
}

/// What became of a case, its channel's lock held.
enum Attempt {
    NotReady,
    /// The element went to the buffer or came from it, or the channel is closed.
    Done {
        received: bool,
    },
    /// A waiter gave or took the element: it is to be woken after the unlock.
    Woke {
        waiter: &'static Sudog,
        received: bool,
    },
    /// A send on a closed channel.
    Closed,
}

impl Attempt {
    /// What is left to do without locks; the result of the select.
    #[inline]
    fn finish(self, case: u16) -> (isize, bool) {
        match self {
            Attempt::NotReady => (-1, false),
            Attempt::Done { received } => (case as isize, received),
            Attempt::Woke { waiter, received } => {
                wake(waiter, true);
                (case as isize, received)
            }
            Attempt::Closed => raise_panic_in(Place::Select, "send on closed channel", false),
        }
    }
}

/// Without the lock: a hint.
#[inline]
fn looks_ready(chan: &Hchan, send: bool) -> bool {
    let count = chan.count.load(Ordering::Relaxed);
    chan.closed.load(Ordering::Relaxed) != 0
        || if send {
            count < chan.capacity || !chan.receivers.is_empty()
        } else {
            count > 0 || !chan.senders.is_empty()
        }
}

/// Fills `lock_order` with the cases of `poll_order` by address of their channels.
fn sort_by_channel(poll_order: &[u16], lock_order: &mut [u16], cases: &[Scase]) {
    const FEW: usize = 16;
    let address = |case: u16| cases[case as usize].chan;
    if poll_order.len() > FEW {
        lock_order.copy_from_slice(poll_order);
        return lock_order.sort_unstable_by_key(|&case| address(case));
    }
    for (filled, &case) in poll_order.iter().enumerate() {
        let mut at = filled;
        while at > 0 && address(lock_order[at - 1]) > address(case) {
            lock_order[at] = lock_order[at - 1];
            at -= 1;
        }
        lock_order[at] = case;
    }
}

/// `selectgo`: `order` has room for twice the number of cases. Returns (case, received); (-1, false) if nothing was ready and
/// `!block`. May park; then the return words are set.
///
/// # Safety
/// The arrays live on the calling goroutine's stack (or are kept by it) until the operation is over.
pub unsafe fn select(
    cases: *const Scase,
    order: *mut u16,
    sends: usize,
    recvs: usize,
    block: bool,
) -> (isize, bool) {
    let total = sends + recvs;
    // SAFETY: the caller's arrays; empty slices for no cases.
    let (slice, poll_order, lock_order) = if total == 0 {
        (&[][..], &mut [][..], &mut [][..])
    } else {
        // SAFETY: as above.
        unsafe {
            (
                core::slice::from_raw_parts(cases, total),
                core::slice::from_raw_parts_mut(order, total),
                core::slice::from_raw_parts_mut(order.add(total), total),
            )
        }
    };
    let all = Cases {
        cases: slice,
        sends,
    };
    let m = M::current();
    let mut count = 0;
    for case in 0..total {
        if slice[case].chan == 0 {
            continue;
        }
        let chan = all.chan(case as u16);
        crate::check_bubble(chan, "select on synctest channel from outside bubble");
        if let Some(timer) = chan.timer() {
            timer.run_if_due();
        }
        // A random permutation, grown by one.
        let other = m.cheaprandn(count as u32 + 1) as usize;
        poll_order[count] = poll_order[other];
        poll_order[other] = case as u16;
        count += 1;
    }
    let poll_order = &poll_order[..count];
    // A case that looks ready is tried under its channel's lock alone: whatever the others are by then, it may be chosen, and the random
    // order makes the choice among the ready ones fair. One that somebody else holds is left for later: another may be had without waiting.
    for &case in poll_order {
        let chan = all.chan(case);
        if !looks_ready(chan, all.is_send(case)) || !chan.lock.try_lock() {
            continue;
        }
        match all.attempt(case) {
            Attempt::NotReady => chan.unlock(),
            done => {
                chan.unlock();
                return done.finish(case);
            }
        }
    }

    let lock_order = &mut lock_order[..count];
    sort_by_channel(poll_order, lock_order, slice);
    let lock_order = &*lock_order;
    all.lock(lock_order);
    for &case in poll_order {
        match all.attempt(case) {
            Attempt::NotReady => {}
            done => {
                all.unlock(lock_order);
                return done.finish(case);
            }
        }
    }
    if !block {
        all.unlock(lock_order);
        return (-1, false);
    }

    let g = G::current();
    let p = m.p();
    let mut durable = true;
    let mut head: *const Sudog = ptr::null();
    g.select_done.store(0, Ordering::Relaxed);
    let since = if rt_sched::profile::block_enabled() {
        rt_os::time::cputicks() as i64
    } else {
        0
    };
    // In reverse lock order, so that the list is in lock order.
    for &case in lock_order.iter().rev() {
        let chan = all.chan(case);
        let sudog = p.take_sudog();
        sudog.prepare(g, chan.addr(), slice[case as usize].elem);
        sudog.is_select.set(true);
        sudog.case.set(case);
        sudog.since.set(since);
        sudog.wait_head.set(head);
        head = sudog;
        durable &= is_durable(chan, g);
        if all.is_send(case) {
            chan.senders.push(sudog);
        } else {
            chan.receivers.push(sudog);
            if let Some(timer) = chan.timer() {
                timer.block();
            }
        }
    }
    g.wait_obj.set(head as usize);
    g.select.cases.set(cases as usize);
    g.select.lock_order.set(lock_order.as_ptr() as usize);
    g.select.count.set(count as u32);
    g.select.sends.set(sends as u32);
    g.scratch[0].set(0);
    g.scratch[1].set(total);
    g.on_resume.set(Some(resumed));
    let reason = if durable && rt_sched::bubble::of(g).is_some() {
        ParkReason::SynctestSelect
    } else {
        ParkReason::Select
    };
    proc::park(reason, || all.unlock(lock_order))
}

fn resumed(g: &'static G) {
    // SAFETY: `select` left these; the arrays live in the goroutine's frame.
    let (all, order) = unsafe {
        (
            Cases {
                cases: core::slice::from_raw_parts(
                    g.select.cases.get() as *const Scase,
                    g.scratch[1].get(),
                ),
                sends: g.select.sends.get() as usize,
            },
            core::slice::from_raw_parts(
                g.select.lock_order.get() as *const u16,
                g.select.count.get() as usize,
            ),
        )
    };
    all.lock(order);
    let winner = g.scratch[0].get();
    let mut at = g.wait_obj.replace(0) as *const Sudog;
    let p = M::current().p();
    let (mut chosen, mut success) = (-1isize, false);
    // SAFETY: the list of our own sudogs.
    while let Some(sudog) = unsafe { at.as_ref() } {
        at = sudog.wait_head.replace(ptr::null());
        let case = sudog.case.get();
        let chan = all.chan(case);
        if !all.is_send(case)
            && let Some(timer) = chan.timer()
        {
            timer.unblock();
        }
        if sudog as *const Sudog as usize == winner {
            chosen = case as isize;
            success = sudog.success.get();
            rt_sched::profile::block_event(g, sudog);
        } else if all.is_send(case) {
            chan.senders.remove(sudog);
        } else {
            chan.receivers.remove(sudog);
        }
        p.put_sudog(sudog);
    }
    all.unlock(order);
    if chosen < 0 {
        rt_os::throw!("selectgo: bad wakeup");
    }
    let is_send = all.is_send(chosen as u16);
    if is_send && !success {
        raise_panic_in(Place::Select, "send on closed channel", false);
    }
    g.ret0.set(chosen as usize);
    g.ret1.set((success && !is_send) as usize);
}
