//! All input and output of the toolchain behind one trait.
//!
//! Crates of the compiler never touch the file system, the environment, the network or
//! processes directly: they take a `&dyn System`. [`OsSystem`] is the real one,
//! [`MemSystem`] keeps everything in memory for tests, [`ReplacedSystem`] has other files in the place of some.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

mod mem;
mod os;
mod replaced;

pub use mem::MemSystem;
pub use os::OsSystem;
pub use replaced::ReplacedSystem;

/// What a directory entry is, without following a final symbolic link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A device, pipe or socket.
    Other,
}

/// The part of `stat` that the toolchain looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// File, directory, link, other.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// Modification time in nanoseconds since the Unix epoch (0 if unknown).
    pub mtime_nanos: i128,
    /// Permission bits.
    pub mode: u32,
}

impl FileStat {
    /// True for a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == FileKind::Dir
    }

    /// True for a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == FileKind::File
    }
}

/// One name of a directory listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// File name, no path. Names that are not UTF-8 are converted lossily.
    pub name: String,
    /// Kind of the entry itself (links are not followed).
    pub kind: FileKind,
}

/// A GET request.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    /// Absolute `http://` or `https://` URL.
    pub url: String,
    /// Header `Authorization`, if any.
    pub authorization: Option<String>,
    /// Accept any TLS certificate (GOINSECURE).
    pub insecure: bool,
    /// Limit for connecting and for each wait for more bytes.
    pub idle_timeout: Duration,
}

