//! The records that `go list -json` prints, with the official names and order of fields.

use super::synopsis::synopsis;
use crate::embed::EmbedMatch;
use crate::error::{Error, Result};
use crate::load::Loader;
use crate::load::check::IMPORT_CYCLE;
use crate::load::directory::{DirPackage, FileGroup};
use crate::load::package::{Package, PackageError, PackageGraph, Variant};
use crate::modload::{ModLoader, ModuleInfo, short_path};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn is_false(value: &bool) -> bool {
    !*value
}

/// A package.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the official field names")]
pub struct PackageJson {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dir: String,
    pub import_path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub doc: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub target: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub root: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<ModuleJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub r#match: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub goroot: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub standard: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub dep_only: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub for_test: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub go_files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub compiled_go_files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_go_files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invalid_go_files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_other_files: Vec<String>,
    #[serde(rename = "SFiles", skip_serializing_if = "Vec::is_empty")]
    pub s_files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub embed_patterns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub embed_files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub import_map: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deps: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub incomplete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deps_errors: Vec<ErrorJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test_go_files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test_imports: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test_embed_patterns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test_embed_files: Vec<String>,
    #[serde(rename = "XTestGoFiles", skip_serializing_if = "Vec::is_empty")]
    pub x_test_go_files: Vec<String>,
    #[serde(rename = "XTestImports", skip_serializing_if = "Vec::is_empty")]
    pub x_test_imports: Vec<String>,
    #[serde(rename = "XTestEmbedPatterns", skip_serializing_if = "Vec::is_empty")]
    pub x_test_embed_patterns: Vec<String>,
    #[serde(rename = "XTestEmbedFiles", skip_serializing_if = "Vec::is_empty")]
    pub x_test_embed_files: Vec<String>,
}

impl PackageJson {
    /// Lets errors be printed as a whole (templates do that).
    pub fn render_errors(&mut self) {
        for error in self.error.iter_mut().chain(&mut self.deps_errors) {
            error.shown = Some(error.text.clone());
        }
    }

    /// Leaves out what `-find` does not look up.
    pub fn forget_imports(&mut self) {
        for list in [
            &mut self.imports,
            &mut self.deps,
            &mut self.test_imports,
            &mut self.x_test_imports,
        ] {
            list.clear();
        }
        self.import_map.clear();
        self.deps_errors.clear();
    }
}

/// A package error.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the official field names")]
pub struct ErrorJson {
    pub import_stack: Vec<String>,
    pub pos: String,
    pub err: String,
    /// How templates print it.
    #[serde(rename = " text", skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    #[serde(skip)]
    pub text: String,
}

/// A module.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the official field names")]
pub struct ModuleJson {
    pub path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<Box<ModuleJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<Box<ModuleJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub main: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub indirect: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dir: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub go_mod: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub go_version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deprecated: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sum: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub go_mod_sum: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ModuleErrorJson>,
}

/// A module error.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the official field names")]
pub struct ModuleErrorJson {
    pub err: String,
}

/// Indents with a tab, as the official command does.
pub fn to_json<T: Serialize>(value: &T) -> Result<String> {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    value
        .serialize(&mut serializer)
        .map_err(|error| Error::new(error.to_string()))?;
    String::from_utf8(out).map_err(|error| Error::new(error.to_string()))
}

fn error_json(error: &PackageError, cwd: &Path) -> ErrorJson {
    let pos = error
        .pos
        .as_ref()
        .map(|(file, place)| format!("{}:{}:{}", short_path(cwd, file), place.line, place.column))
        .unwrap_or_default();
    let import_stack = match error.stack.as_slice() {
        [] if error.bare && error.pos.is_none() => Vec::new(),
        [] => vec![error.import_path.clone()],
        stack => stack.iter().map(|(package, _)| package.clone()).collect(),
    };
    ErrorJson {
        import_stack,
        pos,
        err: error.text.clone(),
        shown: None,
        text: error.render(cwd),
    }
}

fn module_of(modules: &ModLoader, info: &ModuleInfo) -> ModuleJson {
    let mut json = module_json(modules, info);
    // Packages do not repeat the hashes of their module.
    json.sum.clear();
    json.go_mod_sum.clear();
    json
}

