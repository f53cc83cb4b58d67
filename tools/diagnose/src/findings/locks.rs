//! Locks that are never released: waiters, likely holders, and the evidence.

use rustc_hash::FxHashSet;

use super::goroutines::place_of;
use super::{Confidence, Finding, Kind, Severity, human, human_time, weigh};
use crate::analysis::Analysis;
use crate::snapshot::{GoStatus, LockWait};

/// The same goroutine first in line for so long: nobody has released the lock in between.
const UNCHANGED_NS: u64 = 250_000_000;

/// Returns the goroutines that wait for locks reported here.
pub(super) fn find(analysis: &Analysis, findings: &mut Vec<Finding>) -> FxHashSet<u32> {
    let mut reported = FxHashSet::default();
    for lock in &analysis.snapshot.locks {
        if !lock.locked || lock.waiters.is_empty() {
            continue;
        }
        // A lock that nobody can reach any more cannot be released: its waiters are leaked goroutines like others,
        // unless one of these refers to it and locked something.
        let leaked = |goroutine: &u32| analysis.leaked.binary_search(goroutine).is_ok();
        if lock.waiters.iter().all(leaked)
            && !lock
                .holders
                .iter()
                .any(|holder| holder.1 >= 3 && leaked(&holder.0))
        {
            continue;
        }
        if let Some(finding) = judge(analysis, lock) {
            if finding.severity > Severity::Info {
                reported.extend(lock.waiters.iter().copied());
            }
            findings.push(finding);
        }
    }
    reported
}

fn judge(analysis: &Analysis, lock: &LockWait) -> Option<Finding> {
    let goroutines = &analysis.snapshot.goroutines;
    let name = lock_name(analysis, lock);
    let stack = |&waiter: &u32| goroutines[waiter as usize].stack_bytes;
    let stacks = crate::total(lock.waiters.iter().map(stack));
    let oldest = lock
        .waiters
        .iter()
        .filter_map(|&waiter| goroutines[waiter as usize].waiting_ns)
        .max();
    let best = lock
        .holders
        .iter()
        .map(|holder| holder.1)
        .max()
        .unwrap_or(0);
    let strong: Vec<_> = lock
        .holders
        .iter()
        .filter(|holder| holder.1 == best && best >= 2)
        .collect();
    // A holder that runs, or waits for the network or a timer, will come back; one that waits for another
    // goroutine may not.
    let blocked = strong.iter().all(|holder| {
        let goroutine = &goroutines[holder.0 as usize];
        goroutine.status == GoStatus::Waiting && goroutine.reason != "IO wait"
    });
    let observed = lock.unchanged_ns >= UNCHANGED_NS;
    let cycle = cycle(analysis, lock);
    let severity = if cycle || (observed && (blocked || strong.is_empty())) {
        weigh(analysis, stacks)
    } else if lock.unchanged_ns == 0 && blocked && analysis.snapshot.info.method == "core" {
        Severity::Warning
    } else {
        Severity::Info
    };
    let mut evidence = vec![format!(
        "{} wait for it: {}",
        plural(lock.waiters.len()),
        waiters(analysis, lock)
    )];
    if observed {
        evidence.push(format!(
            "in a second look after {} the same goroutine was first in line",
            human_time(lock.unchanged_ns)
        ));
    }
    if let Some(oldest) = oldest.filter(|oldest| *oldest > 0) {
        evidence.push(format!(
            "the oldest waiter has waited at least {}",
            human_time(oldest)
        ));
    }
    for holder in strong.iter().take(3) {
        let goroutine = &goroutines[holder.0 as usize];
        let doing = if goroutine.reason.is_empty() {
            format!("{:?}", goroutine.status).to_lowercase()
        } else {
            goroutine.reason.clone()
        };
        evidence.push(format!(
            "likely holder: goroutine {} [{doing}] at {}: it {}",
            goroutine.id,
            place_of(analysis, holder.0),
            holder.2
        ));
    }
    if strong.is_empty() {
        evidence.push(
            "no goroutine has a frame that took a lock: the holder has returned without unlocking"
                .to_string(),
        );
    }
    if cycle {
        evidence.push(
            "the likely holder itself waits for a lock that one of these waiters holds: a deadlock"
                .to_string(),
        );
    }
    evidence.push(format!("{} of stacks", human(stacks)));
    let place = match strong.first() {
        Some(holder) => holder.2.rsplit_once("locked before ").map_or_else(
            || place_of(analysis, holder.0),
            |_| place_of(analysis, holder.0),
        ),
        None => place_of(analysis, lock.waiters[0]),
    };
    let advice = match (strong.is_empty(), cycle) {
        (true, _) => {
            "write `defer mu.Unlock()` right after Lock, so that early returns and panics release it too"
        }
        (_, true) => "take the locks in the same order everywhere",
        _ => {
            "do not wait for channels, sleep or call out while the lock is held: copy what is needed, unlock, then wait"
        }
    };
    Some(Finding {
        kind: Kind::LockStuck,
        severity,
        confidence: if cycle || (observed && best == 3) {
            Confidence::Likely
        } else {
            Confidence::Possible
        },
        title: format!(
            "{} {name} is held and not released; {} for it",
            lock.kind,
            wait(lock.waiters.len())
        ),
        bytes: stacks,
        count: lock.waiters.len() as u64,
        place,
        evidence,
        path: analysis.goroutine_places(lock.waiters[0]),
        advice: advice.to_string(),
    })
}

fn lock_name(analysis: &Analysis, lock: &LockWait) -> String {
    if !lock.name.is_empty() {
        return lock.name.clone();
    }
    match lock.slot {
        Some(slot) => format!(
            "in a {} at {:#x}",
            analysis.snapshot.type_name(slot),
            lock.address
        ),
        None => format!("at {:#x}", lock.address),
    }
}

fn plural(count: usize) -> String {
    if count == 1 {
        "1 goroutine".to_string()
    } else {
        format!("{count} goroutines")
    }
}

fn wait(count: usize) -> String {
    if count == 1 {
        "1 goroutine waits".to_string()
    } else {
        format!("{count} goroutines wait")
    }
}

fn waiters(analysis: &Analysis, lock: &LockWait) -> String {
    let mut places: Vec<String> = Vec::new();
    for &waiter in lock.waiters.iter().take(1000) {
        let place = place_of(analysis, waiter);
        if !places.contains(&place) {
            places.push(place);
        }
        if places.len() == 3 {
            break;
        }
    }
    places.join(", ")
}

/// Whether a likely holder waits for a lock whose likely holder waits for this one.
fn cycle(analysis: &Analysis, lock: &LockWait) -> bool {
    let holders = |lock: &LockWait| -> Vec<u32> {
        lock.holders
            .iter()
            .filter(|holder| holder.1 >= 2)
            .map(|holder| holder.0)
            .collect()
    };
    holders(lock).iter().any(|holder| {
        analysis.snapshot.locks.iter().any(|other| {
            other.address != lock.address
                && other.locked
                && other.waiters.contains(holder)
                && holders(other)
                    .iter()
                    .any(|other_holder| lock.waiters.contains(other_holder))
        })
    })
}
