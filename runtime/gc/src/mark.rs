//! The mark loop.
//!
//! Memory latency is everything here: each candidate pointer costs a look at the page table
//! (small, usually cached), a mark bit and, if the object is new and has pointers, the object
//! itself. So candidates wait in a short queue between "look up and prefetch" and "mark and
//! scan":
//!
//! ```text
//!   private buffer (LIFO) --pop--> page table, prefetch mark word and object --> queue (FIFO)
//!        ^                                                                          |
//!        |                                                                          v
//!        +---------------- candidates found in the object <-- scan <-- mark bit was clear?
//! ```
//!
//! 1. Pop a candidate; look up its slot; prefetch; append it to the queue.
//! 2. When the queue is full (or the buffer empty), take the oldest; set its mark bit; if it was
//!    set already, drop it. Count the bytes. Objects without pointers end here: their memory is
//!    never touched.
//! 3. Scan: for objects up to 512 bytes a mask of their words; above, the type's mask. Large
//!    objects are cut into pieces of 128 KiB, so several workers share them and none is late at a
//!    stop of the world.
//! 4. A word that lies in the arena becomes a candidate. Whether it is an object is found at
//!    step 1: words that point into free pages or into stacks are dropped there.
//!
//! A candidate in a free *slot* (a stale word) would be marked and scanned too; this is harmless:
//! the sweeper takes only marks of allocated slots, and the scan reads memory of ours. Words from
//! stacks are checked for being allocated before they become candidates, since they are stale
//! often.
//!
//! One worker at a time is the *lead* and marks by plain stores in bits of its own; see
//! `rt_heap::arena` for why this is worth two bitmaps.

use crate::gc::Gc;
use crate::work::{ENTRIES, PIECE, WorkBuf};
use crate::world::ConservativeRange;
use abi::gotype::Type;
use abi::sizeclass::{CLASS_TO_SIZE, MALLOC_HEADER_SIZE, MAX_BITMAP_SIZE};
use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use core::ptr;
use rt_heap::arena::ArenaView;
use rt_heap::arena::PageInfo;
use rt_heap::typemap;
use rt_sync::atomic::Ordering;

/// Depth of the prefetch queue.
const QUEUE: usize = 16;
/// Bytes of a piece of a large object.
const PIECE_BYTES: usize = 128 << 10;
/// Bytes scanned between looks at the world (yield, credit).
const CHECK_BYTES: usize = 32 << 10;

/// A candidate that was looked up.
#[derive(Clone, Copy)]
struct Queued {
    base: usize,
    bit: usize,
    info: PageInfo,
}

/// Why [`Marker::drain`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DrainEnd {
    /// No work left that this worker could find.
    Empty,
    /// The check asked to stop.
    Stopped,
}

/// A marking thread's private state. [`Marker::finish`] hands unfinished work over.
pub(crate) struct Marker<'a> {
    gc: &'a Gc,
    /// The arena as far as it was committed when the marker started (later units hold only
    /// objects that were born marked).
    arena: ArenaView<'static>,
    /// Private buffer; its `len` is kept here.
    buf: *mut WorkBuf,
    len: usize,
    queue: [Queued; QUEUE],
    head: usize,
    queued: usize,
    /// Whether this is the lead marker.
    lead: bool,
    /// Work was shared since [`Marker::take_shared`]: idle Ps may help.
    shared: bool,
    /// Bytes of slots marked.
    pub(crate) bytes_marked: usize,
    /// Bytes of memory scanned.
    pub(crate) scan_work: usize,
}

