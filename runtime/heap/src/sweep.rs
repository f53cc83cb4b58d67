//! Sweeping: after marking, unmarked objects become free slots.
//!
//! 1. With the world stopped, all mcaches are flushed and `sweepgen` grows by 2: every span on a
//!    central list now counts as unswept (the lists swap meaning).
//! 2. Spans are swept by whoever needs them: allocation takes an unswept span of its class, sweeps
//!    it and uses it; the background sweeper takes whatever is left; growth of the heap sweeps
//!    in proportion ([`Heap::sweep_for_allocation`]), so that everything is swept before the next
//!    collection is due. Taking a span off an unswept list, under the central's lock, is what
//!    makes one thread its sweeper.
//! 3. Sweeping a span: specials of unmarked objects are dealt with (may mark an object again),
//!    alloc bits become the mark bits, mark bits become zero, `free_index` 0. An empty span goes
//!    back to the pages; the others to the swept lists.
//! 4. `unswept` counts spans not yet through step 3; whoever brings it to 0 ends the sweep.

use crate::heap::Heap;
use crate::malloc::fill_poison;
use crate::span::MSpan;
use crate::specials::{Due, Special, SpecialKind};
use crate::stats::add;
use abi::sizeclass::{MALLOC_HEADER_SIZE, NUM_SPAN_CLASSES, PAGE_SIZE};
use core::ptr;
use rt_sync::atomic::{AtomicUsize, Ordering};

/// What became of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Empty: its pages are free.
    Freed,
    /// Has free slots.
    Partial,
    /// All slots in use.
    Full,
}

