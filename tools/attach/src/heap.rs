//! Spans and the page map. The walk of the heap:
//!
//! 1. Read every `mspan` record and the allocation bits; keep spans in use, in address order.
//! 2. Build a table from page to span: one array access per pointer.
//! 3. Follow every pointer: [`crate::edges`].
//!
//! The collector's own mark bits are ignored, so the state of a collection does not matter.

use std::sync::atomic::{AtomicU32, Ordering};

use diagnose::snapshot::{Label, PAGE, Slot, Span, SpanState};
use rustc_hash::FxHashMap;

use crate::image::{Image, half, word};
use crate::runtime::Runtime;
use crate::target::Part;
use crate::{Error, Result};

/// Bytes of an arena, the unit of the page map.
const ARENA_BITS: u32 = 26;
/// Pages of an arena.
const ARENA_PAGES: u64 = (1 << ARENA_BITS) / PAGE;
/// A page map of so many bytes is made however little memory there is.
const SMALL_TABLE: u64 = 256 << 20;
/// Largest object whose pointer map is in its span.
pub const MAX_BITMAP_OBJECT: u64 = 512;
/// Bytes of the collector's marks inside a small span (Green Tea).
pub const INLINE_MARKS: u64 = 128;
/// Bytes of the pointer bitmap of a one-page span.
pub const BITMAP: u64 = PAGE / 64;
/// Objects of at least this size have references into them recorded.
pub const LARGE_OBJECT: u64 = 1024;

/// A span with what only the walk needs.
#[derive(Clone, Copy, Debug)]
struct Extra {
    /// Address of the `mspan`.
    record: u64,
    specials: u64,
    large_type: u64,
}

/// A reference into a large object, before it is known whether it is a string or a slice.
#[derive(Clone, Copy, Debug)]
pub struct RawView {
    /// Holder, or `u32::MAX` for roots.
    pub holder: Slot,
    /// Word in the holder (see edges), or index of the root.
    pub word: u32,
    /// Target.
    pub target: Slot,
    /// Offset in the target.
    pub offset: u64,
    /// The two words that follow the pointer.
    pub next: [u64; 2],
}

/// Page to span.
pub struct PageTable {
    base: u64,
    arenas: Vec<u32>,
    pages: Vec<u32>,
}

impl PageTable {
    fn new(spans: &[Span]) -> PageTable {
        let base = spans.first().map_or(0, |span| span.start >> ARENA_BITS);
        let top = spans.last().map_or(0, |span| {
            (span.start + u64::from(span.pages) * PAGE) >> ARENA_BITS
        });
        let mut table = PageTable {
            base,
            arenas: vec![0; (top - base + 1).min(1 << 22) as usize],
            pages: vec![0; ARENA_PAGES as usize],
        };
        for (index, span) in spans.iter().enumerate() {
            for page in 0..u64::from(span.pages) {
                let address = span.start + page * PAGE;
                let arena = ((address >> ARENA_BITS) - base) as usize;
                let Some(block) = table.arenas.get_mut(arena) else {
                    break;
                };
                if *block == 0 {
                    *block = (table.pages.len() as u64 / ARENA_PAGES) as u32;
                    table
                        .pages
                        .resize(table.pages.len() + ARENA_PAGES as usize, 0);
                }
                table.pages
                    [(u64::from(*block) * ARENA_PAGES + address / PAGE % ARENA_PAGES) as usize] =
                    index as u32 + 1;
            }
        }
        table
    }

    /// Index of the span an address lies in.
    #[inline]
    pub fn span(&self, address: u64) -> Option<usize> {
        let arena = (address >> ARENA_BITS).wrapping_sub(self.base);
        let block = *self.arenas.get(usize::try_from(arena).ok()?)?;
        let entry =
            self.pages[(u64::from(block) * ARENA_PAGES + address / PAGE % ARENA_PAGES) as usize];
        (entry as usize).checked_sub(1)
    }
}

/// The walked heap, labels still open to improvement.
pub struct Walk {
    /// In address order; those managed by hand too.
    pub spans: Vec<Span>,
    extras: Vec<Extra>,
    /// One bit per slot.
    pub allocated: Vec<u64>,
    /// Page to span.
    pub pages: PageTable,
    /// Labels found so far.
    pub labels: Vec<AtomicU32>,
    /// CSR offsets.
    pub offsets: Vec<u32>,
    /// CSR targets.
    pub targets: Vec<Slot>,
    /// CSR words.
    pub words: Vec<u16>,
    /// References into large objects.
    pub views: Vec<RawView>,
    /// References not kept.
    pub dropped_views: u64,
    /// Spans whose bits and counts disagree.
    pub mismatches: u64,
    /// Type words that are no types.
    pub bad_headers: u64,
    /// Objects and bytes allocated.
    pub objects: (u64, u64),
}

