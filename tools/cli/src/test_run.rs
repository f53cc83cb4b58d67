//! Running one test binary: its arguments, its output, what is printed of it, and whether it has to run at all.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use driver::cache::Cache;
use modules::Package;

use crate::build::{exec_prefix, found_runner, signal_name, temp_dir};
use crate::flags;
use crate::output;
use crate::session::{Failure, Program, Session};
use crate::test::{PROFILES, TEST_FLAGS, program_name};
use crate::test_cache::{self, TestRun};
use crate::test_json;

/// What is the same for all packages of a command.
pub struct Runner {
    /// Arguments of every test binary, without the file of its log.
    args: Vec<String>,
    /// `-exec`
    prefix: Vec<String>,
    /// Results are taken from here and kept here.
    cache: Option<Cache>,
    /// When a binary that does not heed its own time-out is killed.
    limit: Option<Duration>,
    json: bool,
    verbose: bool,
    bench: bool,
    list: bool,
    package_list_mode: bool,
}

impl Runner {
    /// Reads the flags.
    ///
    /// # Errors
    /// A malformed `-exec`.
    pub fn new(
        session: &Session,
        binary_args: &[String],
        package_list_mode: bool,
    ) -> Result<Runner, Failure> {
        let json = session.flags.is_set("json");
        let converts = json || session.flags.get("v") == Some("test2json");
        let verbose = session.flags.is_set("v") || converts;
        let timeout = session.flags.get("timeout").unwrap_or("10m0s");
        let mut args = vec![
            "-test.paniconexit0".to_owned(),
            format!("-test.timeout={timeout}"),
        ];
        if verbose {
            let mode = if converts { "test2json" } else { "true" };
            args.push(format!("-test.v={mode}"));
        }
        for flag in TEST_FLAGS.iter().filter(|f| f.name != "timeout") {
            for value in session.flags.all(flag.name) {
                // The test runs in its package's directory.
                args.push(match flag.name {
                    "outputdir" => {
                        format!("-test.outputdir={}", session.dir.join(value).display())
                    }
                    name => format!("-test.{name}={value}"),
                });
            }
        }
        // Files that tests write for the user are put where the command was given.
        let writes = PROFILES
            .iter()
            .any(|name| session.flags.get(name).is_some());
        if (writes || session.flags.is_set("artifacts")) && session.flags.get("outputdir").is_none()
        {
            args.push(format!("-test.outputdir={}", session.dir.display()));
        }
        args.extend_from_slice(binary_args);
        let keeps =
            package_list_mode && binary_args.is_empty() && test_cache::allowed(&session.flags);
        Ok(Runner {
            args,
            prefix: exec_prefix(session)?,
            cache: Cache::open(&*session.system).filter(|_| keeps),
            limit: flags::duration(timeout)
                .filter(|seconds| *seconds > 0.0)
                .and_then(|seconds| Duration::try_from_secs_f64(seconds + 60.0).ok()),
            json,
            verbose,
            bench: session.flags.get("bench").is_some(),
            list: session.flags.get("list").is_some(),
            package_list_mode,
        })
    }

    /// Whether output is shown as it comes.
    fn streams(&self) -> bool {
        self.verbose || self.bench
    }

