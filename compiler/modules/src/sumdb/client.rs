//! Looks up module hashes in the checksum database and checks every answer: the
//! signature of the tree, that the record is in the tree, and that the tree extends the latest
//! one seen on this machine.
//!
//! The state shared with the official `go`: `$GOPATH/pkg/sumdb/NAME/latest`, and tiles and lookups
//! in `$GOMODCACHE/cache/download/sumdb/NAME`.

use super::note::Verifier;
use super::tree::{Hash, Tile, TileSource, TreeReader};
use crate::env::Env;
use crate::error::{Error, ErrorKind, Result};
use crate::module_path::escape;
use crate::proxy::ProxyClient;
use base64::Engine;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

const DEFAULT_KEY: &str = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";

#[derive(Clone, Debug)]
struct Tree {
    size: u64,
    root: Hash,
    /// The signed note.
    note: String,
}

/// Shared by all lookups of a command.
struct State {
    /// The largest tree that was verified.
    latest: Option<Tree>,
    loaded: bool,
    /// Trees that are known to be consistent with `latest`.
    consistent: HashSet<(u64, Hash)>,
}

/// The client for one database.
pub struct SumDb {
    env: Env,
    verifier: Verifier,
    base_url: String,
    cache_dir: PathBuf,
    latest_path: Option<PathBuf>,
    /// Never held across network IO: lookups run side by side.
    state: Mutex<State>,
    /// Tiles that took part in a successful proof, or come from the disk. Never held across IO.
    tiles: Mutex<HashMap<Tile, Arc<[u8]>>>,
}

fn security(text: impl Into<String>) -> Error {
    Error {
        text: text.into(),
        kind: ErrorKind::Security,
    }
}

fn parse_tree(text: &str) -> Option<(u64, Hash)> {
    let mut lines = text.lines();
    if lines.next()? != "go.sum database tree" {
        return None;
    }
    let size = lines.next()?.parse().ok()?;
    let root = base64::engine::general_purpose::STANDARD
        .decode(lines.next()?)
        .ok()?;
    Some((size, root.try_into().ok()?))
}

