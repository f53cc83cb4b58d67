//! A P's run queue: a ring of 256 goroutines with one producer (the owner) and many consumers (owner and thieves), and one extra slot,
//! `next`, for the goroutine that the running one just made ready.
//!
//! 1. `tail` is written by the owner only; a slot is filled before `tail` is released past it.
//! 2. Everybody, the owner too, takes by compare-exchange of `head` after reading the slots; a failed
//!    exchange discards what was read.
//! 3. A thief takes half, first into its own ring beyond its tail, then claims.
//! 4. `next` is exchanged; a thief takes it only if nothing else is left and the owner is not about to run it anyway.
//!
//! Indices wrap around u32; `tail - head` is the length.

use crate::atomic::{AtomicPtr, AtomicU32, Ordering};
use crate::g::G;
use core::ptr;

/// Capacity of the ring.
pub const CAPACITY: u32 = 256;

/// The queue.
pub struct RunQueue {
    head: AtomicU32,
    tail: AtomicU32,
    next: AtomicPtr<G>,
    ring: [AtomicPtr<G>; CAPACITY as usize],
}

impl RunQueue {
    /// Empty, from zeros and nulls (the caller makes them, since loom's cannot be made in a constant).
    pub const fn with(
        head: AtomicU32,
        tail: AtomicU32,
        next: AtomicPtr<G>,
        ring: [AtomicPtr<G>; CAPACITY as usize],
    ) -> RunQueue {
        RunQueue {
            head,
            tail,
            next,
            ring,
        }
    }

    fn slot(&self, index: u32) -> &AtomicPtr<G> {
        &self.ring[(index % CAPACITY) as usize]
    }

    /// Whether it looked empty at some moment of the call.
    pub fn is_empty(&self) -> bool {
        loop {
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Acquire);
            let next = self.next.load(Ordering::Acquire);
            // `next` may move to the ring between the loads: look again unless tail stood still.
            if tail == self.tail.load(Ordering::Acquire) {
                return head == tail && next.is_null();
            }
        }
    }

    /// Whether `next` is all there is; a hint.
    pub fn has_only_next(&self) -> bool {
        self.head.load(Ordering::Relaxed) == self.tail.load(Ordering::Relaxed)
            && !self.next.load(Ordering::Relaxed).is_null()
    }

    /// Length, `next` included; a hint unless the queue stands still.
    pub fn len(&self) -> u32 {
        let len = self
            .tail
            .load(Ordering::Relaxed)
            .wrapping_sub(self.head.load(Ordering::Relaxed));
        len + !self.next.load(Ordering::Relaxed).is_null() as u32
    }

    /// Owner: makes `g` the next to run; returns the goroutine that was next.
    pub fn put_next(&self, g: &'static G) -> Option<&'static G> {
        let old = self.next.swap(g as *const G as *mut G, Ordering::AcqRel);
        // SAFETY: queued pointers are Gs, which are never freed.
        unsafe { old.as_ref() }
    }

    /// Owner: appends; false if the ring is full.
    pub fn push(&self, g: &'static G) -> bool {
        let head = self.head.load(Ordering::Acquire);
        let tail = self.tail.load(Ordering::Relaxed);
        if tail.wrapping_sub(head) >= CAPACITY {
            return false;
        }
        self.slot(tail)
            .store(g as *const G as *mut G, Ordering::Relaxed);
        self.tail.store(tail.wrapping_add(1), Ordering::Release);
        true
    }

    /// Owner: takes half of a full ring out, for the global queue. May return fewer, even none, if thieves interfere.
    pub fn take_half(&self, mut visit: impl FnMut(&'static G)) {
        let mut batch = [ptr::null_mut(); CAPACITY as usize / 2];
        let head = self.head.load(Ordering::Acquire);
        let count = self.tail.load(Ordering::Relaxed).wrapping_sub(head) / 2;
        for index in 0..count {
            batch[index as usize] = self.slot(head.wrapping_add(index)).load(Ordering::Relaxed);
        }
        if self
            .head
            .compare_exchange(
                head,
                head.wrapping_add(count),
                Ordering::AcqRel,
                Ordering::Relaxed,
            )
            .is_ok()
        {
            for g in &batch[..count as usize] {
                // SAFETY: claimed pointers are Gs.
                visit(unsafe { &**g });
            }
        }
    }

    /// Owner: the next goroutine to run, and whether it came from `next` (and so inherits the time slice).
    pub fn pop(&self) -> Option<(&'static G, bool)> {
        let next = self.next.load(Ordering::Relaxed);
        if !next.is_null()
            && self
                .next
                .compare_exchange(next, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
        {
            // SAFETY: claimed pointers are Gs.
            return Some((unsafe { &*next }, true));
        }
        loop {
            let head = self.head.load(Ordering::Acquire);
            if self.tail.load(Ordering::Relaxed) == head {
                return None;
            }
            let g = self.slot(head).load(Ordering::Relaxed);
            if self
                .head
                .compare_exchange(
                    head,
                    head.wrapping_add(1),
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_ok()
            {
                // SAFETY: claimed pointers are Gs.
                return Some((unsafe { &*g }, false));
            }
        }
    }

    /// Thief: moves half of this queue to `own` (the thief's, which has at most half of its room used) and returns one of them. With
    /// `take_next`, an otherwise empty queue yields its `next`.
    pub fn steal_into(&self, own: &RunQueue, take_next: bool) -> Option<&'static G> {
        let own_tail = own.tail.load(Ordering::Relaxed);
        loop {
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Acquire);
            let len = tail.wrapping_sub(head);
            let count = len - len / 2;
            if count == 0 {
                if !take_next {
                    return None;
                }
                let next = self.next.load(Ordering::Acquire);
                if next.is_null() {
                    return None;
                }
                if self
                    .next
                    .compare_exchange(next, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
                {
                    // SAFETY: claimed pointers are Gs.
                    return Some(unsafe { &*next });
                }
                continue;
            }
            if count > CAPACITY / 2 {
                continue; // head and tail were not read at one moment
            }
            for index in 0..count {
                let g = self.slot(head.wrapping_add(index)).load(Ordering::Relaxed);
                own.slot(own_tail.wrapping_add(index))
                    .store(g, Ordering::Relaxed);
            }
            if self
                .head
                .compare_exchange(
                    head,
                    head.wrapping_add(count),
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                )
                .is_err()
            {
                continue;
            }
            let last = own_tail.wrapping_add(count - 1);
            let g = own.slot(last).load(Ordering::Relaxed);
            own.tail.store(last, Ordering::Release);
            // SAFETY: claimed pointers are Gs.
            return Some(unsafe { &*g });
        }
    }

    /// Owner (or the stopped world): takes everything.
    pub fn drain(&self, mut visit: impl FnMut(&'static G)) {
        while let Some((g, _)) = self.pop() {
            visit(g);
        }
    }
}
