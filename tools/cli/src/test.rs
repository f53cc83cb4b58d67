//! `ferrogo test`: builds and runs the tests of packages.

use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use driver::testmain::{self, TestFunctions};
use modules::load::{TestTarget, Variant};
use modules::{Package, PackageGraph, PackageId};

use crate::build::{exec_prefix, temp_dir};
use crate::flags::{self, BUILD, Flag, boolean, value};
use crate::help;
use crate::session::{Failure, Program, Session, render_errors};
use crate::test_json;

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
    boolean("i"),
    value("exec"),
    value("coverprofile"),
];

/// `ferrogo test`.
///
/// # Errors
/// Text and exit status.
pub fn test(args: &[String]) -> Result<ExitCode, Failure> {
    let known = &[BUILD, TEST_FLAGS, OWN_FLAGS];
    let parsed = flags::parse(&strip_test_prefix(args), known, true)
        .map_err(|text| help::usage_error("test", &text))?;
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
    let package_list_mode = !patterns.is_empty();
    let (_loader, graph) = session.load(&patterns, true)?;
    let mut functions: Vec<(TestFunctions, TestFunctions)> = Vec::new();
    for target in &graph.tests {
        let internal = find(&graph, target.internal)?;
        let external = target
            .external
            .map_or(Ok(TestFunctions::default()), |id| find(&graph, id))?;
        functions.push((internal, external));
    }
    let mains: Vec<(PackageId, String)> = graph
        .tests
        .iter()
        .zip(&functions)
        .filter(|(t, _)| has_tests(&graph, t))
        .map(|(t, (internal, external))| {
            let package = graph.package(t.package);
            let module = package
                .module
                .as_ref()
                .map_or("", |m| m.module.path.as_str());
            (
                t.main,
                testmain::source_text(&package.import_path, module, internal, external),
            )
        })
        .collect();
    let mut reporter = Reporter {
        json: session.flags.is_set("json"),
        failed: false,
    };
    for target in &graph.tests {
        let path = graph.package(target.package).import_path.clone();
        if !has_tests(&graph, target) && session.is_dry() {
            continue;
        }
        if !has_tests(&graph, target) {
            let checked = session.check(&graph, &graph.closure(&[target.package]), &|_| Vec::new());
            if let Some(text) = render_errors(&graph, &checked) {
                let failed = Some((&*path, &*text));
                reporter.line(&format!("FAIL\t{path} [build failed]"), &path, failed);
            } else if !session.flags.is_set("c") {
                reporter.line(&format!("?   \t{path}\t[no test files]"), &path, None);
            }
            continue;
        }
        let main_file: Vec<(String, Vec<u8>)> = mains
            .iter()
            .filter(|(id, _)| *id == target.main)
            .map(|(_, text)| ("_testmain.go".to_owned(), text.clone().into_bytes()))
            .collect();
        let program = match session.program(&graph, target.main, &main_file, &mut None) {
            Ok(program) => program,
            Err(failure) => {
                let text = format!("{}\n", failure.text.trim_end());
                let build = text
                    .lines()
                    .find_map(|l| l.strip_prefix("# "))
                    .unwrap_or(&path)
                    .to_owned();
                let failed = Some((&*build, &*text));
                reporter.line(&format!("FAIL\t{path} [build failed]"), &path, failed);
                continue;
            }
        };
        if session.flags.is_set("c") {
            let base = path.rsplit('/').next().unwrap_or("main").to_owned() + ".test";
            let output = match session.flags.get("o") {
                Some(o) if session.system.is_dir(&session.dir.join(o)) => {
                    session.dir.join(o).join(base)
                }
                Some(o) => session.dir.join(o),
                None => session.dir.join(base),
            };
            session.write_executable(&output, &program)?;
            continue;
        }
        if session.is_dry() {
            session.write_executable(&Path::new("$WORK").join("main.test"), &program)?;
            continue;
        }
        run_test(
            &session,
            graph.package(target.package),
            &program,
            &binary_args,
            package_list_mode,
            &mut reporter,
        )?;
    }
    session.print_timings();
    if reporter.failed {
        if package_list_mode && !reporter.json {
            println!("FAIL");
        }
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
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

fn find(graph: &PackageGraph, id: PackageId) -> Result<TestFunctions, Failure> {
    match graph.package(id).variant {
        Variant::Plain => Ok(TestFunctions::default()),
        _ => testmain::find(graph.package(id)).map_err(Failure::from),
    }
}

struct Reporter {
    json: bool,
    failed: bool,
}

impl Reporter {
    /// A package whose tests did not run: its line. `failed` has the build that failed and what it printed.
    fn line(&mut self, text: &str, package: &str, failed: Option<(&str, &str)>) {
        self.failed |= failed.is_some();
        if self.json {
            if let Some((build, text)) = failed {
                test_json::build_failed(build, text);
            }
            test_json::start(package);
            test_json::output(package, &format!("{text}\n"), failed.is_some());
            let action = if failed.is_some() { "fail" } else { "skip" };
            test_json::end(package, action, 0.0, failed.map(|(build, _)| build));
        } else {
            if let Some((_, text)) = failed {
                eprint!("{text}");
            }
            println!("{text}");
        }
    }
}

fn run_test(
    session: &Session,
    package: &Package,
    program: &Program,
    binary_args: &[String],
    package_list_mode: bool,
    reporter: &mut Reporter,
) -> Result<(), Failure> {
    let path = &package.import_path;
    let dir = temp_dir("test")?;
    let binary = dir.join(path.rsplit('/').next().unwrap_or("main").to_owned() + ".test");
    session.write_executable(&binary, program)?;
    let mut command = match exec_prefix(session)?.split_first() {
        Some((runner, words)) => {
            let mut command = Command::new(runner);
            command.args(words).arg(&binary);
            command
        }
        None => Command::new(&binary),
    };
    let timeout = session.flags.get("timeout").unwrap_or("10m");
    command.arg(format!("-test.timeout={timeout}"));
    command.arg("-test.paniconexit0");
    let verbose = session.flags.is_set("v") || reporter.json;
    if reporter.json {
        command.arg("-test.v=test2json");
    } else if verbose {
        command.arg("-test.v=true");
    }
    for flag in TEST_FLAGS {
        if flag.name != "timeout" {
            for value in session.flags.all(flag.name) {
                command.arg(format!("-test.{}={value}", flag.name));
            }
        }
    }
    command
        .args(binary_args)
        .current_dir(&package.dir)
        .env("PWD", &package.dir)
        .env("GOROOT", &session.goroot)
        .stdin(Stdio::null());
    session.show(|| {
        let words: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
        format!(
            "cd {}\n{} {}",
            package.dir.display(),
            command.get_program().to_string_lossy(),
            words.join(" ")
        )
    });
    if reporter.json {
        test_json::start(path);
    }
    let start = Instant::now();
    let limit = parse_duration(timeout)
        .filter(|t| !t.is_zero())
        .map(|t| t + Duration::from_secs(60));
    let (status, output) = execute(
        &mut command,
        path,
        verbose || session.flags.get("bench").is_some(),
        reporter.json,
        limit,
    );
    let _ = std::fs::remove_dir_all(&dir);
    let took = start.elapsed().as_secs_f64();
    let ok = matches!(&status, Ok(s) if s.success());
    if !ok {
        reporter.failed = true;
        if !verbose && session.flags.get("bench").is_none() {
            print!("{}", String::from_utf8_lossy(&output));
        }
        // The test's own output tells why it failed; the status is told where there is none to be seen with it.
        if let Ok(status) = &status
            && (output.is_empty()
                || !package_list_mode
                || reporter.json
                || session.flags.get("bench").is_some())
            && let Some(text) = exit_text(status)
        {
            emit(reporter.json, path, &format!("{text}\n"), false);
        } else if let Err(text) = &status {
            emit(reporter.json, path, &format!("{text}\n"), false);
        }
        let line = format!("FAIL\t{path}\t{took:.3}s\n");
        emit(reporter.json, path, &line, true);
    } else {
        // With -bench the output was shown as it came; -list's result is the output.
        let show = !package_list_mode || session.flags.get("list").is_some();
        if !verbose && show && session.flags.get("bench").is_none() {
            print!("{}", String::from_utf8_lossy(&output));
        }
        let text = String::from_utf8_lossy(&output);
        let note = if text.contains("testing: warning: no tests to run") {
            " [no tests to run]"
        } else {
            ""
        };
        emit(
            reporter.json,
            path,
            &format!("ok  \t{path}\t{took:.3}s{note}\n"),
            false,
        );
    }
    if reporter.json {
        test_json::end(path, if ok { "pass" } else { "fail" }, took, None);
    }
    let _ = std::io::stdout().flush();
    Ok(())
}

fn emit(json: bool, package: &str, text: &str, frame: bool) {
    if json {
        test_json::output(package, text, frame)
    } else {
        print!("{text}")
    }
}

/// Go's line about how a process ended.
fn exit_text(status: &std::process::ExitStatus) -> Option<String> {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Some(format!("exit status {code}")),
        (None, Some(signal)) => Some(format!("signal: {signal}")),
        _ => None,
    }
}

/// Runs the test binary with standard error joined to standard output; streams it when verbose.
fn execute(
    command: &mut Command,
    package: &str,
    stream: bool,
    json: bool,
    limit: Option<Duration>,
) -> (Result<std::process::ExitStatus, String>, Vec<u8>) {
    let (mut reader, writer) = match std::io::pipe() {
        Ok(ends) => ends,
        Err(e) => return (Err(format!("pipe: {e}")), Vec::new()),
    };
    let second = match writer.try_clone() {
        Ok(w) => w,
        Err(e) => return (Err(format!("pipe: {e}")), Vec::new()),
    };
    let spawned = command.stdout(writer).stderr(second).spawn();
    // The parent's write ends close with the command's fields.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = match spawned {
        Ok(child) => child,
        Err(e) => {
            return (
                Err(format!(
                    "fork/exec {}: {e}",
                    Path::new(command.get_program()).display()
                )),
                Vec::new(),
            );
        }
    };
    let package = package.to_owned();
    let collector = std::thread::spawn(move || {
        use std::io::Read;
        let mut all = Vec::new();
        let mut buffer = [0u8; 16 << 10];
        let mut converter = test_json::Converter::new(&package);
        while let Ok(n) = reader.read(&mut buffer) {
            if n == 0 {
                break;
            }
            if json {
                converter.feed(&buffer[..n]);
            } else if stream {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(&buffer[..n]);
                let _ = out.flush();
            }
            all.extend_from_slice(&buffer[..n]);
        }
        if json {
            converter.finish();
        }
        all
    });
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if limit.is_some_and(|l| start.elapsed() > l) => {
                let _ = child.kill();
                let _ = child.wait();
                break Err("*** Test killed: ran too long.".to_owned());
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(1)),
            Err(e) => break Err(e.to_string()),
        }
    };
    (status, collector.join().unwrap_or_default())
}

/// Go's duration text, as far as flags use it: numbers with units.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = 0.0;
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Some(Duration::from_secs_f64(total))
}
