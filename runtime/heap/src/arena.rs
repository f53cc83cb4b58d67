//! The address space of a heap: one reservation, divided at start into the arena (where objects
//! live) and the tables that describe it.
//!
//! ```text
//!  base                                  base + size
//!  | arena: 8 KiB pages, 64 MiB units    | page info | spans | mark bits | alloc bits | pointer bits |
//!                                          4 B/page    8 B     2 * 64 B    64 B         128 B
//! ```
//! All of it is inaccessible at first; units are committed in address order as the heap grows,
//! tables together with the arena they describe. So an address below `base + used` may be looked
//! up in every table without a fault.
//!
//! * page info: one word that answers "which object does this address point into" for small
//!   spans without touching the span: see [`PageInfo`].
//! * spans: the [`MSpan`] of a page, or null.
//! * mark and alloc bits: one bit an object, dense from the first bit of the span's first page
//!   (512 bits a page).
//! * Mark bits exist twice, word by word side by side. One bitmap belongs to the *lead* marker,
//!   one thread at a time, which sets bits by plain stores; all others set bits of the shared
//!   bitmap by atomic OR. An object is marked if either says so.
//!   A locked instruction for each object keeps the processor from overlapping the cache misses
//!   of neighbours (measured: 18 ns an object against 15). Two threads that mark the same object
//!   at the same moment both scan it, which is harmless.
//! * pointer bits: one bit a word of the arena; meaningful for spans with pointers whose
//!   objects are at most 512 bytes.

use crate::span::MSpan;
use abi::sizeclass::{CLASS_TO_MAGIC, CLASS_TO_OBJECTS, CLASS_TO_SIZE, PAGE_SHIFT, PAGE_SIZE};
use core::ptr;
use rt_os::{Errno, mem};
use rt_sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// Unit in which address space becomes usable.
pub const UNIT_SIZE: usize = 64 << 20;
/// Pages of a unit.
pub const UNIT_PAGES: usize = UNIT_SIZE / PAGE_SIZE;
/// Most units of an arena (512 GiB).
const MAX_UNITS: usize = 8192;
/// Words of alloc bits of a page, and of each of the two kinds of mark bits.
pub const BIT_WORDS_PER_PAGE: usize = abi::sizeclass::MAX_OBJECTS_PER_PAGE / 64;
/// Words of pointer bits of a page.
const POINTER_WORDS_PER_PAGE: usize = 16;

/// What the collector needs to know of a page, in one word.
///
/// ```text
///  31    30                 16 15        8 7          0
///  valid large   (zero)        page number  span class
///                              in the span
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageInfo(pub u32);

impl PageInfo {
    const VALID: u32 = 1 << 31;
    const LARGE: u32 = 1 << 30;

    /// Not part of a span of objects.
    pub const NONE: PageInfo = PageInfo(0);

    /// A page of a span of small objects.
    pub fn small(span_class: u8, page_in_span: usize) -> PageInfo {
        PageInfo(Self::VALID | (page_in_span as u32) << 8 | span_class as u32)
    }

    /// A page of a large object.
    pub fn large(span_class: u8) -> PageInfo {
        PageInfo(Self::VALID | Self::LARGE | span_class as u32)
    }

    /// Belongs to a span of objects.
    #[inline(always)]
    pub fn is_valid(self) -> bool {
        self.0 & Self::VALID != 0
    }

    /// Belongs to a large object.
    #[inline(always)]
    pub fn is_large(self) -> bool {
        self.0 & Self::LARGE != 0
    }

    /// `size class << 1 | noscan`.
    #[inline(always)]
    pub fn span_class(self) -> u8 {
        self.0 as u8
    }

    /// Objects of the span hold no pointers.
    #[inline(always)]
    pub fn noscan(self) -> bool {
        self.0 & 1 != 0
    }

    #[inline(always)]
    fn page_in_span(self) -> usize {
        (self.0 >> 8 & 0xff) as usize
    }
}

/// An object slot found from an address: what marking needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// First byte of the slot (of the type word, if it has one).
    pub base: usize,
    /// Index of its mark bit, counted from the start of the arena's mark bits.
    pub bit: usize,
    /// Its page's description.
    pub info: PageInfo,
}

