//! Expands the package patterns of the command line. Source: `go help packages`.

use crate::error::{Error, Result};
use crate::load::Loader;
use crate::load::package::PackageError;
use crate::modload::resolve::Resolved;
use crate::modload::{MainModule, ModMode, relative};
use crate::module_path::{self, has_path_prefix, is_std_like};
use source::system::{FileKind, clean_join};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A package that a pattern names.
#[derive(Clone, Debug, Default)]
pub struct Root {
    /// Import path.
    pub path: String,
    /// Its place, if the pattern already tells.
    pub resolved: Option<Resolved>,
    /// Files named one by one.
    pub files: Option<Vec<PathBuf>>,
    /// Found by `...`, `all`, `std` or `cmd`: nothing to build there is no error.
    pub by_wildcard: bool,
    /// What is wrong with the pattern.
    pub error: Option<PackageError>,
    /// Patterns that matched it.
    pub patterns: Vec<String>,
}

/// The roots of a command.
#[derive(Clone, Debug, Default)]
pub struct Matched {
    /// In pattern order, each once.
    pub roots: Vec<Root>,
    /// `go: warning: "x" matched no packages`.
    pub warnings: Vec<String>,
}

impl Matched {
    fn add(&mut self, pattern: &str, mut root: Root) {
        if let Some(known) = self.roots.iter_mut().find(|known| known.path == root.path) {
            if !known.patterns.iter().any(|known| known == pattern) {
                known.patterns.push(pattern.to_string());
            }
            known.by_wildcard &= root.by_wildcard;
            return;
        }
        root.patterns.push(pattern.to_string());
        self.roots.push(root);
    }
}

/// True for `.`, `..`, `./x`, `../x`, `/x`.
pub fn is_local(pattern: &str) -> bool {
    pattern == "."
        || pattern == ".."
        || pattern.starts_with("./")
        || pattern.starts_with("../")
        || pattern.starts_with('/')
}

/// Matches `pattern` with `...` against a path. A trailing `/...` also matches nothing, and `...` does not
/// reach into `vendor` elements that the pattern does not name.
pub fn match_pattern(pattern: &str, path: &str) -> bool {
    if let Some(prefix) = pattern.strip_suffix("/...")
        && !prefix.contains("...")
    {
        return path == prefix
            || path
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.starts_with('/'));
    }
    let pieces: Vec<&str> = pattern.split("...").collect();
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
        return false;
    };
    if pieces.len() == 1 {
        return pattern == path;
    }
    let Some(mut rest) = path.strip_prefix(first) else {
        return pattern.ends_with("/...") && path == pattern.trim_end_matches("/...");
    };
    for piece in &pieces[1..pieces.len() - 1] {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Expands patterns; without any, the package of the current directory.
pub fn expand(loader: &Loader, patterns: &[String]) -> Result<Matched> {
    let default = [".".to_string()];
    // An empty pattern is the current directory.
    let patterns: Vec<String> = match patterns.is_empty() {
        true => default.to_vec(),
        false => patterns
            .iter()
            .map(|pattern| match pattern.as_str() {
                "" => ".".to_string(),
                _ => pattern.clone(),
            })
            .collect(),
    };
    let patterns = patterns.as_slice();
    let mut matched = Matched::default();
    if patterns
        .iter()
        .any(|pattern| pattern.ends_with(".go") && !pattern.contains("..."))
    {
        matched.roots.push(named_files(loader, patterns)?);
        return Ok(matched);
    }
    for pattern in patterns {
        let before = matched.roots.len();
        match pattern.as_str() {
            "all" => all(loader, pattern, &mut matched)?,
            "std" | "cmd" => {
                for path in goroot_packages(loader, pattern) {
                    matched.add(
                        pattern,
                        Root {
                            path,
                            by_wildcard: true,
                            ..Root::default()
                        },
                    );
                }
            }
            "tool" => {
                let main = main_module(loader, pattern)?;
                for tool in &main.file.tool {
                    matched.add(
                        pattern,
                        Root {
                            path: tool.clone(),
                            ..Root::default()
                        },
                    );
                }
            }
            "work" => {
                main_module(loader, pattern)?;
                local_wildcard_of_main(loader, &mut matched)?;
            }
            _ if is_local(pattern) && pattern.contains("...") => {
                local_wildcard(loader, pattern, &mut matched)?
            }
            _ if is_local(pattern) => {
                let root = local_package(loader, pattern)?;
                matched.add(pattern, root);
                continue;
            }
            _ if pattern.contains("...") => wildcard(loader, pattern, &mut matched)?,
            _ => {
                let mut root = Root {
                    path: pattern.clone(),
                    ..Root::default()
                };
                if pattern.contains('@') {
                    let text = "can only use path@version syntax with 'go get' and 'go install' in module-aware mode";
                    root.error = Some(PackageError::of(pattern, text));
                } else if let Err(error) = module_path::check_import_path(pattern) {
                    root.error = Some(PackageError {
                        bare: true,
                        ..PackageError::of(pattern, error.to_string())
                    });
                }
                matched.add(pattern, root);
                continue;
            }
        }
        if matched.roots.len() == before
            && !matched
                .roots
                .iter()
                .any(|root| root.patterns.iter().any(|known| known == pattern))
        {
            matched.warnings.push(format!(
                "go: warning: {} matched no packages",
                module_path::quote(pattern)
            ));
        }
    }
    Ok(matched)
}

fn main_module<'a>(loader: &'a Loader, pattern: &str) -> Result<&'a MainModule> {
    loader.modules.main.as_ref().ok_or_else(|| {
        Error::new(format!(
            "go.mod file not found in current directory or any parent directory; see 'go help modules' (pattern {pattern})"
        ))
    })
}

