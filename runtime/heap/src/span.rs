//! Spans: runs of pages that hold objects of one class, one large object, or memory of the
//! runtime ("manual": goroutine stacks).
//!
//! Ownership. A span of objects is at any time in exactly one place: in an mcache (its P's
//! thread writes `free_index`, `alloc_count` and alloc state), on one list of its central, with a
//! sweeper (which took it off an unswept list), or free. Whoever has the span may change it;
//! everybody may read the atomics. The [`MSpan`] structs live in a table that is never unmapped,
//! so a stale pointer reads a valid, possibly reused struct.
//!
//! Sweep state, relative to the heap's `sweepgen` `sg` (which grows by 2 at each collection):
//! `sg - 2`: needs sweeping; `sg - 1`: being swept; `sg`: swept, ready to use.
//!
//! Allocated slots: slot `i` is allocated if `i < free_index` or its alloc bit is set. Slots of a
//! window that an mcache has open count as allocated; they carry mark bits if the window was
//! opened during marking (see `mcache`), and the window is closed before sweeping starts.

use crate::arena::BIT_WORDS_PER_PAGE;
use crate::specials::Special;
use abi::gotype::Type;
use abi::sizeclass::PAGE_SIZE;
use core::ptr;
use rt_os::mem;
use rt_sync::SpinMutex;
use rt_sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering};

/// What a span is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SpanState {
    /// Free struct.
    Dead = 0,
    /// Objects.
    InUse = 1,
    /// Memory of the runtime (stacks).
    Manual = 2,
}

/// A span. Fields are atomics because the collector reads them while their owner writes; all
/// accesses are relaxed except where the text says otherwise.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct MSpan {
    /// Next in the list that holds the span.
    pub(crate) next: AtomicPtr<MSpan>,
    start: AtomicUsize,
    npages: AtomicUsize,
    /// Bytes of a slot; of the whole span for large and manual ones.
    elem_size: AtomicUsize,
    nelems: AtomicU32,
    /// Slots below are allocated (or belong to the open window).
    pub(crate) free_index: AtomicU32,
    /// Allocated slots, open window included.
    pub(crate) alloc_count: AtomicU32,
    /// See the module's text. Release when sweeping is through, acquire by who needs it swept.
    pub(crate) sweepgen: AtomicU32,
    state: AtomicU8,
    span_class: AtomicU8,
    /// The memory may hold old data.
    pub(crate) needs_zero: AtomicU8,
    /// Collections that the span survived with objects, saturating: its age for diagnosis.
    pub(crate) age: AtomicU8,
    /// First page's number.
    first_page: AtomicUsize,
    /// Type of a large object with pointers; null until the object is ready to be scanned.
    pub(crate) large_type: AtomicPtr<Type>,
    /// Finalizers, cleanups, weak handles, profile records; sorted by offset and kind.
    pub(crate) specials: SpinMutex<*mut Special>,
    /// Whether `specials` is not empty (read without the lock).
    pub(crate) has_specials: AtomicU8,
}

// SAFETY: shared fields are atomics; the list of specials is behind its lock.
unsafe impl Sync for MSpan {}

impl MSpan {
    /// First address.
    #[inline(always)]
    pub fn start(&self) -> usize {
        self.start.load(Ordering::Relaxed)
    }

    /// Number of pages.
    #[inline(always)]
    pub fn npages(&self) -> usize {
        self.npages.load(Ordering::Relaxed)
    }

    /// Bytes.
    pub fn bytes(&self) -> usize {
        self.npages() * PAGE_SIZE
    }

    /// Bytes of a slot.
    #[inline(always)]
    pub fn elem_size(&self) -> usize {
        self.elem_size.load(Ordering::Relaxed)
    }

    /// Number of slots.
    #[inline(always)]
    pub fn nelems(&self) -> usize {
        self.nelems.load(Ordering::Relaxed) as usize
    }

    /// `size class << 1 | noscan`.
    #[inline(always)]
    pub fn span_class(&self) -> usize {
        self.span_class.load(Ordering::Relaxed) as usize
    }

