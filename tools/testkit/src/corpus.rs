//! Go's own `test/` corpus through a `go`-like tool, by the recipe in each file's first line.
//!
//! Kinds: run, runoutput, rundir, runindir, buildrun, buildrundir (the program must behave), compile, compiledir, build, builddir (it
//! must build). Everything goes through `TOOL build`, whereas the official harness calls the compiler and the linker themselves;
//! cases for which that makes a difference fail under the official `go` too and are listed in `gotest-official.txt`.
//!
//! A recipe that only compiles accepts what only a linker can find out (functions without a body, a missing `main`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::gotest;

const LIMIT: Duration = Duration::from_secs(120);
const BUILD_LIMIT: Duration = Duration::from_secs(600);

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

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    #[allow(missing_docs)]
    Pass,
    /// What went wrong.
    Fail(String),
    /// Why it was not run.
    Skip(&'static str),
}

/// A file with a recipe.
#[derive(Clone, Debug)]
pub struct Case {
    /// Path below `test/`.
    pub name: String,
    /// First word of the recipe.
    pub action: String,
    /// Flags of the build.
    flags: Vec<String>,
    /// Files to build together with this one, then arguments of the program.
    args: Vec<String>,
    /// Each file of a directory is its own package.
    single: bool,
    /// `go` line of the module.
    version: Option<String>,
    /// GODEBUG of the running program.
    godebug: Option<String>,
    /// Why the case cannot be run here.
    skip: Option<&'static str>,
}

/// The tool under test and where things are.
#[derive(Clone, Debug)]
pub struct Runner {
    /// `go` or a path.
    pub tool: PathBuf,
    /// `test/` of an installed Go.
    pub corpus: PathBuf,
    /// Cases that run at the same time.
    pub threads: usize,
    /// Called for each failure.
    pub on_failure: fn(&Case, &str),
}

/// Verdicts by name of case, with the case's action.
pub type Results = BTreeMap<String, (String, Verdict)>;

/// A list of cases: names, each with the text after `#` (why it is in the list).
pub fn read_list(path: &Path) -> BTreeMap<String, String> {
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .map(|l| match l.split_once('#') {
            Some((name, why)) => (name.trim().to_owned(), why.trim().to_owned()),
            None => (l.trim().to_owned(), String::new()),
        })
        .collect()
}