fn no_go_mod() -> Error {
    Error::new(
        "go.mod file not found in current directory or any parent directory; see 'go help modules'",
    )
}

fn named_files(loader: &Loader, patterns: &[String]) -> Result<Root> {
    let mut files = Vec::new();
    let mut dir: Option<PathBuf> = None;
    for name in patterns {
        if !name.ends_with(".go") {
            return Err(Error::bare(format!(
                "named files must be .go files: {name}"
            )));
        }
        let path = clean_join(loader.cwd(), name);
        let stat = loader
            .modules
            .system()
            .stat(&path)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Error::bare(format!(
                    "no required module provides package {name}; to add it:\n\tgo get {name}"
                )),
                _ => Error::io("stat", &path, &error),
            })?;
        if stat.is_dir() {
            return Err(Error::bare(format!(
                "{name} is a directory, should be a Go file"
            )));
        }
        let parent = path.parent().map(Path::to_path_buf).unwrap_or_default();
        match &dir {
            Some(known) if *known != parent => {
                let show = |path: &Path| crate::modload::short_path(loader.cwd(), path);
                return Err(Error::bare(format!(
                    "named files must all be in one directory; have {} and {}",
                    show(known),
                    show(&parent)
                )));
            }
            _ => dir = Some(parent),
        }
        files.push(path);
    }
    let dir = dir.unwrap_or_default();
    let module = loader
        .modules
        .main
        .as_ref()
        .filter(|main| dir.starts_with(&main.dir))
        .map(|main| loader.modules.main_info(main));
    Ok(Root {
        path: "command-line-arguments".to_string(),
        resolved: Some(Resolved::new(module, dir)),
        files: Some(files),
        ..Root::default()
    })
}

