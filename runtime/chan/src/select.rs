//! `select` over several channels.
//!
//! 1. Cases are tried in a random order, locks taken in address order.
//! 2. If none is ready, the goroutine queues a sudog on every channel and parks with all locks released. Whoever wants to
//!    complete one of its cases must win `G::select_done`, so exactly one does.
//! 3. Resumed, it takes all locks again, removes the losing sudogs and returns the winner.
//!
//! While the last channels are being unlocked another M may already run the continuation; it waits for the locks, and after
//! the last unlock nothing of the goroutine is touched.

use crate::{Hchan, is_durable, receive_from, wake};
use core::ptr;
use core::sync::atomic::Ordering;
use rt_sched::g::G;
use rt_sched::hooks::raise_panic;
use rt_sched::m::M;
use rt_sched::proc;
use rt_sched::reason::ParkReason;
use rt_sched::sudog::Sudog;

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
    let lock_order = &mut lock_order[..count];
    lock_order.copy_from_slice(poll_order);
    lock_order.sort_unstable_by_key(|&case| slice[case as usize].chan);
    let lock_order = &*lock_order;

    all.lock(lock_order);
    for &case in poll_order {
        let chan = all.chan(case);
        let elem = slice[case as usize].elem;
        if all.is_send(case) {
            if chan.closed.load(Ordering::Relaxed) != 0 {
                all.unlock(lock_order);
                raise_panic("send on closed channel");
            }
            if let Some(receiver) = chan.receivers.pop() {
                chan.copy_elem(receiver.elem.get(), elem);
                all.unlock(lock_order);
                wake(receiver, true);
                return (case as isize, false);
            }
            if chan.count.load(Ordering::Relaxed) < chan.capacity {
                chan.enqueue(elem);
                all.unlock(lock_order);
                return (case as isize, false);
            }
        } else {
            if let Some(sender) = chan.senders.pop() {
                receive_from(chan, sender, elem);
                all.unlock(lock_order);
                wake(sender, true);
                return (case as isize, true);
            }
            if chan.count.load(Ordering::Relaxed) > 0 {
                chan.dequeue(elem);
                all.unlock(lock_order);
                return (case as isize, true);
            }
            if chan.closed.load(Ordering::Relaxed) != 0 {
                all.unlock(lock_order);
                chan.clear_elem(elem);
                return (case as isize, false);
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
        sudog.case.set(case as u32);
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
        let case = sudog.case.get() as u16;
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
        raise_panic("send on closed channel");
    }
    g.ret0.set(chosen as usize);
    g.ret1.set((success && !is_send) as usize);
}