impl<'a> Marker<'a> {
    pub(crate) fn new(gc: &'a Gc) -> Marker<'a> {
        Marker {
            gc,
            arena: gc.heap().arena.view(),
            buf: gc.work.take_empty(&gc.heap().memory),
            len: 0,
            queue: [Queued {
                base: 0,
                bit: 0,
                info: PageInfo::NONE,
            }; QUEUE],
            head: 0,
            queued: 0,
            lead: !gc.lead_taken.swap(true, Ordering::Acquire),
            shared: false,
            bytes_marked: 0,
            scan_work: 0,
        }
    }

    /// Whether work was shared since the last call.
    pub(crate) fn take_shared(&mut self) -> bool {
        core::mem::take(&mut self.shared)
    }

    /// Hands all work and counts over.
    pub(crate) fn finish(mut self) {
        self.unqueue();
        self.give(self.buf, self.len);
        if self.lead {
            self.gc.lead_taken.store(false, Ordering::Release);
        }
        self.gc.add_marked(self.bytes_marked, self.scan_work);
    }

    /// Hands a buffer with `len` entries over.
    fn give(&self, buf: *mut WorkBuf, len: usize) {
        // SAFETY: a buffer of ours that is not used any more.
        unsafe {
            (*buf).len = len;
            self.gc.work.give(buf);
        }
    }

    /// Puts the looked-up candidates back.
    fn unqueue(&mut self) {
        while self.queued > 0 {
            let entry = self.dequeue();
            self.push(entry.base);
        }
    }

    /// Adds an entry.
    #[inline(always)]
    pub(crate) fn push(&mut self, entry: usize) {
        // SAFETY: the buffer is ours; `len` stays within it.
        unsafe {
            (&raw mut (*self.buf).entries)
                .cast::<usize>()
                .add(self.len)
                .write(entry)
        };
        self.len += 1;
        if self.len == ENTRIES {
            self.share(ENTRIES / 2);
        }
    }

    /// A word that may be a pointer, from a place that is known to hold pointers.
    #[inline(always)]
    pub(crate) fn push_word(&mut self, word: usize) {
        if self.arena.contains(word) {
            self.push(word);
        }
    }

    /// The oldest `give` entries become shared work.
    #[cold]
    #[inline(never)]
    fn share(&mut self, give: usize) {
        let fresh = self.gc.work.take_empty(&self.gc.heap().memory);
        let keep = self.len - give;
        // SAFETY: both buffers are ours; the younger entries move to the fresh one.
        unsafe {
            let from = (&raw const (*self.buf).entries).cast::<usize>().add(give);
            ptr::copy_nonoverlapping(from, (&raw mut (*fresh).entries).cast(), keep);
        }
        self.give(self.buf, give);
        (self.buf, self.len) = (fresh, keep);
        self.shared = true;
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<usize> {
        if self.len == 0 && !self.refill() {
            return None;
        }
        self.len -= 1;
        // SAFETY: the buffer is ours; the entry was written.
        Some(unsafe {
            (&raw const (*self.buf).entries)
                .cast::<usize>()
                .add(self.len)
                .read()
        })
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> bool {
        let full = self.gc.work.take_full();
        if full.is_null() {
            return false;
        }
        self.give(self.buf, 0);
        // SAFETY: the buffer is ours now.
        (self.buf, self.len) = (full, unsafe { (*full).len });
        true
    }

    /// Shares some of the private work if nobody else has any.
    fn balance(&mut self) {
        if self.len >= 64 && !self.gc.work.has_work() {
            self.share(self.len / 2);
        }
    }

    #[inline(always)]
    fn dequeue(&mut self) -> Queued {
        let entry = self.queue[self.head];
        self.head = (self.head + 1) % QUEUE;
        self.queued -= 1;
        entry
    }

    /// Looks a candidate up and queues it.
    #[inline(always)]
    fn enqueue(&mut self, entry: usize) {
        if entry & PIECE != 0 {
            self.scan_piece(entry & !PIECE);
            return;
        }
        let Some(slot) = self.arena.slot_of(entry) else {
            self.gc.note_stray(entry);
            return;
        };
        // SAFETY: prefetches do not fault.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(self.arena.mark_addr(slot.bit));
            if !slot.info.noscan() {
                _mm_prefetch::<_MM_HINT_T0>(slot.base as *const i8);
                _mm_prefetch::<_MM_HINT_T0>(self.arena.pointer_bits_addr(slot.base));
            }
        }
        let at = (self.head + self.queued) % QUEUE;
        self.queue[at] = Queued {
            base: slot.base,
            bit: slot.bit,
            info: slot.info,
        };
        self.queued += 1;
    }

    /// Works until nothing is left or `stop` (asked every 32 KiB of scanned memory) says so.
    pub(crate) fn drain(&mut self, stop: impl FnMut(&mut Self) -> bool) -> DrainEnd {
        if self.lead {
            self.drain_as::<true>(stop)
        } else {
            self.drain_as::<false>(stop)
        }
    }

    fn drain_as<const LEAD: bool>(&mut self, mut stop: impl FnMut(&mut Self) -> bool) -> DrainEnd {
        let mut next_check = self.scan_work + CHECK_BYTES;
        loop {
            while self.queued < QUEUE {
                match self.pop() {
                    Some(entry) => self.enqueue(entry),
                    None => break,
                }
            }
            if self.queued == 0 {
                return DrainEnd::Empty;
            }
            let entry = self.dequeue();
            self.process::<LEAD>(entry);
            if self.scan_work >= next_check {
                next_check = self.scan_work + CHECK_BYTES;
                self.balance();
                if stop(self) {
                    return DrainEnd::Stopped;
                }
            }
        }
    }

    #[inline(always)]
    fn process<const LEAD: bool>(&mut self, entry: Queued) {
        if !self.arena.mark::<LEAD>(entry.bit) {
            return;
        }
        if entry.info.is_large() {
            self.process_large(entry);
            return;
        }
        let class = (entry.info.span_class() >> 1) as usize;
        let size = CLASS_TO_SIZE[class & 127] as usize;
        self.bytes_marked += size;
        // Pointer-free objects cost a little too, so that checks come in time.
        if entry.info.noscan() {
            self.scan_work += 8;
            return;
        }
        self.scan_work += size;
        if size <= MAX_BITMAP_SIZE {
            let mut mask = self.arena.pointer_mask(entry.base, size / 8);
            while mask != 0 {
                let at = entry.base + mask.trailing_zeros() as usize * 8;
                // SAFETY: a word of a slot of the arena.
                let word = unsafe { (at as *const usize).read_volatile() };
                self.push_word(word);
                mask &= mask - 1;
            }
            return;
        }
        // SAFETY: a slot of this class starts with its type word.
        let typ = unsafe { (entry.base as *const *const Type).read_volatile() };
        self.scan_typed(typ, entry.base + MALLOC_HEADER_SIZE, entry.base + size);
    }

    #[cold]
    fn process_large(&mut self, entry: Queued) {
        let Some(span) = self.gc.heap().span_of(entry.base) else {
            return;
        };
        let bytes = span.bytes();
        self.bytes_marked += bytes;
        if entry.info.noscan() {
            return;
        }
        let end = entry.base + bytes;
        for piece in (entry.base..end).step_by(PIECE_BYTES).skip(1) {
            self.push(piece | PIECE);
        }
        self.scan_piece(entry.base);
    }

    /// Scans one piece of a large object.
    #[cold]
    fn scan_piece(&mut self, piece: usize) {
        let Some(span) = self.gc.heap().span_of(piece) else {
            return;
        };
        let typ = span.large_type();
        // Null: allocated during this cycle or being cleared; there is nothing inside yet.
        if typ.is_null() {
            return;
        }
        let (base, end) = (span.start(), span.start() + span.bytes());
        let piece_end = end.min(piece + PIECE_BYTES);
        self.scan_work += piece_end - piece;
        // SAFETY: a large object's type is a valid descriptor.
        let size = unsafe { (*typ).size };
        if size == 0 {
            return;
        }
        // Values that straddle the border of pieces: start at the value that holds the piece's
        // first byte and skip what lies before.
        let first = base + (piece - base) / size * size;
        let heap = self.gc.heap();
        // SAFETY: valid descriptor; the range lies in the object. A value larger than a piece
        // is walked from its start each time: the mask test is cheap next to the loads.
        unsafe {
            heap.for_each_typed_pointer_slot(typ, first, piece_end, |at| {
                if at >= piece {
                    let word = (at as *const usize).read_volatile();
                    self.push_word(word);
                }
            });
        }
    }

    /// Scans memory filled with values of `typ`.
    #[inline(always)]
    fn scan_typed(&mut self, typ: *const Type, start: usize, end: usize) {
        // A slot that was never handed out has no type; a freed one may have the poison pattern.
        if !plausible(typ) {
            return;
        }
        // SAFETY: a plausible type word of an allocated slot is a valid descriptor.
        unsafe {
            let (size, prefix) = ((*typ).size, (*typ).ptr_bytes);
            if prefix == 0 || size == 0 {
                return;
            }
            let Some(mask) = typemap::pointer_mask(typ, &self.gc.heap().memory) else {
                rt_os::throw!("runtime: cannot allocate a pointer mask");
            };
            if size == 8 {
                // A slice of pointers.
                let mut at = start;
                while at < end {
                    self.push_word((at as *const usize).read_volatile());
                    at += 8;
                }
                return;
            }
            let mut value = start;
            while value < end {
                let words = prefix.min(end - value) / 8;
                let mut word = 0;
                while word < words {
                    let mut bits = (mask.add(word / 8) as *const u64).read_unaligned();
                    let n = (words - word).min(64);
                    if n < 64 {
                        bits &= (1 << n) - 1;
                    }
                    while bits != 0 {
                        let at = value + (word + bits.trailing_zeros() as usize) * 8;
                        self.push_word((at as *const usize).read_volatile());
                        bits &= bits - 1;
                    }
                    word += 64;
                }
                value += size;
            }
        }
    }

    /// Scans a range of globals: bit i of the bitmap is word i.
    ///
    /// # Safety
    /// The range is readable and the bitmap covers it.
    pub(crate) unsafe fn scan_bitmap(
        &mut self,
        start: usize,
        first_word: usize,
        words: usize,
        bitmap: *const u8,
    ) {
        let end = first_word + words;
        let mut word = first_word;
        while word < end {
            // SAFETY: the caller's promise: one bit for every word below `end`.
            unsafe {
                let mut bits = *bitmap.add(word / 8) >> (word % 8);
                let count = (8 - word % 8).min(end - word);
                bits &= (0xff >> (8 - count)) as u8;
                while bits != 0 {
                    let at = start + (word + bits.trailing_zeros() as usize) * 8;
                    self.push_word((at as *const usize).read_volatile());
                    bits &= bits - 1;
                }
                word += count;
            }
        }
        self.scan_work += words * 8;
    }

    /// Scans a stack range: every word that points into an allocated object.
    pub(crate) fn scan_conservative(&mut self, range: ConservativeRange) {
        let mut at = range.lo.next_multiple_of(8);
        while at + 8 <= range.hi {
            // SAFETY: the world reports readable ranges.
            let word = unsafe { (at as *const usize).read_volatile() };
            self.push_conservative(word);
            at += 8;
        }
        self.scan_work += range.hi.saturating_sub(range.lo);
    }

    /// A word that may be anything.
    #[inline]
    pub(crate) fn push_conservative(&mut self, word: usize) {
        if let Some(slot) = self.arena.slot_of(word) {
            if !self.gc.heap().arena.is_marked(slot.bit) && self.gc.heap().slot_is_allocated(&slot)
            {
                self.push(slot.base);
            }
        }
    }

    /// Scans what an object points to without marking the object (finalizer roots).
    pub(crate) fn scan_children(&mut self, object: &rt_heap::ObjectRef) {
        // SAFETY: an allocated object.
        unsafe {
            self.gc.heap().for_each_pointer_slot(object, |at| {
                let word = (at as *const usize).read_volatile();
                self.push_word(word);
            });
        }
        self.scan_work += object.size;
    }
}

/// Whether a type word can be one.
#[inline(always)]
pub(crate) fn plausible(typ: *const Type) -> bool {
    let addr = typ as usize;
    addr >= 4096 && addr & 7 == 0 && addr < 1 << 47
}