/// The reservation and its tables.
#[derive(Debug)]
pub struct Arena {
    base: AtomicUsize,
    size: AtomicUsize,
    /// Committed bytes from `base`, a multiple of [`UNIT_SIZE`]. Grows under the heap lock.
    used: AtomicUsize,
    page_info: AtomicPtr<AtomicU32>,
    spans: AtomicPtr<AtomicPtr<MSpan>>,
    mark_bits: AtomicPtr<AtomicU64>,
    alloc_bits: AtomicPtr<AtomicU64>,
    pointer_bits: AtomicPtr<AtomicU64>,
    /// Start of the whole mapping and its length.
    mapping: AtomicUsize,
    mapping_len: AtomicUsize,
}

impl Arena {
    /// Nothing reserved.
    pub const fn new() -> Arena {
        Arena {
            base: AtomicUsize::new(0),
            size: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            page_info: AtomicPtr::new(ptr::null_mut()),
            spans: AtomicPtr::new(ptr::null_mut()),
            mark_bits: AtomicPtr::new(ptr::null_mut()),
            alloc_bits: AtomicPtr::new(ptr::null_mut()),
            pointer_bits: AtomicPtr::new(ptr::null_mut()),
            mapping: AtomicUsize::new(0),
            mapping_len: AtomicUsize::new(0),
        }
    }

    /// Bytes of tables per unit of arena: page info, spans, three bitmaps.
    const TABLE_BYTES: [usize; 5] = [
        UNIT_PAGES * 4,
        UNIT_PAGES * 8,
        UNIT_PAGES * 128,
        UNIT_PAGES * 64,
        UNIT_PAGES * 128,
    ];

    /// Reserves address space for `size` bytes (rounded down to units) and its tables, halving
    /// the size while the system refuses.
    pub fn reserve(&self, hint: usize, size: usize) -> Result<(), Errno> {
        let mut units = (size / UNIT_SIZE).clamp(1, MAX_UNITS);
        let (mapping, len) = loop {
            let len = units * (UNIT_SIZE + Self::TABLE_BYTES.iter().sum::<usize>()) + UNIT_SIZE;
            match mem::reserve(hint, len) {
                Ok(mapping) => break (mapping, len),
                Err(err) if units == 1 => return Err(err),
                Err(_) => units /= 2,
            }
        };
        let base = mapping.next_multiple_of(UNIT_SIZE);
        let mut table = base + units * UNIT_SIZE;
        let mut next = |bytes: usize| {
            let at = table;
            table += bytes * units;
            at
        };
        self.page_info
            .store(next(Self::TABLE_BYTES[0]) as *mut _, Ordering::Relaxed);
        self.spans
            .store(next(Self::TABLE_BYTES[1]) as *mut _, Ordering::Relaxed);
        self.mark_bits
            .store(next(Self::TABLE_BYTES[2]) as *mut _, Ordering::Relaxed);
        self.alloc_bits
            .store(next(Self::TABLE_BYTES[3]) as *mut _, Ordering::Relaxed);
        self.pointer_bits
            .store(next(Self::TABLE_BYTES[4]) as *mut _, Ordering::Relaxed);
        self.mapping.store(mapping, Ordering::Relaxed);
        self.mapping_len.store(len, Ordering::Relaxed);
        self.size.store(units * UNIT_SIZE, Ordering::Relaxed);
        self.base.store(base, Ordering::Release);
        Ok(())
    }

    /// Gives the whole reservation back.
    ///
    /// # Safety
    /// Nothing may refer to the heap any more.
    pub unsafe fn release(&self) {
        let mapping = self.mapping.swap(0, Ordering::Relaxed);
        if mapping != 0 {
            self.used.store(0, Ordering::Relaxed);
            // SAFETY: our own mapping; the caller vouches for its users.
            let _ = unsafe { mem::munmap(mapping, self.mapping_len.load(Ordering::Relaxed)) };
        }
    }

