//! The module cache (`GOMODCACHE`) in the layout of the official `go`, which may use it at the same
//! time: the same file names, the same `flock` locks.
//!
//! ```text
//! cache/lock                                   guards go.sum of any module
//! cache/download/<path>/@v/list                versions whose go.mod is cached
//! cache/download/<path>/@v/<v>.{info,mod,zip,ziphash,lock}
//! <path>@<v>/                                  unpacked, read-only
//! ```
//!
//! Every file appears by rename, every directory too: a crash leaves nothing half-written.

mod progress;

use crate::ModuleVersion;
use crate::dirhash;
use crate::env::Env;
use crate::error::{Error, ErrorKind, Result, io_text};
use crate::gomod::GoSum;
use crate::module_path::escape;
use crate::proxy::{self, ProxyClient};
use crate::semver;
use crate::sumdb::SumDb;
use crate::zipfile::{MAX_ZIP, ModuleZip};
use progress::Progress;
use serde::{Deserialize, Serialize};
use source::system::System;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

/// How many requests run at the same time.
pub const PARALLEL: usize = 16;

/// `.info`: what a version query resolves to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionInfo {
    /// Canonical version.
    #[serde(rename = "Version")]
    pub version: String,
    /// Commit time, RFC 3339.
    #[serde(rename = "Time", default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Where it came from, if the proxy says so.
    #[serde(rename = "Origin", default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<serde_json::Value>,
}

/// What to do with hashes that go.sum does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SumMode {
    /// `-mod=readonly`: an error.
    ReadOnly,
    /// `-mod=mod`, `mod tidy`, `mod download`: verify with the checksum database and add.
    Update,
    /// No go.sum (outside a module): verify with the checksum database.
    None,
}

#[derive(Default)]
struct Sums {
    path: Option<PathBuf>,
    on_disk: GoSum,
    known: GoSum,
    /// Keys that this command has needed.
    used: BTreeSet<(String, String)>,
}

/// Fetches, verifies and stores modules.
pub struct Fetcher {
    env: Env,
    root: PathBuf,
    proxy: OnceLock<Result<ProxyClient>>,
    sumdb: OnceLock<Result<SumDb>>,
    sums: Mutex<Sums>,
    mode: Mutex<SumMode>,
    progress: Progress,
    /// Answers to queries of this command.
    queries: Mutex<BTreeMap<(String, String), Result<VersionInfo>>>,
    lists: Mutex<BTreeMap<String, Result<Arc<[String]>>>>,
    dirs: Mutex<BTreeMap<ModuleVersion, Result<PathBuf>>>,
    go_mods: Mutex<BTreeMap<ModuleVersion, Result<Arc<[u8]>>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs `work` for every item on up to `threads` threads; results keep the order.
pub fn parallel_map<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    if items.len() <= 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let slots: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    *locked(&slots[at]) = Some(work(item));
                }
            });
        }
    });
    slots
        .into_iter()
        .filter_map(|slot| {
            slot.into_inner()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
        })
        .collect()
}

fn mismatch(what: &str, downloaded: &str, source: &str, recorded: &str) -> Error {
    let (title, tail) = if source == "go.sum" {
        (
            "This download does NOT match an earlier download recorded in go.sum.",
            "The bits may have been replaced on the origin server, or an attacker may\nhave intercepted the download attempt.",
        )
    } else {
        (
            "This download does NOT match the one reported by the checksum server.",
            "The bits may have been replaced on the origin server, or an attacker may\nhave intercepted the download attempt.",
        )
    };
    let column = format!("{source}:");
    let width = column.len().max("downloaded:".len());
    Error {
        text: format!(
            "verifying {what}: checksum mismatch\n\t{:width$} {downloaded}\n\t{column:width$} {recorded}\n\nSECURITY ERROR\n{title}\n{tail}\n\nFor more information, see 'go help module-auth'.",
            "downloaded:"
        ),
        kind: ErrorKind::Security,
    }
}

