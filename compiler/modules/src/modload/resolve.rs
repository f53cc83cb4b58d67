//! Which module provides the package of an import path.
//!
//! Source: the Go modules reference, "Resolving a package to a module": among the modules of the
//! build list whose path is a prefix, exactly one must have the package's directory. With a pruned graph
//! go.mod's own requirements are tried first, and the graph is loaded only if they do not have it.

use super::{ModLoader, ModMode, ModuleInfo, locked};
use crate::ModuleVersion;
use crate::error::{Error, ErrorKind};
use crate::module_path::{has_path_prefix, is_std_like, prefixes};
use crate::mvs::Pruning;
use std::path::{Path, PathBuf};

/// A found package directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The providing module; `None` for std.
    pub module: Option<ModuleInfo>,
    /// The package's directory.
    pub dir: PathBuf,
    /// The module is selected by the graph but go.mod does not list it: if the package belongs to "all",
    /// go.mod has to change.
    pub unlisted: bool,
}

impl Resolved {
    /// A directory of a listed module or of std.
    pub fn new(module: Option<ModuleInfo>, dir: PathBuf) -> Resolved {
        Resolved {
            module,
            dir,
            unlisted: false,
        }
    }
}

/// Why there is no package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportError {
    /// A path without a dot in its first element that std does not have.
    NotInStd {
        /// The import path.
        path: String,
        /// Where it would be.
        dir: PathBuf,
    },
    /// No module of the build list has it; with what to say about it.
    Missing {
        /// The import path.
        path: String,
        /// The text.
        text: String,
    },
    /// Anything else, as text.
    Other {
        /// The text.
        text: String,
        /// The command must stop (a security error, go.mod out of date).
        fatal: bool,
    },
}

impl std::fmt::Display for ImportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ImportError::NotInStd { path, dir } => {
                write!(f, "package {path} is not in std ({})", dir.display())
            }
            ImportError::Missing { text, .. } | ImportError::Other { text, .. } => {
                f.write_str(text)
            }
        }
    }
}

fn other(error: &Error) -> ImportError {
    ImportError::Other {
        text: error.text.clone(),
        fatal: error.kind == ErrorKind::Security,
    }
}

impl ModLoader {
    /// True if std has the package.
    pub fn is_std(&self, path: &str) -> bool {
        is_std_like(path)
            && !path.starts_with('/')
            && self.has_go_files(&self.goroot.join("src").join(path))
    }

    /// True if a directory has a Go file; remembered.
    pub fn has_go_files(&self, dir: &Path) -> bool {
        if let Some(known) = locked(&self.package_dirs).get(dir) {
            return *known;
        }
        let found = self.system().read_dir(dir).is_ok_and(|entries| {
            entries.iter().any(|entry| {
                entry.name.ends_with(".go") && entry.kind != source::system::FileKind::Dir
            })
        });
        locked(&self.package_dirs).insert(dir.to_path_buf(), found);
        found
    }

    /// The package's directory inside a module, if it is there: between the module's root and the
    /// directory no other go.mod may start another module.
    pub fn dir_in_module(
        &self,
        path: &str,
        module_path: &str,
        module_dir: &Path,
        local: bool,
    ) -> Option<PathBuf> {
        if !has_path_prefix(path, module_path) {
            return None;
        }
        let rest = path[module_path.len()..].trim_start_matches('/');
        let dir = if rest.is_empty() {
            module_dir.to_path_buf()
        } else {
            module_dir.join(rest)
        };
        if local {
            for parent in dir.ancestors() {
                if parent == module_dir {
                    break;
                }
                if self.system().is_file(&parent.join("go.mod")) {
                    return None;
                }
            }
            if rest == "vendor" || rest.starts_with("vendor/") {
                return None;
            }
        }
        self.has_go_files(&dir).then_some(dir)
    }

