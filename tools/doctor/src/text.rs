//! What a terminal shows.

use std::fmt::Write;
use std::io::IsTerminal;

use attach::{Error, Result};
use diagnose::analysis::Analysis;
use diagnose::findings::{Confidence, Finding, Severity, human, human_time};
use diagnose::report;

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    colour: bool,
}

impl Style {
    /// Colours only on a terminal, and not with NO_COLOR.
    pub fn for_stdout() -> Style {
        Style {
            colour: std::io::stdout().is_terminal()
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    /// Never colours.
    pub fn plain() -> Style {
        Style { colour: false }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }

    /// Headings.
    pub fn bold(&self, text: &str) -> String {
        self.paint("1", text)
    }

    /// Less important.
    pub fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    /// Attention.
    pub fn warn(&self, text: &str) -> String {
        self.paint("33", text)
    }

    fn severity(&self, severity: Severity) -> String {
        match severity {
            Severity::Critical => self.paint("1;31", "CRITICAL"),
            Severity::Warning => self.paint("1;33", "WARNING"),
            Severity::Info => self.paint("36", "info"),
        }
    }

    fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }
}

/// At most one screen: what the memory is, the worst findings, what to look at next.
pub fn verdict(
    analysis: &Analysis,
    found: &[Finding],
    limit: usize,
    cost: report::Cost,
    style: &Style,
) -> String {
    let mut out = String::new();
    let info = &analysis.snapshot.info;
    let memory = &analysis.snapshot.memory;
    let name = info.program.rsplit('/').next().unwrap_or("");
    let origin = if info.pid > 0 {
        format!("{name} (pid {})", info.pid)
    } else {
        name.to_string()
    };
    let _ = write!(out, "{} · {}", style.bold(&origin), info.go_version);
    if memory.rss > 0 {
        let _ = write!(out, " · RSS {}", human(memory.rss));
    }
    if let Some(limit) = memory.cgroup_limit {
        let _ = write!(out, " of {} allowed", human(limit));
    }
    let _ = writeln!(out, " · {} goroutines", analysis.snapshot.goroutines.len());
    let whole = diagnose::total(analysis.shares.iter().map(|share| share.bytes)).max(1);
    for share in analysis
        .shares
        .iter()
        .filter(|share| share.bytes * 200 >= whole)
    {
        let width = (share.bytes * 30 / whole) as usize;
        let _ = writeln!(
            out,
            "  {:<36} {:>10} {:>3} % {}",
            share.name,
            human(share.bytes),
            share.bytes * 100 / whole,
            style.dim(&"█".repeat(width))
        );
    }
    let serious = found
        .iter()
        .filter(|finding| finding.severity > Severity::Info)
        .count();
    let _ = writeln!(out);
    if serious == 0 {
        let _ = writeln!(
            out,
            "{}",
            style.good("No leak found: nothing here should be changed.")
        );
        let holders: Vec<String> = analysis
            .holders
            .iter()
            .filter(|holder| holder.retained > 0)
            .take(3)
            .map(|holder| format!("{} {}", holder.name, human(holder.retained)))
            .collect();
        let _ = writeln!(out, "The largest holders: {}", holders.join("; "));
    }
    let shown = if serious == 0 {
        limit
            .min(found.len())
            .min(if limit == usize::MAX { limit } else { 1 })
    } else {
        limit.min(found.len())
    };
    for finding in &found[..shown] {
        render_finding(&mut out, finding, limit == usize::MAX, style);
    }
    if found.len() > shown {
        let _ = writeln!(
            out,
            "{}",
            style.dim(&format!("{} more: --all", found.len() - shown))
        );
    }
    for warning in &info.warnings {
        let _ = writeln!(out, "{} {warning}", style.warn("note:"));
    }
    let checks = &info.checks;
    let typed = checks.typed_bytes * 100 / checks.bytes.max(1);
    let paused = match info.method.as_str() {
        "core" => "from a core file".to_string(),
        method => format!(
            "{method} snapshot, paused {:.1} ms",
            info.pause_ns as f64 / 1e6
        ),
    };
    let _ = writeln!(
        out,
        "{}",
        style.dim(&format!(
            "{paused} · {} objects, {typed} % of bytes typed · layouts from {} · {} of {} spans inconsistent · {:.1} s of CPU, {}\n--top --retained --goroutines --spans --holders TYPE --html FILE --interval 30s",
            checks.objects,
            info.layout,
            checks.span_mismatches,
            checks.spans,
            cost.cpu_ns as f64 / 1e9,
            human(cost.peak_bytes)
        ))
    );
    out
}

fn render_finding(out: &mut String, finding: &Finding, full: bool, style: &Style) {
    let sure = match finding.confidence {
        Confidence::Certain => "certain",
        Confidence::Likely => "likely",
        Confidence::Possible => "possible",
    };
    let _ = writeln!(
        out,
        "{} {} ({}, {sure})",
        style.severity(finding.severity),
        style.bold(&finding.title),
        human(finding.bytes)
    );
    if !finding.place.is_empty() {
        let _ = writeln!(out, "  at    {}", style.bold(&finding.place));
    }
    for line in finding
        .evidence
        .iter()
        .take(if full { usize::MAX } else { 4 })
    {
        let _ = writeln!(out, "  why   {line}");
    }
    let steps = finding.path.len();
    let keep = if full { usize::MAX } else { 4 };
    for (index, step) in finding.path.iter().enumerate() {
        if index >= keep && index + 1 < steps {
            if index == keep {
                let _ = writeln!(out, "        ...");
            }
            continue;
        }
        let _ = writeln!(
            out,
            "  {} {step}",
            if index == 0 { "path " } else { "     " }
        );
    }
    let _ = writeln!(out, "  {} {}\n", style.good("fix  "), finding.advice);
}

/// Types by their own bytes.
pub fn top(analysis: &Analysis, limit: usize, style: &Style) -> String {
    let mut out = format!("{}\n", style.bold("     bytes    objects   garbage  type"));
    for ty in analysis.types.iter().take(limit) {
        let mark = if ty.known_by == "inferred" {
            " (inferred)"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "{:>10} {:>10} {:>9}  {}{mark}",
            human(ty.bytes),
            ty.objects,
            human(ty.garbage_bytes),
            ty.name
        );
        if let Some(site) = ty.sites.first() {
            let _ = writeln!(
                out,
                "{}",
                style.dim(&format!("{:33}allocated at {site}", ""))
            );
        }
    }
    out.push('\n');
    out
}

/// Types and roots by retained bytes.
pub fn retained(analysis: &Analysis, limit: usize, style: &Style) -> String {
    let mut out = format!("{}\n", style.bold("  retained  holder"));
    for holder in analysis
        .holders
        .iter()
        .filter(|holder| holder.retained > 0)
        .take(limit)
    {
        let _ = writeln!(
            out,
            "{:>10}  {} {}",
            human(holder.retained),
            holder.name,
            style.dim(&holder.ty)
        );
        if let Some(place) = holder.places.first() {
            let _ = writeln!(out, "{}", style.dim(&format!("{:12}{place}", "")));
        }
    }
    let _ = writeln!(
        out,
        "\n{}",
        style.bold("  retained        own    objects  type")
    );
    let mut types: Vec<_> = analysis.types.iter().collect();
    types.sort_by(|a, b| (b.retained, &a.name).cmp(&(a.retained, &b.name)));
    for ty in types.into_iter().take(limit) {
        let _ = writeln!(
            out,
            "{:>10} {:>10} {:>10}  {}",
            human(ty.retained),
            human(ty.bytes),
            ty.objects,
            ty.name
        );
    }
    out.push('\n');
    out
}

/// Goroutines by stack.
pub fn goroutines(analysis: &Analysis, limit: usize, style: &Style) -> String {
    let groups = report::goroutine_groups(analysis);
    let total = diagnose::total(groups.iter().map(|group| group.count));
    let mut out = format!(
        "{}\n",
        style.bold(&format!(
            "{total} goroutines, {} different stacks",
            groups.len()
        ))
    );
    for group in groups.iter().take(limit) {
        let state = if group.reason.is_empty() {
            &group.status
        } else {
            &group.reason
        };
        let leaked = if group.leaked > 0 {
            style.warn(&format!(" {} can never run again", group.leaked))
        } else {
            String::new()
        };
        let waited = group
            .waiting_ns
            .filter(|ns| *ns > 1_000_000_000)
            .map(|ns| format!(", up to {}", human_time(ns)))
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "{} [{state}{waited}] retained {}, stacks {}{leaked}",
            style.bold(&format!("x{}", group.count)),
            human(group.retained),
            human(group.stack_bytes)
        );
        for frame in group.stack.iter().take(12) {
            let _ = writeln!(out, "    {frame}");
        }
    }
    out.push('\n');
    out
}

