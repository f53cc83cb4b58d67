//! How long phases took (`--timings`).

use std::time::{Duration, Instant};

/// Wall time by phase, in order of first occurrence.
#[derive(Debug, Default)]
pub struct Timings {
    phases: Vec<(String, Duration)>,
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
        out
    }
}
