//! Results of tests that need not run again (`go help test`, "In package list mode only").
//!
//! A result is found in two steps. By what is known before a run (the binary, its arguments, its directory) the cache holds the test
//! log of the last such run: the variables it read and the files it opened or examined. By those together with the present state of
//! what the log names it holds the output. So a test runs again as soon as anything differs that it is known to have looked at.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use driver::cache::{Cache, Key, hash};
use source::system::System;

use crate::flags::Parsed;

/// Flags of a test binary with which a result is kept. `-list` is documented as one of them, but its results are not kept in fact.
const CACHEABLE: &[&str] = &[
    "benchtime",
    "cpu",
    "failfast",
    "fullpath",
    "outputdir",
    "parallel",
    "run",
    "short",
    "skip",
    "timeout",
];
/// Files that changed so lately may change once more within the resolution of their time stamps.
const SETTLED: Duration = Duration::from_secs(2);
/// First line of a log.
const LOG_HEADER: &str = "# test log\n";
/// Holds the time of the last `clean -testcache`; older results do not count.
const EXPIRY: &str = "testexpire.txt";

/// Whether the flags of a command line allow to keep and to use results.
pub fn allowed(flags: &Parsed) -> bool {
    let is_plain = |name: &str| !crate::test::TEST_FLAGS.iter().any(|f| f.name == name);
    flags.flags.iter().all(|(name, _)| {
        *name != "exec" && *name != "args" && (is_plain(name) || CACHEABLE.contains(name))
    })
}

/// What one run of a test binary is known by.
pub struct TestRun<'a> {
    #[allow(missing_docs)]
    pub system: &'a dyn System,
    #[allow(missing_docs)]
    pub cache: &'a Cache,
    /// Where the binary runs.
    pub dir: &'a Path,
    /// The module of the package, or GOROOT: files elsewhere do not count.
    pub root: &'a Path,
    /// Variables that the command sets for the binary.
    pub environment: &'a [(&'a str, String)],
    key: Key,
}

impl<'a> TestRun<'a> {
    /// The run of `binary` with `arguments`. How long it may take is no part of what the result depends on.
    pub fn new(
        system: &'a dyn System,
        cache: &'a Cache,
        (dir, root): (&'a Path, &'a Path),
        environment: &'a [(&'a str, String)],
        binary: &[u8],
        arguments: &[String],
    ) -> TestRun<'a> {
        let mut arguments: Vec<&[u8]> = arguments
            .iter()
            .filter(|a| !a.starts_with("-test.timeout="))
            .map(|a| a.as_bytes())
            .collect();
        arguments.sort_unstable();
        let mut parts = vec![b"test 1", binary, dir.as_os_str().as_encoded_bytes()];
        parts.extend(arguments);
        let key = hash(parts);
        TestRun {
            system,
            cache,
            dir,
            root,
            environment,
            key,
        }
    }

    /// The output of an earlier run that would be the output of this one.
    pub fn find(&self) -> Option<Vec<u8>> {
        let log = self.cache.read(self.system, &self.key)?;
        let record = self.cache.read(self.system, &self.result_key(&log)?)?;
        let (time, output) = record.split_at_checked(8)?;
        let made = u64::from_le_bytes(time.try_into().ok()?);
        (made > expiry(self.system, self.cache)).then(|| output.to_vec())
    }

    /// Keeps the output of a run that passed. Without a whole log, or if a file is too new, nothing is kept.
    pub fn store(&self, log: &[u8], output: &[u8]) {
        let Some(key) = self.result_key(log) else {
            return;
        };
        let record = [&now().to_le_bytes()[..], output].concat();
        if self.cache.store(self.system, &key, &record).is_some() {
            self.cache.store(self.system, &self.key, log);
        }
    }

    /// The key of the result for what the log names as it is now.
    fn result_key(&self, log: &[u8]) -> Option<Key> {
        let log = std::str::from_utf8(log).ok()?;
        let mut state = vec![self.key.to_vec()];
        let mut at = self.dir.to_path_buf();
        for line in log.strip_prefix(LOG_HEADER)?.split_terminator('\n') {
            let (action, name) = line.split_once(' ')?;
            state.push(line.as_bytes().to_vec());
            match action {
                "getenv" => state.push(self.variable(name).into_bytes()),
                "chdir" => at = clean(&at.join(name)),
                "stat" | "open" => {
                    let path = clean(&at.join(name));
                    if path.starts_with(self.root) {
                        state.push(file_state(&path, action == "open")?.into_bytes());
                    }
                }
                _ => return None,
            }
        }
        Some(hash(state.iter().map(Vec::as_slice)))
    }

    fn variable(&self, name: &str) -> String {
        let set = self.environment.iter().find(|(n, _)| *n == name);
        let value = set.map_or_else(|| self.system.env_var(name), |(_, v)| Some(v.clone()));
        value.map_or_else(|| "unset".to_owned(), |v| format!("set {v}"))
    }
}

/// `clean -testcache`: no result made before now counts any more.
///
/// # Errors
/// The cache cannot be written.
pub fn expire(system: &dyn System, cache: &Cache) -> std::io::Result<()> {
    system.create_dir_all(cache.dir())?;
    let text = format!("{}\n", now());
    system.write_atomic(&cache.dir().join(EXPIRY), text.as_bytes(), 0o666)
}

fn expiry(system: &dyn System, cache: &Cache) -> u64 {
    let bytes = system.read(&cache.dir().join(EXPIRY)).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.trim().parse().unwrap_or(0)
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |d| d.as_nanos() as u64)
}

/// Size, mode and time of a file; of an opened directory also those of its entries. `None` if it changed just now.
fn file_state(path: &Path, opened: bool) -> Option<String> {
    let Ok(meta) = std::fs::metadata(path) else {
        return Some("none".to_owned());
    };
    let describe = |meta: &std::fs::Metadata| {
        let (size, time) = match meta.is_dir() && !opened {
            true => (0, (0, 0)),
            false => (meta.size(), (meta.mtime(), meta.mtime_nsec())),
        };
        format!("{size} {:o} {time:?}", meta.mode())
    };
    let is_new = |meta: &std::fs::Metadata| {
        let age = meta.modified().ok().map(|t| t.elapsed());
        age.is_some_and(|age| age.is_ok_and(|age| age < SETTLED))
    };
    if is_new(&meta) && (opened || !meta.is_dir()) {
        return None;
    }
    let mut state = describe(&meta);
    if opened && meta.is_dir() {
        let mut entries: Vec<String> = Vec::new();
        for entry in std::fs::read_dir(path).ok()?.flatten() {
            let meta = entry.metadata().ok()?;
            entries.push(format!(
                "{:?} {}",
                entry.file_name(),
                if meta.is_dir() {
                    "dir".to_owned()
                } else {
                    describe(&meta)
                }
            ));
        }
        entries.sort();
        state.push_str(&entries.join("\n"));
    }
    Some(state)
}

/// Without `.` and `..`, by the text alone.
fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            part => out.push(part),
        }
    }
    out
}
