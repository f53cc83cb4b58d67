//! `cargo xtask gotest`: Go's own `test/` corpus (see `testkit::corpus`), compared with the committed lists in `tests/conformance`.
//!
//! A loss fails, a gain is reported and recorded with `UPDATE=1`. Cases that the official compiler of the pinned release fails (the
//! corpus may be of another release, and everything goes through `go build`) are in `gotest-official.txt`, recorded with
//! `TOOL=go UPDATE=1`; cases that failed at some time are in `gotest-watch.txt`, so that the test that runs a sample runs them all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use testkit::corpus::{self, Case, Results, Runner, Verdict};

/// Runs the corpus; arguments are substrings that select cases.
pub fn run() -> Result<(), String> {
    let Some(dir) = testkit::gotest::corpus() else {
        println!("SKIP: no installed Go with a test folder");
        return Ok(());
    };
    let filters: Vec<String> = std::env::args().skip(2).collect();
    let root = crate::tidy::root();
    let tool = match std::env::var("TOOL") {
        Ok(tool) => PathBuf::from(tool),
        Err(_) => crate::bench::build_ferrogo(&root)?,
    };
    let official = tool == Path::new("go");
    let cases: Vec<Case> = corpus::find_cases(&dir)
        .into_iter()
        .filter(|c| filters.is_empty() || filters.iter().any(|f| c.name.contains(f.as_str())))
        .collect();
    let runner = Runner {
        tool,
        corpus: dir,
        threads: std::env::var("THREADS")
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(2),
        on_failure: match std::env::var_os("QUIET") {
            Some(_) => |_, _| {},
            None => |case, why| println!("FAIL {} ({}): {why}", case.name, case.action),
        },
    };
    let results = runner.run(&cases);
    report(&root, &results, official, filters.is_empty())
}

fn report(root: &Path, results: &Results, official: bool, complete: bool) -> Result<(), String> {
    let folder = root.join("tests/conformance");
    let excused = match official {
        true => BTreeMap::new(),
        false => corpus::read_list(&folder.join("gotest-official.txt")),
    };
    let mut by_action: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut failed = BTreeSet::new();
    let mut skipped = 0;
    for (name, (action, verdict)) in results {
        if excused.contains_key(name) {
            continue;
        }
        let slot = by_action.entry(action).or_default();
        match verdict {
            Verdict::Pass => {
                slot.0 += 1;
                slot.1 += 1;
            }
            Verdict::Fail(_) => {
                slot.1 += 1;
                failed.insert(name.clone());
            }
            Verdict::Skip(_) => skipped += 1,
        }
    }
    for (action, (pass, all)) in &by_action {
        println!("{action:<12} {pass:>5} of {all:>5}");
    }
    for (what, runs) in [("run kinds", true), ("compile kinds", false)] {
        let (pass, all) = by_action
            .iter()
            .filter(|(action, _)| action.contains("run") == runs)
            .fold((0, 0), |(p, a), (_, (pass, all))| (p + pass, a + all));
        println!(
            "{what:<14} {pass:>5} of {all:>5} ({:.1} %)",
            100.0 * pass as f64 / all.max(1) as f64
        );
    }
    println!(
        "{skipped} need another configuration; {} fail under the official go",
        excused.len()
    );
    let (list, heading) = match official {
        true => (
            "gotest-official.txt",
            "Cases of Go's test corpus that the official go1.27.3 fails through `go build`; renewed with TOOL=go UPDATE=1.",
        ),
        false => (
            "gotest-failing.txt",
            "Cases of Go's test corpus (cargo xtask gotest) that do not pass, with the reason; renewed with UPDATE=1.",
        ),
    };
    let list = folder.join(list);
    if std::env::var_os("UPDATE").is_some() && complete {
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        if !official {
            let watch = folder.join("gotest-watch.txt");
            let mut names: BTreeSet<String> = corpus::read_list(&watch).into_keys().collect();
            names.extend(failed.iter().cloned());
            names.extend(corpus::read_list(&list).into_keys());
            let heading =
                "Cases of Go's test corpus that failed at some time: always run by the test.";
            corpus::write_list(&watch, heading, &names)?;
        }
        return corpus::write_list(&list, heading, &failed);
    }
    let known = corpus::read_list(&list);
    for name in known.keys() {
        if results.contains_key(name) && !failed.contains(name) {
            println!("now passes: {name}");
        }
    }
    let lost: Vec<&str> = failed
        .iter()
        .filter(|n| !known.contains_key(*n))
        .map(String::as_str)
        .collect();
    match lost.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "{} cases fail that are not in {}:\n{}",
            lost.len(),
            list.display(),
            lost.join("\n")
        )),
    }
}
