//! The loaded package graph.

use crate::embed::EmbedMatch;
use crate::modload::{MainModule, ModuleInfo, short_path};
use crate::overlay::PackageOverlay;
use crate::scan::{GoDebug, Import, Place};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Index of a package in its graph; dependencies have smaller ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub u32);

impl PackageId {
    /// As an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A source file with its contents.
#[derive(Clone, Debug)]
pub struct SourceFileRef {
    /// Absolute path (for overlay files: below the overlay's display root).
    pub path: PathBuf,
    /// Contents.
    pub bytes: Arc<[u8]>,
    /// SHA-256 of the contents, the key of caches.
    pub hash: [u8; 32],
    /// `N` if the file's constraint implies `go1.N`: the language version of this file.
    pub go_version: Option<u32>,
    /// Its imports.
    pub imports: Vec<Import>,
    /// Comes from the overlay.
    pub is_overlay: bool,
}

impl SourceFileRef {
    /// Base name.
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default()
    }
}

/// Which build of a package this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The ordinary one.
    Plain,
    /// With its `_test.go` files of the same package: `p [p.test]`.
    InternalTest,
    /// The `p_test` package: `p_test [p.test]`.
    ExternalTest,
    /// Imports a package under test, so it is compiled again: `q [p.test]`.
    Recompiled,
    /// The generated `p.test` program; its files are made by the driver.
    TestMain,
}

/// Where an import is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportFrom {
    /// Import path of the importing package.
    pub package: String,
    /// File of the import declaration that leads to the next package.
    pub file: PathBuf,
}

/// Why a package cannot be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageError {
    /// The package that the error is about.
    pub import_path: String,
    /// Position, if there is one.
    pub pos: Option<(PathBuf, Place)>,
    /// The import stack to print: packages from a root to the one at fault, each with the file
    /// that imports it (empty for the root). Printed only if there is no position.
    pub stack: Vec<(String, String)>,
    /// The message.
    pub text: String,
    /// The message is complete: no `package X: ` before it.
    pub bare: bool,
    /// The command must stop.
    pub fatal: bool,
}

impl PackageError {
    /// An error at a position.
    pub fn at(
        import_path: &str,
        file: &Path,
        place: Place,
        text: impl Into<String>,
    ) -> PackageError {
        PackageError {
            import_path: import_path.to_string(),
            pos: Some((file.to_path_buf(), place)),
            stack: Vec::new(),
            text: text.into(),
            bare: false,
            fatal: false,
        }
    }

    /// An error without a position.
    pub fn of(import_path: &str, text: impl Into<String>) -> PackageError {
        PackageError {
            import_path: import_path.to_string(),
            pos: None,
            stack: Vec::new(),
            text: text.into(),
            bare: false,
            fatal: false,
        }
    }

    /// The lines that `go` prints, file names as seen from `cwd`.
    pub fn render(&self, cwd: &Path) -> String {
        if !self.stack.is_empty() {
            let mut out = String::from("package ");
            for (at, (package, file)) in self.stack.iter().enumerate() {
                if at > 0 {
                    out.push_str("\n\timports ");
                }
                out.push_str(package);
                if !file.is_empty() {
                    out.push_str(&format!(" from {file}"));
                }
            }
            return match &self.pos {
                Some((file, place)) => {
                    format!(
                        "{out}\n\t{}:{}:{}: {}",
                        short_path(cwd, file),
                        place.line,
                        place.column,
                        self.text
                    )
                }
                None => format!("{out}: {}", self.text),
            };
        }
        match &self.pos {
            Some((file, place)) if place.line > 0 => {
                format!(
                    "{}:{}:{}: {}",
                    short_path(cwd, file),
                    place.line,
                    place.column,
                    self.text
                )
            }
            Some((file, _)) => format!("{}: {}", short_path(cwd, file), self.text),
            None if self.bare => self.text.clone(),
            None => format!("package {}: {}", self.import_path, self.text),
        }
    }
}

/// One build of one package.
#[derive(Clone, Debug)]
pub struct Package {
    /// Own id.
    pub id: PackageId,
    /// The path that type descriptors, symbols and messages use: `vendor/golang.org/...` for std's vendored
    /// packages, `command-line-arguments` for named files, `p_test` for external tests.
    pub import_path: String,
    /// Package name of the package clause.
    pub name: String,
    /// Directory.
    pub dir: PathBuf,
    /// Providing module; `None` for std.
    pub module: Option<Arc<ModuleInfo>>,
    /// Part of the standard library (or `cmd`).
    pub is_std: bool,
    /// Plain, or a build for a test.
    pub variant: Variant,
    /// Import path of the package under test, for everything but [`Variant::Plain`].
    pub for_test: Option<String>,
    /// Files to compile, sorted by name.
    pub files: Vec<SourceFileRef>,
    /// Import path as written to the package meant; `"C"` is never there, `unsafe` always is.
    pub imports: BTreeMap<String, PackageId>,
    /// Language version, `go1.N`.
    pub language: String,
    /// `//go:embed` patterns of the files above with the files they name.
    pub embeds: Vec<EmbedMatch>,
    /// `//go:debug` lines, each with its file.
    pub go_debug: Vec<(PathBuf, GoDebug)>,
    /// Functions without body are no error: std, overlays, or an (empty) assembly file.
    pub body_less_ok: bool,
    /// What the checker must apply.
    pub overlay: Option<Arc<PackageOverlay>>,
    /// Why it cannot be built; empty for a good package.
    pub errors: Vec<PackageError>,
    /// Some dependency has errors.
    pub deps_have_errors: bool,
    /// File names that constraints left out.
    pub ignored_files: Vec<String>,
    /// Names of Go files that something is wrong with.
    pub invalid_files: Vec<String>,
    /// Names of the `_test.go` files in the package (whether or not they are built).
    pub test_files: Vec<String>,
    /// Names of the `_test.go` files of `p_test`.
    pub external_test_files: Vec<String>,
    /// Named on the command line or matched by a pattern.
    pub is_root: bool,
    /// `root matched by` patterns, for `go list`.
    pub match_patterns: Vec<String>,
}

