//! Goroutines: their stacks as call positions, and exactly the words of their frames that are live pointers.
//!
//! For a parked goroutine the compiler's stack maps say which words of each frame hold pointers. With
//! `fp = sp + delta + 8` (just above the return address) and `varp = fp - 8`, less 8 more for the saved frame
//! pointer when the frame is not empty:
//!
//! * locals: `nbit` words ending at `varp`; arguments: words from `fp`;
//! * stack objects: at an offset from `varp` (negative) or `fp`, all taken for live.
//!
//! A running goroutine, a frame interrupted at any instruction (`asyncPreempt`) and its caller have no exact
//! map: every word of theirs that looks like an object's address counts.

use std::collections::hash_map::Entry;
use std::rc::Rc;

use diagnose::snapshot::{Frame, GoStatus, Goroutine, RootKind, Slot, WaitOn};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Result;
use crate::heap::{LARGE_OBJECT, RawView, Walk};
use crate::image::{Image, half, word};
use crate::pclntab::{FUNCDATA_ARGS, FUNCDATA_LOCALS, FUNCDATA_OBJECTS, Func, PCDATA_STACK_MAP};
use crate::roots::Roots;
use crate::runtime::Runtime;
use crate::target::{Part, Thread};

/// Stack bytes read at once; deeper frames are read where needed.
const WINDOW: u64 = 32 << 10;
/// Goroutines whose stacks are read with one call.
const BATCH: usize = 256;
/// Bytes that a stack is taken to have at most: bounds that say more are damage, and sums must not overflow.
const MAX_STACK: u64 = (1 << 40) - 1;
/// Deepest stack walked.
const MAX_FRAMES: usize = 1 << 22;
/// Positions kept of one stack: innermost and outermost.
const KEEP_INNER: usize = 48;
const KEEP_OUTER: usize = 16;
/// Wait records followed.
const MAX_WAITS: usize = 1 << 25;
/// Frames of at least this size are worth telling.
const LARGE_FRAME: u64 = 32 << 10;

/// One entry of a goroutine's list of waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The channel.
    pub channel: u64,
    /// Where the value to send is, or the received one goes; 0: none.
    pub value: u64,
}

/// What the stacks gave.
pub struct Stacks {
    /// All live goroutines.
    pub goroutines: Vec<Goroutine>,
    /// Distinct stacks.
    pub stacks: Vec<Vec<u32>>,
    /// Distinct positions.
    pub frames: Vec<Frame>,
    /// Return addresses of each distinct stack, for looking at code.
    pub pcs: Vec<Vec<u64>>,
    /// Address of the g to index.
    pub by_address: FxHashMap<u64, u32>,
    /// Objects each goroutine's frames refer to.
    pub targets: Vec<Vec<Slot>>,
    /// Waits for channels.
    pub waits: Vec<Wait>,
    /// Threads that run a goroutine right now; registers of others are left over from earlier.
    pub running: Vec<u64>,
    /// Frames in all, and those without an exact map.
    pub counted: (u64, u64),
}

/// Everything about one return address.
struct FrameInfo {
    delta: u64,
    /// Word offsets of live pointers from `varp`, in bytes (negative).
    locals: Vec<i64>,
    /// From `fp`.
    args: Vec<i64>,
    /// From `varp` when negative, else from `fp`.
    objects: Vec<i64>,
    positions: Vec<u32>,
    preempted: bool,
    last: bool,
}

struct Walker<'w, 'a> {
    runtime: &'w Runtime<'a>,
    walk: &'w Walk,
    infos: FxHashMap<u64, Option<Rc<FrameInfo>>>,
    frames: Vec<Frame>,
    frame_ids: FxHashMap<Frame, u32>,
    stacks: Vec<Vec<u32>>,
    pcs: Vec<Vec<u64>>,
    stack_ids: FxHashMap<Vec<u64>, u32>,
    counted: (u64, u64),
}

/// Stack memory: a window read ahead, the rest on demand.
struct Memory<'m, 'a> {
    image: Image<'a>,
    start: u64,
    data: &'m [u8],
}

