//! Goroutines blocked for good, grouped by stack.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Confidence, Finding, Kind, Severity, human, human_time, weigh};
use crate::analysis::Analysis;
use crate::snapshot::GoStatus;

/// Leaked goroutines (nobody can reach what they wait for) worth a warning.
const LEAKED: usize = 10;
const LEAKED_BYTES: u64 = 1 << 20;
/// Goroutines that wait for something reachable: so many with one stack, for so long.
const STUCK: usize = 100;
const STUCK_NS: u64 = 60_000_000_000;
/// So many of them are told in any case, if they explain a quarter of the memory.
const CROWD: usize = 1000;
const CROWD_BYTES: u64 = 64 << 20;

pub(super) fn find(analysis: &Analysis, in_locks: &FxHashSet<u32>, findings: &mut Vec<Finding>) {
    let leaked: FxHashSet<u32> = analysis.leaked.iter().copied().collect();
    for (index, group) in analysis.graph.groups.iter().enumerate() {
        let dead: Vec<u32> = group
            .members
            .iter()
            .copied()
            .filter(|member| leaked.contains(member) && !in_locks.contains(member))
            .collect();
        let retained = analysis.graph.retained_by_group(index);
        if !dead.is_empty() {
            findings.push(certain(analysis, &dead, group.members.len(), retained));
        } else if let Some(finding) = long(analysis, &group.members, in_locks, retained) {
            findings.push(finding);
        }
    }
}

fn certain(analysis: &Analysis, dead: &[u32], all: usize, retained: u64) -> Finding {
    let (stack_bytes, oldest) = totals(analysis, dead);
    // The group's retained bytes belong to all its members; stacks are counted exactly.
    let bytes = retained * dead.len() as u64 / all.max(1) as u64 + stack_bytes;
    let first = dead[0];
    let reason = &analysis.snapshot.goroutines[first as usize].reason;
    let mut evidence = vec![
        format!(
            "what they wait for is reachable from no global and no goroutine that can still run: nobody can wake them"
        ),
        format!(
            "{} of stacks, {} of objects only they hold",
            human(stack_bytes),
            human(bytes - stack_bytes)
        ),
    ];
    if let Some(oldest) = oldest {
        evidence.push(format!(
            "the oldest has waited at least {}",
            human_time(oldest)
        ));
    }
    let severity = if dead.len() >= LEAKED || bytes >= LEAKED_BYTES {
        weigh(analysis, bytes)
    } else {
        Severity::Info
    };
    Finding {
        kind: Kind::GoroutineLeak,
        severity,
        confidence: Confidence::Certain,
        title: format!("{} blocked for good in {reason}", count(dead.len())),
        bytes,
        count: dead.len() as u64,
        place: place_of(analysis, first),
        evidence,
        path: analysis.goroutine_places(first),
        advice: advice(reason).to_string(),
    }
}

fn long(
    analysis: &Analysis,
    members: &[u32],
    in_locks: &FxHashSet<u32>,
    retained: u64,
) -> Option<Finding> {
    let first = *members.first()?;
    let goroutine = &analysis.snapshot.goroutines[first as usize];
    let blocking = matches!(
        goroutine.reason.as_str(),
        "chan receive" | "chan send" | "select" | "sync.WaitGroup.Wait" | "sync.Cond.Wait"
    );
    if goroutine.status != GoStatus::Waiting
        || goroutine.system
        || !blocking
        || members.len() < STUCK
    {
        return None;
    }
    if members.iter().any(|member| in_locks.contains(member)) {
        return None;
    }
    // Many receivers of one channel are a pool of workers; a ticker wakes its reader by itself.
    let mut channels: FxHashMap<u64, u32> = FxHashMap::default();
    for &member in members {
        for wait in &analysis.snapshot.goroutines[member as usize].waits_on {
            *channels.entry(wait.address).or_default() += 1;
        }
    }
    let shared = channels.values().copied().max().unwrap_or(0) as usize * 2 > members.len();
    if shared && goroutine.reason != "chan send" {
        return None;
    }
    let (stack_bytes, oldest) = totals(analysis, members);
    let bytes = retained + stack_bytes;
    let crowd =
        members.len() >= CROWD && bytes >= CROWD_BYTES && bytes >= analysis.snapshot.memory.rss / 4;
    let old = crowd || oldest.is_some_and(|age| age >= STUCK_NS);
    let mut evidence = vec![
        format!(
            "all have the same stack; {} of stacks, {} of objects only they hold",
            human(stack_bytes),
            human(retained)
        ),
        format!("they wait for {} different channels", channels.len()),
    ];
    if let Some(oldest) = oldest {
        evidence.push(format!(
            "the oldest has waited at least {}",
            human_time(oldest)
        ));
    }
    Some(Finding {
        kind: Kind::GoroutineLeak,
        severity: if old {
            weigh(analysis, bytes)
        } else {
            Severity::Info
        },
        confidence: if old {
            Confidence::Likely
        } else {
            Confidence::Possible
        },
        title: format!(
            "{} wait in {} with the same stack",
            count(members.len()),
            goroutine.reason
        ),
        bytes,
        count: members.len() as u64,
        place: place_of(analysis, first),
        evidence,
        path: analysis.goroutine_places(first),
        advice: advice(&goroutine.reason).to_string(),
    })
}

fn totals(analysis: &Analysis, members: &[u32]) -> (u64, Option<u64>) {
    let goroutines = members
        .iter()
        .map(|&member| &analysis.snapshot.goroutines[member as usize]);
    let stacks = crate::total(goroutines.clone().map(|goroutine| goroutine.stack_bytes));
    (
        stacks,
        goroutines
            .filter_map(|goroutine| goroutine.waiting_ns)
            .max(),
    )
}

fn count(count: usize) -> String {
    if count == 1 {
        "1 goroutine is".to_string()
    } else {
        format!("{count} goroutines")
    }
}

/// The line where a goroutine waits in the program's own code.
pub(super) fn place_of(analysis: &Analysis, goroutine: u32) -> String {
    analysis
        .own_frame(goroutine)
        .map(crate::analysis::place)
        .unwrap_or_default()
}

fn advice(reason: &str) -> &'static str {
    match reason {
        "chan receive" => {
            "close the channel when its sender gives up, or receive in a select together with ctx.Done()"
        }
        "chan send" => {
            "give the channel room for the one value (make(chan T, 1)), or send in a select together with ctx.Done()"
        }
        "select" => {
            "add a case that always comes in the end: ctx.Done(), or a timer; and cancel the context"
        }
        "sync.WaitGroup.Wait" => {
            "call Done on every path of every goroutine that Add counted (defer wg.Done())"
        }
        "sync.Cond.Wait" => {
            "call Signal or Broadcast on every path that ends the wait, also where the work fails"
        }
        "sync.Mutex.Lock" | "sync.RWMutex.Lock" | "sync.RWMutex.RLock" => {
            "write `defer mu.Unlock()` right after Lock, so that early returns and panics release it too"
        }
        "chan receive (nil chan)" | "chan send (nil chan)" => {
            "the channel is nil: make it before the goroutine starts"
        }
        "select (no cases)" => "select {} never returns: end the goroutine by a context instead",
        _ => "give the wait an end: a context, a deadline, or a close",
    }
}
