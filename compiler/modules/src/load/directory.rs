//! Reads one package directory and sorts its files: Go, tests, external tests, assembly, ignored.

use crate::build_context::{BuildContext, Decision, file_go_version};
use crate::embed::{self, EmbedMatch};
use crate::load::package::{PackageError, SourceFileRef};
use crate::module_path::quote;
use crate::overlay::{Overlay, OverlayMode, PackageOverlay};
use crate::scan::{self, EmbedPattern, GoDebug, Header, Place, ScanError};
use sha2::{Digest, Sha256};
use source::system::{FileKind, System};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A group of files that is compiled together.
#[derive(Clone, Debug, Default)]
pub struct FileGroup {
    /// Sorted by name.
    pub files: Vec<SourceFileRef>,
    /// Patterns with their files, in file order.
    pub embeds: Vec<EmbedMatch>,
    /// `//go:debug` lines, each with its file.
    pub go_debug: Vec<(PathBuf, GoDebug)>,
    /// Errors of these files.
    pub errors: Vec<PackageError>,
}

/// A directory's contents.
#[derive(Clone, Debug, Default)]
pub struct DirPackage {
    /// Package name.
    pub name: String,
    /// The package itself.
    pub go: FileGroup,
    /// `_test.go` files of the same package.
    pub test: FileGroup,
    /// `_test.go` files of `p_test`.
    pub external_test: FileGroup,
    /// Names left out by constraints.
    pub ignored: Vec<String>,
    /// Names of Go files that something is wrong with.
    pub invalid: Vec<String>,
    /// Assembly files that belong to the build.
    pub assembly: Vec<PathBuf>,
    /// Functions without body are allowed.
    pub body_less_ok: bool,
    /// Applied overlay.
    pub overlay: Option<Arc<PackageOverlay>>,
    /// `import "C"` places.
    pub cgo: Vec<(PathBuf, Place)>,
    /// Imports of files that `import "C"` left out: they count for `mod tidy`.
    pub cgo_imports: Vec<String>,
    /// Some `_test.go` file belongs to the build (looked at only if no other Go file does, or if tests are read).
    pub has_tests: bool,
}

/// How the error begins that a package with assembly has. It can be listed all the same.
pub const NO_ASSEMBLY: &str = "assembly is not supported: ";

/// How to read a directory.
pub struct ReadRequest<'a> {
    /// The machine.
    pub system: &'a dyn System,
    /// Import path of the package.
    pub import_path: &'a str,
    /// Its directory.
    pub dir: &'a Path,
    /// Tags.
    pub context: &'a BuildContext,
    /// Overlays.
    pub overlay: &'a Overlay,
    /// Std or `cmd`.
    pub is_std: bool,
    /// Only these files, constraints ignored (named on the command line).
    pub only: Option<&'a [PathBuf]>,
    /// Read `_test.go` files too.
    pub with_tests: bool,
    /// Otherwise, say at least what is wrong with them.
    pub checks_tests: bool,
}

const C_LIKE: [&str; 13] = [
    "c", "cc", "cpp", "cxx", "m", "f", "F", "for", "f90", "swig", "swigcxx", "h", "syso",
];

/// A [`SourceFileRef`] for bytes in memory.
pub fn file_ref(
    path: PathBuf,
    bytes: Arc<[u8]>,
    header: &Header,
    is_overlay: bool,
) -> SourceFileRef {
    SourceFileRef {
        hash: Sha256::digest(&bytes).into(),
        go_version: file_go_version(header.go_build.as_ref()),
        imports: header
            .imports
            .iter()
            .filter(|import| import.path != "C")
            .cloned()
            .collect(),
        path,
        bytes,
        is_overlay,
    }
}

struct Reader<'a> {
    request: &'a ReadRequest<'a>,
    context: BuildContext,
    out: DirPackage,
    first: Option<(String, String)>,
    embeds: [Vec<(PathBuf, EmbedPattern)>; 3],
    /// Test files that were not read.
    unread_tests: Vec<PathBuf>,
}

