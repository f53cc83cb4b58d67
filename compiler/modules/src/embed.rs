//! Resolves `//go:embed` patterns to files, with the rules and messages of the embed package.

use crate::module_path::{glob_is_valid, glob_match};
use crate::scan::EmbedPattern;
use source::system::{FileKind, System};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A pattern with the files that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedMatch {
    /// As written.
    pub pattern: String,
    /// Slash-separated names below the package directory, sorted.
    pub files: Vec<String>,
}

/// Names that are never embedded.
fn is_bad_name(name: &str) -> bool {
    matches!(name, "" | ".bzr" | ".hg" | ".git" | ".svn")
}

fn is_valid_pattern(pattern: &str) -> bool {
    if pattern == "." {
        return true;
    }
    !pattern.is_empty()
        && pattern
            .split('/')
            .all(|element| !element.is_empty() && element != "." && element != "..")
}

/// Resolves patterns in order; the error names the pattern at fault.
pub fn resolve(
    system: &dyn System,
    dir: &Path,
    patterns: &[EmbedPattern],
) -> Result<Vec<EmbedMatch>, (EmbedPattern, String)> {
    let mut cache = BTreeMap::new();
    patterns
        .iter()
        .map(|pattern| {
            resolve_one(system, dir, &pattern.pattern, &mut cache)
                .map(|files| EmbedMatch {
                    pattern: pattern.pattern.clone(),
                    files,
                })
                .map_err(|text| {
                    (
                        pattern.clone(),
                        format!("pattern {}: {text}", pattern.pattern),
                    )
                })
        })
        .collect()
}

type Listing = Vec<(String, FileKind)>;

fn list<'a>(
    system: &dyn System,
    root: &Path,
    name: &str,
    cache: &'a mut BTreeMap<String, Listing>,
) -> &'a Listing {
    cache.entry(name.to_string()).or_insert_with(|| {
        let dir = if name.is_empty() {
            root.to_path_buf()
        } else {
            root.join(name)
        };
        system
            .read_dir(&dir)
            .map(|entries| {
                entries
                    .into_iter()
                    .map(|entry| (entry.name, entry.kind))
                    .collect()
            })
            .unwrap_or_default()
    })
}

/// Expands a glob element by element, as `filepath.Glob` does.
fn glob(
    system: &dyn System,
    root: &Path,
    pattern: &str,
    cache: &mut BTreeMap<String, Listing>,
) -> Vec<(String, FileKind)> {
    let mut current: Vec<(String, FileKind)> = vec![(String::new(), FileKind::Dir)];
    for element in pattern.split('/') {
        let mut next = Vec::new();
        for (base, kind) in current {
            if kind != FileKind::Dir {
                continue;
            }
            for (name, kind) in list(system, root, &base, cache) {
                if glob_match(element, name) {
                    let full = if base.is_empty() {
                        name.clone()
                    } else {
                        format!("{base}/{name}")
                    };
                    next.push((full, *kind));
                }
            }
        }
        current = next;
    }
    current
}