/// The record of a module that has been located.
pub fn module_json(modules: &ModLoader, info: &ModuleInfo) -> ModuleJson {
    let display = |path: &Path| path.display().to_string();
    if info.is_main {
        let go_mod = modules
            .main
            .as_ref()
            .map(|main| display(&main.go_mod))
            .unwrap_or_default();
        return ModuleJson {
            path: info.module.path.clone(),
            main: true,
            dir: display(&info.dir),
            go_mod,
            go_version: info.go_version.clone(),
            ..ModuleJson::default()
        };
    }
    let cached_mod = |module: &crate::ModuleVersion| {
        let name = format!("{}.mod", crate::module_path::escape(&module.version));
        display(&modules.fetcher.version_dir(&module.path).join(name))
    };
    let (go_mod, replace) = match &info.replace {
        Some(target) if target.version.is_empty() => {
            let go_mod = display(&info.dir.join("go.mod"));
            let replace = ModuleJson {
                path: target.path.clone(),
                dir: display(&info.dir),
                go_mod: go_mod.clone(),
                go_version: info.go_version.clone(),
                ..ModuleJson::default()
            };
            (go_mod, Some(Box::new(replace)))
        }
        Some(target) => {
            let go_mod = cached_mod(target);
            let replace = ModuleJson {
                path: target.path.clone(),
                version: target.version.clone(),
                time: modules
                    .fetcher
                    .info(&target.path, &target.version)
                    .ok()
                    .and_then(|info| info.time),
                dir: display(&info.dir),
                go_mod: go_mod.clone(),
                go_version: info.go_version.clone(),
                ..ModuleJson::default()
            };
            (go_mod, Some(Box::new(replace)))
        }
        None => (cached_mod(&info.module), None),
    };
    let time = modules
        .fetcher
        .info(&info.module.path, &info.module.version)
        .ok()
        .and_then(|info| info.time);
    let target = info.replace.as_ref().unwrap_or(&info.module);
    ModuleJson {
        path: info.module.path.clone(),
        version: info.module.version.clone(),
        replace,
        time,
        indirect: info.indirect,
        dir: display(&info.dir),
        go_mod,
        go_version: info.go_version.clone(),
        sum: modules.fetcher.sum_of(&target.path, &target.version),
        go_mod_sum: modules
            .fetcher
            .sum_of(&target.path, &format!("{}/go.mod", target.version)),
        ..ModuleJson::default()
    }
}