    /// Commits the next `units` units. Called under the heap lock. `Err` when the reservation is
    /// used up or the system refuses.
    pub fn grow(&self, units: usize) -> Result<(), Errno> {
        let used = self.used.load(Ordering::Relaxed);
        let bytes = units * UNIT_SIZE;
        if used + bytes > self.size.load(Ordering::Relaxed) {
            return Err(Errno::ENOMEM);
        }
        let first = used / UNIT_SIZE;
        let tables = [
            self.page_info.load(Ordering::Relaxed) as usize,
            self.spans.load(Ordering::Relaxed) as usize,
            self.mark_bits.load(Ordering::Relaxed) as usize,
            self.alloc_bits.load(Ordering::Relaxed) as usize,
            self.pointer_bits.load(Ordering::Relaxed) as usize,
        ];
        // SAFETY: the ranges lie in the reservation and are not in use yet.
        unsafe {
            for (table, per_unit) in tables.into_iter().zip(Self::TABLE_BYTES) {
                mem::commit(table + first * per_unit, units * per_unit)?;
            }
            mem::commit(self.base() + used, bytes)?;
            // No advice about huge pages: the system's own policy holds. Asked for, they made marking no faster, but the first touch of each
            // took 1 to 15 ms where the memory came from a hypervisor, in compiled code, so that a stop of the world waited for it.
        }
        self.used.store(used + bytes, Ordering::Release);
        Ok(())
    }

    /// First address of the arena.
    #[inline(always)]
    pub fn base(&self) -> usize {
        self.base.load(Ordering::Relaxed)
    }

