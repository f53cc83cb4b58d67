//! Memory of stack segments, by size: slabs for small ones, a few cached pieces of larger ones.
//!
//! A slab is [`SLAB`] bytes at an address that is a multiple of that, cut into slots of one size; its header takes the place of
//! the first slot. Slots are handed out in LIFO order, from the slab that last had one freed, so memory that is in the processor's
//! caches is used first, and memory behind it is never touched until it is needed. A slab whose slots are all free keeps its memory until
//! [`release_idle`] finds that it has not been needed since the call before.

use core::ptr;
use rt_sync::atomic::Ordering;
use rt_sync::{LockRank, Mutex};

use crate::stack::FROM_SYSTEM;

/// Bytes of a slab, and its alignment.
const SLAB: usize = 256 << 10;
/// Slabs are mapped this many at a time.
const BATCH: usize = 4;
/// Smallest slot: a class is the logarithm of the ratio to it.
const LEAST: usize = crate::stack::SMALL;
/// Classes that come from slabs.
const SLAB_CLASSES: usize = 5;
/// Classes in all; what is larger comes from and goes to the system one by one.
const CLASSES: usize = 12;
/// Cached pieces per class without slabs.
const CACHED: usize = 4;

/// The first bytes of a slab.
#[repr(C)]
struct Slab {
    /// Neighbours in the list of its class that have a slot to give, or in the list of empty slabs.
    next: *mut Slab,
    prev: *mut Slab,
    /// Free slots, linked through their first word from the top (which is in use anyway).
    free: *mut Slot,
    /// Slots handed out.
    used: u32,
    /// Slots never handed out begin at this number.
    fresh: u32,
    class: u32,
}

/// The last word of a free slot.
struct Slot {
    next: *mut Slot,
}

impl Slab {
    fn slots(&self) -> u32 {
        (SLAB >> self.class) as u32 / LEAST as u32
    }
    fn has_room(&self) -> bool {
        !self.free.is_null() || self.fresh < self.slots()
    }
}

/// Doubly linked list of slabs.
struct List {
    first: *mut Slab,
    len: usize,
}

impl List {
    const EMPTY: List = List {
        first: ptr::null_mut(),
        len: 0,
    };

    /// # Safety
    /// `slab` is live and in no list.
    unsafe fn push(&mut self, slab: *mut Slab) {
        // SAFETY: the caller's slab; listed slabs are live.
        unsafe {
            (*slab).prev = ptr::null_mut();
            (*slab).next = self.first;
            if let Some(first) = self.first.as_mut() {
                first.prev = slab;
            }
        }
        self.first = slab;
        self.len += 1;
    }

    /// # Safety
    /// `slab` is in this list.
    unsafe fn remove(&mut self, slab: *mut Slab) {
        // SAFETY: listed slabs are live.
        unsafe {
            match (*slab).prev.as_mut() {
                Some(prev) => prev.next = (*slab).next,
                None => self.first = (*slab).next,
            }
            if let Some(next) = (*slab).next.as_mut() {
                next.prev = (*slab).prev;
            }
        }
        self.len -= 1;
    }

    fn pop(&mut self) -> Option<*mut Slab> {
        let slab = self.first;
        if slab.is_null() {
            return None;
        }
        // SAFETY: the first of this list.
        unsafe { self.remove(slab) };
        Some(slab)
    }
}

struct State {
    /// Slabs with a slot in use and one to give, per class.
    partial: [List; SLAB_CLASSES],
    /// Slabs without a slot in use that still have their memory.
    empty: List,
    /// The least length that `empty` had since the last [`release_idle`].
    empty_least: usize,
    /// Slabs without memory, except for the header's page.
    clean: List,
    /// Mapped and not yet made slabs.
    fresh: (usize, usize),
    /// Addresses of cached pieces of the classes above.
    large: [[usize; CACHED]; CLASSES - SLAB_CLASSES],
}
// SAFETY: behind the mutex.
unsafe impl Send for State {}

static STATE: Mutex<State> = Mutex::new(
    LockRank::StackPool,
    State {
        partial: [List::EMPTY; SLAB_CLASSES],
        empty: List::EMPTY,
        empty_least: 0,
        clean: List::EMPTY,
        fresh: (0, 0),
        large: [[0; CACHED]; CLASSES - SLAB_CLASSES],
    },
);

fn class_of(size: usize) -> usize {
    (size / LEAST).trailing_zeros() as usize
}

impl State {
    /// A slab without slots in use, in no list.
    fn take_slab(&mut self, class: usize) -> *mut Slab {
        let slab = if let Some(slab) = self.empty.pop() {
            self.empty_least = self.empty_least.min(self.empty.len);
            slab
        } else {
            FROM_SYSTEM.fetch_add(SLAB, Ordering::Relaxed);
            self.clean.pop().unwrap_or_else(|| {
                if self.fresh.0 == self.fresh.1 {
                    let memory = crate::persist::map((BATCH + 1) * SLAB).next_multiple_of(SLAB);
                    self.fresh = (memory, memory + BATCH * SLAB);
                }
                let slab = self.fresh.0 as *mut Slab;
                self.fresh.0 += SLAB;
                slab
            })
        };
        // SAFETY: a slab's memory that nobody uses.
        unsafe {
            slab.write(Slab {
                next: ptr::null_mut(),
                prev: ptr::null_mut(),
                free: ptr::null_mut(),
                used: 0,
                // The header's slot is never given.
                fresh: 1,
                class: class as u32,
            });
        }
        slab
    }

