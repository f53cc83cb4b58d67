//! Counters of the heap. Those written by many threads are atomics; per-P counts live in the
//! mcaches and are added up with the world stopped.

use abi::sizeclass::NUM_SIZE_CLASSES;
use rt_sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Shared counters. All grow only, except those that say "now".
#[derive(Debug)]
pub struct Counters {
    /// Small objects allocated by size class, from caches that were flushed.
    pub small_allocs: [AtomicU64; NUM_SIZE_CLASSES],
    /// Small objects freed by size class.
    pub small_frees: [AtomicU64; NUM_SIZE_CLASSES],
    /// Large objects allocated.
    pub large_allocs: AtomicU64,
    /// Bytes of large objects allocated.
    pub large_alloc_bytes: AtomicU64,
    /// Large objects freed.
    pub large_frees: AtomicU64,
    /// Bytes of large objects freed.
    pub large_free_bytes: AtomicU64,
    /// Objects put into tiny blocks.
    pub tiny_allocs: AtomicU64,
    /// Bytes in spans of objects, now.
    pub in_use: AtomicUsize,
    /// Bytes in manual spans (stacks), now.
    pub manual: AtomicUsize,
    /// Bytes given back to the system, ever.
    pub scavenged_total: AtomicUsize,
    /// Spans swept since start.
    pub swept_spans: AtomicUsize,
}

impl Counters {
    /// All zero.
    pub const fn new() -> Counters {
        Counters {
            small_allocs: [const { AtomicU64::new(0) }; NUM_SIZE_CLASSES],
            small_frees: [const { AtomicU64::new(0) }; NUM_SIZE_CLASSES],
            large_allocs: AtomicU64::new(0),
            large_alloc_bytes: AtomicU64::new(0),
            large_frees: AtomicU64::new(0),
            large_free_bytes: AtomicU64::new(0),
            tiny_allocs: AtomicU64::new(0),
            in_use: AtomicUsize::new(0),
            manual: AtomicUsize::new(0),
            scavenged_total: AtomicUsize::new(0),
            swept_spans: AtomicUsize::new(0),
        }
    }
}

/// A consistent picture, taken with the world stopped; the names are `runtime.MemStats`' where
/// they mean the same.
#[derive(Clone, Debug)]
pub struct HeapStats {
    /// Bytes of objects allocated and not yet swept away.
    pub heap_alloc: u64,
    /// Bytes allocated since start.
    pub total_alloc: u64,
    /// Objects allocated since start (tiny ones included).
    pub mallocs: u64,
    /// Objects freed since start (tiny ones included).
    pub frees: u64,
    /// Objects in tiny blocks since start.
    pub tiny_allocs: u64,
    /// Arena bytes that were ever usable (committed address space in use at some time).
    pub heap_sys: u64,
    /// Bytes of free pages, given back or not.
    pub heap_idle: u64,
    /// Bytes in spans of objects.
    pub heap_inuse: u64,
    /// Bytes of free pages given back.
    pub heap_released: u64,
    /// Objects allocated now.
    pub heap_objects: u64,
    /// Bytes in manual spans (stacks).
    pub stacks_inuse: u64,
    /// Bytes of span structs in use.
    pub mspan_inuse: u64,
    /// Bytes mapped for span structs.
    pub mspan_sys: u64,
    /// Bytes of mcaches in use.
    pub mcache_inuse: u64,
    /// Bytes mapped for mcaches.
    pub mcache_sys: u64,
    /// Bytes of profile buckets.
    pub buckets_sys: u64,
    /// Bytes of bitmaps, page tables, collector buffers.
    pub gc_sys: u64,
    /// Other memory of the runtime.
    pub other_sys: u64,
    /// (size, allocated, freed) by size class.
    pub by_size: [(u32, u64, u64); NUM_SIZE_CLASSES],
    /// Large objects allocated and freed, with bytes.
    pub large: (u64, u64, u64, u64),
}

/// Adds to a counter.
#[inline]
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
