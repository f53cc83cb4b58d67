//! `cargo xtask bench`: programs of `bench/programs` under the official compiler and ferrogo, side by side.
//!
//! Runs alternate between the two so that a busy machine hits both; the minimum of several runs counts. Checksums that the programs
//! print must agree. Wall time is compared, CPU time and peak memory are shown beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

/// One run.
#[derive(Clone, Copy, Debug)]
struct Run {
    wall: Duration,
    cpu: Duration,
    rss_kib: u64,
}

/// Runs everything; `cargo xtask bench [NAME...]`, `RUNS=n` in the environment.
pub fn run() -> Result<(), String> {
    let root = crate::tidy::root();
    let only: Vec<String> = std::env::args().skip(2).collect();
    let runs: usize = std::env::var("RUNS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(5);
    let temp = std::env::temp_dir().join(format!("ferrogo-bench-{}", std::process::id()));
    std::fs::create_dir_all(&temp).map_err(|e| e.to_string())?;
    let ferrogo = build_ferrogo(&root)?;
    let mut programs: Vec<PathBuf> = std::fs::read_dir(root.join("bench/programs"))
        .map_err(|e| format!("bench/programs: {e}"))?
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "go"))
        .collect();
    programs.sort();
    let mut ratios = Vec::new();
    println!(
        "{:<14} {:>9} {:>9} {:>6} {:>6} {:>8} {:>8}",
        "program", "gc ms", "ferrogo", "ratio", "cpu", "gc KiB", "KiB"
    );
    for program in &programs {
        let name = program
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !only.is_empty() && !only.contains(&name) {
            continue;
        }
        let (gc, ours) = (
            temp.join(format!("{name}-gc")),
            temp.join(format!("{name}-ferrogo")),
        );
        build(
            Command::new("go")
                .env("GOTOOLCHAIN", "go1.27.3")
                .args(["build", "-o"])
                .arg(&gc)
                .arg(program),
            &name,
        )?;
        if let Err(error) = build(
            Command::new(&ferrogo)
                .args(["build", "-o"])
                .arg(&ours)
                .arg(program),
            &name,
        ) {
            println!("{name:<14} {error}");
            continue;
        }
        match compare(&gc, &ours, runs) {
            Ok((a, b)) => {
                let ratio = b.wall.as_secs_f64() / a.wall.as_secs_f64();
                ratios.push(ratio);
                println!(
                    "{name:<14} {:>9.1} {:>9.1} {ratio:>6.2} {:>6.2} {:>8} {:>8}",
                    a.wall.as_secs_f64() * 1e3,
                    b.wall.as_secs_f64() * 1e3,
                    b.cpu.as_secs_f64() / a.cpu.as_secs_f64().max(1e-6),
                    a.rss_kib,
                    b.rss_kib
                );
            }
            Err(error) => println!("{name:<14} {error}"),
        }
    }
    let _ = std::fs::remove_dir_all(&temp);
    if !ratios.is_empty() {
        let mean = (ratios.iter().map(|r| r.ln()).sum::<f64>() / ratios.len() as f64).exp();
        println!("geometric mean of {} ratios: {mean:.3}", ratios.len());
    }
    Ok(())
}

/// Builds ferrogo in release mode and returns its path; `FERROGO` in the environment names one that is there.
pub(crate) fn build_ferrogo(root: &Path) -> Result<PathBuf, String> {
    if let Some(ready) = std::env::var_os("FERROGO") {
        return std::path::absolute(ready).map_err(|e| e.to_string());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    build(
        Command::new(cargo)
            .args(["build", "--release", "--package", "ferrogo"])
            .current_dir(root),
        "ferrogo",
    )?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/ferrogo"))
}

fn build(command: &mut Command, name: &str) -> Result<(), String> {
    let output = command.output().map_err(|e| format!("{name}: {e}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!(
            "does not build: {}",
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .take(3)
                .collect::<Vec<_>>()
                .join(" | ")
        )),
    }
}

fn compare(gc: &Path, ours: &Path, runs: usize) -> Result<(Run, Run), String> {
    let mut best: [Option<Run>; 2] = [None, None];
    let mut checksum: Option<Vec<u8>> = None;
    for _ in 0..runs {
        for (slot, binary) in [gc, ours].into_iter().enumerate() {
            let (run, output) = once(binary)?;
            match &checksum {
                None => checksum = Some(output),
                Some(want) if *want != output => return Err("prints another checksum".into()),
                Some(_) => {}
            }
            let best = &mut best[slot];
            *best = Some(match *best {
                None => run,
                Some(b) => Run {
                    wall: b.wall.min(run.wall),
                    cpu: b.cpu.min(run.cpu),
                    rss_kib: b.rss_kib.min(run.rss_kib),
                },
            });
        }
    }
    match best {
        [Some(a), Some(b)] => Ok((a, b)),
        _ => Err("no runs".into()),
    }
}

fn once(binary: &Path) -> Result<(Run, Vec<u8>), String> {
    let start = Instant::now();
    let mut child = Command::new(binary)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("{}: {e}", binary.display()))?;
    let mut output = Vec::new();
    if let Some(mut out) = child.stdout.take() {
        use std::io::Read;
        out.read_to_end(&mut output).map_err(|e| e.to_string())?;
    }
    let used = child.wait4().map_err(|e| e.to_string())?;
    if !used.status.success() {
        return Err(format!("fails: {}", used.status));
    }
    let cpu = used.rusage.utime + used.rusage.stime;
    Ok((
        Run {
            wall: start.elapsed(),
            cpu,
            rss_kib: used.rusage.maxrss / 1024,
        },
        output,
    ))
}
