//! Loads the packages of "all" for `mod tidy` and `mod why`: every build tag counts as on and off, and
//! tests count too.
//!
//! "all" holds the main module's packages and tests and what they import, transitively. Tests of packages
//! in "all" that lie in other modules are looked at one level deep: what they import is loaded
//! (its modules need go.sum lines), but is not part of "all".

use crate::build_context::BuildContext;
use crate::cache::{PARALLEL, parallel_map};
use crate::error::{Error, Result};
use crate::load::directory::{self, FileGroup, ReadRequest};
use crate::modload::resolve::ImportError;
use crate::modload::{ModLoader, ModuleInfo};
use crate::module_path::is_std_like;
use crate::overlay::Overlay;
use std::collections::{BTreeMap, BTreeSet};

/// A package as these commands see it.
#[derive(Clone, Debug, Default)]
pub struct AllPackage {
    /// Providing module; `None` for std and for missing packages.
    pub module: Option<ModuleInfo>,
    /// Imports of the package itself.
    pub imports: BTreeSet<String>,
    /// Imports of its tests, if they count.
    pub test_imports: BTreeSet<String>,
    /// Part of "all".
    pub in_all: bool,
    /// Why it is missing.
    pub error: Option<ImportError>,
    /// Chain of importers from the main module, for messages.
    pub imported_by: Vec<String>,
    std: bool,
}

impl AllPackage {
    /// In the main module.
    pub fn is_main(&self) -> bool {
        self.module.as_ref().is_some_and(|module| module.is_main)
    }

    /// In the standard library.
    pub fn is_std(&self) -> bool {
        self.std
    }
}

/// Import paths of the main module's packages, and its tools.
pub fn main_packages(modules: &ModLoader) -> Vec<String> {
    let Some(main) = &modules.main else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let mut pending = vec![main.dir.clone()];
    while let Some(dir) = pending.pop() {
        let Ok(entries) = modules.system().read_dir(&dir) else {
            continue;
        };
        if dir != main.dir && entries.iter().any(|entry| entry.name == "go.mod") {
            continue;
        }
        let rest = dir
            .strip_prefix(&main.dir)
            .map(|rest| rest.display().to_string())
            .unwrap_or_default();
        let ignored = main
            .file
            .ignore
            .iter()
            .any(|pattern| match pattern.strip_prefix("./") {
                Some(anchored) => rest == anchored,
                None => rest == *pattern || rest.ends_with(&format!("/{pattern}")),
            });
        if ignored {
            continue;
        }
        for entry in &entries {
            let skipped = entry.name.starts_with(['.', '_'])
                || entry.name == "testdata"
                || entry.name == "vendor";
            if entry.kind == source::system::FileKind::Dir && !skipped {
                pending.push(dir.join(&entry.name));
            }
        }
        if entries.iter().any(|entry| entry.name.ends_with(".go")) {
            out.push(if rest.is_empty() {
                main.path.clone()
            } else {
                format!("{}/{rest}", main.path)
            });
        }
    }
    out.extend(main.file.tool.iter().cloned());
    out.sort();
    out
}

/// Loads "all" with the current requirements.
pub fn load(modules: &ModLoader, tags: &BuildContext) -> Result<BTreeMap<String, AllPackage>> {
    let context = BuildContext {
        any_tags: true,
        ..tags.clone()
    };
    let mut all: BTreeMap<String, AllPackage> = BTreeMap::new();
    // (path, in "all", importer)
    let mut wave: Vec<(String, bool, String)> = main_packages(modules)
        .into_iter()
        .map(|path| (path, true, String::new()))
        .collect();
    let mut state: BTreeMap<String, bool> = wave
        .iter()
        .map(|(path, in_all, _)| (path.clone(), *in_all))
        .collect();
    while !wave.is_empty() {
        let loaded = parallel_map(&wave, PARALLEL, |(path, in_all, importer)| {
            load_one(modules, &context, path, *in_all, importer)
        });
        let mut next: Vec<(String, bool, String)> = Vec::new();
        for ((path, in_all, importer), mut package) in wave.into_iter().zip(loaded) {
            if let Some(ImportError::Other { text, fatal: true }) = &package.error {
                return Err(Error::new(text.clone()));
            }
            package.imported_by = match all.get(&importer) {
                Some(by) => by
                    .imported_by
                    .iter()
                    .cloned()
                    .chain([importer.clone()])
                    .collect(),
                None => Vec::new(),
            };
            let is_main = package.is_main();
            let mut want = |target: &String, in_all: bool| {
                let known = state.get(target).copied();
                if known.is_none() || known == Some(false) && in_all {
                    state.insert(target.clone(), in_all);
                    next.push((target.clone(), in_all, path.clone()));
                }
            };
            for target in &package.imports {
                want(target, in_all);
            }
            for target in &package.test_imports {
                want(target, in_all && is_main);
            }
            all.insert(path, package);
        }
        // The same path may have been asked for twice in a wave: keep the stronger demand.
        next.sort();
        next.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 |= later.1;
            }
            same
        });
        wave = next;
    }
    Ok(all)
}

fn load_one(
    modules: &ModLoader,
    context: &BuildContext,
    path: &str,
    in_all: bool,
    importer: &str,
) -> AllPackage {
    let mut package = AllPackage {
        in_all,
        ..AllPackage::default()
    };
    if path == "C" || path == "unsafe" || modules.is_std(path) {
        package.std = true;
        return package;
    }
    let resolved = match modules.resolve(path, importer) {
        Ok(resolved) => resolved,
        Err(error) => {
            package.error = Some(error);
            return package;
        }
    };
    package.std = resolved.module.is_none() && is_std_like(path);
    package.module = resolved.module;
    if package.std {
        return package;
    }
    let contents = directory::read(&ReadRequest {
        system: modules.system(),
        import_path: path,
        dir: &resolved.dir,
        context,
        overlay: &Overlay::default(),
        is_std: false,
        only: None,
        with_tests: in_all,
        checks_tests: false,
    });
    let imports = |group: &FileGroup| -> BTreeSet<String> {
        group
            .files
            .iter()
            .flat_map(|file| file.imports.iter().map(|import| import.path.clone()))
            .collect()
    };
    package.imports = imports(&contents.go);
    package.imports.extend(contents.cgo_imports.iter().cloned());
    package.test_imports = imports(&contents.test);
    package
        .test_imports
        .append(&mut imports(&contents.external_test));
    package.test_imports.remove(path);
    package
}