/// The record of a package.
pub fn package_json(loader: &Loader, graph: &PackageGraph, package: &Package) -> PackageJson {
    let modules = &loader.modules;
    let cwd = graph.cwd.as_path();
    let is_test_file = |name: &str| name.ends_with("_test.go");
    // In the order of the paths as written, as the official command has them.
    let mut imports: Vec<String> = Vec::new();
    let mut import_map = BTreeMap::new();
    for (written, id) in &package.imports {
        // What every program has besides its imports.
        if package.variant == Variant::TestMain
            && matches!(written.as_str(), "runtime" | "internal/reflectlite")
        {
            continue;
        }
        let target = graph.package(*id).display_path();
        if *written != target {
            import_map.insert(written.clone(), target.clone());
        }
        if !imports.contains(&target) {
            imports.push(target);
        }
    }
    let mut deps: BTreeSet<String> = graph
        .dependencies(package.id)
        .into_iter()
        .filter(|id| *id != package.id)
        .map(|id| graph.package(id).display_path())
        .collect();
    if package.name == "main" && package.variant == Variant::Plain {
        deps.insert("runtime".to_string());
    }
    let mut deps_errors: Vec<ErrorJson> = graph
        .dependencies(package.id)
        .into_iter()
        .filter(|id| *id != package.id)
        .flat_map(|id| graph.package(id).errors.iter())
        // A package in a cycle is a dependency of itself.
        .chain(package.errors.iter().filter(|e| e.text == IMPORT_CYCLE))
        .map(|error| error_json(error, cwd))
        .collect();
    let mut told = BTreeSet::new();
    deps_errors.retain(|error| told.insert(error.text.clone()));
    let root = match (&package.module, package.is_std) {
        (Some(module), _) => module.dir.display().to_string(),
        (None, true) => modules.goroot.display().to_string(),
        (None, false) => String::new(),
    };
    let (ignored_go, ignored_other): (Vec<String>, Vec<String>) = package
        .ignored_files
        .iter()
        .cloned()
        .partition(|name| name.ends_with(".go"));
    let is_external = package.variant == Variant::ExternalTest;
    let is_named_files = package.import_path == "command-line-arguments";
    let has_directory = !is_named_files && !package.dir.as_os_str().is_empty();
    let directory = match package.variant {
        Variant::Plain | Variant::InternalTest if has_directory => {
            loader.directory_with_tests(package)
        }
        _ => DirPackage::default(),
    };
    let is_package = !matches!(package.variant, Variant::ExternalTest | Variant::TestMain);
    // `unsafe` is not loaded from its file.
    let sources = match package.files.is_empty() && package.is_std {
        true => &directory.go.files,
        false => &package.files,
    };
    let doc = sources
        .iter()
        .filter(|file| is_package && !is_test_file(&file.name()))
        .map(|file| synopsis(&file.bytes))
        .find(|doc| !doc.is_empty());
    let is_program = package.name == "main" && package.variant == Variant::Plain;
    let target = match is_program && !package.is_std && !is_named_files {
        true => install_target(loader, package),
        false => String::new(),
    };
    PackageJson {
        dir: package.dir.display().to_string(),
        import_path: package.display_path(),
        name: package.name.clone(),
        doc: doc.unwrap_or_default(),
        target,
        root,
        module: package.module.as_ref().map(|info| module_of(modules, info)),
        r#match: package.match_patterns.clone(),
        goroot: package.is_std,
        standard: package.is_std,
        dep_only: !package.is_root && package.variant == Variant::Plain,
        for_test: match package.variant {
            Variant::TestMain => String::new(),
            _ => package.for_test.clone().unwrap_or_default(),
        },
        go_files: sources
            .iter()
            .map(|file| file.name())
            .filter(|name| {
                is_external || package.variant == Variant::InternalTest || !is_test_file(name)
            })
            .collect(),
        compiled_go_files: Vec::new(),
        ignored_go_files: ignored_go,
        invalid_go_files: package.invalid_files.clone(),
        ignored_other_files: ignored_other,
        s_files: directory
            .assembly
            .iter()
            .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
            .collect(),
        embed_patterns: embed_patterns(&package.embeds),
        embed_files: embed_files(&package.embeds),
        imports,
        import_map,
        deps: deps.into_iter().collect(),
        test_go_files: names(&directory.test),
        test_imports: imports_of(&directory.test),
        test_embed_patterns: embed_patterns(&directory.test.embeds),
        test_embed_files: embed_files(&directory.test.embeds),
        x_test_go_files: names(&directory.external_test),
        x_test_imports: imports_of(&directory.external_test),
        x_test_embed_patterns: embed_patterns(&directory.external_test.embeds),
        x_test_embed_files: embed_files(&directory.external_test.embeds),
        incomplete: !package.errors.is_empty() || package.deps_have_errors,
        error: package.errors.first().map(|error| error_json(error, cwd)),
        deps_errors,
    }
}

fn sorted(items: impl Iterator<Item = String>) -> Vec<String> {
    items.collect::<BTreeSet<_>>().into_iter().collect()
}

fn embed_patterns(embeds: &[EmbedMatch]) -> Vec<String> {
    sorted(embeds.iter().map(|embed| embed.pattern.clone()))
}

fn embed_files(embeds: &[EmbedMatch]) -> Vec<String> {
    sorted(embeds.iter().flat_map(|embed| embed.files.iter().cloned()))
}

fn names(group: &FileGroup) -> Vec<String> {
    group.files.iter().map(|file| file.name()).collect()
}

fn imports_of(group: &FileGroup) -> Vec<String> {
    let imports = group.files.iter().flat_map(|file| &file.imports);
    sorted(imports.map(|import| import.path.clone()))
}

/// Where `install` puts a program.
fn install_target(loader: &Loader, package: &Package) -> String {
    let name = crate::module_path::program_name(&package.import_path);
    loader.env.install_dir().join(name).display().to_string()
}
