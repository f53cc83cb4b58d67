//! Parses and checks all packages of a graph, in parallel, dependencies first.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use base::Symbol;
use diagnostics::Diagnostic;
use modules::load::Variant;
use modules::{Package, PackageGraph, PackageId};
use rayon::prelude::*;
use source::{SourceFile, SourceMap};
use syntax::ast;
use syntax::pragma::Rules;
use types::{CheckInput, PkgId, Store, TypedPackage};

use crate::overlay;
use crate::timings::Timings;
use crate::verdicts::Verdicts;

/// Stack of threads that parse and check: nesting in the source costs stack, pages that are not touched cost nothing.
pub const THREAD_STACK: usize = 256 << 20;

/// The checked packages of a graph.
pub struct Frontend {
    /// Types and objects.
    pub store: Store,
    /// All files.
    pub sources: SourceMap,
    /// By package id; `None` for packages that failed, were not asked for, or depend on such, and for those that an earlier build
    /// has checked unless their tables were asked for.
    pub packages: Vec<Option<TypedPackage>>,
    /// Rendered diagnostics by package (`# path` header not included), in package order.
    pub errors: Vec<(PackageId, String)>,
}

impl Frontend {
    /// Whether the tables of all these packages are there.
    pub fn has(&self, graph: &PackageGraph, ids: &[PackageId]) -> bool {
        ids.iter()
            .all(|&id| is_unsafe(graph, id) || self.packages[id.index()].is_some())
    }
}

fn is_unsafe(graph: &PackageGraph, id: PackageId) -> bool {
    graph.package(id).import_path == "unsafe"
}

/// What to check.
#[derive(Clone, Copy)]
pub struct CheckRequest<'a> {
    /// Packages whose errors are wanted, in dependency order, closed under imports.
    pub wanted: &'a [PackageId],
    /// Those among them whose tables are wanted, too.
    pub needed: &'a [PackageId],
    /// Synthesised files (test mains).
    pub extra: &'a ExtraFiles<'a>,
    #[allow(missing_docs)]
    pub options: CheckOptions,
    /// What earlier builds found out.
    pub verdicts: Option<&'a Verdicts>,
}

/// How much of a package is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// Nothing: it is known to be without errors, and nobody asks what is in it.
    Nothing,
    /// What other packages see of it.
    Declarations,
    Everything,
}

/// By package id.
fn extents(graph: &PackageGraph, request: &CheckRequest<'_>) -> Vec<Extent> {
    let mut extents = vec![Extent::Nothing; graph.packages.len()];
    for &id in request.needed {
        extents[id.index()] = Extent::Everything;
    }
    // Dependents come before what they import.
    for &id in request.wanted.iter().rev() {
        let extent = &mut extents[id.index()];
        if !is_unsafe(graph, id) && !request.verdicts.is_some_and(|known| known.is_good(id)) {
            *extent = Extent::Everything;
        }
        if *extent != Extent::Nothing {
            for import in graph.package(id).imports.values() {
                let import = &mut extents[import.index()];
                if *import == Extent::Nothing {
                    *import = Extent::Declarations;
                }
            }
        }
    }
    extents
}

/// Options of [`check_graph`].
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// `-gcflags=-e`
    pub all_errors: bool,
    /// `-gcflags=-C`
    pub no_columns: bool,
    /// `-gcflags=-lang=go1.N`: language version of the packages named on the command line, as (1, N).
    pub lang: Option<(u32, u32)>,
}

/// Files that are made for a package (test mains): name and contents.
pub type ExtraFiles<'a> = dyn Fn(&Package) -> Vec<(String, Arc<[u8]>)> + 'a;

struct Parsed {
    files: Vec<(Arc<SourceFile>, ast::File)>,
    /// Of each file.
    diagnostics: Vec<Vec<Diagnostic>>,
}