/// Spans by size class.
pub fn spans(analysis: &Analysis, style: &Style) -> String {
    let mut out = format!(
        "{}\n",
        style.bold("  size          spans       pages       live  allocated       room  used")
    );
    for class in &analysis.classes {
        let size = if class.size == 0 {
            "large".to_string()
        } else {
            class.size.to_string()
        };
        let kind = if class.noscan { "noscan" } else { "" };
        let _ = writeln!(
            out,
            "{size:>6} {kind:<6} {:>7} {:>11} {:>10} {:>10} {:>10} {:>4} %",
            class.spans,
            human(class.bytes),
            class.live,
            class.allocated,
            class.room,
            class.allocated * 100 / class.room.max(1)
        );
    }
    let memory = &analysis.snapshot.memory;
    let _ = writeln!(out, "\n{}", style.bold("resident memory"));
    for share in &analysis.shares {
        let _ = writeln!(out, "{:>12}  {}", human(share.bytes), share.name);
    }
    let _ = writeln!(out, "{:>12}  in all\n", human(memory.rss));
    let _ = writeln!(out, "{}", style.bold("as top, pmap and /proc show it"));
    let _ = writeln!(
        out,
        "  VIRT {} · RES {} · peak {} · swap {} · {} threads",
        human(memory.virtual_size),
        human(memory.rss),
        human(memory.rss_peak),
        human(memory.swap),
        memory.threads
    );
    for mapping in memory.mappings.iter().take(12) {
        let _ = writeln!(
            out,
            "{:>12} of {:>10}  {}",
            human(mapping.rss),
            human(mapping.size),
            mapping.name
        );
    }
    let limit = memory.cgroup_limit.map_or("no limit".to_string(), |limit| {
        format!("limit {}", human(limit))
    });
    let current = memory.cgroup_current.map_or(String::new(), |current| {
        format!(", uses {}", human(current))
    });
    let working = memory.working_set.map_or(String::new(), |set| {
        format!(", working set {} (kubectl top)", human(set))
    });
    let _ = writeln!(out, "  cgroup: {limit}{current}{working}");
    let gogc = if memory.gogc < 0 {
        "off".to_string()
    } else {
        memory.gogc.to_string()
    };
    let _ = writeln!(
        out,
        "  GOGC={gogc} GOMEMLIMIT={} · {} collections\n",
        memory.memory_limit.map_or("none".to_string(), human),
        memory.collections
    );
    out
}

