//! Interned names. One table per process: a name's text lives until exit.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{LazyLock, RwLock};

use rustc_hash::FxBuildHasher;

/// An interned string. Equality is by id; ordering is by text (so that sorted output does
/// not depend on the order in which threads interned names).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol(u32);

const SHARD_BITS: u32 = 4;
const SHARDS: usize = 1 << SHARD_BITS;

#[derive(Default)]
struct Shard {
    ids: HashMap<&'static str, u32, FxBuildHasher>,
    names: Vec<&'static str>,
}

static TABLE: LazyLock<[RwLock<Shard>; SHARDS]> =
    LazyLock::new(|| std::array::from_fn(|_| RwLock::default()));

impl Symbol {
    /// The symbol of `name`.
    pub fn intern(name: &str) -> Symbol {
        let shard_index = (FxBuildHasher.hash_one(name) >> 57) as usize % SHARDS;
        let shard = &TABLE[shard_index];
        if let Some(&id) = shard
            .read()
            .expect("no panic while interning")
            .ids
            .get(name)
        {
            return Symbol(id);
        }
        let mut shard = shard.write().expect("no panic while interning");
        if let Some(&id) = shard.ids.get(name) {
            return Symbol(id);
        }
        let id = ((shard.names.len() as u32) << SHARD_BITS) | shard_index as u32;
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        shard.names.push(name);
        shard.ids.insert(name, id);
        Symbol(id)
    }

    /// The text.
    pub fn as_str(self) -> &'static str {
        let shard = TABLE[self.0 as usize % SHARDS]
            .read()
            .expect("no panic while interning");
        shard.names[(self.0 >> SHARD_BITS) as usize]
    }

    /// Whether the name is exported: its first character is an upper-case letter
    /// (spec, "Exported identifiers").
    pub fn is_exported(self) -> bool {
        self.as_str().chars().next().is_some_and(char::is_uppercase)
    }

    /// Whether this is the blank identifier `_`.
    pub fn is_blank(self) -> bool {
        self.as_str() == "_"
    }
}

impl PartialOrd for Symbol {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Symbol {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}
impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}
impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl From<&str> for Symbol {
    fn from(name: &str) -> Self {
        Symbol::intern(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interning_is_idempotent_and_ordered_by_text() {
        let (b, a) = (Symbol::intern("b"), Symbol::intern("a"));
        assert_eq!(b, Symbol::intern("b"));
        assert_ne!(a, b);
        assert!(a < b);
        assert_eq!(a.as_str(), "a");
        assert!(Symbol::intern("Ä").is_exported() && !a.is_exported());
    }
}
