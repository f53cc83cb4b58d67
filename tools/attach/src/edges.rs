//! The edges between objects, streamed through one reused buffer per thread.
//!
//! In chunks of spans, on two threads: read the span's memory, find its pointer map (a bitmap at the span's end
//! for objects up to 512 bytes, a type word before or beside larger ones), look every pointer up, and append an
//! edge. Nothing is copied but edges; pages are touched once.
//!
//! On the way, the data words of interfaces give their target's type, first words that are function entries
//! name closures, channels are recognised, and pointers into objects of 1 KiB and more are noted with the two
//! words that follow (length and capacity, if it is a slice).

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use diagnose::snapshot::{EDGE_FAR, EDGE_INTERIOR, Label, PAGE, Provenance, Slot, Span, SpanState};
use rustc_hash::FxHashMap;

use crate::channels::ChannelShape;
use crate::heap::{INLINE_MARKS, LARGE_OBJECT, MAX_BITMAP_OBJECT, RawView, Walk};
use crate::image::{Image, half, word};
use crate::runtime::Runtime;
use crate::target::{Part, mapping_at};
use crate::types::Types;
use crate::{Error, Result, sys};

/// Buffer of one thread.
const BUFFER: u64 = 1 << 20;
/// References into large objects kept per thread.
const MAX_VIEWS: usize = 2 << 20;

impl Walk {
    /// Fills in all references between objects.
    pub fn edges<'a>(
        &mut self,
        runtime: &Runtime<'a>,
        types: &Mutex<Types<'a>>,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<()> {
        let chunks = self.chunks();
        let next = AtomicUsize::new(0);
        let done = AtomicU64::new(0);
        let total: u64 = chunks.iter().map(|chunk| chunk.2).sum();
        let results: Mutex<Vec<Option<ChunkEdges>>> =
            Mutex::new((0..chunks.len()).map(|_| None).collect());
        let views: Mutex<(Vec<RawView>, u64, u64)> = Mutex::new((Vec::new(), 0, 0));
        let inline_marks = self.inline_marks();
        let workers = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(2);
        let walk = &*self;
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    let mut worker = Worker::new(walk, runtime, types, inline_marks);
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(&(from, to, bytes)) = chunks.get(index) else {
                            break;
                        };
                        if sys::interrupted() {
                            break;
                        }
                        let edges = worker.chunk(from, to);
                        if let Ok(mut results) = results.lock() {
                            results[index] = Some(edges);
                        }
                        progress(done.fetch_add(bytes, Ordering::Relaxed) + bytes, total);
                    }
                    if let Ok(mut all) = views.lock() {
                        all.0.append(&mut worker.views);
                        all.1 += worker.dropped_views;
                        all.2 += worker.bad_headers;
                    }
                });
            }
        });
        if sys::interrupted() {
            return Err(Error::new("interrupted"));
        }
        let results = results.into_inner().unwrap_or_default();
        let count: usize = results
            .iter()
            .flatten()
            .map(|chunk| chunk.targets.len())
            .sum();
        if count >= u32::MAX as usize {
            return Err(Error::new(format!(
                "the heap has {count} references; at most {} can be analysed",
                u32::MAX
            )));
        }
        self.targets.reserve_exact(count);
        self.words.reserve_exact(count);
        let mut filled = 0u32;
        for (chunk, &(from, to, _)) in results.into_iter().zip(&chunks) {
            let Some(chunk) = chunk else { continue };
            let first = self.spans[from].first;
            let end = self.spans[to - 1].first + self.spans[to - 1].slots;
            let mut counts = chunk.counts.iter();
            for slot in first..end {
                self.offsets[slot as usize] = filled;
                filled += counts.next().copied().unwrap_or(0);
            }
            self.targets.extend_from_slice(&chunk.targets);
            self.words.extend_from_slice(&chunk.words);
        }
        if let Some(last) = self.offsets.last_mut() {
            *last = filled;
        }
        let (mut views, dropped, bad) = views.into_inner().unwrap_or_default();
        // Threads finish in any order; the result must not depend on it.
        views.sort_unstable_by_key(|view| (view.holder, view.word, view.target, view.offset));
        self.views = views;
        self.dropped_views = dropped;
        self.bad_headers = bad;
        Ok(())
    }

    /// Ranges of spans of about a few megabytes: from, to, bytes.
    fn chunks(&self) -> Vec<(usize, usize, u64)> {
        let mut result = Vec::new();
        let (mut from, mut bytes) = (0, 0);
        for (index, span) in self.spans.iter().enumerate() {
            bytes += if span.noscan || span.state == SpanState::Manual {
                64
            } else {
                u64::from(span.pages) * PAGE
            };
            if bytes >= 4 << 20 || index + 1 == self.spans.len() {
                result.push((from, index + 1, bytes));
                from = index + 1;
                bytes = 0;
            }
        }
        result
    }
}

