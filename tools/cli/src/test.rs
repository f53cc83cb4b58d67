//! `ferrogo test`: builds and runs the tests of packages.

use std::num::IntErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use driver::testmain::{self, Mistake, TestFunctions};
use modules::load::{TestTarget, Variant};
use modules::{PackageGraph, PackageId};

use crate::flags::{self, BUILD, Flag, boolean, value};
use crate::help;
use crate::session::{Failure, Session, render_errors};
use crate::test_json;
use crate::test_run::Runner;

/// Flags of `go test` that the test binary takes with the prefix `-test.`.
pub const TEST_FLAGS: &[Flag] = &[
    value("run"),
    value("skip"),
    value("bench"),
    value("benchtime"),
    boolean("benchmem"),
    value("count"),
    value("cpu"),
    value("parallel"),
    value("timeout"),
    boolean("short"),
    boolean("failfast"),
    value("shuffle"),
    value("list"),
    value("blockprofile"),
    value("blockprofilerate"),
    value("cpuprofile"),
    value("memprofile"),
    value("memprofilerate"),
    value("mutexprofile"),
    value("mutexprofilefraction"),
    value("trace"),
    value("outputdir"),
    boolean("fullpath"),
    boolean("artifacts"),
    value("fuzz"),
    value("fuzztime"),
    value("fuzzminimizetime"),
];
/// Flags of `go test` itself.
pub const OWN_FLAGS: &[Flag] = &[
    boolean("c"),
    value("vet"),
    value("o"),
    value("exec"),
    value("coverprofile"),
];

/// Flags that write one file about one test program. All but the trace need the program to be read.
pub const PROFILES: &[&str] = &[
    "blockprofile",
    "cpuprofile",
    "memprofile",
    "mutexprofile",
    "trace",
];

/// What `-vet` may name. The analyzers themselves are not there: ferrogo has no vet.
const ANALYZERS: &[&str] = &[
    "appends",
    "asmdecl",
    "assign",
    "atomic",
    "bools",
    "buildtag",
    "cgocall",
    "composites",
    "copylocks",
    "defers",
    "directive",
    "errorsas",
    "framepointer",
    "hostport",
    "httpresponse",
    "ifaceassert",
    "loopclosure",
    "lostcancel",
    "nilfunc",
    "printf",
    "shift",
    "sigchanyzer",
    "slog",
    "stdmethods",
    "stdversion",
    "stringintconv",
    "structtag",
    "testinggoroutine",
    "tests",
    "timeformat",
    "unmarshal",
    "unreachable",
    "unsafeptr",
    "unusedresult",
    "waitgroup",
];

/// A package with what `go test` knows of it before anything is built.
struct Planned<'a> {
    target: &'a TestTarget,
    path: String,
    /// Of the package and of its external test package.
    functions: (TestFunctions, TestFunctions),
    /// Why it cannot be set up.
    broken: Vec<Broken>,
}

/// An error that keeps a test from being set up.
struct Broken {
    /// The package that is at fault.
    import_path: String,
    text: String,
}

