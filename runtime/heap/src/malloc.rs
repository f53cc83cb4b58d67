//! Allocation.
//!
//! 1. Tiny (pointer-free, below 16 bytes): packed into 16-byte blocks.
//! 2. Small: from the class's window; else the next free run of the class's current span becomes
//!    the window; else the span goes back to its central and the next span comes from there: a
//!    swept one with free slots, one that sweeping finds to have some, or fresh pages.
//! 3. Large (above 32760 bytes): a span of its own.
//!
//! Windows are cleared in bulk when they open (or not at all, when the pages come fresh from the
//! system), so the fast path never clears.

use crate::heap::Heap;
use crate::mcache::{MCache, NO_WINDOW_SIZE, WINDOW_BYTES, Window};
use crate::span::MSpan;
use crate::typemap;
use abi::gotype::Type;
use abi::sizeclass::{
    CLASS_TO_SIZE, MALLOC_HEADER_SIZE, MAX_BITMAP_SIZE, NUM_SPAN_CLASSES, PAGE_SIZE, Placement,
    placement,
};
use core::fmt;
use core::ptr::{self, NonNull};
use core::sync::atomic::AtomicU64;
use rt_sync::atomic::Ordering;

/// The system has no memory left (or the request is absurd). The caller turns it into Go's
/// `fatal error: runtime: out of memory` or `runtime error: makeslice: len out of range`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OutOfMemory {
    /// Bytes asked for.
    pub size: usize,
}

impl fmt::Debug for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot allocate {} bytes", self.size)
    }
}

/// Result of an allocation.
pub type AllocResult = Result<NonNull<u8>, OutOfMemory>;

/// Where objects of size 0 live: memory that may be written, as it may be under the official runtime, because unsafe code that takes
/// an array without elements for one that has some writes there (json-iterator decodes into `*[0]int`).
pub static ZERO_BASE: AtomicU64 = AtomicU64::new(0);

/// Span class of tiny blocks.
const TINY_SPAN_CLASS: usize = 2 << 1 | 1;
/// Largest request that makes sense at all (48-bit address space).
pub const MAX_ALLOC: usize = 1 << 47;
/// Bytes of opened windows that a cache keeps to itself before it adds them to the live bytes.
const PENDING_LIVE: usize = 32 << 10;
/// What freed memory is filled with under the poison switch.
pub const POISON: u64 = 0xdead_f4ee_dead_f4ee;

impl Heap {
    /// Allocates `size` bytes for values of `typ` (one or several; null: no pointers). Zeroed if
    /// `zero` or if the type has pointers.
    ///
    /// # Safety
    /// `cache` belongs to the calling thread's P; `typ` is null or a valid descriptor whose size
    /// divides `size`.
    pub unsafe fn malloc(
        &self,
        cache: *mut MCache,
        size: usize,
        typ: *const Type,
        zero: bool,
    ) -> AllocResult {
        // SAFETY: passed on.
        unsafe {
            match self.malloc_fast(cache, size, typ, zero) {
                Some(at) => Ok(at),
                None => self.malloc_slow(cache, size, typ, zero),
            }
        }
    }

    /// The part of [`Heap::malloc`] that needs nothing but the cache; `None` if that is not
    /// enough.
    ///
    /// # Safety
    /// As [`Heap::malloc`].
    #[inline]
    pub unsafe fn malloc_fast(
        &self,
        cache: *mut MCache,
        size: usize,
        typ: *const Type,
        _zero: bool,
    ) -> Option<NonNull<u8>> {
        if size == 0 {
            return NonNull::new(ZERO_BASE.as_ptr().cast());
        }
        // SAFETY: the caller's promises.
        unsafe {
            let noscan = typ.is_null() || (*typ).noscan();
            match placement(size, noscan) {
                Placement::Tiny => tiny_fast(&mut *cache, size),
                Placement::Small { span_class } => {
                    let slot = take_slot(
                        &mut (*cache).windows[span_class as usize],
                        span_class as usize,
                    )?;
                    if !noscan {
                        self.arena
                            .or_pointer_bits(slot, typemap::small_mask(typ, size));
                    }
                    NonNull::new(slot as *mut u8)
                }
                Placement::SmallHeader { span_class } => {
                    let slot = take_slot(
                        &mut (*cache).windows[span_class as usize],
                        span_class as usize,
                    )?;
                    (slot as *mut *const Type).write(typemap::element_type(typ));
                    NonNull::new((slot + MALLOC_HEADER_SIZE) as *mut u8)
                }
                Placement::Large => None,
            }
        }
    }

