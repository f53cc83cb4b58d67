//! Default GODEBUG settings of a program, as the documentation "Go, Backwards Compatibility, and GODEBUG" describes them: what the
//! main module's go version asks for, over that go.mod's `godebug` lines, over the `//go:debug` lines of the main package.
//!
//! Which settings changed their default in which release is the table of package `internal/godebugs` in GOROOT.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use modules::load::Variant;
use modules::scan::GoDebug;
use modules::{PackageGraph, PackageId};
use source::system::System;
use source::{SourceMap, Span};
use syntax::ast::{DeclKind, ExprKind, File};

/// A known setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Setting {
    name: String,
    /// Minor version of the release that changed its default; 0: never.
    changed: u32,
    /// Value that brings the older behaviour back.
    old: String,
    /// Minor version of the release that no longer has it; 0: it is there.
    removed: u32,
    /// Values of a removed setting that must not be asked for.
    refused: Vec<String>,
}

/// `name=value,...` sorted by name; empty if nothing differs from the release's defaults.
///
/// # Errors
/// The table cannot be read.
pub fn default_godebug(
    graph: &PackageGraph,
    main: PackageId,
    goroot: &Path,
    system: &dyn System,
) -> Result<String, String> {
    let package = graph.package(main);
    if package.name != "main" {
        return Ok(String::new());
    }
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    let module = graph.main_module.as_ref();
    let directives = directives(graph, main);
    let asked = module.is_some_and(|m| !m.file.godebug.is_empty()) || !directives.is_empty();
    let table = match asked || module.is_some() || package.module.is_some() {
        true => read_table(goroot, system)?,
        false => Vec::new(),
    };
    if let Some(module) = module {
        for (key, value) in &module.file.godebug {
            check(&table, "", key, value).map_err(|why| {
                let line = format!("{key}={value}");
                let text = String::from_utf8_lossy(&module.original);
                let at = text.lines().position(|l| l.contains(&line)).unwrap_or(0);
                format!("go: error loading go.mod:\ngo.mod:{}: {why}", at + 1)
            })?;
            wanted.insert(key.clone(), value.clone());
        }
    }
    for (id, (path, line)) in directives {
        let setting = setting(&line.text).and_then(|(key, value)| {
            check(&table, "//go:debug setting ", key, value)?;
            Ok((key, value))
        });
        let (key, value) = setting.map_err(|why| {
            let file = match path.strip_prefix(&graph.cwd) {
                Ok(file) if file.parent() == Some(Path::new("")) => format!("./{}", file.display()),
                Ok(file) => file.display().to_string(),
                Err(_) => path.display().to_string(),
            };
            format!(
                "# {}\n{file}:{}:{}: invalid //go:debug: {why}",
                graph.package(id).display_path(),
                line.place.line,
                line.place.column
            )
        })?;
        wanted.insert(key.to_owned(), value.to_owned());
    }
    // Outside of a main module: the program's own module, or nothing (its files are of the newest version).
    let mut version = match (module, &package.module) {
        (Some(module), _) => module.go_version.clone(),
        (None, Some(module)) if module.go_version.is_empty() => "1.20".to_owned(),
        (None, Some(module)) => module.go_version.clone(),
        (None, None) => String::new(),
    };
    if let Some(text) = wanted.remove("default") {
        version = text.trim_start_matches("go").to_owned();
    }
    let mut settings: BTreeMap<String, String> = BTreeMap::new();
    if let Some(minor) = minor_version(&version) {
        settings.extend(
            table
                .into_iter()
                .filter(|s| minor < s.changed)
                .map(|s| (s.name, s.old)),
        );
    }
    settings.extend(wanted);
    let list: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Ok(list.join(","))
}

/// The setting of a `//go:debug` line.
fn setting(text: &str) -> Result<(&str, &str), String> {
    let (key, value) = text.trim().split_once('=').ok_or("missing key=value")?;
    for (what, part) in [("key", key), ("value", value)] {
        for (name, found) in [
            ("space", part.contains([' ', '\t'])),
            ("comma", part.contains(',')),
        ] {
            if found {
                return Err(format!("{what} contains {name}"));
            }
        }
    }
    Ok((key, value))
}

/// Whether a setting may be asked for; the text as `go` prints it if not. `what` stands before the name of an unknown one.
fn check(table: &[Setting], what: &str, key: &str, value: &str) -> Result<(), String> {
    if key == "default" {
        let number = value.strip_prefix("go").and_then(minor_version);
        return match number {
            Some(_) => Ok(()),
            None => Err("value for default= must be goVERSION".to_owned()),
        };
    }
    match table.iter().find(|s| s.name == key) {
        Some(s) if s.refused.iter().any(|v| v == value) => Err(format!(
            "removed GODEBUG {key:?} set to old value {value:?} (https://go.dev/doc/godebug#go-1{})",
            s.removed
        )),
        Some(_) => Ok(()),
        None if what.is_empty() => Err(format!("unknown godebug {key:?}")),
        None => Err(format!("unknown {what}{key:?}")),
    }
}

