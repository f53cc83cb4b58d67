//! The heap: what ties arena, pages, spans, centrals and caches together.

use crate::arena::{Arena, PageInfo, UNIT_PAGES};
use crate::central::Central;
use crate::malloc::OutOfMemory;
use crate::mcache::MCache;
use crate::pages::PageAlloc;
use crate::persistent::Persistent;
use crate::profile::Profile;
use crate::span::{MSpan, SpanState, SpanTable};
use crate::specials::Specials;
use crate::stats::{Counters, HeapStats, add};
use abi::sizeclass::{
    CLASS_TO_OBJECTS, CLASS_TO_PAGES, CLASS_TO_SIZE, NUM_SIZE_CLASSES, NUM_SPAN_CLASSES,
    PAGE_SHIFT, PAGE_SIZE,
};
use core::ptr;
use rt_os::Errno;
use rt_sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use rt_sync::{LockRank, Mutex};

/// Switches that are set once, before the first allocation. Names in parentheses are the
/// `GODEBUG` settings that the runtime maps to them.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Address space to reserve for objects; halved while the system refuses.
    pub reserve: usize,
    /// Preferred base address, 0 for none.
    pub hint: usize,
    /// Never collect (`gcnull=1`).
    pub null_collector: bool,
    /// Collect whenever N slots have been handed out since the last time; 0 = off (`gcevery=N`). Windows are shorter
    /// than N; 1 turns them off.
    pub collect_every: u32,
    /// Fill freed objects with a pattern and check it when they are allocated again
    /// (`gcpoison=1`).
    pub poison: bool,
    /// After marking, mark again with the world stopped and compare (`gccheckmark=1`).
    pub check_mark: bool,
    /// Check every structure of the heap after each collection (`gcverify=1`).
    pub verify: bool,
    /// Sweep everything in the pause instead of lazily (`gcstoptheworld=2`).
    pub eager_sweep: bool,
    /// Collect with the world stopped all the time (`gcstoptheworld=1`).
    pub stop_the_world: bool,
    /// Print a line per collection (`gctrace=1`).
    pub trace: bool,
}

impl Config {
    /// What programs run with.
    pub const fn new() -> Config {
        Config {
            reserve: 512 << 30,
            hint: 0xc0_0000_0000,
            null_collector: false,
            collect_every: 0,
            poison: false,
            check_mark: false,
            verify: false,
            eager_sweep: false,
            stop_the_world: false,
            trace: false,
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::new()
    }
}

/// Bytes of the arena's tables for a page.
const TABLE_BYTES_PER_PAGE: usize = 4 + 8 + 128 + 64 + 128;

/// Parts guarded by the heap lock.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(crate) pages: PageAlloc,
    free_caches: *mut MCache,
    caches: usize,
}

// SAFETY: used under the heap lock.
unsafe impl Send for Locked {}

/// A heap. A program has one, in a static; tests make several.
#[derive(Debug)]
pub struct Heap {
    /// Address space and tables.
    pub arena: Arena,
    /// All span structs.
    pub spans: SpanTable,
    pub(crate) locked: Mutex<Locked>,
    pub(crate) centrals: [Central; NUM_SPAN_CLASSES],
    /// Memory of the runtime itself.
    pub memory: Persistent,
    /// Finalizers and their kin.
    pub specials: Specials,
    /// Allocation profile.
    pub profile: Profile,
    pub(crate) config: core::cell::UnsafeCell<Config>,
    pub(crate) counters: Counters,
    /// Grows by 2 at each collection; written with the world stopped.
    pub(crate) sweepgen: AtomicU32,
    /// New objects are born marked. Written with the world stopped.
    pub(crate) allocate_black: AtomicBool,
    /// Bytes marked by the last collection plus bytes allocated since (windows count whole).
    pub live_bytes: AtomicUsize,
    /// Slots and large objects handed out since the last forced collection; counted only with `collect_every`.
    pub handed_out: AtomicUsize,
    /// Spans on unswept lists or being swept; 0 means the sweep is complete.
    pub(crate) unswept: AtomicUsize,
    /// Bytes of pages that allocation must have swept per byte that the heap grows (in 1/1024).
    pub(crate) sweep_ratio: AtomicUsize,
    /// Pages swept in this cycle.
    pub(crate) pages_swept: AtomicUsize,
    /// `live_bytes` when the sweep began.
    pub(crate) sweep_basis: AtomicUsize,
    /// Cache that free sweepers start from, to spread over the classes.
    pub(crate) sweep_class: AtomicUsize,
    /// Soft limit on the process' memory (GOMEMLIMIT), `i64::MAX` for none.
    pub memory_limit: AtomicI64,
    /// All caches ever made.
    all_caches: AtomicUsize,
    /// Distinguishes this heap's caches' random states.
    seed: AtomicU64,
    /// Bytes of work buffers and other memory of the collector (it reports here).
    pub gc_bytes: AtomicUsize,
}