impl SumDb {
    /// Reads GOSUMDB (`name`, `name+hash+key`, with an optional URL).
    pub fn new(env: &Env) -> Result<SumDb> {
        let gosumdb = env.get("GOSUMDB");
        let mut words = gosumdb.split_whitespace();
        let first = words.next().unwrap_or("");
        let explicit_url = words.next();
        if words.next().is_some() {
            return Err(Error::new("invalid GOSUMDB: too many fields"));
        }
        let (key, name_url) = match first {
            "sum.golang.org" => (DEFAULT_KEY, "https://sum.golang.org".to_string()),
            "sum.golang.google.cn" => (DEFAULT_KEY, "https://sum.golang.google.cn".to_string()),
            other => (other, String::new()),
        };
        let verifier =
            Verifier::parse(key).map_err(|text| Error::new(format!("invalid GOSUMDB: {text}")))?;
        let base_url = match explicit_url {
            Some(url) => url.trim_end_matches('/').to_string(),
            None if name_url.is_empty() => format!("https://{}", verifier.name),
            None => name_url,
        };
        let cache_dir = env
            .modcache()?
            .join("cache/download/sumdb")
            .join(&verifier.name);
        let latest_path = env
            .gopath_list()
            .first()
            .map(|gopath| gopath.join("pkg/sumdb").join(&verifier.name).join("latest"));
        let state = Mutex::new(State {
            latest: None,
            loaded: false,
            consistent: HashSet::new(),
        });
        Ok(SumDb {
            env: env.clone(),
            verifier,
            base_url,
            cache_dir,
            latest_path,
            state,
            tiles: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn tiles(&self) -> MutexGuard<'_, HashMap<Tile, Arc<[u8]>>> {
        self.tiles
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The go.sum lines of a module version (zip and go.mod).
    pub fn lookup(
        &self,
        proxy: &ProxyClient,
        path: &str,
        version: &str,
    ) -> Result<Vec<(String, String, String)>> {
        let name = format!("{}@{}", escape(path), escape(version));
        let cached = self.cache_dir.join("lookup").join(&name);
        let from_cache = self.env.system.read(&cached).ok();
        if let Some(bytes) = &from_cache
            && let Ok(lines) = self.check_answer(proxy, bytes)
        {
            return Ok(lines);
        }
        let bytes = proxy
            .get_sumdb(
                &self.verifier.name,
                &self.base_url,
                &format!("/lookup/{name}"),
            )
            .map_err(|error| error.context(format!("verifying {path}@{version}")))?;
        let lines = self
            .check_answer(proxy, &bytes)
            .map_err(|error| error.context(format!("verifying {path}@{version}")))?;
        if let Some(dir) = cached.parent()
            && self.env.system.create_dir_all(dir).is_ok()
        {
            // Only a cache: a full disk shows up elsewhere.
            let _ = self.env.system.write_atomic(&cached, &bytes, 0o644);
        }
        Ok(lines)
    }

    /// Answers are `id`, the record's lines, a blank line, the signed tree.
    fn check_answer(
        &self,
        proxy: &ProxyClient,
        bytes: &[u8],
    ) -> Result<Vec<(String, String, String)>> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::new("checksum database answer is not UTF-8"))?;
        let malformed = || Error::new("malformed checksum database answer");
        let (id, rest) = text.split_once('\n').ok_or_else(malformed)?;
        let id: u64 = id.parse().map_err(|_| malformed())?;
        let (record, note) = rest.split_once("\n\n").ok_or_else(malformed)?;
        let record = format!("{record}\n");
        let tree = self.open_tree(note)?;
        let latest = self.merge(proxy, tree)?;
        let mut tiles = Tiles {
            db: self,
            proxy,
            fetched: Vec::new(),
        };
        TreeReader::new(&mut tiles, latest.size)
            .check_record(&latest.root, id, record.as_bytes())
            .map_err(security)?;
        tiles.keep();
        let mut lines = Vec::new();
        for line in record.lines() {
            if let [path, version, hash] = line.split_whitespace().collect::<Vec<_>>().as_slice() {
                lines.push((path.to_string(), version.to_string(), hash.to_string()));
            }
        }
        Ok(lines)
    }

    fn open_tree(&self, note: &str) -> Result<Tree> {
        let text = self
            .verifier
            .open(note)
            .map_err(|text| security(format!("checksum database: {text}")))?;
        let (size, root) =
            parse_tree(text).ok_or_else(|| security("checksum database: malformed tree"))?;
        Ok(Tree {
            size,
            root,
            note: note.to_string(),
        })
    }

    fn load_latest(&self, state: &mut State) {
        if std::mem::replace(&mut state.loaded, true) {
            return;
        }
        let Some(path) = &self.latest_path else {
            return;
        };
        let Ok(bytes) = self.env.system.read(path) else {
            return;
        };
        state.latest = self.open_tree(&String::from_utf8_lossy(&bytes)).ok();
    }

    /// Checks a signed tree against the latest one, keeps the larger and returns it.
    fn merge(&self, proxy: &ProxyClient, tree: Tree) -> Result<Tree> {
        loop {
            let latest = {
                let mut state = self.lock();
                self.load_latest(&mut state);
                match &state.latest {
                    None => {
                        self.save_latest(&mut state, tree.clone());
                        return Ok(tree);
                    }
                    Some(_) if state.consistent.contains(&(tree.size, tree.root)) => None,
                    Some(latest) => Some(latest.clone()),
                }
            };
            let Some(latest) = latest else {
                return self
                    .lock()
                    .latest
                    .clone()
                    .ok_or_else(|| Error::new("checksum database: no tree"));
            };
            if tree.size == latest.size && tree.root != latest.root {
                return Err(security(
                    "checksum database: two different trees of the same size were signed",
                ));
            }
            if tree.size != latest.size {
                let (old, new) = if tree.size < latest.size {
                    (&tree, &latest)
                } else {
                    (&latest, &tree)
                };
                let mut tiles = Tiles {
                    db: self,
                    proxy,
                    fetched: Vec::new(),
                };
                TreeReader::new(&mut tiles, new.size)
                    .check_prefix(&new.root, old.size, &old.root)
                    .map_err(|text| security(format!("checksum database: {text}")))?;
                tiles.keep();
            }
            let mut state = self.lock();
            // Another lookup may have moved `latest` meanwhile; smaller trees stay consistent with what it
            // was moved to, a larger one has to be compared again.
            let unchanged = state
                .latest
                .as_ref()
                .is_some_and(|now| now.size == latest.size);
            if tree.size <= latest.size || unchanged {
                state.consistent.insert((tree.size, tree.root));
                if tree.size > latest.size {
                    self.save_latest(&mut state, tree.clone());
                    return Ok(tree);
                }
                return Ok(latest);
            }
        }
    }

    fn save_latest(&self, state: &mut State, tree: Tree) {
        if let Some(path) = &self.latest_path
            && let Some(dir) = path.parent()
            && self.env.system.create_dir_all(dir).is_ok()
        {
            // Losing this file only loses a consistency check of the next run.
            let _ = self
                .env
                .system
                .write_atomic(path, tree.note.as_bytes(), 0o644);
        }
        state.latest = Some(tree);
    }
}

/// Tiles from memory, the disk cache or the network. Fetched ones are stored only after a proof
/// that used them succeeded.
struct Tiles<'a> {
    db: &'a SumDb,
    proxy: &'a ProxyClient,
    fetched: Vec<(Tile, Arc<[u8]>)>,
}