impl Walk {
    /// Steps 1 and 2.
    pub fn spans(runtime: &Runtime<'_>) -> Result<Walk> {
        let addresses = runtime.spans()?;
        let size = runtime.field("mspan#")? as usize;
        let at = |name: &str| {
            runtime
                .field(&format!("mspan.{name}"))
                .map(|offset| offset as usize)
        };
        let (start, npages, freeindex, nelems) = (
            at("startAddr")?,
            at("npages")?,
            at("freeindex")?,
            at("nelems")?,
        );
        let (bits, count, class, state) = (
            at("allocBits")?,
            at("allocCount")?,
            at("spanclass")?,
            at("state")?,
        );
        let (elemsize, specials, large) = (at("elemsize")?, at("specials")?, at("largeType")?);
        let mut found: Vec<(Span, Extra, u64, u16, u16)> = Vec::new();
        for addresses in addresses.chunks(1 << 14) {
            let data = runtime.image.read_records(addresses, size);
            for (record, &address) in data.chunks_exact(size).zip(addresses) {
                let span_state = match record[state] {
                    1 => SpanState::InUse,
                    2 => SpanState::Manual,
                    _ => continue,
                };
                let (start, pages) = (word(record, start), word(record, npages));
                if start % PAGE != 0
                    || start == 0
                    || pages == 0
                    || pages > 1 << 30
                    || start.checked_add(pages * PAGE).is_none()
                {
                    continue;
                }
                let in_use = span_state == SpanState::InUse;
                let slots = if in_use {
                    half(record, nelems) & 0xffff
                } else {
                    0
                };
                let elem_size = word(record, elemsize);
                if in_use
                    && (elem_size < 8
                        || u64::from(slots)
                            .checked_mul(elem_size)
                            .is_none_or(|bytes| bytes > pages * PAGE))
                {
                    continue;
                }
                let span = Span {
                    start,
                    elem_size,
                    pages: pages as u32,
                    slots,
                    first: 0,
                    class: record[class] >> 1,
                    noscan: record[class] & 1 != 0,
                    state: span_state,
                };
                let extra = Extra {
                    record: address,
                    specials: word(record, specials),
                    large_type: word(record, large),
                };
                found.push((
                    span,
                    extra,
                    word(record, bits),
                    (half(record, freeindex) & 0xffff) as u16,
                    (half(record, count) & 0xffff) as u16,
                ));
            }
        }
        found.sort_by_key(|entry| entry.0.start);
        // Overlaps would make addresses ambiguous; the earlier span wins.
        found.dedup_by(|later, earlier| {
            later.0.start < earlier.0.start + u64::from(earlier.0.pages) * PAGE
        });
        if found.len() > 1 {
            let range = found[found.len() - 1].0.start - found[0].0.start;
            if range >> ARENA_BITS >= 1 << 22 {
                return Err(Error::new(
                    "the heap's addresses are spread wider than Go allows: the span list is damaged",
                ));
            }
        }
        let mut slots = 0u64;
        for entry in &mut found {
            entry.0.first = slots as u32;
            slots += u64::from(entry.0.slots);
        }
        if slots.saturating_mul(8) > runtime.image.target.present_bytes() {
            return Err(Error::new(
                "the span list announces more objects than there is memory: it is damaged",
            ));
        }
        let arenas = arenas_of(found.iter().map(|entry| &entry.0));
        let most = runtime.image.target.present_bytes().max(SMALL_TABLE);
        if arenas.saturating_mul(ARENA_PAGES * 4) > most {
            return Err(Error::new(
                "the span list announces more memory than there can be: it is damaged",
            ));
        }
        if slots >= u64::from(u32::MAX) - 16 {
            return Err(Error::new(format!(
                "the heap has {slots} object slots; at most {} can be analysed",
                u32::MAX
            )));
        }
        let spans: Vec<Span> = found.iter().map(|entry| entry.0).collect();
        let mut walk = Walk {
            pages: PageTable::new(&spans),
            extras: found.iter().map(|entry| entry.1).collect(),
            allocated: vec![0; (slots as usize).div_ceil(64)],
            labels: (0..slots).map(|_| AtomicU32::new(0)).collect(),
            offsets: vec![0; slots as usize + 1],
            targets: Vec::new(),
            words: Vec::new(),
            views: Vec::new(),
            dropped_views: 0,
            mismatches: 0,
            bad_headers: 0,
            objects: (0, 0),
            spans,
        };
        walk.read_bits(runtime, &found);
        Ok(walk)
    }

    fn read_bits(&mut self, runtime: &Runtime<'_>, found: &[(Span, Extra, u64, u16, u16)]) {
        for batch in found.chunks(8192) {
            let in_use: Vec<&(Span, Extra, u64, u16, u16)> = batch
                .iter()
                .filter(|entry| entry.0.state == SpanState::InUse && entry.0.slots > 0)
                .collect();
            let mut buffers: Vec<[u8; 1024]> = Vec::new();
            buffers.resize(in_use.len(), [0; 1024]);
            let mut parts: Vec<Part<'_>> = buffers
                .iter_mut()
                .zip(&in_use)
                .map(|(buffer, entry)| {
                    let length = (entry.0.slots as usize).div_ceil(64).min(128) * 8;
                    Part {
                        address: entry.2,
                        buffer: &mut buffer[..length],
                        ok: false,
                    }
                })
                .collect();
            runtime.image.read_parts(&mut parts);
            drop(parts);
            for (entry, bits) in in_use.iter().zip(&buffers) {
                let (span, _, _, freeindex, count) = **entry;
                let mut allocated = 0u32;
                for index in 0..span.slots {
                    let set = index < u32::from(freeindex)
                        || bits[index as usize / 8 % 1024] >> (index % 8) & 1 != 0;
                    if set {
                        let slot = span.first + index;
                        self.allocated[slot as usize / 64] |= 1 << (slot % 64);
                        allocated += 1;
                    }
                }
                self.mismatches += u64::from(allocated != u32::from(count));
                self.objects.0 += u64::from(allocated);
                self.objects.1 += u64::from(allocated) * span.elem_size;
            }
        }
    }