impl Heap {
    /// Makes all spans unswept. World stopped, all caches flushed, marking complete, allocation
    /// no longer black. `sweep_distance`: bytes that the heap may grow until the sweep must be
    /// complete.
    pub fn start_sweep(&self, sweep_distance: usize) {
        debug_assert_eq!(self.unswept.load(Ordering::Relaxed), 0);
        let mut spans = 0;
        for central in &self.centrals {
            spans += central.lock().len();
        }
        self.pages_swept.store(0, Ordering::Relaxed);
        self.sweep_class.store(0, Ordering::Relaxed);
        self.sweep_basis
            .store(self.live_bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        let pages = self.in_use_bytes() / PAGE_SIZE;
        // A tenth of slack, so the sweep ends before the trigger.
        let distance = (sweep_distance / 10 * 9).max(1 << 20);
        self.sweep_ratio
            .store((pages << 20) / distance + 1, Ordering::Relaxed);
        self.unswept.store(spans, Ordering::Relaxed);
        self.sweepgen.fetch_add(2, Ordering::Release);
        if spans == 0 {
            self.profile.publish();
        }
    }

    /// Whether every span is swept.
    pub fn sweep_done(&self) -> bool {
        self.unswept.load(Ordering::Acquire) == 0
    }

    /// Spans left to sweep.
    pub fn unswept_spans(&self) -> usize {
        self.unswept.load(Ordering::Acquire)
    }

    /// Sweeps one span, if there is one to take; returns its pages, `None` if there is none to
    /// take (some may still be in the hands of other sweepers).
    pub fn sweep_one(&self) -> Option<usize> {
        let sweepgen = self.sweepgen();
        while self.unswept.load(Ordering::Acquire) != 0 {
            let class = self.sweep_class.load(Ordering::Relaxed);
            if class >= NUM_SPAN_CLASSES {
                return None;
            }
            let taken = {
                let mut lists = self.centrals[class].lock();
                lists
                    .full(sweepgen, false)
                    .pop()
                    .or_else(|| lists.partial(sweepgen, false).pop())
            };
            match taken {
                Some(span) => {
                    let pages = span.npages();
                    self.sweep_span(span, false);
                    return Some(pages);
                }
                // Nobody adds to unswept lists: this class is through for good.
                None => {
                    let _ = self.sweep_class.compare_exchange(
                        class,
                        class + 1,
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    );
                }
            }
        }
        None
    }

    /// Sweeps everything that can be taken.
    pub fn sweep_all(&self) {
        while self.sweep_one().is_some() {}
    }

    /// Sweeps as much as allocation owes since the sweep began.
    #[inline]
    pub(crate) fn sweep_for_allocation(&self) {
        if self.unswept.load(Ordering::Relaxed) != 0 {
            self.sweep_owed();
        }
    }

    #[cold]
    fn sweep_owed(&self) {
        let grown = self
            .live_bytes
            .load(Ordering::Relaxed)
            .saturating_sub(self.sweep_basis.load(Ordering::Relaxed));
        let target =
            ((grown as u128 * self.sweep_ratio.load(Ordering::Relaxed) as u128) >> 20) as usize;
        while self.pages_swept.load(Ordering::Relaxed) < target {
            if self.sweep_one().is_none() {
                return;
            }
        }
    }

    /// Sweeps a span that the caller took off an unswept list, for its own use; returns whether
    /// it has free slots and now belongs to the caller.
    pub(crate) fn sweep_span_for_use(&self, span: &'static MSpan) -> bool {
        self.sweep_span(span, true)
    }

    /// Makes sure that a span is swept: needed before specials are added to it. Waits for another
    /// sweeper of the same span.
    pub fn ensure_swept(&self, span: &MSpan) {
        let sweepgen = self.sweepgen();
        while span.sweepgen() == sweepgen.wrapping_sub(2)
            || span.sweepgen() == sweepgen.wrapping_sub(1)
        {
            // The span cannot be taken out of the middle of a list; sweeping around it gets there.
            if self.sweep_one().is_none() {
                rt_os::thread::sched_yield();
            }
        }
    }

    fn sweep_span(&self, span: &'static MSpan, keep: bool) -> bool {
        let sweepgen = self.sweepgen();
        if span
            .sweepgen
            .swap(sweepgen.wrapping_sub(1), Ordering::Acquire)
            != sweepgen.wrapping_sub(2)
        {
            rt_os::throw!(
                "heap: sweep of span {:#x} class {} with sweepgen {}/{sweepgen}",
                span.start(),
                span.span_class(),
                span.sweepgen().wrapping_add(1)
            );
        }
        if span.has_specials.load(Ordering::Acquire) != 0 {
            self.sweep_specials(span);
        }
        let first = span.first_bit_word();
        let nelems = span.nelems();
        if self.config().poison {
            self.poison_dead(span);
        }
        let before = span.alloc_count();
        let free_index = span.free_index.load(Ordering::Relaxed) as usize;
        let (mut live, mut stray) = (0, 0);
        for index in 0..nelems.div_ceil(64) {
            let allocs = self.arena.alloc_word(first + index);
            let mut marked = self.arena.marks(first + index);
            if marked != 0 {
                // A stale word can mark a free slot; it stays free.
                let below = free_index.saturating_sub(index * 64);
                let allocated = allocs.load(Ordering::Relaxed)
                    | if below >= 64 {
                        u64::MAX
                    } else {
                        (1 << below) - 1
                    };
                stray += (marked & !allocated).count_ones();
                marked &= allocated;
                live += marked.count_ones() as usize;
                self.arena.clear_marks(first + index);
            }
            allocs.store(marked, Ordering::Relaxed);
        }
        if live > before || (stray != 0 && self.config().verify) {
            rt_os::throw!(
                "heap: span {:#x} class {} has {live} marked objects of {before} allocated, and {stray} marked free slots",
                span.start(),
                span.span_class()
            );
        }
        let freed = before - live;
        let large = span.span_class() <= 1;
        if freed > 0 {
            if large {
                add(&self.counters.large_frees, 1);
                add(&self.counters.large_free_bytes, span.bytes() as u64);
            } else {
                add(
                    &self.counters.small_frees[span.span_class() >> 1],
                    freed as u64,
                );
            }
            span.needs_zero.store(1, Ordering::Relaxed);
        }
        span.alloc_count.store(live as u32, Ordering::Relaxed);
        span.free_index
            .store(if large { 1 } else { 0 }, Ordering::Relaxed);
        span.age
            .store(span.age().saturating_add(1), Ordering::Relaxed);
        self.counters.swept_spans.fetch_add(1, Ordering::Relaxed);
        let outcome = match live {
            0 if !keep || large => Outcome::Freed,
            _ if live == nelems => Outcome::Full,
            _ => Outcome::Partial,
        };
        let (class, pages) = (span.span_class(), span.npages());
        // From here on others may use the span.
        span.sweepgen.store(sweepgen, Ordering::Release);
        let mine = match outcome {
            Outcome::Freed => {
                self.free_span(span);
                false
            }
            Outcome::Partial if keep => true,
            Outcome::Partial => {
                self.centrals[class]
                    .lock()
                    .partial(sweepgen, true)
                    .push(span);
                false
            }
            Outcome::Full => {
                self.centrals[class].lock().full(sweepgen, true).push(span);
                false
            }
        };
        self.pages_swept.fetch_add(pages, Ordering::Relaxed);
        if self.unswept.fetch_sub(1, Ordering::Release) == 1 {
            self.profile.publish();
        }
        mine
    }

    /// Fills objects that die now with the pattern.
    fn poison_dead(&self, span: &MSpan) {
        for index in 0..span.nelems() {
            let bit = span.first_bit_word() * 64 + index;
            if self.is_allocated(span, index) && !self.arena.is_marked(bit) {
                // SAFETY: unmarked after marking: nobody can reach it.
                unsafe {
                    fill_poison(
                        span.start() + index * span.elem_size(),
                        span.elem_size() & !7,
                    )
                };
            }
        }
    }

    /// See the module text of `specials` for the rules.
    fn sweep_specials(&self, span: &MSpan) {
        let mut removed: *mut Special = ptr::null_mut();
        {
            let mut head = span.specials.lock();
            let size = span.elem_size();
            // SAFETY: records of the list belong to the span, whose lock is held; objects with
            // records are allocated.
            unsafe {
                let mut at: *mut *mut Special = &mut *head;
                while !(*at).is_null() {
                    let index = (**at).offset / size;
                    let bit = span.first_bit_word() * 64 + index;
                    if self.arena.is_marked(bit) {
                        at = &mut (**at).next;
                        continue;
                    }
                    // All records of this object in one go.
                    let slot = index * size;
                    let mut resurrect = false;
                    let mut look = *at;
                    while !look.is_null() && (*look).offset / size == index {
                        resurrect |= (*look).kind == SpecialKind::Finalizer;
                        look = (*look).next;
                    }
                    if resurrect {
                        self.arena.mark(bit);
                    }
                    while !(*at).is_null() && (**at).offset / size == index {
                        let special = *at;
                        let goes = !resurrect
                            || matches!(
                                (*special).kind,
                                SpecialKind::Finalizer | SpecialKind::WeakHandle
                            );
                        if !goes {
                            at = &mut (*special).next;
                            continue;
                        }
                        let payload = (*special).payload;
                        match (*special).kind {
                            SpecialKind::Finalizer => {
                                let header = if span.span_class() > 1
                                    && !span.noscan()
                                    && size > abi::sizeclass::MAX_BITMAP_SIZE
                                {
                                    MALLOC_HEADER_SIZE
                                } else {
                                    0
                                };
                                // Tiny objects keep their own offset.
                                let object = span.start() + (*special).offset.max(slot + header);
                                self.specials.queue_due(
                                    &self.memory,
                                    Due {
                                        kind: SpecialKind::Finalizer,
                                        func: payload[0],
                                        object,
                                        word: payload[1],
                                        extra: payload[2],
                                    },
                                );
                            }
                            SpecialKind::Cleanup => self.specials.queue_due(
                                &self.memory,
                                Due {
                                    kind: SpecialKind::Cleanup,
                                    func: payload[0],
                                    object: 0,
                                    word: payload[1],
                                    extra: 0,
                                },
                            ),
                            SpecialKind::WeakHandle => {
                                (*(payload[0] as *const AtomicUsize)).store(0, Ordering::Release);
                            }
                            SpecialKind::Profile => self.profile.count_free(payload[0]),
                        }
                        *at = (*special).next;
                        (*special).next = removed;
                        removed = special;
                    }
                }
            }
            if head.is_null() {
                span.has_specials.store(0, Ordering::Release);
            }
        }
        while !removed.is_null() {
            // SAFETY: unlinked above.
            unsafe {
                let next = (*removed).next;
                self.specials.give(removed);
                removed = next;
            }
        }
    }
}
