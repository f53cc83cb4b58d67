//! Interned names. One table per process: a name's text lives until exit.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{LazyLock, RwLock};

use rustc_hash::FxBuildHasher;

/// An interned string. Equality is by id; ordering is by text (so that sorted output does
/// not depend on the order in which threads interned names).
///
/// Inside: the name's number, behind it a bit that says whether it is exported.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol(u32);

const SHARDS: usize = 16;

/// Names by number. Read without a lock.
static NAMES: LazyLock<boxcar::Vec<&'static str>> = LazyLock::new(|| {
    let names = boxcar::Vec::new();
    names.push("_");
    names
});

static TABLE: LazyLock<[RwLock<HashMap<&'static str, Symbol, FxBuildHasher>>; SHARDS]> =
    LazyLock::new(|| std::array::from_fn(|_| RwLock::default()));

impl Symbol {
    /// The blank identifier `_`.
    pub const BLANK: Symbol = Symbol(0);

    /// The symbol of `name`.
    pub fn intern(name: &str) -> Symbol {
        if name == "_" {
            return Symbol::BLANK;
        }
        let shard = &TABLE[(FxBuildHasher.hash_one(name) >> 57) as usize % SHARDS];
        if let Some(&symbol) = shard.read().expect("no panic while interning").get(name) {
            return symbol;
        }
        let mut shard = shard.write().expect("no panic while interning");
        if let Some(&symbol) = shard.get(name) {
            return symbol;
        }
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        let exported = name.chars().next().is_some_and(char::is_uppercase);
        let number = u32::try_from(NAMES.push(name))
            .ok()
            .filter(|n| n >> 31 == 0);
        let symbol = Symbol(number.expect("fewer than 2^31 names") << 1 | u32::from(exported));
        shard.insert(name, symbol);
        symbol
    }

    /// The text.
    pub fn as_str(self) -> &'static str {
        NAMES[(self.0 >> 1) as usize]
    }

    /// Whether the name is exported: its first character is an upper-case letter
    /// (spec, "Exported identifiers").
    pub fn is_exported(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether this is the blank identifier `_`.
    pub fn is_blank(self) -> bool {
        self == Symbol::BLANK
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
