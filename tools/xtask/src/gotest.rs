//! `cargo xtask gotest`: Go's own `test/` corpus through a `go`-like tool, by the recipe in each file's first line.
//!
//! Cases: run, runoutput, rundir, runindir, buildrun, buildrundir (the program must behave), compile, compiledir, build, builddir (it
//! must build). Results are compared with the committed lists in `tests/conformance`: a loss fails, a gain is reported and recorded
//! with `UPDATE=1`. Cases that the official compiler of the pinned release fails (its corpus is one release older) are in
//! `tests/conformance/gotest-official.txt`, recorded with `TOOL=go UPDATE=1`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
/// Folders of the corpus that the official harness runs.
const DIRS: &[&str] = &[
    ".",
    "ken",
    "chan",
    "interface",
    "internal/runtime/sys",
    "syntax",
    "dwarf",
    "fixedbugs",
    "typeparam",
    "abi",
    "simd",
    "stackobj",
];

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Pass,
    Fail(String),
    Skip(&'static str),
}

struct Case {
    /// Path below `test/`.
    name: String,
    action: String,
    args: Vec<String>,
}

/// Runs the corpus; arguments are substrings that select cases.
pub fn run() -> Result<(), String> {
    let Some(corpus) = corpus() else {
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
    let cases: Vec<Case> = find(&corpus)
        .into_iter()
        .filter(|c| filters.is_empty() || filters.iter().any(|f| c.name.contains(f.as_str())))
        .collect();
    let results: Mutex<BTreeMap<String, (String, Verdict)>> = Mutex::default();
    let next = AtomicUsize::new(0);
    let threads = std::env::var("THREADS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(2);
    let temp = std::env::temp_dir().join(format!("ferrogo-gotest-{}", std::process::id()));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (cases, results, next, tool, corpus) = (&cases, &results, &next, &tool, &corpus);
            let dir = temp.join(thread.to_string());
            scope.spawn(move || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let _ = std::fs::remove_dir_all(&dir);
                    let _ = std::fs::create_dir_all(&dir);
                    let verdict = judge(tool, corpus, case, &dir);
                    if let (Verdict::Fail(why), false) =
                        (&verdict, std::env::var_os("QUIET").is_some())
                    {
                        println!(
                            "FAIL {} ({}): {}",
                            case.name,
                            case.action,
                            why.lines().next().unwrap_or("")
                        );
                    }
                    results
                        .lock()
                        .expect("no panic")
                        .insert(case.name.clone(), (case.action.clone(), verdict));
                }
            });
        }
    });
    let _ = std::fs::remove_dir_all(&temp);
    let results = results.into_inner().map_err(|_| "a worker panicked")?;
    report(&root, &results, official, filters.is_empty())
}

