//! Snapshots as bytes, to be looked at again later and elsewhere.
//!
//! ```text
//! "FGSNAP02"  then sections: tag u8, length u64 of the data, length u64 of its deflate stream, the stream
//!   1 JSON of everything small     2 spans (40 bytes each)   3 allocation bits   4 labels
//!   5 edges per slot (u8, 255: u32 follows)   6 targets   7 words   8 views (48 bytes each)   9 root targets
//! ```
//!
//! A file may be hostile: lengths are bounded by what the stream can hold, and every index is checked, so that
//! the analysis may trust a loaded snapshot as much as a fresh one.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use crate::snapshot::{
    BigArgument, ChannelUse, Frame, Goroutine, Heap, Info, Label, LockWait, MapUse, Memory, PAGE,
    Root, Snapshot, Span, SpanState, TimerUse, TypeInfo, View,
};

/// First bytes of a saved snapshot.
pub const MAGIC: &[u8; 8] = b"FGSNAP02";
/// Deflate expands at most so much.
const MAX_RATIO: u64 = 1032;
/// Most bytes of one section.
const MAX_SECTION: u64 = 16 << 30;

#[derive(Serialize, Deserialize)]
struct Small {
    info: Info,
    types: Vec<TypeInfo>,
    roots: Vec<Root>,
    goroutines: Vec<Goroutine>,
    stacks: Vec<Vec<u32>>,
    frames: Vec<Frame>,
    locks: Vec<LockWait>,
    timers: Vec<TimerUse>,
    maps: Vec<MapUse>,
    channels: Vec<ChannelUse>,
    callers: Vec<(String, Vec<u32>)>,
    big_arguments: Vec<BigArgument>,
    memory: Memory,
}

fn section(out: &mut Vec<u8>, tag: u8, data: &[u8]) -> Result<(), String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).map_err(|error| error.to_string())?;
    let packed = encoder.finish().map_err(|error| error.to_string())?;
    out.push(tag);
    out.extend((data.len() as u64).to_le_bytes());
    out.extend((packed.len() as u64).to_le_bytes());
    out.extend(packed);
    Ok(())
}

/// Encodes a snapshot.
pub fn encode(snapshot: &Snapshot) -> Result<Vec<u8>, String> {
    let small = Small {
        info: snapshot.info.clone(),
        types: snapshot.types.clone(),
        roots: snapshot.roots.clone(),
        goroutines: snapshot.goroutines.clone(),
        stacks: snapshot.stacks.clone(),
        frames: snapshot.frames.clone(),
        locks: snapshot.locks.clone(),
        timers: snapshot.timers.clone(),
        maps: snapshot.maps.clone(),
        channels: snapshot.channels.clone(),
        callers: snapshot.callers.clone(),
        big_arguments: snapshot.big_arguments.clone(),
        memory: snapshot.memory.clone(),
    };
    let heap = &snapshot.heap;
    let mut out = MAGIC.to_vec();
    section(
        &mut out,
        1,
        &serde_json::to_vec(&small).map_err(|error| error.to_string())?,
    )?;
    let mut data = Vec::with_capacity(heap.spans.len() * 40);
    for span in &heap.spans {
        data.extend(span.start.to_le_bytes());
        data.extend(span.elem_size.to_le_bytes());
        data.extend(span.pages.to_le_bytes());
        data.extend(span.slots.to_le_bytes());
        data.extend([
            span.class,
            u8::from(span.noscan),
            u8::from(span.state == SpanState::Manual),
        ]);
        data.extend([0; 13]);
    }
    section(&mut out, 2, &data)?;
    section(
        &mut out,
        3,
        &heap
            .allocated
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<u8>>(),
    )?;
    section(
        &mut out,
        4,
        &heap
            .labels
            .iter()
            .flat_map(|label| label.0.to_le_bytes())
            .collect::<Vec<u8>>(),
    )?;
    data = Vec::with_capacity(heap.slots());
    for pair in heap.offsets.windows(2) {
        match pair[1] - pair[0] {
            count @ 0..=254 => data.push(count as u8),
            count => {
                data.push(255);
                data.extend(count.to_le_bytes());
            }
        }
    }
    section(&mut out, 5, &data)?;
    section(
        &mut out,
        6,
        &heap
            .targets
            .iter()
            .flat_map(|target| target.to_le_bytes())
            .collect::<Vec<u8>>(),
    )?;
    section(
        &mut out,
        7,
        &heap
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect::<Vec<u8>>(),
    )?;
    data = Vec::with_capacity(snapshot.views.len() * 48);
    for view in &snapshot.views {
        data.extend(view.holder.unwrap_or(u32::MAX).to_le_bytes());
        data.extend(view.target.to_le_bytes());
        data.extend(view.offset.to_le_bytes());
        data.extend(view.length.to_le_bytes());
        data.extend(view.capacity.to_le_bytes());
        data.extend(view.word.to_le_bytes());
        data.push(u8::from(view.string));
        data.extend([0; 13]);
    }
    section(&mut out, 8, &data)?;
    section(
        &mut out,
        9,
        &snapshot
            .root_targets
            .iter()
            .flat_map(|target| target.to_le_bytes())
            .collect::<Vec<u8>>(),
    )?;
    Ok(out)
}

