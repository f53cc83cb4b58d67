//! A directory of its own for one test of the command line.
#![allow(dead_code, reason = "each test program uses a part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// No command of these tests takes so long.
pub const LIMIT: Duration = Duration::from_secs(120);

/// GOROOT as the user's environment has it (fetched, if need be): found once, before the tests shut the network out.
pub fn goroot() -> &'static str {
    static GOROOT: OnceLock<String> = OnceLock::new();
    GOROOT.get_or_init(|| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ferrogo"));
        let outcome = testkit::run(command.args(["env", "GOROOT"]), LIMIT);
        assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
        outcome.stdout.trim().to_owned()
    })
}

/// A directory of its own with files and caches; removed at the end.
pub struct Place {
    /// Holds the module (`m`), caches and what is installed.
    pub dir: PathBuf,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

impl Place {
    /// `archive` has files as `-- name --` and lines.
    pub fn new(name: &str, archive: &str) -> Place {
        let dir =
            std::env::temp_dir().join(format!("ferrogo-commands-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let work = dir.join("m");
        std::fs::create_dir_all(&work).unwrap();
        let place = Place { dir };
        std::fs::write(work.join("go.mod"), "module ex.com/m\n\ngo 1.27\n").unwrap();
        let mut file = PathBuf::new();
        for line in archive.lines() {
            if let Some(name) = line.strip_prefix("-- ").and_then(|l| l.strip_suffix(" --")) {
                file = work.join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, "").unwrap();
            } else {
                let old = std::fs::read_to_string(&file).unwrap();
                std::fs::write(&file, old + line + "\n").unwrap();
            }
        }
        place
    }

    /// The module `ex.com/m`.
    pub fn work(&self) -> PathBuf {
        self.dir.join("m")
    }

    /// Runs a command line of words, where quotes keep spaces; times and directories of the output are replaced.
    pub fn run_as(&self, binary: &Path, line: &str, env: &[(&str, &str)]) -> testkit::Outcome {
        let words = modules::env::split_quoted(line).unwrap();
        let mut command = Command::new(binary);
        command
            .args(words)
            .current_dir(self.work())
            .env("PWD", self.work())
            .env("GOROOT", goroot())
            .env("GOCACHE", self.dir.join("gocache"))
            .env("FERROGOCACHE", self.dir.join("cache"))
            .env("GOPATH", self.dir.join("gopath"))
            .env("GOENV", self.dir.join("env"))
            .env("GOBIN", self.dir.join("bin"))
            .env("GOFLAGS", "-mod=mod")
            .env("GOPROXY", "off")
            .env("GOWORK", "off")
            .envs(env.iter().copied());
        let mut outcome = testkit::run(&mut command, LIMIT);
        for text in [&mut outcome.stdout, &mut outcome.stderr] {
            *text = text
                .replace(&self.dir.display().to_string(), "$DIR")
                .replace(goroot(), "$GOROOT")
                .lines()
                .map(|l| without_times(l) + "\n")
                .collect();
        }
        outcome
    }

    /// Runs ferrogo.
    pub fn run(&self, line: &str) -> testkit::Outcome {
        self.run_as(Path::new(env!("CARGO_BIN_EXE_ferrogo")), line, &[])
    }

    /// Exit status, standard output and standard error.
    #[track_caller]
    pub fn check(&self, line: &str, status: i32, stdout: &str, stderr: &str) {
        let got = self.run(line);
        let want = testkit::Outcome {
            status: Some(status),
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        };
        assert_eq!(got, want, "ferrogo {line}");
    }

    /// Exit status and a part of the output.
    #[track_caller]
    pub fn check_part(&self, line: &str, status: i32, part: &str) {
        let got = self.run(line);
        let text = got.stdout.clone() + &got.stderr;
        assert!(
            got.status == Some(status) && text.contains(part),
            "ferrogo {line}: want status {status} and {part:?}, got {got:?}"
        );
    }
}

/// `0.123s` becomes `TIME`.
fn without_times(line: &str) -> String {
    let is_time = |word: &str| {
        word.strip_suffix('s')
            .is_some_and(|n| n.contains('.') && n.parse::<f64>().is_ok())
    };
    line.split_inclusive(['\t', ' ', '(', ')'])
        .map(|piece| {
            let word = piece.trim_end_matches(['\t', ' ', '(', ')']);
            match is_time(word) {
                true => piece.replace(word, "TIME"),
                false => piece.to_owned(),
            }
        })
        .collect()
}