#[derive(Default)]
struct ChunkEdges {
    counts: Vec<u32>,
    targets: Vec<Slot>,
    words: Vec<u16>,
}

/// What an interface's type word means: its target's label.
type TypeWords = FxHashMap<u64, Label>;

struct Worker<'w, 'a> {
    walk: &'w Walk,
    image: Image<'a>,
    types: &'w Mutex<Types<'a>>,
    runtime: &'w Runtime<'a>,
    inline_marks: bool,
    text: (u64, u64),
    buffer: Vec<u8>,
    out: ChunkEdges,
    views: Vec<RawView>,
    dropped_views: u64,
    bad_headers: u64,
    type_words: TypeWords,
    /// Descriptor to size and pointer words of one element.
    headers: FxHashMap<u64, Option<Header>>,
    closures: FxHashMap<u64, Label>,
    channels: Option<Arc<ChannelShape>>,
}

#[derive(Clone)]
struct Header {
    ty: u32,
    size: u64,
    pointers: Arc<[u32]>,
}

impl<'w, 'a> Worker<'w, 'a> {
    fn new(
        walk: &'w Walk,
        runtime: &'w Runtime<'a>,
        types: &'w Mutex<Types<'a>>,
        inline_marks: bool,
    ) -> Self {
        Worker {
            walk,
            image: runtime.image,
            types,
            runtime,
            inline_marks,
            text: runtime.modules.first().map_or((0, 0), |module| module.text),
            buffer: vec![0; BUFFER as usize],
            out: ChunkEdges::default(),
            views: Vec::new(),
            dropped_views: 0,
            bad_headers: 0,
            type_words: TypeWords::default(),
            headers: FxHashMap::default(),
            closures: FxHashMap::default(),
            channels: ChannelShape::of(runtime).ok().map(Arc::new),
        }
    }