    /// The rest of [`Heap::malloc`].
    ///
    /// # Safety
    /// As [`Heap::malloc`].
    #[cold]
    pub unsafe fn malloc_slow(
        &self,
        cache: *mut MCache,
        size: usize,
        typ: *const Type,
        zero: bool,
    ) -> AllocResult {
        if size > MAX_ALLOC {
            return Err(OutOfMemory { size });
        }
        // SAFETY: the caller's promises.
        unsafe {
            let noscan = typ.is_null() || (*typ).noscan();
            match placement(size, noscan) {
                Placement::Tiny => {
                    let (block, sampled) = self.slot(cache, TINY_SPAN_CLASS, true)?;
                    let cache = &mut *cache;
                    cache.keep_tiny(block, size);
                    if sampled {
                        cache.sampled = block;
                        cache.sampled_size = size;
                    }
                    Ok(NonNull::new_unchecked(block as *mut u8))
                }
                Placement::Small { span_class } => {
                    let (slot, sampled) = self.slot(cache, span_class as usize, zero || !noscan)?;
                    if !noscan {
                        self.arena
                            .or_pointer_bits(slot, typemap::small_mask(typ, size));
                    }
                    if sampled {
                        (*cache).sampled = slot;
                        (*cache).sampled_size = size;
                    }
                    Ok(NonNull::new_unchecked(slot as *mut u8))
                }
                Placement::SmallHeader { span_class } => {
                    let (slot, sampled) = self.slot(cache, span_class as usize, true)?;
                    (slot as *mut *const Type).write(typemap::element_type(typ));
                    if sampled {
                        (*cache).sampled = slot + MALLOC_HEADER_SIZE;
                        (*cache).sampled_size = size;
                    }
                    Ok(NonNull::new_unchecked(
                        (slot + MALLOC_HEADER_SIZE) as *mut u8,
                    ))
                }
                Placement::Large => self.malloc_large(cache, size, typ, noscan, zero),
            }
        }
    }

    /// One slot of a span class, and whether the heap profile wants it.
    unsafe fn slot(
        &self,
        cache: *mut MCache,
        span_class: usize,
        zero: bool,
    ) -> Result<(usize, bool), OutOfMemory> {
        // SAFETY: the caller's promise.
        let cache = unsafe { &mut *cache };
        if let Some(slot) = take_slot(&mut cache.windows[span_class], span_class) {
            return Ok((slot, false));
        }
        let size = CLASS_TO_SIZE[span_class >> 1] as usize;
        let single = span_class & 1 != 0 && size >= NO_WINDOW_SIZE;
        let mut limit = if single {
            1
        } else {
            (WINDOW_BYTES / size).max(1)
        };
        if self.config().collect_every != 0 {
            // A window counts when it is opened and is closed by the collection: short ones make the count nearly exact.
            limit = limit.min((self.config().collect_every as usize / 16).max(1));
        }
        let (before_sample, draw) = self.sample_distance(cache, span_class, size);
        if let Some(n) = before_sample {
            // n objects may pass before the sampled one.
            limit = if n == 0 { 1 } else { limit.min(n) };
        }
        let (span, first, count) = loop {
            // SAFETY: a cached span belongs to the cache.
            if let Some(span) = unsafe { cache.spans[span_class].as_ref() } {
                if let Some((first, count)) = self.next_run(span, limit) {
                    break (span, first, count);
                }
                self.release_span(cache, span_class);
            }
            let span = self.acquire_span(span_class).ok_or(OutOfMemory { size })?;
            cache.spans[span_class] = span as *const MSpan as *mut MSpan;
        };
        // SAFETY: the run is free memory of a span that the cache owns.
        let start = unsafe { self.open_window(cache, span, first, count, zero || !single) };
        let sampled = before_sample == Some(0);
        if draw {
            cache.sample_left[span_class] -= (count * size) as i64;
        }
        if sampled {
            let next = self.next_sample(cache);
            cache.sample_left[span_class] = next;
        }
        Ok((start, sampled))
    }

