//! What compiling one function gives, in terms of the function alone: references as numbers of its own name table, locations as
//! numbers of its own location table. So the bytes are the same wherever in a program the function stands, and can be kept.
//!
//! The key is a hash of the whole Cranelift function and of the target's settings: whatever could change the code is in it. What the key
//! leaves out (which symbol a name stands for, which line a location) is not in the bytes either.

use crate::tables::{sleb, uleb};

/// What code is kept under: SHA-256.
pub type CodeKey = [u8; 32];

/// A store of compiled functions that outlives the process.
pub trait CodeCache: Sync {
    /// What was put under a key. `group` is a hint where to look (the function's package).
    fn get(&self, group: &str, key: &[u8; 32]) -> Option<Vec<u8>>;
    /// Keeps the bytes.
    fn put(&self, group: &str, key: &[u8; 32], bytes: Vec<u8>);
}

/// A compiled function before its references are resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artifact {
    #[allow(missing_docs)]
    pub code: Vec<u8>,
    /// Power of two.
    pub align: u32,
    #[allow(missing_docs)]
    pub relocs: Vec<ArtifactReloc>,
    /// (code offset, number of the location from there on), sorted; `None`: no location.
    pub lines: Vec<(u32, Option<u32>)>,
    /// (return offset, handler offset, rsp below rbp).
    pub handlers: Vec<(u32, u32, u32)>,
    /// See [`abi::module::frame`].
    pub frame: Vec<u8>,
    /// Places of parameters, see [`abi::module::args`].
    pub args: Vec<u8>,
}

/// A reference from code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArtifactReloc {
    #[allow(missing_docs)]
    pub offset: u32,
    /// 8-byte absolute, else 4-byte pc-relative.
    pub absolute: bool,
    /// Number of the name; `None`: the function itself.
    pub name: Option<u32>,
    #[allow(missing_docs)]
    pub addend: i64,
}

impl Artifact {
    /// The bytes to keep.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.code.len() + self.relocs.len() * 6 + 64);
        let optional = |out: &mut Vec<u8>, n: Option<u32>| uleb(out, n.map_or(0, |n| n as u64 + 1));
        uleb(&mut out, self.code.len() as u64);
        out.extend_from_slice(&self.code);
        uleb(&mut out, self.align as u64);
        uleb(&mut out, self.relocs.len() as u64);
        for reloc in &self.relocs {
            uleb(&mut out, (reloc.offset as u64) << 1 | reloc.absolute as u64);
            optional(&mut out, reloc.name);
            sleb(&mut out, reloc.addend);
        }
        uleb(&mut out, self.lines.len() as u64);
        for &(offset, loc) in &self.lines {
            uleb(&mut out, offset as u64);
            optional(&mut out, loc);
        }
        uleb(&mut out, self.handlers.len() as u64);
        for &(ret, handler, below) in &self.handlers {
            for n in [ret, handler, below] {
                uleb(&mut out, n as u64);
            }
        }
        for table in [&self.frame, &self.args] {
            uleb(&mut out, table.len() as u64);
            out.extend_from_slice(table);
        }
        out
    }

    /// Reads what [`Artifact::encode`] wrote; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Artifact> {
        let mut r = Reader(bytes);
        let length = r.count(1)?;
        let (code, rest) = r.0.split_at_checked(length)?;
        r.0 = rest;
        let mut out = Artifact {
            code: code.to_vec(),
            align: r.small()?,
            ..Artifact::default()
        };
        if !out.align.is_power_of_two() {
            return None;
        }
        for _ in 0..r.count(3)? {
            let offset = r.unsigned()?;
            out.relocs.push(ArtifactReloc {
                offset: u32::try_from(offset >> 1).ok()?,
                absolute: offset & 1 == 1,
                name: r.small()?.checked_sub(1),
                addend: r.signed()?,
            });
        }
        for _ in 0..r.count(2)? {
            out.lines.push((r.small()?, r.small()?.checked_sub(1)));
        }
        for _ in 0..r.count(3)? {
            out.handlers.push((r.small()?, r.small()?, r.small()?));
        }
        for table in [&mut out.frame, &mut out.args] {
            let length = r.count(1)?;
            let (bytes, rest) = r.0.split_at_checked(length)?;
            *table = bytes.to_vec();
            r.0 = rest;
        }
        r.0.is_empty().then_some(out)
    }
}

/// Reads numbers; what is left of the bytes.
pub(crate) struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }
    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        let mut n = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= ((byte & 0x7f) as u64) << shift;
            if byte & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }
    fn signed(&mut self) -> Option<i64> {
        let mut n = 0i64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            n |= ((byte & 0x7f) as i64) << shift;
            if byte & 0x80 == 0 {
                if byte & 0x40 != 0 && shift + 7 < 64 {
                    n |= -1 << (shift + 7);
                }
                return Some(n);
            }
        }
        None
    }
    pub(crate) fn small(&mut self) -> Option<u32> {
        u32::try_from(self.unsigned()?).ok()
    }
    pub(crate) fn name(&mut self) -> Option<mir::fingerprint::Name> {
        let (&bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(mir::fingerprint::Name::from_le_bytes(bytes))
    }
    /// A number of things that take at least `size` bytes each: no more than what is left can hold.
    pub(crate) fn count(&mut self, size: usize) -> Option<usize> {
        let n = usize::try_from(self.unsigned()?).ok()?;
        (n <= self.0.len() / size).then_some(n)
    }
}

/// The package part of a link name, roughly: what is before the first dot behind the last slash that is not in type arguments.
pub fn group_of(name: &str) -> &str {
    let plain = name.find('[').map_or(name, |at| &name[..at]);
    let start = plain.rfind('/').map_or(0, |at| at + 1);
    match plain[start..].find('.') {
        Some(dot) => &plain[..start + dot],
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_survive_and_damage_is_noticed() {
        let artifact = Artifact {
            code: vec![1, 2, 3, 0xc3],
            align: 16,
            relocs: vec![
                ArtifactReloc {
                    offset: 300,
                    absolute: true,
                    name: Some(7),
                    addend: -4,
                },
                ArtifactReloc {
                    offset: 1,
                    absolute: false,
                    name: None,
                    addend: i64::MIN,
                },
            ],
            lines: vec![(0, Some(0)), (2, None)],
            handlers: vec![(3, 1, 1000)],
            frame: vec![3, 4],
            args: vec![5],
        };
        let bytes = artifact.encode();
        assert_eq!(Artifact::decode(&bytes), Some(artifact));
        for cut in 0..bytes.len() {
            assert_eq!(Artifact::decode(&bytes[..cut]), None, "cut at {cut}");
        }
        let mut more = bytes;
        more.push(0);
        assert_eq!(Artifact::decode(&more), None);
    }

    #[test]
    fn groups_are_packages() {
        for (name, group) in [
            ("net/http.(*Server).Serve", "net/http"),
            ("main.main.func1", "main"),
            ("slices.Sort[[]a/b.T,int]", "slices"),
            ("gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml%2ev3"),
            ("memmove", "memmove"),
        ] {
            assert_eq!(group_of(name), group);
        }
    }
}