impl Fetcher {
    /// A fetcher for the environment's cache; touches nothing yet.
    pub fn new(env: &Env, mode: SumMode, quiet: bool) -> Result<Fetcher> {
        Ok(Fetcher {
            env: env.clone(),
            root: env.modcache()?,
            proxy: OnceLock::new(),
            sumdb: OnceLock::new(),
            sums: Mutex::default(),
            mode: Mutex::new(mode),
            progress: Progress {
                system: Arc::clone(&env.system),
                bar: Mutex::new(None),
                quiet,
            },
            queries: Mutex::default(),
            lists: Mutex::default(),
            dirs: Mutex::default(),
            go_mods: Mutex::default(),
        })
    }

    fn system(&self) -> &dyn System {
        &*self.env.system
    }

    fn proxy(&self) -> Result<&ProxyClient> {
        self.proxy
            .get_or_init(|| ProxyClient::new(&self.env))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// The module cache's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Changes how missing hashes are treated.
    pub fn set_mode(&self, mode: SumMode) {
        *locked(&self.mode) = mode;
    }

    /// Loads go.sum; later hashes are checked against it.
    pub fn load_sums(&self, path: &Path, display_name: &str) -> Result<()> {
        let sum = match self.system().read(path) {
            Ok(bytes) => GoSum::parse(&bytes, display_name).map_err(Error::new)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => GoSum::default(),
            Err(error) => return Err(Error::io("open", path, &error)),
        };
        let mut sums = locked(&self.sums);
        sums.path = Some(path.to_path_buf());
        sums.on_disk = sum.clone();
        sums.known = sum;
        Ok(())
    }

    /// True if go.sum has the key (`version` or `version/go.mod`).
    pub fn has_sum(&self, path: &str, version: &str) -> bool {
        locked(&self.sums).known.has(path, version)
    }

    /// The `h1:` hash that go.sum has for a key, else empty.
    pub fn sum_of(&self, path: &str, version: &str) -> String {
        let sums = locked(&self.sums);
        let found = sums
            .known
            .hashes(path, version)
            .iter()
            .find(|hash| hash.starts_with("h1:"));
        found.cloned().unwrap_or_default()
    }

    /// True if a go.sum is in use.
    pub fn has_sum_file(&self) -> bool {
        locked(&self.sums).path.is_some()
    }

    /// Drops entries that `keep` does not want (`mod tidy`).
    pub fn trim_sums(&self, keep: &BTreeSet<(String, String)>) {
        locked(&self.sums)
            .known
            .retain(|path, version| keep.contains(&(path.to_string(), version.to_string())));
    }

    /// Drops hashes of module contents that go.sum does not have (`mod download` without arguments keeps those of go.mod files alone).
    pub fn drop_new_zip_sums(&self) {
        let mut sums = locked(&self.sums);
        let Sums { on_disk, known, .. } = &mut *sums;
        known.retain(|path, version| version.ends_with("/go.mod") || on_disk.has(path, version));
    }

    /// Writes go.sum if it changed. Another process's additions are kept (unless `trimmed`).
    pub fn save_sums(&self, trimmed: bool) -> Result<()> {
        let mut sums = locked(&self.sums);
        let Some(path) = sums.path.clone() else {
            return Ok(());
        };
        if sums.known == sums.on_disk {
            return Ok(());
        }
        let _lock = self.side_lock()?;
        if !trimmed && let Ok(bytes) = self.system().read(&path) {
            let now = GoSum::parse(&bytes, "go.sum").map_err(Error::new)?;
            for (module, version, hash) in now.iter() {
                sums.known.add(module, version, hash);
            }
        }
        let text = sums.known.format();
        self.system()
            .write_atomic(&path, text.as_bytes(), 0o644)
            .map_err(|error| Error::io("write", &path, &error))?;
        sums.on_disk = sums.known.clone();
        Ok(())
    }

    /// The lock that guards go.mod and go.sum of every module.
    pub fn side_lock(&self) -> Result<Box<dyn source::system::LockGuard>> {
        let path = self.root.join("cache/lock");
        self.make_dir(&self.root.join("cache"))?;
        self.system()
            .lock(&path)
            .map_err(|error| Error::io("lock", &path, &error))
    }

    fn make_dir(&self, dir: &Path) -> Result<()> {
        self.system()
            .create_dir_all(dir)
            .map_err(|error| Error::io("could not create module cache: mkdir", dir, &error))
    }

    /// `cache/download/<path>/@v`.
    pub fn version_dir(&self, path: &str) -> PathBuf {
        self.root
            .join("cache/download")
            .join(escape(path))
            .join("@v")
    }

    fn cache_file(&self, module: &ModuleVersion, suffix: &str) -> PathBuf {
        self.version_dir(&module.path)
            .join(format!("{}.{suffix}", escape(&module.version)))
    }

    /// Where the module's unpacked files are or will be.
    pub fn unpacked_dir(&self, module: &ModuleVersion) -> PathBuf {
        self.root.join(format!(
            "{}@{}",
            escape(&module.path),
            escape(&module.version)
        ))
    }

    /// Tagged versions, sorted; from the proxy once per command.
    pub fn versions(&self, path: &str) -> Result<Arc<[String]>> {
        if let Some(known) = locked(&self.lists).get(path) {
            return known.clone();
        }
        let result = self.fetch_versions(path);
        locked(&self.lists).insert(path.to_string(), result.clone());
        result
    }

    fn fetch_versions(&self, path: &str) -> Result<Arc<[String]>> {
        let bytes = self
            .proxy()?
            .get_small(path, "@v/list")
            .map_err(|error| error.context(format!("module {path}")))?;
        let mut versions: Vec<String> = String::from_utf8_lossy(&bytes)
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .filter(|version| semver::is_valid(version) && !semver::is_pseudo(version))
            .map(str::to_string)
            .collect();
        versions.sort_by(|a, b| semver::compare(a, b).then_with(|| a.cmp(b)));
        versions.dedup();
        Ok(versions.into())
    }

    /// Resolves a version, branch or commit (`suffix` without `.info`), or `@latest`.
    pub fn info(&self, path: &str, revision: &str) -> Result<VersionInfo> {
        let key = (path.to_string(), revision.to_string());
        if let Some(known) = locked(&self.queries).get(&key) {
            return known.clone();
        }
        let result = self.fetch_info(path, revision);
        locked(&self.queries).insert(key, result.clone());
        result
    }

    fn fetch_info(&self, path: &str, revision: &str) -> Result<VersionInfo> {
        let exact = semver::canonical(revision).as_deref() == Some(revision);
        let cached = self.cache_file(&ModuleVersion::new(path, revision), "info");
        if exact
            && let Ok(bytes) = self.system().read(&cached)
            && let Ok(info) = serde_json::from_slice::<VersionInfo>(&bytes)
        {
            return Ok(info);
        }
        if revision.contains('!') {
            return Err(Error::new(format!(
                "{path}@{revision}: invalid version: disallowed version string"
            )));
        }
        let suffix = if revision == "@latest" {
            revision.to_string()
        } else {
            format!("@v/{}.info", escape(revision))
        };
        let what = if revision == "@latest" {
            format!("module {path}")
        } else {
            format!("{path}@{revision}")
        };
        let bytes = self.proxy()?.get_small(path, &suffix).map_err(|error| {
            match exact || revision == "@latest" {
                true => error.context(&what),
                false => error.context(format!("{what}: invalid version")),
            }
        })?;
        let info: VersionInfo = serde_json::from_slice(&bytes)
            .map_err(|error| Error::new(format!("{what}: invalid response from proxy: {error}")))?;
        if semver::canonical(&info.version).as_deref() != Some(&info.version) {
            return Err(Error::new(format!(
                "{what}: invalid response from proxy: version {}",
                info.version
            )));
        }
        if exact && info.version != revision {
            return Err(Error::new(format!(
                "{what}: proxy returned info for version {} instead of requested version",
                info.version
            )));
        }
        let target = self.cache_file(&ModuleVersion::new(path, &info.version), "info");
        self.make_dir(&self.version_dir(path))?;
        let text = serde_json::to_vec(&info).map_err(|error| Error::new(error.to_string()))?;
        self.system()
            .write_atomic(&target, &text, 0o644)
            .map_err(|error| Error::io("write", &target, &error))?;
        Ok(info)
    }

    /// The verified go.mod of a module version (a synthesized one for old modules without).
    pub fn go_mod(&self, module: &ModuleVersion) -> Result<Arc<[u8]>> {
        if let Some(known) = locked(&self.go_mods).get(module) {
            return known.clone();
        }
        let key = format!("{}/go.mod", module.version);
        let result = self
            .refuse_unlisted(module, &key, "missing go.sum entry for go.mod file")
            .and_then(|()| self.fetch_go_mod(module));
        locked(&self.go_mods).insert(module.clone(), result.clone());
        result
    }

    /// The go.mod of a version that is only asked about (retractions): go.sum need not list it.
    pub fn go_mod_unlisted(&self, module: &ModuleVersion) -> Result<Arc<[u8]>> {
        if let Some(Ok(known)) = locked(&self.go_mods).get(module) {
            return Ok(known.clone());
        }
        self.fetch_go_mod(module)
    }

    fn fetch_go_mod(&self, module: &ModuleVersion) -> Result<Arc<[u8]>> {
        let cached = self.cache_file(module, "mod");
        let key = format!("{}/go.mod", module.version);
        if let Ok(bytes) = self.system().read(&cached) {
            self.verify(module, &key, &dirhash::hash_go_mod(&bytes))?;
            return Ok(bytes.into());
        }
        let bytes = self
            .proxy()?
            .get_small(&module.path, &format!("@v/{}.mod", escape(&module.version)))
            .map_err(|error| error.context(module))?;
        self.verify(module, &key, &dirhash::hash_go_mod(&bytes))?;
        self.make_dir(&self.version_dir(&module.path))?;
        self.system()
            .write_atomic(&cached, &bytes, 0o644)
            .map_err(|error| Error::io("write", &cached, &error))?;
        self.rewrite_version_list(&module.path);
        Ok(bytes.into())
    }

    /// Keeps `list` equal to the release versions whose go.mod is cached, so that the cache can itself
    /// serve as a `file://` proxy.
    fn rewrite_version_list(&self, path: &str) {
        let dir = self.version_dir(path);
        let Ok(entries) = self.system().read_dir(&dir) else {
            return;
        };
        let mut versions: Vec<String> = entries
            .iter()
            .filter_map(|entry| entry.name.strip_suffix(".mod"))
            .filter_map(crate::module_path::unescape)
            .filter(|version| !semver::is_pseudo(version) && semver::is_valid(version))
            .collect();
        versions.sort_by(|a, b| semver::compare(a, b));
        let text: String = versions
            .iter()
            .map(|version| format!("{version}\n"))
            .collect();
        // Best effort: nothing of ours reads the file.
        let _ = self
            .system()
            .write_atomic(&dir.join("list"), text.as_bytes(), 0o644);
    }

    /// In read-only mode a hash that go.sum lacks is an error before anything is fetched.
    fn refuse_unlisted(&self, module: &ModuleVersion, key: &str, text: &str) -> Result<()> {
        if *locked(&self.mode) == SumMode::ReadOnly
            && self.has_sum_file()
            && !self.has_sum(&module.path, key)
        {
            return Err(Error {
                text: format!(
                    "{module}: {text}; to add it:\n\tgo mod download {}",
                    module.path
                ),
                kind: ErrorKind::ReadOnly,
            });
        }
        Ok(())
    }

    /// Compares a hash with go.sum, else with the checksum database.
    fn verify(&self, module: &ModuleVersion, key: &str, hash: &str) -> Result<()> {
        let what = match key.strip_suffix("/go.mod") {
            Some(version) => format!("{}@{version}/go.mod", module.path),
            None => module.to_string(),
        };
        {
            let mut sums = locked(&self.sums);
            sums.used.insert((module.path.clone(), key.to_string()));
            let known: Vec<&String> = sums
                .known
                .hashes(&module.path, key)
                .iter()
                .filter(|hash| hash.starts_with("h1:"))
                .collect();
            if known.iter().any(|known| *known == hash) {
                return Ok(());
            }
            if let Some(recorded) = known.first() {
                return Err(mismatch(&what, hash, "go.sum", recorded));
            }
        }
        if !self.env.is_no_sumdb(&module.path) {
            let db = self
                .sumdb
                .get_or_init(|| SumDb::new(&self.env))
                .as_ref()
                .map_err(Clone::clone)?;
            let lines = db.lookup(self.proxy()?, &module.path, &module.version)?;
            let recorded: Vec<&String> = lines
                .iter()
                .filter(|(path, version, hash)| {
                    *path == module.path && version == key && hash.starts_with("h1:")
                })
                .map(|(_, _, hash)| hash)
                .collect();
            match recorded.as_slice() {
                [] => {
                    return Err(Error::new(format!(
                        "verifying {what}: checksum database has no h1 hash"
                    )));
                }
                hashes if hashes.iter().any(|recorded| *recorded == hash) => {}
                [first, ..] => {
                    let name = self.env.get("GOSUMDB");
                    let name = name.split(['+', ' ']).next().unwrap_or("sumdb");
                    return Err(mismatch(&what, hash, name, first));
                }
            }
        }
        locked(&self.sums).known.add(&module.path, key, hash);
        Ok(())
    }

    /// The directory of an unpacked, verified module; downloads if needed.
    pub fn download(&self, module: &ModuleVersion) -> Result<PathBuf> {
        if let Some(known) = locked(&self.dirs).get(module) {
            return known.clone();
        }
        let result = self.download_uncached(module);
        locked(&self.dirs).insert(module.clone(), result.clone());
        result
    }

    fn download_uncached(&self, module: &ModuleVersion) -> Result<PathBuf> {
        self.refuse_unlisted(module, &module.version, "missing go.sum entry")?;
        let dir = self.unpacked_dir(module);
        let partial = self.cache_file(module, "partial");
        if self.system().is_dir(&dir)
            && self.system().stat(&partial).is_err()
            && let Some(hash) = self.read_zip_hash(module)
        {
            self.verify(module, &module.version, &hash)?;
            return Ok(dir);
        }
        self.make_dir(&self.version_dir(&module.path))?;
        let lock = self.cache_file(module, "lock");
        let _lock = self
            .system()
            .lock(&lock)
            .map_err(|error| Error::io("lock", &lock, &error))?;
        // Another process may have finished in between.
        if self.system().stat(&partial).is_ok() {
            self.system()
                .remove_tree(&dir)
                .map_err(|error| Error::io("remove", &dir, &error))?;
            self.system()
                .remove_file(&partial)
                .map_err(|error| Error::io("remove", &partial, &error))?;
        }
        let zip = self.ensure_zip(module, &|hash| self.verify(module, &module.version, hash))?;
        if !self.system().is_dir(&dir) {
            self.unpack(module, &zip, &dir)?;
        }
        if !self.system().is_file(&self.cache_file(module, "info")) {
            // Nothing here needs it, but the official `go` expects it beside the zip when it is offline.
            let _ = self.info(&module.path, &module.version);
        }
        Ok(dir)
    }

    fn read_zip_hash(&self, module: &ModuleVersion) -> Option<String> {
        let bytes = self
            .system()
            .read(&self.cache_file(module, "ziphash"))
            .ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let text = text.trim();
        text.starts_with("h1:").then(|| text.to_string())
    }

    /// The hash of the cached zip, if the module is in the cache.
    pub fn cached_zip_hash(&self, module: &ModuleVersion) -> Option<String> {
        self.read_zip_hash(module)
    }

    /// Makes sure that `.zip` and `.ziphash` exist; `check` judges the hash before anything gets its
    /// final name. The caller holds the module's lock.
    pub(crate) fn ensure_zip(
        &self,
        module: &ModuleVersion,
        check: &dyn Fn(&str) -> Result<()>,
    ) -> Result<PathBuf> {
        let zip = self.cache_file(module, "zip");
        let hash_file = self.cache_file(module, "ziphash");
        if self.system().is_file(&zip) {
            if let Some(hash) = self.read_zip_hash(module) {
                check(&hash)?;
                return Ok(zip);
            }
            // Hash missing or damaged: compute it again.
            let reader = self
                .system()
                .open(&zip)
                .map_err(|error| Error::io("open", &zip, &error))?;
            let size = self
                .system()
                .stat(&zip)
                .map_err(|error| Error::io("stat", &zip, &error))?
                .size;
            if let Ok(hash) =
                ModuleZip::open(reader, size, module).and_then(|mut opened| opened.hash())
            {
                check(&hash)?;
                self.write(&hash_file, hash.as_bytes())?;
                return Ok(zip);
            }
            self.system()
                .remove_file(&zip)
                .map_err(|error| Error::io("remove", &zip, &error))?;
        }
        self.progress.downloading(&module.path, &module.version);
        self.progress.start();
        let result = self.fetch_zip(module, check, &zip, &hash_file);
        result.map(|()| zip)
    }

    fn fetch_zip(
        &self,
        module: &ModuleVersion,
        check: &dyn Fn(&str) -> Result<()>,
        zip: &Path,
        hash_file: &Path,
    ) -> Result<()> {
        let suffix = format!("@v/{}.zip", escape(&module.version));
        let mut body = self
            .proxy()?
            .get(&module.path, &suffix)
            .map_err(|error| error.context(module))?;
        if let Some(length) = body.length {
            if length > MAX_ZIP {
                return Err(Error::new(format!(
                    "{module}: zip file is too large ({length} bytes; limit is {MAX_ZIP} bytes)"
                )));
            }
            self.progress.expect(length);
        }
        let dir = self.version_dir(&module.path);
        let mut pending = self
            .system()
            .create_pending(&dir)
            .map_err(|error| Error::io("create", &dir, &error))?;
        let mut buffer = vec![0; 128 << 10];
        let mut total: u64 = 0;
        loop {
            let count = body
                .reader
                .read(&mut buffer)
                .map_err(|error| proxy::read_error(&body.url, &error).context(module))?;
            if count == 0 {
                break;
            }
            total += count as u64;
            if total > MAX_ZIP {
                return Err(Error::new(format!(
                    "{module}: zip file is too large (limit is {MAX_ZIP} bytes)"
                )));
            }
            pending
                .write_all(&buffer[..count])
                .map_err(|error| Error::io("write", zip, &error))?;
            self.progress.advance(count as u64);
        }
        if let Some(length) = body.length
            && length != total
        {
            return Err(Error::new(format!(
                "{module}: reading {}: unexpected EOF ({total} of {length} bytes)",
                body.url
            )));
        }
        let reader = pending
            .reopen()
            .map_err(|error| Error::io("open", zip, &error))?;
        let hash = ModuleZip::open(reader, total, module)?.hash()?;
        check(&hash)?;
        self.write(hash_file, hash.as_bytes())?;
        pending
            .commit(zip, 0o644)
            .map_err(|error| Error::io("rename", zip, &error))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        self.system()
            .write_atomic(path, bytes, 0o644)
            .map_err(|error| Error::io("write", path, &error))
    }

    /// Unpacks beside the final directory and renames.
    pub(crate) fn unpack(&self, module: &ModuleVersion, zip: &Path, dir: &Path) -> Result<()> {
        let reader = self
            .system()
            .open(zip)
            .map_err(|error| Error::io("open", zip, &error))?;
        let size = self
            .system()
            .stat(zip)
            .map_err(|error| Error::io("stat", zip, &error))?
            .size;
        let mut opened = ModuleZip::open(reader, size, module)?;
        let parent = dir.parent().unwrap_or(Path::new("/"));
        self.make_dir(parent)?;
        let name = dir
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let temp = parent.join(format!("{name}.tmp-{}", std::process::id()));
        self.system()
            .remove_tree(&temp)
            .map_err(|error| Error::io("remove", &temp, &error))?;
        self.make_dir(&temp)?;
        let result = opened
            .unpack(self.system(), &temp, &mut |_| {})
            .and_then(|()| {
                self.system()
                    .rename(&temp, dir)
                    .map_err(|error| Error::io("rename", &temp, &error))
            });
        if let Err(error) = result {
            // The first error is the one to report.
            let _ = self.system().remove_tree(&temp);
            return Err(error);
        }
        if !self.env.has_goflag("modcacherw") {
            self.make_read_only(dir);
        }
        Ok(())
    }

    /// Takes the write permission from every directory (files are created without).
    pub(crate) fn make_read_only(&self, dir: &Path) {
        let mut pending = vec![dir.to_path_buf()];
        let mut all = Vec::new();
        while let Some(dir) = pending.pop() {
            if let Ok(entries) = self.system().read_dir(&dir) {
                pending.extend(
                    entries
                        .into_iter()
                        .filter(|entry| entry.kind == source::system::FileKind::Dir)
                        .map(|entry| dir.join(entry.name)),
                );
            }
            all.push(dir);
        }
        for dir in all.into_iter().rev() {
            // The cache works without it; only protection against accidents is lost.
            let _ = self.system().set_mode(&dir, 0o555);
        }
    }

    /// Downloads many modules side by side; results in order.
    pub fn download_all(&self, modules: &[ModuleVersion]) -> Vec<Result<PathBuf>> {
        let results = parallel_map(modules, PARALLEL, |module| self.download(module));
        self.progress.finish();
        results
    }

    /// Ends the progress bar, if one is shown.
    pub fn finish_progress(&self) {
        self.progress.finish();
    }

    /// Checks an unpacked module against the recorded zip hash; returns what is wrong (`mod verify`).
    pub fn verify_unpacked(&self, module: &ModuleVersion) -> Vec<String> {
        let mut problems = Vec::new();
        let Some(recorded) = self.read_zip_hash(module) else {
            return problems;
        };
        let zip = self.cache_file(module, "zip");
        match self.system().open(&zip) {
            Ok(reader) => {
                let size = self.system().stat(&zip).map_or(0, |stat| stat.size);
                match ModuleZip::open(reader, size, module).and_then(|mut opened| opened.hash()) {
                    Ok(hash) if hash == recorded => {}
                    Ok(_) => problems.push(format!(
                        "{} {}: zip has been modified ({})",
                        module.path,
                        module.version,
                        zip.display()
                    )),
                    Err(error) => problems.push(format!(
                        "{} {}: {}",
                        module.path, module.version, error.text
                    )),
                }
            }
            Err(error) => problems.push(format!(
                "{} {}: missing zip: {}",
                module.path,
                module.version,
                io_text(&error)
            )),
        }
        let dir = self.unpacked_dir(module);
        match self.hash_dir(module, &dir) {
            Ok(hash) if hash == recorded => {}
            Ok(_) => problems.push(format!(
                "{} {}: dir has been modified ({})",
                module.path,
                module.version,
                dir.display()
            )),
            Err(error) => problems.push(format!(
                "{} {}: missing dir: {}",
                module.path, module.version, error.text
            )),
        }
        problems
    }

    fn hash_dir(&self, module: &ModuleVersion, root: &Path) -> Result<String> {
        use sha2::{Digest, Sha256};
        let mut files = Vec::new();
        let mut pending = vec![(root.to_path_buf(), String::new())];
        while let Some((dir, prefix)) = pending.pop() {
            for entry in self
                .system()
                .read_dir(&dir)
                .map_err(|error| Error::io("open", &dir, &error))?
            {
                let name = format!("{prefix}{}", entry.name);
                let path = dir.join(&entry.name);
                if entry.kind == source::system::FileKind::Dir {
                    pending.push((path, format!("{name}/")));
                } else {
                    let bytes = self
                        .system()
                        .read(&path)
                        .map_err(|error| Error::io("open", &path, &error))?;
                    files.push((format!("{module}/{name}"), Sha256::digest(&bytes).into()));
                }
            }
        }
        Ok(dirhash::hash1(files))
    }
}

/// True if an error means that another version or path may be tried.
pub fn is_missing(error: &Error) -> bool {
    error.is_not_found()
}

/// Reads a whole body; see [`proxy::read_small`].
pub fn read_body(body: proxy::Body) -> Result<Vec<u8>> {
    proxy::read_small(body)
}

#[cfg(test)]
pub(crate) mod tests;
