//! The real machine.

use super::{
    DirEntry, FileKind, FileStat, HttpError, HttpRequest, HttpResponse, LockGuard, PendingFile,
    ReadSeek, RunRequest, RunResult, System,
};
use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// The operating system's files, network, processes and environment.
pub struct OsSystem {
    start: Instant,
    /// Built at the first request: reading the certificate store takes milliseconds.
    agent: OnceLock<ureq::Agent>,
    insecure_agent: OnceLock<ureq::Agent>,
}

/// Distinguishes temporary names of one process.
static TEMP_SERIAL: AtomicU64 = AtomicU64::new(0);

fn temp_name() -> String {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.subsec_nanos());
    let serial = TEMP_SERIAL.fetch_add(1, Ordering::Relaxed);
    format!(".tmp-{}-{serial}-{nanos:08x}", std::process::id())
}

impl Default for OsSystem {
    fn default() -> Self {
        Self::new()
    }
}

impl OsSystem {
    /// Touches nothing until it is used.
    pub fn new() -> OsSystem {
        OsSystem {
            start: Instant::now(),
            agent: OnceLock::new(),
            insecure_agent: OnceLock::new(),
        }
    }

    fn http_get_once(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        let call = self.agent(request.insecure).get(&request.url);
        let call = match &request.authorization {
            Some(value) => call.header("Authorization", value),
            None => call,
        };
        let result = call
            .config()
            .timeout_connect(Some(request.idle_timeout))
            .timeout_recv_response(Some(request.idle_timeout))
            .timeout_per_read(Some(request.idle_timeout))
            .build()
            .call();
        let response = result.map_err(http_error)?;
        let status = response.status().as_u16();
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let content_length = match header("content-encoding") {
            None | Some("identity") => {
                header("content-length").and_then(|value| value.parse().ok())
            }
            Some(_) => None,
        };
        Ok(HttpResponse {
            status,
            content_length,
            body: Box::new(response.into_body().into_reader()),
        })
    }

    fn agent(&self, insecure: bool) -> &ureq::Agent {
        let slot = if insecure {
            &self.insecure_agent
        } else {
            &self.agent
        };
        slot.get_or_init(|| {
            let tls = TlsConfig::builder().disable_verification(insecure);
            let tls = match system_roots() {
                Some(roots) => tls.root_certs(RootCerts::Specific(Arc::new(roots))),
                None => tls,
            };
            let config = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .tls_config(tls.build())
                .max_idle_connections(64)
                .max_idle_connections_per_host(32)
                .user_agent("ferrogo")
                .build();
            ureq::Agent::with_parts(config, DefaultConnector::new(), CachingResolver::default())
        })
    }
}

/// Addresses of host names, looked up once per process: many connections are opened to few hosts, and small
/// name servers drop queries that come in bursts.
#[derive(Default)]
struct CachingResolver {
    inner: DefaultResolver,
    /// Held during a look-up, so that others wait for its answer instead of asking again.
    known: Mutex<HashMap<String, Vec<SocketAddr>>>,
}

impl fmt::Debug for CachingResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CachingResolver")
    }
}

impl Resolver for CachingResolver {
    fn resolve(
        &self,
        uri: &ureq::http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let key = format!("{:?}://{:?}", uri.scheme(), uri.authority());
        let mut known = self
            .known
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(addresses) = known.get(&key) {
            let mut out = self.empty();
            for address in addresses {
                out.push(*address);
            }
            return Ok(out);
        }
        let found = self.inner.resolve(uri, config, timeout)?;
        known.insert(key, found.iter().copied().collect());
        Ok(found)
    }
}

/// Pauses before a connection is tried again.
const CONNECT_RETRIES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(300)];

/// Trusted roots of the machine, found where Go's crypto/x509 looks for them:
/// `SSL_CERT_FILE`, else the distributions' usual bundle files. `None` if there is no
/// usable bundle, then the compiled-in Mozilla roots are used.
fn system_roots() -> Option<Vec<Certificate<'static>>> {
    const BUNDLES: [&str; 6] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/cacert.pem",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    let from_env = std::env::var_os("SSL_CERT_FILE")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from);
    let candidates = from_env
        .into_iter()
        .chain(BUNDLES.iter().map(PathBuf::from));
    for candidate in candidates {
        let Ok(bytes) = fs::read(&candidate) else {
            continue;
        };
        let certificates: Vec<Certificate<'static>> = parse_pem(&bytes)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if !certificates.is_empty() {
            return Some(certificates);
        }
    }
    None
}

fn kind_of(file_type: fs::FileType) -> FileKind {
    if file_type.is_file() {
        FileKind::File
    } else if file_type.is_dir() {
        FileKind::Dir
    } else if file_type.is_symlink() {
        FileKind::Symlink
    } else {
        FileKind::Other
    }
}

fn stat_of(metadata: &fs::Metadata) -> FileStat {
    FileStat {
        kind: kind_of(metadata.file_type()),
        size: metadata.len(),
        mtime_nanos: i128::from(metadata.mtime()) * 1_000_000_000
            + i128::from(metadata.mtime_nsec()),
        mode: metadata.mode() & 0o7777,
    }
}