    /// Committed bytes.
    #[inline(always)]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Acquire)
    }

    /// Bytes of address space set aside for objects.
    pub fn reserved(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }

    /// What compiled code adds to `address >> 9 << 3` to get the word of its pointer bits.
    pub fn pointer_bits_bias(&self) -> usize {
        (self.pointer_bits.load(Ordering::Relaxed) as usize).wrapping_sub(self.base() >> 6)
    }

    /// Whether the address lies in committed arena.
    #[inline(always)]
    pub fn contains(&self, addr: usize) -> bool {
        addr.wrapping_sub(self.base()) < self.used()
    }

    /// Page number of an address in the arena.
    #[inline(always)]
    pub fn page_of(&self, addr: usize) -> usize {
        (addr - self.base()) >> PAGE_SHIFT
    }

    /// Address of a page.
    #[inline(always)]
    pub fn page_addr(&self, page: usize) -> usize {
        self.base() + (page << PAGE_SHIFT)
    }

    /// The page's description. `page` must be committed.
    #[inline(always)]
    pub fn page_info(&self, page: usize) -> PageInfo {
        debug_assert!(page << PAGE_SHIFT < self.used());
        // SAFETY: the table covers every committed page.
        PageInfo(
            unsafe { &*self.page_info.load(Ordering::Relaxed).add(page) }.load(Ordering::Acquire),
        )
    }

    /// The page's span or null. `page` must be committed.
    #[inline(always)]
    pub fn span_of_page(&self, page: usize) -> *mut MSpan {
        debug_assert!(page << PAGE_SHIFT < self.used());
        // SAFETY: the table covers every committed page.
        unsafe { &*self.spans.load(Ordering::Relaxed).add(page) }.load(Ordering::Acquire)
    }

    /// Publishes what a page belongs to.
    pub fn set_page(&self, page: usize, span: *mut MSpan, info: PageInfo) {
        debug_assert!(page << PAGE_SHIFT < self.used());
        // SAFETY: the tables cover every committed page.
        unsafe {
            (*self.spans.load(Ordering::Relaxed).add(page)).store(span, Ordering::Release);
            (*self.page_info.load(Ordering::Relaxed).add(page)).store(info.0, Ordering::Release);
        }
    }

    /// The lead marker's and the shared word of mark bits number `word`.
    #[inline(always)]
    pub fn mark_words(&self, word: usize) -> &[AtomicU64; 2] {
        debug_assert!((word / BIT_WORDS_PER_PAGE) << PAGE_SHIFT < self.used());
        // SAFETY: the table covers every committed page.
        unsafe { &*self.mark_bits.load(Ordering::Relaxed).add(word * 2).cast() }
    }

    /// Marks of 64 objects, of both kinds.
    #[inline(always)]
    pub fn marks(&self, word: usize) -> u64 {
        let [lead, shared] = self.mark_words(word);
        lead.load(Ordering::Relaxed) | shared.load(Ordering::Relaxed)
    }

    /// Forgets the marks of 64 objects. By the span's sweeper or owner.
    pub fn clear_marks(&self, word: usize) {
        let [lead, shared] = self.mark_words(word);
        lead.store(0, Ordering::Relaxed);
        shared.store(0, Ordering::Relaxed);
    }

    /// Words of alloc bits.
    #[inline(always)]
    pub fn alloc_word(&self, word: usize) -> &AtomicU64 {
        debug_assert!((word / BIT_WORDS_PER_PAGE) << PAGE_SHIFT < self.used());
        // SAFETY: the table covers every committed page.
        unsafe { &*self.alloc_bits.load(Ordering::Relaxed).add(word) }
    }

    /// The word of pointer bits for the 512 bytes of arena that `addr` lies in.
    #[inline(always)]
    pub fn pointer_word(&self, addr: usize) -> &AtomicU64 {
        let word = (addr - self.base()) >> 9;
        debug_assert!((word / POINTER_WORDS_PER_PAGE) << PAGE_SHIFT < self.used());
        // SAFETY: the table covers every committed page.
        unsafe { &*self.pointer_bits.load(Ordering::Relaxed).add(word) }
    }

    /// The slot that an address points into, from the page table alone: constant time, safe for
    /// any word. It does not tell whether the slot is allocated.
    #[inline(always)]
    pub fn slot_of(&self, addr: usize) -> Option<Slot> {
        self.view().slot_of(addr)
    }

    /// The addresses that lookups need, as plain values.
    #[inline(always)]
    pub fn view(&self) -> ArenaView<'_> {
        ArenaView {
            base: self.base(),
            used: self.used(),
            page_info: self.page_info.load(Ordering::Relaxed),
            mark_bits: self.mark_bits.load(Ordering::Relaxed),
            pointer_bits: self.pointer_bits.load(Ordering::Relaxed),
            arena: self,
        }
    }

    #[cold]
    fn large_slot_of(&self, page: usize, info: PageInfo) -> Option<Slot> {
        // SAFETY: spans are never unmapped; a page of a live span names it.
        let span = unsafe { self.span_of_page(page).as_ref() }?;
        let base = span.start();
        if !self.contains(base) {
            return None;
        }
        Some(Slot {
            base,
            bit: self.page_of(base) * BIT_WORDS_PER_PAGE * 64,
            info,
        })
    }

    /// Whether the object is marked.
    #[inline(always)]
    pub fn is_marked(&self, bit: usize) -> bool {
        self.marks(bit >> 6) >> (bit & 63) & 1 != 0
    }

    /// Marks an object; returns whether it was unmarked. For everybody but the lead marker.
    #[inline(always)]
    pub fn mark(&self, bit: usize) -> bool {
        let mask = 1 << (bit & 63);
        if self.marks(bit >> 6) & mask != 0 {
            return false;
        }
        self.mark_words(bit >> 6)[1].fetch_or(mask, Ordering::Relaxed) & mask == 0
    }

    /// Sets or clears `count` shared mark bits from `bit`, word by word.
    pub fn set_marks(&self, bit: usize, count: usize, on: bool) {
        for_each_mask(bit, count, |word, mask| {
            let word = &self.mark_words(word)[1];
            if on {
                word.fetch_or(mask, Ordering::Relaxed);
            } else {
                word.fetch_and(!mask, Ordering::Relaxed);
            }
        });
    }

    /// Clears the pointer bits of a range of the arena (8-byte aligned).
    pub fn clear_pointer_bits(&self, addr: usize, bytes: usize) {
        let first = (addr - self.base()) >> 3;
        for_each_mask(first, bytes >> 3, |word, mask| {
            // SAFETY: the table covers every committed page.
            let word = unsafe { &*self.pointer_bits.load(Ordering::Relaxed).add(word) };
            // The owner of a span is the only writer of its pointer bits.
            let old = if mask == u64::MAX {
                0
            } else {
                word.load(Ordering::Relaxed)
            };
            word.store(old & !mask, Ordering::Relaxed);
        });
    }

    /// Sets pointer bits of one object: bit i of `mask` is word i from `addr`.
    #[inline(always)]
    pub fn or_pointer_bits(&self, addr: usize, mask: u64) {
        let shift = (addr - self.base()) >> 3 & 63;
        let word = self.pointer_word(addr);
        word.store(
            word.load(Ordering::Relaxed) | mask << shift,
            Ordering::Relaxed,
        );
        if shift != 0 && mask >> (64 - shift) != 0 {
            let word = self.pointer_word(addr + 512);
            word.store(
                word.load(Ordering::Relaxed) | mask >> (64 - shift),
                Ordering::Relaxed,
            );
        }
    }

    /// Pointer bits of the object of `words` (at most 64) words at `addr`.
    #[inline(always)]
    pub fn pointer_mask(&self, addr: usize, words: usize) -> u64 {
        self.view().pointer_mask(addr, words)
    }
}