// SAFETY: `config` is written before the heap is shared; everything else is atomic or locked.
unsafe impl Sync for Heap {}
// SAFETY: as above; nothing is tied to a thread.
unsafe impl Send for Heap {}

impl Heap {
    /// A heap without address space; [`Heap::init`] comes next.
    pub const fn new() -> Heap {
        let locked = Locked {
            pages: PageAlloc::new(),
            free_caches: ptr::null_mut(),
            caches: 0,
        };
        Heap {
            arena: Arena::new(),
            spans: SpanTable::new(),
            locked: Mutex::new(LockRank::Heap, locked),
            centrals: [const { Central::new() }; NUM_SPAN_CLASSES],
            memory: Persistent::new(),
            specials: Specials::new(),
            profile: Profile::new(),
            config: core::cell::UnsafeCell::new(Config::new()),
            counters: Counters::new(),
            sweepgen: AtomicU32::new(4),
            allocate_black: AtomicBool::new(false),
            live_bytes: AtomicUsize::new(0),
            handed_out: AtomicUsize::new(0),
            unswept: AtomicUsize::new(0),
            sweep_ratio: AtomicUsize::new(0),
            pages_swept: AtomicUsize::new(0),
            sweep_basis: AtomicUsize::new(0),
            sweep_class: AtomicUsize::new(0),
            memory_limit: AtomicI64::new(i64::MAX),
            all_caches: AtomicUsize::new(0),
            seed: AtomicU64::new(0x9e37_79b9_7f4a_7c15),
            gc_bytes: AtomicUsize::new(0),
        }
    }

    /// Reserves address space. Once, before the heap is shared.
    pub fn init(&self, config: Config) -> Result<(), Errno> {
        // SAFETY: the caller is the only user yet.
        unsafe { *self.config.get() = config };
        let mut reserve = config.reserve;
        // A limited address space must leave room for stacks, tables and everything else.
        if let Ok((soft, _)) = rt_os::thread::getrlimit(rt_os::thread::RLIMIT_AS)
            && soft != u64::MAX
        {
            reserve = reserve.min(soft as usize / 4 * 3);
        }
        self.arena.reserve(config.hint, reserve)?;
        let pages = self.arena.reserved() >> PAGE_SHIFT;
        self.spans.init(pages)?;
        self.locked.lock().pages.init(pages)
    }

    /// Gives everything back: only for tests, which make many heaps.
    ///
    /// # Safety
    /// Nothing may use the heap or its objects any more.
    pub unsafe fn destroy(&self) {
        let pages = self.arena.reserved() >> PAGE_SHIFT;
        // SAFETY: the caller's promise.
        unsafe {
            self.locked.lock().pages.release(pages);
            self.spans.release();
            self.arena.release();
        }
    }

    /// The switches.
    #[inline(always)]
    pub fn config(&self) -> &Config {
        // SAFETY: written only before the heap is shared.
        unsafe { &*self.config.get() }
    }

    /// Current sweep generation.
    #[inline(always)]
    pub fn sweepgen(&self) -> u32 {
        self.sweepgen.load(Ordering::Acquire)
    }

    /// Turns "new objects are born marked" on or off. World stopped, all windows closed.
    pub fn set_allocate_black(&self, on: bool) {
        self.allocate_black.store(on, Ordering::Release);
    }

    /// Whether new objects are born marked.
    #[inline(always)]
    pub fn allocate_black(&self) -> bool {
        self.allocate_black.load(Ordering::Relaxed)
    }

    // ---- caches ----

