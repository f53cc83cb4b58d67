//! Finds the standard library of the pinned release.
//!
//! In this order: `$GOROOT`; `go env GOROOT` of a `go` on PATH; the toolchain module in the module
//! cache; the toolchain module from the proxy, checked against a pinned hash. Candidates of another
//! release are passed over, except an explicit `$GOROOT`, which is an error.

use crate::cache::{Fetcher, SumMode};
use crate::env::Env;
use crate::error::{Error, ErrorKind, Result};
use crate::{GO_RELEASE, ModuleVersion};
use source::system::{FileKind, RunRequest, System};
use std::path::{Path, PathBuf};

/// Hash of `golang.org/toolchain@v0.0.1-go1.27.3.linux-amd64`, pinned here: no checksum database is asked.
pub const TOOLCHAIN_HASH: &str = "h1:r0ub+FnqzZxoWm/dSUOI9DcIqYWn/mNYGFJcv7PyBzs=";

/// The toolchain module's path.
pub const TOOLCHAIN_PATH: &str = "golang.org/toolchain";

/// Where a GOROOT came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `$GOROOT`.
    Environment,
    /// A `go` on PATH.
    Path,
    /// The module cache.
    Cache,
    /// Downloaded now.
    Downloaded,
}

/// The release named by `VERSION`, without `go`; `None` if it is no GOROOT.
fn release_of(system: &dyn System, dir: &Path) -> Option<String> {
    let bytes = system.read(&dir.join("VERSION")).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let first = text.lines().next()?.trim();
    Some(first.strip_prefix("go").unwrap_or(first).to_string())
}

/// Files that every part of a build needs: a GOROOT without them is damaged.
const ESSENTIAL: [&str; 4] = [
    "src/fmt/print.go",
    "src/internal/abi/type.go",
    "src/reflect/value.go",
    "src/go.mod",
];

fn check_complete(system: &dyn System, dir: &Path) -> Result<()> {
    for name in ESSENTIAL {
        if !system.is_file(&dir.join(name)) {
            return Err(Error::new(format!(
                "GOROOT {} is incomplete: {name} is missing",
                dir.display()
            )));
        }
    }
    Ok(())
}

/// The toolchain module for this machine.
pub fn toolchain_module() -> ModuleVersion {
    ModuleVersion::new(TOOLCHAIN_PATH, format!("v0.0.1-go{GO_RELEASE}.linux-amd64"))
}

/// Finds or downloads GOROOT.
pub fn find(env: &Env) -> Result<(PathBuf, Origin)> {
    let system = &*env.system;
    if let Some(dir) = env.explicit("GOROOT").map(PathBuf::from) {
        // A GOROOT in the environment of another release's `go` (which exports it to children) is passed
        // over only if it is a valid one; a wrong directory is the user's mistake.
        match release_of(system, &dir) {
            Some(release) if release == GO_RELEASE => {
                check_complete(system, &dir)?;
                return Ok((dir, Origin::Environment));
            }
            Some(_) => {}
            None if system.is_dir(&dir) => {
                return Err(Error::new(format!(
                    "GOROOT={} is not a Go release (no readable VERSION file)",
                    dir.display()
                )));
            }
            None => {
                return Err(Error::new(format!(
                    "cannot find GOROOT directory: {}",
                    dir.display()
                )));
            }
        }
    }
    if let Some(dir) = goroot_of_path(env)
        && release_of(system, &dir).as_deref() == Some(GO_RELEASE)
        && check_complete(system, &dir).is_ok()
    {
        return Ok((dir, Origin::Path));
    }
    from_cache_or_proxy(env)
}

