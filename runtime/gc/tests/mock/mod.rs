//! A world of plain threads: mutators with explicit roots, cooperative safepoints, and a few Go
//! types to make graphs of.
#![allow(dead_code)]

use abi::gotype::{ArrayType, RawSlice, StructField, StructType, Type, kind, tflag};
use rt_gc::{ConservativeRange, Gc, LeakWorld, RootRange, StopReason, World};
use rt_heap::{Config, Heap, MCache};
use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicUsize,
    Ordering::{Relaxed, Release, SeqCst},
};
use std::sync::{Condvar, Mutex, RwLock};

pub const ROOTS: usize = 64;

const RUNNING: u8 = 0;
const SAFE: u8 = 1;
const SCANNED: u8 = 2;

/// A thread that has roots (mutator) or none (worker).
pub struct Thread {
    state: AtomicU8,
    want_scan: AtomicBool,
    pub roots: Box<[AtomicUsize; ROOTS]>,
}

#[derive(Default)]
struct Running {
    count: usize,
    stopped: bool,
}

pub struct MockWorld {
    pub heap: &'static Heap,
    pub gc: &'static Gc,
    running: Mutex<Running>,
    changed: Condvar,
    want_stop: AtomicBool,
    threads: RwLock<Vec<&'static Thread>>,
    barrier: AtomicBool,
    pub globals: Box<[AtomicUsize; ROOTS]>,
    bitmap: Box<[u8; ROOTS / 8]>,
    procs: usize,
    pub finalizer_wakes: AtomicUsize,
    pub pools_cleared: AtomicUsize,
    pub runtime_roots: Mutex<Vec<usize>>,
    pub done: AtomicBool,
    /// Threads that count as blocked: index, on what, whether found leaked.
    pub blocked: Mutex<Vec<(usize, Vec<usize>, bool)>>,
}

thread_local! {
    static CACHE: Cell<*mut MCache> = const { Cell::new(ptr::null_mut()) };
    static INDEX: Cell<usize> = const { Cell::new(usize::MAX) };
}

impl MockWorld {
    pub fn new(config: Config, percent: i32, procs: usize) -> &'static MockWorld {
        let heap: &'static Heap = Box::leak(Box::new(Heap::new()));
        heap.init(config).unwrap();
        let gc: &'static Gc = Box::leak(Box::new(Gc::new()));
        gc.init(heap, percent, i64::MAX);
        Box::leak(Box::new(MockWorld {
            heap,
            gc,
            running: Mutex::default(),
            changed: Condvar::new(),
            want_stop: AtomicBool::new(false),
            threads: RwLock::default(),
            barrier: AtomicBool::new(false),
            globals: Box::new([const { AtomicUsize::new(0) }; ROOTS]),
            // Every second word of the globals is no pointer for the collector.
            bitmap: Box::new([0x55; ROOTS / 8]),
            procs,
            finalizer_wakes: AtomicUsize::new(0),
            pools_cleared: AtomicUsize::new(0),
            runtime_roots: Mutex::default(),
            done: AtomicBool::new(false),
            blocked: Mutex::default(),
        }))
    }

    /// Makes the calling thread a mutator with an mcache.
    pub fn enter(&'static self) -> Mutator {
        let cache = self.heap.new_mcache().unwrap();
        let thread = Box::leak(Box::new(Thread {
            state: AtomicU8::new(RUNNING),
            want_scan: AtomicBool::new(false),
            roots: Box::new([const { AtomicUsize::new(0) }; ROOTS]),
        }));
        let mut running = self.running.lock().unwrap();
        while running.stopped {
            running = self.changed.wait(running).unwrap();
        }
        running.count += 1;
        let mut threads = self.threads.write().unwrap();
        INDEX.set(threads.len());
        CACHE.set(cache);
        threads.push(thread);
        drop(running);
        Mutator {
            world: self,
            thread,
            cache,
        }
    }

    /// A thread that only has roots: index and roots.
    pub fn parked_thread(&'static self) -> (usize, &'static Thread) {
        let thread = Box::leak(Box::new(Thread {
            state: AtomicU8::new(SAFE),
            want_scan: AtomicBool::new(false),
            roots: Box::new([const { AtomicUsize::new(0) }; ROOTS]),
        }));
        let mut threads = self.threads.write().unwrap();
        threads.push(thread);
        (threads.len() - 1, thread)
    }

    fn me(&self) -> Option<&'static Thread> {
        self.threads.read().unwrap().get(INDEX.get()).copied()
    }

    fn set_safe(&self, safe: bool) {
        let Some(me) = self.me() else { return };
        if safe {
            me.state.store(SAFE, SeqCst);
            return;
        }
        while me
            .state
            .compare_exchange(SAFE, RUNNING, SeqCst, SeqCst)
            .is_err()
        {
            std::thread::yield_now();
        }
    }

    /// Where threads stop and are scanned.
    pub fn safepoint(&self) {
        let scan = self.me().is_some_and(|me| me.want_scan.load(SeqCst));
        if !self.want_stop.load(SeqCst) && !scan {
            return;
        }
        self.set_safe(true);
        if scan {
            std::thread::yield_now();
        }
        let mut running = self.running.lock().unwrap();
        while running.stopped {
            running.count -= 1;
            self.changed.notify_all();
            running = self.changed.wait(running).unwrap();
            running.count += 1;
        }
        drop(running);
        self.set_safe(false);
    }

    /// A background worker: marks and sweeps until the test is done.
    pub fn worker(&'static self) {
        let mutator = self.enter();
        while !self.done.load(SeqCst) {
            self.safepoint();
            match self.gc.mark_work_wanted(self, true) {
                Some(slice) => self.gc.background_mark(self, slice, true),
                None => {
                    self.gc.try_finish(self);
                    self.gc.background_sweep(self);
                    self.gc.background_scavenge();
                    std::thread::yield_now();
                }
            }
        }
        mutator.leave();
    }
}

