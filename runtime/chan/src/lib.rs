//! Channels and select.
//!
//! Reading order: [`hchan`] (layout, queues, element copies), this file (send, receive, close), [`select`].
//!
//! 1. Everything happens under the channel's lock. A sender finds a waiting receiver, room in the buffer, or queues itself;
//!    a receiver likewise. The waker copies the element directly from or to the waiter's variable (stacks do not move),
//!    sets `sudog.success` and makes the goroutine runnable after the unlock.
//! 2. What the woken side still has to do (panic if the channel was closed under a sender, leave a timer) is its
//!    continuation; otherwise the waker's stores suffice.
//! 3. Timer channels: see `rt_sched::timer`. Operations first run the timer if it is due; `len` and `cap` report 0.
//!
//! Architecture invariant: runs on system stacks; knows elements by size and pointer-freeness only.
#![cfg_attr(not(any(test, feature = "std")), no_std)]

pub mod hchan;
pub mod select;

pub use hchan::Hchan;
use rt_sched::bubble;
use rt_sched::g::{G, GList};
use rt_sched::hooks::{Place, raise_panic_in};
use rt_sched::proc;
use rt_sched::reason::ParkReason;
use rt_sched::sudog::Sudog;
use rt_sync::atomic::Ordering;

/// Parks for ever on a nil channel.
pub fn park_nil(reason: ParkReason) -> ! {
    proc::park(reason, || {})
}

/// A channel made in the goroutine's bubble blocks durably.
pub(crate) fn is_durable(chan: &Hchan, g: &'static G) -> bool {
    chan.bubble.get() != 0
        && bubble::of(g).is_some_and(|bubble| bubble as *const _ as usize == chan.bubble.get())
}

/// A channel made in a bubble may be used only from inside: ends the process otherwise.
#[inline]
pub(crate) fn check_bubble(chan: &Hchan, text: &'static str) {
    let bubble = chan.bubble.get();
    if bubble != 0 && bubble::current().is_none_or(|own| own as *const _ as usize != bubble) {
        rt_sched::hooks::fatal(text);
    }
}

/// Wakes a waiter whose element has been taken or given.
pub(crate) fn wake(sudog: &'static Sudog, success: bool) {
    sudog.success.set(success);
    proc::ready(sudog.g());
}

/// Sends `*elem`. Returns whether it was sent; false only if `!block`. May park (then `ret0` is set to 1).
pub fn send(chan: Option<&'static Hchan>, elem: usize, block: bool) -> bool {
    let Some(chan) = chan else {
        if !block {
            return false;
        }
        park_nil(ParkReason::ChanSendNil);
    };
    check_bubble(chan, "send on synctest channel from outside bubble");
    if !block && chan.closed.load(Ordering::Acquire) == 0 && is_full(chan) {
        return false;
    }
    chan.lock.lock();
    if chan.closed.load(Ordering::Relaxed) != 0 {
        chan.unlock();
        let place = if block { Place::Send } else { Place::TrySend };
        raise_panic_in(place, "send on closed channel", false);
    }
    if let Some(receiver) = chan.receivers.pop() {
        chan.copy_elem(receiver.elem.get(), elem);
        chan.unlock();
        wake(receiver, true);
        return true;
    }
    if chan.count.load(Ordering::Relaxed) < chan.capacity {
        chan.enqueue(elem);
        chan.unlock();
        return true;
    }
    if !block {
        chan.unlock();
        return false;
    }
    let g = G::current();
    g.sudog.prepare(g, chan.addr(), elem);
    if rt_sched::profile::block_enabled() {
        g.sudog.since.set(rt_os::time::cputicks() as i64);
    }
    chan.senders.push(&g.sudog);
    g.on_resume.set(Some(send_resumed));
    let reason = if is_durable(chan, g) {
        ParkReason::SynctestChanSend
    } else {
        ParkReason::ChanSend
    };
    proc::park(reason, || chan.unlock())
}

fn send_resumed(g: &'static G) {
    rt_sched::profile::block_event(g, &g.sudog);
    if !g.sudog.success.get() {
        raise_panic_in(Place::Send, "send on closed channel", true);
    }
    g.ret0.set(1);
}

/// Without the lock: a hint for non-blocking operations (whoever sees it full or empty may say it was so at that moment).
fn is_full(chan: &Hchan) -> bool {
    if chan.capacity == 0 {
        return chan.receivers.is_empty();
    }
    chan.count.load(Ordering::Acquire) == chan.capacity
}

fn is_empty(chan: &Hchan) -> bool {
    if chan.capacity == 0 {
        return chan.senders.is_empty();
    }
    chan.count.load(Ordering::Acquire) == 0
}

/// What a receive that parks leaves in the return words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum RecvReturn {
    /// (received).
    Received,
    /// (selected = true, received).
    SelectedReceived,
}