/// Geometry of a size class in one cache line's quarter.
#[repr(C)]
struct ClassShape {
    size: u32,
    magic: u32,
    objects: u32,
}

static SHAPES: [ClassShape; 128] = {
    let mut shapes = [const {
        ClassShape {
            size: 0,
            magic: 0,
            objects: 0,
        }
    }; 128];
    let mut class = 1;
    while class < abi::sizeclass::NUM_SIZE_CLASSES {
        shapes[class] = ClassShape {
            size: CLASS_TO_SIZE[class] as u32,
            magic: CLASS_TO_MAGIC[class],
            objects: CLASS_TO_OBJECTS[class] as u32,
        };
        class += 1;
    }
    shapes
};

/// An [`Arena`] as plain values, for loops that look up many addresses. It covers what was
/// committed when it was made.
#[derive(Clone, Copy, Debug)]
pub struct ArenaView<'a> {
    base: usize,
    used: usize,
    page_info: *const AtomicU32,
    mark_bits: *const AtomicU64,
    pointer_bits: *const AtomicU64,
    arena: &'a Arena,
}

impl ArenaView<'_> {
    /// Whether the address lies in committed arena.
    #[inline(always)]
    pub fn contains(&self, addr: usize) -> bool {
        addr.wrapping_sub(self.base) < self.used
    }

    /// See [`Arena::slot_of`].
    #[inline(always)]
    pub fn slot_of(&self, addr: usize) -> Option<Slot> {
        let offset = addr.wrapping_sub(self.base);
        if offset >= self.used {
            return None;
        }
        let page = offset >> PAGE_SHIFT;
        // SAFETY: the table covers every committed page.
        let info = PageInfo(unsafe { &*self.page_info.add(page) }.load(Ordering::Acquire));
        if !info.is_valid() {
            return None;
        }
        if info.is_large() {
            return self.arena.large_slot_of(page, info);
        }
        let shape = &SHAPES[(info.span_class() >> 1) as usize];
        let first_page = page - info.page_in_span();
        let in_span = offset - (first_page << PAGE_SHIFT);
        let index = (in_span as u64 * shape.magic as u64) >> 32;
        // The tail of a span that holds no whole object.
        if index >= shape.objects as u64 {
            return None;
        }
        Some(Slot {
            base: self.base + (first_page << PAGE_SHIFT) + index as usize * shape.size as usize,
            bit: first_page * BIT_WORDS_PER_PAGE * 64 + index as usize,
            info,
        })
    }

    /// Address of the pair of mark words of an object, for prefetching.
    #[inline(always)]
    pub fn mark_addr(&self, bit: usize) -> *const i8 {
        self.mark_bits.wrapping_add(bit >> 6 << 1).cast()
    }

    /// Address of the pointer bits of an address in the arena, for prefetching.
    #[inline(always)]
    pub fn pointer_bits_addr(&self, addr: usize) -> *const i8 {
        self.pointer_bits
            .wrapping_add((addr - self.base) >> 9)
            .cast()
    }

    /// Marks an object; returns whether it was unmarked. `LEAD`: the caller is the lead marker.
    #[inline(always)]
    pub fn mark<const LEAD: bool>(&self, bit: usize) -> bool {
        let mask = 1u64 << (bit & 63);
        // SAFETY: bits come from `slot_of`, the table covers every committed page.
        let [lead, shared]: &[AtomicU64; 2] = unsafe { &*self.mark_bits.add(bit >> 6 << 1).cast() };
        let mine = lead.load(Ordering::Relaxed);
        if (mine | shared.load(Ordering::Relaxed)) & mask != 0 {
            return false;
        }
        if LEAD {
            lead.store(mine | mask, Ordering::Relaxed);
            true
        } else {
            shared.fetch_or(mask, Ordering::Relaxed) & mask == 0
        }
    }

    /// See [`Arena::pointer_mask`].
    #[inline(always)]
    pub fn pointer_mask(&self, addr: usize, words: usize) -> u64 {
        let at = (addr - self.base) >> 3;
        let shift = at & 63;
        // SAFETY: the table covers every committed page.
        let word = unsafe { &*self.pointer_bits.add(at >> 6) };
        let mut mask = word.load(Ordering::Relaxed) >> shift;
        if shift + words > 64 {
            // SAFETY: the object reaches into the next word's 512 bytes.
            let next = unsafe { &*self.pointer_bits.add((at >> 6) + 1) };
            mask |= next.load(Ordering::Relaxed) << (64 - shift);
        }
        if words < 64 {
            mask & ((1 << words) - 1)
        } else {
            mask
        }
    }
}