// SAFETY: roots are exactly what the threads report; stopped threads wait in `safepoint`.
unsafe impl World for MockWorld {
    fn stop_the_world(&self, _reason: StopReason) {
        self.set_safe(true);
        let mut running = self.running.lock().unwrap();
        while running.stopped {
            running.count -= 1;
            self.changed.notify_all();
            running = self.changed.wait(running).unwrap();
            running.count += 1;
        }
        running.stopped = true;
        self.want_stop.store(true, SeqCst);
        while running.count > 1 {
            running = self.changed.wait(running).unwrap();
        }
        drop(running);
        self.set_safe(false);
    }

    fn start_the_world(&self) {
        let mut running = self.running.lock().unwrap();
        running.stopped = false;
        self.want_stop.store(false, SeqCst);
        self.changed.notify_all();
    }

    fn num_procs(&self) -> usize {
        self.procs
    }

    fn current_mcache(&self) -> *mut MCache {
        CACHE.get()
    }

    fn stack_roots(&self) -> usize {
        self.threads.read().unwrap().len()
    }

    fn scan_stack(&self, index: usize, scan: &mut dyn FnMut(ConservativeRange)) -> bool {
        let thread = self.threads.read().unwrap()[index];
        let mine = index == INDEX.get();
        if !mine {
            thread.want_scan.store(true, SeqCst);
            let stopped = self.running.lock().unwrap().stopped;
            if !stopped
                && thread
                    .state
                    .compare_exchange(SAFE, SCANNED, SeqCst, SeqCst)
                    .is_err()
            {
                return false;
            }
        }
        let lo = thread.roots.as_ptr() as usize;
        scan(ConservativeRange {
            lo,
            hi: lo + ROOTS * 8,
        });
        if !mine {
            thread.want_scan.store(false, SeqCst);
            let _ = thread.state.compare_exchange(SCANNED, SAFE, SeqCst, SeqCst);
        }
        true
    }

    fn for_each_global_root(&self, f: &mut dyn FnMut(RootRange)) {
        f(RootRange {
            start: self.globals.as_ptr() as usize,
            words: ROOTS,
            bitmap: self.bitmap.as_ptr(),
        });
    }

    fn for_each_runtime_root(&self, f: &mut dyn FnMut(usize)) {
        self.runtime_roots
            .lock()
            .unwrap()
            .iter()
            .for_each(|word| f(*word));
    }

    fn set_write_barrier(&self, on: bool) {
        self.barrier.store(on, SeqCst);
    }

    fn clear_pools(&self) {
        self.pools_cleared.fetch_add(1, SeqCst);
    }

    fn wake_mark_workers(&self) {}

    fn should_yield(&self) -> bool {
        self.want_stop.load(SeqCst)
    }

    fn wake_finalizers(&self) {
        self.finalizer_wakes.fetch_add(1, SeqCst);
    }

    fn wake_sweeper(&self) {}

    fn yield_now(&self) {
        self.set_safe(true);
        std::thread::yield_now();
        self.set_safe(false);
        self.safepoint();
    }