fn u32_at(data: &[u8], at: usize) -> u32 {
    data.get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u32::from_le_bytes)
}

fn u64_at(data: &[u8], at: usize) -> u64 {
    data.get(at..at + 8)
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_le_bytes)
}

/// Decodes and checks a snapshot.
pub fn decode(data: &[u8]) -> Result<Snapshot, String> {
    decode_within(data, u64::MAX)
}

/// The same; refuses a snapshot whose sections take more than `limit` bytes.
pub fn decode_within(data: &[u8], limit: u64) -> Result<Snapshot, String> {
    let Some(mut rest) = data.strip_prefix(MAGIC) else {
        return Err(if data.starts_with(b"FGSNAP") {
            "a snapshot saved by another version".into()
        } else {
            "not a saved snapshot".into()
        });
    };
    let mut sections: Vec<Vec<u8>> = vec![Vec::new(); 10];
    let mut room = limit;
    while !rest.is_empty() {
        if rest.len() < 17 {
            return Err("the snapshot is cut off".into());
        }
        let (tag, length, packed) = (rest[0], u64_at(rest, 1), u64_at(rest, 9));
        let body = usize::try_from(packed)
            .ok()
            .and_then(|packed| rest.get(17..17usize.checked_add(packed)?));
        let Some(body) = body else {
            return Err("the snapshot is cut off".into());
        };
        if length > MAX_SECTION || length > packed.saturating_mul(MAX_RATIO) {
            return Err("the snapshot is damaged: impossible length".into());
        }
        room = room.checked_sub(length).ok_or_else(|| {
            format!(
                "the snapshot takes more memory than the {} it may use",
                crate::findings::human(limit)
            )
        })?;
        let mut content = Vec::new();
        let read = DeflateDecoder::new(body)
            .take(length + 1)
            .read_to_end(&mut content);
        if read.is_err() || content.len() as u64 != length {
            return Err("the snapshot is damaged".into());
        }
        match sections.get_mut(usize::from(tag)) {
            Some(place) if tag > 0 && place.is_empty() => *place = content,
            _ => return Err("the snapshot is damaged: unknown or repeated section".into()),
        }
        rest = &rest[17 + packed as usize..];
    }
    let small: Small = serde_json::from_slice(&sections[1])
        .map_err(|error| format!("the snapshot is damaged: {error}"))?;
    let mut heap = Heap::default();
    let mut slots = 0u64;
    for record in sections[2].chunks_exact(40) {
        let manual = record[26] != 0;
        let span = Span {
            start: u64_at(record, 0),
            elem_size: u64_at(record, 8),
            pages: u32_at(record, 16),
            slots: u32_at(record, 20),
            first: slots as u32,
            class: record[24],
            noscan: record[25] != 0,
            state: if manual {
                SpanState::Manual
            } else {
                SpanState::InUse
            },
        };
        let bytes = u64::from(span.pages) * PAGE;
        let fits = span
            .elem_size
            .checked_mul(u64::from(span.slots))
            .is_some_and(|used| used <= bytes);
        let ordered = heap
            .spans
            .last()
            .is_none_or(|last: &Span| last.start + u64::from(last.pages) * PAGE <= span.start);
        if !fits
            || !ordered
            || span.pages == 0
            || span.start > 1 << 56
            || (span.slots > 0 && span.elem_size < 8)
            || (manual && span.slots > 0)
        {
            return Err("the snapshot is damaged: impossible span".into());
        }
        slots += u64::from(span.slots);
        heap.spans.push(span);
    }
    if slots >= u64::from(u32::MAX) {
        return Err("the snapshot is damaged: too many slots".into());
    }
    heap.allocated = sections[3]
        .chunks_exact(8)
        .map(|bytes| u64_at(bytes, 0))
        .collect();
    heap.labels = sections[4]
        .chunks_exact(4)
        .map(|bytes| Label(u32_at(bytes, 0)))
        .collect();
    heap.targets = sections[6]
        .chunks_exact(4)
        .map(|bytes| u32_at(bytes, 0))
        .collect();
    heap.words = sections[7]
        .chunks_exact(2)
        .map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
        .collect();
    heap.offsets = vec![0];
    let mut counts = sections[5].iter();
    let mut total = 0u32;
    while let Some(&count) = counts.next() {
        let count = if count == 255 {
            let mut wide = [0u8; 4];
            for byte in &mut wide {
                *byte = counts.next().copied().unwrap_or(0);
            }
            u32::from_le_bytes(wide)
        } else {
            u32::from(count)
        };
        total = total
            .checked_add(count)
            .ok_or("the snapshot is damaged: too many edges")?;
        heap.offsets.push(total);
    }
    let views = sections[8]
        .chunks_exact(48)
        .map(|record| View {
            holder: Some(u32_at(record, 0)).filter(|holder| *holder != u32::MAX),
            target: u32_at(record, 4),
            offset: u64_at(record, 8),
            length: u64_at(record, 16),
            capacity: u64_at(record, 24),
            word: u16::from_le_bytes([record[32], record[33]]),
            string: record[34] != 0,
        })
        .collect();
    let snapshot = Snapshot {
        info: small.info,
        heap,
        types: small.types,
        roots: small.roots,
        root_targets: sections[9]
            .chunks_exact(4)
            .map(|bytes| u32_at(bytes, 0))
            .collect(),
        goroutines: small.goroutines,
        stacks: small.stacks,
        frames: small.frames,
        locks: small.locks,
        timers: small.timers,
        maps: small.maps,
        channels: small.channels,
        views,
        callers: small.callers,
        big_arguments: small.big_arguments,
        memory: small.memory,
    };
    check(&snapshot).map_err(|what| format!("the snapshot is damaged: {what}"))?;
    Ok(snapshot)
}

