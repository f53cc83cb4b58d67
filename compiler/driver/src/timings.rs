//! How long phases took and how much there was to do (`--timings`).

use std::time::{Duration, Instant};

/// Wall time by phase, in order of first occurrence.
#[derive(Debug, Default)]
pub struct Timings {
    phases: Vec<(String, Duration)>,
    counts: Vec<(&'static str, usize, usize)>,
}

impl Timings {
    /// Runs `f` as a phase.
    pub fn time<T>(&mut self, phase: &str, f: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = f();
        self.add(phase, start.elapsed());
        result
    }
    /// Adds time to a phase.
    pub fn add(&mut self, phase: &str, time: Duration) {
        match self.phases.iter_mut().find(|(name, _)| name == phase) {
            Some((_, sum)) => *sum += time,
            None => self.phases.push((phase.to_owned(), time)),
        }
    }
    /// Notes that so many of all were dealt with anew; the rest was kept from an earlier build.
    pub fn count(&mut self, what: &'static str, anew: usize, all: usize) {
        self.counts.push((what, anew, all));
    }
    /// A table, one phase a line.
    pub fn render(&self) -> String {
        let total: Duration = self
            .phases
            .iter()
            .filter(|(n, _)| !n.starts_with(' '))
            .map(|(_, t)| *t)
            .sum();
        let mut out = String::new();
        for (name, time) in self.phases.iter().chain([&("total".to_owned(), total)]) {
            out.push_str(&format!(
                "{name:<24} {:>9.1} ms\n",
                time.as_secs_f64() * 1e3
            ));
        }
        for (what, anew, all) in &self.counts {
            out.push_str(&format!("{what:<24} {anew:>9} of {all}\n"));
        }
        out
    }
}
