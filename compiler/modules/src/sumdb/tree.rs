//! The transparency log: a Merkle tree over records, stored in tiles.
//!
//! Hashes are RFC 6962's: leaf `SHA-256(0x00 data)`, node `SHA-256(0x01 left right)`. Tiles of
//! height 8 hold up to 256 hashes of one level (source: "Transparent Logs for Skeptical Clients",
//! research.swtch.com/tlog).
//!
//! Tiles are not trusted: both proofs below rebuild a signed root from them. If the rebuilt root
//! equals the signed one, every hash that was used is authentic, because nobody can find another set of
//! hashes with the same root.

use sha2::{Digest, Sha256};

/// A node of the tree.
pub type Hash = [u8; 32];

/// Height of tiles.
pub const TILE_HEIGHT: u32 = 8;

/// The hash of a record.
pub fn leaf_hash(record: &[u8]) -> Hash {
    let mut digest = Sha256::new();
    digest.update([0]);
    digest.update(record);
    digest.finalize().into()
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut digest = Sha256::new();
    digest.update([1]);
    digest.update(left);
    digest.update(right);
    digest.finalize().into()
}

/// A tile: `width` hashes of tree level `8 * level` from index `256 * index` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// Level in tiles.
    pub level: u32,
    /// Index within the level.
    pub index: u64,
    /// Hashes in it, 1 to 256.
    pub width: u32,
}

impl Tile {
    /// `tile/8/L/NNN[.p/W]`; indices from 1000 on are split into groups of three digits, all but the last with
    /// an `x` before.
    pub fn path(&self) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.insert(0, format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        let partial = if self.width < 256 {
            format!(".p/{}", self.width)
        } else {
            String::new()
        };
        format!(
            "tile/{TILE_HEIGHT}/{}/{}{partial}",
            self.level,
            groups.join("/")
        )
    }
}

/// Gives the bytes of a tile (32 for each hash).
pub trait TileSource {
    /// Fetches a tile of exactly this width.
    fn tile(&mut self, tile: Tile) -> Result<std::sync::Arc<[u8]>, String>;
}

/// Reads hashes of a tree with `size` records.
pub struct TreeReader<'a> {
    source: &'a mut dyn TileSource,
    size: u64,
}

