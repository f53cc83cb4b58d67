//! What pprof profiles can tell: who allocated what lives, goroutines by stack, leaked ones; and what they cannot.

use std::fmt::Write;

use diagnose::analysis::{is_plumbing, is_std, place};
use diagnose::findings::human;
use diagnose::pprof::Profile;
use diagnose::snapshot::Frame;
use std::collections::BTreeMap;

use crate::text::Style;

/// Goroutines with one stack that are worth pointing at.
const MANY: i64 = 100;

/// Renders all profiles.
pub fn render(profiles: &[(String, Profile)], style: &Style) -> String {
    let mut out = String::new();
    for (name, profile) in profiles {
        if let Some(value) = profile.kind("inuse_space") {
            heap(&mut out, name, profile, value, style);
        } else if let Some(value) = profile.kind("retained_space") {
            table(
                &mut out,
                &format!("{name}: retained by the innermost holder"),
                profile,
                value,
                true,
                style,
            );
        } else if let Some(value) = profile.kind("goroutineleak") {
            let total: i64 = profile
                .samples
                .iter()
                .filter_map(|sample| sample.1.get(value))
                .sum();
            if total > 0 {
                table(
                    &mut out,
                    &format!("{total} goroutines that can never run again"),
                    profile,
                    value,
                    false,
                    style,
                );
            } else {
                let _ = writeln!(out, "{name}: no goroutine is blocked for good\n");
            }
        } else if let Some(value) = profile.kind("goroutine") {
            goroutines(&mut out, profile, value, style);
        } else {
            let _ = writeln!(
                out,
                "{name}: a profile of {}, which says nothing about memory\n",
                profile.kinds.join(", ")
            );
        }
    }
    out += &style.dim(
        "Profiles tell who allocated what is still alive (sampled), not who holds it now; nothing of stacks, pinned\n\
         memory, locks' holders, fragmentation or the rest of RSS. For those: ferrogo doctor PID on the machine itself.\n",
    );
    out
}

/// The innermost frame that is the program's own, else a library's, else any.
fn own_frame(stack: &[Frame]) -> Option<&Frame> {
    let theirs = |frame: &&Frame| !is_plumbing(&frame.function) && !is_std(&frame.function);
    stack
        .iter()
        .find(theirs)
        .or_else(|| stack.iter().find(|frame| !is_plumbing(&frame.function)))
        .or_else(|| stack.first())
}

fn heap(out: &mut String, name: &str, profile: &Profile, value: usize, style: &Style) {
    let total: i64 = profile
        .samples
        .iter()
        .filter_map(|sample| sample.1.get(value))
        .sum();
    let title = format!(
        "{name}: {} live at the last collection, by the line that allocated it",
        human(total.max(0) as u64)
    );
    table(out, &title, profile, value, true, style);
}

fn goroutines(out: &mut String, profile: &Profile, value: usize, style: &Style) {
    let total: i64 = profile
        .samples
        .iter()
        .filter_map(|sample| sample.1.get(value))
        .sum();
    table(
        out,
        &format!("{total} goroutines, by where they are"),
        profile,
        value,
        false,
        style,
    );
    let mut samples: Vec<_> = profile
        .samples
        .iter()
        .filter(|sample| sample.1.get(value).is_some_and(|count| *count >= MANY))
        .collect();
    samples.sort_by_key(|sample| std::cmp::Reverse(sample.1[value]));
    for (stack, values) in samples.into_iter().take(3) {
        let _ = writeln!(
            out,
            "{}",
            style.warn(&format!(
                "{} goroutines with one and the same stack:",
                values[value]
            ))
        );
        for frame in stack
            .iter()
            .filter(|frame| !is_plumbing(&frame.function))
            .take(8)
        {
            let _ = writeln!(out, "    {}", place(frame));
        }
        let _ = writeln!(out);
    }
}

fn table(
    out: &mut String,
    title: &str,
    profile: &Profile,
    value: usize,
    bytes: bool,
    style: &Style,
) {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    let mut total = 0i64;
    for (stack, values) in &profile.samples {
        let amount = values.get(value).copied().unwrap_or(0);
        let key = own_frame(stack).map_or_else(|| "?".to_string(), place);
        let sum = sums.entry(key).or_default();
        *sum = sum.saturating_add(amount);
        total = total.saturating_add(amount);
    }
    let mut rows: Vec<(String, i64)> = sums.into_iter().filter(|row| row.1 > 0).collect();
    rows.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    let _ = writeln!(out, "{}", style.bold(title));
    for (name, amount) in rows.iter().take(15) {
        let shown = if bytes {
            human(*amount as u64)
        } else {
            amount.to_string()
        };
        let _ = writeln!(
            out,
            "  {shown:>10} {:>3} %  {name}",
            *amount as i128 * 100 / i128::from(total.max(1))
        );
    }
    let _ = writeln!(out);
}
