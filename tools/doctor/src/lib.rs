//! `ferrogo doctor`: why is the memory of this Go process high?
//!
//! Reading order: [`args`] (the command line), [`input`] (from a process id, core, saved file or URL to an
//! analysis), [`text`] (what a terminal shows), [`html`] (the page), [`profile`] (what pprof profiles can tell).
//! The work itself is done by `attach` (processes and files) and `diagnose` (findings).
#![forbid(unsafe_code)]

pub mod args;
pub mod html;
pub mod input;
pub mod profile;
pub mod text;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use attach::Error;
use clap::Parser;
use diagnose::analysis::Analysis;
use diagnose::findings::{self, Finding};
use diagnose::{report, save, tree};

use args::Args;
use input::{Input, Loaded};
use text::Style;

/// Runs the command; `args` as after `ferrogo`, the first being `doctor`.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            error.print().ok();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    attach::sys::catch_interrupts();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrogo doctor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Error> {
    let input = Input::parse(args)?;
    if args.interval.is_some() && !matches!(input, Input::Process(_)) {
        return Err(Error::new("--interval needs a live process")
            .hint("compare with a saved snapshot by --diff OLD"));
    }
    let progress = input::Progress::new(args.quiet);
    match input.load(args, &progress)? {
        Loaded::Profile(profiles) => emit(&profile::render(&profiles, &Style::for_stdout())),
        Loaded::Snapshot(snapshot) => {
            let mut analysis = analyse(*snapshot, &progress);
            let mut extra = Vec::new();
            let mut compared = None;
            if let Some(interval) = args.interval {
                let (later, found) = watch(&input, args, &progress, analysis, interval)?;
                analysis = later;
                extra = found;
            }
            if let Some(old) = &args.diff {
                let snapshot = input::load_saved(old)?;
                let before = analyse(snapshot, &progress);
                let seconds = analysis
                    .snapshot
                    .info
                    .taken_at
                    .saturating_sub(before.snapshot.info.taken_at)
                    as f64;
                extra.extend(findings::growth(&before, &analysis, seconds));
                compared = Some(before);
            }
            let mut found = findings::find(&analysis);
            found.extend(extra);
            findings::sort(&mut found);
            progress.finish();
            show(args, &analysis, &found, compared.as_ref())
        }
    }
}

fn analyse(snapshot: diagnose::Snapshot, progress: &input::Progress) -> Analysis {
    progress.stage("finding who holds what", 0, 0);
    Analysis::new(snapshot)
}

/// A second snapshot after an interval, compared with the first.
fn watch(
    input: &Input,
    args: &Args,
    progress: &input::Progress,
    before: Analysis,
    interval: Duration,
) -> Result<(Analysis, Vec<Finding>), Error> {
    let started = Instant::now();
    while started.elapsed() < interval {
        progress.stage(
            "waiting for the second snapshot",
            started.elapsed().as_secs(),
            interval.as_secs(),
        );
        std::thread::sleep(Duration::from_millis(100).min(interval));
        if attach::sys::interrupted() {
            return Err(Error::new("interrupted"));
        }
    }
    let Loaded::Snapshot(snapshot) = input.load(args, progress)? else {
        return Err(Error::new("--interval needs a live process"));
    };
    let seconds = started.elapsed().as_secs_f64();
    let after = analyse(*snapshot, progress);
    let found = findings::growth(&before, &after, seconds);
    Ok((after, found))
}

fn show(
    args: &Args,
    analysis: &Analysis,
    found: &[Finding],
    before: Option<&Analysis>,
) -> Result<(), Error> {
    if let Some(path) = &args.save {
        let data = save::encode(&analysis.snapshot).map_err(Error::new)?;
        write_file(path, &data)?;
    }
    if args.pprof.is_some() || args.html.is_some() {
        let nodes = tree::merged(analysis);
        if let Some(path) = &args.pprof {
            write_file(
                path,
                &input::gzip(&diagnose::pprof::encode_retention(&nodes)),
            )?;
        }
        if let Some(path) = &args.html {
            let least = analysis.reachable / 5000;
            write_file(
                path,
                html::page(analysis, found, &tree::drawn(&nodes, least)).as_bytes(),
            )?;
        }
    }
    if args.json {
        let mut report = report::report(analysis, found, args.limit.max(100));
        report.cost = cost();
        let text =
            serde_json::to_string_pretty(&report).map_err(|error| Error::new(error.to_string()))?;
        return emit(&format!("{text}\n"));
    }
    let style = Style::for_stdout();
    let mut out = String::new();
    let limit = args.limit;
    if args.top {
        out += &text::top(analysis, limit, &style);
    }
    if args.retained {
        out += &text::retained(analysis, limit, &style);
    }
    if args.goroutines {
        out += &text::goroutines(analysis, limit, &style);
    }
    if args.spans {
        out += &text::spans(analysis, &style);
    }
    if let Some(what) = &args.holders {
        out += &text::holders(analysis, what, limit, &style)?;
    }
    if let Some(before) = before {
        out += &text::diff(before, analysis, limit, &style);
    }
    if args.all {
        out += &text::verdict(analysis, found, usize::MAX, cost(), &style);
    } else if out.is_empty() {
        out = text::verdict(analysis, found, 3, cost(), &style);
    }
    emit(&out)
}

/// What this run has taken so far.
fn cost() -> report::Cost {
    report::Cost {
        cpu_ns: attach::procfs::cpu_time(std::process::id() as i32).unwrap_or(0),
        peak_bytes: attach::procfs::status(std::process::id() as i32)
            .map_or(0, |fields| attach::procfs::kib_field(&fields, "VmHWM")),
    }
}

fn emit(text: &str) -> Result<(), Error> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(format!("cannot write: {error}")))
        }
        _ => Ok(()),
    }
}

fn write_file(path: &std::path::Path, data: &[u8]) -> Result<(), Error> {
    std::fs::write(path, data)
        .map_err(|error| Error::new(format!("cannot write {}: {error}", path.display())))?;
    if std::io::stderr().is_terminal() {
        eprintln!(
            "wrote {} ({})",
            path.display(),
            findings::human(data.len() as u64)
        );
    }
    Ok(())
}
