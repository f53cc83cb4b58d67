//! `cargo xtask fuzz-programs [--seed N] [--count M] [--functions F] [--ferrogo PATH] [--jobs J]`: random programs, compiled by the official
//! compiler and by ours, must print the same. Programs that differ are kept in `target/fuzz-programs`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const BUILD: Duration = Duration::from_secs(300);
const RUN: Duration = Duration::from_secs(30);

fn option(name: &str) -> Option<String> {
    let mut args = std::env::args().skip_while(|a| a != name);
    args.next().and_then(|_| args.next())
}

fn number(name: &str, default: u64) -> Result<u64, String> {
    match option(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .map_err(|_| format!("{name} {text}: no number")),
    }
}

/// Entry of the command.
///
/// # Errors
/// If programs differ, or there is no official compiler to compare with.
pub fn run() -> Result<(), String> {
    let (seed, count) = (number("--seed", 1)?, number("--count", 20)?);
    let functions = number("--functions", 40)? as usize;
    let repository = testkit::repository();
    let ferrogo =
        option("--ferrogo").map_or_else(|| repository.join("target/debug/ferrogo"), PathBuf::from);
    testkit::official_go().ok_or("no official go of the pinned release can be run")?;
    let dir = repository.join("target/fuzz-programs");
    std::fs::create_dir_all(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let next = AtomicU64::new(seed);
    let failed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..number("--jobs", 1).unwrap_or(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= number("--seed", 1).unwrap_or(1) + count {
                        break;
                    }
                    if let Err(text) = one(seed, functions, &ferrogo, &dir) {
                        failed.fetch_add(1, Ordering::Relaxed);
                        println!("seed {seed}: {text}");
                    }
                }
            });
        }
    });
    match failed.into_inner() {
        0 => Ok(()),
        n => Err(format!(
            "{n} of {count} programs differ; see {}",
            dir.display()
        )),
    }
}

fn one(seed: u64, functions: usize, ferrogo: &Path, dir: &Path) -> Result<(), String> {
    let source = dir.join(format!("p{seed}.go"));
    let (official, ours) = (
        dir.join(format!("p{seed}.go.exe")),
        dir.join(format!("p{seed}.exe")),
    );
    std::fs::write(
        &source,
        testkit::generate::with_scenes(seed, functions, functions),
    )
    .map_err(|e| format!("{}: {e}", source.display()))?;
    let mut go = testkit::official_go().ok_or("the official go is gone")?;
    let built = testkit::run(go.arg("build").arg("-o").arg(&official).arg(&source), BUILD);
    if built.status != Some(0) {
        return Err(format!(
            "the official compiler rejects it (a defect of the generator):\n{}",
            built.stderr
        ));
    }
    let built = testkit::run(
        Command::new(ferrogo)
            .arg("build")
            .arg("-o")
            .arg(&ours)
            .arg(&source),
        BUILD,
    );
    if built.status != Some(0) {
        let text: String = built
            .stderr
            .lines()
            .take(12)
            .map(|l| format!("{l}\n"))
            .collect();
        return Err(format!("build fails:\n{text}"));
    }
    let want = testkit::run(&mut Command::new(&official), RUN);
    if want.status.is_none() {
        return Err("the official program does not end (a defect of the generator)".to_owned());
    }
    let got = testkit::run(&mut Command::new(&ours), RUN);
    if want.status == got.status && want.stdout == got.stdout {
        for path in [&source, &official, &ours] {
            let _ = std::fs::remove_file(path);
        }
        return Ok(());
    }
    let mut lines = want
        .stdout
        .lines()
        .zip(got.stdout.lines())
        .filter(|(w, g)| w != g);
    Err(match lines.next() {
        Some((w, g)) => format!("want {w:?}, got {g:?}"),
        None => format!(
            "want status {:?}, got {:?}; {}",
            want.status,
            got.status,
            got.stderr.lines().take(5).collect::<Vec<_>>().join(" / ")
        ),
    })
}