/// Calls `f(word, mask)` for the words that hold `count` bits from `first`.
pub fn for_each_mask(first: usize, count: usize, mut f: impl FnMut(usize, u64)) {
    let end = first + count;
    let mut bit = first;
    while bit < end {
        let (word, low) = (bit >> 6, bit & 63);
        let n = (64 - low).min(end - bit);
        let mask = if n == 64 {
            u64::MAX
        } else {
            ((1 << n) - 1) << low
        };
        f(word, mask);
        bit += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_cover_the_range_once() {
        for (first, count) in [
            (0, 1),
            (0, 64),
            (3, 61),
            (3, 62),
            (63, 2),
            (10, 300),
            (64, 0),
        ] {
            let mut bits = [0u64; 8];
            for_each_mask(first, count, |word, mask| {
                assert_eq!(bits[word] & mask, 0);
                bits[word] |= mask;
            });
            for bit in 0..512 {
                assert_eq!(
                    bits[bit >> 6] >> (bit & 63) & 1 != 0,
                    (first..first + count).contains(&bit)
                );
            }
        }
    }

    #[test]
    fn growth_stops_at_the_reservation() {
        let arena = Arena::new();
        arena.reserve(0, 2 * UNIT_SIZE).unwrap();
        assert!(!arena.contains(arena.base()));
        arena.grow(1).unwrap();
        assert!(arena.contains(arena.base()) && !arena.contains(arena.base() + UNIT_SIZE));
        assert_eq!(arena.slot_of(arena.base() + 100), None);
        assert!(arena.grow(2).is_err());
        arena.grow(1).unwrap();
        assert!(arena.grow(1).is_err());
        // SAFETY: nothing uses it.
        unsafe { arena.release() };
    }

    #[test]
    fn pointer_bits_straddle_words() {
        let arena = Arena::new();
        arena.reserve(0, UNIT_SIZE).unwrap();
        arena.grow(1).unwrap();
        let base = arena.base();
        for (offset, words, mask) in [
            (0, 2, 0b11u64),
            (480, 6, 0b101101),
            (1000, 64, 0x8000_0000_0000_0001),
            (504, 3, 0b110),
        ] {
            arena.clear_pointer_bits(base, 4096);
            arena.or_pointer_bits(base + offset, mask);
            assert_eq!(arena.pointer_mask(base + offset, words), mask, "{offset}");
            arena.clear_pointer_bits(base + offset, words * 8);
            assert_eq!(arena.pointer_mask(base + offset, words), 0);
        }
        // SAFETY: nothing uses it.
        unsafe { arena.release() };
    }
}