    fn trace(&self, line: core::fmt::Arguments<'_>) {
        eprint!("{line}");
    }
}

// SAFETY: as above; the mock has no runtime roots that belong to one thread.
unsafe impl LeakWorld for MockWorld {
    fn blocked_on(&self, index: usize, f: &mut dyn FnMut(usize)) -> bool {
        let blocked = self.blocked.lock().unwrap();
        let Some((_, on, _)) = blocked.iter().find(|(thread, ..)| *thread == index) else {
            return false;
        };
        on.iter().for_each(|addr| f(*addr));
        true
    }

    fn for_each_shared_root(&self, f: &mut dyn FnMut(usize)) {
        self.for_each_runtime_root(f);
    }

    fn for_each_goroutine_root(&self, _index: usize, _f: &mut dyn FnMut(usize)) {}

    fn set_leaked(&self, index: usize, leaked: bool) {
        for entry in self
            .blocked
            .lock()
            .unwrap()
            .iter_mut()
            .filter(|entry| entry.0 == index)
        {
            entry.2 = leaked;
        }
    }
}

/// The calling thread as a mutator.
pub struct Mutator {
    pub world: &'static MockWorld,
    pub thread: &'static Thread,
    cache: *mut MCache,
}

impl Mutator {
    pub fn cache(&self) -> *mut MCache {
        self.cache
    }

    /// Allocates; a safepoint.
    pub fn alloc(&self, size: usize, typ: *const Type) -> usize {
        self.world.safepoint();
        // SAFETY: roots hold everything that the test uses.
        unsafe {
            self.world
                .gc
                .malloc(self.world, self.cache, size, typ, true)
        }
        .unwrap()
        .as_ptr() as usize
    }

    /// Stores a pointer into an object, with the barrier.
    pub fn store(&self, at: usize, value: usize) {
        // SAFETY: a word of a live object; other threads store to it only through here.
        let slot = unsafe { &*(at as *const AtomicUsize) };
        if self.world.barrier.load(Relaxed) {
            let old = slot.load(Relaxed);
            // SAFETY: our own cache.
            unsafe {
                if (*self.cache).wb_buf.push(old) {
                    self.world.gc.wb_flush(self.cache);
                }
                if (*self.cache).wb_buf.push(value) {
                    self.world.gc.wb_flush(self.cache);
                }
            }
        }
        slot.store(value, Release);
    }

    pub fn load(&self, at: usize) -> usize {
        // SAFETY: a word of a live object.
        unsafe { &*(at as *const AtomicUsize) }.load(SeqCst)
    }

    pub fn set_root(&self, index: usize, value: usize) {
        self.thread.roots[index].store(value, Release);
    }

    pub fn root(&self, index: usize) -> usize {
        self.thread.roots[index].load(SeqCst)
    }

    pub fn collect(&self) {
        self.world.gc.collect(self.world);
    }

    /// The thread stops being a mutator; its roots are cleared.
    pub fn leave(self) {
        self.thread
            .roots
            .iter()
            .for_each(|root| root.store(0, SeqCst));
        self.world.safepoint();
        // SAFETY: our own cache, not used again.
        unsafe {
            self.world.gc.flush_cache(self.cache);
            self.world.heap.free_mcache(self.cache);
        }
        self.thread.state.store(SAFE, SeqCst);
        let mut running = self.world.running.lock().unwrap();
        running.count -= 1;
        self.world.changed.notify_all();
    }
}

impl Drop for Mutator {
    /// A failed thread would leave the others waiting for it for ever.
    fn drop(&mut self) {
        if std::thread::panicking() && self.world.procs > 1 {
            eprintln!("a mutator of a multi-threaded test failed");
            std::process::abort();
        }
    }
}

/// A small deterministic generator.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let x = self.0 ^ self.0 >> 32;
        x.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }
}

/// A Go type for tests and how big an object of it the test allocates.
pub struct Kind {
    pub name: &'static str,
    pub typ: *const Type,
    pub size: usize,
    /// Word offsets of its pointers.
    pub pointers: Vec<usize>,
}

// SAFETY: descriptors are leaked and immutable but for the mask slot, an atomic.
unsafe impl Sync for Kind {}
// SAFETY: as above.
unsafe impl Send for Kind {}

