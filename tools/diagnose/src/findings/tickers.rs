//! Tickers nobody reads. Since Go 1.23 an unreferenced ticker is collected by itself, so only referenced ones
//! are a leak; and goroutines that each serve a ticker of their own pile up.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{Confidence, Finding, Kind, Severity, human, human_time, weigh};
use crate::analysis::{Analysis, is_std, place};
use crate::snapshot::{Slot, TimerUse};

/// Unread tickers of one holder worth a warning.
const UNREAD: usize = 10;
/// Timers with a function to call that are worth a line.
const ARMED: usize = 1000;

pub(super) fn find(analysis: &Analysis, findings: &mut Vec<Finding>) {
    let mut groups: FxHashMap<u32, Vec<(&TimerUse, Slot)>> = FxHashMap::default();
    for timer in &analysis.snapshot.timers {
        let Some(slot) = timer.slot.filter(|&slot| analysis.graph.is_reachable(slot)) else {
            continue;
        };
        if timer.channel && timer.period_ns > 0 && timer.blocked == 0 {
            let owner = analysis.owner(slot).unwrap_or(0);
            // A ticker in a goroutine's frame is read when that goroutine comes around.
            let in_frame = owner > 0
                && owner < analysis.graph.first_root
                && analysis
                    .graph
                    .dominator(analysis.graph.first_slot + slot)
                    .is_some_and(|node| node < analysis.graph.first_slot);
            if !in_frame {
                groups.entry(owner).or_default().push((timer, slot));
            }
        }
    }
    let mut owners: Vec<u32> = groups.keys().copied().collect();
    owners.sort_unstable();
    for owner in owners {
        let timers = &groups[&owner];
        let slot = timers[0].1;
        let retained = |timer: &(_, Slot)| analysis.graph.retained_by_slot(timer.1);
        let bytes = crate::total(timers.iter().map(retained));
        let mut periods: Vec<u64> = timers.iter().map(|timer| timer.0.period_ns).collect();
        periods.sort_unstable();
        let makers = makers(analysis, &["time.NewTicker", "time.Tick"]);
        let mut evidence = vec![
            format!(
                "each has a period ({}) and no goroutine waits for its channel",
                human_time(periods[periods.len() / 2])
            ),
            format!(
                "all are still referenced (held by {}), so the collector keeps them",
                analysis.node_name(owner)
            ),
        ];
        for maker in makers.iter().take(4) {
            evidence.push(format!("tickers are made at {maker}"));
        }
        findings.push(Finding {
            kind: Kind::TickerLeak,
            severity: if timers.len() >= UNREAD { Severity::Warning } else { Severity::Info },
            confidence: Confidence::Likely,
            title: format!("{} referenced that nobody reads", if timers.len() == 1 { "1 ticker is".to_string() } else { format!("{} tickers", timers.len()) }),
            bytes,
            count: timers.len() as u64,
            place: makers.first().cloned().unwrap_or_default(),
            evidence,
            path: analysis.path_to(slot),
            advice: "call Stop when its user ends (defer ticker.Stop()) and drop the reference; where one ticker can serve all, share it".to_string(),
        });
    }
    armed(analysis, findings);
}

/// Functions that will be called later: contexts with a deadline, time.AfterFunc.
fn armed(analysis: &Analysis, findings: &mut Vec<Finding>) {
    let mut by_function: BTreeMap<&str, Vec<&TimerUse>> = BTreeMap::new();
    for timer in &analysis.snapshot.timers {
        if !timer.channel && timer.armed && timer.period_ns == 0 {
            by_function
                .entry(timer.function.as_str())
                .or_default()
                .push(timer);
        }
    }
    for (function, timers) in by_function {
        let count = timers.len();
        if count < ARMED {
            continue;
        }
        let slots: Vec<Slot> = timers.iter().filter_map(|timer| timer.slot).collect();
        let retained = |&slot: &Slot| analysis.graph.retained_by_slot(slot);
        let bytes = crate::total(slots.iter().map(retained));
        // A context whose cancel function was called has no timer any more; one that is in use has a goroutine.
        let context = function.starts_with("context.");
        let forgotten = context && count > 2 * analysis.snapshot.goroutines.len();
        let makers = makers(
            analysis,
            if context {
                &[
                    "context.WithTimeout",
                    "context.WithTimeoutCause",
                    "context.WithDeadline",
                    "context.WithDeadlineCause",
                ]
            } else {
                &["time.AfterFunc", "time.NewTimer"]
            },
        );
        let mut evidence = vec![format!(
            "{} in timers and what only they keep alive; the program has {} goroutines",
            human(bytes),
            analysis.snapshot.goroutines.len()
        )];
        if forgotten {
            evidence.push(
                "a cancelled context has no timer: these can only end by their deadlines"
                    .to_string(),
            );
        }
        for maker in makers.iter().take(4) {
            evidence.push(format!(
                "{} at {maker}",
                if context {
                    "contexts are made"
                } else {
                    "timers are made"
                }
            ));
        }
        findings.push(Finding {
            kind: Kind::TimerPileup,
            severity: if forgotten {
                weigh(analysis, bytes)
            } else {
                Severity::Info
            },
            confidence: if forgotten {
                Confidence::Likely
            } else {
                Confidence::Possible
            },
            title: if context {
                format!("{count} contexts with a deadline were never cancelled")
            } else {
                format!("{count} timers are armed that will call {function}")
            },
            bytes,
            count: count as u64,
            place: makers.first().cloned().unwrap_or_default(),
            evidence,
            path: slots
                .first()
                .map(|&slot| analysis.path_to(slot))
                .unwrap_or_default(),
            advice: if context {
                "call the cancel function when the work is done: ctx, cancel := context.WithTimeout(..); defer cancel()"
            } else {
                "stop timers whose outcome no longer matters (Stop, or cancel of the context that made them)"
            }
            .to_string(),
        });
    }
}

/// Places in the program (else in libraries) that call one of the functions.
fn makers(analysis: &Analysis, functions: &[&str]) -> Vec<String> {
    let mut frames: Vec<&crate::snapshot::Frame> = analysis
        .snapshot
        .callers
        .iter()
        .filter(|(name, _)| functions.contains(&name.as_str()))
        .flat_map(|(_, frames)| frames)
        .filter_map(|&frame| analysis.snapshot.frames.get(frame as usize))
        .collect();
    frames.sort_by_key(|frame| {
        (
            is_std(&frame.function),
            !frame.function.starts_with("main."),
            frame.function.clone(),
            frame.line,
        )
    });
    frames
        .into_iter()
        .filter(|frame| !is_std(&frame.function))
        .map(place)
        .collect()
}