impl Memory<'_, '_> {
    fn word(&self, address: u64) -> Option<u64> {
        match address.checked_sub(self.start) {
            Some(at) if at + 8 <= self.data.len() as u64 => Some(word(self.data, at as usize)),
            _ => self.image.u64(address),
        }
    }
}

/// Walks all goroutines and adds a root for each.
pub fn walk_stacks(
    runtime: &Runtime<'_>,
    walk: &Walk,
    threads: &[Thread],
    roots: &mut Roots,
) -> Result<Stacks> {
    let f = |key: &str| runtime.field(key).map(|offset| offset as usize);
    let size = f("g#")?;
    let (stack, sched, status_at, goid) = (
        f("g.stack")?,
        f("g.sched")?,
        f("g.atomicstatus")?,
        f("g.goid")?,
    );
    let (sp_at, pc_at, ctxt) = (
        sched + f("gobuf.sp")?,
        sched + f("gobuf.pc")?,
        sched + f("gobuf.ctxt")?,
    );
    let (syscallsp, syscallpc) = (f("g.syscallsp")?, f("g.syscallpc")?);
    let (since, reason, gopc, startpc) = (
        f("g.waitsince")?,
        f("g.waitreason")?,
        f("g.gopc")?,
        f("g.startpc")?,
    );
    let (waiting, m_at) = (f("g.waiting")?, f("g.m")?);
    let addresses = runtime.goroutines()?;
    let mut walker = Walker {
        runtime,
        walk,
        infos: FxHashMap::default(),
        frames: Vec::new(),
        frame_ids: FxHashMap::default(),
        stacks: Vec::new(),
        pcs: Vec::new(),
        stack_ids: FxHashMap::default(),
        counted: (0, 0),
    };
    let by_tid: FxHashMap<u64, &Thread> =
        threads.iter().map(|thread| (thread.tid, thread)).collect();
    let procid = f("m.procid")?;
    let mut result = Stacks {
        goroutines: Vec::new(),
        stacks: Vec::new(),
        frames: Vec::new(),
        pcs: Vec::new(),
        by_address: FxHashMap::default(),
        targets: Vec::new(),
        waits: Vec::new(),
        running: Vec::new(),
        counted: (0, 0),
    };
    let mut waits: Vec<(u32, u64)> = Vec::new();
    let mut ages: Vec<(u32, u64)> = Vec::new();
    for batch in addresses.chunks(BATCH) {
        let records = runtime.image.read_records(batch, size);
        let live: Vec<(u64, &[u8])> = batch
            .iter()
            .zip(records.chunks_exact(size))
            .map(|(&address, record)| (address, record))
            .filter(|(_, record)| matches!(half(record, status_at) & 0xfff, 1..=4 | 8..=10))
            .collect();
        let mut windows: Vec<(u64, u64)> = Vec::with_capacity(live.len());
        let mut starts: Vec<(u64, u64, bool)> = Vec::with_capacity(live.len());
        for (_, record) in &live {
            let (low, high) = (word(record, stack), word(record, stack + 8));
            let status = half(record, status_at) & 0xfff;
            let (mut pc, mut sp) = (word(record, pc_at), word(record, sp_at));
            let mut exact = true;
            if status == 3 || (status == 2 && word(record, syscallsp) != 0) {
                (pc, sp) = (word(record, syscallpc), word(record, syscallsp));
            } else if status == 2 {
                exact = false;
                let tid = runtime
                    .image
                    .u64(word(record, m_at).wrapping_add(procid as u64))
                    .unwrap_or(0);
                result.running.push(tid);
                if let Some(thread) = by_tid
                    .get(&tid)
                    .filter(|thread| low < thread.sp && thread.sp <= high)
                {
                    (pc, sp) = (thread.pc + 1, thread.sp); // +1: not a return address
                }
            }
            let valid = low < sp && sp <= high && high - low <= 4 << 30;
            starts.push((pc, if valid { sp } else { 0 }, exact));
            windows.push(if valid {
                (sp, (high - sp).min(WINDOW))
            } else {
                (0, 0)
            });
        }
        let mut memory = vec![0u8; windows.iter().map(|window| window.1 as usize).sum()];
        {
            let mut rest = &mut memory[..];
            let mut parts = Vec::with_capacity(windows.len());
            for &(address, length) in &windows {
                let (now, later) = std::mem::take(&mut rest).split_at_mut(length as usize);
                parts.push(Part {
                    address,
                    buffer: now,
                    ok: false,
                });
                rest = later;
            }
            runtime.image.read_parts(&mut parts);
        }
        let mut used = 0usize;
        for (((address, record), &(pc, sp, exact)), &(start, length)) in
            live.iter().zip(&starts).zip(&windows)
        {
            let data = &memory[used..used + length as usize];
            used += length as usize;
            let (low, high) = (word(record, stack), word(record, stack + 8));
            let status = match half(record, status_at) & 0xfff {
                1 | 9 => GoStatus::Runnable,
                2 | 8 => GoStatus::Running,
                3 => GoStatus::Syscall,
                _ => GoStatus::Waiting,
            };
            let index = result.goroutines.len() as u32;
            let mut targets = Vec::new();
            let mut largest = None;
            let reader = Memory {
                image: runtime.image,
                start,
                data,
            };
            let root = roots.list.len() as u32;
            let stack_id = walker.goroutine(
                &reader,
                pc,
                sp,
                high,
                exact,
                root,
                &mut targets,
                &mut largest,
                &mut roots.views,
            );
            if let Some((target, _)) = walk.find(word(record, ctxt)) {
                targets.push(target);
            }
            let own_slot = walk.find(*address).map(|found| found.0);
            targets.extend(own_slot);
            let name = runtime
                .functions
                .find(word(record, startpc))
                .map_or("", |func| func.name());
            let system = name.starts_with("runtime.")
                && name != "runtime.main"
                && name != "runtime.handleAsyncEvent";
            let reason_text = if status == GoStatus::Waiting {
                runtime
                    .wait_reasons
                    .get(record[reason] as usize)
                    .cloned()
                    .unwrap_or_default()
            } else {
                String::new()
            };
            let created_by = runtime
                .functions
                .positions(word(record, gopc))
                .into_iter()
                .next()
                .map(|position| {
                    walker.frame_id(Frame {
                        function: position.function,
                        file: position.file,
                        line: position.line,
                    })
                });
            if word(record, waiting) != 0 && status == GoStatus::Waiting {
                waits.push((index, word(record, waiting)));
            }
            if status == GoStatus::Waiting && word(record, since) != 0 {
                ages.push((index, word(record, since)));
            }
            roots.add(
                RootKind::Goroutine(index),
                format!("goroutine {}", word(record, goid)),
                String::new(),
                &targets,
            );
            result.by_address.insert(*address, index);
            result.targets.push(targets);
            result.goroutines.push(Goroutine {
                id: word(record, goid),
                status,
                reason: reason_text,
                stack: stack_id,
                created_by,
                stack_bytes: high.saturating_sub(low).min(MAX_STACK),
                largest_frame: largest,
                waiting_ns: None,
                waits_on: Vec::new(),
                own: own_slot.into_iter().collect(),
                system,
            });
        }
    }
    // The target's clock is not known; the youngest note of the collector stands for "now".
    let newest = ages.iter().map(|age| age.1).max().unwrap_or(0);
    for (index, since) in ages {
        result.goroutines[index as usize].waiting_ns = Some(newest.saturating_sub(since));
    }
    read_waits(runtime, walk, waits, &mut result)?;
    result.frames = walker.frames;
    result.stacks = walker.stacks;
    result.pcs = walker.pcs;
    result.counted = walker.counted;
    Ok(result)
}

