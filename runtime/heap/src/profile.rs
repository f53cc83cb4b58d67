//! Allocation sampling for the heap profile.
//!
//! 1. On average one object per `rate` allocated bytes is sampled: distances between samples are
//!    exponentially distributed, drawn per span class and cache. Classes draw independently; the
//!    sum of independent Poisson processes of the same rate is one, so the profile is unbiased.
//! 2. A sample belongs to a bucket, found by (object size, stack). The object gets a profile
//!    special that names its bucket, so the sweeper counts the free.
//! 3. What a reader sees is the state as of the last completed collection, else it would be
//!    full of objects that merely were not collected yet: allocations made before the end of a
//!    mark phase and the frees of the sweep after it become visible together, when that sweep is
//!    complete. Counts wait in one of three slots by cycle.

use crate::heap::Heap;
use crate::mcache::MCache;
use crate::persistent::Persistent;
use crate::specials::{self, SpecialKind};
use abi::sizeclass::{CLASS_TO_SIZE, NUM_SPAN_CLASSES};
use core::ptr;
use rt_sync::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use rt_sync::{LockRank, RawMutex};

const TABLE: usize = 1 << 14;
/// Deepest stack kept.
pub const MAX_DEPTH: usize = 128;

/// Counts of one cycle.
#[derive(Debug, Default)]
pub struct Counts {
    /// Objects allocated.
    pub allocs: AtomicU64,
    /// Objects freed.
    pub frees: AtomicU64,
}

/// All samples of one size and stack.
#[repr(C)]
#[derive(Debug)]
pub struct Bucket {
    next: *mut Bucket,
    all_next: *mut Bucket,
    hash: u64,
    /// Bytes of an object.
    pub size: usize,
    depth: usize,
    /// Published.
    pub active: Counts,
    future: [Counts; 3],
}

impl Bucket {
    /// Return addresses, innermost first.
    pub fn stack(&self) -> &[usize] {
        let start = (self as *const Bucket as usize + size_of::<Bucket>()) as *const usize;
        // SAFETY: allocated behind the struct by `bucket`.
        unsafe { core::slice::from_raw_parts(start, self.depth) }
    }
}

/// The profile.
#[derive(Debug)]
pub struct Profile {
    /// Average bytes between samples: `runtime.MemProfileRate`; 0 = off, 1 = everything.
    pub rate: AtomicI64,
    /// The program's variable, once it is known: then it counts instead of `rate`.
    source: AtomicPtr<AtomicI64>,
    lock: RawMutex,
    table: AtomicPtr<AtomicPtr<Bucket>>,
    all: AtomicPtr<Bucket>,
    bytes: AtomicUsize,
    cycle: AtomicU32,
}

impl Profile {
    /// Empty, off.
    pub const fn new() -> Profile {
        Profile {
            rate: AtomicI64::new(0),
            source: AtomicPtr::new(ptr::null_mut()),
            lock: RawMutex::new(LockRank::HeapProfile),
            table: AtomicPtr::new(ptr::null_mut()),
            all: AtomicPtr::new(ptr::null_mut()),
            bytes: AtomicUsize::new(0),
            cycle: AtomicU32::new(0),
        }
    }

    /// From now on the rate is what this variable of the program says.
    pub fn follow(&self, variable: &'static AtomicI64) {
        self.source
            .store(variable as *const _ as *mut _, Ordering::Release);
    }

    pub(crate) fn rate(&self) -> i64 {
        // SAFETY: null or a variable that lives for ever.
        match unsafe { self.source.load(Ordering::Acquire).as_ref() } {
            Some(variable) => variable.load(Ordering::Relaxed),
            None => self.rate.load(Ordering::Relaxed),
        }
    }

    /// Bytes of buckets.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The bucket of a size and stack, made if need be; `None` without memory.
    fn bucket(&self, memory: &Persistent, size: usize, stack: &[usize]) -> Option<*mut Bucket> {
        let stack = &stack[..stack.len().min(MAX_DEPTH)];
        let mut hash = size as u64;
        for pc in stack {
            hash = (hash ^ *pc as u64)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(29);
        }
        self.lock.lock();
        let found = self.bucket_locked(memory, size, stack, hash);
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        found
    }

