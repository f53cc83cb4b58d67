//! A machine in memory, for tests: files, variables, and an HTTP handler.

use super::{
    DirEntry, FileKind, FileStat, HttpError, HttpRequest, HttpResponse, LockGuard, PendingFile,
    ReadSeek, RunRequest, RunResult, System, clean,
};
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

#[derive(Clone)]
enum Node {
    Dir { mode: u32 },
    File { bytes: Arc<[u8]>, mode: u32 },
}

type Tree = Arc<Mutex<BTreeMap<PathBuf, Node>>>;
type HttpHandler = Box<dyn Fn(&HttpRequest) -> Result<(u16, Vec<u8>), HttpError> + Send + Sync>;
type RunHandler = Box<dyn Fn(&RunRequest) -> io::Result<RunResult> + Send + Sync>;

/// Files, variables and network of a test. Time stands still; locks always succeed.
pub struct MemSystem {
    tree: Tree,
    env: Mutex<BTreeMap<String, String>>,
    current_dir: Mutex<PathBuf>,
    http: Mutex<Option<HttpHandler>>,
    run: Mutex<Option<RunHandler>>,
    lines: Mutex<Vec<String>>,
    serial: AtomicU64,
    read_only: Mutex<Vec<PathBuf>>,
}

impl Default for MemSystem {
    fn default() -> Self {
        Self::new()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn not_found() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no such file or directory")
}

fn make_parents(tree: &mut BTreeMap<PathBuf, Node>, path: &Path) {
    for ancestor in path.ancestors().skip(1) {
        tree.entry(ancestor.to_path_buf())
            .or_insert(Node::Dir { mode: 0o755 });
    }
}

impl MemSystem {
    /// An empty machine whose current directory is `/`.
    pub fn new() -> MemSystem {
        let mut tree = BTreeMap::new();
        tree.insert(PathBuf::from("/"), Node::Dir { mode: 0o755 });
        MemSystem {
            tree: Arc::new(Mutex::new(tree)),
            env: Mutex::default(),
            current_dir: Mutex::new(PathBuf::from("/")),
            http: Mutex::new(None),
            run: Mutex::new(None),
            lines: Mutex::default(),
            serial: AtomicU64::new(0),
            read_only: Mutex::default(),
        }
    }

    /// Adds a file and the directories above it.
    pub fn add_file(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.absolute(path.as_ref());
        let mut tree = locked(&self.tree);
        make_parents(&mut tree, &path);
        tree.insert(
            path,
            Node::File {
                bytes: bytes.as_ref().into(),
                mode: 0o644,
            },
        );
    }

    /// Adds the files of a txtar archive (`-- name --` lines) under `root`.
    pub fn add_txtar(&self, root: impl AsRef<Path>, archive: &str) {
        let mut name: Option<&str> = None;
        let mut body = String::new();
        let flush = |name: Option<&str>, body: &mut String| {
            if let Some(name) = name {
                self.add_file(root.as_ref().join(name), std::mem::take(body));
            }
            body.clear();
        };
        for line in archive.split_inclusive('\n') {
            let marker = line
                .trim_end()
                .strip_prefix("-- ")
                .and_then(|rest| rest.strip_suffix(" --"));
            if let Some(next) = marker {
                flush(name, &mut body);
                name = Some(next.trim());
            } else {
                body.push_str(line);
            }
        }
        flush(name, &mut body);
    }

    /// Sets a variable.
    pub fn set_env(&self, name: &str, value: &str) {
        locked(&self.env).insert(name.to_string(), value.to_string());
    }

    /// Changes the current directory (it need not exist).
    pub fn set_current_dir(&self, dir: impl AsRef<Path>) {
        *locked(&self.current_dir) = dir.as_ref().to_path_buf();
    }