/// Channels that goroutines wait on: the list of wait records of each.
fn read_waits(
    runtime: &Runtime<'_>,
    walk: &Walk,
    waits: Vec<(u32, u64)>,
    result: &mut Stacks,
) -> Result<()> {
    let (link, channel) = (
        runtime.field("sudog.waitlink")? as usize,
        runtime.field("sudog.c")? as usize,
    );
    let elem = runtime.field("sudog.elem")? as usize;
    let size = runtime.field("sudog#")? as usize;
    let mut level = waits;
    // A record belongs to one goroutine and one wait: met again, the list is damaged.
    let mut seen: FxHashSet<u64> = level.iter().map(|entry| entry.1).collect();
    while !level.is_empty() {
        let addresses: Vec<u64> = level.iter().map(|entry| entry.1).collect();
        let data = runtime.image.read_records(&addresses, size);
        let mut following = Vec::new();
        for (record, &(index, address)) in data.chunks_exact(size).zip(&level) {
            let goroutine = &mut result.goroutines[index as usize];
            goroutine
                .own
                .extend(walk.find(address).map(|found| found.0));
            let mut at = word(record, channel);
            if at == 0 && channel + 16 <= size {
                at = word(record, channel + 8);
            }
            if at != 0 {
                let mut value = word(record, elem);
                if value == 0 && elem + 16 <= channel {
                    value = word(record, elem + 8); // since Go 1.26 hidden from the collector
                }
                result.waits.push(Wait { channel: at, value });
                goroutine.waits_on.push(WaitOn {
                    address: at,
                    slot: walk.find(at).map(|found| found.0),
                    channel: true,
                });
            }
            let next = word(record, link);
            if next != 0 && seen.len() < MAX_WAITS && seen.insert(next) {
                following.push((index, next));
            }
        }
        level = following;
    }
    Ok(())
}

