//! `go mod tidy`.
//!
//! 1. Load "all" with the requirements at hand; look up modules for missing packages; repeat until
//!    nothing is missing.
//! 2. The new roots (pruned): the module of every package in "all"; then every module that provides some other
//!    loaded package and would not be selected at its version from those roots alone. (Unpruned: the
//!    directly imported modules first, then the second step.)
//! 3. go.sum keeps go.mod hashes of every module whose go.mod the graph reads, and zip hashes of modules that
//!    provide loaded packages or could (a path that is a prefix).

use super::all_packages::{self, AllPackage};
use crate::ModuleVersion;
use crate::build_context::BuildContext;
use crate::cache::{PARALLEL, SumMode, parallel_map};
use crate::error::{Error, Result};
use crate::gomod::Require;
use crate::modload::{ModLoader, Requirements};
use crate::module_path::{is_std_like, prefixes, quote};
use crate::mvs::{ModuleGraph, Pruning};
use crate::patterns::is_local;
use crate::semver;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Flags of `mod tidy`.
#[derive(Clone, Debug, Default)]
pub struct TidyOptions {
    /// `-e`: go on despite missing packages.
    pub ignore_errors: bool,
    /// `-v`: print modules that are removed.
    pub verbose: bool,
    /// `-go=`.
    pub go_version: Option<String>,
}

/// More rounds than this mean that requirements do not settle.
const MAX_ROUNDS: usize = 50;

/// Runs `mod tidy`. The loader must be in mode [`crate::modload::ModMode::Mod`].
pub fn run(modules: &ModLoader, tags: &BuildContext, options: &TidyOptions) -> Result<()> {
    let Some(main) = &modules.main else {
        return Err(Error::new(
            "go.mod file not found in current directory or any parent directory; see 'go help modules'",
        ));
    };
    modules.fetcher.set_mode(SumMode::Update);
    let mut go_version = options
        .go_version
        .clone()
        .or_else(|| main.file.go.clone())
        .unwrap_or_else(|| semver::go_language(crate::GO_RELEASE));
    raise_to_selected(modules)?;
    let mut all = all_packages::load(modules, tags)?;
    for _ in 0..MAX_ROUNDS {
        // Listed modules bring their own requirements, which may provide what seems to be missing.
        if !list_providers(modules, &all) && !add_missing(modules, &all, options)? {
            break;
        }
        raise_to_selected(modules)?;
        all = all_packages::load(modules, tags)?;
    }
    let direct = direct_modules(&all);
    let pruning = Pruning::of(&go_version);
    let requirements = minimal_roots(modules, &all, &direct, pruning)?;
    let graph = modules.load_graph(&requirements)?;
    if let Some(wanted) = graph.selected("go")
        && semver::compare_go(wanted, &go_version) == Ordering::Greater
    {
        go_version = wanted.to_string();
    }
    if options.verbose {
        for old in main
            .file
            .require
            .iter()
            .filter(|old| requirements.root(&old.path).is_none())
        {
            modules
                .system()
                .eprint_line(&format!("unused {}", old.path));
        }
    }
    // Hashes of everything that stays must be known: read what was not needed so far.
    let keep = sums_to_keep(modules, &all, &requirements, &graph, &go_version);
    let zips: Vec<ModuleVersion> = keep
        .iter()
        .filter(|(path, version)| {
            !version.ends_with("/go.mod") && !modules.fetcher.has_sum(path, version)
        })
        .map(|(path, version)| ModuleVersion::new(path, version))
        .collect();
    for result in modules.fetcher.download_all(&zips) {
        result?;
    }
    let mods: Vec<ModuleVersion> = keep
        .iter()
        .filter_map(|(path, version)| {
            Some(ModuleVersion::new(path, version.strip_suffix("/go.mod")?))
        })
        .filter(|module| {
            !modules
                .fetcher
                .has_sum(&module.path, &format!("{}/go.mod", module.version))
        })
        .collect();
    for result in parallel_map(&mods, PARALLEL, |module| {
        modules.fetcher.go_mod(module).map(|_| ())
    }) {
        result?;
    }
    modules.fetcher.trim_sums(&keep);
    let wanted: Vec<Require> = requirements
        .roots
        .iter()
        .map(|root| Require {
            path: root.path.clone(),
            version: root.version.clone(),
            indirect: !direct.contains(&root.path),
            line: 0,
        })
        .collect();
    let mut file = main.file.clone();
    if file.go.as_deref() != Some(&go_version) {
        file.set_go(&go_version);
    }
    if file.toolchain.as_deref().is_some_and(|name| {
        semver::compare_go(semver::toolchain_version(name), &go_version) != Ordering::Greater
    }) {
        file.set_toolchain(None);
    }
    file.set_requirements(&wanted, Pruning::of(&go_version) == Pruning::Pruned);
    modules.write_go_mod(main, &file.format())?;
    modules.fetcher.save_sums(true)
}