    /// Answers every request; without a handler each fails to connect.
    pub fn set_http(
        &self,
        handler: impl Fn(&HttpRequest) -> Result<(u16, Vec<u8>), HttpError> + Send + Sync + 'static,
    ) {
        *locked(&self.http) = Some(Box::new(handler));
    }

    /// Runs every command; without a handler each is not found.
    pub fn set_run(
        &self,
        handler: impl Fn(&RunRequest) -> io::Result<RunResult> + Send + Sync + 'static,
    ) {
        *locked(&self.run) = Some(Box::new(handler));
    }

    /// Makes every write under `dir` fail with "read-only file system".
    pub fn set_read_only(&self, dir: impl AsRef<Path>) {
        locked(&self.read_only).push(dir.as_ref().to_path_buf());
    }

    /// The lines printed on standard error so far.
    pub fn stderr_lines(&self) -> Vec<String> {
        locked(&self.lines).clone()
    }

    /// Paths of all files, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        let tree = locked(&self.tree);
        tree.iter()
            .filter(|(_, node)| matches!(node, Node::File { .. }))
            .map(|(path, _)| path.clone())
            .collect()
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        clean(&locked(&self.current_dir).join(path))
    }

    fn check_writable(&self, path: &Path) -> io::Result<()> {
        if locked(&self.read_only)
            .iter()
            .any(|dir| path.starts_with(dir))
        {
            return Err(io::Error::new(
                io::ErrorKind::ReadOnlyFilesystem,
                "read-only file system",
            ));
        }
        Ok(())
    }

    fn node(&self, path: &Path) -> io::Result<Node> {
        locked(&self.tree)
            .get(&self.absolute(path))
            .cloned()
            .ok_or_else(not_found)
    }

    fn put(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        let path = self.absolute(path);
        self.check_writable(&path)?;
        let mut tree = locked(&self.tree);
        match path.parent().and_then(|parent| tree.get(parent)) {
            Some(Node::Dir { .. }) => {}
            _ => return Err(not_found()),
        }
        tree.insert(
            path,
            Node::File {
                bytes: bytes.into(),
                mode,
            },
        );
        Ok(())
    }
}

struct MemLock;

impl LockGuard for MemLock {}

struct MemPending {
    bytes: Vec<u8>,
    tree: Tree,
}

impl Write for MemPending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PendingFile for MemPending {
    fn commit(self: Box<Self>, to: &Path, mode: u32) -> io::Result<()> {
        locked(&self.tree).insert(
            clean(to),
            Node::File {
                bytes: self.bytes.as_slice().into(),
                mode,
            },
        );
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(Cursor::new(self.bytes.clone())))
    }
}

