//! Machine code of functions between builds.
//!
//! One cache entry (a *pack*) holds the compiled functions of one package, for one build of ferrogo; programs share them. A pack is
//! replaced as a whole when a build met functions that it lacks; functions that no build used lately are left out then.
//!
//! Layout: `u32` count, then per function, sorted by key: key (32 bytes), age (`u32`: builds since it was used), length (`u32`);
//! then the functions' bytes in the same order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use base::FxHashMap;
use codegen::CodeCache;
use sha2::{Digest, Sha256};
use source::system::System;

use crate::cache::{Cache, Key, compiler_identity};

/// A function that so many rewritings of its pack did not see used is dropped.
const MAX_AGE: u32 = 8;
const ENTRY: usize = 40;

/// The packs that a build uses.
pub struct CodePacks<'a> {
    cache: &'a Cache,
    system: &'a dyn System,
    identity: Vec<u8>,
    groups: Mutex<FxHashMap<String, Arc<Group>>>,
}

#[derive(Default)]
struct Group {
    pack: OnceLock<Pack>,
    fresh: Mutex<Vec<(Key, Vec<u8>)>>,
}

/// A pack as it was read: its index and all bytes.
#[derive(Default)]
struct Pack {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

struct Entry {
    key: Key,
    age: u32,
    range: std::ops::Range<usize>,
    used: AtomicBool,
}

impl Pack {
    /// `None`: not a pack.
    fn parse(bytes: Vec<u8>) -> Option<Pack> {
        let count = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
        let index = bytes.get(4..)?.get(..count.checked_mul(ENTRY)?)?;
        let mut at = 4 + index.len();
        let mut entries: Vec<Entry> = Vec::with_capacity(count);
        for row in index.chunks_exact(ENTRY) {
            let number = |from: usize| {
                u32::from_le_bytes([row[from], row[from + 1], row[from + 2], row[from + 3]])
            };
            let key: Key = *row.first_chunk()?;
            let end = at.checked_add(number(36) as usize)?;
            if end > bytes.len() || entries.last().is_some_and(|last| last.key >= key) {
                return None;
            }
            entries.push(Entry {
                key,
                age: number(32),
                range: at..end,
                used: AtomicBool::new(false),
            });
            at = end;
        }
        (at == bytes.len()).then_some(Pack { bytes, entries })
    }

    fn find(&self, key: &Key) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|e| e.key.cmp(key)).ok()?;
        Some(&self.entries[at])
    }

    /// The pack with new functions added and unused ones aged.
    fn renewed(&self, fresh: &[(Key, Vec<u8>)]) -> Vec<u8> {
        let mut rows: Vec<(&Key, u32, &[u8])> = fresh
            .iter()
            .map(|(key, bytes)| (key, 0, bytes.as_slice()))
            .collect();
        for entry in &self.entries {
            let age = if entry.used.load(Ordering::Relaxed) {
                0
            } else {
                entry.age.saturating_add(1)
            };
            if age <= MAX_AGE {
                rows.push((&entry.key, age, &self.bytes[entry.range.clone()]));
            }
        }
        rows.sort_by_key(|row| row.0);
        rows.dedup_by_key(|row| row.0);
        let mut out = Vec::new();
        out.extend_from_slice(&(rows.len() as u32).to_le_bytes());
        for (key, age, bytes) in &rows {
            out.extend_from_slice(*key);
            out.extend_from_slice(&age.to_le_bytes());
            out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        }
        for (_, _, bytes) in rows {
            out.extend_from_slice(bytes);
        }
        out
    }
}

impl<'a> CodePacks<'a> {
    /// No packs if this executable cannot be told from others.
    pub fn new(cache: &'a Cache, system: &'a dyn System) -> Option<CodePacks<'a>> {
        Some(CodePacks {
            cache,
            system,
            identity: compiler_identity(system)?,
            groups: Mutex::default(),
        })
    }

    fn key(&self, group: &str) -> Key {
        let mut digest = Sha256::new();
        digest.update(b"code 4");
        digest.update((self.identity.len() as u64).to_le_bytes());
        digest.update(&self.identity);
        digest.update(group);
        digest.finalize().into()
    }

    fn group(&self, name: &str) -> Arc<Group> {
        let mut groups = self.groups.lock().expect("no panic while locked");
        if let Some(group) = groups.get(name) {
            return group.clone();
        }
        let group = Arc::<Group>::default();
        groups.insert(name.to_owned(), group.clone());
        group
    }

    fn pack<'g>(&self, name: &str, group: &'g Group) -> &'g Pack {
        group.pack.get_or_init(|| {
            self.cache
                .read(self.system, &self.key(name))
                .and_then(Pack::parse)
                .unwrap_or_default()
        })
    }

    /// Writes the packs that grew. Failure only means that the next build is slower.
    pub fn save(&self) {
        let groups = self.groups.lock().expect("no panic while locked");
        for (name, group) in groups.iter() {
            let fresh = group.fresh.lock().expect("no panic while locked");
            if !fresh.is_empty() {
                let bytes = self.pack(name, group).renewed(&fresh);
                self.cache.store(self.system, &self.key(name), &bytes);
            }
        }
    }
}

impl CodeCache for CodePacks<'_> {
    fn get(&self, group: &str, key: &Key) -> Option<Vec<u8>> {
        let state = self.group(group);
        let pack = self.pack(group, &state);
        let entry = pack.find(key)?;
        entry.used.store(true, Ordering::Relaxed);
        Some(pack.bytes[entry.range.clone()].to_vec())
    }

    fn put(&self, group: &str, key: &Key, bytes: Vec<u8>) {
        let state = self.group(group);
        let mut fresh = state.fresh.lock().expect("no panic while locked");
        fresh.push((*key, bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        [n; 32]
    }

    #[test]
    fn packs_grow_and_forget() {
        let mut pack = Pack::default();
        pack = Pack::parse(pack.renewed(&[
            (key(2), vec![2; 5]),
            (key(1), vec![]),
            (key(2), vec![2; 5]),
        ]))
        .unwrap();
        assert_eq!(pack.entries.len(), 2);
        for round in 0..=MAX_AGE {
            let entry = pack.find(&key(2)).unwrap();
            assert_eq!(pack.bytes[entry.range.clone()], [2; 5]);
            entry.used.store(true, Ordering::Relaxed);
            assert!(pack.find(&key(1)).is_some(), "round {round}");
            pack = Pack::parse(pack.renewed(&[])).unwrap();
        }
        assert!(pack.find(&key(1)).is_none(), "unused for too long");
        assert!(pack.find(&key(2)).is_some());
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = Pack::default().renewed(&[(key(1), vec![1, 2, 3]), (key(9), vec![4])]);
        assert!(Pack::parse(bytes.clone()).is_some());
        for cut in 0..bytes.len() {
            assert!(Pack::parse(bytes[..cut].to_vec()).is_none(), "cut at {cut}");
        }
        let mut huge = bytes;
        huge[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Pack::parse(huge).is_none());
    }
}
