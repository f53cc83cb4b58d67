//! Whole programs with their tests check without errors: std, the go command and tools, gin, go-zero, each with all
//! dependencies, `_test.go` files and what is compiled again for external tests.
//!
//! gin and go-zero are read from the module cache, and skipped where it does not hold them.

mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use modules::env::Env;
use modules::load::Variant;
use modules::{LoadOptions, Loader, Package};
use source::SourceMap;
use source::system::OsSystem;
use types::{CheckInput, PkgId, Store};

/// Checks the packages that the patterns match in a directory, with tests and dependencies.
fn check(dir: &Path, goroot: &Path, patterns: &[&str]) {
    let mut env = Env::load(Arc::new(OsSystem::default())).unwrap();
    env.set_goroot(goroot);
    let options = LoadOptions {
        tests: true,
        dir: dir.to_path_buf(),
        ..LoadOptions::default()
    };
    let loader = Loader::with_goroot(&env, goroot, options).unwrap();
    let patterns: Vec<String> = patterns.iter().map(|&pattern| pattern.into()).collect();
    let graph = loader.load(&patterns).unwrap();
    let store = Store::new();
    let sources = SourceMap::new();
    let mut checked: Vec<Option<PkgId>> = vec![None; graph.packages.len()];
    let mut errors = Vec::new();
    let mut count = 0;
    for package in &graph.packages {
        if package.import_path == "unsafe" {
            checked[package.id.index()] = Some(PkgId::UNSAFE);
            continue;
        }
        if package.variant == Variant::TestMain || package.files.is_empty() {
            continue;
        }
        count += 1;
        let resolve = |path: &str| {
            let import = package.imports.get(path).ok_or("not loaded")?;
            checked[import.index()].ok_or_else(|| "not checked".to_owned())
        };
        let (pkg, found) = check_package(&store, &sources, package, &resolve);
        checked[package.id.index()] = Some(pkg);
        errors.extend(found);
    }
    eprintln!("{patterns:?}: {count} packages, {} errors", errors.len());
    let shown: Vec<&String> = errors.iter().take(60).collect();
    assert!(count > 100, "only {count} packages found");
    assert!(errors.is_empty(), "{shown:#?}");
}

fn check_package(
    store: &Store,
    sources: &SourceMap,
    package: &Package,
    resolve: types::check::ImportResolver<'_>,
) -> (PkgId, Vec<String>) {
    let mut asts = Vec::new();
    let mut found = Vec::new();
    for file in &package.files {
        let name = file.path.to_string_lossy();
        let file = sources.add(&*name, file.bytes.clone()).unwrap();
        let (ast, diagnostics) = syntax::parse_file(&file);
        found.extend(diagnostics);
        asts.push(Arc::new(ast));
    }
    let minor = package
        .language
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse().ok());
    let path = package.import_path.as_str().into();
    let mut input = CheckInput::new(path, asts, (1, minor.unwrap_or(27)), resolve);
    input.bodyless_ok = package.is_std || package.body_less_ok;
    let (typed, diagnostics) = types::check_package(store, sources, input);
    found.extend(diagnostics);
    let render = |diagnostic: &diagnostics::Diagnostic| match sources.location(diagnostic.pos) {
        Some(at) => format!("{}:{}:{}: {}", at.file, at.line, at.col, diagnostic.message),
        None => diagnostic.message.clone(),
    };
    (typed.pkg, found.iter().map(render).collect())
}

/// A module's directory in the module cache.
fn module_dir(module: &str) -> Option<PathBuf> {
    let env = Env::load(Arc::new(OsSystem::default())).ok()?;
    let dir = env.modcache().ok()?.join(module);
    dir.is_dir().then_some(dir)
}

fn check_module(module: &str) {
    match (world::goroot(), module_dir(module)) {
        (Some(goroot), Some(dir)) => check(&dir, &goroot, &["./..."]),
        _ => eprintln!("skipped: {module} is not in the module cache"),
    }
}

#[test]
fn std_with_tests() {
    match world::goroot() {
        Some(goroot) => check(&goroot.join("src"), &goroot, &["std"]),
        None => world::skip("std_with_tests"),
    }
}

#[test]
fn commands_with_tests() {
    match world::goroot() {
        Some(goroot) => check(&goroot.join("src/cmd"), &goroot, &["cmd/..."]),
        None => world::skip("commands_with_tests"),
    }
}

#[test]
fn gin_with_tests() {
    check_module("github.com/gin-gonic/gin@v1.12.0");
}

#[test]
fn go_zero_with_tests() {
    check_module("github.com/zeromicro/go-zero@v1.10.3");
}
