//! Programs of `tests/programs`: what they print and how they exit is recorded from the official compiler and must come out of
//! ferrogo's, also with other numbers of Ps.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use testkit::Outcome;

const LIMIT: Duration = Duration::from_secs(120);

/// Environments in which every program must behave the same.
const MODES: &[(&str, &[(&str, &str)])] = &[
    ("plain", &[]),
    ("one P", &[("GOMAXPROCS", "1")]),
    ("two Ps", &[("GOMAXPROCS", "2")]),
    ("eight Ps", &[("GOMAXPROCS", "8")]),
];

fn build(program: &Path, output: &Path) -> Result<(), String> {
    let outcome = testkit::run(
        Command::new(env!("CARGO_BIN_EXE_ferrogo"))
            .arg("build")
            .arg("-o")
            .arg(output)
            .arg(program),
        LIMIT,
    );
    if outcome.status == Some(0) {
        Ok(())
    } else {
        Err(format!(
            "build fails:\n{}{}",
            outcome.stdout, outcome.stderr
        ))
    }
}

fn run(binary: &Path, env: &[(&str, &str)]) -> Outcome {
    testkit::run(
        Command::new(binary)
            .env_remove("GODEBUG")
            .env_remove("GOMAXPROCS")
            .env_remove("GOGC")
            .envs(env.iter().copied()),
        LIMIT,
    )
}

/// With `UPDATE=1`: records the official compiler's results.
#[test]
fn programs_behave_as_recorded() {
    let dir = testkit::repository().join("tests/programs");
    let temp = std::env::temp_dir().join(format!("ferrogo-programs-{}", std::process::id()));
    std::fs::create_dir_all(&temp).unwrap();
    let programs = testkit::files_with_extension(&dir, "go");
    assert!(programs.len() >= 20, "programs are there");
    let mut failures = Vec::new();
    let official = testkit::official_go().is_some();
    if !official {
        println!("SKIP comparison with the official go: there is none of the pinned release");
    }
    for program in &programs {
        let name = program.file_stem().unwrap().to_string_lossy().into_owned();
        let recorded = program.with_extension("golden");
        let binary = temp.join(&name);
        if official
            && (std::env::var_os("UPDATE").is_some()
                || std::env::var_os("COMPARE_OFFICIAL").is_some())
        {
            let mut go = testkit::official_go().expect("just seen");
            let built = testkit::run(go.arg("build").arg("-o").arg(&binary).arg(program), LIMIT);
            assert_eq!(built.status, Some(0), "{name}: {}", built.stderr);
            if let Err(text) = testkit::compare(&recorded, &run(&binary, &[]).golden()) {
                failures.push(format!("{name} (official): {text}"));
            }
            if std::env::var_os("UPDATE").is_some() {
                continue;
            }
        }
        if let Err(text) = build(program, &binary) {
            failures.push(format!("{name}: {text}"));
            continue;
        }
        for (mode, env) in MODES {
            if let Err(text) = testkit::compare(&recorded, &run(&binary, env).golden()) {
                failures.push(format!("{name} ({mode}): {text}"));
                break;
            }
        }
    }
    let _ = std::fs::remove_dir_all(&temp);
    assert!(
        failures.is_empty(),
        "{} of {} fail:\n{}",
        failures.len(),
        programs.len(),
        failures.join("\n")
    );
}