/// Parses and checks packages.
pub fn check_graph(
    graph: &PackageGraph,
    request: &CheckRequest<'_>,
    timings: &mut Timings,
) -> Frontend {
    let extents = extents(graph, request);
    let all = request.wanted.len();
    let wanted: Vec<PackageId> = (request.wanted.iter().copied())
        .filter(|id| extents[id.index()] != Extent::Nothing)
        .collect();
    let wanted = wanted.as_slice();
    let anew = |id: &&PackageId| extents[id.index()] == Extent::Everything;
    timings.count("packages checked", wanted.iter().filter(anew).count(), all);
    let (extra, options) = (request.extra, request.options);
    let store = Store::new();
    let sources = SourceMap::new();
    let mut jobs: Vec<(PackageId, Arc<SourceFile>)> = Vec::new();
    let mut errors: Vec<(PackageId, String)> = Vec::new();
    for &id in wanted {
        let package = graph.package(id);
        let own = package
            .files
            .iter()
            .map(|f| (f.path.display().to_string(), f.bytes.clone()));
        for (name, bytes) in own.chain(extra(package)) {
            match sources.add(name.as_str(), bytes) {
                Some(file) => jobs.push((id, file)),
                None => errors.push((
                    id,
                    format!("{name}: more than 4 GiB of source in one build\n"),
                )),
            }
        }
    }
    let mut parsed: Vec<Option<Parsed>> = timings.time("parse", || {
        let trees: Vec<_> = jobs
            .par_iter()
            .map(|(id, file)| (*id, file.clone(), syntax::parse_file(file)))
            .collect();
        let mut parsed: Vec<Option<Parsed>> = (0..graph.packages.len()).map(|_| None).collect();
        for &id in wanted {
            parsed[id.index()] = Some(Parsed {
                files: Vec::new(),
                diagnostics: Vec::new(),
            });
        }
        for (id, file, (tree, diagnostics)) in trees {
            if let Some(p) = &mut parsed[id.index()] {
                p.files.push((file, tree));
                p.diagnostics.push(diagnostics);
            }
        }
        parsed
    });
    let checked = timings.time("check", || {
        let checker = Checker {
            graph,
            store: &store,
            sources: &sources,
            options,
            parsed: parsed.iter_mut().map(|p| Mutex::new(p.take())).collect(),
            declared: (0..graph.packages.len()).map(|_| OnceLock::new()).collect(),
            results: (0..graph.packages.len()).map(|_| OnceLock::new()).collect(),
            waiting: (0..graph.packages.len())
                .map(|_| AtomicUsize::new(0))
                .collect(),
            dependents: dependents(graph, wanted),
            extents: &extents,
        };
        checker.run(wanted);
        checker.results
    });
    let mut checked: Vec<Option<Outcome>> = checked.into_iter().map(OnceLock::into_inner).collect();
    let mut packages: Vec<Option<TypedPackage>> = (0..checked.len()).map(|_| None).collect();
    let mut is_good = vec![false; checked.len()];
    for &id in wanted {
        let package = graph.package(id);
        // A dependency may have turned out to have errors after this package had been checked.
        let blocked = (package.imports.values())
            .any(|&import| !is_unsafe(graph, import) && !is_good[import.index()]);
        match checked[id.index()].take() {
            Some(Outcome::Good(typed)) if !blocked => {
                is_good[id.index()] = true;
                if extents[id.index()] == Extent::Everything {
                    packages[id.index()] = Some(*typed);
                }
            }
            Some(Outcome::Failed(text)) if !blocked => errors.push((id, text)),
            _ => {}
        }
    }
    errors.sort_by_key(|(id, _)| *id);
    Frontend {
        store,
        sources,
        packages,
        errors,
    }
}

enum Outcome {
    Good(Box<TypedPackage>),
    Failed(String),
    /// A dependency failed, as far as was known.
    Skipped,
}

