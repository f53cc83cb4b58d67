//! Types for objects that the allocator did not label: along typed references, through maps, and
//! where nothing else is known by the only layout that fits.

use std::sync::Mutex;

use diagnose::snapshot::{EDGE_FAR, EDGE_INTERIOR, Label, Provenance, Slot, TypeId, View};
use rustc_hash::FxHashMap;

use crate::heap::{BITMAP, MAX_BITMAP_OBJECT, RawView, Walk};
use crate::image::word;
use crate::maps::DIRECTORY_WORD;
use crate::roots::{Roots, referent_label};
use crate::runtime::Runtime;
use crate::types::{Referent, Types, kind};

/// Objects of one layout that are looked at before a type is believed.
const SAMPLES: usize = 200;
/// One sample in so many may be of another type than the rest of its group.
const MOST: usize = 10;
/// Distinct layouts of untyped objects considered.
const MAX_GROUPS: usize = 4096;
/// Follows typed references until nothing changes. `seeds`: slots whose label may say something new.
pub fn propagate(runtime: &Runtime<'_>, walk: &Walk, types: &Mutex<Types<'_>>, seeds: Vec<Slot>) {
    let Ok(mut types) = types.lock() else { return };
    let mut queue = seeds;
    let mut maps: Vec<(Slot, TypeId)> = Vec::new();
    let mut weak: Vec<(Slot, Label)> = Vec::new();
    let mut headers = types.map_headers();
    loop {
        while let Some(slot) = queue.pop() {
            let label = walk.label_of(slot);
            let Some(ty) = label.ty() else { continue };
            let from = walk.offsets[slot as usize] as usize;
            let to = walk.offsets[slot as usize + 1] as usize;
            if from == to {
                continue;
            }
            let words = types.words(ty);
            if words.is_empty() {
                continue;
            }
            if !headers.contains_key(&ty) {
                headers = types.map_headers_if_grown(headers);
            }
            if headers.contains_key(&ty) {
                maps.push((slot, ty));
                continue;
            }
            let period = types.list[ty as usize].size / 8;
            for edge in from..to {
                let code = walk.words[edge];
                let mut at = u64::from(code & !EDGE_INTERIOR);
                if at == u64::from(EDGE_FAR) {
                    continue;
                }
                if label.array() && period > 0 {
                    at %= period;
                }
                let referent = words.get(at as usize).copied().unwrap_or(Referent::None);
                let target = walk.targets[edge];
                if code & EDGE_INTERIOR != 0 {
                    if let Referent::Elements(elem) = referent {
                        if walk.label_of(target).provenance() < Provenance::Interior {
                            let found = Label::new(elem, true, Provenance::Interior);
                            weak.push((target, passed_on(label, found)));
                        }
                    }
                    continue;
                }
                if let Some(found) = referent_label(&mut types, walk, target, referent) {
                    if walk.label(target, passed_on(label, found)) {
                        queue.push(target);
                    }
                }
            }
        }
        if !maps.is_empty() {
            let batch = std::mem::take(&mut maps);
            let addresses: Vec<u64> = batch
                .iter()
                .map(|entry| walk.address(entry.0) + 24)
                .collect();
            let lengths = runtime.image.read_records(&addresses, 8);
            for (&(slot, ty), length) in batch.iter().zip(lengths.chunks_exact(8)) {
                let Some(parts) = headers.get(&ty) else {
                    continue;
                };
                let found = match word(length, 0) {
                    0 => Label::new(parts.group, false, Provenance::Reference),
                    _ => Label::new(parts.directory, true, Provenance::Reference),
                };
                let label = passed_on(walk.label_of(slot), found);
                let range =
                    walk.offsets[slot as usize] as usize..walk.offsets[slot as usize + 1] as usize;
                for edge in range {
                    if walk.words[edge] & !EDGE_INTERIOR == DIRECTORY_WORD
                        && walk.label(walk.targets[edge], label)
                    {
                        queue.push(walk.targets[edge]);
                    }
                }
            }
            continue;
        }
        if weak.is_empty() {
            return;
        }
        for (slot, label) in std::mem::take(&mut weak) {
            if walk.label(slot, label) {
                queue.push(slot);
            }
        }
    }
}

/// What a reference from an object with the label `from` makes of its target: nothing is known better by way of
/// an inferred type than that type.
fn passed_on(from: Label, found: Label) -> Label {
    match (from.provenance(), found.ty()) {
        (Provenance::Inferred, Some(ty)) => Label::new(ty, found.array(), Provenance::Inferred),
        _ => found,
    }
}

/// All slots that have a label now.
pub fn labelled(walk: &Walk) -> Vec<Slot> {
    (0..walk.labels.len() as u32)
        .filter(|&slot| walk.label_of(slot).ty().is_some() && walk.is_allocated(slot))
        .collect()
}

/// Untyped objects by size and, a bit a word, positions of pointers.
type Groups = FxHashMap<(u64, u64), Vec<Slot>>;

