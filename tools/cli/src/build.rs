//! `build`, `run`, `install`.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use driver::Frontend;
use modules::{PackageGraph, PackageId};

use crate::flags::{self, BUILD, value};
use crate::help;
use crate::session::{Failure, Program, Session, render_errors};
use crate::test_json;

/// Flags of `go build` itself.
pub const OWN_FLAGS: &[flags::Flag] = &[value("o")];

/// `ferrogo build`.
///
/// # Errors
/// Text and exit status.
pub fn build(args: &[String]) -> Result<ExitCode, Failure> {
    let mut session = start(args, "build")?;
    let patterns = session.flags.args.clone();
    let (_loader, graph) = session.load(&patterns)?;
    let mains: Vec<PackageId> = graph
        .roots
        .iter()
        .copied()
        .filter(|&id| graph.package(id).name == "main")
        .collect();
    let output = session
        .flags
        .get("o")
        .filter(|o| !o.is_empty())
        .map(|o| session.dir.join(o));
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
    // Into a directory only programs are built.
    if into_dir && mains.is_empty() {
        return Err(Failure::from("go: no main packages to build".to_owned()));
    }
    let only_check = !into_dir && mains.len() < graph.roots.len();
    // Without -o, several packages (or none that is a program) are built only to see whether they can be.
    let write = !mains.is_empty() && (output.is_some() || graph.roots.len() == 1);
    if write && output.is_none() {
        let name = binary_name(&graph, mains[0]);
        if session.system.is_dir(&session.dir.join(&name)) {
            return Err(Failure::from(format!(
                "go: build output {name:?} already exists and is a directory"
            )));
        }
    }
    let mut frontend = None;
    let mut failures = Failures::default();
    if only_check && !session.is_dry() {
        let ids = graph.closure(&graph.roots);
        let needed = graph.closure(&session.not_kept(&graph, &mains)?);
        let checked = session.check(&graph, &ids, &needed, &|_| Vec::new());
        failures.note_broken(&graph, &checked);
        frontend = Some(checked);
    }
    let mut build_one = |main: PackageId, failures: &Failures| -> Result<(), Failure> {
        // What is wrong with it has been told.
        if failures.keep_from(&graph, main) {
            return Ok(());
        }
        if graph.roots.len() > 1 && !only_check {
            driver::drop_later(frontend.take());
        }
        let program = session.program(&graph, main, &[], &mut frontend)?;
        if !write {
            return Ok(());
        }
        let name = binary_name(&graph, main);
        let path = match &output {
            Some(dir) if into_dir => dir.join(name),
            Some(path) => path.clone(),
            None => session.dir.join(name),
        };
        if path != Path::new("/dev/null") {
            may_replace(&session, &graph.package(main).import_path, &path)?;
            if !session.is_dry()
                && let Some(parent) = path.parent()
            {
                create_dir(&session, "build", &graph.package(main).import_path, parent)?;
            }
            session.write_executable(&path, &program)?;
        }
        Ok(())
    };
    for &main in &mains {
        let outcome = build_one(main, &failures);
        failures.note(outcome)?;
    }
    driver::drop_later(frontend);
    session.print_timings();
    failures.end(&session)
}

/// What went wrong with some of several packages: the others are built all the same.
#[derive(Default)]
struct Failures {
    /// What is printed, in parts that begin with `# package`, each once.
    parts: Vec<String>,
    /// Packages that have errors.
    broken: Vec<PackageId>,
}

impl Failures {
    /// Takes the errors of checked packages.
    fn note_broken(&mut self, graph: &PackageGraph, checked: &Frontend) {
        self.broken.extend(checked.errors.iter().map(|(id, _)| *id));
        if let Some(text) = render_errors(graph, checked) {
            self.add(&text);
        }
    }

    /// Whether a program has broken packages in it.
    fn keep_from(&self, graph: &PackageGraph, main: PackageId) -> bool {
        !self.broken.is_empty()
            && graph
                .closure(&[main])
                .iter()
                .any(|id| self.broken.contains(id))
    }

