//! Minimal version selection over the module graph, with graph pruning.
//!
//! Source: the Go modules reference, "Minimal version selection" and "Module graph pruning". The graph
//! holds every version that some go.mod mentions; the selected version of a path is the highest
//! mentioned. From a module at go 1.17 or above (and from a pruned main module) only direct requirements
//! are followed; from an older one everything is.

use crate::ModuleVersion;
use crate::cache::{PARALLEL, parallel_map};
use crate::error::Result;
use crate::semver;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What the graph needs to know of a go.mod file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Requirements in file order, exclusions left out; `go` and `toolchain` come first where they count.
    pub require: Vec<ModuleVersion>,
    /// At go 1.17 or above.
    pub pruned: bool,
    /// The go directive; empty if there is none.
    pub go_version: String,
    /// The module directive; empty if there is none.
    pub path: String,
    /// Deprecation message.
    pub deprecated: String,
}

/// Whether the main module's graph is pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pruning {
    /// go 1.17 and above.
    Pruned,
    /// Older.
    Unpruned,
}

impl Pruning {
    /// Of a module with this go directive.
    pub fn of(go_version: &str) -> Pruning {
        if semver::compare_go(go_version, "1.17") == Ordering::Less {
            Pruning::Unpruned
        } else {
            Pruning::Pruned
        }
    }
}

/// A loaded module graph.
#[derive(Clone, Debug, Default)]
pub struct ModuleGraph {
    main: ModuleVersion0,
    roots: Vec<ModuleVersion>,
    selected: BTreeMap<String, String>,
    requires: BTreeMap<ModuleVersion, Arc<Summary>>,
}

/// The main module's path (its version is empty).
type ModuleVersion0 = String;

impl ModuleGraph {
    /// Loads the graph from the main module's requirements. `summary` is called once for each module
    /// version, from several threads.
    pub fn load(
        main: &str,
        roots: &[ModuleVersion],
        pruning: Pruning,
        summary: &(dyn Fn(&ModuleVersion) -> Result<Arc<Summary>> + Sync),
    ) -> Result<ModuleGraph> {
        let mut graph = ModuleGraph {
            main: main.to_string(),
            roots: roots.to_vec(),
            ..ModuleGraph::default()
        };
        for root in roots {
            graph.mention(root);
        }
        // Versions whose requirements were followed: (any way, the unpruned way).
        let mut seen: BTreeSet<(ModuleVersion, bool)> = BTreeSet::new();
        let mut wave: Vec<(ModuleVersion, bool)> = Vec::new();
        let unpruned_main = pruning == Pruning::Unpruned;
        for root in roots {
            if seen.insert((root.clone(), unpruned_main)) {
                wave.push((root.clone(), unpruned_main));
            }
        }
        while !wave.is_empty() {
            let missing: Vec<ModuleVersion> = {
                let unique: BTreeSet<&ModuleVersion> =
                    wave.iter().map(|(module, _)| module).collect();
                unique
                    .into_iter()
                    .filter(|module| !graph.requires.contains_key(*module))
                    .cloned()
                    .collect()
            };
            let loaded = parallel_map(&missing, PARALLEL, |module| summary(module));
            for (module, result) in missing.into_iter().zip(loaded) {
                let found = result?;
                for require in &found.require {
                    graph.mention(require);
                }
                graph.requires.insert(module, found);
            }
            let mut next = Vec::new();
            for (module, unpruned) in wave {
                let Some(found) = graph.requires.get(&module) else {
                    continue;
                };
                if !unpruned && found.pruned {
                    continue;
                }
                // Below an unpruned module everything counts.
                for require in &found.require {
                    let key = (require.clone(), unpruned || !found.pruned);
                    if seen.insert(key.clone()) {
                        next.push(key);
                    }
                }
            }
            wave = next;
        }
        Ok(graph)
    }

    fn mention(&mut self, module: &ModuleVersion) {
        if module.version == "none" || module.path == self.main {
            return;
        }
        let entry = self.selected.entry(module.path.clone()).or_default();
        if entry.is_empty()
            || semver::compare_for_path(&module.path, entry, &module.version) == Ordering::Less
        {
            entry.clone_from(&module.version);
        }
    }

    /// The selected version of a path; `None` if the graph does not mention it.
    pub fn selected(&self, path: &str) -> Option<&str> {
        self.selected.get(path).map(String::as_str)
    }

    /// All selected modules sorted by path, `go` and `toolchain` left out.
    pub fn build_list(&self) -> Vec<ModuleVersion> {
        self.selected
            .iter()
            .filter(|(path, _)| !is_toolchain(path))
            .map(|(path, version)| ModuleVersion::new(path.clone(), version.clone()))
            .collect()
    }

