//! Giving memory back to the system.
//!
//! 1. In the background, a bit at a time, until the retained memory is down to a tenth above what
//!    the last collection's heap needs; highest addresses first, since allocation prefers the
//!    lowest.
//! 2. At growth, when the memory limit would be exceeded: as much as the growth needs, at once.
//! 3. All of it, for `debug.FreeOSMemory`.
//!
//! Pages on their way out are marked taken, so the system call runs without the heap lock.

use crate::heap::Heap;
use abi::sizeclass::PAGE_SIZE;
use rt_sync::atomic::Ordering;

/// Pages given back per system call (512 KiB).
const BATCH: usize = 64;

impl Heap {
    /// Gives back up to `bytes` of free memory; returns how much it was.
    pub fn scavenge(&self, bytes: usize) -> usize {
        let mut done = 0;
        while done < bytes {
            let max = ((bytes - done).div_ceil(PAGE_SIZE)).min(BATCH);
            let Some((first, n)) = self.locked.lock().pages.take_for_scavenge(max) else {
                break;
            };
            // SAFETY: the pages are taken by us and hold nothing.
            let result = unsafe { rt_os::mem::discard(self.arena.page_addr(first), n * PAGE_SIZE) };
            let mut locked = self.locked.lock();
            match result {
                Ok(()) => {
                    locked.pages.scavenged(first, n);
                    done += n * PAGE_SIZE;
                }
                Err(_) => {
                    // Locked or otherwise unreleasable memory: keep it.
                    locked.pages.not_scavenged(first, n);
                    break;
                }
            }
        }
        self.counters
            .scavenged_total
            .fetch_add(done, Ordering::Relaxed);
        done
    }

    /// Gives back all free memory.
    pub fn scavenge_all(&self) -> usize {
        self.locked.lock().pages.reset_scavenger();
        self.scavenge(usize::MAX)
    }

    /// Free bytes that the process still holds.
    pub fn free_backed_bytes(&self) -> usize {
        self.locked.lock().pages.free_backed * PAGE_SIZE
    }

    /// Bytes that the background scavenger should give back now, so that at most `goal` bytes of
    /// heap stay with the process.
    pub fn scavenge_excess(&self, goal: usize) -> usize {
        let free = self.free_backed_bytes();
        let retained = free + self.in_use_bytes();
        retained.saturating_sub(goal).min(free)
    }

    /// Before the heap grows by some pages: keeps the process below its memory limit, as far as
    /// giving back free memory can.
    pub(crate) fn limit_growth(&self, npages: usize) {
        let limit = self.memory_limit.load(Ordering::Relaxed);
        if limit != i64::MAX {
            let after = self.mapped_ready() + npages * PAGE_SIZE;
            if after as i64 > limit {
                self.scavenge(after - limit.max(0) as usize);
            }
        }
    }
}
