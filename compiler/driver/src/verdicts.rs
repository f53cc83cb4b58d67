//! Packages that an earlier build parsed and checked without finding an error.
//!
//! What is kept is the verdict, not the tables: reading trees and tables back takes as long as making them, and a build that links
//! needs nearly all of them. A package with a verdict whose code nobody needs (`build` of libraries, `test` of packages without tests)
//! is left out altogether, or has only its declarations checked where a changed package imports it.
//!
//! A verdict's key covers the package's files and all that they import, so that nothing else can change it. All keys are in one cache
//! entry, those of the latest builds at its end. Processes that write at the same time lose verdicts, nothing else.

use base::FxHashSet;
use modules::{PackageGraph, PackageId};
use source::system::System;

use crate::cache::{self, Cache, Key, compiler_identity};
use crate::frontend::{CheckOptions, ExtraFiles, Frontend};

/// Verdicts that are kept; the oldest go first.
const BOUND: usize = 1 << 15;

/// Which packages of a graph are known to be without errors.
#[derive(Debug)]
pub struct Verdicts {
    /// Of the cache entry.
    entry: Key,
    /// Keys in the entry, latest last.
    kept: Vec<Key>,
    /// By package id; `None` for packages that were not asked for.
    keys: Vec<Option<Key>>,
    good: Vec<bool>,
}

impl Verdicts {
    /// Looks up the packages `wanted` (in dependency order, closed under imports). `None` if this build of ferrogo cannot be told
    /// from others.
    pub fn look_up(
        graph: &PackageGraph,
        wanted: &[PackageId],
        extra: &ExtraFiles<'_>,
        options: CheckOptions,
        cache: &Cache,
        system: &dyn System,
    ) -> Option<Verdicts> {
        let identity = compiler_identity(system)?;
        let entry = cache::hash([b"verdicts 1".as_slice(), &identity]);
        let bytes = cache.read(system, &entry).unwrap_or_default();
        let (kept, _) = bytes.as_chunks::<32>();
        let known: FxHashSet<&Key> = kept.iter().collect();
        let mut keys: Vec<Option<Key>> = vec![None; graph.packages.len()];
        let mut good = vec![false; graph.packages.len()];
        for &id in wanted {
            let key = key_of(graph, id, extra, options, &keys);
            good[id.index()] = known.contains(&key);
            keys[id.index()] = Some(key);
        }
        Some(Verdicts {
            entry,
            kept: kept.to_vec(),
            keys,
            good,
        })
    }

    /// Whether a package is known to be without errors.
    pub fn is_good(&self, id: PackageId) -> bool {
        self.good[id.index()]
    }

    /// Keeps what a check found out.
    pub fn store(&self, frontend: &Frontend, cache: &Cache, system: &dyn System) {
        let ids = frontend.packages.iter().enumerate();
        let fine: Vec<usize> = ids.filter(|(_, p)| p.is_some()).map(|(id, _)| id).collect();
        if fine.iter().all(|&id| self.good[id]) {
            return;
        }
        let used = |id: usize| fine.binary_search(&id).is_ok() || self.good[id];
        let latest: Vec<&Key> = (0..self.keys.len())
            .filter(|&id| used(id))
            .filter_map(|id| self.keys[id].as_ref())
            .collect();
        let again: FxHashSet<&Key> = latest.iter().copied().collect();
        let older = self.kept.iter().filter(|key| !again.contains(key));
        let all: Vec<&Key> = older.chain(latest).collect();
        let bytes: Vec<u8> = all[all.len().saturating_sub(BOUND)..]
            .iter()
            .flat_map(|key| key.iter().copied())
            .collect();
        cache.store(system, &self.entry, &bytes);
    }
}

/// Hash of all that decides whether a package has errors. `keys` has those of its imports.
fn key_of(
    graph: &PackageGraph,
    id: PackageId,
    extra: &ExtraFiles<'_>,
    options: CheckOptions,
    keys: &[Option<Key>],
) -> Key {
    let package = graph.package(id);
    let lang = options.lang.filter(|_| graph.roots.contains(&id));
    let head = format!("{:?} {lang:?}", package.variant);
    let mut parts: Vec<Vec<u8>> = vec![head.into_bytes(), package.content_hash().to_vec()];
    for (name, bytes) in extra(package) {
        parts.push(name.into_bytes());
        parts.push(bytes.to_vec());
    }
    let mut imports: Vec<(&String, &PackageId)> = package.imports.iter().collect();
    imports.sort();
    for (path, import) in imports {
        parts.push(path.clone().into_bytes());
        parts.push(keys[import.index()].map_or_else(Vec::new, |key| key.to_vec()));
    }
    cache::hash(parts.iter().map(Vec::as_slice))
}
