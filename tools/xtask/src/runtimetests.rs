//! The suite of std's own `runtime` tests for `cargo xtask stdtest runtime`.
//!
//! `tests/conformance/runtimetests` selects what uses exported API only. Since most of the package's tests reach into gc's runtime, they
//! run in a copy of GOROOT (of hard links) whose `src/runtime` has the selected ones only. Tests that build programs get a `go` that is
//! the tool under test.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Files of testdata/testprog whose functions are written in assembly.
const WITH_ASSEMBLY: &[&str] = &["cpuflags_amd64.go", "framepointer.go"];

/// A GOROOT with the selected tests.
pub struct Tree {
    /// The copy.
    pub goroot: PathBuf,
    /// Folder with the `go` for tests that call it; first in PATH.
    pub bin: PathBuf,
}

/// Makes the tree under `temp`. `run` is the tool's command with its environment, for a folder.
pub fn prepare(
    tool: &Path,
    root: &Path,
    goroot: &Path,
    temp: &Path,
    run: impl Fn(&Path) -> Command,
) -> Result<Tree, String> {
    let context = |what: &Path| {
        let what = what.display().to_string();
        move |error: std::io::Error| format!("{what}: {error}")
    };
    let selected = temp.join("selected");
    let selector = root.join("tests/conformance/runtimetests");
    let outcome = testkit::run(
        run(&selector).args(["run", "."]).arg(goroot).arg(&selected),
        Duration::from_secs(900),
    );
    if outcome.status != Some(0) {
        return Err(format!("selection of runtime's tests: {}", outcome.stderr));
    }
    println!(
        "{} tests of package runtime use exported API only",
        outcome.stdout.lines().count()
    );
    let copy = temp.join("goroot");
    link_tree(goroot, &copy).map_err(context(&copy))?;
    let package = copy.join("src/runtime");
    for entry in std::fs::read_dir(&package).map_err(context(&package))? {
        let path = entry.map_err(context(&package))?.path();
        if path.to_string_lossy().ends_with("_test.go") {
            std::fs::remove_file(&path).map_err(context(&path))?;
        }
    }
    for entry in std::fs::read_dir(&selected).map_err(context(&selected))? {
        let path = entry.map_err(context(&selected))?.path();
        if let Some(name) = path
            .file_name()
            .filter(|_| path.extension().is_some_and(|e| e == "go"))
        {
            std::fs::copy(&path, package.join(name)).map_err(context(&path))?;
        }
    }
    // Programs that the tests build are compiled by the tool too; what of them needs an assembler is left out.
    let programs = package.join("testdata/testprog");
    for entry in std::fs::read_dir(&programs).map_err(context(&programs))? {
        let path = entry.map_err(context(&programs))?.path();
        let assembly = path.extension().is_some_and(|e| e == "s");
        let declares = path
            .file_name()
            .is_some_and(|n| WITH_ASSEMBLY.iter().any(|f| n == *f));
        if assembly || declares {
            std::fs::remove_file(&path).map_err(context(&path))?;
        }
    }
    let bin = temp.join("bin");
    std::fs::create_dir_all(&bin).map_err(context(&bin))?;
    let go = bin.join("go");
    let real = match tool == Path::new("go") {
        true => copy.join("bin/go"),
        false => tool.to_owned(),
    };
    // internal/testenv asks whether there is a compiler by looking for the program.
    let script = format!(
        "#!/bin/sh\n[ \"$1 $2\" = \"tool -n\" ] && echo \"$0\" && exit 0\nexec '{}' \"$@\"\n",
        real.display()
    );
    std::fs::write(&go, script).map_err(context(&go))?;
    std::fs::set_permissions(&go, PermissionsExt::from_mode(0o755)).map_err(context(&go))?;
    Ok(Tree { goroot: copy, bin })
}

/// A copy whose files are the same; where the file system refuses, real copies.
fn link_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    let mut pending = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = pending.pop() {
        for entry in std::fs::read_dir(&from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                std::fs::create_dir_all(&target)?;
                pending.push((entry.path(), target));
            } else if std::fs::hard_link(entry.path(), &target).is_err() {
                std::fs::copy(entry.path(), &target)?;
            }
        }
    }
    Ok(())
}
