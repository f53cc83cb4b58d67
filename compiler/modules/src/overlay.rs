//! Declarations that replace those of a package: the data of the embedded `goroot/` folder, as the loader
//! needs it. The driver builds an [`Overlay`] once; the loader applies file lists; the checker removes the
//! recorded declarations.

use std::sync::Arc;

/// A file that is not on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverlayFile {
    /// Base name; shown in positions below [`Overlay::display_root`].
    pub name: String,
    /// Contents.
    pub bytes: Arc<[u8]>,
}

/// What happens to a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverlayMode {
    /// The package consists of the overlay's files alone.
    Replace,
    /// The files are added; the named declarations of the original (`Func`, `Type.Method`, `variable`)
    /// are removed by the checker, which reports one that does not exist.
    Patch {
        /// Declarations to remove, in the form `Name` or `Type.Method`.
        removed: Vec<String>,
    },
}

/// The overlay of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageOverlay {
    /// Import paths, exact. A pattern `golang.org/x/sys/cpu` also stands for std's vendored copy.
    pub import_path: String,
    /// Replace or patch.
    pub mode: OverlayMode,
    /// The files.
    pub files: Vec<OverlayFile>,
    /// Assembly files of the original are dropped without an error: the overlay or the runtime provides
    /// what they define.
    pub drops_assembly: bool,
}

/// All overlays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// In any order; import paths are unique.
    pub packages: Vec<Arc<PackageOverlay>>,
    /// Directory shown before the names of overlay files, for instance `<ferrogo>`.
    pub display_root: String,
}

impl Overlay {
    /// The overlay of an import path, if there is one.
    pub fn for_package(&self, import_path: &str) -> Option<&Arc<PackageOverlay>> {
        let plain = import_path.strip_prefix("vendor/").unwrap_or(import_path);
        self.packages
            .iter()
            .find(|package| package.import_path == import_path || package.import_path == plain)
    }
}