/// Receives to `elem` (0: discards). Returns (selected, received): selected is false only if `!block`. May park, then the return
/// words are set as `returns` says.
pub fn recv(
    chan: Option<&'static Hchan>,
    elem: usize,
    block: bool,
    returns: RecvReturn,
) -> (bool, bool) {
    let Some(chan) = chan else {
        if !block {
            return (false, false);
        }
        park_nil(ParkReason::ChanReceiveNil);
    };
    check_bubble(chan, "receive on synctest channel from outside bubble");
    let timer = chan.timer();
    if let Some(timer) = timer {
        timer.run_if_due();
    }
    if !block && is_empty(chan) {
        // Closed is looked at after empty: a channel that was empty and then open was both at the first look.
        if chan.closed.load(Ordering::Acquire) == 0 {
            return (false, false);
        }
        if is_empty(chan) {
            chan.clear_elem(elem);
            return (true, false);
        }
    }
    chan.lock.lock();
    if chan.closed.load(Ordering::Relaxed) != 0 && chan.count.load(Ordering::Relaxed) == 0 {
        chan.unlock();
        chan.clear_elem(elem);
        return (true, false);
    }
    if let Some(sender) = chan.senders.pop() {
        receive_from(chan, sender, elem);
        chan.unlock();
        wake(sender, true);
        return (true, true);
    }
    if chan.count.load(Ordering::Relaxed) > 0 {
        chan.dequeue(elem);
        chan.unlock();
        return (true, true);
    }
    if !block {
        chan.unlock();
        return (false, false);
    }
    let g = G::current();
    g.sudog.prepare(g, chan.addr(), elem);
    if rt_sched::profile::block_enabled() {
        g.sudog.since.set(rt_os::time::cputicks() as i64);
    }
    chan.receivers.push(&g.sudog);
    if let Some(timer) = timer {
        timer.block();
    }
    g.on_resume.set(Some(match returns {
        RecvReturn::Received => |g| recv_resumed(g, RecvReturn::Received),
        RecvReturn::SelectedReceived => |g| recv_resumed(g, RecvReturn::SelectedReceived),
    }));
    let reason = if is_durable(chan, g) {
        ParkReason::SynctestChanReceive
    } else {
        ParkReason::ChanReceive
    };
    proc::park(reason, || chan.unlock())
}

fn recv_resumed(g: &'static G, returns: RecvReturn) {
    rt_sched::profile::block_event(g, &g.sudog);
    // SAFETY: the goroutine's stack keeps the channel.
    let chan = unsafe { Hchan::from_addr(g.sudog.object.get()) };
    if let Some(timer) = chan.and_then(|chan| chan.timer()) {
        timer.unblock();
    }
    let success = g.sudog.success.get() as usize;
    match returns {
        RecvReturn::Received => g.ret0.set(success),
        RecvReturn::SelectedReceived => {
            g.ret0.set(1);
            g.ret1.set(success);
        }
    }
}

/// A receiver meets a waiting sender. [lock]
pub(crate) fn receive_from(chan: &Hchan, sender: &'static Sudog, elem: usize) {
    if chan.capacity == 0 {
        chan.copy_elem(elem, sender.elem.get());
    } else {
        chan.rotate(elem, sender.elem.get());
    }
}

/// Closes.
pub fn close(chan: Option<&'static Hchan>) {
    let Some(chan) = chan else {
        raise_panic_in(Place::Close, "close of nil channel", false)
    };
    check_bubble(chan, "close of synctest channel from outside bubble");
    chan.lock.lock();
    if chan.closed.load(Ordering::Relaxed) != 0 {
        chan.unlock();
        raise_panic_in(Place::Close, "close of closed channel", true);
    }
    chan.closed.store(1, Ordering::Release);
    let list = GList::new();
    while let Some(receiver) = chan.receivers.pop() {
        chan.clear_elem(receiver.elem.get());
        receiver.success.set(false);
        list.push_back(receiver.g());
    }
    while let Some(sender) = chan.senders.pop() {
        sender.success.set(false);
        list.push_back(sender.g());
    }
    chan.unlock();
    while let Some(g) = list.pop_front() {
        proc::ready(g);
    }
}

/// `len`.
pub fn len(chan: Option<&'static Hchan>) -> usize {
    match chan {
        Some(chan) if chan.timer.get().is_null() => chan.count.load(Ordering::Acquire),
        _ => 0,
    }
}

/// `cap`.
pub fn cap(chan: Option<&'static Hchan>) -> usize {
    match chan {
        Some(chan) if chan.timer.get().is_null() => chan.capacity,
        _ => 0,
    }
}

/// Empties the buffer of a timer's channel; whether there was a value.
pub fn drain(chan: &'static Hchan) -> bool {
    if chan.count.load(Ordering::Acquire) == 0 {
        return false;
    }
    chan.lock.lock();
    let mut any = false;
    while chan.count.load(Ordering::Relaxed) > 0 {
        chan.dequeue(0);
        any = true;
    }
    chan.unlock();
    any
}
