//! What is wrong, why we think so, and what to do: one file per kind of cause.
//!
//! A finding above [`Severity::Info`] is a claim that something should be changed; each detector states in its
//! constants how much it takes. Healthy programs give none.

mod caches;
mod gc;
mod goroutines;
mod locks;
mod slices;
mod stacks;
mod tickers;

use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
pub use caches::growth;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Should be changed.
    Warning,
    /// Explains most of the memory, or grows without end.
    Critical,
}

/// How sure we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// One reading of several.
    Possible,
    /// The evidence points here.
    Likely,
    /// Follows from the state of the process.
    Certain,
}

/// Kinds of cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Goroutines that can never run again, or have not for long.
    GoroutineLeak,
    /// A lock that is never released.
    LockStuck,
    /// Tickers nobody reads.
    TickerLeak,
    /// Strings that show little of what they keep alive.
    SubstringPin,
    /// Slices that show little of what they keep alive.
    SubslicePin,
    /// Large arrays passed or kept by value.
    ArrayCopy,
    /// Deep recursion.
    DeepStack,
    /// Maps whose tables outgrew their content.
    MapShrunk,
    /// A holder that only grows.
    Growth,
    /// A holder of a large part of the heap.
    LargeHolder,
    /// Channels full of unread values.
    ChannelBacklog,
    /// Large objects kept for reuse.
    Pool,
    /// Timers and contexts that wait for a deadline nobody needs any more.
    TimerPileup,
    /// Spans with few objects.
    Fragmentation,
    /// Garbage, and the collector's settings.
    GcSettings,
    /// Memory Go does not manage.
    OutsideGo,
}

/// One cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of cause.
    pub kind: Kind,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence.
    pub title: String,
    /// Bytes it explains.
    pub bytes: u64,
    /// How many goroutines, objects ...
    pub count: u64,
    /// The line to look at first: `main.handle (main.go:21)`; empty when unknown.
    pub place: String,
    /// Facts, one a line.
    pub evidence: Vec<String>,
    /// From a root to the memory, one step a line.
    pub path: Vec<String>,
    /// What to do.
    pub advice: String,
}

/// Runs every detector; worst first.
pub fn find(analysis: &Analysis) -> Vec<Finding> {
    let mut findings = Vec::new();
    let stuck = locks::find(analysis, &mut findings);
    goroutines::find(analysis, &stuck, &mut findings);
    tickers::find(analysis, &mut findings);
    slices::find(analysis, &mut findings);
    stacks::find(analysis, &mut findings);
    caches::find(analysis, &mut findings);
    gc::find(analysis, &mut findings);
    sort(&mut findings);
    findings
}

/// Worst first; among equals the one that explains more, then kind and title.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        (b.severity, b.bytes, a.kind, &a.title).cmp(&(a.severity, a.bytes, b.kind, &b.title))
    });
}

/// Critical when it explains a quarter of the memory and at least 64 MiB.
pub(crate) fn weigh(analysis: &Analysis, bytes: u64) -> Severity {
    let whole = analysis.snapshot.memory.rss.max(analysis.reachable);
    if bytes >= 64 << 20 && bytes >= whole / 4 {
        Severity::Critical
    } else {
        Severity::Warning
    }
}

/// `1.5 MiB`.
pub fn human(bytes: u64) -> String {
    const UNITS: &[&str] = &["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// `3m20s`.
pub fn human_time(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        0 => format!("{} ms", ns / 1_000_000),
        1..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}
