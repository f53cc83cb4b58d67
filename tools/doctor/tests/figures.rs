//! What is promised in numbers. Counts are asserted; times and sizes are printed for docs/doctor.md, since they
//! depend on what else the machine does.

mod common;

use common::*;
use serde_json::Value;

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("").to_string()
}

#[test]
fn a_churning_program_is_counted_exactly() {
    if !have_go() {
        return;
    }
    // Collections one after the other, so that snapshots fall into them.
    let mut command = std::process::Command::new(build("churn", Build::Plain, "local"));
    command.env("GOGC", "10");
    let churn = Example::spawn(command);
    let mut collecting = 0;
    let rounds = if full() { 20 } else { 5 };
    for round in 0..rounds {
        let report = report(&[&churn.pid()]);
        assert_eq!(objects(&report, "main.Entry"), 400_000, "round {round}");
        // Workers of the collector that are not idle: it was marking.
        let marking = report["goroutines"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|group| {
                group["stack"].to_string().contains("gcBgMark")
                    && group["reason"] != "GC worker (idle)"
            });
        collecting += u32::from(marking);
    }
    eprintln!(
        "400,000 entries in {rounds} of {rounds} snapshots, {collecting} of them during a collection"
    );
    assert!(churn.finish());
}

/// CPU, memory and pause of one report.
fn print_cost(what: &str, report: &Value) {
    eprintln!(
        "{what}: paused {:.1} ms, {:.2} s of CPU, {} MB at its peak; load {}",
        report["info"]["pause_ns"].as_f64().unwrap_or(0.0) / 1e6,
        report["cost"]["cpu_ns"].as_f64().unwrap_or(0.0) / 1e9,
        report["cost"]["peak_bytes"].as_u64().unwrap_or(0) / 1_000_000,
        load()
    );
}

#[test]
fn ten_million_objects() {
    if !have_go() {
        return;
    }
    let count: u64 = if full() { 10_000_000 } else { 300_000 };
    for kind in [Build::Plain, Build::Stripped] {
        for _ in 0..if full() { 5 } else { 1 } {
            let mut command = std::process::Command::new(build("big", kind, "local"));
            command.arg(count.to_string());
            let mut big = Example::spawn(command);
            let report = report(&[&big.pid()]);
            assert_eq!(objects(&report, "main.Node"), count, "{kind:?}");
            print_cost(&format!("{count} objects, {kind:?}"), &report);
            eprintln!("  by the target's own clock: {}", big.last_words());
        }
    }
}

#[test]
fn a_hundred_thousand_goroutines() {
    if !have_go() {
        return;
    }
    let many = Example::start(&build("many", Build::Plain, "local"));
    let report = report(&[&many.pid()]);
    let group = &report["goroutines"][0];
    assert_eq!(group["count"], 100_000, "{group}");
    assert!(
        group["stack"].to_string().contains("main.serve (main.go:"),
        "{group}"
    );
    print_cost("100,000 goroutines", &report);
    assert!(many.finish());
}
