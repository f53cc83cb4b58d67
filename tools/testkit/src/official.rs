//! The official compiler of the pinned release, called directly, for recording what it says.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `go tool compile` with the standard library's export data.
pub struct Compiler {
    program: PathBuf,
    /// Lines `packagefile path=file` of the standard library.
    pub importcfg: String,
    /// Where it runs and leaves its files.
    pub dir: PathBuf,
}

impl Compiler {
    /// Finds it; `None` where the official `go` of the pinned release cannot be run. `dir` is made.
    pub fn find(dir: &Path) -> Option<Compiler> {
        let go = |args: &[&str]| {
            let output = crate::official_go()?
                .env("CGO_ENABLED", "0")
                .args(args)
                .output()
                .ok()?;
            output
                .status
                .success()
                .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let program = PathBuf::from(go(&["tool", "-n", "compile"])?.trim());
        let importcfg = go(&[
            "list",
            "-export",
            "-f",
            "{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}",
            "std",
        ])?;
        // Packages of std import vendored ones by their own paths.
        let vendored: String = importcfg
            .lines()
            .filter_map(|line| {
                let path = line
                    .strip_prefix("packagefile vendor/")?
                    .split('=')
                    .next()?;
                Some(format!("importmap {path}=vendor/{path}\n"))
            })
            .collect();
        let importcfg = format!("{vendored}{importcfg}");
        std::fs::create_dir_all(dir).ok()?;
        Some(Compiler {
            program,
            importcfg,
            dir: dir.to_owned(),
        })
    }

    /// Compiles; returns whether it succeeded and all it printed. `packages`: further `packagefile` lines.
    ///
    /// # Panics
    /// If the compiler cannot be started or files cannot be written.
    pub fn compile(&self, flags: &[&str], packages: &str, files: &[PathBuf]) -> (bool, String) {
        let config = self.dir.join("importcfg");
        std::fs::write(&config, format!("{}\n{packages}", self.importcfg)).expect("writable");
        let output = Command::new(&self.program)
            .arg(format!("-importcfg={}", config.display()))
            .args(flags)
            .args(files)
            .current_dir(&self.dir)
            .output()
            .expect("the compiler runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    }
}
