//! `go mod init`, `download`, `verify`, `graph`.

use super::package_json::to_json;
use crate::ModuleVersion;
use crate::cache::SumMode;
use crate::dirhash;
use crate::env::Env;
use crate::error::{Error, ErrorKind, Result};
use crate::modload::{ModLoader, ModMode};
use crate::module_path::{self, escape};
use crate::mvs::Pruning;
use serde::Serialize;
use source::system::FileKind;
use std::io::Write;
use std::path::Path;

fn io(error: std::io::Error) -> Error {
    Error::new(error.to_string())
}

/// `mod init [path]`; `mod_file` is written in place of go.mod.
pub fn init(env: &Env, cwd: &Path, mod_file: Option<&Path>, path: Option<&str>) -> Result<()> {
    if env.get("GO111MODULE") == "off" {
        return Err(Error::new(
            "modules disabled by GO111MODULE=off; see 'go help modules'",
        ));
    }
    if let Some(file) = mod_file
        && file.extension().is_none_or(|extension| extension != "mod")
    {
        return Err(Error::new(format!(
            "-modfile={}: file does not have .mod extension",
            file.display()
        )));
    }
    let go_mod = cwd.join(mod_file.unwrap_or(Path::new("go.mod")));
    if env.system.stat(&go_mod).is_ok() {
        return Err(Error::new(format!("{} already exists", go_mod.display())));
    }
    let path = match path {
        Some(path) => path.to_string(),
        None => path_in_gopath(env, cwd).ok_or_else(|| {
            Error::new(format!(
                "cannot determine module path for source directory {} (outside GOPATH, module path must be specified)\n\nExample usage:\n\t'go mod init example.com/m' to initialize a v0 or v1 module\n\t'go mod init example.com/m/v2' to initialize a v2 module\n\nRun 'go help mod init' for more information.",
                cwd.display()
            ))
        })?,
    };
    if crate::patterns::is_local(&path) && !path.starts_with('/') {
        return Err(Error::new(format!(
            "malformed module path {}: is a local import path",
            module_path::quote(&path)
        )));
    }
    if let Err(error) = module_path::check_import_path(&path) {
        let text = error.to_string().replace("import path", "module path");
        return Err(Error::new(text));
    }
    let major = module_path::split_path_version(&path);
    if path.starts_with("gopkg.in/") && major.is_none_or(|(_, version)| version.is_empty()) {
        return Err(Error::new(format!(
            "invalid module path {}: module paths beginning with gopkg.in/ must always have a major version suffix in the form of .vN:\n\tgo mod init {path}.v1",
            module_path::quote(&path)
        )));
    }
    if let Some((start, suffix)) = path.rsplit_once("/v")
        && major.is_none()
        && suffix.bytes().all(|b| b.is_ascii_digit())
        && !suffix.is_empty()
    {
        return Err(Error::new(format!(
            "invalid module path {}: major version suffixes must be in the form of /vN and are only allowed for v2 or later:\n\tgo mod init {start}/v2",
            module_path::quote(&path)
        )));
    }
    if matches!(path.as_str(), "go" | "toolchain") {
        return Err(Error::new(format!(
            "invalid module path {}: ",
            module_path::quote(&path)
        )));
    }
    let used = mod_file.map_or(String::new(), |file| {
        format!(" (using -modfile path {})", file.display())
    });
    env.system
        .eprint_line(&format!("go: creating new go.mod{used}: module {path}"));
    let text = format!(
        "module {}\n\ngo {}\n",
        crate::gomod::syntax::auto_quote(&path),
        crate::GO_RELEASE
    );
    env.system
        .write_atomic(&go_mod, text.as_bytes(), 0o666)
        .map_err(|error| Error::io("write", &go_mod, &error))?;
    if has_source_below(env, cwd) {
        env.system
            .eprint_line("go: to add module requirements and sums:\n\tgo mod tidy");
    }
    Ok(())
}