/// Layout inference: untyped objects are grouped by size and pointer positions; a type whose layout is the
/// only one that fits, and that no sample contradicts, is taken. Where few samples contradict the only type
/// that the program's code allocates, every object is asked. Returns the slots labelled.
pub fn infer(
    runtime: &Runtime<'_>,
    walk: &Walk,
    types: &Mutex<Types<'_>>,
    sites: &FxHashMap<u64, Vec<u64>>,
) -> Vec<Slot> {
    let Ok(mut types) = types.lock() else {
        return Vec::new();
    };
    let groups = untyped_groups(runtime, walk);
    if groups.is_empty() {
        return Vec::new();
    }
    let by_room = candidates(&mut types, &groups);
    let mut keys: Vec<(u64, u64)> = groups.keys().copied().collect();
    keys.sort_unstable();
    let mut result = Vec::new();
    for key in keys {
        let slots = &groups[&key];
        let Some(candidates) = by_room.get(&key.0) else {
            continue;
        };
        let size = key.0 as usize;
        let read = |slots: &[Slot]| {
            let addresses: Vec<u64> = slots.iter().map(|&slot| walk.address(slot)).collect();
            runtime.image.read_records(&addresses, size)
        };
        let step = (slots.len() / SAMPLES).max(1);
        let samples: Vec<Slot> = slots.iter().copied().step_by(step).take(SAMPLES).collect();
        let data = read(&samples);
        let all = samples.len();
        // With the number of samples that could be of the type.
        let fitting: Vec<(TypeId, usize)> = candidates
            .iter()
            .filter(|(_, mask)| key.1 == *mask)
            .map(|&(ty, _)| {
                let mut missed = 0;
                for object in data.chunks_exact(size) {
                    missed += usize::from(!plausible(&mut types, walk, runtime, ty, object));
                    if missed > all / MOST {
                        return (ty, 0);
                    }
                }
                (ty, all - missed)
            })
            .collect();
        let only = |least: usize, allocated: bool, types: &Types<'_>| {
            let mut left = fitting.iter().filter(|(ty, count)| {
                *count >= least
                    && (!allocated || sites.contains_key(&types.list[*ty as usize].address))
            });
            left.next()
                .filter(|_| left.next().is_none())
                .map(|entry| entry.0)
        };
        if let Some(ty) = only(all, false, &types).or_else(|| only(all, true, &types)) {
            let label = Label::new(ty, false, Provenance::Inferred);
            result.extend(slots.iter().filter(|&&slot| walk.label(slot, label)));
        } else if let Some(ty) = only(all - all / MOST, true, &types) {
            let label = Label::new(ty, false, Provenance::Inferred);
            for batch in slots.chunks(1 << 16) {
                for (&slot, object) in batch.iter().zip(read(batch).chunks_exact(size)) {
                    if plausible(&mut types, walk, runtime, ty, object) && walk.label(slot, label) {
                        result.push(slot);
                    }
                }
            }
        }
    }
    result
}

fn untyped_groups(runtime: &Runtime<'_>, walk: &Walk) -> Groups {
    let mut groups = Groups::default();
    let spans: Vec<usize> = (0..walk.spans.len())
        .filter(|&index| {
            let span = &walk.spans[index];
            !span.noscan && span.pages == 1 && span.slots > 0 && span.elem_size <= MAX_BITMAP_OBJECT
        })
        .collect();
    for spans in spans.chunks(4096) {
        let bitmaps = walk.bitmaps(&runtime.image, spans);
        for (&index, bitmap) in spans.iter().zip(bitmaps.chunks_exact(BITMAP as usize)) {
            let span = &walk.spans[index];
            let words = span.elem_size / 8;
            for slot in span.first..span.first + span.slots {
                if !walk.is_allocated(slot) || walk.label_of(slot).ty().is_some() {
                    continue;
                }
                let first = u64::from(slot - span.first) * words;
                let bit = |at: u64| bitmap[(at / 8) as usize] >> (at % 8) & 1;
                let mask =
                    (0..words).fold(0u64, |mask, at| mask | u64::from(bit(first + at)) << at);
                let key = (span.elem_size, mask);
                if mask != 0 && (groups.len() < MAX_GROUPS || groups.contains_key(&key)) {
                    groups.entry(key).or_default().push(slot);
                }
            }
        }
    }
    groups
}

/// Types that objects of the groups' sizes may have, with the positions of their pointers.
fn candidates(types: &mut Types<'_>, groups: &Groups) -> FxHashMap<u64, Vec<(TypeId, u64)>> {
    types.scan();
    let mut by_room: FxHashMap<u64, Vec<(TypeId, u64)>> = FxHashMap::default();
    let rooms: rustc_hash::FxHashSet<u64> = groups.keys().map(|key| key.0).collect();
    for ty in types.described() {
        let entry = &types.list[ty as usize];
        let size = entry.size;
        if entry.ptr_bytes == 0 || size > MAX_BITMAP_OBJECT || entry.kind != kind::STRUCT {
            continue;
        }
        let unnamed = ["struct {", "noalg.", "map.", "groupReference"];
        if unnamed.iter().any(|prefix| entry.name.starts_with(prefix)) {
            continue;
        }
        let mask = types
            .pointers(ty)
            .iter()
            .fold(0u64, |mask, &at| mask | 1u64.checked_shl(at).unwrap_or(0));
        for &room in &rooms {
            if crate::roots::fits(size, room) {
                by_room.entry(room).or_default().push((ty, mask));
            }
        }
    }
    by_room
}

