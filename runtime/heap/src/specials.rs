//! Specials: records attached to single objects (finalizer, weak handle, cleanup, profile
//! sample). A span keeps its specials in a list sorted by (offset, kind) behind its own lock.
//!
//! What happens to them when the sweeper finds an object unmarked:
//! 1. An object with a finalizer stays alive once more: it is marked, the finalizer is queued
//!    and its record removed; weak handles to it are cleared *before* the finalizer can run
//!    (weak pointers turn nil as soon as the object is queued for finalization). Other records
//!    stay.
//! 2. Otherwise all records go: weak handles are cleared, cleanups queued, samples counted as
//!    freed.
//!
//! Roots: a finalizer's or cleanup's function value, a weak handle, and everything reachable
//! *from* an object with a finalizer (but not the object itself) are marked by the collector
//! through [`Special`]s of live spans.

use crate::persistent::Persistent;
use crate::span::MSpan;
use abi::gotype::Type;
use core::ptr;
use rt_sync::atomic::{AtomicUsize, Ordering};
use rt_sync::{LockRank, Mutex};

/// Kinds, in the order they are sorted for the same object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum SpecialKind {
    /// `runtime.SetFinalizer`.
    Finalizer = 1,
    /// `weak.Pointer`'s indirection word.
    WeakHandle = 2,
    /// Sampled for the heap profile.
    Profile = 3,
    /// `runtime.AddCleanup`; an object may have several.
    Cleanup = 4,
}

/// A record. Payload by kind:
///
/// | kind | word 0 | word 1 | word 2 |
/// |---|---|---|---|
/// | Finalizer | func value | argument type | result bytes << 1 | argument is an interface |
/// | WeakHandle | address of the handle word | | |
/// | Profile | bucket | size | |
/// | Cleanup | func value | id | |
#[repr(C)]
#[derive(Debug)]
pub struct Special {
    /// Next of the span, or of the free list.
    pub next: *mut Special,
    /// Byte offset of the object in its span.
    pub offset: usize,
    /// Kind.
    pub kind: SpecialKind,
    /// See the table.
    pub payload: [usize; 3],
}

/// A finalizer or cleanup that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// Finalizer or cleanup.
    pub kind: SpecialKind,
    /// The func value to call.
    pub func: usize,
    /// Finalizer: the object, which the function receives. Cleanup: 0 (arguments are in the
    /// closure).
    pub object: usize,
    /// Finalizer: type of the argument. Cleanup: its id.
    pub word: usize,
    /// Finalizer: result bytes.
    pub extra: usize,
}

#[repr(C)]
struct DueBlock {
    next: *mut DueBlock,
    len: usize,
    items: [Due; DueBlock::ITEMS],
}

impl DueBlock {
    const ITEMS: usize = 100;
}

#[derive(Debug)]
struct DueQueue {
    /// First block to run from, and position in it.
    head: *mut DueBlock,
    at: usize,
    tail: *mut DueBlock,
    free: *mut DueBlock,
}

// SAFETY: used under its lock.
unsafe impl Send for DueQueue {}

#[derive(Debug)]
struct Pool(*mut Special);

// SAFETY: used under its lock.
unsafe impl Send for Pool {}

/// Pool of records and queue of what is due.
#[derive(Debug)]
pub struct Specials {
    pool: Mutex<Pool>,
    queue: Mutex<DueQueue>,
    /// Items queued and not yet taken.
    pub pending: AtomicUsize,
    /// Finalizers and cleanups queued since start.
    pub queued: AtomicUsize,
    /// Items that [`Specials::take_due`] handed out since start.
    pub taken: AtomicUsize,
    /// Live records by kind, index = kind.
    pub live: [AtomicUsize; 5],
    next_cleanup: AtomicUsize,
}

