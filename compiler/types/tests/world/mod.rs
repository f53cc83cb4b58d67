//! What the test rigs share: a GOROOT, and packages of std loaded and checked when first imported.
#![allow(dead_code)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use diagnostics::Diagnostic;
use modules::build_context::{BuildContext, Decision};
use source::SourceMap;
use syntax::ast;
use types::{CheckInput, PkgId, Store, TypedPackage};

/// The pinned release's GOROOT, if this machine has it.
pub fn goroot() -> Option<PathBuf> {
    if let Some(dir) = std::env::var_os("FERROGO_TEST_GOROOT") {
        return Some(dir.into());
    }
    let cache = std::env::var_os("GOMODCACHE")
        .map(PathBuf::from)
        .or_else(|| {
            let gopath = std::env::var_os("GOPATH").map(PathBuf::from);
            let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join("go"));
            Some(gopath.or(home)?.join("pkg/mod"))
        })?;
    let dir = cache.join("golang.org/toolchain@v0.0.1-go1.27.3.linux-amd64");
    dir.join("src/fmt").is_dir().then_some(dir)
}

/// Says that a test does nothing here.
pub fn skip(what: &str) {
    eprintln!("skipped: {what}: no GOROOT of go1.27.3 (set FERROGO_TEST_GOROOT)");
}

/// A store with the packages checked so far.
pub struct World {
    pub goroot: PathBuf,
    pub store: Store,
    pub sources: SourceMap,
    context: BuildContext,
    packages: Mutex<HashMap<String, Result<PkgId, String>>>,
    /// Errors of std packages, rendered.
    pub errors: Mutex<BTreeMap<String, Vec<String>>>,
    /// What checking std packages yielded.
    pub typed: Mutex<Vec<(String, TypedPackage)>>,
}

impl World {
    pub fn new(goroot: &Path) -> World {
        World {
            goroot: goroot.to_path_buf(),
            store: Store::new(),
            sources: SourceMap::new(),
            context: BuildContext::new(&[]),
            packages: Mutex::default(),
            errors: Mutex::default(),
            typed: Mutex::default(),
        }
    }

    /// The directory of a std import path.
    fn dir(&self, path: &str) -> PathBuf {
        let direct = self.goroot.join("src").join(path);
        if direct.is_dir() {
            direct
        } else {
            self.goroot.join("src/vendor").join(path)
        }
    }

    /// Parses a file given as text.
    pub fn parse(
        &self,
        name: &str,
        text: impl Into<Arc<[u8]>>,
    ) -> (Arc<ast::File>, Vec<Diagnostic>) {
        let file = self.sources.add(name, text.into()).expect("position space");
        let (ast, diagnostics) = syntax::parse_file(&file);
        (Arc::new(ast), diagnostics)
    }

    /// The Go files of a directory that belong to the build.
    pub fn files(&self, path: &str, dir: &Path) -> Vec<PathBuf> {
        let context = self.context.for_std_package(path);
        let mut names: Vec<PathBuf> = std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                name.ends_with(".go")
                    && !name.ends_with("_test.go")
                    && !name.starts_with(['_', '.'])
            })
            .filter(|path| {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let header = modules::scan::header(&std::fs::read(path).unwrap_or_default());
                header.package != "documentation"
                    && !header.imports.iter().any(|import| import.path == "C")
                    && matches!(context.decide(&name, &header), Ok(Decision::Include))
            })
            .collect();
        names.sort();
        names
    }

    /// The checked package of an import path; errors in it are collected.
    pub fn import(&self, path: &str) -> Result<PkgId, String> {
        if path == "unsafe" {
            return Ok(PkgId::UNSAFE);
        }
        if let Some(known) = self.packages.lock().unwrap().get(path) {
            return known.clone();
        }
        let dir = self.dir(path);
        let files = self.files(path, &dir);
        let result = if files.is_empty() {
            Err(format!("package {path} is not in std"))
        } else {
            let mut asts = Vec::new();
            let mut rendered = Vec::new();
            for file in files {
                let text = std::fs::read(&file).unwrap();
                let (ast, diagnostics) = self.parse(&file.to_string_lossy(), text);
                rendered.extend(diagnostics.iter().map(|diagnostic| self.render(diagnostic)));
                asts.push(ast);
            }
            let (package, diagnostics) = self.check(path, asts, (1, 27), true);
            rendered.extend(diagnostics.iter().map(|diagnostic| self.render(diagnostic)));
            if !rendered.is_empty() {
                self.errors
                    .lock()
                    .unwrap()
                    .insert(path.to_owned(), rendered);
            }
            let pkg = package.pkg;
            self.typed.lock().unwrap().push((path.to_owned(), package));
            Ok(pkg)
        };
        self.packages
            .lock()
            .unwrap()
            .insert(path.to_owned(), result.clone());
        result
    }

    pub fn check(
        &self,
        path: &str,
        files: Vec<Arc<ast::File>>,
        version: (u32, u32),
        std: bool,
    ) -> (TypedPackage, Vec<Diagnostic>) {
        let resolve = |import: &str| self.import(import);
        let mut input = CheckInput::new(path.into(), files, version, &resolve);
        input.bodyless_ok = std;
        types::check_package(&self.store, &self.sources, input)
    }

    /// `file:line:col: message`
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        match self.sources.location(diagnostic.pos) {
            Some(at) => format!("{}:{}:{}: {}", at.file, at.line, at.col, diagnostic.message),
            None => format!("?: {}", diagnostic.message),
        }
    }

    /// All import paths of std that have Go files for this platform.
    pub fn std_packages(&self) -> Vec<String> {
        let root = self.goroot.join("src");
        let mut paths = Vec::new();
        let mut pending = vec![String::new()];
        while let Some(path) = pending.pop() {
            let dir = root.join(&path);
            if !path.is_empty() && !self.files(&path, &dir).is_empty() {
                paths.push(path.clone());
            }
            for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let skip = name == "testdata"
                    || name.starts_with(['_', '.'])
                    || (path.is_empty() && matches!(&*name, "cmd" | "vendor" | "builtin"));
                if !skip && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    pending.push(if path.is_empty() {
                        name
                    } else {
                        format!("{path}/{name}")
                    });
                }
            }
        }
        paths.sort();
        paths
    }
}