/// Who holds a type, or an address.
pub fn holders(analysis: &Analysis, what: &str, limit: usize, style: &Style) -> Result<String> {
    let mut out = String::new();
    let address = what
        .strip_prefix("0x")
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    if let Some(address) = address {
        let Some((slot, offset)) = analysis
            .snapshot
            .heap
            .find(address)
            .filter(|(slot, _)| analysis.snapshot.heap.is_allocated(*slot))
        else {
            return Err(Error::new(format!(
                "{what} is not inside an object of the heap"
            )));
        };
        let heap = &analysis.snapshot.heap;
        let _ = writeln!(
            out,
            "{what}: byte {offset} of a {} at {:#x}, {} bytes, retains {}",
            analysis.snapshot.type_name(slot),
            heap.address(slot),
            heap.size(slot),
            human(analysis.graph.retained_by_slot(slot))
        );
        if !analysis.graph.is_reachable(slot) {
            out.push_str("no longer reachable: garbage until the next collection\n");
            return Ok(out);
        }
        for step in analysis.path_to(slot) {
            let _ = writeln!(out, "    {step}");
        }
        return Ok(out);
    }
    let slots = analysis.slots_of_type(what);
    if slots.is_empty() {
        let close: Vec<&str> = analysis
            .types
            .iter()
            .map(|ty| ty.name.as_str())
            .filter(|name| name.contains(what))
            .take(5)
            .collect();
        let error = Error::new(format!("no object of type {what:?}"));
        return Err(if close.is_empty() {
            error
        } else {
            error.hint(format!("there are: {}", close.join(", ")))
        });
    }
    // Direct referrers by type, and one path for the commonest.
    let mut referrers: std::collections::BTreeMap<String, (u64, u64, u32)> =
        std::collections::BTreeMap::new();
    let mut live = 0u64;
    for &slot in &slots {
        if !analysis.graph.is_reachable(slot) {
            continue;
        }
        live += 1;
        let size = analysis.snapshot.heap.size(slot);
        for node in analysis.graph.referrers(analysis.graph.first_slot + slot) {
            let entry = referrers
                .entry(analysis.holder_name(node))
                .or_insert((0, 0, slot));
            entry.0 += 1;
            entry.1 += size;
        }
    }
    let _ = writeln!(
        out,
        "{} objects of {what}, {live} reachable; referred to by",
        slots.len()
    );
    let mut rows: Vec<_> = referrers.into_iter().collect();
    rows.sort_by(|a, b| (b.1.0, &a.0).cmp(&(a.1.0, &b.0)));
    for (name, (count, bytes, _)) in rows.iter().take(limit) {
        let _ = writeln!(out, "{count:>10} {:>10}  {name}", human(*bytes));
    }
    for (name, (_, _, example)) in rows.iter().take(3) {
        let _ = writeln!(
            out,
            "\n{}",
            style.bold(&format!("for example, through {name}:"))
        );
        for step in analysis.path_to(*example) {
            let _ = writeln!(out, "    {step}");
        }
    }
    out.push('\n');
    Ok(out)
}