    /// Makes a free run of a cached span the window of its class and takes the first slot of it.
    ///
    /// # Safety
    /// The cache owns the span, and `next_run` gave the run.
    #[inline]
    unsafe fn open_window(
        &self,
        cache: &mut MCache,
        span: &MSpan,
        first: usize,
        count: usize,
        clear: bool,
    ) -> usize {
        let (span_class, size) = (span.span_class(), span.elem_size());
        let start = span.start() + first * size;
        let bytes = count * size;
        span.alloc_count.fetch_add(count as u32, Ordering::Relaxed);
        if self.allocate_black() {
            self.arena
                .set_marks(span.first_bit_word() * 64 + first, count, true);
        }
        // SAFETY: free memory, the caller's promise.
        unsafe {
            if self.config().poison && span.needs_zero.load(Ordering::Relaxed) != 0 {
                self.check_poison(span, start, bytes);
            }
            if span.needs_zero.load(Ordering::Relaxed) != 0 && clear {
                ptr::write_bytes(start as *mut u8, 0, bytes);
            }
        }
        if span_class & 1 == 0 && size <= MAX_BITMAP_SIZE {
            self.arena.clear_pointer_bits(start, bytes);
        }
        // Only now do the slots count as allocated: a marker that meets a stale pointer to one of
        // them finds it marked and clear, or free.
        span.free_index
            .store((first + count) as u32, Ordering::Release);
        if self.config().collect_every != 0 {
            self.handed_out.fetch_add(count, Ordering::Relaxed);
        }
        cache.stats.small_allocs[span_class] += count as u64;
        cache.assist_bytes += bytes;
        cache.pending_live += bytes;
        if cache.pending_live >= PENDING_LIVE {
            self.live_bytes
                .fetch_add(core::mem::take(&mut cache.pending_live), Ordering::Relaxed);
        }
        cache.windows[span_class] = Window {
            next: start + size,
            end: start + bytes,
        };
        start
    }

    /// [`Heap::malloc`] if the cached span has another run and nothing else is due: no mark phase, no sample, no switch for tests, and
    /// fewer than [`PENDING_LIVE`] bytes since the collector was last asked. In spans with scattered free slots, runs are short, and going
    /// the whole way for each would cost more than all the rest of allocation.
    ///
    /// # Safety
    /// As [`Heap::malloc`].
    #[inline(never)]
    pub unsafe fn malloc_next_run(
        &self,
        cache: *mut MCache,
        size: usize,
        typ: *const Type,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promises.
        unsafe {
            let noscan = typ.is_null() || (*typ).noscan();
            let cache = &mut *cache;
            let at = match placement(size, noscan) {
                Placement::Tiny => {
                    let block = self.next_run_slot(cache, TINY_SPAN_CLASS)?;
                    cache.keep_tiny(block, size);
                    block
                }
                Placement::Small { span_class } => {
                    let slot = self.next_run_slot(cache, span_class as usize)?;
                    if !noscan {
                        self.arena
                            .or_pointer_bits(slot, typemap::small_mask(typ, size));
                    }
                    slot
                }
                Placement::SmallHeader { span_class } => {
                    let slot = self.next_run_slot(cache, span_class as usize)?;
                    (slot as *mut *const Type).write(typemap::element_type(typ));
                    slot + MALLOC_HEADER_SIZE
                }
                Placement::Large => return None,
            };
            NonNull::new(at as *mut u8)
        }
    }

    /// First slot of the next run of the cached span, see [`Heap::malloc_next_run`].
    #[inline]
    unsafe fn next_run_slot(&self, cache: &mut MCache, span_class: usize) -> Option<usize> {
        let size = CLASS_TO_SIZE[span_class >> 1] as usize;
        let config = self.config();
        if self.allocate_black()
            || config.collect_every != 0
            || config.poison
            || config.null_collector
            || span_class & 1 != 0 && size >= NO_WINDOW_SIZE
        {
            return None;
        }
        let mut limit = (WINDOW_BYTES / size).max(1);
        let rate = self.profile.rate();
        if rate > 0 {
            let left = cache.sample_left[span_class].max(0) as usize / size;
            if cache.sample_rate != rate || left == 0 {
                return None;
            }
            limit = limit.min(left);
        }
        // SAFETY: a cached span belongs to the cache.
        let span = unsafe { cache.spans[span_class].as_ref() }?;
        let (first, count) = self.next_run(span, limit)?;
        if cache.pending_live + count * size >= PENDING_LIVE {
            return None;
        }
        if rate > 0 {
            cache.sample_left[span_class] -= (count * size) as i64;
        }
        // SAFETY: the cache owns the span.
        Some(unsafe { self.open_window(cache, span, first, count, true) })
    }