fn head(words: usize, pointers: &[bool], kind: u8) -> Type {
    let prefix = pointers.iter().rposition(|p| *p).map_or(0, |last| last + 1);
    let mut mask = vec![0u8; prefix.div_ceil(64) * 8];
    for (word, _) in pointers.iter().enumerate().filter(|(_, p)| **p) {
        mask[word / 8] |= 1 << (word % 8);
    }
    Type {
        size: words * 8,
        ptr_bytes: prefix * 8,
        hash: 0,
        tflag: 0,
        align: 8,
        field_align: 8,
        kind,
        equal: ptr::null(),
        gc_data: Vec::leak(mask).as_ptr(),
        str_: 0,
        ptr_to_this: 0,
    }
}

fn on_demand(mut typ: Type) -> Type {
    typ.tflag |= tflag::GC_MASK_ON_DEMAND;
    typ.gc_data = Box::leak(Box::new(0usize)) as *const usize as *const u8;
    typ
}

/// `struct` of words; word 0 is never a pointer (tests keep an id there).
pub fn simple(
    name: &'static str,
    words: usize,
    pointer: impl Fn(usize) -> bool,
    count: usize,
) -> Kind {
    let pointers: Vec<bool> = (0..words).map(|word| word > 0 && pointer(word)).collect();
    let typ = Box::leak(Box::new(head(words, &pointers, kind::STRUCT)));
    let all = (0..words * count)
        .filter(|word| pointers[word % words])
        .collect();
    Kind {
        name,
        typ,
        size: words * 8 * count,
        pointers: all,
    }
}

/// All layouts that the heap treats differently.
pub fn kinds() -> Vec<Kind> {
    let mut kinds = vec![
        simple("8-byte words without pointers", 2, |_| false, 1),
        simple("two pointers", 3, |_| true, 1),
        simple("mixed 64 bytes", 8, |word| word % 2 == 1, 1),
        simple(
            "straddling bitmap words",
            6,
            |word| word == 1 || word == 5,
            1,
        ),
        simple("array of small structs", 3, |word| word == 2, 20),
        simple("512 bytes", 64, |word| word % 7 == 3, 1),
        simple("520 bytes, type word", 65, |word| word % 8 == 7, 1),
        simple("array with a type word", 3, |word| word == 1, 85),
        simple("8 KiB of structs", 4, |word| word > 1, 250),
        simple("32 KiB class", 4, |word| word == 3, 1000),
        simple("large", 3, |word| word == 2, 1800),
        simple("several pieces", 5, |word| word == 4, 8000),
        simple("100 bytes of data", 13, |_| false, 1),
        simple("data above a window", 200, |_| false, 1),
        simple("large data", 6000, |_| false, 1),
    ];
    // type [300]struct{uintptr; *T}, mask built on demand.
    let elem = Box::leak(Box::new(head(2, &[false, true], kind::STRUCT)));
    let mut whole = head(
        600,
        &(0..600).map(|w| w % 2 == 1).collect::<Vec<_>>(),
        kind::ARRAY,
    );
    whole = on_demand(whole);
    let array: &'static ArrayType = Box::leak(Box::new(ArrayType {
        typ: whole,
        elem,
        slice: ptr::null(),
        len: 300,
    }));
    kinds.push(Kind {
        name: "array, mask on demand",
        typ: &array.typ,
        size: 4800,
        pointers: (0..600).filter(|w| w % 2 == 1).collect(),
    });
    // type struct{uintptr; [300]struct{uintptr; *T}; *T}
    let word = Box::leak(Box::new(head(1, &[false], kind::UINTPTR)));
    let pointer = Box::leak(Box::new(head(1, &[true], kind::POINTER)));
    let fields: &'static [StructField] = Vec::leak(vec![
        StructField {
            name: ptr::null(),
            typ: word,
            offset: 0,
        },
        StructField {
            name: ptr::null(),
            typ: &array.typ,
            offset: 8,
        },
        StructField {
            name: ptr::null(),
            typ: pointer,
            offset: 8 + 4800,
        },
    ]);
    let bits: Vec<bool> = (0..602)
        .map(|w| w == 601 || (w > 1 && (w - 1) % 2 == 1))
        .collect();
    let strukt: &'static StructType = Box::leak(Box::new(StructType {
        typ: on_demand(head(602, &bits, kind::STRUCT)),
        pkg_path: ptr::null(),
        fields: RawSlice {
            data: fields.as_ptr(),
            len: 3,
            cap: 3,
        },
    }));
    kinds.push(Kind {
        name: "struct, mask on demand",
        typ: &strukt.typ,
        size: 602 * 8,
        pointers: (0..602).filter(|w| bits[*w]).collect(),
    });
    kinds
}