fn dependents(graph: &PackageGraph, wanted: &[PackageId]) -> Vec<Vec<PackageId>> {
    let mut out = vec![Vec::new(); graph.packages.len()];
    for &id in wanted {
        let mut seen = Vec::new();
        for &import in graph.package(id).imports.values() {
            if !seen.contains(&import) {
                seen.push(import);
                out[import.index()].push(id);
            }
        }
    }
    out
}

struct Checker<'a> {
    graph: &'a PackageGraph,
    store: &'a Store,
    sources: &'a SourceMap,
    options: CheckOptions,
    parsed: Vec<Mutex<Option<Parsed>>>,
    /// Packages whose declarations have been checked: they can be imported.
    declared: Vec<OnceLock<PkgId>>,
    results: Vec<OnceLock<Outcome>>,
    /// Imports that are not declared yet.
    waiting: Vec<AtomicUsize>,
    dependents: Vec<Vec<PackageId>>,
    extents: &'a [Extent],
}

impl Checker<'_> {
    fn run(&self, wanted: &[PackageId]) {
        for list in &self.dependents {
            for id in list {
                self.waiting[id.index()].fetch_add(1, Ordering::Relaxed);
            }
        }
        let ready: Vec<PackageId> = wanted
            .iter()
            .copied()
            .filter(|id| self.waiting[id.index()].load(Ordering::Relaxed) == 0)
            .collect();
        rayon::scope(|scope| {
            for id in ready {
                scope.spawn(move |scope| self.check(id, scope));
            }
        });
    }

    fn check<'s>(&'s self, id: PackageId, scope: &rayon::Scope<'s>) {
        let release = || {
            for &dependent in &self.dependents[id.index()] {
                if self.waiting[dependent.index()].fetch_sub(1, Ordering::AcqRel) == 1 {
                    scope.spawn(move |scope| self.check(dependent, scope));
                }
            }
        };
        // Dependents need no function bodies.
        let declared = |pkg: PkgId| {
            let _ = self.declared[id.index()].set(pkg);
            release();
        };
        let outcome = self.check_one(id, &declared);
        let _ = self.results[id.index()].set(outcome);
        if self.declared[id.index()].get().is_none() {
            release();
        }
    }

    fn check_one(&self, id: PackageId, declared: &dyn Fn(PkgId)) -> Outcome {
        let package = self.graph.package(id);
        if is_unsafe(self.graph, id) {
            return Outcome::Skipped;
        }
        let blocked = |import: &PackageId| {
            !is_unsafe(self.graph, *import)
                && (self.declared[import.index()].get().is_none()
                    || matches!(
                        self.results[import.index()].get(),
                        Some(Outcome::Failed(_) | Outcome::Skipped)
                    ))
        };
        if package.imports.values().any(blocked) {
            return Outcome::Skipped;
        }
        let parsed = self.parsed[id.index()]
            .lock()
            .expect("no panic while holding it")
            .take();
        let Some(Parsed {
            mut files,
            diagnostics,
        }) = parsed
        else {
            return Outcome::Skipped;
        };
        let trees = files
            .iter()
            .zip(diagnostics)
            .map(|((file, tree), found)| (&**file, tree, found));
        let version = match self.options.lang {
            Some(lang) if self.graph.roots.contains(&id) => lang,
            _ => language_version(&package.language),
        };
        let rules = Rules {
            std: package.is_std,
            runtime: false,
            go_version: version,
        };
        let mut report = syntax::package::report(trees, rules);
        if report.stop {
            let trees = files.into_iter().map(|(_, tree)| Arc::new(tree));
            let branches: Vec<Diagnostic> = trees
                .take_while(|tree| !tree.no_package)
                .flat_map(|tree| {
                    types::check_branches(self.store, self.sources, &tree, &report.diagnostics)
                })
                .collect();
            report.diagnostics.extend(branches);
            return self.failed(package, &report.diagnostics);
        }
        if let Some((list, optional)) = overlay::replaced(&package.import_path) {
            // Parsed files are in the package's order; an overlay file may have the path of one of GOROOT's.
            let flags = package.files.iter().map(|f| f.is_overlay);
            let (ours, own): (Vec<_>, Vec<_>) = files
                .into_iter()
                .zip(flags.chain(std::iter::repeat(false)))
                .partition(|(_, o)| *o);
            let (ours, mut own): (Vec<_>, Vec<_>) = (
                ours.into_iter().map(|(f, _)| f).collect(),
                own.into_iter().map(|(f, _)| f).collect(),
            );
            if let Err(text) = overlay::apply(&package.import_path, &mut own, &list, optional) {
                return Outcome::Failed(text + "\n");
            }
            own.extend::<Vec<_>>(ours);
            files = own;
        }
        let resolve = |path: &str| -> Result<PkgId, String> {
            let import = package
                .imports
                .get(path)
                .ok_or_else(|| format!("could not import {path} (package not loaded)"))?;
            self.declared[import.index()]
                .get()
                .copied()
                .ok_or_else(|| format!("could not import {path} (it has errors)"))
        };
        let files: Vec<(Arc<SourceFile>, Arc<ast::File>)> = files
            .into_iter()
            .map(|(file, tree)| (file, Arc::new(tree)))
            .collect();
        let trees = files.iter().map(|(_, tree)| tree.clone()).collect();
        let path = match package.variant {
            Variant::TestMain => Symbol::intern("main"),
            _ => Symbol::intern(&package.import_path),
        };
        let mut input = CheckInput::new(path, trees, version, &resolve);
        input.bodyless_ok = package.body_less_ok || package.is_std;
        input.declared = Some(declared);
        input.ignore_func_bodies = self.extents[id.index()] == Extent::Declarations;
        let (typed, found) = types::check_package(self.store, self.sources, input);
        let mut diagnostics = report.with_type_errors(found);
        if !package.is_std {
            let files: Vec<_> = files
                .iter()
                .map(|(file, tree)| (&**file, &**tree))
                .collect();
            diagnostics.extend(syntax::package::late_mistakes(&files, rules));
        }
        diagnostics::drop_late(&mut diagnostics);
        let is_error = |d: &Diagnostic| d.severity == diagnostics::Severity::Error;
        if !diagnostics.iter().any(is_error) {
            let files = |pattern: &str| -> Vec<String> {
                let of_pattern = package.embeds.iter().filter(|e| e.pattern == pattern);
                of_pattern.flat_map(|e| e.files.iter().cloned()).collect()
            };
            diagnostics.extend(types::embed_mistakes(self.store, &typed, &files));
        }
        if diagnostics.iter().any(is_error) {
            return self.failed(package, &diagnostics);
        }
        Outcome::Good(Box::new(typed))
    }

    fn failed(&self, package: &Package, diagnostics: &[Diagnostic]) -> Outcome {
        let options = diagnostics::gc::Options {
            all_errors: self.options.all_errors,
            no_columns: self.options.no_columns,
        };
        let mut text = diagnostics::gc::render(self.sources, diagnostics, options);
        if !package.is_std
            && let Some(src) = self.graph.packages.iter().find_map(std_root)
        {
            // The official release has the standard library compiled with `-trimpath`.
            text = text.replace(src, "$GOROOT/src/");
        }
        Outcome::Failed(diagnostics::gc::shorten_paths(
            &text,
            &package.dir,
            &self.graph.cwd,
        ))
    }
}

/// `src/` of GOROOT, as a package of the standard library tells.
fn std_root(package: &Package) -> Option<&str> {
    let dir = package.dir.to_str().filter(|_| package.is_std)?;
    let root = dir.strip_suffix(package.import_path.as_str())?;
    root.ends_with("/src/").then_some(root)
}

/// `go1.21` as (1, 21).
pub fn language_version(text: &str) -> (u32, u32) {
    let mut parts = text
        .trim_start_matches("go")
        .split('.')
        .map(|p| p.parse().unwrap_or(0));
    (parts.next().unwrap_or(1), parts.next().unwrap_or(27))
}
