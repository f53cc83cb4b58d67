//! A machine on which some files are replaced by others, or absent (`-overlay`).

use super::{
    DirEntry, FileKind, FileStat, HttpError, HttpRequest, HttpResponse, LockGuard, PendingFile,
    ReadSeek, RunRequest, RunResult, System, clean_join,
};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Reads go to the replacements, everything else to the machine below. Directories that only replaced files lie in exist,
/// and nothing lies below a file.
pub struct ReplacedSystem {
    inner: Arc<dyn System>,
    /// By absolute clean path: the file to be read instead, `None` for one that is not there.
    files: BTreeMap<PathBuf, Option<PathBuf>>,
    dir: PathBuf,
}

/// What a path is.
enum Found<'a> {
    /// Nothing is replaced here.
    Inner,
    /// To be read instead.
    File(&'a Path),
    /// Known only by what is below it.
    Directory,
    Absent,
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl ReplacedSystem {
    /// `replaced` are pairs of a file and what replaces it, as seen from `dir`; an empty replacement takes the file away.
    ///
    /// # Errors
    /// Two names of the same file, or an empty one.
    pub fn new(
        inner: Arc<dyn System>,
        dir: &Path,
        replaced: &BTreeMap<String, String>,
    ) -> Result<ReplacedSystem, String> {
        let mut files = BTreeMap::new();
        let mut names: BTreeMap<PathBuf, &str> = BTreeMap::new();
        for (name, target) in replaced {
            if name.is_empty() {
                return Err("empty string key in overlay map".to_owned());
            }
            let path = clean_join(dir, name);
            if let Some(other) = names.insert(path.clone(), name) {
                return Err(format!("duplicate paths {other} and {name} in overlay map"));
            }
            let target = (!target.is_empty()).then(|| clean_join(dir, target));
            files.insert(path, target);
        }
        Ok(ReplacedSystem {
            inner,
            files,
            dir: dir.to_path_buf(),
        })
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        clean_join(&self.dir, &path.to_string_lossy())
    }

    /// The replaced files below a directory that are there.
    fn below<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = &'a Path> {
        let from = (std::ops::Bound::Excluded(dir), std::ops::Bound::Unbounded);
        self.files
            .range::<Path, _>(from)
            .take_while(move |(path, _)| path.starts_with(dir))
            .filter(|(_, target)| target.is_some())
            .map(|(path, _)| path.as_path())
    }

    fn find(&self, path: &Path) -> Found<'_> {
        let path = self.absolute(path);
        let is_directory = self.below(&path).next().is_some();
        match self.files.get(&path) {
            _ if is_directory && !self.inner.is_dir(&path) => return Found::Directory,
            Some(Some(target)) => return Found::File(target),
            Some(None) if !is_directory => return Found::Absent,
            Some(None) => return Found::Directory,
            None => {}
        }
        let mut above = path.ancestors().skip(1);
        let is_file = |path: &Path| {
            self.files
                .get(path)
                .is_some_and(|_| self.below(path).next().is_none())
        };
        match !is_directory && above.any(is_file) {
            true => Found::Absent,
            false => Found::Inner,
        }
    }
}

const DIRECTORY: FileStat = FileStat {
    kind: FileKind::Dir,
    size: 0,
    mtime_nanos: 0,
    mode: 0o755,
};

