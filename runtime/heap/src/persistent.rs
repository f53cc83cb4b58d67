//! Memory of the runtime itself that lives as long as the heap: bump allocation in big steps.

use rt_os::mem;
use rt_sync::atomic::{AtomicUsize, Ordering};
use rt_sync::{LockRank, Mutex};

const STEP: usize = 256 << 10;

#[derive(Debug)]
struct Block {
    next: usize,
    end: usize,
}

/// Bump allocator for zeroed memory that is never freed.
#[derive(Debug)]
pub struct Persistent {
    block: Mutex<Block>,
    mapped: AtomicUsize,
}

impl Persistent {
    /// Nothing mapped yet.
    pub const fn new() -> Persistent {
        Persistent {
            block: Mutex::new(LockRank::Persistent, Block { next: 0, end: 0 }),
            mapped: AtomicUsize::new(0),
        }
    }

    /// Zeroed memory of this size and alignment (a power of two up to 4096), or `None` if the
    /// system has none.
    pub fn alloc(&self, size: usize, align: usize) -> Option<*mut u8> {
        if size >= STEP / 4 {
            let at = mem::map_zeroed(size).ok()?;
            self.mapped.fetch_add(size, Ordering::Relaxed);
            return Some(at as *mut u8);
        }
        let mut block = self.block.lock();
        let mut at = block.next.next_multiple_of(align);
        if block.next == 0 || at + size > block.end {
            at = mem::map_zeroed(STEP).ok()?;
            self.mapped.fetch_add(STEP, Ordering::Relaxed);
            block.end = at + STEP;
        }
        block.next = at + size;
        Some(at as *mut u8)
    }

    /// Room for one zeroed `T`.
    pub fn alloc_for<T>(&self) -> Option<*mut T> {
        self.alloc(size_of::<T>(), align_of::<T>())
            .map(|at| at.cast())
    }

    /// Bytes mapped.
    pub fn mapped(&self) -> usize {
        self.mapped.load(Ordering::Relaxed)
    }
}