    /// The next free run of a span, at most `limit` slots: (first, count).
    fn next_run(&self, span: &MSpan, limit: usize) -> Option<(usize, usize)> {
        let nelems = span.nelems();
        let first_word = span.first_bit_word();
        let mut index = span.free_index.load(Ordering::Relaxed) as usize;
        // First clear alloc bit.
        let first = loop {
            if index >= nelems {
                span.free_index.store(nelems as u32, Ordering::Relaxed);
                return None;
            }
            let word = !self
                .arena
                .alloc_word(first_word + index / 64)
                .load(Ordering::Relaxed)
                >> (index % 64);
            if word != 0 {
                index += word.trailing_zeros() as usize;
                if index >= nelems {
                    continue;
                }
                break index;
            }
            index = (index / 64 + 1) * 64;
        };
        // Up to the next set one.
        let end = nelems.min(first + limit);
        let mut at = first;
        while at < end {
            let word = self
                .arena
                .alloc_word(first_word + at / 64)
                .load(Ordering::Relaxed)
                >> (at % 64);
            if word != 0 {
                at += word.trailing_zeros() as usize;
                break;
            }
            at = (at / 64 + 1) * 64;
        }
        Some((first, at.min(end) - first))
    }

    /// Gives the cached span of a class (without free slots or to be swept) back to its central.
    fn release_span(&self, cache: &mut MCache, span_class: usize) {
        let span = core::mem::replace(&mut cache.spans[span_class], ptr::null_mut());
        // SAFETY: a cached span belongs to the cache.
        let Some(span) = (unsafe { span.as_ref() }) else {
            return;
        };
        let sweepgen = self.sweepgen();
        let mut lists = self.centrals[span_class].lock();
        if (span.free_index.load(Ordering::Relaxed) as usize) < span.nelems() {
            lists.partial(sweepgen, true).push(span);
        } else {
            lists.full(sweepgen, true).push(span);
        }
    }

    /// Corrects counts, marks and `free_index` for the unused part of every open window, and
    /// forgets the tiny block. By the owner, or with the world stopped.
    ///
    /// # Safety
    /// As said.
    pub unsafe fn close_windows(&self, cache: *mut MCache) {
        // SAFETY: the caller's promise.
        let cache = unsafe { &mut *cache };
        let black = self.allocate_black();
        for span_class in 0..NUM_SPAN_CLASSES {
            let window = core::mem::take(&mut cache.windows[span_class]);
            if window.next == window.end {
                continue;
            }
            // SAFETY: a window's span is the cached span of its class.
            let span = unsafe { &*cache.spans[span_class] };
            let size = span.elem_size();
            let first = (window.next - span.start()) / size;
            let count = (window.end - window.next) / size;
            span.free_index.store(first as u32, Ordering::Relaxed);
            span.alloc_count.fetch_sub(count as u32, Ordering::Relaxed);
            if black {
                self.arena
                    .set_marks(span.first_bit_word() * 64 + first, count, false);
            }
            cache.stats.small_allocs[span_class] -= count as u64;
            let bytes = count * size;
            let pending = cache.pending_live.min(bytes);
            cache.pending_live -= pending;
            if bytes > pending {
                self.live_bytes
                    .fetch_sub(bytes - pending, Ordering::Relaxed);
            }
            cache.sample_left[span_class] += bytes as i64;
        }
        cache.tiny_next = 0;
        cache.tiny_end = 0;
    }

    /// Closes the windows and gives all spans back to their centrals. Before a sweep, or when a
    /// P goes away.
    ///
    /// # Safety
    /// By the owner, or with the world stopped.
    pub unsafe fn flush_mcache(&self, cache: *mut MCache) {
        // SAFETY: the caller's promise.
        unsafe {
            self.close_windows(cache);
            self.flush_stats(cache);
            for span_class in 0..NUM_SPAN_CLASSES {
                self.release_span(&mut *cache, span_class);
            }
        }
    }

