//! Large stacks: big arrays passed or kept by value, and deep recursion.

use rustc_hash::FxHashMap;

use super::{Confidence, Finding, Kind, Severity, human, weigh};
use crate::analysis::{Analysis, is_std, place};

/// Frames that hold a large array.
const LARGE_FRAME: u64 = 256 << 10;
/// Stacks of so many bytes in all are worth a warning.
const WARN: u64 = 4 << 20;
/// Deep recursion: stack bytes of one goroutine without a large frame.
const DEEP: u64 = 16 << 20;

pub(super) fn find(analysis: &Analysis, findings: &mut Vec<Finding>) {
    let snapshot = &analysis.snapshot;
    let mut groups: FxHashMap<u32, (u64, u64, u64, u32)> = FxHashMap::default();
    let mut idle = (0u64, 0u64);
    for (index, goroutine) in snapshot.goroutines.iter().enumerate() {
        match goroutine.largest_frame {
            Some((frame, bytes)) if bytes >= LARGE_FRAME => {
                let entry = groups.entry(frame).or_insert((0, 0, 0, index as u32));
                entry.0 += 1;
                entry.1 += goroutine.stack_bytes;
                entry.2 = entry.2.max(bytes);
            }
            _ if goroutine.stack_bytes >= DEEP => findings.push(deep(analysis, index as u32)),
            _ if goroutine.stack_bytes >= 1 << 20 => {
                idle.0 += 1;
                idle.1 += goroutine.stack_bytes;
            }
            _ => {}
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(frame, group)| (std::cmp::Reverse(group.1), *frame));
    for (frame, (count, stack_bytes, frame_bytes, example)) in groups {
        let Some(position) = snapshot.frames.get(frame as usize) else {
            continue;
        };
        let arguments: Vec<&crate::snapshot::BigArgument> = snapshot
            .big_arguments
            .iter()
            .filter(|argument| {
                let function = snapshot
                    .frames
                    .get(argument.frame as usize)
                    .map(|frame| frame.function.as_str());
                snapshot
                    .frames_of(&snapshot.goroutines[example as usize])
                    .any(|frame| Some(frame.function.as_str()) == function)
            })
            .collect();
        let mut evidence = vec![format!(
            "the frame of {} takes {}; {count} such stacks take {}",
            position.function,
            human(frame_bytes),
            human(stack_bytes)
        )];
        for argument in arguments.iter().take(3) {
            if let Some(function) = snapshot.frames.get(argument.frame as usize) {
                evidence.push(format!(
                    "{} copies {} of arguments and results on every call",
                    place(function),
                    human(argument.bytes)
                ));
            }
        }
        evidence.push(
            "a stack only shrinks by half with each collection, after the call has returned"
                .to_string(),
        );
        findings.push(Finding {
            kind: Kind::ArrayCopy,
            severity: if stack_bytes >= WARN {
                weigh(analysis, stack_bytes)
            } else {
                Severity::Info
            },
            confidence: Confidence::Certain,
            title: format!(
                "large arrays are copied by value: {} of stacks of {}",
                human(stack_bytes),
                if count == 1 {
                    "1 goroutine".to_string()
                } else {
                    format!("{count} goroutines")
                }
            ),
            bytes: stack_bytes,
            count,
            place: place(position),
            evidence,
            path: analysis.goroutine_places(example),
            advice:
                "pass a pointer or a slice (func f(a *[N]T), func f(a []T)) instead of an array"
                    .to_string(),
        });
    }
    // After the calls: large stacks that have not shrunk yet, and functions that explain them.
    let mut own: Vec<&crate::snapshot::BigArgument> = snapshot
        .big_arguments
        .iter()
        .filter(|argument| {
            argument.bytes >= LARGE_FRAME
                && snapshot
                    .frames
                    .get(argument.frame as usize)
                    .is_some_and(|frame| !is_std(&frame.function))
        })
        .collect();
    own.sort_by_key(|argument| (std::cmp::Reverse(argument.bytes), argument.frame));
    if let Some(function) = own
        .first()
        .and_then(|argument| snapshot.frames.get(argument.frame as usize))
    {
        let seen = findings
            .iter()
            .any(|finding| finding.kind == Kind::ArrayCopy);
        if !seen {
            findings.push(Finding {
                kind: Kind::ArrayCopy,
                severity: if idle.1 >= WARN {
                    Severity::Warning
                } else {
                    Severity::Info
                },
                confidence: if idle.1 >= WARN {
                    Confidence::Likely
                } else {
                    Confidence::Possible
                },
                title: format!(
                    "{} copies {} on every call",
                    function.function,
                    human(own[0].bytes)
                ),
                bytes: idle.1,
                count: idle.0,
                place: place(function),
                evidence: vec![format!(
                    "{} goroutines have stacks of a megabyte and more: {}",
                    idle.0,
                    human(idle.1)
                )],
                path: Vec::new(),
                advice:
                    "pass a pointer or a slice (func f(a *[N]T), func f(a []T)) instead of an array"
                        .to_string(),
            });
        }
    }
}

/// The function that most of the frames kept of a stack are of: name, how many, of how many.
fn repeated<'a>(
    analysis: &'a Analysis,
    goroutine: &crate::snapshot::Goroutine,
) -> Option<(&'a str, usize, usize)> {
    let mut counts: FxHashMap<&str, usize> = FxHashMap::default();
    let mut all = 0;
    for frame in analysis.snapshot.frames_of(goroutine) {
        *counts.entry(frame.function.as_str()).or_default() += 1;
        all += 1;
    }
    let (function, count) = counts
        .into_iter()
        .max_by_key(|(name, count)| (*count, std::cmp::Reverse(*name)))?;
    (count > 1).then_some((function, count, all))
}

fn deep(analysis: &Analysis, index: u32) -> Finding {
    let goroutine = &analysis.snapshot.goroutines[index as usize];
    Finding {
        kind: Kind::DeepStack,
        severity: weigh(analysis, goroutine.stack_bytes),
        confidence: Confidence::Likely,
        title: format!(
            "goroutine {} has a stack of {}",
            goroutine.id,
            human(goroutine.stack_bytes)
        ),
        bytes: goroutine.stack_bytes,
        count: 1,
        place: super::goroutines::place_of(analysis, index),
        evidence: vec![match repeated(analysis, goroutine) {
            Some((function, count, all)) => format!(
                "no frame of it is large: deep recursion; {count} of the {all} frames looked at are {function}"
            ),
            None => "no frame of it is large: deep recursion".to_string(),
        }],
        path: analysis
            .goroutine_places(index)
            .into_iter()
            .take(12)
            .collect(),
        advice: "bound the depth, or keep the pending work in a slice instead of on the stack"
            .to_string(),
    }
}
