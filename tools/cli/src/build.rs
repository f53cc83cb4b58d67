//! `build`, `run`, `install`.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use modules::{PackageGraph, PackageId};

use crate::flags::{self, BUILD, boolean, value};
use crate::session::{Failure, Program, Session, render_errors};

/// `ferrogo build`.
///
/// # Errors
/// Text and exit status.
pub fn build(args: &[String]) -> Result<ExitCode, Failure> {
    let mut session = start(args, "build", false)?;
    let patterns = session.flags.args.clone();
    let (_loader, graph) = session.load(&patterns, false)?;
    let mains: Vec<PackageId> = graph
        .roots
        .iter()
        .copied()
        .filter(|&id| graph.package(id).name == "main")
        .collect();
    let output = session.flags.get("o").map(|o| session.dir.join(o));
    let into_dir = output.as_ref().is_some_and(|o| {
        session.system.is_dir(o) || session.flags.get("o").is_some_and(|o| o.ends_with('/'))
    });
    if graph.roots.len() > 1
        && output.is_some()
        && !into_dir
        && output.as_deref() != Some(Path::new("/dev/null"))
    {
        return Err(Failure::from(format!(
            "go: cannot write multiple packages to non-directory {}",
            session.flags.get("o").unwrap_or_default()
        )));
    }
    let only_check = mains.len() < graph.roots.len();
    let mut frontend = None;
    if only_check {
        let ids = dependencies(&graph, &graph.roots);
        let checked = session.check(&graph, &ids, &|_| Vec::new());
        if let Some(text) = render_errors(&graph, &checked) {
            return Err(Failure::from(text));
        }
        frontend = Some(checked);
    }
    // Without -o, several packages (or none that is a program) are built only to see whether they can be.
    let write = !mains.is_empty() && (output.is_some() || graph.roots.len() == 1);
    for &main in &mains {
        if graph.roots.len() > 1 && !only_check {
            frontend = None;
        }
        let program = session.program(&graph, main, &[], &mut frontend)?;
        if !write {
            continue;
        }
        let name = binary_name(&graph, main);
        let path = match &output {
            Some(dir) if into_dir => {
                session
                    .system
                    .create_dir_all(dir)
                    .map_err(|e| format!("{}: {e}", dir.display()))?;
                dir.join(name)
            }
            Some(path) => path.clone(),
            None => session.dir.join(name),
        };
        if path != Path::new("/dev/null") {
            session.write_executable(&path, &program)?;
        }
    }
    session.print_timings();
    Ok(ExitCode::SUCCESS)
}

/// `ferrogo run`.
///
/// # Errors
/// Text and exit status.
pub fn run(args: &[String]) -> Result<ExitCode, Failure> {
    let mut session = start(args, "run", false)?;
    let all = session.flags.args.clone();
    let files = all.iter().take_while(|a| a.ends_with(".go")).count();
    let (patterns, rest) = all.split_at(if files > 0 { files } else { 1.min(all.len()) });
    if patterns.is_empty() {
        return Err(Failure::from("go: no go files listed".to_owned()));
    }
    let (_loader, graph) = session.load(patterns, false)?;
    let [main] = graph.roots[..] else {
        return Err(Failure::from(format!(
            "go: pattern {} matches multiple packages",
            patterns.join(" ")
        )));
    };
    if graph.package(main).name != "main" {
        return Err(Failure::from(format!(
            "package {} is not a main package",
            graph.package(main).import_path
        )));
    }
    let program = session.program(&graph, main, &[], &mut None)?;
    session.print_timings();
    let (path, dir) = match &program {
        // The cached file runs as it is.
        Program::Cached(path) => (path.clone(), None),
        Program::Bytes(_) => {
            let dir = temp_dir("run")?;
            let path = dir.join(binary_name(&graph, main));
            session.write_executable(&path, &program)?;
            (path, Some(dir))
        }
    };
    // The child gets terminal signals itself; we only wait for it.
    let status = Command::new(&path)
        .arg0(binary_name(&graph, main))
        .args(rest)
        .status();
    if let Some(dir) = dir {
        let _ = std::fs::remove_dir_all(dir);
    }
    let status = status.map_err(|e| format!("{}: {e}", path.display()))?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(ExitCode::SUCCESS),
        (Some(code), _) => {
            eprintln!("exit status {code}");
            Ok(ExitCode::from(1))
        }
        (None, signal) => {
            eprintln!("signal: {}", signal_name(signal.unwrap_or(0)));
            Ok(ExitCode::from(1))
        }
    }
}

