//! Building and running the Go examples, and asking the doctor about them.
#![allow(dead_code, reason = "every test binary uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// Set to run everything: all releases and build kinds, 200 snapshots.
pub fn full() -> bool {
    std::env::var_os("FERROGO_DOCTOR_FULL").is_some_and(|value| !value.is_empty())
}

/// Whether there is a Go compiler; says so when there is none.
pub fn have_go() -> bool {
    let found = Command::new("go")
        .arg("version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("SKIPPED: no Go compiler on PATH");
    }
    found
}

/// How an example is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    Plain,
    Stripped,
    Pie,
    /// Position-independent and stripped.
    PieStripped,
    /// Without optimisation and inlining.
    Debug,
}

impl Build {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Build::Plain => &[],
            Build::Stripped => &["-ldflags=-s -w"],
            Build::Pie => &["-buildmode=pie"],
            Build::PieStripped => &["-buildmode=pie", "-ldflags=-s -w"],
            Build::Debug => &["-gcflags=all=-N -l"],
        }
    }
}

/// Builds a package of examples/leaks; the result is shared by all tests of a run.
pub fn build(package: &str, build: Build, toolchain: &str) -> PathBuf {
    build_with(package, build.arguments(), toolchain)
}

/// The same with arguments for `go build`.
pub fn build_with(package: &str, arguments: &[&str], toolchain: &str) -> PathBuf {
    let kind: String = arguments
        .concat()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    let name = format!("{}-{kind}-{toolchain}", package.replace('/', "-"));
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/leaks");
    // Modules of their own have their own folder.
    let (dir, target) = match root.join(package).join("go.mod").exists() {
        true => (root.join(package), ".".to_string()),
        false => (root, format!("./{package}")),
    };
    let result = Command::new("go")
        .arg("build")
        .arg("-o")
        .arg(&output)
        .args(arguments)
        .arg(target)
        .current_dir(dir)
        .env("GOTOOLCHAIN", toolchain)
        .env("GOFLAGS", "")
        .env("GOWORK", "off")
        .output()
        .expect("go runs");
    assert!(
        result.status.success(),
        "{package}: {}",
        String::from_utf8_lossy(&result.stderr)
    );
    output
}

/// A running example; it ends when dropped.
pub struct Example {
    pub child: Child,
    /// What it printed after "ready".
    pub said: String,
    out: BufReader<std::process::ChildStdout>,
}

impl Example {
    pub fn start(path: &Path) -> Example {
        Example::spawn(Command::new(path))
    }

    pub fn spawn(mut command: Command) -> Example {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("the example speaks");
        Example {
            child,
            said: line.trim().trim_start_matches("ready").trim().to_string(),
            out,
        }
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Ends it in order; what it says at the end.
    pub fn last_words(&mut self) -> String {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.out.read_to_string(&mut text).ok();
        assert!(
            self.child.wait().is_ok_and(|status| status.success()),
            "the example was harmed"
        );
        text.trim().to_string()
    }

    /// Ends it in order: true when it came through unharmed.
    pub fn finish(mut self) -> bool {
        drop(self.child.stdin.take());
        self.child.wait().is_ok_and(|status| status.success())
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub fn doctor() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ferrogo-doctor"))
}

/// Runs the doctor to the end.
pub fn run(args: &[&str]) -> Output {
    doctor().args(args).output().expect("the doctor runs")
}

/// The JSON report on a target.
pub fn report(args: &[&str]) -> Value {
    let output = doctor()
        .args(args)
        .args(["--json", "-q"])
        .output()
        .expect("the doctor runs");
    assert!(
        output.status.success(),
        "{args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Kinds of the findings above info, with their places.
pub fn serious(report: &Value) -> Vec<(String, String)> {
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or("").to_string();
    report["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|finding| finding["severity"] != "info")
        .map(|finding| (text(finding, "kind"), text(finding, "place")))
        .collect()
}

/// Allocated objects of a type.
pub fn objects(report: &Value, name: &str) -> u64 {
    report["types"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|ty| ty["name"] == name)
        .filter_map(|ty| ty["objects"].as_u64())
        .sum()
}

/// One GET on a connection kept open; false when it failed.
pub fn get(stream: &mut TcpStream, path: &str) -> bool {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    if stream.write_all(request.as_bytes()).is_err() {
        return false;
    }
    let mut data = Vec::new();
    let mut buffer = [0u8; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(count) => data.extend_from_slice(&buffer[..count]),
        }
        let text = String::from_utf8_lossy(&data);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")?
                    .trim()
                    .parse::<usize>()
                    .ok()
            })
            .unwrap_or(0);
        if body.len() >= length {
            return head.starts_with("HTTP/1.1 200");
        }
    }
}

/// Has the kernel write a core of a running example into a folder; `None` where cores go elsewhere.
pub fn kernel_core(program: &Path, dir: &Path) -> Option<PathBuf> {
    // A crashing Go program now and then ends before the kernel has written anything.
    let core = (0..5).find_map(|_| try_kernel_core(program, dir));
    if core.is_none() {
        eprintln!(
            "SKIPPED: the kernel writes no core file here (see /proc/sys/kernel/core_pattern)"
        );
    }
    core
}

fn try_kernel_core(program: &Path, dir: &Path) -> Option<PathBuf> {
    let core = |dir: &Path| {
        std::fs::read_dir(dir)
            .ok()?
            .flatten()
            .map(|entry| entry.path())
            .find(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with("core"))
            })
    };
    if let Some(old) = core(dir) {
        std::fs::remove_file(old).ok();
    }
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("ulimit -c unlimited && exec \"$0\"")
        .arg(program)
        .current_dir(dir)
        .env("GOTRACEBACK", "crash");
    command.stderr(Stdio::null());
    let mut example = Example::spawn(command);
    Command::new("kill")
        .args(["-ABRT", &example.pid()])
        .status()
        .ok()?;
    example.child.wait().ok()?;
    core(dir)
}
/// A memory cgroup with a limit; removed when dropped.
pub struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// Version 1 or 2; `None` where none can be made.
    pub fn new(limit: u64) -> Option<MemoryGroup> {
        for (base, file) in [
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            ("/sys/fs/cgroup", "memory.max"),
        ] {
            let group = Path::new(base).join(format!("ferrogo-doctor-{}", std::process::id()));
            if std::fs::create_dir(&group).is_err() {
                continue;
            }
            let group = MemoryGroup(group);
            if std::fs::write(group.0.join(file), limit.to_string()).is_ok() {
                return Some(group);
            }
        }
        None
    }

    /// Runs a program in the group.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", "echo $$ > \"$0\" && exec \"$1\""])
            .arg(self.0.join("cgroup.procs"))
            .arg(program);
        command
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // A group can be removed once the kernel has let go of its last process.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
