//! The allocator and the collector: fragmentation, garbage, GOGC and GOMEMLIMIT, memory outside Go.

use super::{Confidence, Finding, Kind, Severity, human};
use crate::analysis::Analysis;

/// Free slots inside spans worth a warning: bytes, and share of what is in use as a divisor.
const FRAGMENTED: u64 = 64 << 20;
const FRAGMENTED_SHARE: u64 = 3;
/// Garbage worth a line.
const GARBAGE: u64 = 32 << 20;
/// Memory Go does not manage worth a warning.
const OUTSIDE: u64 = 64 << 20;

pub(super) fn find(analysis: &Analysis, findings: &mut Vec<Finding>) {
    let memory = &analysis.snapshot.memory;
    let allocated = analysis.snapshot.info.checks.bytes;
    if memory.resident_known {
        let waste = memory.in_use_resident.saturating_sub(allocated);
        if waste >= FRAGMENTED && waste >= memory.in_use_resident / FRAGMENTED_SHARE {
            let mut classes: Vec<_> = analysis
                .classes
                .iter()
                .filter(|class| class.size > 0)
                .collect();
            classes.sort_by_key(|class| {
                let free = class.room.saturating_sub(class.allocated);
                std::cmp::Reverse(free.saturating_mul(class.size))
            });
            let evidence = classes
                .iter()
                .take(4)
                .map(|class| {
                    format!(
                        "objects of {} bytes: {} of {} slots used in {} spans",
                        class.size, class.allocated, class.room, class.spans
                    )
                })
                .collect();
            findings.push(Finding {
                kind: Kind::Fragmentation,
                severity: Severity::Warning,
                confidence: Confidence::Certain,
                title: format!("{} are free slots between objects that live on", human(waste)),
                bytes: waste,
                count: 0,
                place: String::new(),
                evidence,
                path: Vec::new(),
                advice: "objects that live long lie between ones that do not: allocate the long-lived ones together (one slice instead of many pointers), or restart after the peak".to_string(),
            });
        }
    }
    if analysis.garbage >= GARBAGE && analysis.garbage * 2 >= allocated {
        let off = memory.gogc < 0 && memory.memory_limit.is_none();
        findings.push(Finding {
            kind: Kind::GcSettings,
            severity: if off { Severity::Warning } else { Severity::Info },
            confidence: Confidence::Certain,
            title: format!("{} of {} allocated is garbage the collector has not yet taken", human(analysis.garbage), human(allocated)),
            bytes: analysis.garbage,
            count: 0,
            place: String::new(),
            evidence: vec![settings(analysis)],
            path: Vec::new(),
            advice: if off {
                "the collector is off (GOGC=off) and there is no GOMEMLIMIT: set one of them".to_string()
            } else {
                "this is how GOGC works (half the heap at 100); lower GOGC or set GOMEMLIMIT if memory is short".to_string()
            },
        });
    }
    limits(analysis, findings);
    if memory.outside_resident >= OUTSIDE && memory.outside_resident * 4 >= memory.rss {
        let evidence = memory
            .mappings
            .iter()
            .filter(|mapping| mapping.name != "Go heap and stacks")
            .take(4)
            .map(|mapping| format!("{}: {} resident", mapping.name, human(mapping.rss)))
            .collect();
        findings.push(Finding {
            kind: Kind::OutsideGo,
            severity: Severity::Warning,
            confidence: Confidence::Likely,
            title: format!("{} is not Go's: C memory, mapped files or mmap", human(memory.outside_resident)),
            bytes: memory.outside_resident,
            count: 0,
            place: String::new(),
            evidence,
            path: Vec::new(),
            advice: "look at what cgo libraries allocate (free what C.CString and C.malloc gave), and at files that are mapped".to_string(),
        });
    }
}

/// GOGC and GOMEMLIMIT against what the container allows and the program needs.
fn limits(analysis: &Analysis, findings: &mut Vec<Finding>) {
    let memory = &analysis.snapshot.memory;
    let mut warn = |title: String, extra: Vec<String>, bytes: u64, advice: String| {
        let mut evidence = vec![settings(analysis)];
        evidence.extend(extra);
        findings.push(Finding {
            kind: Kind::GcSettings,
            severity: Severity::Warning,
            confidence: Confidence::Certain,
            title,
            bytes,
            count: memory.oom_kills,
            place: String::new(),
            evidence,
            path: Vec::new(),
            advice,
        });
    };
    let set = |limit: u64| {
        format!(
            "set GOMEMLIMIT to about {} (90 % of the limit), so that the collector works harder before the kernel kills",
            human(limit / 10 * 9)
        )
    };
    let unaware = |limit: u64| memory.memory_limit.is_none_or(|own| own > limit);
    if let Some(limit) = memory
        .cgroup_limit
        .filter(|limit| *limit > 0 && unaware(*limit))
    {
        let used = memory.working_set.unwrap_or(memory.rss);
        let kills = format!("kills for want of memory so far: {}", memory.oom_kills);
        // The heap grows to this before the next collection begins; what is not heap comes on top.
        let goal = (memory.gogc >= 0)
            .then(|| u128::from(memory.heap_marked) * (100 + memory.gogc as u128) / 100)
            .map(|goal| goal.min(u128::from(u64::MAX)) as u64);
        let rest = memory
            .rss
            .saturating_sub(memory.in_use_resident)
            .saturating_sub(memory.free_resident);
        if used.saturating_mul(10) >= limit.saturating_mul(8) {
            warn(
                format!(
                    "{} of the container's {} are used and Go does not know the limit",
                    human(used),
                    human(limit)
                ),
                vec![kills],
                memory.rss,
                set(limit),
            );
        } else if let Some(goal) = goal.filter(|goal| goal.saturating_add(rest) > limit) {
            warn(
                format!(
                    "the heap may grow to {} before the next collection; the container has {}",
                    human(goal),
                    human(limit)
                ),
                vec![
                    format!(
                        "the live heap of {} grown by GOGC, and {} besides",
                        human(memory.heap_marked),
                        human(rest)
                    ),
                    kills,
                ],
                goal,
                set(limit),
            );
        }
    }
    if let Some(own) = memory.memory_limit {
        if analysis.reachable >= GARBAGE && analysis.reachable >= own / 20 * 19 {
            warn(
                format!(
                    "{} are in use and GOMEMLIMIT is {}: the collector runs nearly all the time",
                    human(analysis.reachable),
                    human(own)
                ),
                Vec::new(),
                analysis.reachable,
                "raise GOMEMLIMIT (or remove it), or hold less: below what is in use it only costs CPU"
                    .to_string(),
            );
        }
    }
}

/// `GOGC=100, GOMEMLIMIT not set, 12 collections so far, live after the last 4.0 MiB`.
pub(crate) fn settings(analysis: &Analysis) -> String {
    let memory = &analysis.snapshot.memory;
    let gogc = if memory.gogc < 0 {
        "off".to_string()
    } else {
        memory.gogc.to_string()
    };
    let limit = memory.memory_limit.map_or("not set".to_string(), human);
    format!(
        "GOGC={gogc}, GOMEMLIMIT {limit}, {} collections so far, live after the last {}",
        memory.collections,
        human(memory.heap_marked)
    )
}