impl Package {
    /// `p [q.test]` for variants, as `go list` and `go build` name them.
    pub fn display_path(&self) -> String {
        match (&self.variant, &self.for_test) {
            (Variant::Plain | Variant::TestMain, _) | (_, None) => self.import_path.clone(),
            (Variant::InternalTest | Variant::ExternalTest | Variant::Recompiled, Some(test)) => {
                format!("{} [{test}.test]", self.import_path)
            }
        }
    }

    /// A hash over names and contents of the files, language version and embed patterns; what the
    /// package's own parse and the cache of checked packages depend on (besides its imports).
    pub fn content_hash(&self) -> [u8; 32] {
        use sha2::{Digest, Sha256};
        let mut digest = Sha256::new();
        let mut field = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        field(self.import_path.as_bytes());
        field(self.language.as_bytes());
        field(&[u8::from(self.body_less_ok), u8::from(self.is_std)]);
        for file in &self.files {
            field(file.path.as_os_str().as_encoded_bytes());
            field(&file.hash);
        }
        for embed in &self.embeds {
            field(embed.pattern.as_bytes());
            for file in &embed.files {
                field(file.as_bytes());
            }
        }
        if let Some(overlay) = &self.overlay
            && let crate::overlay::OverlayMode::Patch { removed } = &overlay.mode
        {
            for name in removed {
                field(name.as_bytes());
            }
        }
        digest.finalize().into()
    }
}

/// What `go test` builds for one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestTarget {
    /// The plain package.
    pub package: PackageId,
    /// With its own test files (the plain one if it has none).
    pub internal: PackageId,
    /// The `p_test` package.
    pub external: Option<PackageId>,
    /// The program, without files; its `imports` hold everything a generated main file may import.
    pub main: PackageId,
}

/// All packages of a build.
#[derive(Clone, Debug, Default)]
pub struct PackageGraph {
    /// In dependency order: every import has a smaller id.
    pub packages: Vec<Package>,
    /// Packages that the patterns matched, in pattern order.
    pub roots: Vec<PackageId>,
    /// Packages that every program needs besides its imports (`runtime` and what the caller asked for), by
    /// import path. The generated programs of tests import them, since they may be recompiled there.
    pub implicit: BTreeMap<String, PackageId>,
    /// For `go test`: one for each root (also for those without test files).
    pub tests: Vec<TestTarget>,
    /// Warnings such as `matched no packages`, each a full line.
    pub warnings: Vec<String>,
    /// The directory that file names in messages are relative to.
    pub cwd: PathBuf,
    /// The module that contains the current directory, if there is one.
    pub main_module: Option<Arc<MainModule>>,
}

impl PackageGraph {
    /// The package with an id.
    pub fn package(&self, id: PackageId) -> &Package {
        &self.packages[id.index()]
    }

    /// The plain package of an import path.
    pub fn find(&self, import_path: &str) -> Option<&Package> {
        self.packages
            .iter()
            .find(|package| package.variant == Variant::Plain && package.import_path == import_path)
    }

    /// Every error message once, in dependency order, ready to print.
    pub fn error_lines(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for package in &self.packages {
            for error in &package.errors {
                let line = error.render(&self.cwd);
                if !out.contains(&line) {
                    out.push(line);
                }
            }
        }
        out
    }

    /// True if some package has an error.
    pub fn has_errors(&self) -> bool {
        self.packages
            .iter()
            .any(|package| !package.errors.is_empty())
    }

    /// Sets [`Package::deps_have_errors`] from the packages' errors.
    pub fn note_broken_dependencies(&mut self) {
        for at in 0..self.packages.len() {
            let bad = self.packages[at].imports.values().any(|id| {
                let import = &self.packages[id.index()];
                !import.errors.is_empty() || import.deps_have_errors
            });
            self.packages[at].deps_have_errors = bad;
        }
    }

    /// Ids of everything that programs or packages need, themselves and what is implicit included, in dependency order.
    pub fn closure(&self, roots: &[PackageId]) -> Vec<PackageId> {
        let plain = roots
            .iter()
            .any(|&root| self.package(root).variant != Variant::TestMain);
        let implicit = self.implicit.values().filter(|_| plain);
        let mut ids: Vec<PackageId> = roots
            .iter()
            .chain(implicit)
            .flat_map(|&id| self.dependencies(id))
            .collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// Ids of everything that a package needs, itself included, in dependency order.
    pub fn dependencies(&self, of: PackageId) -> Vec<PackageId> {
        let mut wanted = vec![false; self.packages.len()];
        if let Some(slot) = wanted.get_mut(of.index()) {
            *slot = true;
        }
        for at in (0..self.packages.len()).rev() {
            if wanted[at] {
                for import in self.packages[at].imports.values() {
                    wanted[import.index()] = true;
                }
            }
        }
        wanted
            .iter()
            .enumerate()
            .filter(|(_, wanted)| **wanted)
            .map(|(at, _)| PackageId(at as u32))
            .collect()
    }
}