impl TreeReader<'_> {
    /// Reader for the tree of the first `size` records.
    pub fn new(source: &mut dyn TileSource, size: u64) -> TreeReader<'_> {
        TreeReader { source, size }
    }

    /// The hash of the perfect subtree of records `index << level .. (index + 1) << level`.
    fn perfect(&mut self, level: u32, index: u64) -> Result<Hash, String> {
        let tile_level = level / TILE_HEIGHT;
        let inside = level % TILE_HEIGHT;
        let first = index << inside;
        let tile_index = first >> TILE_HEIGHT;
        let row = self.size >> (tile_level * TILE_HEIGHT);
        let width = row.saturating_sub(tile_index << TILE_HEIGHT).min(256) as u32;
        let bytes = self.source.tile(Tile {
            level: tile_level,
            index: tile_index,
            width,
        })?;
        let offset = (first & 255) as usize;
        let mut hashes: Vec<Hash> = (offset..offset + (1 << inside))
            .map(|at| {
                bytes
                    .get(at * 32..at * 32 + 32)
                    .and_then(|slice| slice.try_into().ok())
                    .ok_or_else(|| "tile is too short".to_string())
            })
            .collect::<Result<_, _>>()?;
        while hashes.len() > 1 {
            hashes = hashes
                .chunks(2)
                .map(|pair| node_hash(&pair[0], &pair[1]))
                .collect();
        }
        Ok(hashes[0])
    }

    /// The root over records `low..high` (`low < high`): depth is at most 64.
    fn range(&mut self, low: u64, high: u64) -> Result<Hash, String> {
        let count = high - low;
        if count.is_power_of_two() && low.is_multiple_of(count) {
            let level = count.trailing_zeros();
            return self.perfect(level, low >> level);
        }
        let middle = low + split(count);
        let left = self.range(low, middle)?;
        let right = self.range(middle, high)?;
        Ok(node_hash(&left, &right))
    }

    /// The root that follows from the record hash at `id`.
    fn root_with_record(
        &mut self,
        low: u64,
        high: u64,
        id: u64,
        record: &Hash,
    ) -> Result<Hash, String> {
        if high - low == 1 {
            return Ok(*record);
        }
        let middle = low + split(high - low);
        if id < middle {
            let left = self.root_with_record(low, middle, id, record)?;
            Ok(node_hash(&left, &self.range(middle, high)?))
        } else {
            let left = self.range(low, middle)?;
            Ok(node_hash(
                &left,
                &self.root_with_record(middle, high, id, record)?,
            ))
        }
    }

    /// The roots of the first `old` and of all records of `low..high`, from the same hashes.
    fn both_roots(&mut self, low: u64, high: u64, old: u64) -> Result<(Hash, Hash), String> {
        if old == high {
            let root = self.range(low, high)?;
            return Ok((root, root));
        }
        let middle = low + split(high - low);
        if old <= middle {
            let (old_root, left) = self.both_roots(low, middle, old)?;
            Ok((old_root, node_hash(&left, &self.range(middle, high)?)))
        } else {
            let left = self.range(low, middle)?;
            let (old_right, right) = self.both_roots(middle, high, old)?;
            Ok((node_hash(&left, &old_right), node_hash(&left, &right)))
        }
    }

    /// Checks that the tree with this root has the record at `id`.
    pub fn check_record(&mut self, root: &Hash, id: u64, record: &[u8]) -> Result<(), String> {
        if id >= self.size {
            return Err(format!(
                "record {id} lies outside the tree of size {}",
                self.size
            ));
        }
        let got = self.root_with_record(0, self.size, id, &leaf_hash(record))?;
        if got == *root {
            Ok(())
        } else {
            Err("record is not in the tree (inclusion proof fails)".to_string())
        }
    }

    /// Checks that the tree with `old_size` records and root `old_root` is a prefix of this one.
    pub fn check_prefix(
        &mut self,
        root: &Hash,
        old_size: u64,
        old_root: &Hash,
    ) -> Result<(), String> {
        if old_size == 0 {
            return Ok(());
        }
        if old_size > self.size {
            return Err("older tree is larger than the newer".to_string());
        }
        let (old, new) = self.both_roots(0, self.size, old_size)?;
        if old == *old_root && new == *root {
            Ok(())
        } else {
            Err("trees are not consistent (the database's history was changed)".to_string())
        }
    }
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (63 - (count - 1).leading_zeros())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Arc;

    /// A log in memory that serves tiles of its first `size` records.
    pub(crate) struct MemLog {
        pub(crate) leaves: Vec<Hash>,
    }

    impl MemLog {
        pub(crate) fn new(records: &[Vec<u8>]) -> MemLog {
            MemLog {
                leaves: records.iter().map(|record| leaf_hash(record)).collect(),
            }
        }

        pub(crate) fn root(&self, size: usize) -> Hash {
            fn root(leaves: &[Hash]) -> Hash {
                if leaves.len() == 1 {
                    return leaves[0];
                }
                let middle = split(leaves.len() as u64) as usize;
                node_hash(&root(&leaves[..middle]), &root(&leaves[middle..]))
            }
            root(&self.leaves[..size])
        }

        pub(crate) fn tile_bytes(&self, tile: Tile) -> Vec<u8> {
            let mut row = self.leaves.clone();
            for _ in 0..tile.level * TILE_HEIGHT {
                row = row
                    .chunks_exact(2)
                    .map(|pair| node_hash(&pair[0], &pair[1]))
                    .collect();
            }
            let start = (tile.index << TILE_HEIGHT) as usize;
            row[start..start + tile.width as usize].concat()
        }
    }

    impl TileSource for MemLog {
        fn tile(&mut self, tile: Tile) -> Result<Arc<[u8]>, String> {
            Ok(self.tile_bytes(tile).into())
        }
    }

    fn log(count: usize) -> MemLog {
        MemLog::new(
            &(0..count)
                .map(|i| format!("record {i}\n").into_bytes())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn records_of_trees_of_many_sizes() {
        for size in [1usize, 2, 3, 7, 8, 255, 256, 257, 700] {
            let mut log = log(700);
            let root = log.root(size);
            for id in [0, size / 2, size - 1] {
                let record = format!("record {id}\n");
                let mut reader = TreeReader::new(&mut log, size as u64);
                reader
                    .check_record(&root, id as u64, record.as_bytes())
                    .unwrap();
                assert!(reader.check_record(&root, id as u64, b"forged").is_err());
                assert!(
                    reader
                        .check_record(&root, size as u64, record.as_bytes())
                        .is_err()
                );
            }
        }
    }

    #[test]
    fn prefixes_of_trees() {
        let mut log = log(600);
        for (old, new) in [
            (1usize, 2usize),
            (3, 600),
            (256, 257),
            (255, 512),
            (600, 600),
            (511, 513),
        ] {
            let (old_root, root) = (log.root(old), log.root(new));
            let mut reader = TreeReader::new(&mut log, new as u64);
            reader.check_prefix(&root, old as u64, &old_root).unwrap();
            assert!(reader.check_prefix(&root, old as u64, &[1; 32]).is_err());
        }
    }

    #[test]
    fn tile_paths() {
        let check = |level, index, width, want: &str| {
            assert_eq!(
                Tile {
                    level,
                    index,
                    width
                }
                .path(),
                want
            )
        };
        check(0, 5, 256, "tile/8/0/005");
        check(1, 1_234_067, 12, "tile/8/1/x001/x234/067.p/12");
    }
}