/// What changed between two snapshots.
pub fn diff(before: &Analysis, after: &Analysis, limit: usize, style: &Style) -> String {
    let mut out = String::new();
    let seconds = after
        .snapshot
        .info
        .taken_at
        .saturating_sub(before.snapshot.info.taken_at);
    let _ = writeln!(
        out,
        "{}",
        style.bold(&format!(
            "after {seconds} s: RSS {} -> {}, reachable {} -> {}, goroutines {} -> {}",
            human(before.snapshot.memory.rss),
            human(after.snapshot.memory.rss),
            human(before.reachable),
            human(after.reachable),
            before.snapshot.goroutines.len(),
            after.snapshot.goroutines.len()
        ))
    );
    let mut changes: std::collections::BTreeMap<&str, (i128, i128)> =
        std::collections::BTreeMap::new();
    for ty in &after.types {
        let entry = changes.entry(&ty.name).or_default();
        entry.0 += i128::from(ty.bytes);
        entry.1 += i128::from(ty.objects);
    }
    for ty in &before.types {
        let entry = changes.entry(&ty.name).or_default();
        entry.0 -= i128::from(ty.bytes);
        entry.1 -= i128::from(ty.objects);
    }
    let mut rows: Vec<_> = changes.into_iter().filter(|row| row.1 != (0, 0)).collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.1.0.abs()), row.0));
    for (name, (bytes, objects)) in rows.into_iter().take(limit) {
        let sign = if bytes < 0 { "-" } else { "+" };
        let size = human(u64::try_from(bytes.unsigned_abs()).unwrap_or(u64::MAX));
        let _ = writeln!(
            out,
            "{:>11} {objects:>+10}  {name}",
            format!("{sign}{size}")
        );
    }
    out.push('\n');
    out
}
