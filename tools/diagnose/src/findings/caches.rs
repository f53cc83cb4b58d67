//! Containers: maps that shrank, channels that fill up, pools of large objects, holders of much of the heap, holders
//! that grow.

use super::{Confidence, Finding, Kind, Severity, human, weigh};
use crate::analysis::{Analysis, Holder};

/// Room of a map at least so many times its content.
const MAP_RATIO: u64 = 8;
const MAP_BYTES: u64 = 1 << 20;
/// Share of the heap worth a warning, as a divisor.
const SHARE: u64 = 10;
/// Buffered values of a channel, and bytes behind them.
const BACKLOG: u64 = 1000;
const BACKLOG_BYTES: u64 = 4 << 20;
/// Memory in pools worth a line, and worth a warning if it is a quarter of the heap.
const POOL_TELL: u64 = 4 << 20;
const POOL_WARN: u64 = 16 << 20;
/// A holder worth naming by itself.
const HOLDER_BYTES: u64 = 16 << 20;
/// Growth between two snapshots worth a warning.
const GROWTH_BYTES: u64 = 256 << 10;

pub(super) fn find(analysis: &Analysis, findings: &mut Vec<Finding>) {
    maps(analysis, findings);
    channels(analysis, findings);
    pools(analysis, findings);
    if let Some(holder) = analysis
        .holders
        .iter()
        .find(|holder| holder.kind == "global" || holder.kind == "goroutines")
    {
        if holder.retained >= HOLDER_BYTES && holder.retained * 2 >= analysis.reachable {
            findings.push(large_holder(analysis, holder));
        }
    }
}

fn maps(analysis: &Analysis, findings: &mut Vec<Finding>) {
    let mut maps: Vec<_> = analysis
        .snapshot
        .maps
        .iter()
        .filter(|map| {
            map.bytes >= MAP_BYTES
                && map.used.saturating_mul(MAP_RATIO) <= map.capacity
                && analysis.graph.is_reachable(map.slot)
        })
        .collect();
    maps.sort_by_key(|map| (std::cmp::Reverse(map.bytes), map.slot));
    for map in maps.into_iter().take(10) {
        let used = u128::from(map.bytes) * u128::from(map.used) / u128::from(map.capacity.max(1));
        let wasted = map.bytes.saturating_sub(used as u64);
        let path = analysis.path_to(map.slot);
        let place = owner_place(analysis, map.slot);
        findings.push(Finding {
            kind: Kind::MapShrunk,
            severity: if wasted >= analysis.reachable / SHARE {
                weigh(analysis, wasted)
            } else {
                Severity::Info
            },
            confidence: Confidence::Certain,
            title: format!(
                "a {} holds {} entries in room for {}",
                match analysis.snapshot.type_name(map.slot).as_str() {
                    "maps.Map" => "map",
                    name => name,
                },
                map.used,
                map.capacity
            ),
            bytes: wasted,
            count: 1,
            place,
            evidence: vec![format!(
                "its tables take {}; a Go map never gives room back when entries are deleted",
                human(map.bytes)
            )],
            path,
            advice:
                "after deleting most entries, copy the rest into a new map and drop the old one"
                    .to_string(),
        });
    }
}

fn owner_place(analysis: &Analysis, slot: u32) -> String {
    let owner = analysis.owner(slot);
    analysis
        .holders
        .iter()
        .find(|holder| Some(holder.node) == owner)
        .and_then(|holder| holder.places.first().cloned())
        .unwrap_or_else(|| analysis.place_by_path(slot))
}

fn channels(analysis: &Analysis, findings: &mut Vec<Finding>) {
    for channel in &analysis.snapshot.channels {
        if channel.length < BACKLOG || !analysis.graph.is_reachable(channel.slot) {
            continue;
        }
        let retained = analysis.graph.retained_by_slot(channel.slot);
        let full = channel.length >= channel.capacity / 2;
        if retained < BACKLOG_BYTES {
            continue;
        }
        findings.push(Finding {
            kind: Kind::ChannelBacklog,
            severity: if full && retained >= analysis.reachable / SHARE { weigh(analysis, retained) } else { Severity::Info },
            confidence: Confidence::Likely,
            title: format!("{} unread values in a {}", channel.length, analysis.snapshot.type_name(channel.slot)),
            bytes: retained,
            count: channel.length,
            place: owner_place(analysis, channel.slot),
            evidence: vec![format!("room for {}; {} behind it", channel.capacity, human(retained))],
            path: analysis.path_to(channel.slot),
            advice: "its readers are too slow or gone: bound the queue to what they can take, and drop or refuse the rest".to_string(),
        });
    }
}

