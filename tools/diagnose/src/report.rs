//! The machine-readable report: schema `ferrogo.doctor/1`, described in docs/doctor-json.md. Fields are only
//! added within a version.

use serde::{Deserialize, Serialize};

use crate::analysis::{Analysis, ClassUse, Holder, Share, TypeUse};
use crate::findings::Finding;
use crate::snapshot::{Info, LockWait, Memory};

/// Name and version of the schema.
pub const SCHEMA: &str = "ferrogo.doctor/1";

/// A group of goroutines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoroutineGroup {
    /// How many.
    pub count: u64,
    /// How many of them can never run again.
    pub leaked: u64,
    /// `waiting`, `running` ...
    pub status: String,
    /// Wait reason.
    pub reason: String,
    /// Stack bytes.
    pub stack_bytes: u64,
    /// Bytes of objects only they hold.
    pub retained: u64,
    /// Longest known wait.
    pub waiting_ns: Option<u64>,
    /// Ids, at most eight.
    pub ids: Vec<u64>,
    /// Frames, innermost first.
    pub stack: Vec<String>,
}

/// What making the report took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// This program's processor time, nanoseconds.
    pub cpu_ns: u64,
    /// Its highest resident set, bytes.
    pub peak_bytes: u64,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Where it comes from.
    pub info: Info,
    /// What it took; zeros where nobody measured.
    #[serde(default)]
    pub cost: Cost,
    /// Kernel's and collector's numbers.
    pub memory: Memory,
    /// The resident set, split.
    pub resident: Vec<Share>,
    /// Reachable bytes.
    pub reachable_bytes: u64,
    /// Reachable objects.
    pub reachable_objects: u64,
    /// Allocated, not reachable.
    pub garbage_bytes: u64,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// Largest first.
    pub types: Vec<TypeUse>,
    /// Largest first.
    pub holders: Vec<Holder>,
    /// Largest retained and stacks first.
    pub goroutines: Vec<GoroutineGroup>,
    /// Size classes.
    pub spans: Vec<ClassUse>,
    /// Locks with waiters.
    pub locks: Vec<LockWait>,
}

/// Groups of goroutines, those that cost most first.
pub fn goroutine_groups(analysis: &Analysis) -> Vec<GoroutineGroup> {
    let snapshot = &analysis.snapshot;
    let mut result: Vec<GoroutineGroup> = analysis
        .graph
        .groups
        .iter()
        .enumerate()
        .filter_map(|(index, group)| {
            let members: Vec<_> = group
                .members
                .iter()
                .filter_map(|&member| snapshot.goroutines.get(member as usize))
                .collect();
            let first = members.first()?;
            let mut stack: Vec<String> = snapshot
                .frames_of(first)
                .map(crate::analysis::place)
                .collect();
            if let Some(frame) = first
                .created_by
                .and_then(|frame| snapshot.frames.get(frame as usize))
            {
                stack.push(format!("started by {}", crate::analysis::place(frame)));
            }
            Some(GoroutineGroup {
                count: members.len() as u64,
                leaked: group
                    .members
                    .iter()
                    .filter(|member| analysis.leaked.binary_search(member).is_ok())
                    .count() as u64,
                status: format!("{:?}", first.status).to_lowercase(),
                reason: first.reason.clone(),
                stack_bytes: crate::total(members.iter().map(|goroutine| goroutine.stack_bytes)),
                retained: analysis.graph.retained_by_group(index),
                waiting_ns: members
                    .iter()
                    .filter_map(|goroutine| goroutine.waiting_ns)
                    .max(),
                ids: members
                    .iter()
                    .take(8)
                    .map(|goroutine| goroutine.id)
                    .collect(),
                stack,
            })
        })
        .collect();
    result.sort_by(|a, b| {
        (b.retained.saturating_add(b.stack_bytes), b.count, &a.stack).cmp(&(
            a.retained.saturating_add(a.stack_bytes),
            a.count,
            &b.stack,
        ))
    });
    result
}

/// Makes the report; lists are cut to `limit` entries.
pub fn report(analysis: &Analysis, findings: &[Finding], limit: usize) -> Report {
    let mut goroutines = goroutine_groups(analysis);
    goroutines.truncate(limit);
    Report {
        schema: SCHEMA.to_string(),
        info: analysis.snapshot.info.clone(),
        cost: Cost::default(),
        memory: analysis.snapshot.memory.clone(),
        resident: analysis.shares.clone(),
        reachable_bytes: analysis.reachable,
        reachable_objects: analysis.reachable_objects,
        garbage_bytes: analysis.garbage,
        findings: findings.to_vec(),
        types: analysis.types.iter().take(limit).cloned().collect(),
        holders: analysis.holders.iter().take(limit).cloned().collect(),
        goroutines,
        spans: analysis.classes.clone(),
        locks: analysis
            .snapshot
            .locks
            .iter()
            .take(limit)
            .cloned()
            .collect(),
    }
}