impl System for MemSystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.node(path)? {
            Node::File { bytes, .. } => Ok(bytes.to_vec()),
            Node::Dir { .. } => Err(io::Error::new(
                io::ErrorKind::IsADirectory,
                "is a directory",
            )),
        }
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(Cursor::new(self.read(path)?)))
    }

    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        Ok(match self.node(path)? {
            Node::File { bytes, mode } => FileStat {
                kind: FileKind::File,
                size: bytes.len() as u64,
                mtime_nanos: 0,
                mode,
            },
            Node::Dir { mode } => FileStat {
                kind: FileKind::Dir,
                size: 0,
                mtime_nanos: 0,
                mode,
            },
        })
    }

    fn lstat(&self, path: &Path) -> io::Result<FileStat> {
        self.stat(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let dir = self.absolute(path);
        match self.node(&dir)? {
            Node::Dir { .. } => {}
            Node::File { .. } => {
                return Err(io::Error::new(
                    io::ErrorKind::NotADirectory,
                    "not a directory",
                ));
            }
        }
        let tree = locked(&self.tree);
        let mut entries: Vec<DirEntry> = tree
            .iter()
            .filter(|(path, _)| path.parent() == Some(&dir))
            .filter_map(|(path, node)| {
                let kind = match node {
                    Node::File { .. } => FileKind::File,
                    Node::Dir { .. } => FileKind::Dir,
                };
                Some(DirEntry {
                    name: path.file_name()?.to_string_lossy().into_owned(),
                    kind,
                })
            })
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.node(path)?;
        Ok(self.absolute(path))
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        self.put(path, bytes, mode)
    }

    fn create_pending(&self, dir: &Path) -> io::Result<Box<dyn PendingFile>> {
        self.check_writable(&self.absolute(dir))?;
        if !self.is_dir(dir) {
            return Err(not_found());
        }
        self.serial.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(MemPending {
            bytes: Vec::new(),
            tree: Arc::clone(&self.tree),
        }))
    }

    fn write_file(&self, path: &Path, contents: &mut dyn Read, mode: u32) -> io::Result<u64> {
        let mut bytes = Vec::new();
        contents.read_to_end(&mut bytes)?;
        self.put(path, &bytes, mode)?;
        Ok(bytes.len() as u64)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let path = self.absolute(path);
        if self.is_dir(&path) {
            return Ok(());
        }
        self.check_writable(&path)?;
        let mut tree = locked(&self.tree);
        if path
            .ancestors()
            .any(|ancestor| matches!(tree.get(ancestor), Some(Node::File { .. })))
        {
            return Err(io::Error::new(
                io::ErrorKind::NotADirectory,
                "not a directory",
            ));
        }
        make_parents(&mut tree, &path);
        tree.entry(path).or_insert(Node::Dir { mode: 0o755 });
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.absolute(from), self.absolute(to));
        self.check_writable(&to)?;
        let mut tree = locked(&self.tree);
        if !tree.contains_key(&from) {
            return Err(not_found());
        }
        let moved: Vec<PathBuf> = tree
            .keys()
            .filter(|path| path.starts_with(&from))
            .cloned()
            .collect();
        for path in moved {
            if let Some(node) = tree.remove(&path)
                && let Ok(rest) = path.strip_prefix(&from)
            {
                let target = if rest.as_os_str().is_empty() {
                    to.clone()
                } else {
                    to.join(rest)
                };
                tree.insert(target, node);
            }
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let path = self.absolute(path);
        self.check_writable(&path)?;
        locked(&self.tree)
            .remove(&path)
            .map(|_| ())
            .ok_or_else(not_found)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        let path = self.absolute(path);
        self.check_writable(&path)?;
        locked(&self.tree).retain(|candidate, _| !candidate.starts_with(&path));
        Ok(())
    }

    fn set_mode(&self, path: &Path, new_mode: u32) -> io::Result<()> {
        match locked(&self.tree)
            .get_mut(&self.absolute(path))
            .ok_or_else(not_found)?
        {
            Node::Dir { mode } | Node::File { mode, .. } => *mode = new_mode,
        }
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        if !self.is_file(path) {
            self.put(path, b"", 0o666)?;
        }
        Ok(Box::new(MemLock))
    }

    fn env_var(&self, name: &str) -> Option<String> {
        locked(&self.env).get(name).cloned()
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        Ok(locked(&self.current_dir).clone())
    }

    fn http_get(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let handler = locked(&self.http);
        let Some(handler) = handler.as_ref() else {
            return Err(HttpError::Connect("no such host".to_string()));
        };
        let (status, body) = handler(request)?;
        Ok(HttpResponse {
            status,
            content_length: Some(body.len() as u64),
            body: Box::new(Cursor::new(body)),
        })
    }

    fn run(&self, request: &RunRequest) -> io::Result<RunResult> {
        match locked(&self.run).as_ref() {
            Some(handler) => handler(request),
            None => Err(not_found()),
        }
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn unix_time(&self) -> u64 {
        1_700_000_000
    }

    fn stderr_is_terminal(&self) -> bool {
        false
    }

    fn eprint_line(&self, line: &str) {
        locked(&self.lines).push(line.to_string());
    }
}
