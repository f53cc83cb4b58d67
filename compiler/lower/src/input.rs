//! What the lowering is given.

use std::sync::Arc;

use base::{FxHashMap, Symbol};
use source::SourceMap;
use types::{Store, TypedPackage};

/// A whole program.
#[derive(Debug)]
pub struct LowerInput<'a> {
    /// Types and objects of all packages.
    pub store: &'a Store,
    /// Files, for positions in diagnostics and `//go:embed` text.
    pub sources: &'a SourceMap,
    /// Packages, dependencies before their importers. Package `runtime` must be among them.
    pub packages: Vec<InputPackage<'a>>,
    /// Index of the main package (or the generated test main).
    pub main: usize,
    /// `-ldflags -X importpath.name=value`.
    pub defines: Vec<(String, String)>,
    /// Lower every function of packages outside of std, not only what is reachable.
    pub keep_all: bool,
    /// Default GODEBUG settings of the main module.
    pub godebug: String,
    /// Text for `runtime/debug.ReadBuildInfo`, with its sentinels.
    pub modinfo: Vec<u8>,
}

/// One package of the program.
#[derive(Debug)]
pub struct InputPackage<'a> {
    /// Syntax and types, checked without error.
    pub typed: &'a TypedPackage,
    /// What is not in its files.
    pub meta: PackageMeta,
}

/// Facts about a package from the module graph.
#[derive(Clone, Debug)]
pub struct PackageMeta {
    /// Import path.
    pub import_path: Symbol,
    /// Name in the package clause.
    pub name: Symbol,
    /// The path that types and names of the package belong to: the import path, `main` for commands.
    pub link_path: Symbol,
    /// Whether it belongs to the standard library.
    pub is_std: bool,
    /// Files that each `//go:embed` pattern of the package matches, by the pattern's text; names are
    /// slash-separated and relative to the package directory.
    pub embeds: FxHashMap<String, Vec<EmbedFile>>,
}

/// An embedded file.
#[derive(Clone, Debug)]
pub struct EmbedFile {
    /// Slash-separated name relative to the package directory.
    pub name: String,
    /// Its content.
    pub data: Arc<[u8]>,
}
