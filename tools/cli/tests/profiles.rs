//! Profiles of a compiled service, taken over its net/http/pprof endpoints and read by the official `go tool pprof`: they name the
//! functions and lines that the same program's profiles name under the official compiler (recorded; `UPDATE=1` renews).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(240);

/// A profile as `pprof -raw` prints it: stacks of `function file:line`, innermost first, with the sums of their values.
type Stacks = BTreeMap<Vec<String>, Vec<i64>>;

fn pprof(arguments: &[&str], file: &Path) -> String {
    let mut go = testkit::official_go().expect("looked for before");
    let outcome = testkit::run(go.args(["tool", "pprof"]).args(arguments).arg(file), LIMIT);
    assert_eq!(
        outcome.status,
        Some(0),
        "pprof {arguments:?} {}: {}",
        file.display(),
        outcome.stderr
    );
    outcome.stdout
}

/// `main.f /dir/file.go:12:0 s=10` (a location's line) to `main.f file.go:12`.
fn frame(line: &str) -> String {
    let mut words = line.split_whitespace().filter(|w| !w.starts_with("M="));
    let function = words.next().unwrap_or_default();
    let place = words.next().unwrap_or_default();
    let place = place.rsplit('/').next().unwrap_or_default();
    let mut parts = place.split(':');
    let (file, line) = (parts.next(), parts.next());
    format!(
        "{function} {}:{}",
        file.unwrap_or_default(),
        line.unwrap_or_default()
    )
}

fn read(file: &Path) -> Stacks {
    let mut samples: Vec<(Vec<i64>, Vec<String>)> = Vec::new();
    let mut locations: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut section, mut current) = (String::new(), String::new());
    for line in pprof(&["-raw"], file).lines() {
        if ["Samples:", "Locations", "Mappings"].contains(&line.trim()) {
            section = line.trim().to_owned();
            continue;
        }
        match section.as_str() {
            "Samples:" => {
                if let Some((values, ids)) = line.split_once(": ") {
                    let values: Result<Vec<i64>, _> =
                        values.split_whitespace().map(str::parse).collect();
                    if let Ok(values) = values {
                        let ids = ids.split_whitespace().map(str::to_owned).collect();
                        samples.push((values, ids));
                    }
                }
            }
            "Locations" => match line.split_once(": 0x") {
                Some((id, rest)) => {
                    current = id.trim().to_owned();
                    let rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
                    locations.insert(current.clone(), vec![frame(rest)]);
                }
                None => locations
                    .entry(current.clone())
                    .or_default()
                    .push(frame(line)),
            },
            _ => {}
        }
    }
    let mut stacks = Stacks::new();
    for (values, ids) in samples {
        let stack: Vec<String> = ids.iter().flat_map(|id| &locations[id]).cloned().collect();
        let sums = stacks.entry(stack).or_insert_with(|| vec![0; values.len()]);
        for (sum, value) in sums.iter_mut().zip(values) {
            *sum += value;
        }
    }
    stacks
}

/// Frames of the program and of std; what is inside the runtime is the runtime's own business. (Functions that go statements with
/// arguments make are in some of the official profiles only.)
fn outside_of_runtime(stack: &[String]) -> Vec<&str> {
    stack
        .iter()
        .map(String::as_str)
        .filter(|f| !f.starts_with("runtime.") && !f.contains(".gowrap"))
        .collect()
}