fn report(
    root: &Path,
    results: &BTreeMap<String, (String, Verdict)>,
    official: bool,
    complete: bool,
) -> Result<(), String> {
    let folder = root.join("tests/conformance");
    let excused: BTreeSet<String> = match official {
        true => BTreeSet::new(),
        false => read_list(&folder.join("gotest-official.txt")),
    };
    let mut by_action: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut failed = BTreeSet::new();
    for (name, (action, verdict)) in results {
        if excused.contains(name) {
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
            Verdict::Skip(_) => {}
        }
    }
    for (action, (pass, all)) in &by_action {
        println!("{action:<12} {pass:>5} of {all:>5}");
    }
    let list = folder.join(if official {
        "gotest-official.txt"
    } else {
        "gotest-failing.txt"
    });
    let known = read_list(&list);
    if std::env::var_os("UPDATE").is_some() && complete {
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let text: String = failed.iter().map(|n| format!("{n}\n")).collect();
        return std::fs::write(&list, text).map_err(|e| format!("{}: {e}", list.display()));
    }
    let gained: Vec<&String> = known
        .iter()
        .filter(|n| results.contains_key(*n) && !failed.contains(*n))
        .collect();
    for name in &gained {
        println!("now passes: {name}");
    }
    let lost: Vec<&str> = failed
        .iter()
        .filter(|n| !known.contains(*n))
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

fn read_list(path: &Path) -> BTreeSet<String> {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// `test/` of an installed official Go.
fn corpus() -> Option<PathBuf> {
    let output = Command::new("go")
        .env("GOTOOLCHAIN", "local")
        .args(["env", "GOROOT"])
        .output()
        .ok()?;
    let dir = Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("test");
    dir.is_dir().then_some(dir)
}

fn find(corpus: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for dir in DIRS {
        let mut files: Vec<PathBuf> = std::fs::read_dir(corpus.join(dir))
            .into_iter()
            .flatten()
            .flatten()
            .map(|e| e.path())
            .filter(|p| p.extension().is_some_and(|e| e == "go"))
            .collect();
        files.sort();
        for file in files {
            let Ok(bytes) = std::fs::read(&file) else {
                continue;
            };
            let text = String::from_utf8_lossy(&bytes);
            let Some(line) = text.lines().find(|l| {
                !l.trim().is_empty() && !l.starts_with("//go:build") && !l.starts_with("// +build")
            }) else {
                continue;
            };
            let Some(recipe) = line.strip_prefix("//") else {
                continue;
            };
            let mut words = recipe.split_whitespace().map(str::to_owned);
            let Some(action) = words.next() else { continue };
            const ACTIONS: &[&str] = &[
                "run",
                "runoutput",
                "rundir",
                "runindir",
                "buildrun",
                "buildrundir",
                "compile",
                "compiledir",
                "build",
                "builddir",
            ];
            if !ACTIONS.contains(&action.as_str()) || !constraint_holds(&text) {
                continue;
            }
            let name = file
                .strip_prefix(corpus)
                .unwrap_or(&file)
                .display()
                .to_string();
            cases.push(Case {
                name,
                action,
                args: words.collect(),
            });
        }
    }
    cases
}

/// `//go:build` for linux/amd64 without cgo, with gc.
fn constraint_holds(text: &str) -> bool {
    let Some(line) = text
        .lines()
        .take_while(|l| !l.starts_with("package"))
        .find_map(|l| l.strip_prefix("//go:build "))
    else {
        return true;
    };
    // Expressions in the corpus are flat enough for: || of && of possibly negated tags, with parentheses dropped pairwise.
    let tag = |t: &str| {
        let holds = |t: &str| {
            matches!(t, "linux" | "amd64" | "gc" | "unix")
                || t.strip_prefix("go1.")
                    .and_then(|n| n.parse::<u32>().ok())
                    .is_some_and(|n| n <= 27)
        };
        match t.strip_prefix('!') {
            Some(rest) => !holds(rest),
            None => holds(t),
        }
    };
    let line = line.replace(['(', ')'], " ");
    line.split("||")
        .any(|part| part.split("&&").all(|t| tag(t.trim())))
}

fn command(tool: &Path, dir: &Path) -> Command {
    let mut command = Command::new(tool);
    command
        .current_dir(dir)
        .env("GOTOOLCHAIN", "go1.27.3")
        .env("GOFLAGS", "")
        .env("GOWORK", "off")
        .env_remove("GODEBUG");
    command
}

fn judge(tool: &Path, corpus: &Path, case: &Case, temp: &Path) -> Verdict {
    let file = corpus.join(&case.name);
    // Flags of the compiler in the recipe come before program arguments.
    let flags: Vec<&String> = case
        .args
        .iter()
        .take_while(|a| a.starts_with('-'))
        .collect();
    if flags.iter().any(|f| {
        f.starts_with("-goexperiment")
            || f.starts_with("-godebug")
            || f.starts_with("-race")
            || f.starts_with("-asan")
    }) {
        return Verdict::Skip("needs another configuration");
    }
    let args: Vec<&String> = case.args.iter().skip(flags.len()).collect();
    let result = match case.action.as_str() {
        "run" | "buildrun" => run_file(tool, std::slice::from_ref(&file), &args, temp)
            .and_then(|out| expect(&file, &out)),
        "runoutput" => run_output(tool, &file, &args, temp),
        "build" => build(tool, std::slice::from_ref(&file), temp, "a.out").map(|_| ()),
        "compile" => compile(tool, &file, temp),
        "rundir" | "compiledir" | "builddir" | "buildrundir" => directory(tool, &file, case, temp),
        "runindir" => run_in_dir(tool, &file, &args, temp),
        _ => return Verdict::Skip("unknown recipe"),
    };
    match result {
        Ok(()) => Verdict::Pass,
        Err(why) => Verdict::Fail(why),
    }
}

/// Builds files.
fn build(tool: &Path, files: &[PathBuf], temp: &Path, output: &str) -> Result<PathBuf, String> {
    let binary = temp.join(output);
    let mut command = command(tool, temp);
    command.arg("build").arg("-o").arg(&binary).args(files);
    let outcome = testkit::run(&mut command, LIMIT);
    match outcome.status {
        Some(0) => Ok(binary),
        _ => Err(format!("build: {}{}", outcome.stdout, outcome.stderr)),
    }
}

/// The recipe compiles a file without linking: functions may lack bodies (an empty assembly file says so), a main package may lack
/// `main`.
fn compile(tool: &Path, file: &Path, temp: &Path) -> Result<(), String> {
    let dir = temp.join("compile");
    let text = std::fs::read(file).map_err(|e| e.to_string())?;
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).map_err(|e| e.to_string());
    std::fs::create_dir_all(&dir).map_err(|e| e.to_string())?;
    write("go.mod", b"module test\n\ngo 1.27\n")?;
    write(
        &file.file_name().unwrap_or_default().to_string_lossy(),
        &text,
    )?;
    write("empty.s", b"")?;
    let text = String::from_utf8_lossy(&text);
    if package_name(&text).as_deref() == Some("main") && !text.contains("func main()") {
        write("zz_main.go", b"package main\n\nfunc main() {}\n")?;
    }
    let mut command = command(tool, &dir);
    command
        .args(["build", "-o"])
        .arg(temp.join("a.out"))
        .arg(".");
    let outcome = testkit::run(&mut command, LIMIT);
    match outcome.status {
        Some(0) => Ok(()),
        _ => Err(format!("build: {}{}", outcome.stdout, outcome.stderr)),
    }
}

fn run_file(
    tool: &Path,
    files: &[PathBuf],
    args: &[&String],
    temp: &Path,
) -> Result<String, String> {
    let binary = build(tool, files, temp, "a.out")?;
    execute(&binary, args, temp)
}

fn execute(binary: &Path, args: &[&String], dir: &Path) -> Result<String, String> {
    let mut command = Command::new("sh");
    // Joined, as the harness reads both.
    command
        .arg("-c")
        .arg("exec \"$0\" \"$@\" 2>&1")
        .arg(binary)
        .args(args)
        .current_dir(dir)
        .env_remove("GODEBUG");
    let outcome = testkit::run(&mut command, LIMIT);
    match outcome.status {
        Some(0) => Ok(outcome.stdout),
        Some(code) => Err(format!(
            "exit status {code}: {}",
            last_lines(&outcome.stdout)
        )),
        None => Err(format!("ran too long: {}", last_lines(&outcome.stdout))),
    }
}

fn last_lines(text: &str) -> String {
    text.lines().take(8).collect::<Vec<_>>().join(" | ")
}

fn expect(file: &Path, output: &str) -> Result<(), String> {
    let want = std::fs::read(file.with_extension("out")).unwrap_or_default();
    let want = String::from_utf8_lossy(&want).replace("\r\n", "\n");
    match want == output.replace("\r\n", "\n") {
        true => Ok(()),
        false => Err(format!("output differs: {}", last_lines(output))),
    }
}

fn run_output(tool: &Path, file: &Path, args: &[&String], temp: &Path) -> Result<(), String> {
    let generated = run_file(tool, &[file.to_owned()], args, temp)?;
    let source = temp.join("tmp__.go");
    std::fs::write(&source, generated).map_err(|e| e.to_string())?;
    let output = run_file(tool, &[source], &[], temp)?;
    expect(file, &output)
}

/// `x.dir` next to `x.go`: each file is a package (files of one package name belong together); imports are relative.
fn directory(tool: &Path, file: &Path, case: &Case, temp: &Path) -> Result<(), String> {
    let dir = file.with_extension("dir");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&dir)
        .map_err(|e| format!("{}: {e}", dir.display()))?
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "go"))
        .collect();
    files.sort();
    if std::fs::read_dir(&dir)
        .into_iter()
        .flatten()
        .flatten()
        .any(|e| e.path().extension().is_some_and(|x| x == "s"))
    {
        return Err("has assembly".into());
    }
    let single = case.args.iter().any(|a| a == "-s");
    let module = temp.join("module");
    std::fs::create_dir_all(&module).map_err(|e| e.to_string())?;
    std::fs::write(module.join("go.mod"), "module test\n\ngo 1.27\n").map_err(|e| e.to_string())?;
    let mut packages: Vec<(String, Vec<PathBuf>)> = Vec::new();
    for file in &files {
        let text = std::fs::read(file).map_err(|e| e.to_string())?;
        if !constraint_holds(&String::from_utf8_lossy(&text)) {
            continue;
        }
        let stem = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let name = package_name(&String::from_utf8_lossy(&text)).unwrap_or_default();
        match packages
            .iter_mut()
            .find(|(_, list)| !single && package_of(&list[0]) == name)
        {
            Some((_, list)) => list.push(file.clone()),
            None => packages.push((if single { stem } else { name }, vec![file.clone()])),
        }
    }
    let mut last = String::new();
    for (package, list) in &packages {
        // The import path is `./` + the file's stem for single-file packages.
        let names: BTreeSet<String> = list
            .iter()
            .map(|f| {
                f.file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        let folder = if list.len() == 1 {
            names.into_iter().next().unwrap_or_default()
        } else {
            package.clone()
        };
        let target = module.join(&folder);
        std::fs::create_dir_all(&target).map_err(|e| e.to_string())?;
        for file in list {
            let bytes = std::fs::read(file).map_err(|e| e.to_string())?;
            let bytes = replace(&bytes, b"\"./", b"\"test/");
            std::fs::write(target.join(file.file_name().unwrap_or_default()), bytes)
                .map_err(|e| e.to_string())?;
        }
        last = folder;
    }
    let run = case.action.contains("run");
    let binary = temp.join("a.out");
    let mut command = command(tool, &module);
    command.arg("build");
    if run {
        command.arg("-o").arg(&binary).arg(format!("./{last}"));
    } else {
        command.arg("./...");
    }
    let outcome = testkit::run(&mut command, LIMIT);
    if outcome.status != Some(0) {
        return Err(format!("build: {}{}", outcome.stdout, outcome.stderr));
    }
    if run {
        let output = execute(&binary, &[], &module)?;
        expect(file, &output)?;
    }
    Ok(())
}

fn package_of(file: &Path) -> String {
    std::fs::read(file)
        .ok()
        .and_then(|t| package_name(&String::from_utf8_lossy(&t)))
        .unwrap_or_default()
}

fn package_name(text: &str) -> Option<String> {
    let line = text.lines().find(|l| l.starts_with("package "))?;
    line["package ".len()..]
        .split([' ', ';', '/', '\t'])
        .next()
        .map(str::to_owned)
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(from) {
            out.extend_from_slice(to);
            at += from.len();
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    out
}

fn run_in_dir(tool: &Path, file: &Path, args: &[&String], temp: &Path) -> Result<(), String> {
    let copy = temp.join("module");
    copy_tree(&file.with_extension("dir"), &copy).map_err(|e| e.to_string())?;
    if !copy.join("go.mod").exists() {
        std::fs::write(copy.join("go.mod"), "module main\n\ngo 1.27\n")
            .map_err(|e| e.to_string())?;
    }
    let binary = temp.join("a.out");
    let mut command = command(tool, &copy);
    command.args(["build", "-o"]).arg(&binary).arg(".");
    let outcome = testkit::run(&mut command, LIMIT);
    if outcome.status != Some(0) {
        return Err(format!("build: {}{}", outcome.stdout, outcome.stderr));
    }
    let output = execute(&binary, args, &copy)?;
    expect(file, &output)
}

/// Copies a folder with everything in it.
pub fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_tree(&entry.path(), &target)?,
            false => std::fs::copy(entry.path(), target).map(|_| ())?,
        }
    }
    Ok(())
}
