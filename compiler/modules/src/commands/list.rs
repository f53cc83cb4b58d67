//! `go list`.

use super::list_record::complete;
use super::package_json::{ModuleErrorJson, ModuleJson, module_json, package_json, to_json};
use super::template::{Functions, Template};
use crate::ModuleVersion;
use crate::env::Env;
use crate::error::{Error, Result};
use crate::load::Loader;
use crate::load::directory::NO_ASSEMBLY;
use crate::load::package::{PackageError, PackageGraph, PackageId, Variant};
use crate::modload::{ModLoader, ModMode, ModuleInfo};
use crate::module_path::is_std_like;
use crate::patterns::{is_local, match_pattern};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;

/// Flags of `list`.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// `-json`.
    pub json: bool,
    /// `-json=Field,Field`: only these.
    pub json_fields: Vec<String>,
    /// `-f`.
    pub format: Option<String>,
    /// `-m`.
    pub modules: bool,
    /// `-deps`.
    pub deps: bool,
    /// `-test` (the loader must have been made with `tests`).
    pub test: bool,
    /// `-e`.
    pub errors_are_data: bool,
    /// `-u` (with `-m`).
    pub updates: bool,
    /// `-versions` (with `-m`).
    pub versions: bool,
    /// `-find`: imports are not looked up.
    pub find: bool,
    /// `-compiled`.
    pub compiled: bool,
}

fn io(error: std::io::Error) -> Error {
    Error::new(error.to_string())
}

/// What the function `context` of templates gives.
fn context(env: &Env) -> serde_json::Value {
    let minor = crate::GO_RELEASE.split('.').nth(1);
    let minor: u32 = minor.and_then(|text| text.parse().ok()).unwrap_or(0);
    let releases: Vec<String> = (1..=minor).map(|n| format!("go1.{n}")).collect();
    serde_json::json!({
        "GOARCH": env.get("GOARCH"),
        "GOOS": env.get("GOOS"),
        "GOROOT": env.get("GOROOT"),
        "GOPATH": env.get("GOPATH"),
        "CgoEnabled": false,
        "UseAllFiles": false,
        "Compiler": "gc",
        "BuildTags": [],
        "ToolTags": [],
        "ReleaseTags": releases,
        "InstallSuffix": "",
    })
}

enum Output {
    Json(Vec<String>),
    /// With what `context` gives.
    Template(Template, serde_json::Value),
    Plain,
}

impl Output {
    fn new(options: &ListOptions, env: &Env) -> Result<Output> {
        if options.json {
            return Ok(Output::Json(options.json_fields.clone()));
        }
        match &options.format {
            Some(text) if !text.is_empty() => {
                let template = Template::parse(text).map_err(Error::bare)?;
                Ok(Output::Template(template, context(env)))
            }
            Some(_) | None => Ok(Output::Plain),
        }
    }

    fn print<T: serde::Serialize>(
        &self,
        value: &T,
        plain: &str,
        modules: &ModLoader,
        out: &mut dyn Write,
    ) -> Result<()> {
        match self {
            Output::Plain => writeln!(out, "{plain}").map_err(io),
            Output::Json(fields) if fields.is_empty() => {
                writeln!(out, "{}", to_json(value)?).map_err(io)
            }
            Output::Json(fields) => {
                writeln!(out, "{}", only_fields(&to_json(value)?, fields)).map_err(io)
            }
            Output::Template(template, context) => {
                let mut value =
                    serde_json::to_value(value).map_err(|error| Error::new(error.to_string()))?;
                complete(&mut value);
                let functions = Functions {
                    context: context.clone(),
                    module: &|path| module_value(modules, path),
                };
                let mut text = String::new();
                if let Err(error) = template.execute(&value, &functions, &mut text) {
                    write!(out, "{text}").map_err(io)?;
                    return Err(Error::bare(error));
                }
                if text.is_empty() {
                    return Ok(());
                }
                let newline = if text.ends_with('\n') { "" } else { "\n" };
                write!(out, "{text}{newline}").map_err(io)
            }
        }
    }
}

/// What the function `module` of templates gives.
fn module_value(modules: &ModLoader, path: &str) -> serde_json::Value {
    let wanted = ListOptions {
        format: Some(String::new()),
        ..ListOptions::default()
    };
    let found = matching(modules, &[path.to_owned()], &wanted);
    let module = match found.map(|mut list| list.pop()) {
        Ok(Some((module, _))) => module,
        Ok(None) => ModuleJson {
            path: path.to_owned(),
            ..ModuleJson::default()
        },
        Err(error) => ModuleJson {
            path: path.to_owned(),
            error: Some(ModuleErrorJson { err: error.text }),
            ..ModuleJson::default()
        },
    };
    let mut value = serde_json::to_value(module).unwrap_or_default();
    complete(&mut value);
    value
}

