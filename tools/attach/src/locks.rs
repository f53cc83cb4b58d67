//! Semaphores somebody waits for: mutexes, read-write locks, wait groups; and who probably holds them.
//!
//! The runtime's table has 251 roots, each the top of a tree of wait records by address; further waiters of an
//! address hang on the record's `waitlink`. Nobody records a mutex's holder, so it is argued from frames:
//! strength 3: a goroutine refers to the lock and one of its frames locked something before the point where it
//! is; 2: such a frame, without a reference; 1: a reference only.

use diagnose::snapshot::{EDGE_INTERIOR, LockWait, Slot};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Result;
use crate::code_scan::{LockCode, lock_code};
use crate::goroutines::Stacks;
use crate::heap::Walk;
use crate::image::word;
use crate::roots::{Static, Variable, name_address};
use crate::runtime::Runtime;

const SEMAPHORE_ROOTS: u64 = 251;
/// Bytes between roots: a cache line.
const STRIDE: u64 = 64;
const MAX_WAITERS: usize = 1 << 23;
const MAX_LOCKS: usize = 1 << 16;

/// One waiting list: address of the semaphore word, waiting goroutines in order, and a number that changes when
/// the first waiter is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Address of the semaphore word.
    pub address: u64,
    /// g addresses.
    pub waiters: Vec<u64>,
    /// Address of the first record, its g and its ticket.
    pub head: (u64, u64, u64),
    records: Vec<u64>,
}

/// Reads all waiting lists. Also usable on the running process: a torn read gives a list that does not repeat.
pub fn queues(runtime: &Runtime<'_>) -> Result<Vec<Queue>> {
    let table = runtime.symbol("semtable")?;
    let treap = runtime.field("semaRoot.treap")?;
    let size = runtime.field("sudog#")? as usize;
    let at = |name: &str| {
        runtime
            .field(&format!("sudog.{name}"))
            .map(|offset| offset as usize)
    };
    let (g, next, prev, elem) = (at("g")?, at("next")?, at("prev")?, at("elem")?);
    let (link, ticket) = (at("waitlink")?, at("ticket")?);
    let roots: Vec<u64> = (0..SEMAPHORE_ROOTS)
        .map(|index| table + index * STRIDE + treap)
        .collect();
    let tops = runtime.image.read_records(&roots, 8);
    let mut work: Vec<u64> = tops
        .chunks_exact(8)
        .map(|bytes| word(bytes, 0))
        .filter(|top| *top != 0)
        .collect();
    let mut seen = FxHashSet::default();
    let mut result = Vec::new();
    while let Some(address) = work.pop() {
        if !seen.insert(address) || result.len() >= MAX_LOCKS {
            continue;
        }
        let Some(record) = runtime.image.bytes(address, size as u64) else {
            continue;
        };
        work.extend(
            [word(&record, prev), word(&record, next)]
                .into_iter()
                .filter(|child| *child != 0),
        );
        let mut key = word(&record, elem);
        if key == 0 {
            key = word(&record, elem + 8); // since Go 1.26 the word beside it, hidden from the collector
        }
        let head = (
            address,
            word(&record, g),
            word(&record, ticket) & 0xffff_ffff,
        );
        let mut queue = Queue {
            address: key,
            waiters: vec![word(&record, g)],
            head,
            records: vec![address],
        };
        let mut waiter = word(&record, link);
        while waiter != 0 && queue.waiters.len() < MAX_WAITERS && seen.insert(waiter) {
            let Some(record) = runtime.image.bytes(waiter, size as u64) else {
                break;
            };
            queue.waiters.push(word(&record, g));
            queue.records.push(waiter);
            waiter = word(&record, link);
        }
        if key != 0 {
            result.push(queue);
        }
    }
    result.sort_by_key(|queue| queue.address);
    Ok(result)
}