    fn chunk(&mut self, from: usize, to: usize) -> ChunkEdges {
        self.out = ChunkEdges::default();
        let mut index = from;
        while index < to {
            // As many spans as fit the buffer, read with one call.
            let mut end = index;
            let mut used = 0u64;
            while end < to {
                let span = &self.walk.spans[end];
                let bytes = if is_scanned(span) {
                    u64::from(span.pages) * PAGE
                } else {
                    0
                };
                if used + bytes > BUFFER {
                    break;
                }
                used += bytes;
                end += 1;
            }
            if end == index {
                self.large_span(index);
                index += 1;
                continue;
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            let mut ok = Vec::with_capacity(end - index);
            {
                let mut rest = &mut buffer[..];
                let mut parts = Vec::new();
                for span in &self.walk.spans[index..end] {
                    if is_scanned(span) {
                        let (now, later) = std::mem::take(&mut rest)
                            .split_at_mut((u64::from(span.pages) * PAGE) as usize);
                        parts.push(Part {
                            address: span.start,
                            buffer: now,
                            ok: false,
                        });
                        rest = later;
                    }
                }
                self.image.read_parts(&mut parts);
                ok.extend(parts.iter().map(|part| part.ok));
            }
            let mut at = 0;
            let mut ok = ok.into_iter();
            for index in index..end {
                let span = &self.walk.spans[index];
                if !is_scanned(span) {
                    self.out
                        .counts
                        .resize(self.out.counts.len() + span.slots as usize, 0);
                    continue;
                }
                let bytes = (u64::from(span.pages) * PAGE) as usize;
                let memory = &buffer[at..at + bytes];
                at += bytes;
                if !ok.next().unwrap_or(false) {
                    // Partly given back or never touched: page by page would be zeroes anyway.
                    self.out
                        .counts
                        .resize(self.out.counts.len() + span.slots as usize, 0);
                } else if span.class == 0 {
                    self.large_object(index, span.start, memory);
                } else if span.elem_size <= MAX_BITMAP_OBJECT {
                    self.bitmap_span(span, memory);
                } else {
                    self.header_span(span, memory);
                }
            }
            self.buffer = buffer;
            index = end;
        }
        std::mem::take(&mut self.out)
    }

    /// Objects up to 512 bytes: one bit per word at the span's end.
    fn bitmap_span(&mut self, span: &Span, memory: &[u8]) {
        let bitmap_bytes = memory.len() / 64;
        let marks = if self.inline_marks && span.elem_size >= 16 {
            INLINE_MARKS as usize
        } else {
            0
        };
        let bitmap = &memory[memory.len() - bitmap_bytes - marks..memory.len() - marks];
        let words = (span.elem_size / 8) as usize;
        let channels = self.channels.clone().filter(|shape| shape.fits(span));
        for index in 0..span.slots {
            let slot = span.first + index;
            let before = self.out.targets.len();
            if self.walk.is_allocated(slot) {
                let first = index as usize * words;
                let mut at = first;
                let mut previous_pointer = false;
                while at < first + words {
                    let bits = bitmap.get(at / 8).copied().unwrap_or(0) >> (at % 8);
                    if bits == 0 && words > 8 {
                        at = (at / 8 + 1) * 8;
                        previous_pointer = false;
                        continue;
                    }
                    if bits & 1 == 0 {
                        previous_pointer = false;
                        at += 1;
                        continue;
                    }
                    let value = word(memory, at * 8);
                    if value != 0 {
                        let local = at - first;
                        let previous = if local > 0 && !previous_pointer {
                            word(memory, at * 8 - 8)
                        } else {
                            0
                        };
                        let left = first + words - at - 1;
                        let next = [
                            if left > 0 {
                                word(memory, at * 8 + 8)
                            } else {
                                0
                            },
                            if left > 1 {
                                word(memory, at * 8 + 16)
                            } else {
                                0
                            },
                        ];
                        self.pointer(slot, local as u64, value, previous, next);
                    }
                    previous_pointer = true;
                    at += 1;
                }
                let code = word(memory, first * 8);
                if code >= self.text.0 && code < self.text.1 {
                    self.closure(slot, code);
                }
                if let Some(shape) = &channels {
                    let object = &memory[first * 8..(first + words) * 8];
                    if let Some(label) = shape.label(self.walk, self.types, span, slot, object) {
                        self.walk.label(slot, label);
                    }
                }
            }
            self.out
                .counts
                .push((self.out.targets.len() - before) as u32);
        }
    }

    /// Larger small-class objects: the type is the first word.
    fn header_span(&mut self, span: &Span, memory: &[u8]) {
        for index in 0..span.slots {
            let slot = span.first + index;
            let before = self.out.targets.len();
            if self.walk.is_allocated(slot) {
                let from = (u64::from(index) * span.elem_size) as usize;
                let object = &memory[from..from + span.elem_size as usize];
                if let Some(header) = self.header(word(object, 0)) {
                    self.label_header(slot, &header, span.elem_size - 8);
                    self.typed(slot, &header, &object[8..], 0, object.len() as u64 - 8);
                }
            }
            self.out
                .counts
                .push((self.out.targets.len() - before) as u32);
        }
    }

    /// One object per span, small enough to be read whole.
    fn large_object(&mut self, index: usize, _start: u64, memory: &[u8]) {
        let span = self.walk.spans[index];
        let before = self.out.targets.len();
        if span.slots == 1 && self.walk.is_allocated(span.first) {
            if let Some(header) = self.large_header(index) {
                let size = span.elem_size.min(memory.len() as u64);
                self.label_header(span.first, &header, size);
                self.typed(span.first, &header, &memory[..size as usize], 0, size);
            }
        }
        self.out
            .counts
            .push((self.out.targets.len() - before) as u32);
        self.out.counts.resize(
            self.out.counts.len() + span.slots.saturating_sub(1) as usize,
            0,
        );
    }

    /// A large object in pieces.
    fn large_span(&mut self, index: usize) {
        let span = self.walk.spans[index];
        let before = self.out.targets.len();
        if span.slots >= 1 && self.walk.is_allocated(span.first) {
            if let Some(header) = self.large_header(index) {
                self.label_header(span.first, &header, span.elem_size);
                let mut buffer = std::mem::take(&mut self.buffer);
                let mut at = 0;
                while at < span.elem_size {
                    let size = (span.elem_size - at).min(BUFFER);
                    let piece = &mut buffer[..size as usize];
                    if self.image.read(span.start + at, piece) {
                        self.typed(span.first, &header, piece, at, span.elem_size);
                    }
                    // Pieces overlap by the two words that may follow a pointer.
                    at += if size == BUFFER { BUFFER - 16 } else { size };
                }
                self.buffer = buffer;
            }
        }
        self.out
            .counts
            .push((self.out.targets.len() - before) as u32);
        self.out.counts.resize(
            self.out.counts.len() + span.slots.saturating_sub(1) as usize,
            0,
        );
    }

    fn large_header(&mut self, index: usize) -> Option<Header> {
        let descriptor = self.walk.large_type(index);
        if descriptor == 0 {
            return None; // being zeroed: no pointers yet
        }
        self.header(descriptor)
    }

    fn label_header(&self, slot: Slot, header: &Header, room: u64) {
        let array = header.size > 0 && room >= header.size * 2;
        self.walk
            .label(slot, Label::new(header.ty, array, Provenance::Header));
    }

    fn header(&mut self, descriptor: u64) -> Option<Header> {
        if descriptor == 0 {
            return None; // allocated, not yet initialised
        }
        if let Some(known) = self.headers.get(&descriptor) {
            self.bad_headers += u64::from(known.is_none());
            return known.clone();
        }
        let header = self.types.lock().ok().and_then(|mut types| {
            let ty = types.load(descriptor)?;
            let size = types.list[ty as usize].size;
            (size > 0).then(|| Header {
                ty,
                size,
                pointers: types.pointers(ty),
            })
        });
        self.bad_headers += u64::from(header.is_none());
        self.headers.insert(descriptor, header.clone());
        header
    }

    /// A piece of an object whose element type is known: `memory` starts `from` bytes into its data.
    fn typed(&mut self, slot: Slot, header: &Header, memory: &[u8], from: u64, total: u64) {
        let end = from + memory.len() as u64;
        // The last two words of a piece that is not the last are handled by the next one.
        let stop = if end < total { end - 16 } else { end };
        let mut element = from / header.size * header.size;
        while element < stop {
            let low = from.saturating_sub(element) / 8;
            let start = header
                .pointers
                .partition_point(|&word| u64::from(word) < low);
            for &local in &header.pointers[start..] {
                let at = element + u64::from(local) * 8;
                if at >= stop {
                    break;
                }
                let at = (at - from) as usize;
                let value = word(memory, at);
                if value != 0 {
                    let previous = if at >= 8 && local > 0 {
                        word(memory, at - 8)
                    } else {
                        0
                    };
                    let next = [word(memory, at + 8), word(memory, at + 16)];
                    self.pointer(slot, u64::from(local), value, previous, next);
                }
            }
            element += header.size;
        }
    }

    /// One non-zero pointer word.
    #[inline]
    fn pointer(&mut self, holder: Slot, local: u64, value: u64, previous: u64, next: [u64; 2]) {
        let Some((target, offset)) = self.walk.find(value) else {
            return;
        };
        let mut code = local.min(u64::from(EDGE_FAR)) as u16;
        if offset != 0 {
            code |= EDGE_INTERIOR;
        }
        self.out.targets.push(target);
        self.out.words.push(code);
        if previous > 0xffff && offset == 0 && previous.is_multiple_of(8) && previous < 1 << 47 {
            self.interface(target, previous);
        }
        let size = self.walk.spans[self.walk.pages.span(value).unwrap_or(0)].elem_size;
        if size >= LARGE_OBJECT {
            if self.views.len() < MAX_VIEWS {
                self.views.push(RawView {
                    holder,
                    word: u32::from(code),
                    target,
                    offset,
                    next,
                });
            } else {
                self.dropped_views += 1;
            }
        }
    }

    /// The word before a pointer: a type or an itab makes them an interface.
    fn interface(&mut self, target: Slot, word: u64) {
        let label = match self.type_words.get(&word) {
            Some(label) => *label,
            None => {
                let label = type_word(&self.image, self.walk, self.types, word);
                if self.type_words.len() > 1 << 20 {
                    self.type_words.clear();
                }
                self.type_words.insert(word, label);
                label
            }
        };
        self.walk.label(target, label);
    }

    /// An object whose first word is a code address.
    fn closure(&mut self, slot: Slot, code: u64) {
        let label = match self.closures.get(&code) {
            Some(label) => *label,
            None => {
                let label = closure_label(self.runtime, self.types, code);
                self.closures.insert(code, label);
                label
            }
        };
        self.walk.label(slot, label);
    }
}

fn is_scanned(span: &Span) -> bool {
    span.state == SpanState::InUse && !span.noscan && span.slots > 0
}

/// The label of objects that start with this code address: a closure, if it is a function's entry.
pub fn closure_label(runtime: &Runtime<'_>, types: &Mutex<Types<'_>>, code: u64) -> Label {
    let Some(func) = runtime
        .functions
        .find(code)
        .filter(|func| func.entry == code)
    else {
        return Label::NONE;
    };
    match types.lock() {
        Ok(mut types) => {
            let ty = types.made(&format!("closure {}", func.name()), 0, Some(Vec::new()));
            Label::new(ty, false, Provenance::Code)
        }
        Err(_) => Label::NONE,
    }
}

/// What the first word of an interface says about its data: a descriptor (empty interfaces) or an itab.
pub fn type_word(image: &Image<'_>, walk: &Walk, types: &Mutex<Types<'_>>, word_: u64) -> Label {
    let Ok(mut types) = types.lock() else {
        return Label::NONE;
    };
    if types.is_static(word_) {
        if let Some(ty) = types.load(word_) {
            return types.interface_label(ty);
        }
    }
    // itab: interface type, type, hash (equal to the type's). In the program's data or the runtime's own memory.
    if walk.pages.span(word_).is_some() || mapping_at(image.target.mappings(), word_).is_none() {
        return Label::NONE;
    }
    let Some(itab) = image.bytes(word_, 24) else {
        return Label::NONE;
    };
    let (interface, descriptor, hash) = (word(&itab, 0), word(&itab, 8), half(&itab, 16));
    if !types.is_static(interface)
        || !types.is_static(descriptor)
        || image.u32(descriptor + 16) != Some(hash)
    {
        return Label::NONE;
    }
    match types.load(descriptor) {
        Some(ty) => types.interface_label(ty),
        None => Label::NONE,
    }
}