/// The comparable part of the profiles in a folder: stacks that begin in a function of the service's work, with those values that do
/// not depend on time.
fn summary(dir: &Path) -> String {
    // Name, functions where stacks begin, values that are exact.
    let wanted: [(&str, &[&str], &[usize]); 6] = [
        ("heap", &["main.keep", "main.fill"], &[0, 2]),
        ("allocs", &["main.drop"], &[0]),
        ("goroutine", &["main.park", "main.leak"], &[0]),
        ("goroutineleak", &["main.leak"], &[0]),
        (
            "block",
            &["main.receive", "main.choose", "sync.(*WaitGroup).Wait"],
            &[0],
        ),
        ("mutex", &["sync.(*Mutex).Unlock"], &[]),
    ];
    let mut text = String::new();
    for (name, begins, exact) in wanted {
        let _ = writeln!(text, "{name}:");
        let mut lines = BTreeSet::new();
        for (stack, values) in read(&dir.join(name)) {
            let stack = outside_of_runtime(&stack);
            let from_main = stack.iter().any(|f| f.starts_with("main."));
            let first = stack.first().and_then(|f| f.split(' ').next());
            if !from_main || !first.is_some_and(|f| begins.contains(&f)) {
                continue;
            }
            let values: Vec<i64> = exact.iter().map(|&i| values[i]).collect();
            lines.insert(format!("  {values:?} {}\n", stack.join(" < ")));
        }
        text.extend(lines);
    }
    text
}

/// What cannot be compared stack by stack.
fn check_others(dir: &Path) {
    let top = pprof(&["-top"], &dir.join("profile"));
    let spin = top
        .lines()
        .find(|l| l.ends_with(" main.spin"))
        .unwrap_or_else(|| panic!("main.spin is not in the CPU profile:\n{top}"));
    // flat flat% sum% cum cum%
    let share = spin.split_whitespace().nth(4).unwrap_or_default();
    let share: f64 = share.trim_end_matches('%').parse().unwrap_or(0.0);
    assert!(share > 50.0, "main.spin is most of the CPU profile:\n{top}");
    let traces = pprof(&["-traces"], &dir.join("profile"));
    assert!(
        traces.contains("main.compute") && traces.contains("net/http.(*conn).serve"),
        "{traces}"
    );
    pprof(&["-top"], &dir.join("threadcreate"));
    let text =
        |name: &str| std::fs::read_to_string(dir.join(name)).expect("written by the service");
    for profile in ["heap", "goroutineleak", "mutex", "threadcreate"] {
        assert!(text("index").contains(&format!("{profile}?debug=1")));
    }
    assert!(text("cmdline").contains("service"));
    let stacks = text("stacks.txt");
    assert!(stacks.contains("[chan receive") && stacks.contains("main.park("));
    assert!(stacks.contains("service.go:") && stacks.contains("created by main.start"));
}

#[test]
fn pprof_reads_profiles_of_a_service() {
    if testkit::official_go().is_none() {
        println!(
            "SKIP: there is no official go of the pinned release, whose pprof reads the profiles"
        );
        return;
    }
    let folder = testkit::repository().join("tests/profiles");
    let (program, recorded) = (folder.join("service.go"), folder.join("service.golden"));
    let temp = std::env::temp_dir().join(format!("ferrogo-profiles-{}", std::process::id()));
    let take = |mut tool: Command, name: &str| {
        let dir = temp.join(name);
        std::fs::create_dir_all(&dir).expect("a writable temporary folder");
        let binary = dir.join("service");
        let built = testkit::run(tool.args(["build", "-o"]).arg(&binary).arg(&program), LIMIT);
        assert_eq!(built.status, Some(0), "{}", built.stderr);
        let outcome = testkit::run(Command::new(&binary).arg(&dir), LIMIT);
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        dir
    };
    if std::env::var_os("UPDATE").is_some() || std::env::var_os("COMPARE_OFFICIAL").is_some() {
        let dir = take(testkit::official_go().expect("just seen"), "official");
        check_others(&dir);
        testkit::compare(&recorded, &summary(&dir)).expect("as recorded");
    }
    if std::env::var_os("UPDATE").is_none() {
        let dir = take(Command::new(env!("CARGO_BIN_EXE_ferrogo")), "ours");
        check_others(&dir);
        testkit::compare(&recorded, &summary(&dir)).expect("as the official compiler's profiles");
    }
    let _ = std::fs::remove_dir_all(&temp);
}