/// Whether an object's words could be a value of the type.
fn plausible(
    types: &mut Types<'_>,
    walk: &Walk,
    runtime: &Runtime<'_>,
    ty: TypeId,
    object: &[u8],
) -> bool {
    let words = types.words(ty);
    for (index, referent) in words.iter().enumerate() {
        let value = word(object, index * 8);
        let target = walk.find(value);
        let room = |target: Slot, offset: u64| walk.span_of(target).elem_size - offset;
        let fine = match referent {
            Referent::None => true,
            Referent::Text => {
                let length = word(object, index * 8 + 8);
                match target {
                    Some((target, offset)) => {
                        length <= room(target, offset) && walk.span_of(target).noscan
                    }
                    None => length < 1 << 32 && (value != 0 || length == 0),
                }
            }
            Referent::Elements(elem) => {
                let (length, capacity) =
                    (word(object, index * 8 + 8), word(object, index * 8 + 16));
                let size = types.list[*elem as usize].size;
                let bytes = capacity.checked_mul(size);
                length <= capacity
                    && match target {
                        Some((target, offset)) => {
                            bytes.is_some_and(|bytes| bytes <= room(target, offset))
                                && walk.span_of(target).noscan == types.pointers(*elem).is_empty()
                        }
                        None => value != 0 || capacity == 0,
                    }
            }
            Referent::Value(elem) => match target {
                Some((target, 0)) => {
                    let size = types.list[*elem as usize].size;
                    let known = walk.label_of(target);
                    let agrees =
                        known.provenance() < Provenance::Reference || known.ty() == Some(*elem);
                    agrees && (size == 0 || size <= walk.span_of(target).elem_size)
                }
                _ => true,
            },
            Referent::Function => {
                value == 0
                    || target.is_some()
                    || runtime
                        .image
                        .u64(value)
                        .is_some_and(|code| runtime.is_code(code))
            }
            Referent::Interface => {
                let ty = word(object, index * 8 - 8);
                (ty == 0) == (value == 0) || ty > 0xffff
            }
            Referent::Opaque => true,
        };
        if !fine {
            return false;
        }
    }
    true
}

/// Turns noted references into strings and slices, by the types of their holders.
pub fn views(walk: &Walk, types: &Mutex<Types<'_>>, roots: &Roots) -> Vec<View> {
    let Ok(mut types) = types.lock() else {
        return Vec::new();
    };
    let mut result = Vec::new();
    for view in &walk.views {
        let label = walk.label_of(view.holder);
        let Some(ty) = label.ty() else {
            // Holder unknown: a plausible header is taken for a slice, anything else shows everything.
            push_view(
                &mut result,
                walk,
                view,
                None,
                1,
                view.next[0] <= view.next[1] && view.next[1] > 0,
            );
            continue;
        };
        let words = types.words(ty);
        let period = types.list[ty as usize].size / 8;
        let mut at = u64::from(view.word as u16 & !EDGE_INTERIOR);
        if label.array() && period > 0 {
            at %= period;
        }
        match words.get(at as usize) {
            Some(Referent::Text) => push_view(&mut result, walk, view, Some(true), 1, true),
            Some(Referent::Elements(elem)) => {
                let size = types.list[*elem as usize].size;
                push_view(&mut result, walk, view, Some(false), size, true);
            }
            // A plain pointer, or a map's table: the whole object counts as seen.
            _ => push_view(&mut result, walk, view, None, 1, false),
        }
    }
    for view in &roots.views {
        if view.next[1] == u64::MAX {
            push_view(&mut result, walk, view, Some(true), 1, true);
        } else {
            push_view(
                &mut result,
                walk,
                view,
                Some(false),
                element_size(walk, &mut types, view.target),
                true,
            );
        }
    }
    result
}

/// Bytes of an element of the array an object is, 1 when unknown.
fn element_size(walk: &Walk, types: &mut Types<'_>, target: Slot) -> u64 {
    let label = walk.label_of(target);
    label
        .ty()
        .filter(|_| label.array())
        .map_or(1, |ty| types.list[ty as usize].size.max(1))
}

fn push_view(
    result: &mut Vec<View>,
    walk: &Walk,
    view: &RawView,
    string: Option<bool>,
    size: u64,
    header: bool,
) {
    let room = walk.span_of(view.target).elem_size - view.offset;
    let bytes = |count: u64| count.saturating_mul(size).min(room);
    let (length, capacity) = match (header, string) {
        (true, Some(true)) => (bytes(view.next[0]), bytes(view.next[0])),
        (true, _) if view.next[0] <= view.next[1] => (bytes(view.next[0]), bytes(view.next[1])),
        _ => (room, room),
    };
    result.push(View {
        holder: (view.holder != u32::MAX).then_some(view.holder),
        word: view.word as u16,
        target: view.target,
        offset: view.offset,
        length,
        capacity,
        string: string == Some(true),
    });
}