    /// A cache for a P.
    pub fn new_mcache(&self) -> Result<*mut MCache, OutOfMemory> {
        let mut locked = self.locked.lock();
        let mut cache = locked.free_caches;
        if cache.is_null() {
            cache = self.memory.alloc_for::<MCache>().ok_or(OutOfMemory {
                size: size_of::<MCache>(),
            })?;
            // SAFETY: fresh memory of ours.
            unsafe { (*cache).all_next = self.all_caches.load(Ordering::Relaxed) as *mut MCache };
            self.all_caches.store(cache as usize, Ordering::Release);
        } else {
            // SAFETY: free caches belong to the list.
            locked.free_caches = unsafe { (*cache).free_next };
        }
        locked.caches += 1;
        let seed = self
            .seed
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        // SAFETY: the cache is ours alone until we return it.
        unsafe {
            (*cache).init(self.arena.pointer_bits_bias(), seed);
            (*cache).in_use = true;
        }
        Ok(cache)
    }

    /// Takes a P's cache back.
    ///
    /// # Safety
    /// The cache came from [`Heap::new_mcache`] and is not used any more; its barrier buffer and
    /// work buffers are flushed.
    pub unsafe fn free_mcache(&self, cache: *mut MCache) {
        // SAFETY: the caller's promise.
        unsafe {
            self.flush_mcache(cache);
            let mut locked = self.locked.lock();
            (*cache).in_use = false;
            (*cache).free_next = locked.free_caches;
            locked.free_caches = cache;
            locked.caches -= 1;
        }
    }

    /// Visits the caches that belong to a P. World stopped (or the list not changing).
    pub fn for_each_mcache(&self, mut f: impl FnMut(*mut MCache)) {
        let mut at = self.all_caches.load(Ordering::Acquire) as *mut MCache;
        while !at.is_null() {
            // SAFETY: caches are never unmapped.
            unsafe {
                if (*at).in_use {
                    f(at);
                }
                at = (*at).all_next;
            }
        }
    }

    // ---- pages and spans ----

    /// Takes pages out of the page allocator, growing the arena if need be.
    fn take_pages(&self, locked: &mut Locked, npages: usize) -> Option<crate::pages::Pages> {
        if let Some(pages) = locked.pages.alloc(npages) {
            return Some(pages);
        }
        self.arena.grow(npages.div_ceil(UNIT_PAGES)).ok()?;
        locked.pages.add_units(npages.div_ceil(UNIT_PAGES));
        locked.pages.alloc(npages)
    }

    fn new_span(&self, npages: usize) -> Option<(&'static MSpan, crate::pages::Pages)> {
        let mut locked = self.locked.lock();
        let pages = self.take_pages(&mut locked, npages)?;
        // SAFETY: under the heap lock.
        match unsafe { self.spans.take() } {
            Some(span) => Some((span, pages)),
            None => {
                locked.pages.free(pages.first, npages);
                None
            }
        }
    }