    /// Finds the package of an import path. `importer` is for the texts about go.sum.
    pub fn resolve(&self, path: &str, importer: &str) -> Result<Resolved, ImportError> {
        if is_std_like(path) {
            let dir = self.goroot.join("src").join(path);
            if !path.starts_with("vendor/") && self.has_go_files(&dir) {
                return Ok(Resolved::new(None, dir));
            }
        }
        if let Some(main) = &self.main
            && let Some(dir) = self.dir_in_module(path, &main.path, &main.dir, true)
        {
            if self.mode == ModMode::Vendor {
                return Ok(Resolved::new(Some(self.main_info(main)), dir));
            }
            let mut found = vec![(self.main_info(main), dir)];
            let longer: Vec<ModuleVersion> = self
                .requirements()
                .roots
                .into_iter()
                .filter(|root| {
                    root.path.len() > main.path.len() && has_path_prefix(path, &root.path)
                })
                .collect();
            for module in longer {
                if let Ok(info) = self.locate(&module)
                    && let Some(dir) = self.dir_in_module(path, &module.path, &info.dir, false)
                {
                    found.push((info, dir));
                }
            }
            return self.unambiguous(path, found);
        }
        if self.mode == ModMode::Vendor {
            return self.resolve_vendored(path);
        }
        let requirements = self.requirements();
        let pruned = self.pruning() == Pruning::Pruned;
        if pruned {
            let found = self.candidates(path, importer, &|prefix| {
                requirements.root(prefix).map(str::to_string)
            })?;
            if !found.is_empty() {
                return self.unambiguous(path, found);
            }
        }
        if self.main.is_some() || !requirements.roots.is_empty() {
            let graph = self.graph().map_err(|error| other_or_fatal(&error))?;
            self.check_roots(&graph)
                .map_err(|error| other_or_fatal(&error))?;
            let found = self.candidates(path, importer, &|prefix| {
                graph.selected(prefix).map(str::to_string)
            })?;
            if !found.is_empty() {
                let mut resolved = self.unambiguous(path, found)?;
                resolved.unlisted = pruned && self.main.is_some();
                return Ok(resolved);
            }
        }
        Err(self.missing(path))
    }