/// Names the locks and argues about their holders; notes on every waiter what it waits for.
pub fn locks(
    runtime: &Runtime<'_>,
    walk: &Walk,
    stacks: &mut Stacks,
    variables: &[Variable],
    statics: &[Static],
    queues: &[Queue],
) -> Vec<LockWait> {
    let mut result = Vec::new();
    let mut code: FxHashMap<u64, LockCode> = FxHashMap::default();
    for queue in queues {
        let waiters: Vec<u32> = queue
            .waiters
            .iter()
            .filter_map(|g| stacks.by_address.get(g).copied())
            .collect();
        let Some(&first) = waiters.first() else {
            continue;
        };
        for (&index, &record) in waiters.iter().zip(&queue.records) {
            let goroutine = &mut stacks.goroutines[index as usize];
            goroutine.own.extend(walk.find(record).map(|found| found.0));
            goroutine.waits_on.push(diagnose::snapshot::WaitOn {
                address: queue.address,
                slot: walk.find(queue.address).map(|found| found.0),
                channel: false,
            });
        }
        let reason = stacks.goroutines[first as usize].reason.clone();
        let (kind, back) = match reason.as_str() {
            "sync.Mutex.Lock" => ("sync.Mutex", 4),
            "sync.RWMutex.RLock" => ("sync.RWMutex", 12),
            "sync.RWMutex.Lock" => ("sync.RWMutex", 8),
            "sync.WaitGroup.Wait" => ("sync.WaitGroup", 8),
            _ => ("semaphore", 0),
        };
        let address = queue.address.wrapping_sub(back);
        let state = runtime.image.u32(address).unwrap_or(0);
        let locked = match kind {
            "sync.Mutex" => state & 1 != 0,
            "sync.RWMutex" => true,
            _ => false,
        };
        let slot = walk.find(address).map(|found| found.0);
        let holders = if kind.ends_with("Mutex") {
            holders(runtime, stacks, &mut code, &waiters, slot, address)
        } else {
            Vec::new()
        };
        let name = if slot.is_none() {
            name_address(variables, statics, address)
        } else {
            String::new()
        };
        result.push(LockWait {
            kind: kind.to_string(),
            address,
            slot,
            name,
            locked,
            waiters,
            holders,
            unchanged_ns: 0,
        });
    }
    result
}

/// Finds the condition variables that goroutines in `sync.Cond.Wait` wait for and notes them.
///
/// No table of the runtime lists these waiters: their records hang on the condition itself, which the waiting
/// frame still refers to. So for every object such a goroutine's frames refer to, a reference to a wait record
/// of one of these goroutines is the head of its list. A condition in static data is not looked for: it can
/// always be signalled.
pub fn conditions(runtime: &Runtime<'_>, walk: &Walk, stacks: &mut Stacks) -> Result<()> {
    let word_of =
        |name: &str| -> Result<u16> { Ok((runtime.field(&format!("sudog.{name}"))? / 8) as u16) };
    let (g, next) = (word_of("g")?, word_of("next")?);
    let size = runtime.field("sudog#")?;
    let waiting: FxHashMap<Slot, u32> = stacks
        .goroutines
        .iter()
        .enumerate()
        .filter(|(_, goroutine)| goroutine.reason == "sync.Cond.Wait")
        .filter_map(|(index, goroutine)| Some((*goroutine.own.first()?, index as u32)))
        .collect();
    let edge = |slot: Slot, word: u16| -> Option<Slot> {
        let range = walk.offsets[slot as usize] as usize..walk.offsets[slot as usize + 1] as usize;
        range
            .clone()
            .find(|&at| walk.words[at] & !EDGE_INTERIOR == word)
            .map(|at| walk.targets[at])
    };
    let is_record = |slot: Slot| (size..size + 64).contains(&walk.span_of(slot).elem_size);
    let mut seen: FxHashSet<Slot> = FxHashSet::default();
    let mut found: Vec<(u32, u64, Slot, Slot)> = Vec::new();
    let mut candidates: FxHashSet<Slot> = FxHashSet::default();
    for &index in waiting.values() {
        candidates.extend(stacks.targets[index as usize].iter().copied());
    }
    // The goroutines themselves and the records refer to records too.
    candidates.retain(|&object| {
        let record =
            is_record(object) && edge(object, g).is_some_and(|owner| waiting.contains_key(&owner));
        !record && !waiting.contains_key(&object)
    });
    for object in candidates {
        let range =
            walk.offsets[object as usize] as usize..walk.offsets[object as usize + 1] as usize;
        for at in range {
            let mut record = Some(walk.targets[at]);
            while let Some(slot) = record.filter(|&slot| is_record(slot)) {
                let Some(&index) = edge(slot, g).and_then(|g| waiting.get(&g)) else {
                    break;
                };
                if !seen.insert(slot) {
                    break;
                }
                let place = u64::from(walk.words[at] & !EDGE_INTERIOR) * 8;
                found.push((index, walk.address(object) + place, object, slot));
                record = edge(slot, next);
            }
        }
    }
    found.sort_unstable();
    for (index, address, object, record) in found {
        let goroutine = &mut stacks.goroutines[index as usize];
        goroutine.own.push(record);
        goroutine.waits_on.push(diagnose::snapshot::WaitOn {
            address,
            slot: Some(object),
            channel: false,
        });
    }
    Ok(())
}