impl System for ReplacedSystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.find(path) {
            Found::Inner => self.inner.read(path),
            Found::File(target) => self.inner.read(target),
            Found::Directory => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Found::Absent => Err(not_found()),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>> {
        match self.find(path) {
            Found::Inner => self.inner.open(path),
            Found::File(target) => self.inner.open(target),
            Found::Directory => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Found::Absent => Err(not_found()),
        }
    }

    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        match self.find(path) {
            Found::Inner => self.inner.stat(path),
            Found::File(target) => self.inner.stat(target),
            Found::Directory => Ok(DIRECTORY),
            Found::Absent => Err(not_found()),
        }
    }

    fn lstat(&self, path: &Path) -> io::Result<FileStat> {
        match self.find(path) {
            Found::Inner => self.inner.lstat(path),
            // Where the replacement is does not matter, not even behind a link.
            Found::File(target) => self.inner.stat(target),
            Found::Directory => Ok(DIRECTORY),
            Found::Absent => Err(not_found()),
        }
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let entries = match self.find(path) {
            Found::Inner => self.inner.read_dir(path)?,
            Found::File(_) => return Err(io::Error::from(io::ErrorKind::NotADirectory)),
            Found::Directory => Vec::new(),
            Found::Absent => return Err(not_found()),
        };
        let dir = self.absolute(path);
        let kept = entries
            .into_iter()
            .filter(|entry| !self.files.contains_key(&dir.join(&entry.name)));
        let mut all: BTreeMap<String, FileKind> =
            kept.map(|entry| (entry.name, entry.kind)).collect();
        for file in self.below(&dir) {
            let mut rest = file.strip_prefix(&dir).unwrap_or(file).components();
            let Some(first) = rest.next() else { continue };
            let kind = match rest.next() {
                Some(_) => FileKind::Dir,
                None => FileKind::File,
            };
            let name = first.as_os_str().to_string_lossy().into_owned();
            // A directory hides a file of the same name.
            match kind {
                FileKind::Dir => all.insert(name, kind),
                _ => Some(*all.entry(name).or_insert(kind)),
            };
        }
        let entries = all.into_iter();
        Ok(entries
            .map(|(name, kind)| DirEntry { name, kind })
            .collect())
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        match self.find(path) {
            Found::Inner => self.inner.canonicalize(path),
            Found::File(_) | Found::Directory => Ok(self.absolute(path)),
            Found::Absent => Err(not_found()),
        }
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        self.inner.write_atomic(path, bytes, mode)
    }

    fn create_pending(&self, dir: &Path) -> io::Result<Box<dyn PendingFile>> {
        self.inner.create_pending(dir)
    }

    fn write_file(&self, path: &Path, contents: &mut dyn Read, mode: u32) -> io::Result<u64> {
        self.inner.write_file(path, contents, mode)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.inner.create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_file(path)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        self.inner.remove_tree(path)
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.inner.set_mode(path, mode)
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        self.inner.lock(path)
    }

    fn env_var(&self, name: &str) -> Option<String> {
        self.inner.env_var(name)
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        self.inner.current_dir()
    }

    fn http_get(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        self.inner.http_get(request)
    }

    fn run(&self, request: &RunRequest) -> io::Result<RunResult> {
        self.inner.run(request)
    }

    fn monotonic(&self) -> Duration {
        self.inner.monotonic()
    }

    fn unix_time(&self) -> u64 {
        self.inner.unix_time()
    }

    fn stderr_is_terminal(&self) -> bool {
        self.inner.stderr_is_terminal()
    }

    fn eprint_line(&self, line: &str) {
        self.inner.eprint_line(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::MemSystem;

    fn system(replaced: &[(&str, &str)]) -> Result<ReplacedSystem, String> {
        let inner = MemSystem::new();
        for name in ["a/x.go", "a/y.go", "b/z.go", "b/link.go", "other"] {
            inner.add_file(format!("/m/{name}"), name);
        }
        let pair = |(name, target): &(&str, &str)| ((*name).to_owned(), (*target).to_owned());
        let replaced = replaced.iter().map(pair).collect();
        ReplacedSystem::new(Arc::new(inner), Path::new("/m"), &replaced)
    }

    fn list(system: &ReplacedSystem, dir: &str) -> String {
        match system.read_dir(Path::new(dir)) {
            Ok(entries) => {
                let names = entries.iter().map(|e| match e.kind {
                    FileKind::Dir => format!("{}/", e.name),
                    _ => e.name.clone(),
                });
                names.collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.kind().to_string(),
        }
    }

    fn read(system: &ReplacedSystem, file: &str) -> String {
        match system.read(Path::new(file)) {
            Ok(bytes) => String::from_utf8(bytes).unwrap(),
            Err(error) => error.kind().to_string(),
        }
    }

    #[test]
    fn files_are_replaced_added_and_taken_away() {
        let system = system(&[
            ("a/x.go", "other"),
            ("/m/a/y.go", ""),
            ("new/deep/n.go", "b/z.go"),
            ("b", "other"),
        ])
        .unwrap();
        assert_eq!(list(&system, "/m"), "a/ b new/ other");
        assert_eq!(list(&system, "/m/a"), "x.go");
        assert_eq!(list(&system, "/m/new"), "deep/");
        assert_eq!(list(&system, "/m/new/deep"), "n.go");
        assert_eq!(list(&system, "/m/b"), "not a directory");
        assert_eq!(read(&system, "/m/a/x.go"), "other");
        assert_eq!(read(&system, "/m/a/y.go"), "entity not found");
        assert_eq!(read(&system, "/m/new/deep/n.go"), "b/z.go");
        assert_eq!(read(&system, "/m/b"), "other");
        // Below what is a file now there is nothing.
        assert_eq!(read(&system, "/m/b/z.go"), "entity not found");
        assert!(system.is_dir(Path::new("/m/new")) && system.is_file(Path::new("/m/b")));
    }

    #[test]
    fn a_directory_may_take_the_place_of_a_file() {
        let system = system(&[("a/x.go/n.go", "other")]).unwrap();
        assert_eq!(list(&system, "/m/a"), "x.go/ y.go");
        assert_eq!(list(&system, "/m/a/x.go"), "n.go");
    }

    #[test]
    fn names_must_be_clear() {
        let check = |replaced: &[(&str, &str)], want: &str| {
            assert_eq!(system(replaced).err().as_deref(), Some(want));
        };
        check(&[("", "x")], "empty string key in overlay map");
        check(
            &[("a/x.go", "x"), ("a/../a/x.go", "")],
            "duplicate paths a/../a/x.go and a/x.go in overlay map",
        );
    }
}