impl Tiles<'_> {
    fn keep(self) {
        for (tile, bytes) in self.fetched {
            let path = self.db.cache_dir.join(tile.path());
            if let Some(dir) = path.parent()
                && self.db.env.system.create_dir_all(dir).is_ok()
            {
                let _ = self.db.env.system.write_atomic(&path, &bytes, 0o644);
            }
            self.db.tiles().insert(tile, bytes);
        }
    }
}

impl TileSource for Tiles<'_> {
    fn tile(&mut self, tile: Tile) -> Result<Arc<[u8]>, String> {
        let full = Tile { width: 256, ..tile };
        for known in [tile, full] {
            if let Some(bytes) = self.db.tiles().get(&known) {
                return Ok(Arc::clone(bytes));
            }
            if let Some((_, bytes)) = self.fetched.iter().find(|(fetched, _)| *fetched == known) {
                return Ok(Arc::clone(bytes));
            }
        }
        for known in [tile, full] {
            if let Ok(bytes) = self
                .db
                .env
                .system
                .read(&self.db.cache_dir.join(known.path()))
                && bytes.len() == known.width as usize * 32
            {
                let bytes: Arc<[u8]> = bytes.into();
                self.db.tiles().insert(known, Arc::clone(&bytes));
                return Ok(bytes);
            }
        }
        let fetch = |tile: Tile| {
            self.proxy.get_sumdb(
                &self.db.verifier.name,
                &self.db.base_url,
                &format!("/{}", tile.path()),
            )
        };
        // A server may have dropped a partial tile once the full one exists.
        let (got, bytes) = match fetch(tile) {
            Ok(bytes) => (tile, bytes),
            Err(error) if tile == full => return Err(error.text),
            Err(error) => match fetch(full) {
                Ok(bytes) => (full, bytes),
                Err(_) => return Err(error.text),
            },
        };
        if bytes.len() != got.width as usize * 32 {
            return Err(format!(
                "checksum database: tile {} has {} bytes",
                got.path(),
                bytes.len()
            ));
        }
        let bytes: Arc<[u8]> = bytes.into();
        self.fetched.push((got, Arc::clone(&bytes)));
        Ok(bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::note::tests::{sign, test_key};
    use super::super::tree::tests::MemLog;
    use super::*;
    use source::system::MemSystem;

    /// Serves a database over HTTP at `db.example`; record `i` is `m.com/rI v1.0.0 h1:I=`.
    pub(crate) fn serve(system: &MemSystem, size: usize, tree_size: usize, forge: bool) {
        let records: Vec<Vec<u8>> = (0..size)
            .map(|i| {
                format!("m.com/r{i} v1.0.0 h1:{i}=\nm.com/r{i} v1.0.0/go.mod h1:mod{i}=\n")
                    .into_bytes()
            })
            .collect();
        let log = MemLog::new(&records);
        let (key, _) = test_key("db.example");
        system.set_env("GOSUMDB", &format!("{key} https://db.example"));
        system.set_env("GOPROXY", "https://proxy.example");
        system.set_http(move |request| {
            let path = request.url.strip_prefix("https://db.example").unwrap_or("");
            if let Some(name) = path.strip_prefix("/lookup/m.com/r") {
                let id: usize = name.trim_end_matches("@v1.0.0").parse().unwrap();
                let root = base64::engine::general_purpose::STANDARD.encode(log.root(tree_size));
                let note = sign(
                    "db.example",
                    &format!("go.sum database tree\n{tree_size}\n{root}\n"),
                );
                let mut record = String::from_utf8(records[id].clone()).unwrap();
                if forge {
                    record = record.replace("h1:", "h1:evil");
                }
                return Ok((200, format!("{id}\n{record}\n{note}").into_bytes()));
            }
            for level in 0..2 {
                for index in 0..4 {
                    for width in 1..=256 {
                        let tile = Tile {
                            level,
                            index,
                            width,
                        };
                        if path == format!("/{}", tile.path()) {
                            return Ok((200, log.tile_bytes(tile)));
                        }
                    }
                }
            }
            Ok((404, Vec::new()))
        });
    }

    fn lookup(system: MemSystem, path: &str) -> Result<Vec<(String, String, String)>> {
        let env = Env::load(Arc::new(system)).unwrap();
        SumDb::new(&env)
            .unwrap()
            .lookup(&ProxyClient::new(&env).unwrap(), path, "v1.0.0")
    }

    fn system() -> MemSystem {
        let system = MemSystem::new();
        system.set_env("HOME", "/h");
        system
    }

    #[test]
    fn a_true_record_is_accepted() {
        let system = system();
        serve(&system, 600, 600, false);
        let lines = lookup(system, "m.com/r77").unwrap();
        assert_eq!(
            lines[0],
            (
                "m.com/r77".to_string(),
                "v1.0.0".to_string(),
                "h1:77=".to_string()
            )
        );
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_forged_record_is_a_security_error() {
        let system = system();
        serve(&system, 600, 600, true);
        let error = lookup(system, "m.com/r77").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Security, "{error}");
    }

    #[test]
    fn a_rewritten_history_is_a_security_error() {
        let system = system();
        serve(&system, 600, 600, false);
        // The machine has seen another tree of 300 records.
        let other = MemLog::new(
            &(0..300)
                .map(|i| format!("other {i}").into_bytes())
                .collect::<Vec<_>>(),
        );
        let root = base64::engine::general_purpose::STANDARD.encode(other.root(300));
        let note = sign(
            "db.example",
            &format!("go.sum database tree\n300\n{root}\n"),
        );
        system.add_file("/h/go/pkg/sumdb/db.example/latest", note);
        let error = lookup(system, "m.com/r77").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Security, "{error}");
    }

    #[test]
    fn trees_may_grow_and_older_answers_stay_valid() {
        for tree_size in [500, 600] {
            let system = system();
            serve(&system, 600, tree_size, false);
            let log = MemLog::new(
                &(0..600)
                    .map(|i| {
                        format!("m.com/r{i} v1.0.0 h1:{i}=\nm.com/r{i} v1.0.0/go.mod h1:mod{i}=\n")
                            .into_bytes()
                    })
                    .collect::<Vec<_>>(),
            );
            let root = base64::engine::general_purpose::STANDARD.encode(log.root(550));
            let note = sign(
                "db.example",
                &format!("go.sum database tree\n550\n{root}\n"),
            );
            system.add_file("/h/go/pkg/sumdb/db.example/latest", note);
            lookup(system, "m.com/r3").unwrap();
        }
    }

    #[test]
    fn gosumdb_is_checked() {
        let system = system();
        system.set_env("GOSUMDB", "unknown.example");
        let env = Env::load(Arc::new(system)).unwrap();
        assert!(SumDb::new(&env).is_err());
    }
}