    /// The summaries of all module versions whose go.mod was read.
    pub fn read_modules(&self) -> impl Iterator<Item = (&ModuleVersion, &Arc<Summary>)> {
        self.requires.iter()
    }

    /// Edges breadth first, as `go mod graph` lists them.
    pub fn edges(&self) -> Vec<(ModuleVersion, ModuleVersion)> {
        let main = ModuleVersion::new(self.main.clone(), "");
        let mut out = Vec::new();
        let mut queue = VecDeque::from([main.clone()]);
        let mut seen: BTreeSet<ModuleVersion> = BTreeSet::from([main.clone()]);
        while let Some(module) = queue.pop_front() {
            let require: &[ModuleVersion] = if module == main {
                &self.roots
            } else if let Some(summary) = self.requires.get(&module) {
                &summary.require
            } else {
                &[]
            };
            for target in require {
                out.push((module.clone(), target.clone()));
                if seen.insert(target.clone()) {
                    queue.push_back(target.clone());
                }
            }
        }
        out
    }

    /// A shortest chain of requirements from the main module to any version of `path` (`mod why -m`).
    pub fn path_to(&self, path: &str) -> Option<Vec<ModuleVersion>> {
        let edges = self.edges();
        let mut parent: BTreeMap<&ModuleVersion, &ModuleVersion> = BTreeMap::new();
        for (from, to) in &edges {
            parent.entry(to).or_insert(from);
            if to.path == path {
                let mut chain = vec![to.clone()];
                let mut at = to;
                while let Some(up) = parent.get(at) {
                    chain.push((*up).clone());
                    at = up;
                    if at.version.is_empty() || chain.len() > edges.len() {
                        break;
                    }
                }
                chain.reverse();
                return Some(chain);
            }
        }
        None
    }
}

/// True for the pseudo-modules of Go releases.
pub fn is_toolchain(path: &str) -> bool {
    path == "go" || path == "toolchain"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines `A1 [go]: B1 C2`; a module at "old" is unpruned.
    fn check(graph: &str, roots: &str, pruning: Pruning, want: &str) {
        let parse = |text: &str| {
            let (path, version) = text.split_at(1);
            ModuleVersion::new(path, format!("v1.{version}.0"))
        };
        let summary = |module: &ModuleVersion| -> Result<Arc<Summary>> {
            for line in graph.lines().map(str::trim) {
                let Some((head, tail)) = line.split_once(':') else {
                    continue;
                };
                let mut words = head.split_whitespace();
                if words.next().map(parse).as_ref() == Some(module) {
                    let pruned = words.next() != Some("old");
                    let require = tail.split_whitespace().map(parse).collect();
                    return Ok(Arc::new(Summary {
                        require,
                        pruned,
                        ..Summary::default()
                    }));
                }
            }
            Ok(Arc::new(Summary {
                pruned: true,
                ..Summary::default()
            }))
        };
        let roots: Vec<ModuleVersion> = roots.split_whitespace().map(parse).collect();
        let graph = ModuleGraph::load("main", &roots, pruning, &summary).unwrap();
        let got: Vec<String> = graph
            .build_list()
            .iter()
            .map(|module| {
                format!(
                    "{}{}",
                    module.path,
                    module.version.split('.').nth(1).unwrap()
                )
            })
            .collect();
        assert_eq!(got.join(" "), want);
    }

    #[test]
    fn the_highest_mentioned_version_wins() {
        check(
            "A1 old: C1\nB1 old: C2\nC2 old: D4\nC1 old: D3",
            "A1 B1",
            Pruning::Unpruned,
            "A1 B1 C2 D4",
        );
        check(
            "A1 old: B2\nB1 old: C9",
            "A1 B1",
            Pruning::Unpruned,
            "A1 B2 C9",
        );
    }

    #[test]
    fn cycles_end() {
        check(
            "A1 old: B1\nB1 old: A2\nA2 old: B1",
            "A1",
            Pruning::Unpruned,
            "A2 B1",
        );
    }

    #[test]
    fn pruned_graphs_follow_roots_only() {
        check("A1: B1\nB1: C1", "A1", Pruning::Pruned, "A1 B1");
        check("A1: B1\nB1: C1", "A1 B1", Pruning::Pruned, "A1 B1 C1");
        check("A1: B1\nB1: C1", "A1", Pruning::Unpruned, "A1 B1 C1");
    }

    #[test]
    fn below_an_old_module_everything_counts() {
        check(
            "A1 old: B1\nB1: C1\nC1: D1",
            "A1",
            Pruning::Pruned,
            "A1 B1 C1 D1",
        );
        check(
            "A1 old: B1\nB1: C1\nE1: B1",
            "E1 A1",
            Pruning::Pruned,
            "A1 B1 C1 E1",
        );
    }
}
