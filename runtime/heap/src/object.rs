//! Finding objects from arbitrary words, and the pointers inside objects.

use crate::arena::Slot;
use crate::heap::Heap;
use crate::span::{MSpan, SpanState};
use crate::typemap;
use abi::gotype::Type;
use abi::sizeclass::{CLASS_TO_SIZE, MALLOC_HEADER_SIZE, MAX_BITMAP_SIZE};
use rt_sync::atomic::Ordering;

/// An allocated object.
#[derive(Clone, Copy, Debug)]
pub struct ObjectRef {
    /// First byte of the slot; the object itself starts 8 bytes in if it has a type word.
    pub base: usize,
    /// Bytes of the slot.
    pub size: usize,
    /// Its span.
    pub span: &'static MSpan,
    /// Index in the span.
    pub index: usize,
}

impl ObjectRef {
    /// First byte that the program sees.
    pub fn data(&self) -> usize {
        self.base
            + if self.has_header() {
                MALLOC_HEADER_SIZE
            } else {
                0
            }
    }

    /// Whether the slot starts with a type word.
    pub fn has_header(&self) -> bool {
        !self.span.noscan() && self.span.span_class() > 1 && self.size > MAX_BITMAP_SIZE
    }
}

/// Why an address is no object, for reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPointer {
    /// Outside the arena.
    NotHeap,
    /// In a free page.
    FreePage,
    /// In memory of the runtime.
    Manual,
    /// In a span of objects, but not in an allocated slot.
    FreeSlot,
}

impl Heap {
    /// The allocated object that an address points into (anywhere). Constant time, safe for any
    /// word.
    pub fn find_object(&self, addr: usize) -> Option<ObjectRef> {
        let slot = self.arena.slot_of(addr)?;
        let span = self.span_of(slot.base)?;
        if span.state() != SpanState::InUse {
            return None;
        }
        let index = slot.bit - span.first_bit_word() * 64;
        self.is_allocated(span, index).then_some(ObjectRef {
            base: slot.base,
            size: span.elem_size(),
            span,
            index,
        })
    }

    /// Whether a slot is allocated (or in an open window).
    #[inline(always)]
    pub fn is_allocated(&self, span: &MSpan, index: usize) -> bool {
        index < span.free_index.load(Ordering::Acquire) as usize
            || self
                .arena
                .alloc_word(span.first_bit_word() + index / 64)
                .load(Ordering::Relaxed)
                >> (index % 64)
                & 1
                != 0
    }

    /// Whether a slot found from a word is allocated: what conservative marking asks.
    #[inline]
    pub fn slot_is_allocated(&self, slot: &Slot) -> bool {
        match self.span_of(slot.base) {
            Some(span) => {
                let first = span.first_bit_word() * 64;
                slot.bit >= first && self.is_allocated(span, slot.bit - first)
            }
            None => false,
        }
    }

    /// What an address is that should have been an object.
    pub fn classify(&self, addr: usize) -> BadPointer {
        match self.span_of(addr).map(|span| span.state()) {
            None if !self.arena.contains(addr) => BadPointer::NotHeap,
            None | Some(SpanState::Dead) => BadPointer::FreePage,
            Some(SpanState::Manual) => BadPointer::Manual,
            Some(SpanState::InUse) => BadPointer::FreeSlot,
        }
    }

    /// Reports a pointer that cannot be one and ends the program.
    #[cold]
    pub fn throw_bad_pointer(&self, addr: usize, holder: usize) -> ! {
        let what = self.classify(addr);
        match (self.span_of(addr), self.find_object(holder)) {
            (Some(span), Some(from)) => rt_os::throw!(
                "heap: bad pointer {addr:#x} ({what:?}) at {holder:#x} in object {:#x} of {} bytes; span {:#x} class {} sweepgen {}/{} slot {}",
                from.base,
                from.size,
                span.start(),
                span.span_class(),
                span.sweepgen(),
                self.sweepgen(),
                (addr - span.start()) / span.elem_size().max(1)
            ),
            _ => rt_os::throw!("heap: bad pointer {addr:#x} ({what:?}) at {holder:#x}"),
        }
    }

    /// The type of an object that has one noted (type word or large object).
    ///
    /// # Safety
    /// The object is allocated and initialised.
    pub unsafe fn noted_type(&self, object: &ObjectRef) -> Option<*const Type> {
        let typ = if object.span.span_class() == 0 {
            object.span.large_type()
        } else if object.has_header() {
            // SAFETY: the caller's promise.
            unsafe { *(object.base as *const *const Type) }
        } else {
            return None;
        };
        (!typ.is_null()).then_some(typ)
    }

    /// Calls `f` with the address of every word of the object that may hold a pointer.
    ///
    /// # Safety
    /// The object is allocated and initialised; its types are valid.
    pub unsafe fn for_each_pointer_slot(&self, object: &ObjectRef, mut f: impl FnMut(usize)) {
        if object.span.noscan() {
            return;
        }
        if object.span.span_class() > 1 && object.size <= MAX_BITMAP_SIZE {
            let mut mask = self.arena.pointer_mask(object.base, object.size / 8);
            while mask != 0 {
                f(object.base + mask.trailing_zeros() as usize * 8);
                mask &= mask - 1;
            }
            return;
        }
        // SAFETY: the caller's promise.
        unsafe {
            let Some(typ) = self.noted_type(object) else {
                return;
            };
            self.for_each_typed_pointer_slot(typ, object.data(), object.base + object.size, f);
        }
    }

    /// Calls `f` with the address of every word of `[start, end)` that may hold a pointer, for
    /// memory filled with values of `typ`.
    ///
    /// # Safety
    /// `typ` is a valid descriptor with pointers.
    pub unsafe fn for_each_typed_pointer_slot(
        &self,
        typ: *const Type,
        start: usize,
        end: usize,
        mut f: impl FnMut(usize),
    ) {
        // SAFETY: the caller's promise.
        let (size, prefix) = unsafe { ((*typ).size, (*typ).ptr_bytes) };
        if prefix == 0 || size == 0 {
            return;
        }
        // SAFETY: the caller's promise.
        let Some(mask) = (unsafe { typemap::pointer_mask(typ, &self.memory) }) else {
            rt_os::throw!("runtime: cannot allocate a pointer mask");
        };
        let mut value = start;
        while value < end {
            let words = prefix.min(end - value) / 8;
            let mut word = 0;
            while word < words {
                // SAFETY: masks cover the prefix, padded to 8 bytes.
                let mut bits = unsafe { (mask.add(word / 8) as *const u64).read_unaligned() };
                let n = (words - word).min(64);
                if n < 64 {
                    bits &= (1 << n) - 1;
                }
                while bits != 0 {
                    f(value + (word + bits.trailing_zeros() as usize) * 8);
                    bits &= bits - 1;
                }
                word += 64;
            }
            value += size;
        }
    }

    /// Usable bytes behind a pointer to the start of an object (what `append` may grow into).
    pub fn slot_size(&self, span_class: usize) -> usize {
        CLASS_TO_SIZE[span_class >> 1] as usize
    }
}