/// The `//go:debug` lines that count: those of the program; for a test, of the tested package and its tests.
fn directives(graph: &PackageGraph, main: PackageId) -> Vec<(PackageId, &(PathBuf, GoDebug))> {
    let of = |id: PackageId| {
        let lines = &graph.package(id).go_debug;
        lines.iter().map(move |line| (id, line))
    };
    if graph.package(main).variant == Variant::Plain {
        return of(main).collect();
    }
    graph
        .tests
        .iter()
        .filter(|target| target.main == main)
        .flat_map(|target| [Some(target.internal), target.external])
        .flatten()
        .flat_map(of)
        .collect()
}

/// N of `1.N`, `1.N.P`, `1.NrcP`.
fn minor_version(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("1.")?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

fn read_table(goroot: &Path, system: &dyn System) -> Result<Vec<Setting>, String> {
    let path = goroot.join("src/internal/godebugs/table.go");
    let bytes = system
        .read(&path)
        .map_err(|e| format!("open {}: {e}", path.display()))?;
    let settings = SourceMap::new()
        .add(path.display().to_string(), bytes)
        .map(|file| table(&syntax::parse_file(&file).0))
        .unwrap_or_default();
    match settings.iter().any(|s| s.changed > 0) {
        true => Ok(settings),
        false => Err(format!("{}: no table of settings", path.display())),
    }
}

/// Every composite literal with a name: a known setting, or one that is gone. The old values of the latter are given by functions;
/// what they compare with are the strings in them.
fn table(file: &File) -> Vec<Setting> {
    let mut out = Vec::new();
    for expr in file.exprs.iter() {
        let ExprKind::CompositeLit { elems, .. } = &expr.kind else {
            continue;
        };
        let mut setting = Setting::default();
        for &elem in elems {
            let ExprKind::KeyValue { key, value } = &file.exprs[elem].kind else {
                continue;
            };
            let ExprKind::Name(key) = &file.exprs[*key].kind else {
                continue;
            };
            let key = file.sym(*key);
            match (key.as_str(), &file.exprs[*value].kind) {
                (key, ExprKind::BasicLit { text, .. }) => {
                    let text = text.trim_matches('"');
                    match key {
                        "Name" => setting.name = text.to_owned(),
                        "Changed" => setting.changed = text.parse().unwrap_or(0),
                        "Removed" => setting.removed = text.parse().unwrap_or(0),
                        "Old" => setting.old = text.to_owned(),
                        _ => {}
                    }
                }
                ("Old", ExprKind::FuncLit { .. }) => {
                    setting.refused = strings_within(file, file.exprs[*value].span);
                }
                ("Old", ExprKind::Name(name)) => {
                    let name = file.sym(*name);
                    let decl = file.decl_arena.iter().find(|d| {
                        matches!(&d.kind, DeclKind::Func { name: n, .. } if file.sym(*n) == name)
                    });
                    setting.refused = decl.map_or_else(Vec::new, |d| strings_within(file, d.span));
                }
                _ => {}
            }
        }
        if !setting.name.is_empty() {
            out.push(setting);
        }
    }
    out
}

fn strings_within(file: &File, span: Span) -> Vec<String> {
    let inside = file
        .exprs
        .iter()
        .filter(|e| span.lo <= e.span.lo && e.span.hi <= span.hi);
    inside
        .filter_map(|e| match &e.kind {
            ExprKind::BasicLit { text, .. } => Some(text.trim_matches('"').to_owned()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "package p\nvar All = []Info{\n{Name: \"a\", Package: \"x\"},\n{Name: \"b\", Changed: 23, Old: \"1\", Opaque: true},\n}\n\
        var Removed = []R{{Name: \"c\", Removed: 27, Old: one}, {Name: \"d\", Removed: 24, Old: func(s string) bool { return s == \"2\" || s == \"3\" }}}\n\
        func one(s string) bool { return s == \"1\" }\n";

    fn parsed() -> Vec<Setting> {
        let sources = SourceMap::new();
        let file = sources.add("t.go", TABLE.as_bytes().to_vec()).unwrap();
        table(&syntax::parse_file(&file).0)
    }

    fn check(key: &str, value: &str, want: &str) {
        let got = super::check(&parsed(), "//go:debug setting ", key, value);
        assert_eq!(got.err().unwrap_or_default(), want, "{key}={value}");
    }

    #[test]
    fn settings_that_may_be_asked_for() {
        check("a", "1", "");
        check("b", "0", "");
        check("c", "0", "");
        check("default", "go1.21", "");
        check("default", "1.21", "value for default= must be goVERSION");
        check("nosuch", "1", "unknown //go:debug setting \"nosuch\"");
        let removed = |name: &str, value: &str, release: &str| {
            format!(
                "removed GODEBUG \"{name}\" set to old value \"{value}\" (https://go.dev/doc/godebug#go-{release})"
            )
        };
        check("c", "1", &removed("c", "1", "127"));
        check("d", "3", &removed("d", "3", "124"));
    }

    #[test]
    fn settings_that_changed() {
        let changed: Vec<_> = parsed().into_iter().filter(|s| s.changed > 0).collect();
        assert_eq!(changed.len(), 1);
        assert_eq!(
            (changed[0].name.as_str(), changed[0].old.as_str()),
            ("b", "1")
        );
    }

    #[test]
    fn minor_versions() {
        assert_eq!(minor_version("1.20"), Some(20));
        assert_eq!(minor_version("1.21rc2"), Some(21));
        assert_eq!(minor_version("1.22.5"), Some(22));
        assert_eq!(minor_version("2.0"), None);
    }
}
