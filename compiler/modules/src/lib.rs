//! From a command line pattern to a loaded package graph, without type checking.
//!
//! Reading order:
//! 1. Names and versions: [`semver`], [`module_path`], [`error`].
//! 2. Files: [`gomod`] (go.mod, go.sum, modules.txt), [`env`](mod@env) (`go env` variables).
//! 3. Getting modules: [`proxy`], [`zipfile`], [`dirhash`], [`sumdb`], [`cache`], [`goroot`].
//! 4. Choosing modules: [`mvs`] (module graph with pruning), [`modload`] (the main module, queries,
//!    which module provides an import).
//! 5. Reading packages: [`scan`] (file headers), [`build_context`] (constraints), [`embed`],
//!    [`patterns`], [`load`] (packages, errors, test variants, the graph), [`overlay`].
//! 6. [`commands`]: `list`, `env`, `mod ...`, `clean` as library functions.
//!
//! Architecture invariant: knows nothing of the syntax of Go beyond the file header (package clause,
//! imports, directives); all IO goes through `source::system::System`.
#![forbid(unsafe_code)]

pub mod build_context;
pub mod cache;
pub mod commands;
pub mod dirhash;
pub mod embed;
pub mod env;
pub mod error;
pub mod gomod;
pub mod goroot;
pub mod load;
pub mod modload;
pub mod module_path;
pub mod mvs;
pub mod overlay;
pub mod patterns;
pub mod proxy;
pub mod scan;
pub mod semver;
pub mod sumdb;
pub mod zipfile;

pub use error::{Error, Result};
pub use load::{
    LoadOptions, Loader, Package, PackageError, PackageGraph, PackageId, SourceFileRef,
};

/// The release of Go whose standard library and module rules are implemented.
pub const GO_RELEASE: &str = "1.27.3";

/// A module path with a version; the empty version is the main module or a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleVersion {
    /// Module path.
    pub path: String,
    /// Version.
    pub version: String,
}

impl ModuleVersion {
    /// Pairs a path and a version.
    pub fn new(path: impl Into<String>, version: impl Into<String>) -> ModuleVersion {
        ModuleVersion {
            path: path.into(),
            version: version.into(),
        }
    }
}

impl std::fmt::Display for ModuleVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.version.is_empty() {
            f.write_str(&self.path)
        } else {
            write!(f, "{}@{}", self.path, self.version)
        }
    }
}
