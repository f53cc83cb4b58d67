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
                std::cmp::Reverse(class.room.saturating_sub(class.allocated) * class.size)
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
    if let Some(limit) = memory.cgroup_limit.filter(|limit| *limit > 0) {
        let used = memory.working_set.unwrap_or(memory.rss);
        if memory.memory_limit.is_none_or(|own| own > limit) && used * 10 >= limit * 8 {
            findings.push(Finding {
                kind: Kind::GcSettings,
                severity: Severity::Warning,
                confidence: Confidence::Certain,
                title: format!("{} of the container's {} are used and Go does not know the limit", human(used), human(limit)),
                bytes: memory.rss,
                count: memory.oom_kills,
                place: String::new(),
                evidence: vec![settings(analysis), format!("kills for want of memory so far: {}", memory.oom_kills)],
                path: Vec::new(),
                advice: format!("set GOMEMLIMIT to about {} (90 % of the limit), so that the collector works harder before the kernel kills", human(limit / 10 * 9)),
            });
        }
    }
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
