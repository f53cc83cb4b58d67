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
    (
        "collecting all the time, one P",
        &[
            ("GOGC", "1"),
            ("GODEBUG", "gcpoison=1,gccheckmark=1"),
            ("GOMAXPROCS", "1"),
        ],
    ),
    (
        "collecting all the time, eight Ps",
        &[
            ("GOGC", "1"),
            ("GODEBUG", "gcdeadslots=1,gcpoison=1,gccheckmark=1"),
            ("GOMAXPROCS", "8"),
        ],
    ),
    (
        "collecting every 100 allocations",
        &[(
            "GODEBUG",
            "gcdeadslots=1,gcevery=100,gcpoison=1,gccheckmark=1",
        )],
    ),
    (
        "every safepoint yields",
        &[("GODEBUG", "randpreempt=1,randpreemptseed=1")],
    ),
    (
        "safepoints yield at random, eight Ps",
        &[
            ("GODEBUG", "randpreempt=20,gcdeadslots=1,gcpoison=1"),
            ("GOMAXPROCS", "8"),
        ],
    ),
];

/// Programs that allocate so much that a whole collection (and the second mark) every 100 allocations takes minutes: they
/// collect every so many.
const SELDOM: &[(&str, &str)] = &[
    ("archives", "1000"),
    ("bigs", "2000"),
    ("containers", "2000"),
    ("crashes", "5000"),
    ("cryptos", "1000"),
    ("encodings", "1000"),
    ("gc_stress", "20000"),
    ("gctest", "2000"),
    ("http_features", "1000"),
    ("maps_basic", "20000"),
    ("maps_more", "5000"),
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
    let seldom = binary
        .file_name()
        .and_then(|name| SELDOM.iter().find(|(program, _)| name == *program));
    let env = env.iter().map(|(name, value)| {
        let value = match seldom {
            Some((_, n)) => value.replace("gcevery=100,", &format!("gcevery={n},")),
            None => (*value).to_owned(),
        };
        (*name, value)
    });
    testkit::run(
        Command::new(binary)
            .env_remove("GODEBUG")
            .env_remove("GOMAXPROCS")
            .env_remove("GOGC")
            .envs(env),
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
    assert!(programs.len() >= 57, "programs are there");
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

/// Random programs of fixed seeds; what they print is recorded from the official compiler (`UPDATE=1`).
#[test]
fn generated_programs_behave_as_recorded() {
    let dir = testkit::repository().join("tests/generated");
    let temp = std::env::temp_dir().join(format!("ferrogo-generated-{}", std::process::id()));
    std::fs::create_dir_all(&temp).unwrap();
    let update = std::env::var_os("UPDATE").is_some();
    let mut failures = Vec::new();
    for seed in 1..=12 {
        let name = format!("seed{seed}");
        let (source, binary) = (temp.join(format!("{name}.go")), temp.join(&name));
        std::fs::write(&source, testkit::generate::program(seed, 24)).unwrap();
        let recorded = dir.join(format!("{name}.golden"));
        let built = if update {
            let Some(mut go) = testkit::official_go() else {
                println!("SKIP recording: there is no official go of the pinned release");
                break;
            };
            let built = testkit::run(go.arg("build").arg("-o").arg(&binary).arg(&source), LIMIT);
            (built.status == Some(0)).then_some(()).ok_or(built.stderr)
        } else {
            build(&source, &binary)
        };
        if let Err(text) = built {
            failures.push(format!("{name}: {text}"));
            continue;
        }
        if let Err(text) = testkit::compare(&recorded, &run(&binary, &[]).golden()) {
            failures.push(format!("{name}: {text}"));
        }
    }
    let _ = std::fs::remove_dir_all(&temp);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