    /// Takes what became of one program.
    ///
    /// # Errors
    /// A wrong command line, which is wrong for all.
    fn note(&mut self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        match outcome {
            Err(failure) if failure.status == 1 => self.add(&failure.text),
            other => return other,
        }
        Ok(())
    }

    fn add(&mut self, text: &str) {
        let mut parts: Vec<String> = Vec::new();
        for line in text.trim_end().lines() {
            match parts.last_mut() {
                Some(part) if !line.starts_with("# ") => {
                    part.push('\n');
                    part.push_str(line);
                }
                _ => parts.push(line.to_owned()),
            }
        }
        for part in parts {
            if !self.parts.contains(&part) {
                self.parts.push(part);
            }
        }
    }

    fn end(self, session: &Session) -> Result<ExitCode, Failure> {
        if self.parts.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        if !session.flags.is_set("json") {
            return Err(Failure::from(self.parts.join("\n")));
        }
        for part in self.parts {
            match part.lines().next().and_then(|l| l.strip_prefix("# ")) {
                Some(package) => test_json::build_failed(package, &format!("{part}\n")),
                None => eprintln!("{part}"),
            }
        }
        Ok(ExitCode::from(1))
    }
}

/// `ferrogo run`.
///
/// # Errors
/// Text and exit status.
pub fn run(args: &[String]) -> Result<ExitCode, Failure> {
    let mut session = start(args, "run")?;
    let all = session.flags.args.clone();
    let files = all.iter().take_while(|a| a.ends_with(".go")).count();
    let (patterns, rest) = all.split_at(if files > 0 { files } else { 1.min(all.len()) });
    if patterns.first().is_none_or(|first| first.starts_with('-')) {
        return Err(Failure::from("go: no go files listed".to_owned()));
    }
    if let Some(name) = patterns[..files].iter().find(|n| n.ends_with("_test.go")) {
        return Err(Failure::from(format!(
            "go: cannot run *_test.go files ({name})"
        )));
    }
    if let Some((name, error)) = patterns[..files]
        .iter()
        .find_map(|name| Some((name, session.system.stat(&session.dir.join(name)).err()?)))
    {
        return Err(Failure::from(format!(
            "stat {name}: {}",
            modules::error::io_text(&error)
        )));
    }
    let is_versioned = has_version(&patterns[0]);
    let (_loader, graph) = match is_versioned {
        true => session.load_versioned(patterns)?,
        false => session.load_program(patterns)?,
    };
    let is_main = |id: &PackageId| graph.package(*id).name == "main";
    let mut roots = graph.roots.clone();
    if patterns[0].contains("...") || matches!(&*patterns[0], "std" | "cmd" | "all") {
        roots.retain(is_main);
    }
    let main = match roots[..] {
        [main] => main,
        [] => {
            if !graph.roots.is_empty() {
                eprintln!(
                    "go: warning: {:?} matched only non-main packages",
                    patterns.join(" ")
                );
            }
            return Err(Failure::from(format!(
                "go: no packages loaded from {}",
                patterns.join(" ")
            )));
        }
        _ => {
            let names: Vec<String> = roots
                .iter()
                .map(|&id| graph.package(id).import_path.clone())
                .collect();
            return Err(Failure::from(format!(
                "go: pattern {} matches multiple packages:\n\t{}",
                patterns.join(" "),
                names.join("\n\t")
            )));
        }
    };
    if !is_main(&main) {
        return Err(Failure::from(format!(
            "package {} is not a main package",
            graph.package(main).import_path
        )));
    }
    let prefix = exec_prefix(&session)?;
    let mut frontend = None;
    let program = session.program(&graph, main, &[], &mut frontend)?;
    driver::drop_later(frontend);
    session.print_timings();
    let name = binary_name(&graph, main);
    let (path, dir) = match &program {
        // The cached file runs as it is.
        Program::Cached(path) => (path.clone(), None),
        Program::Planned => {
            let path = Path::new("$WORK").join(&name);
            session.write_executable(&path, &program)?;
            (path, None)
        }
        Program::Bytes(_) => {
            let (dir, removed) = match &session.work {
                Some(work) => (work.clone(), None),
                None => {
                    let dir = temp_dir("run")?;
                    (dir.clone(), Some(dir))
                }
            };
            let path = dir.join(&name);
            session.write_executable(&path, &program)?;
            (path, removed)
        }
    };
    session.show(|| {
        let words: Vec<String> = std::iter::once(path.display().to_string())
            .chain(rest.iter().cloned())
            .collect();
        words.join(" ")
    });
    if session.is_dry() {
        return Ok(ExitCode::SUCCESS);
    }
    // The child gets terminal signals itself; we only wait for it.
    let status = match prefix.split_first() {
        Some((runner, words)) => Command::new(found_runner(runner)?)
            .args(words)
            .arg(&path)
            .args(rest)
            .status(),
        None => Command::new(&path).arg0(&name).args(rest).status(),
    };
    if let Some(dir) = dir {
        let _ = std::fs::remove_dir_all(dir);
    }
    let status = status.map_err(|e| {
        let shown = prefix.first().map_or(path.as_path(), Path::new);
        format!(
            "fork/exec {}: {}",
            shown.display(),
            modules::error::io_text(&e)
        )
    })?;
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
    let mut session = start(args, "install")?;
    let patterns = session.flags.args.clone();
    let is_versioned = patterns.iter().any(|p| has_version(p));
    let (_loader, graph) = match is_versioned {
        true => session.load_versioned(&patterns)?,
        false => session.load(&patterns)?,
    };
    if is_versioned
        && let Some(&id) = graph
            .roots
            .iter()
            .find(|&&id| graph.package(id).name != "main")
    {
        return Err(Failure::from(format!(
            "package {} is not a main package",
            graph.package(id).import_path
        )));
    }
    let libraries: Vec<PackageId> = graph
        .roots
        .iter()
        .copied()
        .filter(|&id| graph.package(id).name != "main")
        .collect();
    let mut failures = Failures::default();
    if !libraries.is_empty() && !session.is_dry() {
        // Nothing is installed for them; their errors are the command's.
        let wanted = graph.closure(&libraries);
        let checked = session.check(&graph, &wanted, &[], &|_| Vec::new());
        failures.note_broken(&graph, &checked);
    }
    let bin = session.env.install_dir();
    let has_main = graph
        .roots
        .iter()
        .any(|&id| graph.package(id).name == "main");
    if has_main && !bin.is_absolute() {
        return Err(Failure::from(
            "cannot install, GOBIN must be an absolute path".to_owned(),
        ));
    }
    let mut install_one = |main: PackageId| -> Result<(), Failure> {
        let mut frontend = None;
        let program = session.program(&graph, main, &[], &mut frontend)?;
        driver::drop_later(frontend);
        let path = bin.join(binary_name(&graph, main));
        may_replace(&session, &graph.package(main).import_path, &path)?;
        if !session.is_dry() {
            create_dir(&session, "install", &graph.package(main).import_path, &bin)?;
        }
        session.write_executable(&path, &program)
    };
    for &main in graph
        .roots
        .iter()
        .filter(|&&id| graph.package(id).name == "main")
    {
        if !failures.keep_from(&graph, main) {
            let outcome = install_one(main);
            failures.note(outcome)?;
        }
    }
    session.print_timings();
    failures.end(&session)
}

