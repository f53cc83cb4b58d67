//! Loads packages: from patterns to a graph in dependency order.
//!
//! Reading order: [`package`] (the data), [`directory`] (one directory's files sorted into kinds),
//! [`loader`] (imports followed breadth first, in parallel), [`check`] (internal, vendor, cycles,
//! programs), [`tests`](mod@test_variants) (what `go test` builds).

pub mod check;
pub mod directory;
pub mod loader;
pub mod package;
pub mod test_variants;

pub use loader::{LoadOptions, Loader};
pub use package::{
    ImportFrom, Package, PackageError, PackageGraph, PackageId, SourceFileRef, TestTarget, Variant,
};

#[cfg(test)]
pub(crate) mod scripts;
