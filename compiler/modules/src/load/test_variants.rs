//! What `go test` builds for a package `p`: `p [p.test]` with its own test files, `p_test [p.test]`,
//! everything between them that imports `p` compiled again against `p [p.test]`, and the program
//! `p.test`.

use crate::load::loader::{Edge, Loader, Node};
use crate::load::package::{Package, PackageError, PackageGraph, PackageId, TestTarget, Variant};
use std::collections::BTreeMap;

/// What a generated test main may import.
pub const MAIN_IMPORTS: [&str; 5] = [
    "os",
    "testing",
    "testing/internal/testdeps",
    "reflect",
    "internal/reflectlite",
];

struct Builder<'a> {
    loader: &'a Loader,
    nodes: &'a BTreeMap<String, Node>,
    ids: &'a BTreeMap<String, PackageId>,
    graph: &'a mut PackageGraph,
}

/// Adds variants for every root.
pub(crate) fn add(
    loader: &Loader,
    nodes: &BTreeMap<String, Node>,
    ids: &BTreeMap<String, PackageId>,
    graph: &mut PackageGraph,
) {
    let roots = graph.roots.clone();
    let mut builder = Builder {
        loader,
        nodes,
        ids,
        graph,
    };
    for root in roots {
        let path = builder.graph.package(root).import_path.clone();
        if let Some(node) = nodes.get(&path) {
            builder.add_target(node, root);
        }
    }
}

impl Builder<'_> {
    fn add_target(&mut self, node: &Node, plain: PackageId) {
        let has_internal =
            !node.contents.test.files.is_empty() || !node.contents.test.errors.is_empty();
        let has_external = !node.contents.external_test.files.is_empty()
            || !node.contents.external_test.errors.is_empty();
        // Which build of an import path the tests see.
        let mut redirect: BTreeMap<PackageId, PackageId> = BTreeMap::new();
        let mut internal = plain;
        if has_internal {
            let mut package = self.loader.package_of(node, Variant::InternalTest);
            package.for_test = Some(node.path.clone());
            package.imports = self.plain_imports(node.imports.iter().chain(&node.test_imports));
            let cycle = package
                .imports
                .values()
                .find(|id| self.depends_on(**id, plain) || **id == plain)
                .copied();
            if let Some(through) = cycle {
                package.errors.push(self.test_cycle(node, through, plain));
                package.imports.retain(|_, id| *id != plain);
            }
            internal = self.push(package);
            redirect.insert(plain, internal);
        }
        let external = has_external.then(|| {
            let mut package = self.loader.package_of(node, Variant::ExternalTest);
            package.for_test = Some(node.path.clone());
            let imports = self.plain_imports(node.external_imports.iter());
            if has_internal {
                self.recompile(
                    &node.path,
                    plain,
                    imports.values().copied().collect(),
                    &mut redirect,
                );
            }
            package.imports = imports
                .into_iter()
                .map(|(path, id)| (path, redirect.get(&id).copied().unwrap_or(id)))
                .collect();
            self.push(package)
        });
        let mut main = self.loader.package_of(node, Variant::TestMain);
        main.import_path = format!("{}.test", node.path);
        main.name = "main".to_string();
        main.for_test = Some(node.path.clone());
        main.files.clear();
        main.embeds.clear();
        main.errors.clear();
        main.overlay = None;
        main.is_root = false;
        let mut wanted: Vec<PackageId> = Vec::new();
        let mut imports: BTreeMap<String, PackageId> = BTreeMap::new();
        for path in MAIN_IMPORTS {
            if let Some(id) = self.ids.get(path) {
                wanted.push(*id);
                imports.insert(path.to_string(), *id);
            }
        }
        // The runtime itself may depend on the package under test.
        for (path, id) in &self.graph.implicit {
            wanted.push(*id);
            imports.insert(path.clone(), *id);
        }
        if has_internal {
            self.recompile(&node.path, plain, wanted, &mut redirect);
        }
        imports = imports
            .into_iter()
            .map(|(path, id)| (path, redirect.get(&id).copied().unwrap_or(id)))
            .collect();
        imports.insert(node.path.clone(), internal);
        if let Some(external) = external {
            imports.insert(format!("{}_test", node.path), external);
        }
        main.imports = imports;
        let main = self.push(main);
        self.graph.tests.push(TestTarget {
            package: plain,
            internal,
            external,
            main,
        });
    }

    fn plain_imports<'e>(
        &self,
        edges: impl Iterator<Item = &'e Edge>,
    ) -> BTreeMap<String, PackageId> {
        edges
            .filter_map(|edge| Some((edge.written.clone(), *self.ids.get(&edge.target)?)))
            .collect()
    }

    fn push(&mut self, mut package: Package) -> PackageId {
        let id = PackageId(self.graph.packages.len() as u32);
        package.id = id;
        self.graph.packages.push(package);
        id
    }

    fn depends_on(&self, from: PackageId, on: PackageId) -> bool {
        from > on && self.graph.dependencies(from).contains(&on)
    }

    fn test_cycle(&self, node: &Node, through: PackageId, plain: PackageId) -> PackageError {
        let mut stack = vec![(node.path.clone(), String::new())];
        let mut at = through;
        let mut file = node
            .test_imports
            .iter()
            .find(|edge| self.ids.get(&edge.target) == Some(&through))
            .map(|edge| {
                edge.file
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            })
            .unwrap_or_default();
        while at != plain {
            let package = self.graph.package(at);
            stack.push((package.import_path.clone(), std::mem::take(&mut file)));
            let next = package
                .imports
                .values()
                .find(|id| **id == plain || self.depends_on(**id, plain))
                .copied();
            let Some(next) = next else { break };
            let target = &self.graph.package(next).import_path;
            file = self
                .nodes
                .get(&package.import_path)
                .and_then(|node| node.imports.iter().find(|edge| edge.target == *target))
                .map(|edge| {
                    edge.file
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned()
                })
                .unwrap_or_default();
            at = next;
        }
        stack.push((node.path.clone(), file));
        let mut error = PackageError::of(&node.path, "import cycle not allowed in test");
        error.stack = stack;
        error
    }

    /// Adds recompiled builds of what lies between `from` and the package under test; `redirect` gets them.
    fn recompile(
        &mut self,
        test: &str,
        plain: PackageId,
        from: Vec<PackageId>,
        redirect: &mut BTreeMap<PackageId, PackageId>,
    ) {
        let limit = self.graph.packages.len();
        let mut reachable = vec![false; limit];
        for id in from {
            if id.index() < limit {
                reachable[id.index()] = true;
            }
        }
        for at in (0..limit).rev() {
            if reachable[at] {
                for import in self.graph.packages[at].imports.values() {
                    reachable[import.index()] = true;
                }
            }
        }
        // Ids are in dependency order: one pass upwards from the package under test.
        for at in plain.index() + 1..limit {
            let id = PackageId(at as u32);
            if !reachable[at]
                || redirect.contains_key(&id)
                || self.graph.packages[at].variant != Variant::Plain
            {
                continue;
            }
            if !self.graph.packages[at]
                .imports
                .values()
                .any(|import| redirect.contains_key(import))
            {
                continue;
            }
            let mut package = self.graph.packages[at].clone();
            package.variant = Variant::Recompiled;
            package.for_test = Some(test.to_string());
            package.is_root = false;
            for import in package.imports.values_mut() {
                if let Some(new) = redirect.get(import) {
                    *import = *new;
                }
            }
            let new = self.push(package);
            redirect.insert(id, new);
        }
    }
}