/// `go env GOROOT`, without letting that `go` switch or download toolchains. To save the process, a GOROOT
/// is first looked for beside the executable.
fn goroot_of_path(env: &Env) -> Option<PathBuf> {
    let system = &*env.system;
    let path = system.env_var("PATH")?;
    let own = std::env::current_exe()
        .ok()
        .and_then(|exe| system.canonicalize(&exe).ok());
    for dir in path.split(':').filter(|dir| dir.starts_with('/')) {
        let candidate = Path::new(dir).join("go");
        let Ok(real) = system.canonicalize(&candidate) else {
            continue;
        };
        if !system.is_file(&real) || own.as_ref() == Some(&real) {
            continue;
        }
        if let Some(root) = real
            .parent()
            .filter(|bin| bin.ends_with("bin"))
            .and_then(Path::parent)
            && release_of(system, root).is_some()
        {
            return Some(root.to_path_buf());
        }
        let request = RunRequest {
            program: candidate.into(),
            args: vec!["env".into(), "GOROOT".into()],
            dir: Some(PathBuf::from("/")),
            env: vec![
                ("GOTOOLCHAIN".to_string(), "local".to_string()),
                ("GOROOT".to_string(), String::new()),
            ],
        };
        let result = system.run(&request).ok()?;
        let text = String::from_utf8(result.stdout).ok()?;
        return (result.status == 0 && text.trim().starts_with('/'))
            .then(|| PathBuf::from(text.trim()));
    }
    None
}

fn from_cache_or_proxy(env: &Env) -> Result<(PathBuf, Origin)> {
    let system = &*env.system;
    let module = toolchain_module();
    let fetcher = Fetcher::new(env, SumMode::None, false)?;
    let dir = fetcher.unpacked_dir(&module);
    let complete = |dir: &Path| {
        release_of(system, dir).as_deref() == Some(GO_RELEASE)
            && check_complete(system, dir).is_ok()
    };
    let partial = fetcher
        .version_dir(&module.path)
        .join(format!("{}.partial", module.version));
    let pinned = |hash: &str| {
        if hash == TOOLCHAIN_HASH {
            Ok(())
        } else {
            Err(Error {
                text: format!(
                    "verifying {module}: checksum mismatch\n\tdownloaded: {hash}\n\tpinned:     {TOOLCHAIN_HASH}\n\nSECURITY ERROR\nThis download does NOT match the hash that ferrogo expects."
                ),
                kind: ErrorKind::Security,
            })
        }
    };
    if complete(&dir)
        && system.stat(&partial).is_err()
        && fetcher
            .cached_zip_hash(&module)
            .is_none_or(|hash| pinned(&hash).is_ok())
    {
        return Ok((dir, Origin::Cache));
    }
    let what = || {
        format!(
            "the Go {GO_RELEASE} standard library is needed: set GOROOT or allow the download of {module}"
        )
    };
    let versions = fetcher.version_dir(&module.path);
    system
        .create_dir_all(&versions)
        .map_err(|error| Error::io("could not create module cache: mkdir", &versions, &error))?;
    let lock = versions.join(format!("{}.lock", module.version));
    let _lock = system
        .lock(&lock)
        .map_err(|error| Error::io("lock", &lock, &error))?;
    if system.is_dir(&dir) && (!complete(&dir) || system.stat(&partial).is_ok()) {
        system
            .remove_tree(&dir)
            .map_err(|error| Error::io("remove", &dir, &error))?;
        // Absent unless an unpacking was interrupted.
        let _ = system.remove_file(&partial);
    }
    let zip = fetcher.ensure_zip(&module, &pinned);
    fetcher.finish_progress();
    let zip = zip.map_err(|error| {
        if error.kind == ErrorKind::Security {
            error
        } else {
            error.context(what())
        }
    })?;
    if !system.is_dir(&dir) {
        fetcher.unpack(&module, &zip, &dir)?;
        finish_toolchain(system, &dir);
        fetcher.make_read_only(&dir);
    }
    check_complete(system, &dir)?;
    Ok((dir, Origin::Downloaded))
}

