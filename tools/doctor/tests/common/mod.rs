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
}

/// Builds a package of examples/leaks; the result is shared by all tests of a run.
pub fn build(package: &str, build: Build, toolchain: &str) -> PathBuf {
    let name = format!("{}-{build:?}-{toolchain}", package.replace('/', "-"));
    let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/leaks");
    // Modules of their own have their own folder.
    let (dir, target) = match root.join(package).join("go.mod").exists() {
        true => (root.join(package), ".".to_string()),
        false => (root, format!("./{package}")),
    };
    let mut command = Command::new("go");
    command
        .arg("build")
        .arg("-o")
        .arg(&output)
        .current_dir(dir)
        .env("GOTOOLCHAIN", toolchain)
        .env("GOFLAGS", "")
        .env("GOWORK", "off");
    match build {
        Build::Plain => {}
        Build::Stripped => {
            command.arg("-ldflags=-s -w");
        }
        Build::Pie => {
            command.arg("-buildmode=pie");
        }
    }
    let result = command.arg(target).output().expect("go runs");
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
    _out: BufReader<std::process::ChildStdout>,
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
            _out: out,
        }
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
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