    fn bucket_locked(
        &self,
        memory: &Persistent,
        size: usize,
        stack: &[usize],
        hash: u64,
    ) -> Option<*mut Bucket> {
        let mut table = self.table.load(Ordering::Relaxed);
        if table.is_null() {
            table = memory.alloc(TABLE * 8, 8)?.cast();
            self.bytes.fetch_add(TABLE * 8, Ordering::Relaxed);
            self.table.store(table, Ordering::Release);
        }
        // SAFETY: inside the table; buckets are never freed.
        unsafe {
            let head = &*table.add(hash as usize % TABLE);
            let mut at = head.load(Ordering::Relaxed);
            while let Some(bucket) = at.as_ref() {
                if bucket.hash == hash && bucket.size == size && bucket.stack() == stack {
                    return Some(at);
                }
                at = bucket.next;
            }
            let bytes = size_of::<Bucket>() + stack.len() * 8;
            let bucket = memory.alloc(bytes, 8)? as *mut Bucket;
            bucket.write(Bucket {
                next: head.load(Ordering::Relaxed),
                all_next: self.all.load(Ordering::Relaxed),
                hash,
                size,
                depth: stack.len(),
                active: Counts::default(),
                future: Default::default(),
            });
            ptr::copy_nonoverlapping(stack.as_ptr(), bucket.add(1) as *mut usize, stack.len());
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
            head.store(bucket, Ordering::Release);
            self.all.store(bucket, Ordering::Release);
            Some(bucket)
        }
    }

    /// A sampled object was swept.
    pub(crate) fn count_free(&self, bucket: usize) {
        let cycle = self.cycle.load(Ordering::Relaxed) as usize;
        // SAFETY: profile specials name buckets, which are never freed.
        unsafe { &*(bucket as *const Bucket) }.future[(cycle + 1) % 3]
            .frees
            .fetch_add(1, Ordering::Relaxed);
    }

    /// A collection's mark phase ended: its sweep counts frees from now on. World stopped; the
    /// sweep of the cycle before is complete.
    pub fn next_cycle(&self) {
        self.cycle.fetch_add(1, Ordering::Relaxed);
    }

    /// The sweep is complete: its frees, and the allocations from before its mark phase ended,
    /// become visible.
    pub fn publish(&self) {
        let slot = (self.cycle.load(Ordering::Relaxed) as usize + 1) % 3;
        self.for_each_raw(|bucket| {
            let counts = &bucket.future[slot];
            bucket
                .active
                .allocs
                .fetch_add(counts.allocs.swap(0, Ordering::Relaxed), Ordering::Relaxed);
            bucket
                .active
                .frees
                .fetch_add(counts.frees.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        });
    }

    fn for_each_raw(&self, mut f: impl FnMut(&Bucket)) {
        let mut at = self.all.load(Ordering::Acquire);
        // SAFETY: buckets are never freed.
        while let Some(bucket) = unsafe { at.as_ref() } {
            f(bucket);
            at = bucket.all_next;
        }
    }

    /// Visits all buckets: (object size, objects allocated, objects freed, stack).
    pub fn for_each(&self, mut f: impl FnMut(usize, u64, u64, &[usize])) {
        self.for_each_raw(|bucket| {
            let (allocs, frees) = (
                bucket.active.allocs.load(Ordering::Relaxed),
                bucket.active.frees.load(Ordering::Relaxed),
            );
            f(bucket.size, allocs, frees.min(allocs), bucket.stack());
        });
    }

    /// Number of buckets.
    pub fn len(&self) -> usize {
        let mut n = 0;
        self.for_each_raw(|_| n += 1);
        n
    }
}

impl Heap {
    /// Counts a sampled object under its stack and remembers it for its free. Call right after
    /// the allocation that set [`MCache::sampled`].
    ///
    /// # Safety
    /// `object` is an allocated object of this heap.
    pub unsafe fn record_sample(&self, object: usize, size: usize, stack: &[usize]) {
        let Some(bucket) = self.profile.bucket(&self.memory, size, stack) else {
            return;
        };
        let cycle = self.profile.cycle.load(Ordering::Relaxed) as usize;
        // SAFETY: buckets are never freed.
        unsafe { &*bucket }.future[(cycle + 2) % 3]
            .allocs
            .fetch_add(1, Ordering::Relaxed);
        let Some(found) = self.find_object(object) else {
            return;
        };
        let payload = [bucket as usize, size, 0];
        if let Some(special) = self.specials.make(
            &self.memory,
            SpecialKind::Profile,
            found.base - found.span.start(),
            payload,
        ) {
            // SAFETY: fresh record; the object is allocated in a swept span.
            unsafe {
                if !specials::attach(found.span, special) {
                    // A second object of a tiny block: the block keeps its first record.
                    self.profile.count_free(bucket as usize);
                    self.specials.give(special);
                }
            }
        }
    }

