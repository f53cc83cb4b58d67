//! The build cache: results by a hash of everything they were made from.
//!
//! An entry is two files below `xx/` (the first byte of its key): the payload `KEY-d` and `KEY-s`, which holds the payload's SHA-256 and
//! length. The payload is written first; both appear by rename. A reader believes an entry only if the check matches, and removes it
//! otherwise, so truncated, foreign and half-written entries cost a rebuild and nothing else. Processes may share a cache
//! without locks. When the cache outgrows its bound, entries that were not used for longest go first.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use modules::{PackageGraph, PackageId};
use sha2::{Digest, Sha256};
use source::system::System;

use crate::build::BuildOptions;

/// Bound of a cache in bytes, unless `FERROGOCACHESIZE` (MiB) says otherwise.
const DEFAULT_SIZE: u64 = 4 << 30;
/// A used entry's time is renewed when it is older than this, so that reading is mostly free of writes.
const RENEW_AFTER: Duration = Duration::from_secs(3600);

/// A key: SHA-256.
pub type Key = [u8; 32];

/// A cache directory.
#[derive(Clone, Debug)]
pub struct Cache {
    dir: PathBuf,
    bound: u64,
}

impl Cache {
    /// The user's cache: `$FERROGOCACHE`, else `ferrogo` in the user's cache folder. `None` if that is switched off (`off`) or there
    /// is no home.
    pub fn open(system: &dyn System) -> Option<Cache> {
        let dir = match system.env_var("FERROGOCACHE") {
            Some(v) if v == "off" => return None,
            Some(v) if !v.is_empty() => PathBuf::from(v),
            _ => match system
                .env_var("XDG_CACHE_HOME")
                .filter(|v| v.starts_with('/'))
            {
                Some(v) => Path::new(&v).join("ferrogo"),
                None => Path::new(&system.env_var("HOME").filter(|h| !h.is_empty())?)
                    .join(".cache/ferrogo"),
            },
        };
        let bound = system
            .env_var("FERROGOCACHESIZE")
            .and_then(|v| v.parse::<u64>().ok())
            .map_or(DEFAULT_SIZE, |mib| mib << 20);
        Some(Cache { dir, bound })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn paths(&self, key: &Key) -> (PathBuf, PathBuf) {
        let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
        let base = self.dir.join(&hex[..2]);
        (base.join(format!("{hex}-d")), base.join(format!("{hex}-s")))
    }

    /// Whether there is an entry, damaged or not.
    pub fn has(&self, key: &Key) -> bool {
        self.paths(key).1.exists()
    }

    /// The payload file of an entry whose check matches.
    pub fn find(&self, system: &dyn System, key: &Key) -> Option<PathBuf> {
        self.read(system, key).map(|_| self.paths(key).0)
    }

    /// The payload of an entry whose check matches.
    pub fn read(&self, system: &dyn System, key: &Key) -> Option<Vec<u8>> {
        let (data, sum) = self.paths(key);
        let want = system.read(&sum).ok()?;
        let bytes = system.read(&data).ok().filter(|b| check_of(b) == want);
        if bytes.is_none() {
            let _ = system.remove_file(&sum);
            let _ = system.remove_file(&data);
            return None;
        }
        let old = std::fs::metadata(&sum).and_then(|m| m.modified()).ok()?;
        if old.elapsed().is_ok_and(|age| age > RENEW_AFTER) {
            let _ = system.write_atomic(&sum, &want, 0o644);
        }
        bytes
    }

    /// Stores an entry. Failure (read-only or full disk) only means that the next build is slower. Returns the payload file.
    pub fn store(&self, system: &dyn System, key: &Key, bytes: &[u8]) -> Option<PathBuf> {
        let (data, sum) = self.paths(key);
        system.create_dir_all(data.parent()?).ok()?;
        system.write_atomic(&data, bytes, 0o755).ok()?;
        system.write_atomic(&sum, &check_of(bytes), 0o644).ok()?;
        self.trim(bytes.len() as u64);
        Some(data)
    }

    /// Removes everything.
    ///
    /// # Errors
    /// The directory cannot be removed.
    pub fn clean(&self, system: &dyn System) -> std::io::Result<()> {
        system.remove_tree(&self.dir)
    }

    fn trim(&self, added: u64) {
        // Sizes are only added up after about a sixteenth of the bound has been written: a counter file keeps the sum.
        let counter = self.dir.join("written");
        let written = std::fs::read_to_string(&counter)
            .ok()
            .and_then(|t| t.trim().parse::<u64>().ok())
            .unwrap_or(u64::MAX / 2);
        let written = written.saturating_add(added);
        if written < self.bound / 16 {
            let _ = std::fs::write(&counter, written.to_string());
            return;
        }
        let mut entries: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        let mut total = 0;
        for dir in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            for file in std::fs::read_dir(dir.path())
                .into_iter()
                .flatten()
                .flatten()
            {
                let Ok(meta) = file.metadata() else { continue };
                total += meta.len();
                if let Some(hex) = file.file_name().to_str().and_then(|n| n.strip_suffix("-s")) {
                    entries.push((
                        meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                        meta.len(),
                        dir.path().join(hex),
                    ));
                }
            }
        }
        entries.sort();
        for (_, _, base) in entries {
            if total <= self.bound {
                break;
            }
            let file = |suffix: &str| PathBuf::from(format!("{}{suffix}", base.display()));
            let size = std::fs::metadata(file("-d")).map_or(0, |m| m.len());
            let _ = std::fs::remove_file(file("-s"));
            let _ = std::fs::remove_file(file("-d"));
            total = total.saturating_sub(size);
        }
        let _ = std::fs::write(&counter, "0");
    }
}