/// Roots below the versions that the graph selects are raised: their packages will come from there.
fn raise_to_selected(modules: &ModLoader) -> Result<()> {
    for _ in 0..MAX_ROUNDS {
        let graph = modules.graph()?;
        let mut requirements = modules.requirements();
        let mut changed = false;
        for root in requirements.roots.clone() {
            if let Some(selected) = graph.selected(&root.path) {
                changed |= requirements.raise(&ModuleVersion::new(&root.path, selected));
            }
        }
        if !changed {
            return Ok(());
        }
        modules.set_requirements(requirements);
    }
    Err(Error::new("module requirements do not settle"))
}

/// Makes the modules of packages in "all" roots; true if some were not.
fn list_providers(modules: &ModLoader, all: &BTreeMap<String, AllPackage>) -> bool {
    let mut requirements = modules.requirements();
    let mut changed = false;
    for package in all.values().filter(|package| package.in_all) {
        if let Some(module) = package.module.as_ref().filter(|module| !module.is_main) {
            changed |= requirements.raise(&module.module);
        }
    }
    if changed {
        modules.set_requirements(requirements);
    }
    changed
}

fn direct_modules(all: &BTreeMap<String, AllPackage>) -> BTreeSet<String> {
    let mut direct = BTreeSet::new();
    for package in all.values().filter(|package| package.is_main()) {
        for path in package.imports.iter().chain(&package.test_imports) {
            if let Some(module) = all
                .get(path)
                .and_then(|target| target.module.as_ref())
                .filter(|module| !module.is_main)
            {
                direct.insert(module.module.path.clone());
            }
        }
    }
    direct
}

/// Finds modules for missing packages; true if requirements changed.
fn add_missing(
    modules: &ModLoader,
    all: &BTreeMap<String, AllPackage>,
    options: &TidyOptions,
) -> Result<bool> {
    let missing: Vec<(&String, &AllPackage)> = all
        .iter()
        .filter(|(_, package)| package.error.is_some())
        // What looks like a package of std is not looked for; the build tells that it is not there.
        .filter(|(path, _)| !is_std_like(path) || is_local(path))
        .collect();
    if missing.is_empty() {
        return Ok(false);
    }
    let main_path = modules.main.as_ref().map_or("", |main| main.path.as_str());
    let mut requirements = modules.requirements();
    let mut changed = false;
    let mut problems: Vec<String> = Vec::new();
    let results = parallel_map(&missing, PARALLEL, |(path, package)| match &package.error {
        Some(_) if is_local(path) => Err(Error::new(format!(
            "{} is relative, but relative import paths are not supported in module mode",
            quote(path)
        ))),
        Some(crate::modload::resolve::ImportError::Missing { .. }) => {
            modules.announce_search(path);
            modules.find_provider(path)
        }
        Some(error) => Err(Error::new(error.to_string())),
        None => Err(Error::new(String::new())),
    });
    for ((path, package), result) in missing.into_iter().zip(results) {
        match result {
            Ok(module) => {
                modules.system().eprint_line(&format!(
                    "go: found {path} in {} {}",
                    module.path, module.version
                ));
                changed |= requirements.raise(&module);
            }
            Err(error) if error.kind == crate::error::ErrorKind::Security => return Err(error),
            Err(error) => {
                let chain = if package.imported_by.is_empty() {
                    main_path.to_string()
                } else {
                    package.imported_by.join(" imports\n\t")
                };
                problems.push(format!("{chain} imports\n\t{path}: {}", error.text));
            }
        }
    }
    if !problems.is_empty() {
        let error = Error::new(problems.join("\ngo: "));
        if !options.ignore_errors {
            return Err(error);
        }
        // Told once, when no more is found.
        if !changed {
            modules.system().eprint_line(&error.to_string());
        }
    }
    if changed {
        modules.set_requirements(requirements);
    }
    Ok(changed)
}