impl Specials {
    /// Empty.
    pub const fn new() -> Specials {
        let queue = DueQueue {
            head: ptr::null_mut(),
            at: 0,
            tail: ptr::null_mut(),
            free: ptr::null_mut(),
        };
        Specials {
            pool: Mutex::new(LockRank::SpecialPool, Pool(ptr::null_mut())),
            queue: Mutex::new(LockRank::FinalizerQueue, queue),
            pending: AtomicUsize::new(0),
            queued: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            live: [const { AtomicUsize::new(0) }; 5],
            next_cleanup: AtomicUsize::new(0),
        }
    }

    /// A new cleanup id (never 0).
    pub fn next_cleanup_id(&self) -> usize {
        self.next_cleanup.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A record with this content, or `None` without memory.
    pub fn make(
        &self,
        memory: &Persistent,
        kind: SpecialKind,
        offset: usize,
        payload: [usize; 3],
    ) -> Option<*mut Special> {
        let mut pool = self.pool.lock();
        if pool.0.is_null() {
            let count = 128;
            let block = memory.alloc(count * size_of::<Special>(), 16)? as *mut Special;
            for index in 0..count {
                // SAFETY: inside the block, zeroed (kind is set before use).
                unsafe {
                    let special = block.add(index);
                    ptr::addr_of_mut!((*special).next).write(pool.0);
                    pool.0 = special;
                }
            }
        }
        let special = pool.0;
        // SAFETY: free records belong to the pool.
        unsafe {
            pool.0 = (*special).next;
            special.write(Special {
                next: ptr::null_mut(),
                offset,
                kind,
                payload,
            });
        }
        self.live[kind as usize].fetch_add(1, Ordering::Relaxed);
        Some(special)
    }

    /// Takes a record back.
    ///
    /// # Safety
    /// It came from [`Specials::make`] and is on no list.
    pub unsafe fn give(&self, special: *mut Special) {
        let mut pool = self.pool.lock();
        // SAFETY: the caller gives the record up.
        unsafe {
            self.live[(*special).kind as usize].fetch_sub(1, Ordering::Relaxed);
            (*special).next = pool.0;
        }
        pool.0 = special;
    }

    /// Queues what is due. Throws without memory, since dropping it would be wrong.
    pub fn queue_due(&self, memory: &Persistent, due: Due) {
        let mut queue = self.queue.lock();
        // SAFETY: blocks belong to the queue, which is locked.
        unsafe {
            if queue.tail.is_null() || (*queue.tail).len == DueBlock::ITEMS {
                let block = if queue.free.is_null() {
                    match memory.alloc_for::<DueBlock>() {
                        Some(block) => block,
                        None => rt_os::throw!("runtime: cannot allocate memory for finalizers"),
                    }
                } else {
                    let block = queue.free;
                    queue.free = (*block).next;
                    block
                };
                (*block).next = ptr::null_mut();
                (*block).len = 0;
                if queue.tail.is_null() {
                    queue.head = block;
                    queue.at = 0;
                } else {
                    (*queue.tail).next = block;
                }
                queue.tail = block;
            }
            let block = queue.tail;
            ptr::addr_of_mut!((*block).items[(*block).len]).write(due);
            (*block).len += 1;
        }
        self.queued.fetch_add(1, Ordering::Relaxed);
        self.pending.fetch_add(1, Ordering::Release);
    }

    /// Takes the oldest item that is due. The caller must keep `object` and `func` reachable.
    pub fn take_due(&self) -> Option<Due> {
        if self.pending.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut queue = self.queue.lock();
        // SAFETY: blocks belong to the queue, which is locked.
        unsafe {
            let head = queue.head;
            if head.is_null() || queue.at == (*head).len {
                return None;
            }
            let due = (*head).items[queue.at];
            queue.at += 1;
            if queue.at == (*head).len && ((*head).len == DueBlock::ITEMS || queue.tail == head) {
                queue.head = (*head).next;
                queue.at = 0;
                if queue.tail == head {
                    queue.tail = ptr::null_mut();
                }
                (*head).next = queue.free;
                queue.free = head;
            }
            self.pending.fetch_sub(1, Ordering::Relaxed);
            self.taken.fetch_add(1, Ordering::Relaxed);
            Some(due)
        }
    }

    /// Visits the queued items: they are roots.
    pub fn for_each_due(&self, mut f: impl FnMut(&Due)) {
        let queue = self.queue.lock();
        let mut block = queue.head;
        let mut at = queue.at;
        // SAFETY: blocks belong to the queue, which is locked.
        unsafe {
            while !block.is_null() {
                for index in at..(*block).len {
                    f(&(*block).items[index]);
                }
                at = 0;
                block = (*block).next;
            }
        }
    }
}

/// Adds a record to a span's list. Returns false, and adds nothing, if the object has one of the
/// kind already and the kind is not [`SpecialKind::Cleanup`].
///
/// # Safety
/// `special` is on no list; the span's object at its offset is allocated and the span is swept.
pub unsafe fn attach(span: &MSpan, special: *mut Special) -> bool {
    let mut head = span.specials.lock();
    // SAFETY: records of the list belong to the span, whose lock is held.
    unsafe {
        let key = ((*special).offset, (*special).kind);
        let mut at: *mut *mut Special = &mut *head;
        while !(*at).is_null() && ((**at).offset, (**at).kind) <= key {
            if ((**at).offset, (**at).kind) == key && key.1 != SpecialKind::Cleanup {
                return false;
            }
            at = &mut (**at).next;
        }
        (*special).next = *at;
        *at = special;
    }
    span.has_specials.store(1, Ordering::Release);
    true
}

/// Removes the first record at `offset` that `matches`; the caller gives it back to the pool.
pub fn detach(
    span: &MSpan,
    offset: usize,
    matches: impl Fn(&Special) -> bool,
) -> Option<*mut Special> {
    let mut head = span.specials.lock();
    // SAFETY: records of the list belong to the span, whose lock is held.
    unsafe {
        let mut at: *mut *mut Special = &mut *head;
        while !(*at).is_null() && (**at).offset <= offset {
            if (**at).offset == offset && matches(&**at) {
                let special = *at;
                *at = (*special).next;
                if head.is_null() {
                    span.has_specials.store(0, Ordering::Release);
                }
                return Some(special);
            }
            at = &mut (**at).next;
        }
    }
    None
}

/// Visits the records of a span under its lock.
pub fn for_each(span: &MSpan, mut f: impl FnMut(&Special)) {
    if span.has_specials.load(Ordering::Acquire) == 0 {
        return;
    }
    let head = span.specials.lock();
    let mut at = *head;
    // SAFETY: records of the list belong to the span, whose lock is held.
    while let Some(special) = unsafe { at.as_ref() } {
        f(special);
        at = special.next;
    }
}

/// A finalizer's description.
#[derive(Clone, Copy, Debug)]
pub struct Finalizer {
    /// Func value.
    pub func: usize,
    /// Type of the function's parameter.
    pub arg_type: *const Type,
    /// Bytes of the function's results.
    pub result_bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_items_come_out_in_order() {
        let memory = Persistent::new();
        let specials = Specials::new();
        let item = |n| Due {
            kind: SpecialKind::Cleanup,
            func: n,
            object: 0,
            word: 0,
            extra: 0,
        };
        let (mut next_in, mut next_out) = (0, 0);
        for round in 0..50 {
            for _ in 0..round * 7 % 260 {
                specials.queue_due(&memory, item(next_in));
                next_in += 1;
            }
            let mut seen = next_out;
            specials.for_each_due(|due| {
                assert_eq!(due.func, seen);
                seen += 1;
            });
            assert_eq!(seen, next_in);
            for _ in 0..round * 5 % 200 {
                match specials.take_due() {
                    None => assert_eq!(next_out, next_in),
                    Some(due) => {
                        assert_eq!(due.func, next_out);
                        next_out += 1;
                    }
                }
            }
        }
        assert_eq!(specials.pending.load(Ordering::Relaxed), next_in - next_out);
    }
}