    fn candidates(
        &self,
        path: &str,
        importer: &str,
        selected: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<(ModuleInfo, PathBuf)>, ImportError> {
        let mut found = Vec::new();
        for prefix in prefixes(path) {
            let Some(version) = selected(prefix).filter(|version| version != "none") else {
                continue;
            };
            let module = ModuleVersion::new(prefix, version);
            match self.locate(&module) {
                Ok(info) => {
                    let local = info
                        .replace
                        .as_ref()
                        .is_some_and(|replace| replace.version.is_empty());
                    if let Some(dir) = self.dir_in_module(path, prefix, &info.dir, local) {
                        found.push((info, dir));
                    }
                }
                Err(error) if error.kind == ErrorKind::ReadOnly => {
                    if error.text.contains("go.sum entry for go.mod") {
                        return Err(other(&error));
                    }
                    let by = if importer.is_empty() {
                        String::new()
                    } else {
                        format!(" (imported by {importer})")
                    };
                    let target = self.describe_importer(importer);
                    let text = format!(
                        "missing go.sum entry for module providing package {path}{by}; to add:\n\tgo get {target}"
                    );
                    return Err(ImportError::Other { text, fatal: false });
                }
                Err(error) => return Err(other(&error)),
            }
        }
        Ok(found)
    }

    /// `path@version` of the package that imports, as `go get` wants it.
    fn describe_importer(&self, importer: &str) -> String {
        if importer.is_empty() {
            return String::new();
        }
        let main = self.main.as_ref().map_or("", |main| main.path.as_str());
        if has_path_prefix(importer, main) {
            return importer.to_string();
        }
        let requirements = self.requirements();
        match prefixes(importer).find_map(|prefix| requirements.root(prefix)) {
            Some(version) => format!("{importer}@{version}"),
            None => importer.to_string(),
        }
    }

    fn unambiguous(
        &self,
        path: &str,
        mut found: Vec<(ModuleInfo, PathBuf)>,
    ) -> Result<Resolved, ImportError> {
        if found.len() > 1 {
            let mut text = format!("ambiguous import: found package {path} in multiple modules:");
            for (info, dir) in &found {
                text.push_str(&format!("\n\t{}", info.module.path));
                if !info.module.version.is_empty() {
                    text.push_str(&format!(" {}", info.module.version));
                }
                text.push_str(&format!(" ({})", dir.display()));
            }
            return Err(ImportError::Other { text, fatal: false });
        }
        match found.pop() {
            Some((info, dir)) => Ok(Resolved::new(Some(info), dir)),
            None => Err(self.missing(path)),
        }
    }

    fn resolve_vendored(&self, path: &str) -> Result<Resolved, ImportError> {
        let (Some(main), Some(vendor)) = (&self.main, &self.vendor) else {
            return Err(self.missing(path));
        };
        let dir = main.dir.join("vendor").join(path);
        if self.has_go_files(&dir)
            && let Some(&at) = vendor.package_module.get(path)
        {
            let known = &vendor.modules[at];
            let info = ModuleInfo {
                module: known.module.clone(),
                replace: known.replacement.clone(),
                dir: PathBuf::new(),
                go_version: known.go_version.clone(),
                is_main: false,
                indirect: !known.explicit,
            };
            return Ok(Resolved::new(Some(info), dir));
        }
        if is_std_like(path) {
            return Err(self.missing(path));
        }
        let text = format!(
            "cannot find module providing package {path}: import lookup disabled by -mod=vendor\n\t(Go version in go.mod is at least 1.14 and vendor directory exists.)"
        );
        Err(ImportError::Missing {
            path: path.to_string(),
            text,
        })
    }

    fn missing(&self, path: &str) -> ImportError {
        let first = path.split('/').next().unwrap_or(path);
        if is_std_like(path)
            && self.main.as_ref().is_none_or(|main| {
                main.path.split('/').next() != Some(first) || main.path.contains('.')
            })
        {
            return ImportError::NotInStd {
                path: path.to_string(),
                dir: self.goroot.join("src").join(path),
            };
        }
        let Some(main) = &self.main else {
            let text = format!(
                "no required module provides package {path}: go.mod file not found in current directory or any parent directory; see 'go help modules'"
            );
            return ImportError::Missing {
                path: path.to_string(),
                text,
            };
        };
        if has_path_prefix(path, &main.path) {
            let dir = main
                .dir
                .join(path[main.path.len()..].trim_start_matches('/'));
            let text = if self.system().is_dir(&dir) {
                format!("no Go files in {}", dir.display())
            } else {
                format!(
                    "package {path} is not in std ({})",
                    self.goroot.join("src").join(path).display()
                )
            };
            let text = if is_std_like(path) || self.system().is_dir(&dir) {
                text
            } else {
                format!("no required module provides package {path}; to add it:\n\tgo get {path}")
            };
            return ImportError::Missing {
                path: path.to_string(),
                text,
            };
        }
        let replaced = main
            .file
            .replace
            .iter()
            .filter(|replace| has_path_prefix(path, &replace.old_path))
            .max_by_key(|replace| replace.old_path.len());
        let text = match replaced {
            Some(replace) if self.requirements().root(&replace.old_path).is_none() => {
                let version = if replace.old_version.is_empty() {
                    String::new()
                } else {
                    format!("@{}", replace.old_version)
                };
                format!(
                    "module {} provides package {path} and is replaced but not required; to add it:\n\tgo get {}{version}",
                    replace.old_path, replace.old_path
                )
            }
            _ => format!("no required module provides package {path}; to add it:\n\tgo get {path}"),
        };
        ImportError::Missing {
            path: path.to_string(),
            text,
        }
    }
}

/// An error of the module graph ends the command.
fn other_or_fatal(error: &Error) -> ImportError {
    ImportError::Other {
        text: error.text.clone(),
        fatal: true,
    }
}