/// What sync.Pool keeps: the lists of each P, found by their type, grouped by the variable or object that has them.
/// In stripped programs only the chained parts of the lists are known by type: all but one object per P.
fn pools(analysis: &Analysis, findings: &mut Vec<Finding>) {
    let snapshot = &analysis.snapshot;
    let wanted: Vec<bool> = snapshot
        .types
        .iter()
        .map(|ty| {
            matches!(
                ty.name.as_str(),
                "sync.Pool" | "sync.poolLocal" | "sync.poolChainElt"
            )
        })
        .collect();
    let mut groups: std::collections::BTreeMap<u32, (u64, u32)> = std::collections::BTreeMap::new();
    for (slot, label) in snapshot.heap.labels.iter().enumerate() {
        let slot = slot as u32;
        let is_pool = label
            .ty()
            .is_some_and(|ty| wanted.get(ty as usize).copied().unwrap_or(false));
        if !is_pool || !analysis.graph.is_reachable(slot) {
            continue;
        }
        // A pool in the heap dominates its lists: count the pool only.
        let mut above = analysis.graph.dominator(analysis.graph.first_slot + slot);
        let mut inside = false;
        while let Some(node) = above.filter(|&node| node >= analysis.graph.first_slot) {
            let ty = snapshot.heap.labels[(node - analysis.graph.first_slot) as usize].ty();
            inside |= ty.is_some_and(|ty| wanted.get(ty as usize).copied().unwrap_or(false));
            above = analysis.graph.dominator(node);
        }
        if inside {
            continue;
        }
        let group = groups
            .entry(analysis.owner(slot).unwrap_or(0))
            .or_insert((0, slot));
        group.0 += analysis.graph.retained_by_slot(slot);
    }
    for (owner, (retained, example)) in groups {
        if retained < POOL_TELL {
            continue;
        }
        let worth = retained >= POOL_WARN && retained * 4 >= analysis.reachable;
        findings.push(Finding {
            kind: Kind::Pool,
            severity: if worth {
                weigh(analysis, retained)
            } else {
                Severity::Info
            },
            confidence: Confidence::Likely,
            title: format!("sync.Pool keeps {} of objects nobody uses now", human(retained)),
            bytes: retained,
            count: 1,
            place: owner_place(analysis, example),
            evidence: vec![
                format!("held by {}", analysis.node_name(owner)),
                "a pool gives an object up only after two collections without use, and never looks at its size"
                    .to_string(),
            ],
            path: analysis.path_to(example),
            advice: "do not put objects back that have grown large: if buf.Cap() <= 64<<10 { pool.Put(buf) }"
                .to_string(),
        });
    }
}

fn large_holder(analysis: &Analysis, holder: &Holder) -> Finding {
    Finding {
        kind: Kind::LargeHolder,
        severity: Severity::Info,
        confidence: Confidence::Certain,
        title: format!(
            "{} holds {} of {} reachable",
            holder.name,
            human(holder.retained),
            human(analysis.reachable)
        ),
        bytes: holder.retained,
        count: 1,
        place: holder.places.first().cloned().unwrap_or_default(),
        evidence: vec![if holder.ty.is_empty() {
            "nothing else keeps these objects alive".to_string()
        } else {
            format!(
                "of type {}; nothing else keeps these objects alive",
                holder.ty
            )
        }],
        path: Vec::new(),
        advice: "if it should be bounded, run again with --interval 30s to see whether it grows"
            .to_string(),
    }
}

/// Holders and goroutine groups that grew between two snapshots of one process, `seconds` apart.
pub fn growth(before: &Analysis, after: &Analysis, seconds: f64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for holder in &after.holders {
        if holder.kind != "global" && holder.kind != "goroutines" {
            continue;
        }
        let key = group_key(&holder.name);
        let earlier = before
            .holders
            .iter()
            .find(|other| other.kind == holder.kind && group_key(&other.name) == key);
        let old = earlier.map_or(0, |holder| holder.retained);
        let grown = holder.retained.saturating_sub(old);
        if grown < GROWTH_BYTES || grown * 50 < old {
            continue;
        }
        let rate = grown as f64 / seconds.max(0.001);
        findings.push(Finding {
            kind: Kind::Growth,
            severity: weigh(after, holder.retained),
            confidence: Confidence::Likely,
            title: format!("{} grows by {} a second", holder.name, human(rate as u64)),
            bytes: holder.retained,
            count: 1,
            place: holder.places.first().cloned().unwrap_or_default(),
            evidence: vec![format!(
                "{} before, {} after {seconds:.0} s, garbage not counted",
                human(old),
                human(holder.retained)
            )],
            path: grown_types(before, after),
            advice: match holder.kind.as_str() {
                "goroutines" => {
                    "goroutines start faster than they end: bound them, and give every wait an end"
                        .to_string()
                }
                _ => "bound it: evict the oldest entries, let entries expire, or cap its size"
                    .to_string(),
            },
        });
    }
    super::sort(&mut findings);
    findings.truncate(10);
    findings
}

/// A group's name without its count.
fn group_key(name: &str) -> String {
    name.split_once(" goroutines ")
        .map_or_else(|| name.to_string(), |(_, rest)| rest.to_string())
}

fn grown_types(before: &Analysis, after: &Analysis) -> Vec<String> {
    let old: rustc_hash::FxHashMap<&str, &crate::analysis::TypeUse> = before
        .types
        .iter()
        .map(|ty| (ty.name.as_str(), ty))
        .collect();
    let mut grown: Vec<(u64, u64, &str)> = after
        .types
        .iter()
        .map(|ty| {
            let before = old.get(ty.name.as_str());
            let bytes = ty.bytes.saturating_sub(before.map_or(0, |ty| ty.bytes));
            (
                bytes,
                ty.objects.saturating_sub(before.map_or(0, |ty| ty.objects)),
                ty.name.as_str(),
            )
        })
        .filter(|entry| entry.0 > 0)
        .collect();
    grown.sort_by_key(|entry| (std::cmp::Reverse(entry.0), entry.2));
    grown
        .into_iter()
        .take(5)
        .map(|(bytes, objects, name)| format!("+{objects} {name} ({})", human(bytes)))
        .collect()
}