    /// Whether a slot holds an object.
    #[inline]
    pub fn is_allocated(&self, slot: Slot) -> bool {
        self.allocated[slot as usize / 64] >> (slot % 64) & 1 != 0
    }

    /// The allocated object an address lies in, and the offset inside.
    #[inline]
    pub fn find(&self, address: u64) -> Option<(Slot, u64)> {
        let span = &self.spans[self.pages.span(address)?];
        if span.slots == 0 {
            return None;
        }
        let offset = address - span.start;
        let (index, rest) = if offset < 1 << 32 && span.elem_size < 1 << 32 {
            let (offset, size) = (offset as u32, span.elem_size as u32);
            (u64::from(offset / size), u64::from(offset % size))
        } else {
            (offset / span.elem_size, offset % span.elem_size)
        };
        if index >= u64::from(span.slots) {
            return None;
        }
        let slot = span.first + index as u32;
        self.is_allocated(slot).then_some((slot, rest))
    }

    /// Sets a label if it is stronger than the one there.
    #[inline]
    pub fn label(&self, slot: Slot, label: Label) -> bool {
        label.0 != 0 && self.labels[slot as usize].fetch_max(label.0, Ordering::Relaxed) < label.0
    }

    /// The label so far.
    pub fn label_of(&self, slot: Slot) -> Label {
        Label(self.labels[slot as usize].load(Ordering::Relaxed))
    }

    /// The span of a slot.
    pub fn span_of(&self, slot: Slot) -> &Span {
        let mut index = self
            .spans
            .partition_point(|span| span.first <= slot)
            .saturating_sub(1);
        while index > 0 && self.spans[index].slots == 0 {
            index -= 1;
        }
        &self.spans[index]
    }

    /// Address of a slot.
    pub fn address(&self, slot: Slot) -> u64 {
        let span = self.span_of(slot);
        span.start + u64::from(slot - span.first) * span.elem_size
    }

    /// Spans with their first special record.
    pub fn specials(&self) -> impl Iterator<Item = (&Span, u64)> {
        self.spans
            .iter()
            .zip(&self.extras)
            .filter(|(_, extra)| extra.specials != 0)
            .map(|(span, extra)| (span, extra.specials))
    }

    /// The span whose `mspan` record is at an address.
    pub fn span_records(&self) -> FxHashMap<u64, usize> {
        self.extras
            .iter()
            .enumerate()
            .map(|(index, extra)| (extra.record, index))
            .collect()
    }

    /// Whether small spans hold the collector's marks: their number of objects tells.
    pub fn inline_marks(&self) -> bool {
        let (mut with, mut without) = (0u32, 0u32);
        for span in &self.spans {
            if span.pages != 1 || span.noscan || !(16..=MAX_BITMAP_OBJECT).contains(&span.elem_size)
            {
                continue;
            }
            let slots = u64::from(span.slots);
            let bitmap = PAGE / 64;
            let marked = (PAGE - bitmap - INLINE_MARKS) / span.elem_size;
            let plain = (PAGE - bitmap) / span.elem_size;
            if marked != plain {
                with += u32::from(slots == marked);
                without += u32::from(slots == plain);
            }
        }
        with > without
    }

    /// Pointer bitmaps of small spans: for each given span the bits of its first page's words, word 0 first.
    pub fn bitmaps(&self, image: &Image<'_>, spans: &[usize]) -> Vec<u8> {
        let marks = self.inline_marks();
        let addresses: Vec<u64> = spans
            .iter()
            .map(|&index| {
                let span = &self.spans[index];
                let marks = if marks && span.elem_size >= 16 {
                    INLINE_MARKS
                } else {
                    0
                };
                span.start + PAGE - BITMAP - marks
            })
            .collect();
        image.read_records(&addresses, BITMAP as usize)
    }

    /// The type of the one object of a large span; 0 while it is being zeroed.
    pub fn large_type(&self, span: usize) -> u64 {
        self.extras[span].large_type
    }
}

/// How many arenas spans in address order touch.
fn arenas_of<'s>(spans: impl Iterator<Item = &'s Span>) -> u64 {
    let (mut count, mut next) = (0u64, 0);
    for span in spans {
        let first = (span.start >> ARENA_BITS).max(next);
        let end = ((span.start + u64::from(span.pages) * PAGE - 1) >> ARENA_BITS) + 1;
        count += end.saturating_sub(first);
        next = end.max(next);
    }
    count
}