fn path_in_gopath(env: &Env, cwd: &Path) -> Option<String> {
    env.gopath_list()
        .iter()
        .find_map(|gopath| cwd.strip_prefix(gopath.join("src")).ok())
        .map(|rest| rest.display().to_string())
        .filter(|rest| !rest.is_empty())
}

/// True if the directory has Go files, or directories that may have some.
fn has_source_below(env: &Env, cwd: &Path) -> bool {
    let Ok(entries) = env.system.read_dir(cwd) else {
        return false;
    };
    entries.iter().any(|entry| match entry.kind {
        FileKind::Dir => !entry.name.starts_with(['.', '_']),
        FileKind::File | FileKind::Symlink | FileKind::Other => entry.name.ends_with(".go"),
    })
}

/// One line of `mod download -json`.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the official field names")]
pub struct Downloaded {
    pub path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub query: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub info: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub go_mod: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub zip: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dir: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sum: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub go_mod_sum: String,
}

/// Modules that building and testing the main module needs (with a pruned graph: those that go.mod lists).
fn needed_modules(modules: &ModLoader) -> Result<Vec<ModuleVersion>> {
    if modules.main.is_none() {
        return Err(Error::new(
            "no modules specified (see 'go help mod download')",
        ));
    }
    match modules.pruning() {
        Pruning::Pruned => Ok(modules.requirements().roots),
        Pruning::Unpruned => Ok(modules.graph()?.build_list()),
    }
}