fn holders(
    runtime: &Runtime<'_>,
    stacks: &Stacks,
    code: &mut FxHashMap<u64, LockCode>,
    waiters: &[u32],
    slot: Option<Slot>,
    address: u64,
) -> Vec<(u32, u8, String)> {
    let waiting: FxHashSet<u32> = waiters.iter().copied().collect();
    let mut result: Vec<(u32, u8, String)> = Vec::new();
    // Goroutines with equal stacks are judged once, except for what they refer to.
    let mut judged: FxHashMap<u32, (Option<String>, bool)> = FxHashMap::default();
    for (index, goroutine) in stacks.goroutines.iter().enumerate() {
        if waiting.contains(&(index as u32)) || goroutine.system {
            continue;
        }
        let (took, touches) = judged
            .entry(goroutine.stack)
            .or_insert_with(|| judge(runtime, stacks, code, goroutine.stack, address))
            .clone();
        let refers = match slot {
            Some(slot) => {
                stacks.targets[index].binary_search(&slot).is_ok()
                    || stacks.targets[index].contains(&slot)
            }
            None => touches,
        };
        let entry = match (refers, took) {
            (true, Some(place)) => (3, format!("refers to it and locked before {place}")),
            (false, Some(place)) => (2, format!("locked something before {place}")),
            (true, None) => (1, "refers to it".to_string()),
            (false, None) => continue,
        };
        result.push((index as u32, entry.0, entry.1));
    }
    result.sort_by_key(|entry| (std::cmp::Reverse(entry.1), entry.0));
    result.truncate(8);
    result
}

/// Whether a stack has a frame that took a lock it has not given back before its current point, and whether any
/// frame's code refers to a static address.
fn judge(
    runtime: &Runtime<'_>,
    stacks: &Stacks,
    code: &mut FxHashMap<u64, LockCode>,
    stack: u32,
    address: u64,
) -> (Option<String>, bool) {
    let mut took = None;
    let mut touches = false;
    for &pc in &stacks.pcs[stack as usize] {
        let Some(func) = runtime.functions.find(pc.saturating_sub(1)) else {
            continue;
        };
        let name = func.name();
        if name.starts_with("runtime.")
            || name.starts_with("sync.")
            || name.starts_with("internal/sync.")
        {
            continue;
        }
        let code = code
            .entry(func.entry)
            .or_insert_with(|| lock_code(runtime, pc - 1));
        touches |= code
            .statics
            .iter()
            .any(|&at| at == address || (at <= address && address - at < 64 && at != 0));
        let last_lock = code.locks.iter().copied().filter(|&end| end <= pc).max();
        let last_unlock = code.unlocks.iter().copied().filter(|&end| end <= pc).max();
        if let Some(lock) = last_lock {
            if last_unlock.is_none_or(|unlock| unlock < lock) && took.is_none() {
                took = runtime
                    .functions
                    .positions(pc)
                    .pop()
                    .map(|position| format!("{}:{}", position.function, position.line));
            }
        }
    }
    (took, touches)
}