    fn alloc(&mut self, class: usize) -> usize {
        let size = LEAST << class;
        let mut slab = self.partial[class].first;
        if slab.is_null() {
            slab = self.take_slab(class);
            // SAFETY: fresh, in no list.
            unsafe { self.partial[class].push(slab) };
        }
        // SAFETY: a live slab with room; its free slots are unused memory.
        unsafe {
            (*slab).used += 1;
            let slot = (*slab).free;
            let at = if slot.is_null() {
                (*slab).fresh += 1;
                slab as usize + ((*slab).fresh - 1) as usize * size
            } else {
                (*slab).free = (*slot).next;
                slot as usize + size_of::<Slot>() - size
            };
            if !(*slab).has_room() {
                self.partial[class].remove(slab);
            }
            at
        }
    }

    /// # Safety
    /// `at` came from `alloc(class)` and is unused.
    unsafe fn free(&mut self, at: usize, class: usize) {
        let size = LEAST << class;
        let slab = (at & !(SLAB - 1)) as *mut Slab;
        let slot = (at + size - size_of::<Slot>()) as *mut Slot;
        // SAFETY: the slab that the slot is in; the slot is unused.
        unsafe {
            let had_room = (*slab).has_room();
            (*slot).next = (*slab).free;
            (*slab).free = slot;
            (*slab).used -= 1;
            if (*slab).used == 0 {
                if had_room {
                    self.partial[class].remove(slab);
                }
                self.empty.push(slab);
            } else if !had_room {
                self.partial[class].push(slab);
            }
        }
    }
}

/// Memory for a segment of this size, a power of two, at least [`LEAST`]; multiple of the size if it is at most a page's. Dies of memory
/// exhaustion.
pub fn alloc(size: usize) -> usize {
    let class = class_of(size);
    if class < SLAB_CLASSES {
        return STATE.lock().alloc(class);
    }
    if class < CLASSES {
        let mut state = STATE.lock();
        for cached in &mut state.large[class - SLAB_CLASSES] {
            if *cached != 0 {
                return core::mem::take(cached);
            }
        }
    }
    FROM_SYSTEM.fetch_add(size, Ordering::Relaxed);
    crate::persist::map(size)
}

/// Takes it back.
///
/// # Safety
/// From [`alloc`] with this size; unused.
pub unsafe fn free(at: usize, size: usize) {
    let class = class_of(size);
    if class < SLAB_CLASSES {
        // SAFETY: passed on to the caller.
        return unsafe { STATE.lock().free(at, class) };
    }
    if class < CLASSES {
        let mut state = STATE.lock();
        for cached in &mut state.large[class - SLAB_CLASSES] {
            if *cached == 0 {
                *cached = at;
                return;
            }
        }
    }
    FROM_SYSTEM.fetch_sub(size, Ordering::Relaxed);
    // SAFETY: mapped by `alloc` as one piece; unused.
    let _ = unsafe { rt_os::mem::munmap(at, size) };
}

/// Gives back to the system: slabs that have been empty since the last call, and all larger pieces that are cached.
pub fn release_idle() {
    loop {
        let mut state = STATE.lock();
        if state.empty_least == 0 {
            state.empty_least = state.empty.len;
            break;
        }
        state.empty_least -= 1;
        let Some(slab) = state.empty.pop() else { break };
        drop(state);
        let page = rt_os::mem::OS_PAGE_SIZE;
        // SAFETY: nobody uses the slab; the header's page stays.
        let _ = unsafe { rt_os::mem::discard(slab as usize + page, SLAB - page) };
        FROM_SYSTEM.fetch_sub(SLAB, Ordering::Relaxed);
        // SAFETY: taken out of its list above.
        unsafe { STATE.lock().clean.push(slab) };
    }
    for class in SLAB_CLASSES..CLASSES {
        for index in 0..CACHED {
            let at = core::mem::take(&mut STATE.lock().large[class - SLAB_CLASSES][index]);
            if at != 0 {
                let size = LEAST << class;
                FROM_SYSTEM.fetch_sub(size, Ordering::Relaxed);
                // SAFETY: a cached piece, unused.
                let _ = unsafe { rt_os::mem::munmap(at, size) };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random allocations and frees of all classes: pieces never overlap, and what was written stays.
    #[test]
    fn pieces_do_not_overlap_and_are_reused() {
        let mut state = 99u64;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) % below
        };
        let mut held: Vec<(usize, usize, u64)> = vec![];
        for step in 0..60_000u64 {
            if held.len() < 20 || random(5) < 2 + (step / 10_000) % 2 {
                let size = LEAST
                    << if random(50) == 0 {
                        random(12)
                    } else {
                        random(5)
                    };
                let at = alloc(size);
                assert!(at.is_multiple_of(64));
                for word in [at, at + size - 8] {
                    // SAFETY: ours.
                    unsafe { (word as *mut u64).write(step) };
                }
                held.push((at, size, step));
            } else {
                let (at, size, stamp) = held.swap_remove(random(held.len() as u64) as usize);
                for word in [at, at + size - 8] {
                    // SAFETY: ours.
                    assert_eq!(unsafe { (word as *const u64).read() }, stamp);
                }
                // SAFETY: from `alloc`.
                unsafe { free(at, size) };
            }
            if step.is_multiple_of(5000) {
                release_idle();
            }
        }
        held.sort();
        for pair in held.windows(2) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0);
        }
        for (at, size, _) in held {
            // SAFETY: from `alloc`.
            unsafe { free(at, size) };
        }
    }
}