    /// A span of small objects, swept and empty, on no list.
    pub(crate) fn alloc_small_span(&self, span_class: usize) -> Option<&'static MSpan> {
        let class = span_class >> 1;
        let npages = CLASS_TO_PAGES[class] as usize;
        let size = CLASS_TO_SIZE[class] as usize;
        self.limit_growth(npages);
        let (span, pages) = self.new_span(npages)?;
        let start = self.arena.page_addr(pages.first);
        span.set_up(
            pages.first,
            start,
            npages,
            span_class as u8,
            size,
            CLASS_TO_OBJECTS[class] as usize,
        );
        span.needs_zero
            .store((pages.scavenged < npages) as u8, Ordering::Relaxed);
        span.sweepgen.store(self.sweepgen(), Ordering::Release);
        self.clear_bits(span);
        span.set_state(SpanState::InUse);
        for page in 0..npages {
            self.arena.set_page(
                pages.first + page,
                span as *const MSpan as *mut MSpan,
                PageInfo::small(span_class as u8, page),
            );
        }
        self.counters
            .in_use
            .fetch_add(npages * PAGE_SIZE, Ordering::Relaxed);
        Some(span)
    }

    /// A span of one large object, not yet on a list, type not set.
    pub(crate) fn alloc_large_span(&self, npages: usize, noscan: bool) -> Option<&'static MSpan> {
        self.limit_growth(npages);
        let (span, pages) = self.new_span(npages)?;
        let start = self.arena.page_addr(pages.first);
        span.set_up(
            pages.first,
            start,
            npages,
            noscan as u8,
            npages * PAGE_SIZE,
            1,
        );
        span.needs_zero
            .store((pages.scavenged < npages) as u8, Ordering::Relaxed);
        span.sweepgen.store(self.sweepgen(), Ordering::Release);
        span.free_index.store(1, Ordering::Relaxed);
        span.alloc_count.store(1, Ordering::Relaxed);
        let word = span.first_bit_word();
        self.arena.alloc_word(word).store(1, Ordering::Relaxed);
        self.arena.clear_marks(word);
        self.arena.mark_words(word)[1].store(self.allocate_black() as u64, Ordering::Relaxed);
        span.set_state(SpanState::InUse);
        for page in 0..npages {
            self.arena.set_page(
                pages.first + page,
                span as *const MSpan as *mut MSpan,
                PageInfo::large(noscan as u8),
            );
        }
        self.counters
            .in_use
            .fetch_add(npages * PAGE_SIZE, Ordering::Relaxed);
        Some(span)
    }

    /// Clears mark and alloc bits of a span.
    pub(crate) fn clear_bits(&self, span: &MSpan) {
        let first = span.first_bit_word();
        for word in first..first + span.nelems().div_ceil(64) {
            self.arena.clear_marks(word);
            self.arena.alloc_word(word).store(0, Ordering::Relaxed);
        }
    }

    /// Gives an empty span of objects back to the pages. The caller owns it.
    pub(crate) fn free_span(&self, span: &MSpan) {
        let (first, npages) = (span.first_page(), span.npages());
        span.set_state(SpanState::Dead);
        for page in first..first + npages {
            self.arena.set_page(page, ptr::null_mut(), PageInfo::NONE);
        }
        self.counters
            .in_use
            .fetch_sub(npages * PAGE_SIZE, Ordering::Relaxed);
        let mut locked = self.locked.lock();
        locked.pages.free(first, npages);
        // SAFETY: under the heap lock; the span is dead and ours.
        unsafe { self.spans.give(span) };
    }

    /// Pages for the runtime (goroutine stacks): not objects, never collected, content undefined
    /// (zero only if fresh). `None` when the system has no memory.
    pub fn alloc_manual_pages(&self, npages: usize) -> Option<*mut u8> {
        self.limit_growth(npages);
        let (span, pages) = self.new_span(npages)?;
        let start = self.arena.page_addr(pages.first);
        span.set_up(pages.first, start, npages, 1, npages * PAGE_SIZE, 1);
        span.set_state(SpanState::Manual);
        for page in 0..npages {
            self.arena.set_page(
                pages.first + page,
                span as *const MSpan as *mut MSpan,
                PageInfo::NONE,
            );
        }
        self.counters
            .manual
            .fetch_add(npages * PAGE_SIZE, Ordering::Relaxed);
        Some(start as *mut u8)
    }

    /// Gives pages from [`Heap::alloc_manual_pages`] back; the whole run at once.
    ///
    /// # Safety
    /// Nothing uses the memory any more.
    pub unsafe fn free_manual_pages(&self, start: *mut u8) {
        let span = self
            .span_of(start as usize)
            .filter(|s| s.state() == SpanState::Manual && s.start() == start as usize);
        let Some(span) = span else {
            rt_os::throw!("runtime: free of {start:p}, which is no run of manual pages")
        };
        let (first, npages) = (span.first_page(), span.npages());
        span.set_state(SpanState::Dead);
        for page in first..first + npages {
            self.arena.set_page(page, ptr::null_mut(), PageInfo::NONE);
        }
        self.counters
            .manual
            .fetch_sub(npages * PAGE_SIZE, Ordering::Relaxed);
        let mut locked = self.locked.lock();
        locked.pages.free(first, npages);
        // SAFETY: under the heap lock; the span is dead.
        unsafe { self.spans.give(span) };
    }

    /// The span of an address, of any state but dead.
    pub fn span_of(&self, addr: usize) -> Option<&'static MSpan> {
        if !self.arena.contains(addr) {
            return None;
        }
        // SAFETY: spans live as long as the heap.
        unsafe { self.arena.span_of_page(self.arena.page_of(addr)).as_ref() }
    }

    // ---- statistics ----

    /// Adds a cache's counts to the shared counters. By the cache's owner or with the world
    /// stopped.
    ///
    /// # Safety
    /// As said.
    pub unsafe fn flush_stats(&self, cache: *mut MCache) {
        // SAFETY: the caller's promise.
        let cache = unsafe { &mut *cache };
        for (span_class, count) in cache.stats.small_allocs.iter_mut().enumerate() {
            if *count != 0 {
                add(
                    &self.counters.small_allocs[span_class >> 1],
                    core::mem::take(count),
                );
            }
        }
        add(
            &self.counters.large_allocs,
            core::mem::take(&mut cache.stats.large_allocs),
        );
        add(
            &self.counters.large_alloc_bytes,
            core::mem::take(&mut cache.stats.large_bytes),
        );
        add(
            &self.counters.tiny_allocs,
            core::mem::take(&mut cache.tiny_allocs),
        );
        self.live_bytes
            .fetch_add(core::mem::take(&mut cache.pending_live), Ordering::Relaxed);
    }

    /// Statistics. World stopped (else approximate).
    pub fn stats(&self) -> HeapStats {
        let mut open_caches = 0;
        self.for_each_mcache(|cache| {
            open_caches += 1;
            // SAFETY: world stopped.
            unsafe {
                self.close_windows(cache);
                self.flush_stats(cache);
            }
        });
        let (free_scavenged, caches, covered) = {
            let locked = self.locked.lock();
            (
                locked.pages.free_scavenged,
                locked.caches,
                locked.pages.covered(),
            )
        };
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut by_size = [(0, 0, 0); NUM_SIZE_CLASSES];
        let (mut mallocs, mut frees, mut total, mut freed) = (0, 0, 0, 0);
        for (class, entry) in by_size.iter_mut().enumerate() {
            let (allocs, free) = (
                load(&self.counters.small_allocs[class]),
                load(&self.counters.small_frees[class]),
            );
            let size = CLASS_TO_SIZE[class] as u64;
            *entry = (size as u32, allocs, free);
            mallocs += allocs;
            frees += free;
            total += allocs * size;
            freed += free * size;
        }
        let large = (
            load(&self.counters.large_allocs),
            load(&self.counters.large_frees),
            load(&self.counters.large_alloc_bytes),
            load(&self.counters.large_free_bytes),
        );
        mallocs += large.0;
        frees += large.1;
        total += large.2;
        freed += large.3;
        let tiny = load(&self.counters.tiny_allocs);
        let in_use = self.counters.in_use.load(Ordering::Relaxed) as u64;
        let manual = self.counters.manual.load(Ordering::Relaxed) as u64;
        let page = PAGE_SIZE as u64;
        let (mspan_sys, mspan_inuse) = self.spans.bytes();
        let heap_sys = covered as u64 * page - manual;
        // Not the sum of the free pages: the scavenger holds some while it gives them back.
        let heap_idle = heap_sys.saturating_sub(in_use);
        HeapStats {
            heap_alloc: total - freed,
            total_alloc: total,
            mallocs: mallocs + tiny,
            frees: frees + tiny,
            tiny_allocs: tiny,
            heap_sys,
            heap_idle,
            heap_inuse: in_use,
            heap_released: (free_scavenged as u64 * page).min(heap_idle),
            heap_objects: mallocs - frees,
            stacks_inuse: manual,
            mspan_inuse: mspan_inuse as u64,
            mspan_sys: mspan_sys as u64,
            mcache_inuse: (caches * size_of::<MCache>()) as u64,
            mcache_sys: (open_caches.max(caches) * size_of::<MCache>()) as u64,
            buckets_sys: self.profile.bytes() as u64,
            gc_sys: (self.arena.used() / PAGE_SIZE * TABLE_BYTES_PER_PAGE
                + self.gc_bytes.load(Ordering::Relaxed)) as u64,
            other_sys: self.memory.mapped() as u64,
            by_size,
            large,
        }
    }

    /// Bytes of physical memory that the heap accounts for (GOMEMLIMIT's measure): everything
    /// mapped and not given back.
    pub fn mapped_ready(&self) -> usize {
        let (in_use, manual) = (
            self.counters.in_use.load(Ordering::Relaxed),
            self.counters.manual.load(Ordering::Relaxed),
        );
        let free = self.locked.lock().pages.free_backed * PAGE_SIZE;
        let tables = (in_use + manual + free) / PAGE_SIZE * TABLE_BYTES_PER_PAGE;
        in_use
            + manual
            + free
            + tables
            + self.memory.mapped()
            + self.gc_bytes.load(Ordering::Relaxed)
            + self.spans.bytes().1
    }

    /// Bytes in spans of objects.
    pub fn in_use_bytes(&self) -> usize {
        self.counters.in_use.load(Ordering::Relaxed)
    }

    /// Visits all spans of objects on central lists, for walkers.
    pub fn for_each_listed_span(&self, mut f: impl FnMut(&MSpan)) {
        for central in &self.centrals {
            central.lock().for_each(&mut f);
        }
    }
}