/// The import path of a directory in the main module, std, or a module of the build list.
fn import_path_of(loader: &Loader, dir: &Path) -> Option<(String, Resolved)> {
    let src = loader.goroot.join("src");
    if let Ok(rest) = dir.strip_prefix(&src) {
        let path = rest.display().to_string();
        if !path.is_empty() {
            return Some((path, Resolved::new(None, dir.to_path_buf())));
        }
    }
    let main = loader.modules.main.as_ref();
    if let Some(main) = main
        && let Ok(rest) = dir.strip_prefix(&main.dir)
    {
        let rest = rest.display().to_string();
        let path = if rest.is_empty() {
            main.path.clone()
        } else {
            format!("{}/{rest}", main.path)
        };
        let nested = dir
            .ancestors()
            .take_while(|parent| *parent != main.dir)
            .any(|parent| loader.modules.system().is_file(&parent.join("go.mod")));
        if !nested {
            return Some((
                path,
                Resolved::new(Some(loader.modules.main_info(main)), dir.to_path_buf()),
            ));
        }
    }
    // A module that lies in the main module's directory is not entered by its place, not even one that replaces another.
    if main.is_some_and(|main| dir.starts_with(&main.dir)) {
        return None;
    }
    for root in loader.modules.requirements().roots {
        let Ok(info) = loader.modules.locate(&root) else {
            continue;
        };
        if let Ok(rest) = dir.strip_prefix(&info.dir) {
            let rest = rest.display().to_string();
            let path = if rest.is_empty() {
                root.path.clone()
            } else {
                format!("{}/{rest}", root.path)
            };
            return Some((path, Resolved::new(Some(info), dir.to_path_buf())));
        }
    }
    None
}