impl Walker<'_, '_> {
    fn frame_id(&mut self, frame: Frame) -> u32 {
        match self.frame_ids.entry(frame) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let id = self.frames.len() as u32;
                self.frames.push(entry.key().clone());
                *entry.insert(id)
            }
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one stack walk, several kinds of result"
    )]
    fn goroutine(
        &mut self,
        memory: &Memory<'_, '_>,
        mut pc: u64,
        mut sp: u64,
        high: u64,
        exact: bool,
        root: u32,
        targets: &mut Vec<Slot>,
        largest: &mut Option<(u32, u64)>,
        views: &mut Vec<RawView>,
    ) -> u32 {
        let mut pcs = Vec::new();
        if !exact && sp != 0 {
            self.conservative(memory, sp, high, targets);
        }
        let mut after_preempt = false;
        let mut depth = 0;
        while sp != 0 && sp < high && depth < MAX_FRAMES {
            let Some(info) = self.info(pc) else { break };
            depth += 1;
            if pcs.len() < KEEP_INNER + KEEP_OUTER * 2 {
                pcs.push(pc);
            } else {
                // Keep the outermost: overwrite the middle in a ring.
                let at = KEEP_INNER + depth % (KEEP_OUTER * 2);
                pcs[at] = pc;
            }
            let fp = sp.wrapping_add(info.delta).wrapping_add(8);
            if fp > high || fp <= sp {
                break;
            }
            self.counted.0 += 1;
            if info.delta >= LARGE_FRAME && largest.is_none_or(|(_, bytes)| bytes < info.delta) {
                *largest = info
                    .positions
                    .last()
                    .map(|&position| (position, info.delta));
            }
            if exact {
                if info.preempted || after_preempt {
                    self.counted.1 += 1;
                    self.conservative(memory, sp, fp, targets);
                } else {
                    let varp = fp - 8 - if info.delta > 0 { 8 } else { 0 };
                    for &offset in &info.locals {
                        self.root_word(
                            memory,
                            varp.wrapping_add_signed(offset),
                            root,
                            targets,
                            views,
                        );
                    }
                    for &offset in &info.args {
                        self.root_word(
                            memory,
                            fp.wrapping_add_signed(offset),
                            root,
                            targets,
                            views,
                        );
                    }
                    for &offset in &info.objects {
                        let base = if offset < 0 { varp } else { fp };
                        self.root_word(
                            memory,
                            base.wrapping_add_signed(offset),
                            root,
                            targets,
                            views,
                        );
                    }
                }
            }
            after_preempt = info.preempted;
            if info.last {
                break;
            }
            let Some(return_address) = memory.word(fp - 8) else {
                break;
            };
            pc = return_address;
            sp = fp;
        }
        if depth > KEEP_INNER + KEEP_OUTER * 2 {
            // The ring starts after the place written last.
            pcs[KEEP_INNER..].rotate_left((depth + 1) % (KEEP_OUTER * 2));
        }
        targets.sort_unstable();
        targets.dedup();
        self.stack_id(pcs)
    }

    fn stack_id(&mut self, pcs: Vec<u64>) -> u32 {
        if let Some(&id) = self.stack_ids.get(&pcs) {
            return id;
        }
        let mut frames = Vec::new();
        for &pc in &pcs {
            if let Some(info) = self.info(pc) {
                frames.extend_from_slice(&info.positions);
            }
        }
        let id = self.stacks.len() as u32;
        self.stacks.push(frames);
        self.pcs.push(pcs.clone());
        self.stack_ids.insert(pcs, id);
        id
    }

    fn root_word(
        &self,
        memory: &Memory<'_, '_>,
        address: u64,
        root: u32,
        targets: &mut Vec<Slot>,
        views: &mut Vec<RawView>,
    ) {
        let Some(value) = memory.word(address).filter(|value| *value > 0xffff) else {
            return;
        };
        let Some((target, offset)) = self.walk.find(value) else {
            return;
        };
        targets.push(target);
        if self.walk.spans[self.walk.pages.span(value).unwrap_or(0)].elem_size >= LARGE_OBJECT {
            let next = [
                memory.word(address + 8).unwrap_or(0),
                memory.word(address + 16).unwrap_or(0),
            ];
            // Locals have no types: a plausible length and capacity make it a slice.
            if next[0] <= next[1] && next[1] > 0 && next[1] < 1 << 40 {
                views.push(RawView {
                    holder: u32::MAX,
                    word: root,
                    target,
                    offset,
                    next,
                });
            }
        }
    }

    fn conservative(&self, memory: &Memory<'_, '_>, from: u64, to: u64, targets: &mut Vec<Slot>) {
        let mut at = from.next_multiple_of(8);
        let window_end = memory.start + memory.data.len() as u64;
        while at < to.min(window_end) {
            if let Some((target, _)) = memory.word(at).and_then(|value| self.walk.find(value)) {
                targets.push(target);
            }
            at += 8;
        }
        while at < to {
            let size = (to - at).min(1 << 20);
            if let Some(data) = memory.image.bytes(at, size) {
                targets.extend(
                    data.chunks_exact(8)
                        .filter_map(|bytes| Some(self.walk.find(word(bytes, 0))?.0)),
                );
            }
            at += size;
        }
    }

    fn info(&mut self, pc: u64) -> Option<Rc<FrameInfo>> {
        if let Some(known) = self.infos.get(&pc) {
            return known.clone();
        }
        let info = self.build(pc).map(Rc::new);
        self.infos.insert(pc, info.clone());
        info
    }

    fn build(&mut self, pc: u64) -> Option<FrameInfo> {
        let func = self.runtime.functions.find(pc.checked_sub(1)?)?;
        let name = func.name();
        let delta = u64::try_from(func.sp_delta(pc)?).ok()?;
        let index = func.pcdata(PCDATA_STACK_MAP, pc).unwrap_or(0).max(0) as usize;
        let bitmap = |table: u32| -> (Vec<usize>, usize) {
            let Some(data) = func.funcdata(table) else {
                return (Vec::new(), 0);
            };
            let (count, bits) = (half(data, 0) as usize, half(data, 4) as usize);
            if index >= count || bits > 1 << 24 {
                return (Vec::new(), 0);
            }
            let start = 8 + index * bits.div_ceil(8);
            let set = (0..bits)
                .filter(|bit| {
                    data.get(start + bit / 8)
                        .is_some_and(|byte| byte >> (bit % 8) & 1 != 0)
                })
                .collect();
            (set, bits)
        };
        let (locals, bits) = bitmap(FUNCDATA_LOCALS);
        let locals = locals
            .into_iter()
            .map(|bit| (bit as i64 - bits as i64) * 8)
            .collect();
        let args = bitmap(FUNCDATA_ARGS)
            .0
            .into_iter()
            .map(|bit| bit as i64 * 8)
            .collect();
        let objects = self.stack_objects(&func);
        let positions = func
            .positions(pc)
            .into_iter()
            .map(|position| {
                self.frame_id(Frame {
                    function: position.function,
                    file: position.file,
                    line: position.line,
                })
            })
            .collect();
        Some(FrameInfo {
            delta,
            locals,
            args,
            objects,
            positions,
            preempted: name == "runtime.asyncPreempt",
            last: matches!(
                name,
                "runtime.goexit"
                    | "runtime.mstart"
                    | "runtime.rt0_go"
                    | "runtime.mcall"
                    | "runtime.systemstack_switch"
            ),
        })
    }

    /// `stackObjectRecord`s: offset, size, pointer bytes, offset of the pointer mask in rodata.
    fn stack_objects(&self, func: &Func<'_>) -> Vec<i64> {
        let Some(data) = func.funcdata(FUNCDATA_OBJECTS) else {
            return Vec::new();
        };
        let count = word(data, 0).min(1 << 16) as usize;
        let mut result = Vec::new();
        for index in 0..count {
            let at = 8 + index * 16;
            if at + 16 > data.len() {
                break;
            }
            let offset = i64::from(half(data, at) as i32);
            let pointer_bytes = u64::from(half(data, at + 8)).min(1 << 26);
            let mask = func.rodata().wrapping_add(u64::from(half(data, at + 12)));
            let bytes = (pointer_bytes / 8).div_ceil(8);
            let Some(mask) = self.runtime.image.static_bytes(mask, bytes) else {
                continue;
            };
            for bit in 0..pointer_bytes / 8 {
                if mask[bit as usize / 8] >> (bit % 8) & 1 != 0 {
                    let word_offset = offset + bit as i64 * 8;
                    // The sign of an object's own offset chooses the base, not that of a word in it.
                    if (offset < 0) == (word_offset < 0) {
                        result.push(word_offset);
                    }
                }
            }
        }
        result
    }
}

