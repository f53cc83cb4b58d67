//! Rules about who may import what, and import cycles.

use crate::load::loader::{Edge, Loader, Node};
use crate::load::package::PackageError;
use crate::modload::short_path;
use crate::module_path::{has_path_prefix, is_std_like};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The text of an import cycle's error.
pub(crate) const IMPORT_CYCLE: &str = "import cycle not allowed";

/// Where the element `internal` ends the allowed parent: `a/b/internal/c` may be used below `a/b`.
fn internal_parent(path: &str) -> Option<&str> {
    if path == "internal" || path.starts_with("internal/") && !path.contains("/internal") {
        return Some("");
    }
    if let Some(parent) = path.strip_suffix("/internal") {
        return Some(parent);
    }
    match path.rfind("/internal/") {
        Some(at) => Some(&path[..at]),
        None => path.starts_with("internal/").then_some(""),
    }
}

/// Checks internal packages, programs and vendor paths for every import.
pub(crate) fn imports(loader: &Loader, nodes: &mut BTreeMap<String, Node>) {
    let mut found: Vec<(String, PackageError, u8)> = Vec::new();
    for node in nodes.values() {
        for (group, edges) in [&node.imports, &node.test_imports, &node.external_imports]
            .into_iter()
            .enumerate()
        {
            for edge in edges {
                // One that was not found is told of as such.
                let was_found = |target: &&Node| !target.dir.as_os_str().is_empty();
                let Some(target) = nodes.get(&edge.target).filter(was_found) else {
                    continue;
                };
                if let Some(error) = check_import(loader, node, edge, target, group) {
                    found.push((node.path.clone(), error, group as u8));
                }
            }
        }
    }
    for (path, error, group) in found {
        if let Some(node) = nodes.get_mut(&path) {
            match group {
                0 => node.errors.push(error),
                1 => node.contents.test.errors.push(error),
                _ => node.contents.external_test.errors.push(error),
            }
        }
    }
}

fn check_import(
    loader: &Loader,
    node: &Node,
    edge: &Edge,
    target: &Node,
    group: usize,
) -> Option<PackageError> {
    let at = |text: String| Some(PackageError::at(&node.path, &edge.file, edge.place, text));
    if edge.written.contains("/vendor/") || edge.written.starts_with("vendor/") {
        let short = edge
            .written
            .rsplit("vendor/")
            .next()
            .unwrap_or(&edge.written);
        if !edge.written.starts_with("vendor/") || loader.modules.has_go_files(&target.dir) {
            return at(format!("{} must be imported as {short}", edge.written));
        }
    }
    if is_internal_violation(loader, node, edge, target) {
        let mut error = PackageError::at(
            &node.path,
            &edge.file,
            edge.place,
            format!("use of internal package {} not allowed", edge.written),
        );
        error.stack = vec![(node.path.clone(), String::new())];
        return Some(error);
    }
    let own_test = group == 2 && target.path == node.path;
    if target.contents.name == "main" && !own_test && node.path != target.path {
        return at(format!(
            "import {} is a program, not an importable package",
            crate::module_path::quote(&target.path)
        ));
    }
    None
}

fn is_internal_violation(loader: &Loader, node: &Node, edge: &Edge, target: &Node) -> bool {
    let Some(parent) = internal_parent(&target.path) else {
        return false;
    };
    if target.is_std {
        // Within GOROOT paths decide; std's vendored packages count as std's own.
        if !node.is_std {
            return !(node.path == "command-line-arguments"
                && node.dir.starts_with(loader.goroot.join("src").join(parent)));
        }
        let importer = node.path.as_str();
        return !(parent.is_empty()
            || has_path_prefix(importer, parent)
            || importer.starts_with("vendor/") && is_std_like(&edge.written));
    }
    if node.module.is_none() && node.is_std {
        return true;
    }
    // Modules: the importer's own path counts; named files use their directory.
    if node.path == "command-line-arguments" {
        let Some(rest) = target.path.strip_prefix(parent) else {
            return true;
        };
        let depth = rest.split('/').filter(|part| !part.is_empty()).count();
        let allowed = target.dir.ancestors().nth(depth).unwrap_or(Path::new("/"));
        return !node.dir.starts_with(allowed);
    }
    !has_path_prefix(&node.path, parent)
}

/// Finds import cycles depth first from the roots, reports each once with its stack, and cuts it.
pub(crate) fn cycles(nodes: &mut BTreeMap<String, Node>, roots: &[String]) {
    // 0: not seen, 1: on the stack, 2: done.
    let mut state: BTreeMap<String, u8> = BTreeMap::new();
    let mut errors: Vec<(String, PackageError)> = Vec::new();
    let mut cut: BTreeSet<(String, String)> = BTreeSet::new();
    for root in roots {
        if state.contains_key(root) || !nodes.contains_key(root) {
            continue;
        }
        let mut stack: Vec<(&Node, usize)> = Vec::new();
        if let Some(node) = nodes.get(root) {
            stack.push((node, 0));
            state.insert(root.clone(), 1);
        }
        while let Some((node, at)) = stack.pop() {
            let Some(edge) = node.imports.get(at) else {
                state.insert(node.path.clone(), 2);
                continue;
            };
            stack.push((node, at + 1));
            match state.get(&edge.target) {
                Some(1) => {
                    let mut chain: Vec<(String, String)> = Vec::new();
                    let mut from = String::new();
                    for (on_stack, next) in &stack {
                        chain.push((on_stack.path.clone(), std::mem::take(&mut from)));
                        from = on_stack
                            .imports
                            .get(next.saturating_sub(1))
                            .map(|edge| base_name(&edge.file))
                            .unwrap_or_default();
                    }
                    chain.push((edge.target.clone(), base_name(&edge.file)));
                    let mut error = PackageError::of(&node.path, IMPORT_CYCLE);
                    error.stack = chain;
                    errors.push((node.path.clone(), error));
                    cut.insert((node.path.clone(), edge.target.clone()));
                }
                Some(_) => {}
                None => {
                    if let Some(target) = nodes.get(&edge.target) {
                        state.insert(edge.target.clone(), 1);
                        stack.push((target, 0));
                    }
                }
            }
        }
    }
    for (path, error) in errors {
        // The package where the search began is told of it too: it cannot be built, and it is what was asked for.
        let begun = error.stack.first().map(|(path, _)| path.clone());
        for path in [Some(path.clone()), begun.filter(|b| *b != path)]
            .into_iter()
            .flatten()
        {
            if let Some(node) = nodes.get_mut(&path) {
                node.errors.push(error.clone());
            }
        }
    }
    for (from, to) in cut {
        if let Some(node) = nodes.get_mut(&from) {
            node.imports.retain(|edge| edge.target != to);
        }
    }
}

fn base_name(path: &Path) -> String {
    short_path(
        Path::new("/"),
        Path::new(path.file_name().unwrap_or_default()),
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn parents_of_internal_packages() {
        let check = |path: &str, want: Option<&str>| {
            assert_eq!(super::internal_parent(path), want, "{path}")
        };
        check("a/b", None);
        check("a/internal", Some("a"));
        check("a/internal/b", Some("a"));
        check("internal/x", Some(""));
        check("internal", Some(""));
        check("a/internal/b/internal/c", Some("a/internal/b"));
        check("a/internals/b", None);
        check("internal/x/internal/y", Some("internal/x"));
    }
}