/// The record without the fields that were not asked for. Those of the record itself stand behind one tab each.
fn only_fields(json: &str, fields: &[String]) -> String {
    let mut kept: Vec<String> = Vec::new();
    let mut keep = false;
    for line in json.lines() {
        let name = line
            .strip_prefix("\t\"")
            .and_then(|rest| rest.split('"').next());
        match name {
            Some(name) => {
                keep = fields.iter().any(|field| field == name);
                if keep {
                    kept.push(line.to_owned());
                }
            }
            None if line.starts_with('\t') && keep => {
                if let Some(field) = kept.last_mut() {
                    field.push('\n');
                    field.push_str(line);
                }
            }
            None => {}
        }
    }
    let kept: Vec<&str> = kept.iter().map(|f| f.trim_end_matches(',')).collect();
    match kept.is_empty() {
        true => "{}".to_owned(),
        false => format!("{{\n{}\n}}", kept.join(",\n")),
    }
}

/// Lists packages. Error lines go to `errors`; returns false if the exit status must be 1.
pub fn packages(
    loader: &Loader,
    patterns: &[String],
    options: &ListOptions,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> Result<bool> {
    let output = Output::new(options, &loader.env)?;
    let mut graph = loader.load(patterns)?;
    for warning in &graph.warnings {
        writeln!(errors, "{warning}").map_err(io)?;
    }
    // What cannot be built because of assembly can be listed.
    for package in &mut graph.packages {
        package
            .errors
            .retain(|error| !error.text.starts_with(NO_ASSEMBLY));
    }
    graph.note_broken_dependencies();
    if options.test && !options.errors_are_data {
        test_errors(&graph)?;
    }
    let mut good = true;
    let listed = listed(&graph, options);
    if !options.errors_are_data {
        for line in relevant_errors(&graph, &listed, options) {
            writeln!(errors, "{line}").map_err(io)?;
            good = false;
        }
    }
    // Nothing is listed if something that was asked for is wrong; what it imports may be.
    let roots_are_good = !graph.roots.iter().any(|&root| {
        let errors = &graph.package(root).errors;
        errors.iter().any(|error| !is_listed_all_the_same(error))
    });
    if !good && !roots_are_good {
        return Ok(false);
    }
    for id in listed {
        let package = graph.package(id);
        let path = package.display_path();
        match output {
            Output::Plain => writeln!(out, "{path}").map_err(io)?,
            Output::Json(_) | Output::Template(..) => {
                let mut record = package_json(loader, &graph, package);
                if matches!(output, Output::Template(..)) {
                    record.render_errors();
                }
                if options.compiled {
                    record.compiled_go_files.clone_from(&record.go_files);
                }
                if options.find {
                    record.forget_imports();
                }
                output.print(&record, &path, &loader.modules, out)?;
            }
        }
    }
    Ok(good)
}

/// Depth first: what a package imports stands before it. A program needs the runtime besides what it imports.
fn with_dependencies(graph: &PackageGraph, wanted: &[PackageId]) -> Vec<PackageId> {
    let needs = |id: PackageId| -> Vec<PackageId> {
        let package = graph.package(id);
        let mut ids: Vec<PackageId> = package.imports.values().copied().collect();
        if package.name == "main" {
            ids.extend(graph.implicit.get("runtime"));
        }
        ids
    };
    let mut out = Vec::new();
    let mut entered = vec![false; graph.packages.len()];
    for &start in wanted {
        let mut stack = Vec::new();
        if !std::mem::replace(&mut entered[start.index()], true) {
            stack.push((start, needs(start).into_iter()));
        }
        while let Some((id, mut rest)) = stack.pop() {
            let Some(next) = rest.next() else {
                out.push(id);
                continue;
            };
            stack.push((id, rest));
            if !std::mem::replace(&mut entered[next.index()], true) {
                stack.push((next, needs(next).into_iter()));
            }
        }
    }
    out
}

fn listed(graph: &PackageGraph, options: &ListOptions) -> Vec<PackageId> {
    let mut ids = Vec::new();
    let mut seen = BTreeSet::new();
    let mut wanted: Vec<PackageId> = graph.roots.clone();
    if options.test {
        for test in &graph.tests {
            let package = graph.package(test.package);
            if package.test_files.is_empty() && package.external_test_files.is_empty() {
                continue;
            }
            wanted.push(test.main);
            if test.internal != test.package {
                wanted.push(test.internal);
            }
            wanted.extend(test.external);
        }
    }
    if options.deps {
        return with_dependencies(graph, &wanted);
    }
    for id in wanted {
        if seen.insert(id) {
            ids.push(id);
        }
    }
    ids
}

/// What only the tests of packages have wrong ends the command.
fn test_errors(graph: &PackageGraph) -> Result<()> {
    for test in &graph.tests {
        let package = graph.dependencies(test.package);
        let tests = [Some(test.internal), test.external];
        for id in tests
            .into_iter()
            .flatten()
            .flat_map(|id| graph.dependencies(id))
        {
            let only_tests = graph.package(id).variant != Variant::Plain || !package.contains(&id);
            if !only_tests || id == test.package {
                continue;
            }
            let known = &graph.package(test.package).errors;
            if let Some(error) = graph.package(id).errors.iter().find(|e| !known.contains(e)) {
                let text = error.render(&graph.cwd);
                return Err(Error::new(format!("can't load test package: {text}")));
            }
        }
    }
    Ok(())
}

/// A package with tests only can be listed.
fn is_listed_all_the_same(error: &PackageError) -> bool {
    error.text.contains("no non-test Go files")
}

fn relevant_errors(
    graph: &PackageGraph,
    listed: &[PackageId],
    options: &ListOptions,
) -> Vec<String> {
    let mut out = Vec::new();
    for id in listed {
        let package = graph.package(*id);
        for error in package.errors.iter().take(1) {
            if is_listed_all_the_same(error) {
                continue;
            }
            let line = error.render(&graph.cwd);
            let from_dependency =
                package.variant == Variant::Plain && !package.is_root && !options.deps;
            if !from_dependency && !out.contains(&line) {
                out.push(line);
            }
        }
    }
    out
}

/// Lists modules (`list -m`). Without patterns the main module.
pub fn modules(
    modules: &ModLoader,
    patterns: &[String],
    options: &ListOptions,
    out: &mut dyn Write,
) -> Result<()> {
    let output = Output::new(options, &modules.env)?;
    for (module, plain) in matching(modules, patterns, options)? {
        output.print(&module, &plain, modules, out)?;
    }
    Ok(())
}

fn plain_line(module: &ModuleJson) -> String {
    let mut line = module.path.clone();
    if !module.version.is_empty() {
        line.push_str(&format!(" {}", module.version));
    }
    for version in &module.versions {
        line.push_str(&format!(" {version}"));
    }
    if let Some(update) = &module.update {
        line.push_str(&format!(" [{}]", update.version));
    }
    if let Some(replace) = &module.replace {
        line.push_str(&format!(" => {}", replace.path));
        if !replace.version.is_empty() {
            line.push_str(&format!(" {}", replace.version));
        }
    }
    line
}

fn matching(
    modules: &ModLoader,
    patterns: &[String],
    options: &ListOptions,
) -> Result<Vec<(ModuleJson, String)>> {
    let main = modules.main.as_ref();
    if main.is_none() {
        if patterns.is_empty() {
            let module = ModuleJson {
                path: "command-line-arguments".to_owned(),
                main: true,
                ..ModuleJson::default()
            };
            return Ok(vec![(module, "command-line-arguments".to_owned())]);
        }
        // Versions of any module can be asked for; there is no build list.
        if patterns.iter().any(|pattern| !pattern.contains('@')) {
            return Err(Error::new(
                "cannot match \"all\": go.mod file not found in current directory or any parent directory; see 'go help modules'",
            ));
        }
    }
    let main_path = main.map_or("", |main| main.path.as_str());
    if modules.mode == ModMode::Vendor
        && patterns
            .iter()
            .any(|pattern| pattern == "all" || pattern.contains("..."))
    {
        return Err(Error::new(
            "can't compute 'all' using the vendor directory\n\t(Use -mod=mod or -mod=readonly to bypass.)",
        ));
    }
    let main_version = ModuleVersion::new(main_path, "");
    let mut chosen: Vec<ModuleVersion> = Vec::new();
    let mut add = |module: ModuleVersion| {
        if !chosen.contains(&module) {
            chosen.push(module);
        }
    };
    if patterns.is_empty() {
        add(main_version.clone());
    }
    for pattern in patterns {
        if is_local(pattern) {
            return Err(Error::new(format!(
                "cannot use relative path {pattern} to specify module"
            )));
        }
        if let Some((path, query)) = pattern.split_once('@') {
            if modules.mode == ModMode::Vendor {
                return Err(Error::new(format!(
                    "{pattern}: cannot query module due to -mod=vendor\n\t(Go version in go.mod is at least 1.14 and vendor directory exists.)"
                )));
            }
            let current = modules
                .requirements()
                .root(path)
                .map(str::to_string)
                .unwrap_or_default();
            let info = modules.query(path, query, &current)?;
            add(ModuleVersion::new(path, info.version));
            continue;
        }
        let wild = pattern == "all" || pattern.contains("...");
        let all = || -> Result<Vec<ModuleVersion>> {
            let mut list = vec![main_version.clone()];
            let graph = modules.graph()?;
            modules.check_roots(&graph)?;
            list.extend(graph.build_list());
            Ok(list)
        };
        if wild {
            for module in all()? {
                if pattern == "all" || match_pattern(pattern, &module.path) {
                    add(module);
                }
            }
            continue;
        }
        if pattern == main_path {
            add(main_version.clone());
            continue;
        }
        let found = match modules.requirements().root(pattern) {
            Some(version) => Some(ModuleVersion::new(pattern, version)),
            None => all()?.into_iter().find(|module| module.path == *pattern),
        };
        match found {
            Some(module) => add(module),
            // What versions there are can be asked of any module.
            None if options.versions && !is_std_like(pattern) => {
                add(ModuleVersion::new(pattern, ""));
            }
            None => {
                return Err(Error::new(format!(
                    "module {pattern}: not a known dependency"
                )));
            }
        }
    }
    chosen
        .iter()
        .map(|module| {
            let json = describe(modules, module, options)?;
            let plain = plain_line(&json);
            Ok((json, plain))
        })
        .collect()
}

/// A module's record; one that is not in the cache is not downloaded.
fn describe(
    modules: &ModLoader,
    module: &ModuleVersion,
    options: &ListOptions,
) -> Result<ModuleJson> {
    if let Some(main) = modules
        .main
        .as_ref()
        .filter(|main| main.path == module.path && module.version.is_empty())
    {
        return Ok(module_json(modules, &modules.main_info(main)));
    }
    let replace = modules.replacement(module);
    let detailed = options.json || options.format.is_some();
    let (dir, target) = match replace {
        Some(replace) if replace.is_dir() => (
            modules.replacement_dir(replace),
            Some(ModuleVersion::new(&replace.new_path, "")),
        ),
        Some(replace) => {
            let target = ModuleVersion::new(&replace.new_path, &replace.new_version);
            (modules.fetcher.unpacked_dir(&target), Some(target))
        }
        None => (modules.fetcher.unpacked_dir(module), None),
    };
    let dir = if modules.system().is_dir(&dir) {
        dir
    } else {
        PathBuf::new()
    };
    let summary = if detailed {
        modules.summary(module).ok()
    } else {
        None
    };
    let indirect = !modules.requirements().direct.contains(&module.path);
    let info = ModuleInfo {
        module: module.clone(),
        replace: target,
        dir,
        go_version: summary
            .as_ref()
            .map(|summary| summary.go_version.clone())
            .unwrap_or_default(),
        is_main: false,
        indirect,
    };
    let mut json = if detailed {
        module_json(modules, &info)
    } else {
        ModuleJson {
            path: module.path.clone(),
            version: module.version.clone(),
            replace: info.replace.as_ref().map(|target| {
                Box::new(ModuleJson {
                    path: target.path.clone(),
                    version: target.version.clone(),
                    ..ModuleJson::default()
                })
            }),
            ..ModuleJson::default()
        }
    };
    if let Some(summary) = &summary {
        json.deprecated.clone_from(&summary.deprecated);
    }
    if options.versions {
        json.versions = modules.allowed_versions(&module.path)?;
        if json.versions.is_empty() {
            json.versions = Vec::new();
        }
        if !options.json {
            // The text form shows the path and all versions.
            json.version.clear();
        }
    }
    if options.updates
        && let Ok(update) = modules.query(&module.path, "upgrade", &module.version)
        && update.version != module.version
    {
        json.update = Some(Box::new(ModuleJson {
            path: module.path.clone(),
            version: update.version,
            time: update.time,
            ..ModuleJson::default()
        }));
    }
    Ok(json)
}