    /// Objects hold no pointers.
    #[inline(always)]
    pub fn noscan(&self) -> bool {
        self.span_class() & 1 != 0
    }

    /// What it is used for.
    #[inline(always)]
    pub fn state(&self) -> SpanState {
        match self.state.load(Ordering::Acquire) {
            1 => SpanState::InUse,
            2 => SpanState::Manual,
            _ => SpanState::Dead,
        }
    }

    /// Slots in use, open window included.
    pub fn alloc_count(&self) -> usize {
        self.alloc_count.load(Ordering::Relaxed) as usize
    }

    /// Collections survived, saturating at 255.
    pub fn age(&self) -> u8 {
        self.age.load(Ordering::Relaxed)
    }

    /// Sweep state, see the module's text.
    pub fn sweepgen(&self) -> u32 {
        self.sweepgen.load(Ordering::Acquire)
    }

    /// Type of a large object with pointers, null otherwise.
    pub fn large_type(&self) -> *const Type {
        self.large_type.load(Ordering::Acquire)
    }

    /// First word of its mark and alloc bits in the arena's tables.
    #[inline(always)]
    pub fn first_bit_word(&self) -> usize {
        self.first_page.load(Ordering::Relaxed) * BIT_WORDS_PER_PAGE
    }

    /// First page's number.
    pub fn first_page(&self) -> usize {
        self.first_page.load(Ordering::Relaxed)
    }

    pub(crate) fn set_up(
        &self,
        first_page: usize,
        start: usize,
        npages: usize,
        class: u8,
        elem: usize,
        nelems: usize,
    ) {
        self.next.store(ptr::null_mut(), Ordering::Relaxed);
        self.first_page.store(first_page, Ordering::Relaxed);
        self.start.store(start, Ordering::Relaxed);
        self.npages.store(npages, Ordering::Relaxed);
        self.elem_size.store(elem, Ordering::Relaxed);
        self.nelems.store(nelems as u32, Ordering::Relaxed);
        self.span_class.store(class, Ordering::Relaxed);
        self.free_index.store(0, Ordering::Relaxed);
        self.alloc_count.store(0, Ordering::Relaxed);
        self.age.store(0, Ordering::Relaxed);
        self.large_type.store(ptr::null_mut(), Ordering::Relaxed);
    }

    pub(crate) fn set_state(&self, state: SpanState) {
        self.state.store(state as u8, Ordering::Release);
    }
}

/// A list of spans, last in first out. Guarded by its owner's lock.
#[derive(Debug)]
pub struct SpanList {
    head: *mut MSpan,
    len: usize,
}

// SAFETY: the list is used under its owner's lock.
unsafe impl Send for SpanList {}

impl SpanList {
    /// Empty.
    pub const fn new() -> SpanList {
        SpanList {
            head: ptr::null_mut(),
            len: 0,
        }
    }

    /// Adds a span that is on no list.
    pub fn push(&mut self, span: &MSpan) {
        span.next.store(self.head, Ordering::Relaxed);
        self.head = span as *const MSpan as *mut MSpan;
        self.len += 1;
    }

    /// Takes the span added last.
    pub fn pop(&mut self) -> Option<&'static MSpan> {
        // SAFETY: spans live as long as the heap; a listed span belongs to the list.
        let span: &'static MSpan = unsafe { self.head.as_ref() }?;
        self.head = span.next.load(Ordering::Relaxed);
        span.next.store(ptr::null_mut(), Ordering::Relaxed);
        self.len -= 1;
        Some(span)
    }

    /// Number of spans.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Visits all spans.
    pub fn for_each(&self, mut f: impl FnMut(&MSpan)) {
        let mut at = self.head;
        // SAFETY: as in `pop`.
        while let Some(span) = unsafe { at.as_ref() } {
            f(span);
            at = span.next.load(Ordering::Relaxed);
        }
    }
}