/// Writes a list, keeping the reasons of names that were in it.
///
/// # Errors
/// The file cannot be written.
pub fn write_list(path: &Path, heading: &str, names: &BTreeSet<String>) -> Result<(), String> {
    let known = read_list(path);
    let mut text = format!("# {heading}\n");
    for name in names {
        let why = known.get(name).map_or("", String::as_str);
        text.push_str(format!("{name}  # {why}").trim_end_matches([' ', '#']));
        text.push('\n');
    }
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// All cases of the corpus that build or run something, by folder and name.
pub fn find_cases(corpus: &Path) -> Vec<Case> {
    gotest::recipes(corpus)
        .into_iter()
        .filter_map(|(name, recipe)| parse_recipe(&name, &recipe))
        .collect()
}

fn parse_recipe(name: &str, recipe: &str) -> Option<Case> {
    let mut words = split_quoted(recipe).into_iter().peekable();
    let action = words.next().filter(|a| ACTIONS.contains(&a.as_str()))?;
    let mut case = Case {
        name: name.to_owned(),
        action,
        flags: Vec::new(),
        args: Vec::new(),
        single: false,
        version: None,
        godebug: None,
        skip: None,
    };
    while let Some(flag) = words.next_if(|w| w.starts_with('-')) {
        match flag.as_str() {
            "-0" | "-1" => {}
            "-s" => case.single = true,
            "-t" => drop(words.next()),
            "-goexperiment" => {
                words.next();
                case.skip = Some("needs a GOEXPERIMENT");
            }
            "-godebug" => case.godebug = words.next(),
            "-gomodversion" => case.version = words.next(),
            "-race" | "-asan" | "-msan" => case.skip = Some("needs a sanitizer"),
            _ => case.flags.push(flag),
        }
    }
    case.args = words.collect();
    Some(case)
}

fn split_quoted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut open = false;
    for c in text.chars() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => word.push(c),
            None if c == '"' || c == '\'' => (quote, open) = (Some(c), true),
            None if c.is_whitespace() => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            None => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

impl Runner {
    /// Runs cases.
    ///
    /// # Panics
    /// If a worker does.
    pub fn run(&self, cases: &[Case]) -> Results {
        let results: Mutex<Results> = Mutex::default();
        let next = AtomicUsize::new(0);
        let temp = std::env::temp_dir().join(format!("ferrogo-gotest-{}", std::process::id()));
        // Programs of the corpus that run `go` get the tool under test.
        let bin = temp.join("bin");
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        if self.tool != Path::new("go") {
            let _ = std::fs::create_dir_all(&bin);
            let target = std::fs::canonicalize(&self.tool).unwrap_or_else(|_| self.tool.clone());
            let _ = std::os::unix::fs::symlink(target, bin.join("go"));
            let mut dirs = vec![bin];
            dirs.extend(std::env::split_paths(&path));
            path = std::env::join_paths(dirs).unwrap_or_default();
        }
        std::thread::scope(|scope| {
            for thread in 0..self.threads.max(1) {
                let (results, next, path) = (&results, &next, &path);
                let dir = temp.join(thread.to_string());
                scope.spawn(move || {
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let _ = std::fs::remove_dir_all(&dir);
                        let _ = std::fs::create_dir_all(&dir);
                        let one = One {
                            runner: self,
                            case,
                            file: self.corpus.join(&case.name),
                            temp: &dir,
                            path,
                        };
                        let verdict = one.judge();
                        if let Verdict::Fail(why) = &verdict {
                            (self.on_failure)(case, why);
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
        results.into_inner().expect("no panic")
    }
}

/// A package of a directory case.
struct Package {
    name: String,
    /// Last element of its import path: the first file's stem.
    folder: String,
    files: Vec<PathBuf>,
}

/// One case being run.
struct One<'a> {
    runner: &'a Runner,
    case: &'a Case,
    file: PathBuf,
    temp: &'a Path,
    path: &'a std::ffi::OsStr,
}

impl One<'_> {
    fn judge(&self) -> Verdict {
        if let Some(why) = self.case.skip {
            return Verdict::Skip(why);
        }
        if self.runner.tool != Path::new("go") && self.uses_tools() {
            return Verdict::Skip("runs gc's own compiler or linker");
        }
        let file = std::slice::from_ref(&self.file);
        let result = match self.case.action.as_str() {
            "run" | "buildrun" => self.run_file(),
            "runoutput" => self.run_output(),
            "build" => self
                .build(&self.runner.corpus, &self.case.flags, file)
                .map(drop),
            "compile" => self.compile(),
            "builddir" | "buildrundir" => self.build_dir(),
            "rundir" | "compiledir" => self.directory(),
            _ => self.run_in_dir(),
        };
        match result {
            Ok(()) => Verdict::Pass,
            Err(why) => Verdict::Fail(why),
        }
    }

    /// Whether the program runs `go tool`.
    fn uses_tools(&self) -> bool {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().filter(|l| !l.starts_with("//")).any(|l| {
            [
                "\"go\", \"tool\", ",
                "\"tool\", \"compile\"",
                "go tool compile ",
            ]
            .iter()
            .any(|words| l.contains(words))
        })
    }

    fn command(&self, program: &Path, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(dir)
            .env("PWD", dir)
            .env("PATH", self.path)
            .env("GOTOOLCHAIN", "go1.27.3")
            .env("GOENV", "off")
            .env("GOFLAGS", "")
            .env("GOWORK", "off")
            .env_remove("GODEBUG");
        if std::env::var_os("FERROGOCACHE").is_none() {
            // Thousands of programs that are run once.
            command.env("FERROGOCACHE", "off");
        }
        command
    }

    fn tool_build(
        &self,
        dir: &Path,
        output: &Path,
        flags: &[String],
        what: &[PathBuf],
    ) -> Result<(), String> {
        let mut command = self.command(&self.runner.tool, dir);
        command.arg("build").arg("-o").arg(output);
        command.args(flags).args(what);
        let outcome = crate::run(&mut command, BUILD_LIMIT);
        match outcome.status {
            Some(0) => Ok(()),
            Some(_) => Err(format!("build: {}{}", outcome.stdout, outcome.stderr)),
            None => Err("build: ran too long".to_owned()),
        }
    }

    /// ferrogo compiles what a program needs, unless it is told to compile everything.
    fn all(&self) -> Vec<String> {
        match self.runner.tool == Path::new("go") {
            true => Vec::new(),
            false => vec!["--keep-all".to_owned()],
        }
    }

    fn build(&self, dir: &Path, flags: &[String], files: &[PathBuf]) -> Result<PathBuf, String> {
        let binary = self.temp.join("a.out");
        self.tool_build(dir, &binary, flags, files)?;
        Ok(binary)
    }

    /// What the program prints, on both outputs.
    fn execute(&self, binary: &Path, args: &[String], dir: &Path) -> Result<String, String> {
        let mut command = self.command(Path::new("sh"), dir);
        command
            .arg("-c")
            .arg("exec \"$0\" \"$@\" 2>&1")
            .arg(binary)
            .args(args);
        let everywhere = std::env::var("PROGRAM_GODEBUG").ok();
        let settings: Vec<&str> = [&self.case.godebug, &everywhere]
            .into_iter()
            .filter_map(Option::as_deref)
            .collect();
        if !settings.is_empty() {
            command.env("GODEBUG", settings.join(","));
        }
        let outcome = crate::run(&mut command, LIMIT);
        match outcome.status {
            Some(0) => Ok(outcome.stdout),
            Some(code) => Err(format!(
                "exit status {code}: {}",
                first_lines(&outcome.stdout)
            )),
            None => Err(format!("ran too long: {}", first_lines(&outcome.stdout))),
        }
    }

    fn expect(&self, output: &str) -> Result<(), String> {
        let want = std::fs::read(self.file.with_extension("out")).unwrap_or_default();
        let want = String::from_utf8_lossy(&want).replace("\r\n", "\n");
        match want == output.replace("\r\n", "\n") {
            true => Ok(()),
            false => Err(format!("output differs: {}", first_lines(output))),
        }
    }

    /// The case's file, with those that its recipe names; then the program's arguments.
    fn files_and_args(&self) -> (Vec<PathBuf>, &[String]) {
        let more = self
            .case
            .args
            .iter()
            .take_while(|a| a.ends_with(".go"))
            .count();
        let (files, args) = self.case.args.split_at(more);
        let dir = self.file.parent().unwrap_or(Path::new(""));
        let files = std::iter::once(self.file.clone())
            .chain(files.iter().map(|f| dir.join(f.trim_start_matches("./"))))
            .collect();
        (files, args)
    }

    /// `run`: in the corpus folder, as the official harness does.
    fn run_file(&self) -> Result<(), String> {
        let (files, args) = self.files_and_args();
        let dir = &self.runner.corpus;
        let binary = self.build(dir, &self.case.flags, &files)?;
        self.expect(&self.execute(&binary, args, dir)?)
    }

    fn run_output(&self) -> Result<(), String> {
        let (files, args) = self.files_and_args();
        let dir = &self.runner.corpus;
        let binary = self.build(dir, &self.case.flags, &files)?;
        let generated = self.execute(&binary, args, dir)?;
        let source = self.temp.join("tmp__.go");
        write(&source, generated.as_bytes())?;
        let binary = self.build(dir, &self.case.flags, &[source])?;
        self.expect(&self.execute(&binary, &[], dir)?)
    }

    /// A new module in the temporary folder.
    fn module(&self, name: &str, version: &str) -> Result<PathBuf, String> {
        let dir = self.temp.join("src").join(name);
        std::fs::create_dir_all(&dir).map_err(|e| e.to_string())?;
        write(
            &dir.join("go.mod"),
            format!("module {name}\n\ngo {version}\n").as_bytes(),
        )?;
        Ok(dir)
    }

    fn compile(&self) -> Result<(), String> {
        let dir = self.module("test", "1.27")?;
        let text = std::fs::read(&self.file).map_err(|e| e.to_string())?;
        write(&dir.join(file_name(&self.file)), &text)?;
        // Functions may lack bodies.
        write(&dir.join("empty.s"), b"")?;
        let text = String::from_utf8_lossy(&text);
        if package_name(&text) == "main" && !declares_main(&text) {
            write(&dir.join("zz_main.go"), b"package main\n\nfunc main() {}\n")?;
        }
        let output = self.temp.join("a.out");
        compiled(self.tool_build(&dir, &output, &self.all(), &[PathBuf::from(".")]))
    }

    /// `x.dir` next to `x.go`: one package of Go and assembly files.
    fn build_dir(&self) -> Result<(), String> {
        let dir = self.module("test", "1.27")?;
        copy_tree(&self.file.with_extension("dir"), &dir).map_err(|e| e.to_string())?;
        let binary = self.temp.join("a.out");
        self.tool_build(&dir, &binary, &self.case.flags, &[PathBuf::from(".")])?;
        if self.case.action == "builddir" {
            return Ok(());
        }
        self.expect(&self.execute(&binary, &[], &dir)?)
    }

    /// `x.dir` next to `x.go`: files of one package name are a package, compiled in order; imports are relative.
    fn directory(&self) -> Result<(), String> {
        let module = self.module("test", "1.27")?;
        let packages = self.packages()?;
        for package in &packages {
            let target = module.join(&package.folder);
            std::fs::create_dir_all(&target).map_err(|e| e.to_string())?;
            let mut has_main = false;
            for file in &package.files {
                let bytes = std::fs::read(file).map_err(|e| e.to_string())?;
                has_main |= declares_main(&String::from_utf8_lossy(&bytes));
                // A name that would make it a test is none to the compiler.
                let name = file_name(file).replace("_test.go", "_test_.go");
                write(&target.join(name), &replace(&bytes, b"\"./", b"\"test/"))?;
            }
            if package.name == "main" && !has_main {
                write(
                    &target.join("zz_main.go"),
                    b"package main\n\nfunc main() {}\n",
                )?;
            }
            write(&target.join("empty.s"), b"")?;
        }
        let Some(last) = packages.last() else {
            return Err("no packages".to_owned());
        };
        if self.case.action == "rundir" {
            let binary = self.temp.join("a.out");
            let what = [PathBuf::from(format!("./{}", last.folder))];
            let at = self.case.flags.iter().position(|f| f == "-ldflags");
            let flags: Vec<String> = at
                .map(|at| format!("-ldflags={}", self.case.flags[at + 1..].join(" ")))
                .into_iter()
                .collect();
            self.tool_build(&module, &binary, &flags, &what)?;
            return self.expect(&self.execute(&binary, &self.case.args, &module)?);
        }
        // A program that needs every package, so that all are compiled.
        let imports: String = packages
            .iter()
            .filter(|p| p.name != "main")
            .map(|p| format!("import _ \"test/{}\"\n", p.folder))
            .collect();
        let target = module.join("zz_all");
        std::fs::create_dir_all(&target).map_err(|e| e.to_string())?;
        let text = format!("package main\n\n{imports}\nfunc main() {{}}\n");
        write(&target.join("main.go"), text.as_bytes())?;
        let output = self.temp.join("bin");
        std::fs::create_dir_all(&output).map_err(|e| e.to_string())?;
        compiled(self.tool_build(&module, &output, &self.all(), &[PathBuf::from("./...")]))
    }

    fn packages(&self) -> Result<Vec<Package>, String> {
        let mut packages: Vec<Package> = Vec::new();
        for file in crate::files_with_extension(&self.file.with_extension("dir"), "go") {
            let text = std::fs::read(&file).map_err(|e| e.to_string())?;
            let text = String::from_utf8_lossy(&text);
            if !gotest::constraint_holds(&text) {
                continue;
            }
            let name = package_name(&text);
            match packages
                .iter_mut()
                .find(|p| !self.case.single && p.name == name)
            {
                Some(package) => package.files.push(file),
                None => packages.push(Package {
                    name,
                    folder: file
                        .file_stem()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                    files: vec![file],
                }),
            }
        }
        Ok(packages)
    }

    /// The folder becomes a module of its name.
    fn run_in_dir(&self) -> Result<(), String> {
        let from = self.file.with_extension("dir");
        let dir = self.module(
            &file_name(&from),
            self.case.version.as_deref().unwrap_or("1.14"),
        )?;
        copy_tree(&from, &dir).map_err(|e| e.to_string())?;
        let binary = self.temp.join("a.out");
        self.tool_build(&dir, &binary, &self.case.flags, &[PathBuf::from(".")])?;
        self.expect(&self.execute(&binary, &self.case.args, &dir)?)
    }
}

/// The outcome of a recipe that does not link.
fn compiled(result: Result<(), String>) -> Result<(), String> {
    let Err(text) = result else { return Ok(()) };
    let of_linker = text.trim_start_matches("build: ").lines().all(|line| {
        line.starts_with('#') || line.contains("relocation target") && line.ends_with("not defined")
    });
    match of_linker {
        true => Ok(()),
        false => Err(text),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).map_err(|e| format!("{}: {e}", path.display()))
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn first_lines(text: &str) -> String {
    text.lines().take(8).collect::<Vec<_>>().join(" | ")
}

fn package_name(text: &str) -> String {
    text.lines()
        .find_map(|l| l.strip_prefix("package "))
        .and_then(|l| l.split([' ', ';', '/', '\t']).next())
        .unwrap_or_default()
        .to_owned()
}

/// Whether the text has `func main(`, with any white space.
fn declares_main(text: &str) -> bool {
    text.match_indices("main").any(|(at, _)| {
        let before = text[..at].trim_end();
        before.ends_with("func")
            && before
                .rfind('\n')
                .is_none_or(|line| !before[line..].contains("//"))
            && text[at + 4..].trim_start().starts_with('(')
    })
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

/// Copies a folder with everything in it.
///
/// # Errors
/// A file cannot be read or written.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let got = gotest::recipe_of(text).and_then(|recipe| parse_recipe("x.go", recipe));
        let got = got.map(|c| {
            format!(
                "{} flags={:?} args={:?} skip={}",
                c.action,
                c.flags,
                c.args,
                c.skip.is_some()
            )
        });
        assert_eq!(got.as_deref().unwrap_or("none"), want);
    }

    #[test]
    fn recipes() {
        check("// run\npackage x", "run flags=[] args=[] skip=false");
        check(
            "//go:build gc\n\n// run -gcflags='all=-N -l' -t 10 a.go b",
            "run flags=[\"-gcflags=all=-N -l\"] args=[\"a.go\", \"b\"] skip=false",
        );
        check("// run -race", "run flags=[] args=[] skip=true");
        check("// errorcheck", "none");
        check("package x", "none");
    }

    #[test]
    fn main_is_seen_through_white_space() {
        assert!(declares_main("package main\nfunc\nmain () {}"));
        assert!(!declares_main("package main\n// func main()\nvar main = 1"));
    }
}