/// An import path with `@version`, not a directory.
fn has_version(pattern: &str) -> bool {
    pattern.contains('@') && !modules::patterns::is_local(pattern) && !pattern.starts_with('/')
}

/// Parses flags and opens a session.
fn start(args: &[String], command: &str) -> Result<Session, Failure> {
    let own: &[flags::Flag] = match command {
        "run" => &[value("exec")],
        "build" => OWN_FLAGS,
        _ => &[],
    };
    let parsed = flags::parse(args, &[BUILD, own], false)
        .map_err(|text| help::usage_error(command, &text))?;
    Session::new(command, parsed, &[BUILD, own])
}

/// `-exec`: the command line that a program is run with, before the program.
///
/// # Errors
/// Quotes that do not end.
pub fn exec_prefix(session: &Session) -> Result<Vec<String>, Failure> {
    match session.flags.get("exec") {
        Some(text) => {
            Ok(modules::env::split_quoted(text)
                .map_err(|e| format!("go: invalid flag -exec: {e}"))?)
        }
        None => Ok(Vec::new()),
    }
}

/// The program that `-exec` names, looked for in `PATH`.
///
/// # Errors
/// It is not there.
pub fn found_runner(name: &str) -> Result<PathBuf, Failure> {
    use std::os::unix::fs::PermissionsExt;
    let is_program = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    };
    if name.contains('/') {
        return Ok(PathBuf::from(name));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| is_program(file))
        .ok_or_else(|| {
            Failure::from(format!(
                "exec: {name:?}: executable file not found in $PATH"
            ))
        })
}