/// `mod download [-json] [module@query...]`. Returns false if some module failed (details are printed).
pub fn download(
    modules: &ModLoader,
    arguments: &[String],
    json: bool,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<bool> {
    modules.fetcher.set_mode(if modules.main.is_some() {
        SumMode::Update
    } else {
        SumMode::None
    });
    let mut wanted: Vec<(ModuleVersion, String, Option<Error>)> = Vec::new();
    if arguments.is_empty() || arguments.iter().any(|argument| argument == "all") {
        let list = needed_modules(modules)?;
        if list.is_empty() {
            modules
                .system()
                .eprint_line("go: no module dependencies to download");
        }
        wanted.extend(list.into_iter().map(|module| (module, String::new(), None)));
    }
    for argument in arguments.iter().filter(|argument| *argument != "all") {
        let (path, query) = argument.split_once('@').unwrap_or((argument, ""));
        if query.is_empty() {
            let version = modules.requirements().root(path).map(str::to_string);
            let version = match version {
                Some(version) => version,
                None => match modules.graph()?.selected(path) {
                    Some(version) => version.to_string(),
                    None => {
                        return Err(Error::new(format!("module {path}: not a known dependency")));
                    }
                },
            };
            wanted.push((ModuleVersion::new(path, version), String::new(), None));
            continue;
        }
        match modules.query(path, query, "") {
            Ok(info) => wanted.push((
                ModuleVersion::new(path, info.version),
                query.to_string(),
                None,
            )),
            Err(error) => wanted.push((
                ModuleVersion::new(path, query),
                query.to_string(),
                Some(error),
            )),
        }
    }
    // Directory replacements need no download; others are fetched as their targets.
    let targets: Vec<ModuleVersion> = wanted
        .iter()
        .filter(|(_, _, error)| error.is_none())
        .filter_map(|(module, _, _)| match modules.replacement(module) {
            Some(replace) if replace.is_dir() => None,
            Some(replace) => Some(ModuleVersion::new(&replace.new_path, &replace.new_version)),
            None => Some(module.clone()),
        })
        .collect();
    modules.fetcher.download_all(&targets);
    let mut good = true;
    for (module, query, failed) in wanted {
        let replace = modules.replacement(&module);
        if replace.is_some_and(|replace| replace.is_dir()) {
            if let Err(error) = modules.summary(&module) {
                good = false;
                writeln!(errors, "{error}").map_err(io)?;
            }
            continue;
        }
        let target = match replace {
            Some(replace) => ModuleVersion::new(&replace.new_path, &replace.new_version),
            None => module.clone(),
        };
        let mut record = Downloaded {
            path: module.path.clone(),
            version: module.version.clone(),
            // An exact version is no query.
            query: if query == module.version {
                String::new()
            } else {
                query
            },
            ..Downloaded::default()
        };
        let result = match failed {
            Some(error) => Err(error),
            None => fill(modules, &target, &mut record),
        };
        if let Err(error) = result {
            good = false;
            if error.kind == ErrorKind::Security && !json {
                return Err(Error {
                    kind: ErrorKind::Bare,
                    ..error
                });
            }
            record.error.clone_from(&error.text);
            if !json {
                writeln!(errors, "{error}").map_err(io)?;
            }
        }
        if json {
            writeln!(out, "{}", to_json(&record)?).map_err(io)?;
        }
    }
    // Sums of what the main module does not need are not kept.
    let is_needed = arguments.is_empty()
        || targets
            .iter()
            .any(|m| modules.requirements().root(&m.path) == Some(m.version.as_str()));
    if arguments.is_empty() {
        modules.fetcher.drop_new_zip_sums();
    }
    if is_needed && modules.main.is_some() && modules.mode != ModMode::Vendor {
        modules.fetcher.save_sums(false)?;
    }
    Ok(good)
}

fn fill(modules: &ModLoader, module: &ModuleVersion, record: &mut Downloaded) -> Result<()> {
    let base = modules.fetcher.version_dir(&module.path);
    let name = |suffix: &str| {
        base.join(format!("{}.{suffix}", escape(&module.version)))
            .display()
            .to_string()
    };
    let bytes = modules.fetcher.go_mod(module)?;
    record.go_mod = name("mod");
    record.go_mod_sum = dirhash::hash_go_mod(&bytes);
    if modules.fetcher.info(&module.path, &module.version).is_ok() {
        record.info = name("info");
    }
    record.dir = modules.fetcher.download(module)?.display().to_string();
    record.zip = name("zip");
    record.sum = modules.fetcher.cached_zip_hash(module).unwrap_or_default();
    Ok(())
}

/// `mod verify`. Returns false if something was modified.
pub fn verify(modules: &ModLoader, out: &mut dyn Write, errors: &mut dyn Write) -> Result<bool> {
    if modules.main.is_none() {
        return Err(Error::new(
            "go.mod file not found in current directory or any parent directory; see 'go help modules'",
        ));
    }
    modules.fetcher.set_mode(SumMode::Update);
    let graph = modules.graph().map_err(|error| match error.kind {
        ErrorKind::Security => Error {
            kind: ErrorKind::Bare,
            ..error
        },
        _ => error,
    })?;
    let list: Vec<ModuleVersion> = graph.build_list();
    let problems =
        crate::cache::parallel_map(&list, 4, |module| match modules.replacement(module) {
            Some(replace) if replace.is_dir() => Vec::new(),
            Some(replace) => modules
                .fetcher
                .verify_unpacked(&ModuleVersion::new(&replace.new_path, &replace.new_version)),
            None => modules.fetcher.verify_unpacked(module),
        });
    let mut good = true;
    for problem in problems.into_iter().flatten() {
        good = false;
        writeln!(errors, "{problem}").map_err(io)?;
    }
    if good {
        writeln!(out, "all modules verified").map_err(io)?;
    }
    Ok(good)
}

/// `mod graph`.
pub fn graph(modules: &ModLoader, out: &mut dyn Write) -> Result<()> {
    if modules.main.is_none() {
        return Err(Error::new(
            "go.mod file not found in current directory or any parent directory; see 'go help modules'",
        ));
    }
    modules.fetcher.set_mode(SumMode::Update);
    let graph = modules.graph()?;
    for (from, to) in graph.edges() {
        writeln!(out, "{from} {to}").map_err(io)?;
    }
    Ok(())
}
