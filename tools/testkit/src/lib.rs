//! Helpers that tests of several crates share: running programs, comparing with recorded results.
#![forbid(unsafe_code)]

pub mod corpus;
pub mod generate;
pub mod gotest;
pub mod official;

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Exit status; 128 + n for signal n; `None` if it was killed because of the time limit.
    pub status: Option<i32>,
    #[allow(missing_docs)]
    pub stdout: String,
    #[allow(missing_docs)]
    pub stderr: String,
}

impl Outcome {
    /// The comparable form: exit status, standard output, and of standard error what does not depend on addresses and goroutine
    /// numbers (everything before the first goroutine header).
    pub fn golden(&self) -> String {
        let stderr: String = self
            .stderr
            .lines()
            .take_while(|l| !l.starts_with("goroutine ") && !l.starts_with("[signal "))
            .map(|l| format!("{l}\n"))
            .collect();
        let status = self.status.map_or("timeout".to_owned(), |s| s.to_string());
        format!(
            "-- status --\n{status}\n-- stdout --\n{}-- stderr --\n{}\n",
            self.stdout,
            stderr.trim_end()
        )
    }
}

/// Runs a command to its end or its time limit.
///
/// # Panics
/// If it cannot be started.
pub fn run(command: &mut Command, limit: Duration) -> Outcome {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let read = |mut from: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = from.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = read(Box::new(child.stdout.take().expect("piped")));
    let err = read(Box::new(child.stderr.take().expect("piped")));
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if start.elapsed() > limit => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            _ => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let status = status.map(|s| {
        use std::os::unix::process::ExitStatusExt;
        s.code().unwrap_or_else(|| 128 + s.signal().unwrap_or(0))
    });
    Outcome {
        status,
        stdout: out.join().unwrap_or_default(),
        stderr: err.join().unwrap_or_default(),
    }
}

/// The official `go` of the pinned release, if one can be run: its command line prefix.
pub fn official_go() -> Option<Command> {
    let mut command = Command::new("go");
    command.env("GOTOOLCHAIN", "go1.27.3").env("GOFLAGS", "");
    let version = Command::new("go")
        .env("GOTOOLCHAIN", "go1.27.3")
        .arg("version")
        .output()
        .ok()?;
    String::from_utf8_lossy(&version.stdout)
        .contains("go1.27.3")
        .then_some(command)
}

/// The repository's top folder.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files of a folder with this extension, sorted.
pub fn files_with_extension(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension() == Some(OsStr::new(extension)))
        .collect();
    files.sort();
    files
}

/// Compares with a recorded text; with `UPDATE=1` in the environment records it instead.
///
/// # Errors
/// The first line that differs.
pub fn compare(recorded: &Path, got: &str) -> Result<(), String> {
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(recorded, got).map_err(|e| format!("{}: {e}", recorded.display()));
    }
    let want =
        std::fs::read_to_string(recorded).map_err(|e| format!("{}: {e}", recorded.display()))?;
    if want == got {
        return Ok(());
    }
    let at = want
        .lines()
        .zip(got.lines())
        .position(|(w, g)| w != g)
        .unwrap_or(want.lines().count().min(got.lines().count()));
    Err(format!(
        "{}:{}: want {:?}, got {:?}",
        recorded.display(),
        at + 1,
        want.lines().nth(at).unwrap_or("<end>"),
        got.lines().nth(at).unwrap_or("<end>")
    ))
}
