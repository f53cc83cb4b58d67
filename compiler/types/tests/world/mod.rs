//! What the test rigs share: a GOROOT, and packages of std loaded and checked when first imported.
#![allow(dead_code)]

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use diagnostics::{Diagnostic, gc};
use modules::build_context::{BuildContext, Decision};
use source::{SourceFile, SourceMap};
use syntax::ast;
use syntax::pragma::Rules;
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

/// What [`World::compile`] compiles.
pub struct Compile<'a> {
    pub path: &'a str,
    /// Names and contents.
    pub files: Vec<(String, Arc<[u8]>)>,
    /// Language version and directives.
    pub rules: Rules,
    pub bodyless_ok: bool,
    /// `-e`
    pub all_errors: bool,
    /// Whether errors are wanted that are found only where nothing else is wrong.
    pub late_errors: bool,
    /// Packages that are not of std, by the path in the import declaration.
    pub imports: &'a HashMap<String, PkgId>,
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
    pub fn dir(&self, path: &str) -> PathBuf {
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

    /// Does to a package what `ferrogo build` does up to the end of checking; returns the package and what is printed.
    pub fn compile(&self, compile: &Compile<'_>) -> (PkgId, String) {
        let parsed: Vec<(Arc<SourceFile>, Arc<ast::File>, Vec<Diagnostic>)> = compile
            .files
            .iter()
            .map(|(name, text)| self.parse_source(name, text.clone()))
            .collect();
        self.compile_parsed(compile, parsed)
    }

    /// [`World::compile`] with files that have been parsed (`compile.files` is not looked at).
    pub fn compile_parsed(
        &self,
        compile: &Compile<'_>,
        parsed: Vec<(Arc<SourceFile>, Arc<ast::File>, Vec<Diagnostic>)>,
    ) -> (PkgId, String) {
        let options = gc::Options {
            all_errors: compile.all_errors,
            ..gc::Options::default()
        };
        let trees: Vec<(Arc<SourceFile>, Arc<ast::File>)> = parsed
            .iter()
            .map(|(file, tree, _)| (file.clone(), tree.clone()))
            .collect();
        let report = syntax::package::report(
            parsed
                .iter()
                .map(|(file, tree, found)| (&**file, &**tree, found.clone())),
            compile.rules,
        );
        if report.stop {
            let mut report = report;
            let branches: Vec<Diagnostic> = trees
                .iter()
                .take_while(|(_, tree)| !tree.no_package)
                .flat_map(|(_, tree)| {
                    types::check_branches(&self.store, &self.sources, tree, &report.diagnostics)
                })
                .collect();
            report.diagnostics.extend(branches);
            let text = gc::render(&self.sources, &report.diagnostics, options);
            return (PkgId::UNSAFE, text);
        }
        let resolve = |import: &str| match compile.imports.get(import) {
            Some(&pkg) => Ok(pkg),
            None if import.starts_with('/') => Err("import path cannot be absolute path".into()),
            None if import.contains("//") => {
                let clean = import.split('/').filter(|part| !part.is_empty());
                let clean: Vec<&str> = clean.collect();
                Err(format!(
                    "non-canonical import path {import:?} (should be {:?})",
                    clean.join("/")
                ))
            }
            None => self.import(import),
        };
        let files = trees.iter().map(|(_, tree)| tree.clone()).collect();
        let mut input = CheckInput::new(
            compile.path.into(),
            files,
            compile.rules.go_version,
            &resolve,
        );
        input.bodyless_ok = compile.bodyless_ok;
        let (package, found) = types::check_package(&self.store, &self.sources, input);
        let mut diagnostics = report.with_type_errors(found);
        let files: Vec<_> = trees
            .iter()
            .map(|(file, tree)| (&**file, &**tree))
            .collect();
        diagnostics.extend(syntax::package::late_mistakes(&files, compile.rules));
        diagnostics::drop_late(&mut diagnostics);
        diagnostics.retain(|d| compile.late_errors || !d.late);
        (
            package.pkg,
            gc::render(&self.sources, &diagnostics, options),
        )
    }

    /// Parses a file given as text.
    pub fn parse_source(
        &self,
        name: &str,
        text: Arc<[u8]>,
    ) -> (Arc<SourceFile>, Arc<ast::File>, Vec<Diagnostic>) {
        let file = self.sources.add(name, text).expect("position space");
        let (tree, found) = syntax::parse_file(&file);
        (file, Arc::new(tree), found)
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
