//! Walkers that check every structure of the heap. Run with the world stopped: in tests, and
//! after each collection under the switch `gcverify`.

use crate::arena::PageInfo;
use crate::heap::Heap;
use crate::span::SpanState;
use abi::sizeclass::{CLASS_TO_OBJECTS, CLASS_TO_PAGES, CLASS_TO_SIZE, PAGE_SIZE};
use core::fmt;
use rt_sync::atomic::Ordering;

/// The first thing found wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Corruption {
    /// What rule is broken.
    pub what: &'static str,
    /// Where: a span's first address, or a page's.
    pub addr: usize,
    /// Span class, slot or whatever number helps.
    pub detail: usize,
}

impl fmt::Debug for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at {:#x}, {})", self.what, self.addr, self.detail)
    }
}

impl Heap {
    /// Checks pages, page tables, spans, lists, counts. Windows may be open.
    pub fn verify(&self) -> Result<(), Corruption> {
        let fail = |what, addr, detail| Err(Corruption { what, addr, detail });
        let locked = self.locked.lock();
        if let Err(what) = locked.pages.verify() {
            return fail(what, 0, 0);
        }
        let (mut object_pages, mut manual_pages) = (0, 0);
        for span in self.spans.iter() {
            let (first, npages, class) = (span.first_page(), span.npages(), span.span_class());
            if span.start() != self.arena.page_addr(first) || npages == 0 {
                return fail("span's start does not fit its page", span.start(), first);
            }
            for page in first..first + npages {
                if !locked.pages.is_taken(page) {
                    return fail("page of a span is free", span.start(), page);
                }
                if !core::ptr::eq(self.arena.span_of_page(page), span) {
                    return fail("page does not name its span", span.start(), page);
                }
                let want = match span.state() {
                    SpanState::Manual => PageInfo::NONE,
                    _ if class <= 1 => PageInfo::large(class as u8),
                    _ => PageInfo::small(class as u8, page - first),
                };
                if self.arena.page_info(page) != want {
                    return fail("page info", span.start(), page);
                }
            }
            if span.state() == SpanState::Manual {
                manual_pages += npages;
                continue;
            }
            object_pages += npages;
            if class > 1 {
                let size = CLASS_TO_SIZE[class >> 1] as usize;
                if span.elem_size() != size
                    || npages != CLASS_TO_PAGES[class >> 1] as usize
                    || span.nelems() != CLASS_TO_OBJECTS[class >> 1] as usize
                {
                    return fail("span's geometry", span.start(), class);
                }
            }
            let free_index = span.free_index.load(Ordering::Relaxed) as usize;
            if free_index > span.nelems() || span.alloc_count() > span.nelems() {
                return fail("span's counts", span.start(), class);
            }
            let allocated = (0..span.nelems())
                .filter(|index| self.is_allocated(span, *index))
                .count();
            if allocated != span.alloc_count() {
                return fail(
                    "allocated slots differ from the count",
                    span.start(),
                    allocated,
                );
            }
            let end = span.nelems();
            let last = self
                .arena
                .alloc_word(span.first_bit_word() + (end - 1) / 64)
                .load(Ordering::Relaxed);
            if end % 64 != 0 && last >> (end % 64) != 0 {
                return fail("alloc bits beyond the last slot", span.start(), class);
            }
            let mut previous = 0;
            let mut bad = None;
            crate::specials::for_each(span, |special| {
                if special.offset < previous
                    || special.offset >= span.bytes()
                    || !self.is_allocated(span, special.offset / span.elem_size())
                {
                    bad = Some(special.offset);
                }
                previous = special.offset;
            });
            if let Some(offset) = bad {
                return fail(
                    "special out of order or on a free slot",
                    span.start(),
                    offset,
                );
            }
        }
        if object_pages * PAGE_SIZE != self.in_use_bytes() {
            return fail(
                "bytes in spans of objects",
                self.in_use_bytes(),
                object_pages * PAGE_SIZE,
            );
        }
        if manual_pages * PAGE_SIZE != self.counters.manual.load(Ordering::Relaxed) {
            return fail("bytes in manual spans", 0, manual_pages * PAGE_SIZE);
        }
        let taken = locked.pages.covered() - locked.pages.free_backed - locked.pages.free_scavenged;
        if taken != object_pages + manual_pages + locked.pages.in_scavenger {
            return fail(
                "taken pages belong to no span",
                taken,
                object_pages + manual_pages,
            );
        }
        drop(locked);
        self.verify_lists()
    }

    fn verify_lists(&self) -> Result<(), Corruption> {
        let sweepgen = self.sweepgen();
        let mut unswept = 0;
        for (class, central) in self.centrals.iter().enumerate() {
            let mut lists = central.lock();
            for swept in [false, true] {
                let mut bad = None;
                for full in [false, true] {
                    let list = if full {
                        lists.full(sweepgen, swept)
                    } else {
                        lists.partial(sweepgen, swept)
                    };
                    let mut count = 0;
                    let len = list.len();
                    list.for_each(|span| {
                        count += 1;
                        let want = if swept {
                            sweepgen
                        } else {
                            sweepgen.wrapping_sub(2)
                        };
                        if span.sweepgen() != want
                            || span.span_class() != class
                            || span.state() != SpanState::InUse
                        {
                            bad = Some(span.start());
                        }
                    });
                    if count != len {
                        bad = Some(0);
                    }
                    if !swept {
                        unswept += count;
                    }
                }
                if let Some(addr) = bad {
                    return Err(Corruption {
                        what: "span on the wrong list",
                        addr,
                        detail: class,
                    });
                }
            }
        }
        if unswept > self.unswept_spans() {
            return Err(Corruption {
                what: "more unswept spans than counted",
                addr: 0,
                detail: unswept,
            });
        }
        Ok(())
    }
}
