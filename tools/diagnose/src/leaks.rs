//! Goroutines that can never run again, by reachability.
//!
//! Roots are everything but the stacks of parked goroutines that wait for a channel or a lock. Mark; then every
//! such goroutine whose channel or lock has been marked may still be woken, so its stack becomes a root too;
//! repeat until nothing changes. The rest waits for something nobody can reach (GOLF, ASPLOS 2025; the
//! runtime's own `goroutineleak` profile of Go 1.27 works the same way, but has to be asked from inside).
//!
//! A goroutine's own records (its g and wait records) must not keep alive what it waits for: they are marked,
//! but not followed.

use rustc_hash::FxHashSet;

use crate::snapshot::{GoStatus, RootKind, Slot, Snapshot};

/// Wait reasons that end only when another goroutine acts.
const BLOCKING: &[&str] = &[
    "chan receive",
    "chan send",
    "select",
    "sync.Mutex.Lock",
    "sync.RWMutex.RLock",
    "sync.RWMutex.Lock",
    "sync.WaitGroup.Wait",
    "sync.Cond.Wait",
    "semacquire",
];
/// Wait reasons that never end.
const FOREVER: &[&str] = &[
    "chan receive (nil chan)",
    "chan send (nil chan)",
    "select (no cases)",
];

/// Indices of goroutines that can never be woken, ascending. The main goroutine is left out: programs park it.
pub fn leaked(snapshot: &Snapshot) -> Vec<u32> {
    let slots = snapshot.heap.slots();
    let mut marked = vec![0u64; slots.div_ceil(64)];
    let mut opaque: FxHashSet<Slot> = FxHashSet::default();
    let mut pending: Vec<u32> = Vec::new();
    let mut result: Vec<u32> = Vec::new();
    for (index, goroutine) in snapshot.goroutines.iter().enumerate() {
        opaque.extend(goroutine.own.iter().copied());
        if goroutine.status != GoStatus::Waiting || goroutine.system || goroutine.id == 1 {
            continue;
        }
        if FOREVER.contains(&goroutine.reason.as_str()) {
            result.push(index as u32);
        } else if BLOCKING.contains(&goroutine.reason.as_str())
            && !goroutine.waits_on.is_empty()
            && goroutine.waits_on.iter().all(|wait| wait.slot.is_some())
        {
            pending.push(index as u32);
        }
    }
    let held: FxHashSet<u32> = pending.iter().chain(&result).copied().collect();
    let mut root_of = vec![u32::MAX; snapshot.goroutines.len()];
    let mut work: Vec<Slot> = Vec::new();
    for (index, root) in snapshot.roots.iter().enumerate() {
        match root.kind {
            RootKind::Goroutine(goroutine) if held.contains(&goroutine) => {
                root_of[goroutine as usize] = index as u32
            }
            _ => work.extend_from_slice(snapshot.targets_of(root)),
        }
    }
    loop {
        while let Some(slot) = work.pop() {
            let (word, bit) = (slot as usize / 64, 1u64 << (slot % 64));
            if marked[word] & bit != 0 {
                continue;
            }
            marked[word] |= bit;
            if !opaque.contains(&slot) {
                work.extend(snapshot.heap.edges(slot).map(|edge| edge.0));
            }
        }
        let is_marked = |slot: Slot| marked[slot as usize / 64] >> (slot % 64) & 1 != 0;
        let before = pending.len();
        pending.retain(|&index| {
            let goroutine = &snapshot.goroutines[index as usize];
            let alive = goroutine
                .waits_on
                .iter()
                .filter_map(|wait| wait.slot)
                .any(is_marked);
            if alive {
                if let Some(root) = snapshot.roots.get(root_of[index as usize] as usize) {
                    work.extend_from_slice(snapshot.targets_of(root));
                }
                for &own in &goroutine.own {
                    work.extend(snapshot.heap.edges(own).map(|edge| edge.0));
                }
            }
            !alive
        });
        if pending.len() == before {
            break;
        }
    }
    result.extend(pending);
    result.sort_unstable();
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Goroutine, WaitOn};

    fn waiting(id: u64, channel: Slot) -> Goroutine {
        Goroutine {
            id,
            status: GoStatus::Waiting,
            reason: "chan receive".into(),
            stack: 0,
            created_by: None,
            stack_bytes: 2048,
            largest_frame: None,
            waiting_ns: None,
            waits_on: vec![WaitOn {
                address: 0,
                slot: Some(channel),
                channel: true,
            }],
            own: vec![],
            system: false,
        }
    }

    /// Slots: 0 and 1 channels. Goroutine 2 waits for channel 0; goroutine 3 waits for 1 and refers to 0.
    fn snapshot(global: Option<Slot>) -> Snapshot {
        let mut snapshot =
            crate::graph::tests_support::sample(4, &[], &global.into_iter().collect::<Vec<_>>());
        snapshot.goroutines = vec![waiting(2, 0), waiting(3, 1)];
        for (goroutine, targets) in [(0u32, vec![0u32]), (1, vec![0, 1])] {
            let first = snapshot.root_targets.len() as u32;
            snapshot.root_targets.extend(&targets);
            snapshot.roots.push(crate::snapshot::Root {
                kind: RootKind::Goroutine(goroutine),
                name: String::new(),
                ty: String::new(),
                first,
                count: targets.len() as u32,
                users: Vec::new(),
            });
        }
        snapshot
    }

    #[test]
    fn waiting_for_what_nobody_reaches_is_a_leak() {
        assert_eq!(leaked(&snapshot(None)), [0, 1]);
    }

    #[test]
    fn one_that_can_be_woken_can_wake_others() {
        // Channel 1 is in a global: goroutine 3 may run, and it refers to channel 0.
        assert_eq!(leaked(&snapshot(Some(1))), Vec::<u32>::new());
        assert_eq!(leaked(&snapshot(Some(0))), [1]);
    }

    #[test]
    fn main_may_park() {
        let mut snapshot = snapshot(None);
        snapshot.goroutines[0].id = 1;
        assert_eq!(leaked(&snapshot), [1]);
    }
}