/// `ferrogo test`.
///
/// # Errors
/// Text and exit status.
pub fn test(args: &[String]) -> Result<ExitCode, Failure> {
    let known = &[BUILD, TEST_FLAGS, OWN_FLAGS];
    let parsed = flags::parse(&strip_test_prefix(args), known, true)
        .map_err(|text| help::usage_error("test", &text))?;
    if let Some(text) = bad_value(&parsed) {
        return Err(help::usage_error("test", &text));
    }
    let profile = PROFILES.iter().find(|name| parsed.get(name).is_some());
    if parsed.get("fuzz").is_some() {
        return Err(Failure::usage(
            "ferrogo test: -fuzz is not supported by ferrogo yet",
        ));
    }
    let mut session = Session::new("test", parsed, known)?;
    let mut patterns = session.flags.args.clone();
    let mut binary_args = Vec::new();
    if let Some(at) = patterns.iter().position(|p| p == "-args") {
        binary_args = patterns.split_off(at).split_off(1);
    }
    let graph = session.load_tests(&patterns)?;
    let only_compile = session.flags.is_set("c");
    if let Some(name) = profile.filter(|_| graph.tests.len() > 1) {
        return Err(Failure::from(format!(
            "cannot use -{name} flag with multiple packages"
        )));
    }
    // A profile is read with the program that wrote it.
    let keeps_program = only_compile || profile.is_some_and(|name| *name != "trace");
    let output = Output::new(&session, graph.tests.len(), keeps_program)?;
    let planned: Vec<Planned> = graph.tests.iter().map(|t| plan(&graph, t)).collect();
    let package_list_mode = !patterns.is_empty();
    let mut reporter = Reporter {
        json: session.flags.is_set("json"),
        only_compile,
        failed: false,
    };
    // What cannot be set up is told first.
    for plan in planned.iter().filter(|p| !p.broken.is_empty()) {
        reporter.setup_failed(plan);
    }
    let runner = Runner::new(&session, &binary_args, package_list_mode)?;
    for plan in planned.iter().filter(|p| p.broken.is_empty()) {
        let package = graph.package(plan.target.package);
        let path = &plan.path;
        if !has_tests(&graph, plan.target) {
            if session.is_dry() {
                continue;
            }
            let wanted = graph.closure(&[plan.target.package]);
            let checked = session.check(&graph, &wanted, &[], &|_| Vec::new());
            let wrong = render_errors(&graph, &checked).or_else(|| {
                let (goroot, system) = (&session.goroot, &*session.system);
                let settings =
                    driver::godebug::default_godebug(&graph, plan.target.package, goroot, system);
                settings.err().map(|text| text + "\n")
            });
            match wrong {
                Some(text) => reporter.build_failed(path, &text),
                None => reporter.no_tests(path),
            }
            continue;
        }
        let main_file = plan.main_file(&graph);
        let mut frontend = None;
        let program = session.program(&graph, plan.target.main, &main_file, &mut frontend);
        driver::drop_later(frontend);
        let program = match program {
            Ok(program) => program,
            Err(failure) => {
                reporter.build_failed(path, &format!("{}\n", failure.text.trim_end()));
                continue;
            }
        };
        if let Some(file) = output.file(path) {
            session.write_executable(&file, &program)?;
        }
        if only_compile {
            continue;
        }
        if session.is_dry() {
            session.write_executable(&Path::new("$WORK").join("main.test"), &program)?;
            continue;
        }
        reporter.failed |= !runner.run(&session, package, &program)?;
    }
    session.print_timings();
    if reporter.failed {
        if package_list_mode && !reporter.json && !only_compile {
            println!("FAIL");
        }
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what is wrong with the values that `go test` itself reads.
fn bad_value(parsed: &flags::Parsed) -> Option<String> {
    if let Some(text) = parsed
        .get("timeout")
        .filter(|t| flags::duration(t).is_none())
    {
        return Some(format!(
            "invalid value {text:?} for flag -timeout: parse error"
        ));
    }
    for list in parsed.all("vet").filter(|list| !list.is_empty()) {
        let wrong = |why: &str| {
            Some(format!(
                "invalid value {list:?} for flag -vet: -vet argument {why}"
            ))
        };
        if list.contains(' ') {
            return wrong("is comma-separated list, cannot contain spaces");
        }
        for name in list.split(',') {
            if name.is_empty() {
                return wrong("contains empty list element");
            }
            if !matches!(name, "all" | "off") && !ANALYZERS.contains(&name) {
                return wrong(&format!(
                    "must be a supported analyzer or a distinguished value; found {name}"
                ));
            }
        }
    }
    let text = parsed.get("shuffle")?;
    let reason = match text.parse::<i64>() {
        Ok(_) => return None,
        Err(_) if matches!(text, "on" | "off") => return None,
        Err(e)
            if matches!(
                e.kind(),
                IntErrorKind::PosOverflow | IntErrorKind::NegOverflow
            ) =>
        {
            "value out of range"
        }
        Err(_) => "invalid syntax",
    };
    Some(format!(
        "invalid value {text:?} for flag -shuffle: -shuffle argument must be \"on\", \"off\", or an int64: strconv.ParseInt: parsing {text:?}: {reason}"
    ))
}

/// Where `-c` and `-o` put test programs.
enum Output {
    None,
    File(PathBuf),
    Directory(PathBuf),
}

impl Output {
    fn new(session: &Session, packages: usize, only_compile: bool) -> Result<Output, Failure> {
        let Some(name) = session.flags.get("o") else {
            return Ok(match only_compile {
                true => Output::Directory(session.dir.clone()),
                false => Output::None,
            });
        };
        let path = session.dir.join(name);
        if name.ends_with('/') || session.system.is_dir(&path) {
            session
                .system
                .create_dir_all(&path)
                .map_err(|e| format!("{}: {}", path.display(), modules::error::io_text(&e)))?;
            return Ok(Output::Directory(path));
        }
        if path == Path::new("/dev/null") {
            return Ok(Output::None);
        }
        if packages > 1 {
            return Err(Failure::from(
                "with multiple packages, -o must refer to a directory or /dev/null".to_owned(),
            ));
        }
        Ok(Output::File(path))
    }

    /// The file for the tests of a package.
    fn file(&self, import_path: &str) -> Option<PathBuf> {
        match self {
            Output::None => None,
            Output::File(path) => Some(path.clone()),
            Output::Directory(dir) => Some(dir.join(program_name(import_path))),
        }
    }
}

/// The name of a package's test program.
pub fn program_name(import_path: &str) -> String {
    format!("{}.test", modules::module_path::program_name(import_path))
}

/// Finds the test functions of a package, or why there is nothing to be built.
fn plan<'a>(graph: &PackageGraph, target: &'a TestTarget) -> Planned<'a> {
    let mut path = graph.package(target.package).import_path.clone();
    let mut broken: Vec<Broken> = Vec::new();
    let mut ids = graph.closure(&[target.internal, target.package]);
    ids.extend(
        target
            .external
            .iter()
            .flat_map(|&id| graph.dependencies(id)),
    );
    // What only the tests have wrong is told of the package as it is compiled for them.
    ids.sort_by_key(|&id| graph.package(id).variant != Variant::Plain);
    for &id in &ids {
        let package = graph.package(id);
        for error in &package.errors {
            let text = error.render(&graph.cwd);
            if !broken.iter().any(|b| b.text == text) {
                broken.push(Broken {
                    import_path: match package.variant {
                        Variant::Plain => error.import_path.clone(),
                        _ => package.display_path(),
                    },
                    text,
                });
            }
        }
    }
    // A directory without a package has the name that it was given.
    let tested = graph.package(target.package);
    if let Some(pattern) = tested.match_patterns.first()
        && tested
            .errors
            .iter()
            .any(|e| e.text.starts_with("no Go files in "))
    {
        path.clone_from(pattern);
    }
    let mut functions = (TestFunctions::default(), TestFunctions::default());
    if broken.is_empty() {
        let found = [Some(target.internal), target.external].map(|id| match id {
            Some(id) => find(graph, id),
            None => Ok(TestFunctions::default()),
        });
        match found {
            [Ok(internal), Ok(external)] if internal.has_main && external.has_main => {
                broken.push(Broken {
                    import_path: path.clone(),
                    text: "multiple definitions of TestMain".to_owned(),
                });
            }
            [Ok(internal), Ok(external)] => functions = (internal, external),
            [Err(mistake), _] | [_, Err(mistake)] => broken.push(match mistake {
                Mistake::Syntax(text) => Broken {
                    import_path: format!("{path}.test"),
                    text,
                },
                Mistake::Signature(text) => Broken {
                    import_path: format!("{path}.test"),
                    text,
                },
            }),
        }
    }
    Planned {
        target,
        path,
        functions,
        broken,
    }
}