impl HttpRequest {
    /// A plain request with the default 30 s idle time-out.
    pub fn get(url: impl Into<String>) -> HttpRequest {
        HttpRequest {
            url: url.into(),
            authorization: None,
            insecure: false,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// An answer whose body is still to be read.
pub struct HttpResponse {
    /// Status code, also of errors.
    pub status: u16,
    /// `Content-Length`, if the server sent one.
    pub content_length: Option<u64>,
    /// The body; a body cut short is an error from `read`.
    pub body: Box<dyn Read + Send>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// Host name, connection or TLS failed.
    Connect(String),
    /// The idle time-out passed.
    Timeout(String),
    /// The server spoke no valid HTTP.
    Protocol(String),
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Connect(text) | HttpError::Timeout(text) | HttpError::Protocol(text) => {
                f.write_str(text)
            }
        }
    }
}

impl std::error::Error for HttpError {}

/// A program to run to its end.
#[derive(Clone, Debug, Default)]
pub struct RunRequest {
    /// Program name or path.
    pub program: OsString,
    /// Arguments after the program name.
    pub args: Vec<OsString>,
    /// Working directory; the current one when absent.
    pub dir: Option<PathBuf>,
    /// Variables set in addition to the inherited ones.
    pub env: Vec<(String, String)>,
}

/// What a finished program left.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// Exit status; a death by signal N is 128+N.
    pub status: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// Held until dropped.
pub trait LockGuard: Send {}

/// A readable, seekable file.
pub trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// A new file that appears under its final name only when committed. Dropping it
/// without a commit removes it.
pub trait PendingFile: Write + Send {
    /// Flushes, gives the file its permission bits and its final name.
    fn commit(self: Box<Self>, to: &Path, mode: u32) -> io::Result<()>;
    /// Reads back what was written so far, from the start.
    fn reopen(&mut self) -> io::Result<Box<dyn ReadSeek>>;
}

/// The machine as the toolchain sees it.
pub trait System: Send + Sync {
    /// The bytes of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// A file opened for reading at any offset.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>>;
    /// Metadata; symbolic links are followed.
    fn stat(&self, path: &Path) -> io::Result<FileStat>;
    /// Metadata of the path itself.
    fn lstat(&self, path: &Path) -> io::Result<FileStat>;
    /// Entries sorted by name.
    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>>;
    /// The path with symbolic links resolved.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;
    /// Writes a file so that readers see the old or the new contents, never a part.
    fn write_atomic(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()>;
    /// Starts a file in `dir` (which must exist) that [`PendingFile::commit`] names.
    fn create_pending(&self, dir: &Path) -> io::Result<Box<dyn PendingFile>>;
    /// Creates or truncates a file with plain, non-atomic semantics (files inside a
    /// directory that is renamed into place later).
    fn write_file(&self, path: &Path, contents: &mut dyn Read, mode: u32) -> io::Result<u64>;
    /// Creates a directory and its parents.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// Renames a file or directory.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a tree, making read-only directories writable first. A missing tree is no error.
    fn remove_tree(&self, path: &Path) -> io::Result<()>;
    /// Sets permission bits.
    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()>;
    /// Takes an exclusive advisory lock on a file (`flock`), creating it; waits for other holders.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>>;
    /// An environment variable; one that is not UTF-8 counts as unset.
    fn env_var(&self, name: &str) -> Option<String>;
    /// The current directory (`$PWD` if it names the same directory).
    fn current_dir(&self) -> io::Result<PathBuf>;
    /// Performs a GET request. Redirects are followed.
    fn http_get(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError>;
    /// Runs a program to its end.
    fn run(&self, request: &RunRequest) -> io::Result<RunResult>;
    /// Time since some fixed moment in the past.
    fn monotonic(&self) -> Duration;
    /// Seconds since the Unix epoch.
    fn unix_time(&self) -> u64;
    /// True if standard error is a terminal (progress bars are allowed).
    fn stderr_is_terminal(&self) -> bool;
    /// Prints one line on standard error.
    fn eprint_line(&self, line: &str);

    /// True if the path names a regular file (after links).
    fn is_file(&self, path: &Path) -> bool {
        self.stat(path).is_ok_and(|stat| stat.is_file())
    }

    /// True if the path names a directory (after links).
    fn is_dir(&self, path: &Path) -> bool {
        self.stat(path).is_ok_and(|stat| stat.is_dir())
    }
}

/// Variables read from a map before the wrapped system's: `-C`-like overrides and tests.
pub type EnvMap = BTreeMap<String, String>;

/// Joins with lexical cleaning, as Go's `path/filepath.Join` does: no `.`/`..`/`//` remain
/// where they can be removed without looking at links.
pub fn clean_join(base: &Path, rest: &str) -> PathBuf {
    let joined = base.join(rest);
    clean(&joined)
}

/// Lexically cleans a path. An empty result is `.`.
pub fn clean(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    let mut depth = 0usize;
    for component in path.components() {
        match component {
            Component::Prefix(_) | Component::RootDir => out.push(component),
            Component::CurDir => {}
            Component::ParentDir => {
                if depth > 0 {
                    out.pop();
                    depth -= 1;
                } else if !out.has_root() {
                    out.push("..");
                }
            }
            Component::Normal(name) => {
                out.push(name);
                depth += 1;
            }
        }
    }
    if out.as_os_str().is_empty() {
        out.push(".");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_removes_dots() {
        let check =
            |path: &str, want: &str| assert_eq!(clean(Path::new(path)), Path::new(want), "{path}");
        check("/a/b/../c/./d", "/a/c/d");
        check("../../x", "../../x");
        check("a/..", ".");
        check("/..", "/");
        check("", ".");
    }

    /// Behaviour that both implementations promise.
    fn check_files(system: &dyn System, root: &Path) {
        let dir = root.join("a/b");
        system.create_dir_all(&dir).unwrap();
        let file = dir.join("f.txt");
        system.write_atomic(&file, b"one", 0o644).unwrap();
        system.write_atomic(&file, b"two", 0o644).unwrap();
        assert_eq!(system.read(&file).unwrap(), b"two");
        assert!(system.is_file(&file) && system.is_dir(&dir));
        let mut pending = system.create_pending(&dir).unwrap();
        pending.write_all(b"pending").unwrap();
        drop(pending);
        assert_eq!(
            system.read_dir(&dir).unwrap().len(),
            1,
            "an abandoned file leaves nothing"
        );
        let mut pending = system.create_pending(&dir).unwrap();
        pending.write_all(b"pending").unwrap();
        let mut back = String::new();
        pending.reopen().unwrap().read_to_string(&mut back).unwrap();
        assert_eq!(back, "pending");
        pending.commit(&dir.join("g.txt"), 0o444).unwrap();
        let names: Vec<String> = system
            .read_dir(&dir)
            .unwrap()
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        assert_eq!(names, ["f.txt", "g.txt"]);
        drop(system.lock(&root.join("lock")).unwrap());
        drop(system.lock(&root.join("lock")).unwrap());
        system.rename(&root.join("a"), &root.join("z")).unwrap();
        assert_eq!(system.read(&root.join("z/b/g.txt")).unwrap(), b"pending");
        assert!(system.read(&file).is_err());
        system.set_mode(&root.join("z/b"), 0o555).unwrap();
        system.remove_tree(&root.join("z")).unwrap();
        assert!(!system.is_dir(&root.join("z")));
        system.remove_tree(&root.join("z")).unwrap();
    }

    #[test]
    fn files_in_memory() {
        check_files(&MemSystem::new(), Path::new("/root"));
    }

    #[test]
    fn files_on_disk() {
        let root = std::env::temp_dir().join(format!("ferrogo-system-{}", std::process::id()));
        let system = OsSystem::new();
        system.create_dir_all(&root).unwrap();
        check_files(&system, &root);
        system.remove_tree(&root).unwrap();
    }

    /// Serves one connection with the bytes, then closes it, or holds it open without a word.
    fn serve(answer: Option<&'static str>) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                match answer {
                    Some(text) => stream.write_all(text.as_bytes()).unwrap(),
                    None => open.push(stream),
                }
            }
        });
        url
    }

    fn fetch(url: &str) -> Result<(u16, Result<String, io::ErrorKind>), HttpError> {
        let mut request = HttpRequest::get(url);
        request.idle_timeout = Duration::from_millis(200);
        let mut response = OsSystem::new().http_get(&request)?;
        let mut body = String::new();
        let read = response
            .body
            .read_to_string(&mut body)
            .map(|_| body)
            .map_err(|error| error.kind());
        Ok((response.status, read))
    }

    #[test]
    fn http_answers_and_failures() {
        let good = serve(Some(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        ));
        assert_eq!(fetch(&good), Ok((200, Ok("ok".to_string()))));
        let gone = serve(Some(
            "HTTP/1.1 410 Gone\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone",
        ));
        assert_eq!(
            fetch(&gone),
            Ok((410, Ok("gone".to_string()))),
            "a status is no failure"
        );
        let short = serve(Some(
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nok",
        ));
        assert!(
            matches!(fetch(&short), Ok((200, Err(_)))),
            "a body cut short is an error"
        );
        assert!(
            matches!(fetch(&serve(None)), Err(HttpError::Timeout(_))),
            "a server that hangs"
        );
        assert!(matches!(
            fetch(&serve(Some("junk\r\n\r\n"))),
            Err(HttpError::Protocol(_))
        ));
        assert!(matches!(
            fetch("http://127.0.0.1:1/x"),
            Err(HttpError::Connect(_))
        ));
    }
}
