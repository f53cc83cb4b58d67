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
        counters(&mut out, &profile.stats, style);
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
        } else if let Some(value) = profile.kind("goroutine") {
            goroutines(&mut out, profile, value, style);
            // A dump of all goroutines marks leaked ones only after a goroutineleak profile was asked for.
            if let Some(value) = profile
                .kind("goroutineleak")
                .filter(|&value| total(profile, value) > 0)
            {
                leaked(&mut out, profile, value, style);
            }
        } else if let Some(value) = profile.kind("goroutineleak") {
            if total(profile, value) > 0 {
                leaked(&mut out, profile, value, style);
            } else {
                let _ = writeln!(out, "{name}: no goroutine is blocked for good\n");
            }
        } else {
            let _ = writeln!(
                out,
                "{name}: a profile of {}, which says nothing about memory\n",
                profile.kinds.join(", ")
            );
        }
    }
    out += &style.dim(
        "Profiles tell who allocated what is still alive (sampled), not who holds it now; nothing of pinned memory,\n\
         locks' holders, C memory or the rest of RSS. For those: ferrogo doctor PID on the machine itself.\n",
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

fn total(profile: &Profile, value: usize) -> i64 {
    profile
        .samples
        .iter()
        .filter_map(|sample| sample.1.get(value))
        .fold(0, |sum: i64, value| sum.saturating_add(*value))
}

fn leaked(out: &mut String, profile: &Profile, value: usize, style: &Style) {
    let title = format!(
        "{} goroutines that can never run again",
        total(profile, value)
    );
    table(out, &title, profile, value, false, style);
}

/// Memory by the collector's counters (MemStats).
fn counters(out: &mut String, stats: &[(String, u64)], style: &Style) {
    let get = |name: &str| {
        stats
            .iter()
            .find(|stat| stat.0 == name)
            .map_or(0, |stat| stat.1)
    };
    let all = get("Sys").saturating_sub(get("HeapReleased"));
    if all == 0 {
        return;
    }
    let _ = writeln!(
        out,
        "{}",
        style.bold(&format!(
            "memory Go has from the system: {} (the process has more: its binary, C memory, files)",
            human(all)
        ))
    );
    let rows = [
        (
            "objects, garbage not yet collected included",
            get("HeapAlloc"),
        ),
        (
            "free slots in spans (fragmentation)",
            get("HeapInuse").saturating_sub(get("HeapAlloc")),
        ),
        (
            "free pages, not yet returned",
            get("HeapIdle").saturating_sub(get("HeapReleased")),
        ),
        ("goroutine stacks", get("StackSys")),
        (
            "the runtime's tables",
            ["MSpanSys", "MCacheSys", "BuckHashSys", "GCSys", "OtherSys"]
                .iter()
                .map(|name| get(name))
                .fold(0, u64::saturating_add),
        ),
    ];
    for (name, bytes) in rows.iter().filter(|row| row.1 > 0) {
        let _ = writeln!(
            out,
            "  {:>10} {:>3} %  {name}",
            human(*bytes),
            u128::from(*bytes) * 100 / u128::from(all)
        );
    }
    let _ = writeln!(
        out,
        "  the next collection begins at {}; {} so far\n",
        human(get("NextGC")),
        get("NumGC")
    );
}

fn heap(out: &mut String, name: &str, profile: &Profile, value: usize, style: &Style) {
    let title = format!(
        "{name}: {} live at the last collection, by the line that allocated it",
        human(total(profile, value).max(0) as u64)
    );
    table(out, &title, profile, value, true, style);
}

fn goroutines(out: &mut String, profile: &Profile, value: usize, style: &Style) {
    let total = total(profile, value);
    table(
        out,
        &format!("{total} goroutines, by where they are"),
        profile,
        value,
        false,
        style,
    );
    // A dump has one sample for each goroutine: equal stacks are put together.
    let mut groups: BTreeMap<Vec<(&str, u32)>, (&[Frame], i64)> = BTreeMap::new();
    for (stack, values) in &profile.samples {
        let key = stack
            .iter()
            .map(|frame| (frame.function.as_str(), frame.line))
            .collect();
        let group = groups.entry(key).or_insert((stack.as_slice(), 0));
        group.1 = group
            .1
            .saturating_add(values.get(value).copied().unwrap_or(0));
    }
    let mut groups: Vec<(&[Frame], i64)> = groups
        .into_values()
        .filter(|group| group.1 >= MANY)
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.1));
    for (stack, count) in groups.into_iter().take(3) {
        let _ = writeln!(
            out,
            "{}",
            style.warn(&format!("{count} goroutines with one and the same stack:"))
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