/// The key of something that is made from these parts.
pub fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Key {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

fn check_of(bytes: &[u8]) -> Vec<u8> {
    let mut out = Sha256::digest(bytes).to_vec();
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out
}

/// The key of a linked program: the compiler, every file of every package, embedded files, options.
pub fn program_key(
    graph: &PackageGraph,
    main: PackageId,
    extra: &[(String, Vec<u8>)],
    options: &BuildOptions,
    system: &dyn System,
) -> Option<Key> {
    let mut digest = Sha256::new();
    let mut field = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    field(b"program 1");
    field(&compiler_identity(system)?);
    field(format!("{options:?}").as_bytes());
    if let Some(module) = &graph.main_module {
        field(format!("{} {:?}", module.go_version, module.file.godebug).as_bytes());
    }
    for id in graph.closure(&[main]) {
        let package = graph.package(id);
        field(&package.content_hash());
        field(package.dir.as_os_str().as_encoded_bytes());
        field(format!("{:?}", package.module.as_ref().map(|m| &m.module)).as_bytes());
        for embed in &package.embeds {
            for file in &embed.files {
                field(&Sha256::digest(system.read(&package.dir.join(file)).ok()?));
            }
        }
    }
    for (name, bytes) in extra {
        field(name.as_bytes());
        field(bytes);
    }
    Some(digest.finalize().into())
}

/// What tells one build of ferrogo from another: path, size and time of the executable.
pub(crate) fn compiler_identity(system: &dyn System) -> Option<Vec<u8>> {
    let exe = std::env::current_exe().ok()?;
    let exe = system.canonicalize(&exe).unwrap_or(exe);
    let meta = std::fs::metadata(&exe).ok()?;
    let time = meta
        .modified()
        .ok()?
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    Some(format!("{}\0{}\0{}", exe.display(), meta.len(), time.as_nanos()).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use source::system::OsSystem;

    fn cache(name: &str, bound: u64) -> Cache {
        let dir =
            std::env::temp_dir().join(format!("ferrogo-cache-test-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        Cache { dir, bound }
    }

    #[test]
    fn damaged_entries_are_dropped() {
        let system = OsSystem::default();
        let cache = cache("damage", 1 << 30);
        let key = [7; 32];
        assert_eq!(cache.find(&system, &key), None);
        let path = cache.store(&system, &key, b"payload").unwrap();
        assert_eq!(cache.find(&system, &key), Some(path.clone()));
        std::fs::write(&path, b"payloae").unwrap();
        assert_eq!(cache.find(&system, &key), None);
        assert!(!path.exists(), "the damaged entry is gone");
        cache.store(&system, &key, b"payload").unwrap();
        std::fs::write(&path, b"payl").unwrap();
        assert_eq!(cache.find(&system, &key), None);
        cache.clean(&system).unwrap();
    }

    #[test]
    fn the_size_is_bounded() {
        let system = OsSystem::default();
        let cache = cache("bound", 10_000);
        for n in 0..40u8 {
            cache.store(&system, &[n; 32], &[n; 1000]).unwrap();
        }
        let left = (0..40u8)
            .filter(|n| cache.find(&system, &[*n; 32]).is_some())
            .count();
        assert!(left <= 11, "{left} entries of 1000 bytes are left");
        assert!(cache.find(&system, &[39; 32]).is_some(), "the newest stays");
        cache.clean(&system).unwrap();
    }
}
