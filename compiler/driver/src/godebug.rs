//! Default GODEBUG settings of a program, as the documentation "Go, Backwards Compatibility, and GODEBUG" describes them: what the
//! main module's go version asks for, over that go.mod's `godebug` lines, over the `//go:debug` lines of the main package.
//!
//! Which settings changed their default in which release is the table of package `internal/godebugs` in GOROOT.

use std::collections::BTreeMap;
use std::path::Path;

use modules::load::Variant;
use modules::{PackageGraph, PackageId};
use source::SourceMap;
use source::system::System;
use syntax::ast::{ExprKind, File};

/// A setting whose default changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Setting {
    name: String,
    /// Minor version of the release that changed it; 0: never.
    changed: u32,
    /// Value that brings the older behaviour back.
    old: String,
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
    if let Some(module) = module {
        wanted.extend(module.file.godebug.iter().cloned());
    }
    for line in directives(graph, main) {
        if let Some((key, value)) = line.trim().split_once('=') {
            wanted.insert(key.to_owned(), value.to_owned());
        }
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
        let table = read_table(goroot, system)?;
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

/// The `//go:debug` lines that count: those of the program; for a test, of the tested package and its tests.
fn directives(graph: &PackageGraph, main: PackageId) -> Vec<&str> {
    let package = graph.package(main);
    let of = |id: PackageId| {
        graph
            .package(id)
            .go_debug
            .iter()
            .map(|line| line.text.as_str())
    };
    if package.variant == Variant::Plain {
        return of(main).collect();
    }
    graph
        .tests
        .iter()
        .filter(|target| target.main == main)
        .flat_map(|target| [Some(target.package), Some(target.internal), target.external])
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

/// Every composite literal with a Name and a Changed field.
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
            if let (ExprKind::Name(key), ExprKind::BasicLit { text, .. }) =
                (&file.exprs[*key].kind, &file.exprs[*value].kind)
            {
                let text = text.trim_matches('"');
                match file.sym(*key).as_str() {
                    "Name" => setting.name = text.to_owned(),
                    "Changed" => setting.changed = text.parse().unwrap_or(0),
                    "Old" => setting.old = text.to_owned(),
                    _ => {}
                }
            }
        }
        if !setting.name.is_empty() && setting.changed > 0 {
            out.push(setting);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &[(&str, u32, &str)]) {
        let sources = SourceMap::new();
        let file = sources.add("t.go", text.as_bytes().to_vec()).unwrap();
        let got = table(&syntax::parse_file(&file).0);
        let got: Vec<(&str, u32, &str)> = got
            .iter()
            .map(|s| (s.name.as_str(), s.changed, s.old.as_str()))
            .collect();
        assert_eq!(got, want);
    }

    #[test]
    fn settings_that_changed() {
        check(
            "package p\nvar All = []Info{\n{Name: \"a\", Package: \"x\"},\n{Name: \"b\", Changed: 23, Old: \"1\", Opaque: true},\n}\nvar Removed = []R{{Name: \"c\", Removed: 24, Old: one}}\n",
            &[("b", 23, "1")],
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