fn resolve_one(
    system: &dyn System,
    root: &Path,
    pattern: &str,
    cache: &mut BTreeMap<String, Listing>,
) -> Result<Vec<String>, String> {
    let (all, pattern) = match pattern.strip_prefix("all:") {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    if !glob_is_valid(pattern) || !is_valid_pattern(pattern) {
        return Err("invalid pattern syntax".to_string());
    }
    let matches = if pattern == "." {
        vec![(String::new(), FileKind::Dir)]
    } else {
        glob(system, root, pattern, cache)
    };
    let mut files = BTreeSet::new();
    for (name, kind) in matches {
        let what = if kind == FileKind::Dir {
            "directory"
        } else {
            "file"
        };
        let shown = if name.is_empty() { "." } else { &name };
        // No element between the package and the file may be another module or have a forbidden name.
        let mut parent = name.as_str();
        while !parent.is_empty() {
            if system.is_file(&root.join(parent).join("go.mod")) {
                return Err(format!("cannot embed {what} {shown}: in different module"));
            }
            let base = parent.rsplit('/').next().unwrap_or(parent);
            if parent != name
                && system
                    .lstat(&root.join(parent))
                    .is_ok_and(|stat| stat.kind != FileKind::Dir)
            {
                return Err(format!(
                    "cannot embed {what} {shown}: in non-directory {parent}"
                ));
            }
            if is_bad_name(base) || crate::module_path::check_file_path(base).is_err() {
                return if parent == name {
                    Err(format!("cannot embed {what} {shown}: invalid name {base}"))
                } else {
                    Err(format!(
                        "cannot embed {what} {shown}: in invalid directory {base}"
                    ))
                };
            }
            parent = parent.rfind('/').map_or("", |at| &parent[..at]);
        }
        match kind {
            FileKind::File => {
                files.insert(name);
            }
            FileKind::Dir => {
                let count = files.len();
                walk(system, root, &name, all, &mut files)?;
                if files.len() == count {
                    return Err(format!(
                        "cannot embed directory {shown}: contains no embeddable files"
                    ));
                }
            }
            FileKind::Symlink | FileKind::Other => {
                return Err(format!("cannot embed irregular file {name}"));
            }
        }
    }
    if files.is_empty() {
        return Err("no matching files found".to_string());
    }
    Ok(files.into_iter().collect())
}

fn walk(
    system: &dyn System,
    root: &Path,
    start: &str,
    all: bool,
    files: &mut BTreeSet<String>,
) -> Result<(), String> {
    let mut pending = vec![start.to_string()];
    while let Some(dir) = pending.pop() {
        let path = if dir.is_empty() {
            root.to_path_buf()
        } else {
            root.join(&dir)
        };
        let entries = system
            .read_dir(&path)
            .map_err(|error| crate::error::io_text(&error))?;
        for entry in entries {
            let hidden = entry.name.starts_with(['.', '_']);
            if is_bad_name(&entry.name)
                || (hidden && !all)
                || crate::module_path::check_file_path(&entry.name).is_err()
            {
                continue;
            }
            let name = if dir.is_empty() {
                entry.name.clone()
            } else {
                format!("{dir}/{}", entry.name)
            };
            match entry.kind {
                FileKind::Dir => {
                    if !system.is_file(&root.join(&name).join("go.mod")) {
                        pending.push(name);
                    }
                }
                FileKind::File => {
                    files.insert(name);
                }
                FileKind::Symlink | FileKind::Other => {}
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Place;
    use source::system::MemSystem;

    fn check(pattern: &str, want: &str) {
        let system = MemSystem::new();
        for name in [
            "a.txt",
            "b.txt",
            "d/c.txt",
            "d/.hidden",
            "d/_skip/x",
            "d/sub/e.txt",
            "other/go.mod",
            "other/f.txt",
            ".git/config",
            "only/.dot",
            "sp ace.txt",
        ] {
            system.add_file(format!("/p/{name}"), "");
        }
        let patterns = [EmbedPattern {
            pattern: pattern.to_string(),
            place: Place::default(),
        }];
        let got = match resolve(&system, Path::new("/p"), &patterns) {
            Ok(matches) => matches[0].files.join(" "),
            Err((_, text)) => text,
        };
        assert_eq!(got, want, "{pattern}");
    }

    #[test]
    fn patterns() {
        check("a.txt", "a.txt");
        check("*.txt", "a.txt b.txt sp ace.txt");
        check("d", "d/c.txt d/sub/e.txt");
        check("all:d", "d/.hidden d/_skip/x d/c.txt d/sub/e.txt");
        check("d/*", "d/.hidden d/_skip/x d/c.txt d/sub/e.txt");
        check("*/c.txt", "d/c.txt");
        check("none", "pattern none: no matching files found");
        check("../x", "pattern ../x: invalid pattern syntax");
        check("/abs", "pattern /abs: invalid pattern syntax");
        check("[", "pattern [: invalid pattern syntax");
        check("", "pattern : invalid pattern syntax");
        check(
            "other",
            "pattern other: cannot embed directory other: in different module",
        );
        check(
            "other/f.txt",
            "pattern other/f.txt: cannot embed file other/f.txt: in different module",
        );
        check(
            ".git",
            "pattern .git: cannot embed directory .git: invalid name .git",
        );
        check(
            ".git/config",
            "pattern .git/config: cannot embed file .git/config: in invalid directory .git",
        );
        check(
            "only",
            "pattern only: cannot embed directory only: contains no embeddable files",
        );
    }
}