/// Registers of threads that run Go code right now: conservative roots.
pub fn thread_roots(walk: &Walk, threads: &[Thread], running: &[u64], roots: &mut Roots) {
    let mut targets: Vec<Slot> = threads
        .iter()
        .filter(|thread| running.contains(&thread.tid))
        .flat_map(|thread| &thread.regs)
        .filter_map(|&value| Some(walk.find(value)?.0))
        .collect();
    targets.sort_unstable();
    targets.dedup();
    roots.add(
        RootKind::Thread,
        "registers of running threads".to_string(),
        String::new(),
        &targets,
    );
}

/// Names of functions that take large arguments by value, with the bytes.
pub fn big_arguments(runtime: &Runtime<'_>, threshold: u64) -> Vec<(Frame, u64)> {
    let mut seen = FxHashSet::default();
    let mut result = Vec::new();
    for func in runtime.functions.all() {
        let bytes = u64::try_from(func.args()).unwrap_or(0);
        // Assembly without a known frame has 0x80000000.
        if bytes >= threshold
            && bytes < 1 << 31
            && !func.name().starts_with("runtime.")
            && seen.insert(func.entry)
        {
            let position = runtime.functions.positions(func.entry + 1).pop();
            if let Some(position) = position {
                result.push((
                    Frame {
                        function: position.function,
                        file: position.file,
                        line: position.line,
                    },
                    bytes,
                ));
            }
        }
    }
    result
}