/// Makes the directory that a program is put into.
fn create_dir(
    session: &Session,
    command: &str,
    import_path: &str,
    dir: &Path,
) -> Result<(), Failure> {
    session.system.create_dir_all(dir).map_err(|e| {
        let shown = match command {
            "install" => dir.display().to_string(),
            _ => modules::modload::short_path(&session.dir, dir),
        };
        Failure::from(format!(
            "{import_path}: go {command} {import_path}: mkdir {shown}/: {}",
            modules::error::io_text(&e)
        ))
    })
}

/// How files begin that a build may replace: ELF, archives, Mach-O, PE, Plan 9, WebAssembly, XCOFF.
const OBJECT_MAGIC: &[&[u8]] = &[
    b"\x7fELF",
    b"!<arch>\n",
    b"<bigaf>\n",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"MZ",
    b"\x00\x00\x01\xeb",
    b"\x00\x00\x8a\x97",
    b"\x00\x00\x06\x47",
    b"\x00asm",
    b"\x01\xdf",
    b"\x01\xf7",
];

/// A directory is not replaced by a program, nor a file that somebody wrote (`-o main.go`).
fn may_replace(session: &Session, import_path: &str, path: &Path) -> Result<(), Failure> {
    let refused = |why: &str| {
        let shown = modules::modload::short_path(&session.dir, path);
        Err(Failure::from(format!(
            "{import_path}: go build {import_path}: build output {shown:?} already exists and {why}"
        )))
    };
    let Ok(stat) = session.system.stat(path) else {
        return Ok(());
    };
    if stat.is_dir() {
        return refused("is a directory");
    }
    if !stat.is_file() || stat.size == 0 {
        return Ok(());
    }
    let mut start = Vec::new();
    let read = session.system.open(path).and_then(|file| {
        use std::io::Read;
        file.take(16).read_to_end(&mut start)
    });
    match read {
        Ok(_) if !OBJECT_MAGIC.iter().any(|magic| start.starts_with(magic)) => {
            refused("is not an object file")
        }
        // What cannot be read is told when it is written.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The name of a program's file: last element of its import path that is no major version; for files the first file's name.
pub fn binary_name(graph: &PackageGraph, main: PackageId) -> String {
    let package = graph.package(main);
    if package.import_path == "command-line-arguments" {
        return package.files.first().map_or("a.out".to_owned(), |f| {
            f.name().trim_end_matches(".go").to_owned()
        });
    }
    modules::module_path::program_name(&package.import_path).to_owned()
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

/// A signal in the words that Go has for it.
pub fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup".into(),
        2 => "interrupt".into(),
        3 => "quit".into(),
        4 => "illegal instruction".into(),
        5 => "trace/breakpoint trap".into(),
        6 => "aborted".into(),
        7 => "bus error".into(),
        8 => "floating point exception".into(),
        9 => "killed".into(),
        10 => "user defined signal 1".into(),
        11 => "segmentation fault".into(),
        12 => "user defined signal 2".into(),
        13 => "broken pipe".into(),
        14 => "alarm clock".into(),
        15 => "terminated".into(),
        n => format!("signal {n}"),
    }
}