/// A module zip cannot hold nested modules or executables: nested `go.mod` files are stored as `_go.mod`,
/// and programs lose their mode. Puts both right, so that the official `go` may use the tree too.
fn finish_toolchain(system: &dyn System, root: &Path) {
    let mut pending = vec![root.to_path_buf()];
    while let Some(dir) = pending.pop() {
        let Ok(entries) = system.read_dir(&dir) else {
            continue;
        };
        let executable = dir.ends_with("bin") || dir.starts_with(root.join("pkg/tool"));
        let mut writable = false;
        for entry in entries {
            let path = dir.join(&entry.name);
            if entry.kind == FileKind::Dir {
                pending.push(path);
            } else if entry.name == "_go.mod" {
                if let Ok(bytes) = system.read(&path) {
                    if !writable {
                        // A failure here shows as a missing go.mod below.
                        let _ = system.set_mode(&dir, 0o755);
                        writable = true;
                    }
                    let _ = system.write_atomic(&dir.join("go.mod"), &bytes, 0o444);
                }
            } else if executable || dir.ends_with("lib/wasm") && entry.name.ends_with("_exec") {
                let _ = system.set_mode(&path, 0o555);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use source::system::{MemSystem, RunResult};
    use std::sync::Arc;

    fn add_goroot(system: &MemSystem, dir: &str, version: &str) {
        system.add_file(format!("{dir}/VERSION"), format!("{version}\ntime 2026\n"));
        for name in ESSENTIAL {
            system.add_file(format!("{dir}/{name}"), "");
        }
    }

    fn check(system: MemSystem, want: Result<(&str, Origin), &str>) {
        system.set_env("HOME", "/h");
        let env = Env::load(Arc::new(system)).unwrap();
        match (find(&env), want) {
            (Ok((dir, origin)), Ok(want)) => {
                assert_eq!((dir.as_path(), origin), (Path::new(want.0), want.1))
            }
            (Err(error), Err(want)) => assert!(error.to_string().contains(want), "{error}"),
            (got, want) => panic!("{got:?} {want:?}"),
        }
    }

    #[test]
    fn goroot_variable_first() {
        let system = MemSystem::new();
        add_goroot(&system, "/go", "go1.27.3");
        system.set_env("GOROOT", "/go");
        check(system, Ok(("/go", Origin::Environment)));
    }

    #[test]
    fn goroot_variable_that_is_no_release() {
        let system = MemSystem::new();
        system.set_env("GOROOT", "/nowhere");
        check(system, Err("cannot find GOROOT directory: /nowhere"));
        let system = MemSystem::new();
        system.add_file("/go/x", "");
        system.set_env("GOROOT", "/go");
        check(system, Err("GOROOT=/go is not a Go release"));
    }

    #[test]
    fn incomplete_goroot_names_the_file() {
        let system = MemSystem::new();
        system.add_file("/go/VERSION", "go1.27.3\n");
        system.set_env("GOROOT", "/go");
        check(
            system,
            Err("GOROOT /go is incomplete: src/fmt/print.go is missing"),
        );
    }

    #[test]
    fn go_on_path() {
        let system = MemSystem::new();
        add_goroot(&system, "/usr/lib/go", "go1.27.3");
        system.add_file("/usr/bin/go", "");
        system.set_env("PATH", "/usr/bin");
        system.set_run(|_| {
            Ok(RunResult {
                status: 0,
                stdout: b"/usr/lib/go\n".to_vec(),
                stderr: Vec::new(),
            })
        });
        check(system, Ok(("/usr/lib/go", Origin::Path)));
    }

    #[test]
    fn another_release_is_passed_over_for_the_cache() {
        let system = MemSystem::new();
        add_goroot(&system, "/usr/local/go", "go1.26.8");
        system.add_file("/usr/local/go/bin/go", "");
        system.set_env("PATH", "/usr/local/go/bin");
        add_goroot(
            &system,
            "/h/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.27.3.linux-amd64",
            "go1.27.3",
        );
        check(
            system,
            Ok((
                "/h/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.27.3.linux-amd64",
                Origin::Cache,
            )),
        );
    }

    #[test]
    fn a_wrong_toolchain_is_refused() {
        let mut proxy = crate::cache::tests::FakeProxy::default();
        let module = toolchain_module();
        proxy.add(&module.path, &module.version, &[("VERSION", "go1.27.3\n")]);
        check(proxy.system(), Err("SECURITY ERROR"));
    }

    #[test]
    fn without_network_the_message_says_what_is_needed() {
        check(
            MemSystem::new(),
            Err(
                "the Go 1.27.3 standard library is needed: set GOROOT or allow the download of golang.org/toolchain@v0.0.1-go1.27.3.linux-amd64",
            ),
        );
    }
}