    /// Runs the tests of a package, or tells what they did when they ran last; false if they failed.
    ///
    /// # Errors
    /// The binary cannot be written.
    pub fn run(
        &self,
        session: &Session,
        package: &Package,
        program: &Program,
    ) -> Result<bool, Failure> {
        let path = &package.import_path;
        let image = session.image(program)?;
        // A `go` that the test runs is GOROOT's, as under the official command.
        let mut environment = vec![
            ("PWD", package.dir.display().to_string()),
            ("GOROOT", session.goroot.display().to_string()),
        ];
        let bin = session.goroot.join("bin");
        if session.system.stat(&bin.join("go")).is_ok() {
            let path = session.system.env_var("PATH").unwrap_or_default();
            let path = format!("{}:{path}", bin.display());
            environment.push(("PATH", path.trim_end_matches(':').to_owned()));
        }
        let root = package.module.as_ref().map_or(&session.goroot, |m| &m.dir);
        let known = self.cache.as_ref().map(|cache| {
            let dirs = (package.dir.as_path(), root.as_path());
            TestRun::new(
                &*session.system,
                cache,
                dirs,
                &environment,
                &image,
                &self.args,
            )
        });
        if self.json {
            test_json::start(path);
        }
        if let Some(output) = known.as_ref().and_then(TestRun::find) {
            self.replay(path, &output);
            return Ok(true);
        }
        let dir = temp_dir("test")?;
        let program_dir = dir.join("b001");
        session.system.create_dir_all(&program_dir).map_err(|e| {
            format!(
                "mkdir {}: {}",
                program_dir.display(),
                modules::error::io_text(&e)
            )
        })?;
        let binary = program_dir.join(program_name(path));
        session.write_executable(&binary, program)?;
        let log = dir.join("testlog.txt");
        let mut missing = None;
        let mut command = match self.prefix.split_first() {
            Some((runner, words)) => {
                // One that is not there is what the test's failure tells.
                let found = found_runner(runner);
                missing = found.as_ref().err().map(|failure| failure.text.clone());
                let mut command = Command::new(found.unwrap_or_default());
                command.args(words).arg(&binary);
                command
            }
            None => Command::new(&binary),
        };
        if known.is_some() {
            command.arg(format!("-test.testlogfile={}", log.display()));
        }
        command
            .args(&self.args)
            .current_dir(&package.dir)
            .envs(environment.iter().map(|(name, value)| (name, value)))
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
        let start = Instant::now();
        let (status, output) = match missing {
            Some(text) => (Err(text), Vec::new()),
            None => self.execute(&mut command, path),
        };
        let took = start.elapsed().as_secs_f64();
        let ok = matches!(&status, Ok(s) if s.success());
        if ok && let Some(known) = &known {
            let log = session.system.read(&log).unwrap_or_default();
            known.store(&log, &output);
        }
        let _ = std::fs::remove_dir_all(&dir);
        match ok {
            true => self.report_pass(path, &output, &format!("{took:.3}s")),
            false => self.report_failure(path, &status, &output, took),
        }
        if self.json {
            test_json::end(path, if ok { "pass" } else { "fail" }, took, None);
        }
        output::bytes_to_stdout(b"");
        Ok(ok)
    }

    /// Prints what an earlier run printed.
    fn replay(&self, path: &str, output: &[u8]) {
        if self.json {
            let mut converter = test_json::Converter::new(path);
            converter.feed(output);
            converter.finish();
        } else if self.streams() {
            output::bytes_to_stdout(output);
        }
        self.report_pass(path, output, "(cached)");
        if self.json {
            test_json::end(path, "pass", 0.0, None);
        }
    }

    fn report_pass(&self, path: &str, output: &[u8], took: &str) {
        // In the local directory the output is shown; -list's result is the output.
        if !self.streams() && (!self.package_list_mode || self.list) {
            output::bytes_to_stdout(output);
        }
        let text = String::from_utf8_lossy(output);
        let note = match text.contains("testing: warning: no tests to run") {
            true => " [no tests to run]",
            false => "",
        };
        let line = format!("ok  \t{path}\t{took}{note}\n");
        self.emit(path, &line, false);
    }

    fn report_failure(
        &self,
        path: &str,
        status: &Result<std::process::ExitStatus, String>,
        output: &[u8],
        took: f64,
    ) {
        if !self.streams() {
            output::bytes_to_stdout(output);
            if output.last().is_some_and(|&b| b != b'\n') {
                println!();
            }
        }
        // The test's own output tells why it failed; the status is told where there is none to be seen with it.
        let is_told = output.is_empty() || !self.package_list_mode || self.bench;
        match status {
            Ok(status) if is_told => {
                if let Some(text) = exit_text(status) {
                    self.emit(path, &format!("{text}\n"), false);
                }
            }
            Ok(_) => {}
            Err(text) => self.emit(path, &format!("{text}\n"), false),
        }
        let line = format!("FAIL\t{path}\t{took:.3}s\n");
        self.emit(path, &line, true);
    }

    fn emit(&self, package: &str, text: &str, frame: bool) {
        match self.json {
            true => test_json::output(package, text, frame),
            false => print!("{text}"),
        }
    }

    /// Runs the test binary with standard error joined to standard output; streams it when verbose.
    fn execute(
        &self,
        command: &mut Command,
        package: &str,
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
                        "fork/exec {}: {}",
                        Path::new(command.get_program()).display(),
                        modules::error::io_text(&e)
                    )),
                    Vec::new(),
                );
            }
        };
        let package = package.to_owned();
        let (stream, json, limit) = (self.streams(), self.json, self.limit);
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
                    output::bytes_to_stdout(&buffer[..n]);
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
}

/// Go's line about how a process ended.
fn exit_text(status: &std::process::ExitStatus) -> Option<String> {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Some(format!("exit status {code}")),
        (None, Some(signal)) => {
            let core = if status.core_dumped() {
                " (core dumped)"
            } else {
                ""
            };
            Some(format!("signal: {}{core}", signal_name(signal)))
        }
        _ => None,
    }
}