/// Step 2 of the module comment.
fn minimal_roots(
    modules: &ModLoader,
    all: &BTreeMap<String, AllPackage>,
    direct: &BTreeSet<String>,
    pruning: Pruning,
) -> Result<Requirements> {
    let mut requirements = Requirements {
        roots: Vec::new(),
        direct: direct.clone(),
    };
    let external = |package: &&AllPackage| {
        package
            .module
            .as_ref()
            .is_some_and(|module| !module.is_main)
    };
    for package in all.values().filter(external) {
        let Some(module) = &package.module else {
            continue;
        };
        let wanted = match pruning {
            Pruning::Pruned => package.in_all,
            Pruning::Unpruned => direct.contains(&module.module.path),
        };
        if wanted {
            requirements.raise(&module.module);
        }
    }
    // Breadth first by importing distance, so that a root added for one package can cover those behind it.
    let order = distance_order(all);
    for _ in 0..MAX_ROUNDS {
        let graph = modules.load_graph(&requirements)?;
        let mut added = false;
        for path in &order {
            let Some(module) = all
                .get(path)
                .and_then(|package| package.module.as_ref())
                .filter(|module| !module.is_main)
            else {
                continue;
            };
            let selected = graph.selected(&module.module.path);
            let low = selected.is_none_or(|selected| {
                semver::compare(selected, &module.module.version) == Ordering::Less
            });
            if low && requirements.root(&module.module.path).is_none() {
                requirements.raise(&module.module);
                added = true;
                break;
            }
        }
        let mut raised = false;
        for root in requirements.roots.clone() {
            if let Some(selected) = graph.selected(&root.path) {
                raised |= requirements.raise(&ModuleVersion::new(&root.path, selected));
            }
        }
        if !added && !raised {
            return Ok(requirements);
        }
    }
    Err(Error::new("module requirements do not settle"))
}

fn distance_order(all: &BTreeMap<String, AllPackage>) -> Vec<String> {
    let mut order: Vec<String> = all
        .iter()
        .filter(|(_, package)| package.is_main())
        .map(|(path, _)| path.clone())
        .collect();
    let mut seen: BTreeSet<String> = order.iter().cloned().collect();
    let mut at = 0;
    while at < order.len() {
        if let Some(package) = all.get(&order[at]) {
            for target in package.imports.iter().chain(&package.test_imports) {
                if seen.insert(target.clone()) {
                    order.push(target.clone());
                }
            }
        }
        at += 1;
    }
    order
}

/// Step 3 of the module comment.
fn sums_to_keep(
    modules: &ModLoader,
    all: &BTreeMap<String, AllPackage>,
    requirements: &Requirements,
    graph: &ModuleGraph,
    go_version: &str,
) -> BTreeSet<(String, String)> {
    let mut keep = BTreeSet::new();
    let actual = |module: &ModuleVersion| match modules.replacement(module) {
        Some(replace) if replace.is_dir() => None,
        Some(replace) => Some(ModuleVersion::new(&replace.new_path, &replace.new_version)),
        None => Some(module.clone()),
    };
    let pruned = modules.pruning() == Pruning::Pruned;
    for (path, package) in all {
        let Some(module) = package.module.as_ref().filter(|module| !module.is_main) else {
            continue;
        };
        // From go 1.21 on, the go.mod that tells a package's language version counts.
        if semver::compare_go(go_version, "1.21") != Ordering::Less
            && let Some(target) = actual(&module.module)
        {
            keep.insert((target.path, format!("{}/go.mod", target.version)));
        }
        let from_root =
            pruned && requirements.root(&module.module.path) == Some(&module.module.version);
        for prefix in prefixes(path) {
            let version = if from_root {
                requirements.root(prefix)
            } else {
                graph.selected(prefix)
            };
            if let Some(target) =
                version.and_then(|version| actual(&ModuleVersion::new(prefix, version)))
            {
                keep.insert((target.path, target.version));
            }
        }
    }
    for (module, _) in graph
        .read_modules()
        .filter(|(module, _)| !crate::mvs::is_toolchain(&module.path))
    {
        if let Some(target) = actual(module) {
            keep.insert((target.path, format!("{}/go.mod", target.version)));
        }
    }
    keep
}
