//! `cargo xtask leaks`: the programs that std ships for its goroutine-leak profile, built by ferrogo and judged as
//! `runtime/goroutineleakprofile_test.go` judges them.
//!
//! Names, kinds and expected leaks are read from that test's table in GOROOT. Every program runs a few times; all leaks of the output
//! must be expected, and all expected leaks must be there unless the table calls them flaky. `tests/conformance/leaks-failing.txt` lists
//! exceptions with reasons; a failing program that is not listed is an error.
//! Arguments select programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use regex::Regex;

const LIMIT: Duration = Duration::from_secs(30);
const RUNS: usize = 3;
const FOLDER: &str = "src/runtime/testdata/testgoroutineleakprofile";

struct Case {
    name: String,
    /// In the folder `goker`.
    goker: bool,
    flaky: bool,
    leaks: Vec<Regex>,
}

/// Runs the programs.
pub fn run() -> Result<(), String> {
    let Some(mut go) = testkit::official_go() else {
        println!("SKIP: no official go of the pinned release");
        return Ok(());
    };
    let output = go
        .args(["env", "GOROOT"])
        .output()
        .map_err(|e| e.to_string())?;
    let goroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let root = crate::tidy::root();
    let tool = crate::bench::build_ferrogo(&root)?;
    let filters: Vec<String> = std::env::args().skip(2).collect();
    let cases: Vec<Case> = table(&goroot)?
        .into_iter()
        .filter(|case| filters.is_empty() || filters.contains(&case.name))
        .collect();
    let temp = std::env::temp_dir().join(format!("ferrogo-leaks-{}", std::process::id()));
    std::fs::create_dir_all(&temp).map_err(|e| e.to_string())?;
    let programs = [
        build(&tool, &goroot.join(FOLDER), &temp.join("plain"))?,
        build(
            &tool,
            &goroot.join(FOLDER).join("goker"),
            &temp.join("goker"),
        )?,
    ];
    let failing = read_list(&root.join("tests/conformance/leaks-failing.txt"))?;
    let mut wrong = Vec::new();
    let mut passed = 0;
    for case in &cases {
        match (
            judge(case, &programs[case.goker as usize]),
            failing.get(&case.name),
        ) {
            (Ok(()), None) => passed += 1,
            (Ok(()), Some(_)) => {
                passed += 1;
                println!("{}: passes, though it is listed", case.name);
            }
            (Err(why), Some(reason)) => println!("{}: {why} ({reason})", case.name),
            (Err(why), None) => wrong.push(format!("{}: {why}", case.name)),
        }
    }
    let _ = std::fs::remove_dir_all(&temp);
    println!("{passed} of {} programs pass", cases.len());
    if wrong.is_empty() {
        return Ok(());
    }
    Err(wrong.join("\n"))
}

/// The test's table: calls of makeTest, makeFlakyTest and makeAnyTest with a name and raw strings.
fn table(goroot: &Path) -> Result<Vec<Case>, String> {
    let file = goroot.join("src/runtime/goroutineleakprofile_test.go");
    let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let start = text.find("microTests :=").unwrap_or(0);
    let goker = text.find("gokerTestCases").unwrap_or(text.len());
    let call =
        Regex::new(r#"(makeTest|makeFlakyTest|makeAnyTest)\("(\w+)",?((?:[^()`]|`[^`]*`)*)\)"#)
            .map_err(|e| e.to_string())?;
    let raw = Regex::new("`([^`]*)`").map_err(|e| e.to_string())?;
    let mut cases = Vec::new();
    for found in call.captures_iter(&text[start..]) {
        let leaks: Result<Vec<Regex>, _> = raw
            .captures_iter(&found[3])
            .map(|leak| Regex::new(&leak[1]))
            .collect();
        cases.push(Case {
            name: found[2].to_string(),
            goker: found
                .get(0)
                .is_some_and(|whole| whole.start() + start > goker),
            flaky: &found[1] != "makeTest",
            leaks: leaks.map_err(|e| e.to_string())?,
        });
    }
    if cases.is_empty() {
        return Err(format!("{}: no cases found", file.display()));
    }
    Ok(cases)
}

fn build(tool: &Path, dir: &Path, output: &Path) -> Result<PathBuf, String> {
    let result = testkit::run(
        Command::new(tool)
            .args(["build", "-o"])
            .arg(output)
            .arg(".")
            .current_dir(dir),
        Duration::from_secs(600),
    );
    match result.status {
        Some(0) => Ok(output.to_owned()),
        _ => Err(format!(
            "{} does not build:\n{}",
            dir.display(),
            result.stderr
        )),
    }
}

fn judge(case: &Case, program: &Path) -> Result<(), String> {
    let mut leaks = Vec::new();
    for _ in 0..RUNS {
        let mut command = Command::new(program);
        command.arg(&case.name).env("GODEBUG", "asyncpreemptoff=1");
        if !case.flaky {
            command.env("GOMAXPROCS", "1");
        }
        let result = testkit::run(&mut command, LIMIT);
        match result.status {
            Some(0) => {}
            Some(status) => return Err(format!("exit status {status}: {}", result.stderr)),
            None => return Err("does not end".to_owned()),
        }
        leaks.extend(leaks_of(&(result.stdout + &result.stderr)));
    }
    let mut seen = vec![false; case.leaks.len()];
    for leak in &leaks {
        match case
            .leaks
            .iter()
            .position(|expected| expected.is_match(leak))
        {
            Some(index) => seen[index] = true,
            None => return Err(format!("unexpected leak: {leak}")),
        }
    }
    match seen.iter().position(|seen| !seen) {
        Some(index) if !case.flaky => Err(format!("missing leak: {}", case.leaks[index])),
        _ => Ok(()),
    }
}

/// The outermost function and the state of every leaked goroutine of a dump.
fn leaks_of(dump: &str) -> Vec<String> {
    let mut leaks = Vec::new();
    for goroutine in dump.split("\n\n") {
        let lines: Vec<&str> = goroutine.trim_start().lines().collect();
        let Some(header) = lines.first().filter(|line| line.contains("(leaked)")) else {
            continue;
        };
        let Some(created) = lines.iter().rposition(|line| line.contains("created by")) else {
            continue;
        };
        let function = lines[created.saturating_sub(2)];
        let state = header.split_once('[').map_or("", |(_, state)| state);
        leaks.push(format!(
            "{} [{}",
            function.strip_prefix("main.").unwrap_or(function),
            state.replace(" (leaked)", "")
        ));
    }
    leaks
}

/// `name reason` lines.
fn read_list(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(' ').unwrap_or((line, "")))
        .map(|(name, reason)| (name.to_owned(), reason.to_owned()))
        .collect())
}
