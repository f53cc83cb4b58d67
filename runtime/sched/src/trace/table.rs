//! Strings and stacks of a generation by content. Looking one up takes no lock; adding does. Memory is given back when the
//! generation has been written out.

use core::ptr;
use rt_sync::atomic::{AtomicPtr, Ordering};
use rt_sync::{LockRank, Mutex};

const HEADS: usize = 4096;
const CHUNK: usize = 256 << 10;

#[repr(C)]
struct Entry {
    next: *const Entry,
    hash: u64,
    id: u64,
    len: usize,
}

struct Arena {
    /// Chunks, each with the address of the one before in its first word.
    chunks: usize,
    at: usize,
    end: usize,
    count: u64,
}

/// See the module.
pub struct Table {
    heads: [AtomicPtr<Entry>; HEADS],
    arena: Mutex<Arena>,
}

impl Table {
    /// An empty table.
    pub const fn new() -> Table {
        Table {
            heads: [const { AtomicPtr::new(ptr::null_mut()) }; HEADS],
            arena: Mutex::new(
                LockRank::Unranked,
                Arena {
                    chunks: 0,
                    at: 0,
                    end: 0,
                    count: 0,
                },
            ),
        }
    }

    fn find(head: *const Entry, hash: u64, bytes: &[u8]) -> u64 {
        let mut at = head;
        // SAFETY: entries are complete when they are linked, and live until `clear`.
        while let Some(entry) = unsafe { at.as_ref() } {
            if entry.hash == hash && contents(entry) == bytes {
                return entry.id;
            }
            at = entry.next;
        }
        0
    }

    /// The number (from 1) of these bytes.
    pub fn intern(&self, bytes: &[u8]) -> u64 {
        let mut hash = bytes.len() as u64 ^ 0x517c_c1b7_2722_0a95;
        for piece in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..piece.len()].copy_from_slice(piece);
            hash = (hash ^ u64::from_le_bytes(word))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29);
        }
        let head = &self.heads[(hash >> 7) as usize % HEADS];
        let found = Self::find(head.load(Ordering::Acquire), hash, bytes);
        if found != 0 {
            return found;
        }
        let mut arena = self.arena.lock();
        let next = head.load(Ordering::Acquire);
        let found = Self::find(next, hash, bytes);
        if found != 0 {
            return found;
        }
        let at = arena.take(size_of::<Entry>() + bytes.len()) as *mut Entry;
        arena.count += 1;
        let id = arena.count;
        // SAFETY: fresh memory of that size.
        unsafe {
            at.write(Entry {
                next,
                hash,
                id,
                len: bytes.len(),
            });
            ptr::copy_nonoverlapping(bytes.as_ptr(), at.add(1) as *mut u8, bytes.len());
        }
        head.store(at, Ordering::Release);
        id
    }

    /// Calls `f` with number and bytes of each entry.
    pub fn for_each(&self, mut f: impl FnMut(u64, &[u8])) {
        for head in &self.heads {
            let mut at: *const Entry = head.load(Ordering::Acquire);
            // SAFETY: as above.
            while let Some(entry) = unsafe { at.as_ref() } {
                f(entry.id, contents(entry));
                at = entry.next;
            }
        }
    }

    /// Forgets everything. Nobody may use the table meanwhile.
    pub fn clear(&self) {
        for head in &self.heads {
            head.store(ptr::null_mut(), Ordering::Relaxed);
        }
        let mut arena = self.arena.lock();
        let mut chunk = core::mem::take(&mut arena.chunks);
        while chunk != 0 {
            // SAFETY: chunks are mappings of CHUNK bytes that begin with the address of the next.
            unsafe {
                let next = *(chunk as *const usize);
                let _ = rt_os::mem::munmap(chunk, CHUNK);
                chunk = next;
            }
        }
        (arena.at, arena.end, arena.count) = (0, 0, 0);
    }
}

fn contents(entry: &Entry) -> &[u8] {
    let at = entry as *const Entry;
    // SAFETY: the bytes follow the entry.
    unsafe { core::slice::from_raw_parts(at.add(1) as *const u8, entry.len) }
}

impl Arena {
    /// Eight-byte aligned memory; at most a few kilobytes at a time.
    fn take(&mut self, size: usize) -> usize {
        let size = size.next_multiple_of(8);
        if self.at + size > self.end {
            let chunk = crate::persist::map(CHUNK);
            // SAFETY: fresh memory.
            unsafe { *(chunk as *mut usize) = self.chunks };
            self.chunks = chunk;
            self.at = chunk + 8;
            self.end = chunk + CHUNK;
        }
        let at = self.at;
        self.at += size;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_bytes_have_one_number() {
        static TABLE: Table = Table::new();
        for round in 0..2 {
            for n in 0..10_000u32 {
                let id = TABLE.intern(&n.to_le_bytes()[..1 + n as usize % 4]);
                assert!(id != 0, "round {round}");
                assert_eq!(id, TABLE.intern(&n.to_le_bytes()[..1 + n as usize % 4]));
            }
        }
        let mut seen = 0;
        TABLE.for_each(|id, bytes| {
            assert_eq!(TABLE.intern(bytes), id);
            seen += 1;
        });
        assert!(seen > 2_000);
        TABLE.clear();
        TABLE.for_each(|_, _| panic!("entry left"));
    }
}
