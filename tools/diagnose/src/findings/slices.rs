//! Strings and slices that show little of the object they keep alive.
//!
//! For every object of 1 KiB and more all references are known with what they show. An object is *pinned* when
//! everything that can be seen of it together is at most an eighth. For slices the length counts, not the
//! capacity; empty slices are buffers to be reused and pin on purpose.

use rustc_hash::FxHashMap;

use super::{Confidence, Finding, Kind, Severity, human, weigh};
use crate::analysis::Analysis;
use crate::snapshot::{EDGE_FAR, EDGE_INTERIOR, Slot, View};

/// Visible part at most one in so many.
const RATIO: u64 = 8;
/// Wasted bytes worth a warning, and worth a line.
const WARN: u64 = 1 << 20;
const TELL: u64 = 256 << 10;
/// Share of the reachable heap worth a warning, as a divisor.
const SHARE: u64 = 50;

/// What holds the views: a field of a type, or a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Holder {
    /// Label key of the holding object; `None`: a root.
    label: Option<u32>,
    /// Word in it, or the root's number.
    word: u32,
    string: bool,
}

#[derive(Default)]
struct Pinned {
    objects: u64,
    bytes: u64,
    visible: u64,
    example: Option<View>,
}

pub(super) fn find(analysis: &Analysis, findings: &mut Vec<Finding>) {
    let snapshot = &analysis.snapshot;
    let mut views: Vec<&View> = snapshot
        .views
        .iter()
        .filter(|view| analysis.graph.is_reachable(view.target))
        .collect();
    views.sort_by_key(|view| (view.target, view.offset, view.length));
    let mut groups: FxHashMap<Holder, Pinned> = FxHashMap::default();
    let mut at = 0;
    while at < views.len() {
        let target = views[at].target;
        let end = at + views[at..].partition_point(|view| view.target == target);
        let all = &views[at..end];
        at = end;
        let size = snapshot.heap.size(target);
        let visible = union(all);
        let holder = all[0];
        if visible == 0 || visible.saturating_mul(RATIO) > size || incomplete(analysis, target, all)
        {
            continue;
        }
        let key = match holder.holder {
            Some(slot) => {
                let label = snapshot.heap.labels[slot as usize];
                let word = u32::from(holder.word & !EDGE_INTERIOR);
                let size = label
                    .ty()
                    .and_then(|ty| snapshot.types.get(ty as usize))
                    .map_or(0, |ty| ty.size as u32 / 8);
                let word = if label.array() && size > 0 && word != u32::from(EDGE_FAR) {
                    word % size
                } else {
                    word
                };
                Holder {
                    label: Some(label.key()),
                    word,
                    string: holder.string,
                }
            }
            None => Holder {
                label: None,
                word: u32::from(holder.word),
                string: holder.string,
            },
        };
        let group = groups.entry(key).or_default();
        group.objects += 1;
        group.bytes += size;
        group.visible += visible;
        group.example.get_or_insert(*holder);
    }
    let mut groups: Vec<(Holder, Pinned)> = groups.into_iter().collect();
    groups.sort_by_key(|(holder, group)| (std::cmp::Reverse(group.bytes), *holder));
    for (holder, group) in groups {
        let wasted = group.bytes.saturating_sub(group.visible);
        let Some(example) = group.example.filter(|_| wasted >= TELL) else {
            continue;
        };
        // One buffer that is being filled is no leak.
        let worth = wasted >= WARN && wasted >= analysis.reachable / SHARE && group.objects >= 2;
        findings.push(describe(analysis, holder, &group, example, wasted, worth));
    }
}

/// Bytes seen by at least one view.
fn union(views: &[&View]) -> u64 {
    let (mut sum, mut reach) = (0u64, 0u64);
    for view in views {
        let end = view.offset.saturating_add(view.length);
        if end > reach {
            sum += end - view.offset.max(reach);
            reach = end;
        }
    }
    sum
}