/// The table of all span structs. Grows under the heap lock; structs are reused, never unmapped.
#[derive(Debug)]
pub struct SpanTable {
    base: AtomicPtr<MSpan>,
    capacity: AtomicUsize,
    committed: AtomicUsize,
    len: AtomicUsize,
    free: core::cell::UnsafeCell<SpanList>,
}

// SAFETY: `free` and growth are used under the heap lock, the rest is atomic.
unsafe impl Sync for SpanTable {}

const TABLE_STEP: usize = 1 << 20;

impl SpanTable {
    /// Without address space.
    pub const fn new() -> SpanTable {
        SpanTable {
            base: AtomicPtr::new(ptr::null_mut()),
            capacity: AtomicUsize::new(0),
            committed: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            free: core::cell::UnsafeCell::new(SpanList::new()),
        }
    }

    /// Reserves room for `capacity` structs.
    pub fn init(&self, capacity: usize) -> Result<(), rt_os::Errno> {
        let bytes = (capacity * size_of::<MSpan>()).next_multiple_of(TABLE_STEP);
        self.base
            .store(mem::reserve(0, bytes)? as *mut MSpan, Ordering::Relaxed);
        self.capacity
            .store(bytes / size_of::<MSpan>(), Ordering::Relaxed);
        Ok(())
    }

    /// Gives the table back.
    ///
    /// # Safety
    /// No span is used any more.
    pub unsafe fn release(&self) {
        let base = self.base.swap(ptr::null_mut(), Ordering::Relaxed);
        if !base.is_null() {
            self.len.store(0, Ordering::Relaxed);
            // SAFETY: our own mapping.
            let _ = unsafe {
                mem::munmap(
                    base as usize,
                    self.capacity.load(Ordering::Relaxed) * size_of::<MSpan>(),
                )
            };
        }
    }

    /// A dead span struct.
    ///
    /// # Safety
    /// The heap lock is held.
    pub unsafe fn take(&self) -> Option<&'static MSpan> {
        // SAFETY: under the lock.
        if let Some(span) = unsafe { &mut *self.free.get() }.pop() {
            return Some(span);
        }
        let len = self.len.load(Ordering::Relaxed);
        let base = self.base.load(Ordering::Relaxed);
        let end = (len + 1) * size_of::<MSpan>();
        let committed = self.committed.load(Ordering::Relaxed);
        if end > committed {
            if committed + TABLE_STEP > self.capacity.load(Ordering::Relaxed) * size_of::<MSpan>() {
                return None;
            }
            // SAFETY: inside our reservation, not used yet.
            unsafe { mem::commit(base as usize + committed, TABLE_STEP) }.ok()?;
            self.committed
                .store(committed + TABLE_STEP, Ordering::Relaxed);
        }
        self.len.store(len + 1, Ordering::Release);
        // SAFETY: committed and zeroed, which is a valid dead span.
        Some(unsafe { &*base.add(len) })
    }

    /// Takes a struct back.
    ///
    /// # Safety
    /// The heap lock is held; the span is dead and on no list.
    pub unsafe fn give(&self, span: &MSpan) {
        // SAFETY: under the lock.
        unsafe { &mut *self.free.get() }.push(span);
    }

    /// Structs ever used; some may be dead.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Struct number `index`.
    pub fn get(&self, index: usize) -> &'static MSpan {
        assert!(index < self.len());
        // SAFETY: in the table, which lives as long as the heap.
        unsafe { &*self.base.load(Ordering::Relaxed).add(index) }
    }

    /// Address of the table (for outside readers).
    pub fn base(&self) -> usize {
        self.base.load(Ordering::Relaxed) as usize
    }

    /// All structs in use.
    pub fn iter(&self) -> impl Iterator<Item = &'static MSpan> + '_ {
        (0..self.len())
            .map(|index| self.get(index))
            .filter(|span| span.state() != SpanState::Dead)
    }

    /// Bytes of the table that are usable, and bytes of structs in use.
    pub fn bytes(&self) -> (usize, usize) {
        (
            self.committed.load(Ordering::Relaxed),
            self.len() * size_of::<MSpan>(),
        )
    }
}