    /// A swept span with at least one free slot, on no list.
    fn acquire_span(&self, span_class: usize) -> Option<&'static MSpan> {
        self.sweep_for_allocation();
        let sweepgen = self.sweepgen();
        let central = &self.centrals[span_class];
        if let Some(span) = central.lock().partial(sweepgen, true).pop() {
            return Some(span);
        }
        // Sweep until one has room; not for ever, so that the heap may grow instead.
        for _ in 0..100 {
            if self.unswept.load(Ordering::Acquire) == 0 {
                break;
            }
            let mut lists = central.lock();
            let Some(span) = lists
                .partial(sweepgen, false)
                .pop()
                .or_else(|| lists.full(sweepgen, false).pop())
            else {
                break;
            };
            drop(lists);
            if self.sweep_span_for_use(span) {
                return Some(span);
            }
        }
        if let Some(span) = central.lock().partial(sweepgen, true).pop() {
            return Some(span);
        }
        self.alloc_small_span(span_class)
    }

    unsafe fn malloc_large(
        &self,
        cache: *mut MCache,
        size: usize,
        typ: *const Type,
        noscan: bool,
        zero: bool,
    ) -> AllocResult {
        let npages = size.div_ceil(PAGE_SIZE);
        self.sweep_for_allocation();
        let span = self
            .alloc_large_span(npages, noscan)
            .ok_or(OutOfMemory { size })?;
        let bytes = span.bytes();
        // SAFETY: fresh span of ours; the cache is the caller's.
        unsafe {
            if (zero || !noscan) && span.needs_zero.load(Ordering::Relaxed) != 0 {
                ptr::write_bytes(span.start() as *mut u8, 0, bytes);
            }
            if !noscan {
                // Only now may the collector look inside.
                span.large_type
                    .store(typemap::element_type(typ) as *mut Type, Ordering::Release);
            }
            let cache = &mut *cache;
            cache.stats.large_allocs += 1;
            cache.stats.large_bytes += bytes as u64;
            cache.assist_bytes += bytes;
            if self.sample_large(cache, bytes) {
                cache.sampled = span.start();
                cache.sampled_size = size;
            }
        }
        self.live_bytes.fetch_add(bytes, Ordering::Relaxed);
        if self.config().collect_every != 0 {
            self.handed_out.fetch_add(1, Ordering::Relaxed);
        }
        self.centrals[noscan as usize]
            .lock()
            .full(self.sweepgen(), true)
            .push(span);
        // SAFETY: spans do not start at 0.
        Ok(unsafe { NonNull::new_unchecked(span.start() as *mut u8) })
    }

    /// Checks that nobody wrote to free memory.
    unsafe fn check_poison(&self, span: &MSpan, start: usize, bytes: usize) {
        for at in (start..start + bytes).step_by(8) {
            // SAFETY: free memory of a span of ours.
            let found = unsafe { *(at as *const u64) };
            if found != POISON && found != 0 {
                rt_os::throw!(
                    "heap: write to freed memory at {at:#x} (value {found:#x}) in span {:#x}, class {}, slot {}",
                    span.start(),
                    span.span_class(),
                    (at - span.start()) / span.elem_size()
                );
            }
        }
    }
}

/// Fills free memory with the pattern. (Slots of a closed window stay zero, which the check
/// accepts too.)
///
/// # Safety
/// The range is free memory.
pub(crate) unsafe fn fill_poison(start: usize, bytes: usize) {
    for at in (start..start + bytes).step_by(8) {
        // SAFETY: the caller's promise.
        unsafe { *(at as *mut u64) = POISON };
    }
}

#[inline(always)]
fn take_slot(window: &mut Window, span_class: usize) -> Option<usize> {
    let slot = window.next;
    if slot == window.end {
        return None;
    }
    window.next = slot + CLASS_TO_SIZE[span_class >> 1] as usize;
    Some(slot)
}

#[inline]
fn tiny_fast(cache: &mut MCache, size: usize) -> Option<NonNull<u8>> {
    // Align as the size suggests; a 12-byte object may hold a 64-bit atomic on 32-bit systems
    // only, so 4 is right for it.
    let align = if size & 7 == 0 {
        8
    } else if size & 3 == 0 {
        4
    } else if size & 1 == 0 {
        2
    } else {
        1
    };
    let at = cache.tiny_next.next_multiple_of(align);
    if cache.tiny_next == 0 || at + size > cache.tiny_end {
        return None;
    }
    cache.tiny_next = at + size;
    cache.tiny_allocs += 1;
    NonNull::new(at as *mut u8)
}