struct OsLock {
    /// Closing the descriptor releases the lock.
    _file: File,
}

impl LockGuard for OsLock {}

struct OsPending {
    file: File,
    path: PathBuf,
    /// Permission bits that the process's umask leaves.
    allowed: u32,
    committed: bool,
}

impl Write for OsPending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl PendingFile for OsPending {
    fn commit(mut self: Box<Self>, to: &Path, mode: u32) -> io::Result<()> {
        self.file.flush()?;
        self.file
            .set_permissions(fs::Permissions::from_mode(mode & self.allowed))?;
        fs::rename(&self.path, to)?;
        self.committed = true;
        Ok(())
    }

    fn reopen(&mut self) -> io::Result<Box<dyn ReadSeek>> {
        self.file.flush()?;
        Ok(Box::new(File::open(&self.path)?))
    }
}

impl Drop for OsPending {
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn remove_tree_writable(path: &Path) -> io::Result<()> {
    // An explicit stack: trees may be nested arbitrarily deep.
    let mut pending = vec![path.to_path_buf()];
    while let Some(dir) = pending.pop() {
        let metadata = fs::symlink_metadata(&dir)?;
        if !metadata.is_dir() {
            continue;
        }
        if metadata.mode() & 0o700 != 0o700 {
            fs::set_permissions(&dir, fs::Permissions::from_mode(metadata.mode() | 0o700))?;
        }
        for entry in fs::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    fs::remove_dir_all(path)
}

impl System for OsSystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(File::open(path)?))
    }

    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        fs::metadata(path).map(|metadata| stat_of(&metadata))
    }

    fn lstat(&self, path: &Path) -> io::Result<FileStat> {
        fs::symlink_metadata(path).map(|metadata| stat_of(&metadata))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            entries.push(DirEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                kind: kind_of(entry.file_type()?),
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn write_atomic(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        let dir = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let mut pending = self.create_pending(dir)?;
        pending.write_all(bytes)?;
        pending.commit(path, mode)
    }

    fn create_pending(&self, dir: &Path) -> io::Result<Box<dyn PendingFile>> {
        let path = dir.join(temp_name());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o777)
            .open(&path)?;
        // What is left of all bits tells the umask, which nothing else does without changing it.
        let allowed = file.metadata().map_or(0o700, |of| of.mode() & 0o777);
        Ok(Box::new(OsPending {
            file,
            path,
            allowed,
            committed: false,
        }))
    }

    fn write_file(&self, path: &Path, contents: &mut dyn Read, mode: u32) -> io::Result<u64> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(mode)
            .open(path)?;
        io::copy(contents, &mut file)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(metadata) if metadata.is_dir() => remove_tree_writable(path),
            Ok(_) => fs::remove_file(path),
        }
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn LockGuard>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o666)
            .open(path)?;
        file.lock()?;
        Ok(Box::new(OsLock { _file: file }))
    }

    fn env_var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn current_dir(&self) -> io::Result<PathBuf> {
        let dir = std::env::current_dir()?;
        if let Some(pwd) = std::env::var_os("PWD")
            .map(PathBuf::from)
            .filter(|pwd| pwd.is_absolute())
            && fs::canonicalize(&pwd).is_ok_and(|real| real == dir)
        {
            return Ok(super::clean(&pwd));
        }
        Ok(dir)
    }

    fn http_get(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        // Many connections at once overload small name servers: a failure to connect is tried again.
        for pause in CONNECT_RETRIES {
            match self.http_get_once(request) {
                Err(HttpError::Connect(_)) => std::thread::sleep(pause),
                result => return result,
            }
        }
        self.http_get_once(request)
    }

    fn run(&self, request: &RunRequest) -> io::Result<RunResult> {
        use std::os::unix::process::ExitStatusExt;
        let mut command = std::process::Command::new(&request.program);
        command
            .args(&request.args)
            .envs(request.env.iter().map(|(name, value)| (name, value)));
        if let Some(dir) = &request.dir {
            command.current_dir(dir);
        }
        let output = command.stdin(std::process::Stdio::null()).output()?;
        let status = output
            .status
            .code()
            .unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
        Ok(RunResult {
            status,
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix_time(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs())
    }

    fn stderr_is_terminal(&self) -> bool {
        io::stderr().is_terminal()
    }

    fn eprint_line(&self, line: &str) {
        // A closed standard error must not stop a build.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

fn http_error(error: ureq::Error) -> HttpError {
    match error {
        ureq::Error::Timeout(what) => HttpError::Timeout(format!("timeout ({what})")),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            HttpError::Timeout(error.to_string())
        }
        ureq::Error::HostNotFound => HttpError::Connect("no such host".to_string()),
        error @ (ureq::Error::Protocol(_) | ureq::Error::Http(_) | ureq::Error::BadUri(_)) => {
            HttpError::Protocol(error.to_string())
        }
        ureq::Error::Io(error) => {
            let text = error.to_string().to_lowercase();
            HttpError::Connect(match text.contains("failed to lookup address") {
                true => "no such host".to_string(),
                false => text.split(" (os error").next().unwrap_or(&text).to_string(),
            })
        }
        error => HttpError::Connect(error.to_string()),
    }
}