    /// How many objects of the class may be allocated before one is sampled (`None`: no end),
    /// and whether bytes must be counted.
    pub(crate) fn sample_distance(
        &self,
        cache: &mut MCache,
        span_class: usize,
        size: usize,
    ) -> (Option<usize>, bool) {
        let rate = self.profile.rate();
        if rate <= 0 {
            return (None, false);
        }
        self.check_rate(cache, rate);
        let left = cache.sample_left[span_class];
        (Some((left.max(0) as usize) / size), true)
    }

    /// Whether a large object is sampled.
    pub(crate) fn sample_large(&self, cache: &mut MCache, bytes: usize) -> bool {
        let rate = self.profile.rate();
        if rate <= 0 {
            return false;
        }
        self.check_rate(cache, rate);
        cache.sample_left[NUM_SPAN_CLASSES] -= bytes as i64;
        let sampled = cache.sample_left[NUM_SPAN_CLASSES] < 0;
        if sampled {
            cache.sample_left[NUM_SPAN_CLASSES] = self.next_sample(cache);
        }
        sampled
    }

    fn check_rate(&self, cache: &mut MCache, rate: i64) {
        if cache.sample_rate != rate {
            // Open windows end where the old rate wanted a sample.
            // SAFETY: callers own the cache.
            unsafe { self.close_windows(cache) };
            cache.sample_rate = rate;
            for index in 0..cache.sample_left.len() {
                cache.sample_left[index] = self.next_sample(cache);
            }
        }
    }

    /// Distance to the next sample: exponentially distributed with mean `rate`.
    pub(crate) fn next_sample(&self, cache: &mut MCache) -> i64 {
        let rate = self.profile.rate();
        if rate <= 1 {
            return 0;
        }
        // Uniform in (0, 1].
        let uniform = ((cache.random() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        (-ln(uniform) * rate as f64) as i64
    }

    /// Bytes of a slot of the class.
    pub fn class_size(span_class: usize) -> usize {
        CLASS_TO_SIZE[span_class >> 1] as usize
    }
}

/// Natural logarithm of a positive normal number, to about 1e-7: exponent plus a series in
/// (m - 1) / (m + 1).
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i64 - 1023;
    let m = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    let z = (m - 1.0) / (m + 1.0);
    let z2 = z * z;
    let series =
        z * (2.0 + z2 * (2.0 / 3.0 + z2 * (2.0 / 5.0 + z2 * (2.0 / 7.0 + z2 * (2.0 / 9.0)))));
    exponent as f64 * core::f64::consts::LN_2 + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_is_close() {
        for x in [1e-12, 0.001, 0.4999, 0.5, 0.75, 0.99, 1.0] {
            assert!((ln(x) - f64::ln(x)).abs() < 1e-4, "{x}");
        }
    }

    #[test]
    fn buckets_are_found_again() {
        let (profile, memory) = (Profile::new(), Persistent::new());
        let a = profile.bucket(&memory, 16, &[1, 2, 3]).unwrap();
        assert_eq!(profile.bucket(&memory, 16, &[1, 2, 3]), Some(a));
        assert_ne!(profile.bucket(&memory, 32, &[1, 2, 3]), Some(a));
        assert_ne!(profile.bucket(&memory, 16, &[1, 2]), Some(a));
        assert_eq!(profile.len(), 3);
    }
}