impl Planned<'_> {
    /// The generated file of the test program.
    fn main_file(&self, graph: &PackageGraph) -> Vec<(String, Vec<u8>)> {
        let package = graph.package(self.target.package);
        let module = package
            .module
            .as_ref()
            .map_or("", |m| m.module.path.as_str());
        let (internal, external) = &self.functions;
        let text = testmain::source_text(&self.path, module, internal, external);
        vec![("_testmain.go".to_owned(), text.into_bytes())]
    }
}

/// `-test.run` and `-run` are the same to `go test`.
fn strip_test_prefix(args: &[String]) -> Vec<String> {
    let mut seen_args = false;
    args.iter()
        .map(|a| {
            seen_args |= a == "-args" || a == "--args";
            match a.trim_start_matches('-').strip_prefix("test.") {
                Some(rest) if a.starts_with('-') && !seen_args => format!("-{rest}"),
                _ => a.clone(),
            }
        })
        .collect()
}

fn has_tests(graph: &PackageGraph, target: &TestTarget) -> bool {
    target.external.is_some() || graph.package(target.internal).variant == Variant::InternalTest
}

fn find(graph: &PackageGraph, id: PackageId) -> Result<TestFunctions, Mistake> {
    match graph.package(id).variant {
        Variant::Plain => Ok(TestFunctions::default()),
        _ => testmain::find(graph.package(id), &graph.cwd),
    }
}

/// Tells what becomes of packages whose tests do not run.
struct Reporter {
    json: bool,
    only_compile: bool,
    failed: bool,
}

impl Reporter {
    fn setup_failed(&mut self, plan: &Planned) {
        for error in &plan.broken {
            let text = format!("# {}\n{}\n", plan.path, error.text.trim_end());
            match self.json {
                true => test_json::build_failed(&error.import_path, &text),
                false => eprint!("{text}"),
            }
        }
        let at_fault = plan.broken.first().map(|b| b.import_path.as_str());
        self.fail(&plan.path, "setup failed", at_fault.unwrap_or(&plan.path));
    }

    /// `text` is what the compiler printed, after a line with the name of the package.
    fn build_failed(&mut self, path: &str, text: &str) {
        let build = text.lines().find_map(|l| l.strip_prefix("# "));
        match self.json {
            true => test_json::build_failed(build.unwrap_or(path), text),
            false => eprint!("{text}"),
        }
        match self.only_compile {
            true => self.failed = true,
            false => self.fail(path, "build failed", build.unwrap_or(path)),
        }
    }

    fn fail(&mut self, path: &str, why: &str, at_fault: &str) {
        self.failed = true;
        let line = format!("FAIL\t{path} [{why}]");
        if self.json {
            test_json::start(path);
            test_json::output(path, &format!("{line}\n"), true);
            test_json::end(path, "fail", 0.0, Some(at_fault));
        } else {
            println!("{line}");
        }
    }

    fn no_tests(&self, path: &str) {
        let line = format!("?   \t{path}\t[no test files]");
        if self.json {
            test_json::start(path);
            test_json::output(path, &format!("{line}\n"), false);
            test_json::end(path, "skip", 0.0, None);
        } else {
            println!("{line}");
        }
    }
}
