//! `ferrogo clean`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use driver::cache::Cache;
use modules::{Loader, Package, commands};
use source::system::FileKind;

use crate::build::binary_name;
use crate::flags::{self, BUILD, Flag, boolean};
use crate::help;
use crate::session::{Failure, Session};
use crate::test_cache;

/// Flags of `go clean` itself.
pub const FLAGS: &[Flag] = &[
    boolean("i"),
    boolean("r"),
    boolean("cache"),
    boolean("testcache"),
    boolean("modcache"),
    boolean("fuzzcache"),
];

/// `ferrogo clean`.
///
/// # Errors
/// Text and exit status.
pub fn clean(args: &[String]) -> Result<ExitCode, Failure> {
    let known = &[FLAGS, BUILD];
    let parsed =
        flags::parse(args, known, false).map_err(|text| help::usage_error("clean", &text))?;
    let cache_flag = ["cache", "fuzzcache", "modcache", "testcache"]
        .into_iter()
        .find(|name| parsed.is_set(name));
    if let Some(name) = cache_flag
        && !parsed.args.is_empty()
    {
        return Err(Failure::from(format!(
            "go: clean -{name} cannot be used with package arguments"
        )));
    }
    let session = Session::new("clean", parsed, known)?;
    if session.flags.is_set("cache")
        && let Some(cache) = Cache::open(&*session.system)
    {
        session.show_on_stdout(|| format!("rm -rf {}", cache.dir().display()));
        if !session.is_dry() {
            commands::clean::build_cache(&session.env, cache.dir())?;
        }
    }
    if session.flags.is_set("modcache") {
        let dir = session.env.modcache()?;
        session.show_on_stdout(|| format!("rm -rf {}", dir.display()));
        if !session.is_dry() {
            commands::clean::modcache(&session.env)?;
        }
    }
    if session.flags.is_set("testcache")
        && !session.flags.is_set("cache")
        && !session.is_dry()
        && let Some(cache) = Cache::open(&*session.system)
    {
        test_cache::expire(&*session.system, &cache)
            .map_err(|e| format!("go: {}", modules::error::io_text(&e)))?;
    }
    // Fuzzing inputs are not cached: nothing to do for -fuzzcache.
    if cache_flag.is_none() {
        clean_packages(&session)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn clean_packages(session: &Session) -> Result<(), Failure> {
    let options = session.load_options(false, false);
    let loader = Loader::with_goroot(&session.env, &session.goroot, options)?;
    if session.flags.args.is_empty() && loader.modules.main.is_none() {
        return Ok(());
    }
    let graph = loader.load(&session.flags.args)?;
    // Broken packages can be cleaned too; those that do not exist are errors.
    let missing: Vec<String> = graph
        .roots
        .iter()
        .map(|&id| graph.package(id))
        .filter(|p| p.dir.as_os_str().is_empty())
        .flat_map(|p| p.errors.iter().map(|e| e.render(&graph.cwd)))
        .collect();
    if !missing.is_empty() {
        return Err(Failure::from(missing.join("\n")));
    }
    let mut ids: BTreeSet<_> = graph.roots.iter().copied().collect();
    if session.flags.is_set("r") {
        ids.extend(graph.roots.iter().flat_map(|&id| graph.dependencies(id)));
    }
    for id in ids {
        let package = graph.package(id);
        // Directories of std and of the module cache are nobody's place to build.
        let is_own = package.module.as_ref().is_none_or(|m| m.is_main);
        if !package.is_std && is_own {
            clean_directory(session, package)?;
        }
        if session.flags.is_set("i") && package.name == "main" {
            remove(
                session,
                &session.env.install_dir().join(binary_name(&graph, id)),
            )?;
        }
    }
    Ok(())
}

/// Removes what `go help clean` lists.
fn clean_directory(session: &Session, package: &Package) -> Result<(), Failure> {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut programs = vec![last(&package.dir.to_string_lossy())];
    programs.push(last(&package.import_path));
    let mut names: BTreeSet<String> = programs
        .iter()
        .filter(|name| !name.is_empty())
        .flat_map(|name| ["", ".exe", ".test", ".test.exe"].map(|suffix| format!("{name}{suffix}")))
        .collect();
    if package.name == "main" {
        for file in &package.files {
            let name = file.name();
            let stem = name.trim_end_matches(".go");
            names.extend([stem.to_owned(), format!("{stem}.exe")]);
        }
    }
    names.extend(["_testmain.go", "test.out", "build.out", "a.out"].map(str::to_owned));
    let Ok(entries) = session.system.read_dir(&package.dir) else {
        return Ok(());
    };
    for entry in entries {
        let path = package.dir.join(&entry.name);
        let is_object = Path::new(&entry.name)
            .extension()
            .is_some_and(|e| ["5", "6", "8", "a", "o", "so"].iter().any(|x| e == *x));
        match entry.kind {
            FileKind::Dir if matches!(entry.name.as_str(), "_obj" | "_test") => {
                session.show_on_stdout(|| format!("rm -r {}", path.display()));
                if !session.is_dry() {
                    session
                        .system
                        .remove_tree(&path)
                        .map_err(|e| failed(&path, &e))?;
                }
            }
            FileKind::File if is_object || names.contains(&entry.name) => remove(session, &path)?,
            _ => {}
        }
    }
    Ok(())
}

fn remove(session: &Session, path: &Path) -> Result<(), Failure> {
    session.show_on_stdout(|| format!("rm -f {}", path.display()));
    if session.is_dry() || !session.system.is_file(path) {
        return Ok(());
    }
    session
        .system
        .remove_file(path)
        .map_err(|e| failed(path, &e))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::from(format!(
        "go: remove {}: {}",
        path.display(),
        modules::error::io_text(error)
    ))
}