/// Whether something refers to the object whose view is not known.
fn incomplete(analysis: &Analysis, target: Slot, views: &[&View]) -> bool {
    if analysis.snapshot.info.checks.dropped_views > 0 {
        return true;
    }
    let node = analysis.graph.first_slot + target;
    let known: rustc_hash::FxHashSet<u32> = views.iter().filter_map(|view| view.holder).collect();
    let roots = views.iter().filter(|view| view.holder.is_none()).count();
    let mut from_roots = 0;
    for referrer in analysis.graph.referrers(node) {
        if referrer >= analysis.graph.first_slot {
            if !known.contains(&(referrer - analysis.graph.first_slot)) {
                return true;
            }
        } else {
            from_roots += 1;
        }
    }
    from_roots > roots
}

fn describe(
    analysis: &Analysis,
    holder: Holder,
    group: &Pinned,
    example: View,
    wasted: u64,
    worth: bool,
) -> Finding {
    let snapshot = &analysis.snapshot;
    let what = if holder.string { "string" } else { "slice" };
    let path = analysis.path_to(example.target);
    let owner = example
        .holder
        .and_then(|slot| analysis.owner(slot))
        .filter(|node| *node > 0);
    let root = match (owner, example.holder) {
        (Some(node), _) if node >= analysis.graph.first_root => {
            Some(node - analysis.graph.first_root)
        }
        (None, None) => Some(u32::from(example.word)),
        _ => None,
    };
    let users: Vec<String> = root
        .and_then(|root| snapshot.roots.get(root as usize))
        .map(|root| {
            crate::analysis::places(
                root.users
                    .iter()
                    .filter_map(|&frame| snapshot.frames.get(frame as usize)),
            )
        })
        .unwrap_or_default();
    let field = example.holder.map(|slot| {
        let name = snapshot.type_name(slot);
        let ty = snapshot.heap.labels[slot as usize]
            .ty()
            .and_then(|ty| snapshot.types.get(ty as usize));
        let field = ty.and_then(|ty| {
            ty.fields
                .iter()
                .rev()
                .find(|field| field.1 <= holder.word * 8)
        });
        match field {
            Some(field) => format!("{name}.{}", field.0),
            None => name,
        }
    });
    let held_in = match (
        &field,
        root.and_then(|root| snapshot.roots.get(root as usize)),
    ) {
        (Some(field), Some(root)) => format!("{field} (from {})", root.name),
        (Some(field), None) => field.clone(),
        (None, Some(root)) => root.name.clone(),
        (None, None) => "several places".to_string(),
    };
    let mut evidence = vec![
        format!(
            "{} of the {} can be seen through all references to them",
            human(group.visible),
            human(group.bytes)
        ),
        format!("held in {held_in}"),
    ];
    if !holder.string && example.capacity > example.length {
        evidence.push(format!(
            "for example: length {} of capacity {} bytes",
            example.length, example.capacity
        ));
    }
    if !users.is_empty() {
        evidence.push(format!("used at {}", users.join(", ")));
    }
    let advice = if holder.string {
        "keep a copy of the part that is needed: strings.Clone(s[i:j])"
    } else {
        "keep a copy of the part that is needed: slices.Clone(s[i:j]) (or append([]T(nil), s[i:j]...)); s[i:j:j] does not free the rest"
    };
    let place = match users.first() {
        Some(user) => user.clone(),
        None => match owner {
            Some(node) if node < analysis.graph.first_root => analysis.graph.groups
                [node as usize - 1]
                .members
                .first()
                .map(|&member| super::goroutines::place_of(analysis, member))
                .unwrap_or_default(),
            _ => String::new(),
        },
    };
    Finding {
        kind: if holder.string {
            Kind::SubstringPin
        } else {
            Kind::SubslicePin
        },
        severity: if worth {
            weigh(analysis, wasted)
        } else {
            Severity::Info
        },
        confidence: if holder.string {
            Confidence::Certain
        } else {
            Confidence::Likely
        },
        title: format!(
            "{} {what}s keep {} alive and show {} of it",
            group.objects,
            human(group.bytes),
            human(group.visible)
        ),
        bytes: wasted,
        count: group.objects,
        place,
        evidence,
        path,
        advice: advice.to_string(),
    }
}