fn local_package(loader: &Loader, pattern: &str) -> Result<Root> {
    let system = loader.modules.system();
    let dir = clean_join(loader.cwd(), pattern);
    let bare = |text: String| Root {
        path: pattern.to_string(),
        error: Some(PackageError {
            bare: true,
            ..PackageError::of(pattern, text)
        }),
        ..Root::default()
    };
    if loader.modules.main.is_none() && !dir.starts_with(loader.goroot.join("src")) {
        return Err(no_go_mod());
    }
    match system.stat(&dir) {
        Ok(stat) if stat.is_dir() => {}
        Ok(_) => return Ok(bare(format!("{} is not a directory", dir.display()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
            return Ok(bare(format!("stat {}: not a directory", dir.display())));
        }
        Err(_) => return Ok(bare(format!("stat {}: directory not found", dir.display()))),
    }
    if let Some((path, resolved)) = import_path_of(loader, &dir) {
        return Ok(Root {
            error: path_error(&path),
            path,
            resolved: Some(resolved),
            ..Root::default()
        });
    }
    match &loader.modules.main {
        None => Err(no_go_mod()),
        Some(main) => {
            if let Some(nested) = crate::modload::find_module_root(system, &dir)
                .filter(|root| root.starts_with(&main.dir) && *root != main.dir)
            {
                let text = format!(
                    "main module ({}) does not contain package {}/{}",
                    main.path,
                    main.path,
                    relative(&main.dir, &dir).unwrap_or_default()
                );
                let _ = nested;
                return Ok(bare(text));
            }
            if !loader.modules.has_go_files(&dir) {
                return Ok(bare(format!("no Go files in {}", dir.display())));
            }
            let shown = crate::modload::short_path(loader.cwd(), &dir);
            Ok(bare(format!(
                "directory {shown} outside main module or its selected dependencies"
            )))
        }
    }
}

/// Directories below `root` (with `root`), in walking order, that may hold packages of the same module.
fn walk_dirs(
    loader: &Loader,
    root: &Path,
    ignore: &dyn Fn(&Path) -> bool,
    skip_vendor: bool,
) -> Vec<PathBuf> {
    let system = loader.modules.system();
    let mut out = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(dir) = pending.pop() {
        if ignore(&dir) {
            continue;
        }
        let Ok(entries) = system.read_dir(&dir) else {
            continue;
        };
        if dir != root
            && entries
                .iter()
                .any(|entry| entry.name == "go.mod" && entry.kind != FileKind::Dir)
        {
            continue;
        }
        let mut subdirs: Vec<PathBuf> = entries
            .iter()
            .filter(|entry| entry.kind == FileKind::Dir)
            .filter(|entry| !entry.name.starts_with(['.', '_']) && entry.name != "testdata")
            .filter(|entry| !(skip_vendor && entry.name == "vendor"))
            .map(|entry| dir.join(&entry.name))
            .collect();
        subdirs.reverse();
        pending.append(&mut subdirs);
        out.push(dir);
    }
    out
}

fn ignored_dirs(main: &MainModule) -> impl Fn(&Path) -> bool + '_ {
    move |dir: &Path| {
        let Ok(rest) = dir.strip_prefix(&main.dir) else {
            return false;
        };
        let rest = rest.display().to_string();
        main.file
            .ignore
            .iter()
            .any(|pattern| match pattern.strip_prefix("./") {
                Some(anchored) => rest == anchored.trim_end_matches('/'),
                None => {
                    let pattern = pattern.trim_end_matches('/');
                    rest == pattern || rest.ends_with(&format!("/{pattern}"))
                }
            })
    }
}

fn local_wildcard(loader: &Loader, pattern: &str, matched: &mut Matched) -> Result<()> {
    match local_wildcard_in(loader, pattern, matched) {
        // It is the pattern that cannot be used: other patterns can.
        Err(error) if error.kind == crate::error::ErrorKind::Bare => {
            matched.add(pattern, broken_pattern(pattern, error.text));
            Ok(())
        }
        result => result,
    }
}

/// A pattern that names nothing, with the reason.
fn broken_pattern(pattern: &str, text: String) -> Root {
    Root {
        path: pattern.to_string(),
        error: Some(PackageError {
            bare: true,
            ..PackageError::of(pattern, text)
        }),
        ..Root::default()
    }
}

fn local_wildcard_in(loader: &Loader, pattern: &str, matched: &mut Matched) -> Result<()> {
    // Everything before the first element with `...` is a plain directory.
    let cut = pattern.find("...").unwrap_or(pattern.len());
    let base = pattern[..cut]
        .rfind('/')
        .map_or(".", |at| &pattern[..at.max(1)]);
    let root = clean_join(loader.cwd(), base);
    let Some(main) = &loader.modules.main else {
        if import_path_of(loader, &root).is_none() && !root.starts_with(loader.goroot.join("src")) {
            return Err(Error::bare(format!(
                "pattern {pattern}: directory prefix {} does not contain main module or its selected dependencies",
                crate::modload::short_path(loader.cwd(), &root)
            )));
        }
        return Ok(());
    };
    if !loader.modules.system().is_dir(&root) {
        return Err(Error::bare(format!(
            "pattern {pattern}: lstat {base}/: no such file or directory"
        )));
    }
    if !root.starts_with(&main.dir) && !root.starts_with(loader.goroot.join("src")) {
        let shown = crate::modload::short_path(loader.cwd(), &root);
        return Err(Error::bare(format!(
            "pattern {pattern}: directory prefix {shown} does not contain main module or its selected dependencies"
        )));
    }
    // Not even the directory where the search begins may be one that wildcards leave out, unless it is `.`.
    let begins = base.rsplit('/').next().unwrap_or(base);
    let is_dots = matches!(begins, "." | "..");
    if begins == "testdata" || begins.starts_with(['.', '_']) && !is_dots {
        return Ok(());
    }
    let ignore = ignored_dirs(main);
    let full_pattern = clean_pattern(loader.cwd(), pattern);
    for dir in walk_dirs(loader, &root, &ignore, root.starts_with(&main.dir)) {
        if !match_pattern(&full_pattern, &dir.display().to_string())
            || !loader.modules.has_go_files(&dir)
        {
            continue;
        }
        if let Some((path, resolved)) = import_path_of(loader, &dir) {
            matched.add(
                pattern,
                Root {
                    error: path_error(&path),
                    path,
                    resolved: Some(resolved),
                    by_wildcard: true,
                    ..Root::default()
                },
            );
        }
    }
    Ok(())
}

/// What is wrong with the import path that a directory has.
fn path_error(path: &str) -> Option<PackageError> {
    let error = module_path::check_import_path(path).err()?;
    Some(PackageError {
        bare: true,
        ..PackageError::of(path, error.to_string())
    })
}

/// `work`: the packages of the main module.
fn local_wildcard_of_main(loader: &Loader, matched: &mut Matched) -> Result<()> {
    let main = main_module(loader, "work")?;
    for dir in walk_dirs(loader, &main.dir, &ignored_dirs(main), true) {
        if loader.modules.has_go_files(&dir)
            && let Some((path, resolved)) = import_path_of(loader, &dir)
        {
            matched.add(
                "work",
                Root {
                    path,
                    resolved: Some(resolved),
                    by_wildcard: true,
                    ..Root::default()
                },
            );
        }
    }
    Ok(())
}

fn clean_pattern(cwd: &Path, pattern: &str) -> String {
    clean_join(cwd, pattern).display().to_string()
}

/// Import paths below GOROOT/src: `std`, `cmd`, or those that a wildcard matches.
fn goroot_packages(loader: &Loader, pattern: &str) -> Vec<String> {
    let src = loader.goroot.join("src");
    let (root, prefix) = if pattern == "cmd" {
        (src.join("cmd"), "cmd/")
    } else {
        (src.clone(), "")
    };
    let skip_cmd = |dir: &Path| pattern != "cmd" && dir == src.join("cmd");
    let mut paths: Vec<String> = walk_dirs(loader, &root, &skip_cmd, false)
        .into_iter()
        .filter(|dir| *dir != src && loader.modules.has_go_files(dir))
        .filter_map(|dir| {
            Some(
                format!("{prefix}{}", dir.strip_prefix(&root).ok()?.display())
                    .trim_end_matches('/')
                    .to_string(),
            )
        })
        .collect();
    if pattern == "std" {
        // `builtin` documents; `runtime/cgo` is part of std only with cgo.
        paths.retain(|path| path != "builtin" && path != "runtime/cgo");
    }
    paths.sort();
    paths
}

/// `path/...` over the main module, std and the build list.
fn wildcard(loader: &Loader, pattern: &str, matched: &mut Matched) -> Result<()> {
    let mut found: BTreeMap<String, Root> = BTreeMap::new();
    let base = &pattern[..pattern.find("...").unwrap_or(pattern.len())];
    let may_match = |module: &str| {
        base.starts_with(module)
            || module.starts_with(base.trim_end_matches('/'))
            || match_pattern(pattern, module)
    };
    // What stands before the first wildcard decides: `fmt...` is std's though it has dots.
    if base.is_empty() || is_std_like(base) {
        for kind in ["std", "cmd"] {
            for path in goroot_packages(loader, kind) {
                let vendored = path.starts_with("vendor/") || path.contains("/vendor/");
                if vendored && loader.modules.main.is_some() && !path.starts_with("cmd/") {
                    continue;
                }
                if match_pattern(pattern, &path)
                    && (!vendored || pattern.contains("vendor"))
                    && (kind == "std" || pattern.starts_with("cmd"))
                {
                    found.insert(
                        path.clone(),
                        Root {
                            path,
                            by_wildcard: true,
                            ..Root::default()
                        },
                    );
                }
            }
        }
    }
    if let Some(main) = &loader.modules.main {
        if may_match(&main.path) {
            let ignore = ignored_dirs(main);
            for dir in walk_dirs(loader, &main.dir, &ignore, true) {
                if let Some((path, resolved)) =
                    import_path_of(loader, &dir).filter(|_| loader.modules.has_go_files(&dir))
                    && match_pattern(pattern, &path)
                {
                    found.insert(
                        path.clone(),
                        Root {
                            path,
                            resolved: Some(resolved),
                            by_wildcard: true,
                            ..Root::default()
                        },
                    );
                }
            }
        }
    }
    let modules = match loader.modules.mode {
        ModMode::Vendor => Vec::new(),
        ModMode::Mod | ModMode::ReadOnly if loader.modules.main.is_some() => {
            loader.modules.graph()?.build_list()
        }
        ModMode::Mod | ModMode::ReadOnly => loader.modules.requirements().roots,
    };
    for module in modules.into_iter().filter(|module| may_match(&module.path)) {
        let info = loader.modules.locate(&module)?;
        for dir in walk_dirs(loader, &info.dir, &|_| false, true) {
            let Some(rest) = dir
                .strip_prefix(&info.dir)
                .ok()
                .map(|rest| rest.display().to_string())
            else {
                continue;
            };
            let path = if rest.is_empty() {
                module.path.clone()
            } else {
                format!("{}/{rest}", module.path)
            };
            if match_pattern(pattern, &path) && loader.modules.has_go_files(&dir) {
                let resolved = Some(Resolved::new(Some(info.clone()), dir));
                found.insert(
                    path.clone(),
                    Root {
                        path,
                        resolved,
                        by_wildcard: true,
                        ..Root::default()
                    },
                );
            }
        }
    }
    if let Some(vendor) = &loader.modules.vendor {
        for path in vendor
            .package_module
            .keys()
            .filter(|path| match_pattern(pattern, path))
        {
            found.insert(
                path.clone(),
                Root {
                    path: path.clone(),
                    by_wildcard: true,
                    ..Root::default()
                },
            );
        }
    }
    for root in found.into_values() {
        matched.add(pattern, root);
    }
    Ok(())
}

/// Packages of the main module, and what they and their tests import, transitively.
fn all(loader: &Loader, pattern: &str, matched: &mut Matched) -> Result<()> {
    // Outside of a module there is nothing that it could mean.
    let Some(main) = &loader.modules.main else {
        return Ok(());
    };
    let ignore = ignored_dirs(main);
    let mut own = Vec::new();
    for dir in walk_dirs(loader, &main.dir, &ignore, true) {
        if let Some((path, resolved)) =
            import_path_of(loader, &dir).filter(|_| loader.modules.has_go_files(&dir))
        {
            own.push(Root {
                path,
                resolved: Some(resolved),
                by_wildcard: true,
                ..Root::default()
            });
        }
    }
    for tool in &main.file.tool {
        own.push(Root {
            path: tool.clone(),
            ..Root::default()
        });
    }
    let own_paths: BTreeSet<String> = own.iter().map(|root| root.path.clone()).collect();
    let with_tests = Loader {
        env: loader.env.clone(),
        modules: crate::modload::ModLoader::new(
            &loader.env,
            loader.cwd(),
            &loader.goroot,
            &loader.options.modules,
        )?,
        context: loader.context.clone(),
        options: crate::load::LoadOptions {
            tests: true,
            ..loader.options.clone()
        },
        goroot: loader.goroot.clone(),
    };
    let nodes = with_tests.load_nodes(&own)?;
    // Follow imports from the module's own packages only: the implicit packages of tests do not count.
    let mut pending: Vec<String> = own_paths.iter().cloned().collect();
    let mut seen: BTreeSet<String> = own_paths.clone();
    while let Some(path) = pending.pop() {
        let Some(node) = nodes.get(&path) else {
            continue;
        };
        for edge in node
            .imports
            .iter()
            .chain(&node.test_imports)
            .chain(&node.external_imports)
        {
            if seen.insert(edge.target.clone()) {
                pending.push(edge.target.clone());
            }
        }
    }
    for path in seen {
        let root = match own.iter().find(|root| root.path == path) {
            Some(root) => root.clone(),
            None => Root {
                path,
                by_wildcard: false,
                ..Root::default()
            },
        };
        matched.add(pattern, root);
    }
    Ok(())
}

/// Splits `pkg@version`.
pub fn split_version(argument: &str) -> Option<(&str, &str)> {
    let (path, version) = argument.split_once('@')?;
    (!path.is_empty() && !version.is_empty() && !is_local(path)).then_some((path, version))
}

/// True if a path lies in a module.
pub fn in_module(path: &str, module: &str) -> bool {
    has_path_prefix(path, module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        let check = |pattern: &str, path: &str, want: bool| {
            assert_eq!(match_pattern(pattern, path), want, "{pattern} {path}")
        };
        check("a/...", "a", true);
        check("a/...", "a/b/c", true);
        check("a/...", "ab", false);
        check("a...", "ab/c", true);
        check("a/.../c", "a/b/c", true);
        check("a/.../c", "a/b/d", false);
        check("...", "anything", true);
        check("net/...", "net", true);
        check("x", "x", true);
        check("x", "y", false);
        check("...b", "ab", true);
    }

    #[test]
    fn versions() {
        assert_eq!(split_version("a.com/x@latest"), Some(("a.com/x", "latest")));
        assert_eq!(split_version("./x@v1"), None);
        assert_eq!(split_version("x@"), None);
        assert_eq!(split_version("x"), None);
    }
}