/// Reads a directory. IO errors of the directory itself are errors of the package.
pub fn read(request: &ReadRequest<'_>) -> DirPackage {
    let context = if request.is_std {
        request.context.for_std_package(request.import_path)
    } else {
        request.context.clone()
    };
    let mut reader = Reader {
        request,
        context,
        out: DirPackage::default(),
        first: None,
        embeds: Default::default(),
        unread_tests: Vec::new(),
    };
    let overlay = request.overlay.for_package(request.import_path).cloned();
    let replaced = overlay
        .as_ref()
        .is_some_and(|overlay| overlay.mode == OverlayMode::Replace);
    if let Some(files) = request.only {
        for path in files {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            reader.go_file(path.clone(), &name, true);
        }
    } else if !replaced || request.with_tests {
        reader.directory(replaced);
    }
    if let Some(overlay) = overlay {
        reader.apply_overlay(overlay);
    }
    reader.finish()
}

impl Reader<'_> {
    fn error(&mut self, group: usize, file: &Path, place: Place, text: impl Into<String>) {
        let error = PackageError::at(self.request.import_path, file, place, text);
        self.group(group).errors.push(error);
    }

    fn group(&mut self, group: usize) -> &mut FileGroup {
        match group {
            0 => &mut self.out.go,
            1 => &mut self.out.test,
            _ => &mut self.out.external_test,
        }
    }

    fn directory(&mut self, tests_only: bool) {
        let entries = match self.request.system.read_dir(self.request.dir) {
            Ok(entries) => entries,
            Err(error) => {
                let text = format!(
                    "open {}: {}",
                    self.request.dir.display(),
                    crate::error::io_text(&error)
                );
                self.out
                    .go
                    .errors
                    .push(PackageError::of(self.request.import_path, text));
                return;
            }
        };
        for entry in entries {
            let path = self.request.dir.join(&entry.name);
            let is_file = match entry.kind {
                FileKind::File => true,
                // One that leads nowhere is found out when the file is read.
                FileKind::Symlink => match self.request.system.stat(&path) {
                    Ok(stat) => stat.is_file(),
                    Err(_) => entry.name.ends_with(".go"),
                },
                FileKind::Dir | FileKind::Other => false,
            };
            let Some((_, extension)) = entry.name.rsplit_once('.').filter(|_| is_file) else {
                continue;
            };
            if extension == "go" {
                if tests_only && !entry.name.ends_with("_test.go") {
                    continue;
                }
                self.go_file(path, &entry.name, false);
            } else if !tests_only && matches!(extension, "s" | "S" | "sx") {
                self.assembly_file(path, &entry.name);
            } else if !tests_only && C_LIKE.contains(&extension) {
                self.c_file(path, &entry.name, extension);
            }
        }
    }

    fn assembly_file(&mut self, path: PathBuf, name: &str) {
        if name.starts_with(['_', '.']) {
            return;
        }
        let Ok(bytes) = self.request.system.read(&path) else {
            return;
        };
        // The unmodified selection decides whether body-less functions are allowed.
        let constraints = scan::constraints(&bytes);
        if !self.context.decide_other(name, &constraints) {
            self.out.ignored.push(name.to_string());
            return;
        }
        self.out.body_less_ok = true;
        if !scan::assembly_is_empty(&bytes) {
            self.out.assembly.push(path);
        }
    }

    fn c_file(&mut self, path: PathBuf, name: &str, extension: &str) {
        if name.starts_with(['_', '.']) || matches!(extension, "h" | "syso" | "swig" | "swigcxx") {
            return;
        }
        let Ok(bytes) = self.request.system.read(&path) else {
            return;
        };
        if !self.context.decide_other(name, &scan::constraints(&bytes)) {
            return;
        }
        let kind = match extension {
            "c" => "C",
            "cc" | "cpp" | "cxx" => "C++",
            "m" => "Objective-C",
            _ => "Fortran",
        };
        // Without cgo, files that a cgo file of the package would compile are just not used.
        if self.out.cgo.is_empty() && !self.request.is_std {
            let text =
                format!("{kind} source files not allowed when not using cgo or SWIG: {name}");
            self.out
                .go
                .errors
                .push(PackageError::of(self.request.import_path, text));
        }
    }

    fn go_file(&mut self, path: PathBuf, name: &str, forced: bool) {
        let is_test = name.ends_with("_test.go");
        if !forced && name.starts_with(['_', '.']) {
            return;
        }
        if !forced && !self.context.match_file_name(name) {
            self.out.ignored.push(name.to_string());
            return;
        }
        let only_checked = is_test && !forced && !self.request.with_tests;
        if only_checked && !self.request.checks_tests {
            self.unread_tests.push(path);
            return;
        }
        let bytes: Arc<[u8]> = match self.request.system.read(&path) {
            Ok(bytes) => bytes.into(),
            Err(error) => {
                let text = format!("open {}: {}", path.display(), crate::error::io_text(&error));
                return self.invalid(name, text);
            }
        };
        let header = scan::header(&bytes);
        if !forced {
            match self.context.decide(name, &header) {
                Ok(Decision::Include) => {}
                Ok(Decision::Exclude) => {
                    self.out.ignored.push(name.to_string());
                    return;
                }
                Err((_, text)) => return self.invalid(name, format!("{name}: {text}")),
            }
            if let Some(error) = &header.error
                && error.text == scan::MULTIPLE_BUILD_LINES
            {
                return self.invalid(name, format!("{name}: {}", error.text));
            }
        }
        match only_checked {
            true => self.check_test_file(&path, name, &header),
            false => self.add_go_file(path, name, bytes, header, is_test, false),
        }
    }

    /// Notes a Go file that cannot be read as one. The text says all.
    fn invalid(&mut self, name: &str, text: String) {
        self.out.invalid.push(name.to_owned());
        self.out.go.errors.push(PackageError {
            bare: true,
            ..PackageError::of(self.request.import_path, text)
        });
    }

    /// Says what is wrong with the head of a test file that is not compiled.
    fn check_test_file(&mut self, path: &Path, name: &str, header: &Header) {
        self.out.has_tests = true;
        if let Some(error) = &header.error {
            self.header_error(0, path, name, error);
        }
        if !header.package.is_empty() {
            let package = header.package.strip_suffix("_test");
            self.note_package(package.unwrap_or(&header.package), name);
        }
    }

    fn header_error(&mut self, group: usize, path: &Path, name: &str, error: &ScanError) {
        let place = error.place;
        // The official command finds these when it has read the file, and has no position for them.
        if error.text.starts_with(scan::INVALID_IMPORT) {
            let text = format!(
                "{}:{}:{}: {}",
                path.display(),
                place.line,
                place.column,
                error.text
            );
            return self.invalid(name, text);
        }
        self.out.invalid.push(name.to_owned());
        self.error(group, path, place, error.text.clone());
    }

    /// Notes that a file belongs to the package of this name.
    fn note_package(&mut self, package: &str, name: &str) {
        match &self.first {
            None => {
                self.first = Some((package.to_owned(), name.to_string()));
                self.out.name = package.to_owned();
            }
            Some((known, first)) if known != package => {
                let text = format!(
                    "found packages {known} ({first}) and {package} ({name}) in {}",
                    self.request.dir.display()
                );
                self.out.invalid.push(name.to_owned());
                let mut error = PackageError::of(self.request.import_path, text);
                error.bare = true;
                if !self
                    .out
                    .go
                    .errors
                    .iter()
                    .any(|known| known.text.starts_with("found packages"))
                {
                    self.out.go.errors.push(error);
                }
            }
            Some(_) => {}
        }
    }

    fn add_go_file(
        &mut self,
        path: PathBuf,
        name: &str,
        bytes: Arc<[u8]>,
        header: Header,
        is_test: bool,
        is_overlay: bool,
    ) {
        if header.package == "documentation" && !is_test && self.request.only.is_none() {
            self.out.ignored.push(name.to_string());
            return;
        }
        let uses_cgo = header.imports.iter().any(|import| import.path == "C");
        if uses_cgo && !is_overlay {
            for import in header.imports.iter().filter(|import| import.path == "C") {
                self.out.cgo.push((path.clone(), import.place));
            }
            if !is_test {
                self.out.cgo_imports.extend(
                    header
                        .imports
                        .iter()
                        .filter(|import| import.path != "C")
                        .map(|import| import.path.clone()),
                );
            }
            self.out.ignored.push(name.to_string());
            return;
        }
        let external = is_test && header.package.ends_with("_test");
        let group = match (is_test, external) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        };
        self.out.has_tests |= is_test;
        if let Some(error) = &header.error {
            self.header_error(group, &path, name, error);
            if header.package.is_empty() {
                self.group(group)
                    .files
                    .push(file_ref(path, bytes, &header, is_overlay));
                return;
            }
        }
        let package = if external {
            header.package.trim_end_matches("_test").to_string()
        } else {
            header.package.clone()
        };
        self.note_package(&package, name);
        self.embeds[group].extend(
            header
                .embeds
                .iter()
                .map(|embed| (path.clone(), embed.clone())),
        );
        let lines = header.go_debug.iter().cloned();
        self.group(group)
            .go_debug
            .extend(lines.map(|line| (path.clone(), line)));
        self.group(group)
            .files
            .push(file_ref(path, bytes, &header, is_overlay));
    }

    fn apply_overlay(&mut self, overlay: Arc<PackageOverlay>) {
        let root = if self.request.overlay.display_root.is_empty() {
            self.request.dir.to_path_buf()
        } else {
            Path::new(&self.request.overlay.display_root).join(&overlay.import_path)
        };
        for file in &overlay.files {
            let header = scan::header(&file.bytes);
            match self.context.decide(&file.name, &header) {
                Ok(Decision::Include) => {}
                Ok(Decision::Exclude) => continue,
                Err((place, text)) => {
                    self.error(0, &root.join(&file.name), place, text);
                    continue;
                }
            }
            self.add_go_file(
                root.join(&file.name),
                &file.name,
                Arc::clone(&file.bytes),
                header,
                false,
                true,
            );
        }
        self.out.body_less_ok = true;
        if overlay.drops_assembly || overlay.mode == OverlayMode::Replace {
            self.out.assembly.clear();
        }
        self.out.overlay = Some(overlay);
    }

    fn finish(mut self) -> DirPackage {
        if self.out.go.files.is_empty() {
            for path in std::mem::take(&mut self.unread_tests) {
                let name = path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default();
                let Ok(bytes) = self.request.system.read(&path) else {
                    continue;
                };
                let header = scan::header(&bytes);
                if self.context.decide(&name, &header) == Ok(Decision::Include) {
                    self.out.has_tests = true;
                    if self.out.name.is_empty() {
                        self.out.name = header.package.trim_end_matches("_test").to_string();
                    }
                }
            }
        }
        for group in 0..3 {
            let mut wanted = std::mem::take(&mut self.embeds[group]);
            // Identical patterns are resolved once; the first bad one in alphabetical order is told.
            wanted.sort_by(|(_, a), (_, b)| a.pattern.cmp(&b.pattern));
            for (path, pattern) in wanted {
                if self
                    .group(group)
                    .embeds
                    .iter()
                    .any(|known| known.pattern == pattern.pattern)
                {
                    continue;
                }
                match embed::resolve(
                    self.request.system,
                    self.request.dir,
                    std::slice::from_ref(&pattern),
                ) {
                    Ok(found) => self.group(group).embeds.extend(found),
                    Err((pattern, text)) => {
                        self.error(group, &path, pattern.place, text);
                        self.group(group).embeds.clear();
                        break;
                    }
                }
            }
            self.group(group)
                .files
                .sort_by(|a, b| a.path.file_name().cmp(&b.path.file_name()));
        }
        if self.request.is_std {
            // Std's assembly is provided by the runtime, by intrinsics, or by Go code that the tags select.
            self.out.assembly.clear();
            self.out.body_less_ok = true;
        }
        if let Some(path) = self.out.assembly.first() {
            let text = format!(
                "{NO_ASSEMBLY}{}",
                quote(
                    &path
                        .file_name()
                        .map(|name| name.to_string_lossy().into_owned())
                        .unwrap_or_default()
                )
            );
            let path = path.clone();
            self.error(0, &path, Place::default(), text);
        }
        self.out
    }
}