/// Checks every index that the analysis follows.
fn check(snapshot: &Snapshot) -> Result<(), &'static str> {
    let heap = &snapshot.heap;
    let slots: u64 = heap.spans.iter().map(|span| u64::from(span.slots)).sum();
    let slots = slots as u32;
    let require = |holds: bool, what: &'static str| if holds { Ok(()) } else { Err(what) };
    require(heap.labels.len() == slots as usize, "labels")?;
    require(
        heap.allocated.len() == (slots as usize).div_ceil(64),
        "allocation bits",
    )?;
    require(heap.offsets.len() == slots as usize + 1, "edges")?;
    require(
        heap.offsets.last().copied() == Some(heap.targets.len() as u32),
        "edges",
    )?;
    require(heap.words.len() == heap.targets.len(), "edge words")?;
    require(
        heap.targets.iter().all(|&target| target < slots),
        "edge targets",
    )?;
    require(
        heap.labels.iter().all(|label| {
            label
                .ty()
                .is_none_or(|ty| (ty as usize) < snapshot.types.len())
        }),
        "types",
    )?;
    require(
        snapshot.root_targets.iter().all(|&target| target < slots),
        "root targets",
    )?;
    let frames = snapshot.frames.len() as u32;
    let goroutines = snapshot.goroutines.len() as u32;
    for root in &snapshot.roots {
        let end = u64::from(root.first) + u64::from(root.count);
        require(end <= snapshot.root_targets.len() as u64, "roots")?;
        require(root.users.iter().all(|&frame| frame < frames), "places")?;
        if let crate::snapshot::RootKind::Goroutine(goroutine) = root.kind {
            require(goroutine < goroutines, "goroutine roots")?;
        }
    }
    require(
        snapshot.roots.len() as u64 + u64::from(goroutines) + u64::from(slots)
            < u64::from(u32::MAX) / 2,
        "size",
    )?;
    require(
        snapshot
            .stacks
            .iter()
            .flatten()
            .all(|&frame| frame < frames),
        "stacks",
    )?;
    for goroutine in &snapshot.goroutines {
        require(
            (goroutine.stack as usize) < snapshot.stacks.len().max(1),
            "stacks",
        )?;
        require(goroutine.own.iter().all(|&slot| slot < slots), "goroutines")?;
        require(
            goroutine
                .waits_on
                .iter()
                .all(|wait| wait.slot.is_none_or(|slot| slot < slots)),
            "waits",
        )?;
        require(goroutine.stack_bytes < 1 << 40, "stack sizes")?;
        require(
            goroutine
                .largest_frame
                .is_none_or(|(frame, bytes)| frame < frames && bytes < 1 << 40),
            "frames",
        )?;
    }
    for lock in &snapshot.locks {
        require(lock.slot.is_none_or(|slot| slot < slots), "locks")?;
        require(
            lock.waiters.iter().all(|&waiter| waiter < goroutines),
            "locks",
        )?;
        require(
            lock.holders.iter().all(|holder| holder.0 < goroutines),
            "locks",
        )?;
    }
    require(
        snapshot
            .timers
            .iter()
            .all(|timer| timer.slot.is_none_or(|slot| slot < slots)),
        "timers",
    )?;
    require(
        snapshot.maps.iter().all(|map| {
            map.slot < slots && map.bytes < 1 << 48 && map.used < 1 << 40 && map.capacity < 1 << 40
        }),
        "maps",
    )?;
    require(
        snapshot.channels.iter().all(|channel| channel.slot < slots),
        "channels",
    )?;
    require(
        snapshot
            .big_arguments
            .iter()
            .all(|argument| argument.frame < frames),
        "arguments",
    )?;
    require(
        snapshot
            .callers
            .iter()
            .flat_map(|caller| &caller.1)
            .all(|&frame| frame < frames),
        "callers",
    )?;
    for view in &snapshot.views {
        require(
            view.target < slots && view.holder.is_none_or(|slot| slot < slots),
            "views",
        )?;
        let size = heap.size(view.target);
        require(
            view.offset <= size && view.length <= size && view.capacity <= size,
            "views",
        )?;
    }
    let memory = &snapshot.memory;
    let sizes = [
        memory.rss,
        memory.in_use_resident,
        memory.stack_resident,
        memory.free_resident,
        memory.runtime_resident,
        memory.binary_resident,
        memory.outside_resident,
        memory.heap_marked,
    ];
    require(sizes.iter().all(|&size| size < 1 << 50), "memory")?;
    require(
        memory.cgroup_limit.is_none_or(|limit| limit < 1 << 60)
            && memory.working_set.is_none_or(|used| used < 1 << 59),
        "memory",
    )?;
    require(snapshot.info.checks.bytes < 1 << 50, "checks")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::tests_support::sample;

    #[test]
    fn a_snapshot_comes_back_as_it_was() {
        let mut snapshot = sample(70, &[(0, 1), (1, 2), (2, 0)], &[0, 5]);
        snapshot.heap.words = vec![1, 2, 3];
        snapshot.info.program = "service".into();
        let loaded = decode(&encode(&snapshot).unwrap()).unwrap();
        assert_eq!(loaded.info, snapshot.info);
        assert_eq!(loaded.heap.spans, snapshot.heap.spans);
        assert_eq!(loaded.heap.targets, snapshot.heap.targets);
        assert_eq!(loaded.heap.offsets, snapshot.heap.offsets);
        assert_eq!(loaded.roots, snapshot.roots);
        assert_eq!(crate::analysis::Analysis::new(loaded).reachable, 64);
    }

    #[test]
    fn damaged_files_are_refused_or_analysed_without_panic() {
        let mut snapshot = sample(70, &[(0, 1), (1, 2), (2, 0)], &[0, 5]);
        snapshot.heap.words = vec![1, 2, 3];
        let good = encode(&snapshot).unwrap();
        let mut state = 3u64;
        let mut random = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        for _ in 0..3000 {
            let mut data = good.clone();
            for _ in 0..1 + random() % 3 {
                let at = random() % data.len();
                data[at] = random() as u8;
            }
            if random() % 5 == 0 {
                data.truncate(random() % good.len());
            }
            if let Ok(snapshot) = decode(&data) {
                crate::findings::find(&crate::analysis::Analysis::new(snapshot));
            }
        }
    }

    #[test]
    fn indices_out_of_range_are_refused() {
        let mut snapshot = sample(4, &[(0, 1)], &[0]);
        snapshot.heap.words = vec![0];
        snapshot.root_targets[0] = 4;
        assert!(decode(&encode(&snapshot).unwrap()).is_err());
    }
}