/// `ferrogo install`.
///
/// # Errors
/// Text and exit status.
pub fn install(args: &[String]) -> Result<ExitCode, Failure> {
    let mut session = start(args, "install", false)?;
    let patterns = session.flags.args.clone();
    let (_loader, graph) = session.load(&patterns, false)?;
    let bin = match session.env.explicit("GOBIN") {
        Some(dir) => PathBuf::from(dir),
        None => session
            .env
            .gopath_list()
            .into_iter()
            .next()
            .unwrap_or_default()
            .join("bin"),
    };
    for &main in graph
        .roots
        .iter()
        .filter(|&&id| graph.package(id).name == "main")
    {
        let program = session.program(&graph, main, &[], &mut None)?;
        session
            .system
            .create_dir_all(&bin)
            .map_err(|e| format!("{}: {e}", bin.display()))?;
        session.write_executable(&bin.join(binary_name(&graph, main)), &program)?;
    }
    session.print_timings();
    Ok(ExitCode::SUCCESS)
}

/// Parses flags and opens a session.
pub fn start(args: &[String], command: &str, more: bool) -> Result<Session, Failure> {
    let own: &[flags::Flag] = match command {
        "run" => &[value("exec")],
        _ => &[boolean("i")],
    };
    let parsed = flags::parse(args, &[BUILD, own], more).map_err(|text| {
        Failure::usage(format!(
            "{text}\nusage: go {command} [flags] [packages]\nRun 'go help {command}' for details."
        ))
    })?;
    if let Some(text) = flags::unsupported(&parsed) {
        return Err(Failure::usage(format!("ferrogo {command}: {text}")));
    }
    if let Some(mode) = parsed
        .get("buildmode")
        .filter(|m| !matches!(*m, "default" | "exe"))
    {
        return Err(Failure::usage(format!(
            "ferrogo {command}: -buildmode={mode} is not supported by ferrogo yet"
        )));
    }
    Session::new(parsed)
}

/// Packages and everything they and every program need, in dependency order.
pub fn dependencies(graph: &PackageGraph, roots: &[PackageId]) -> Vec<PackageId> {
    let mut ids: Vec<PackageId> = roots
        .iter()
        .chain(graph.implicit.values())
        .flat_map(|&id| graph.dependencies(id))
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

/// The name of a program's file: last element of its import path that is no major version; for files the first file's name.
pub fn binary_name(graph: &PackageGraph, main: PackageId) -> String {
    let package = graph.package(main);
    if package.import_path == "command-line-arguments" {
        return package.files.first().map_or("a.out".to_owned(), |f| {
            f.name().trim_end_matches(".go").to_owned()
        });
    }
    let mut parts = package.import_path.rsplit('/');
    let last = parts.next().unwrap_or("a.out");
    let is_version = last
        .strip_prefix('v')
        .is_some_and(|n| n.parse::<u32>().is_ok_and(|n| n >= 2));
    match parts.next() {
        Some(previous) if is_version => previous.to_owned(),
        _ => last.to_owned(),
    }
}

/// A new private temporary directory.
pub fn temp_dir(what: &str) -> Result<PathBuf, Failure> {
    let base = std::env::var_os("GOTMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
    for n in 0..1000 {
        let path = base.join(format!("ferrogo-{what}-{}-{n}", std::process::id()));
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => {
                return Err(Failure::from(format!(
                    "go: creating work dir: mkdir {}: {}",
                    path.display(),
                    modules::error::io_text(&e)
                )));
            }
        }
    }
    Err(Failure::from(format!(
        "go: creating work dir in {}: too many leftovers",
        base.display()
    )))
}

fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup".into(),
        2 => "interrupt".into(),
        3 => "quit".into(),
        6 => "aborted".into(),
        9 => "killed".into(),
        11 => "segmentation fault".into(),
        13 => "broken pipe".into(),
        15 => "terminated".into(),
        n => format!("signal {n}"),
    }
}
