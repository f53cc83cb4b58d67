//! Goroutine stacks: chains of segments that grow on demand and never move.
//!
//! A goroutine begins on a small segment from a slab. When a function's stack check fails, `morestack`
//! starts it again on the next segment; when that function returns, `lessstack` goes back. The next segment
//! stays cached, so a call at the boundary (a "hot split") costs a dozen instructions each way. Each new segment is at
//! least twice as large as the one before: a deep recursion makes few of them, and a frame of
//! any size fits after a few tries.
//!
//! ```text
//!  lo                                             header           hi
//!  | slack (4 KB) |  frames ...  <- entry_sp | pad | Segment      |
//!                 ^ limit
//! ```
//!
//! Since stacks do not move, pointers into them may be kept anywhere (sudogs, defer records, Rust).

use crate::arch;
use crate::g::G;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use rt_sync::{LockRank, Mutex};

/// Header at the upper end of a segment's memory.
#[repr(C)]
pub struct Segment {
    /// Towards the base; null for the first.
    pub prev: *mut Segment,
    /// Cached or abandoned next one.
    pub next: *mut Segment,
    /// Lowest address a checked frame may reach.
    pub limit: usize,
    /// Stack pointer at which the first function of the segment is entered; 0 in a first segment.
    pub entry_sp: usize,
    /// Lowest address.
    pub lo: usize,
    /// Bytes, header included.
    pub size: usize,
}

impl Segment {
    /// One past the frames.
    pub fn hi(&self) -> usize {
        self as *const Segment as usize
    }

    /// Stack pointer of the segment before, at which this one was entered. Only for segments in use.
    pub fn origin_sp(&self) -> usize {
        // SAFETY: morestack stored it above the entry's return address.
        unsafe { ((self.entry_sp + 8) as *const usize).read() }
    }

    /// Whether the address is in this segment.
    pub fn contains(&self, addr: usize) -> bool {
        self.lo <= addr && addr < self.hi()
    }
}

/// Bytes of a goroutine's first segment.
pub const FIRST_SIZE: usize = 8 << 10;
/// Bytes of the second; then they double.
const SECOND_SIZE: usize = 16 << 10;
/// Classes of cached segments: FIRST_SIZE << class.
const CLASSES: usize = 10;
/// Segments above this are returned to the system at once.
const MAX_CACHED: usize = FIRST_SIZE << (CLASSES - 1);
/// Slabs of small segments.
const SLAB: usize = 256 << 10;

struct Free {
    heads: [*mut Segment; CLASSES],
    counts: [usize; CLASSES],
    /// Unused rest of the newest slab.
    bump: [(usize, usize); CLASSES],
}
// SAFETY: behind the mutex.
unsafe impl Send for Free {}

static FREE: Mutex<Free> = Mutex::new(
    LockRank::StackPool,
    Free {
        heads: [ptr::null_mut(); CLASSES],
        counts: [0; CLASSES],
        bump: [(0, 0); CLASSES],
    },
);

/// Bytes of segments in use by goroutines (first segments of dead ones included).
pub static IN_USE: AtomicUsize = AtomicUsize::new(0);
/// Bytes taken from the system for stacks.
pub static FROM_SYSTEM: AtomicUsize = AtomicUsize::new(0);
/// `debug.SetMaxStack`.
pub static MAX_STACK: AtomicUsize = AtomicUsize::new(1_000_000_000);

fn class_of(size: usize) -> usize {
    (size / FIRST_SIZE).trailing_zeros() as usize
}

fn init_segment(lo: usize, size: usize) -> *mut Segment {
    let segment = (lo + size - size_of::<Segment>()) as *mut Segment;
    let top = (segment as usize) & !15;
    let entry_sp = top - 24;
    // SAFETY: [lo, lo + size) is ours and unused.
    unsafe {
        segment.write(Segment {
            prev: ptr::null_mut(),
            next: ptr::null_mut(),
            limit: lo + abi::g::STACK_SLACK as usize,
            entry_sp,
            lo,
            size,
        });
        (entry_sp as *mut usize).write(arch::lessstack as *const () as usize);
    }
    segment
}

/// A segment of this size (a power of two, at least [`FIRST_SIZE`]).
fn alloc(size: usize) -> *mut Segment {
    IN_USE.fetch_add(size, Ordering::Relaxed);
    if size <= MAX_CACHED {
        let class = class_of(size);
        let mut free = FREE.lock();
        if free.heads[class].is_null() {
            // Headers are written when a segment is handed out, so that untouched parts of a slab cost no memory.
            if free.bump[class].0 == free.bump[class].1 {
                let slab = SLAB.max(size);
                let memory = crate::persist::map(slab);
                FROM_SYSTEM.fetch_add(slab, Ordering::Relaxed);
                free.bump[class] = (memory, memory + slab);
            }
            let lo = free.bump[class].0;
            free.bump[class].0 += size;
            drop(free);
            return init_segment(lo, size);
        }
        let segment = free.heads[class];
        // SAFETY: segments on the free list are initialised and unused.
        unsafe {
            free.heads[class] = (*segment).next;
            (*segment).next = ptr::null_mut();
            (*segment).prev = ptr::null_mut();
        }
        free.counts[class] -= 1;
        return segment;
    }
    FROM_SYSTEM.fetch_add(size, Ordering::Relaxed);
    init_segment(crate::persist::map(size), size)
}

/// Gives a segment back.
///
/// # Safety
/// Nothing runs on it or refers to it.
unsafe fn free(segment: *mut Segment) {
    // SAFETY: a live header.
    let (lo, size) = unsafe { ((*segment).lo, (*segment).size) };
    IN_USE.fetch_sub(size, Ordering::Relaxed);
    if size > MAX_CACHED {
        FROM_SYSTEM.fetch_sub(size, Ordering::Relaxed);
        // SAFETY: mapped by `alloc` as one piece; unused.
        let _ = unsafe { rt_os::mem::munmap(lo, size) };
        return;
    }
    let class = class_of(size);
    let mut free = FREE.lock();
    // SAFETY: ours; only the header is touched.
    unsafe {
        (*segment).next = free.heads[class];
        (*segment).prev = ptr::null_mut();
    }
    free.heads[class] = segment;
    free.counts[class] += 1;
}

/// Frees a chain through `next`.
///
/// # Safety
/// As [`free`] for each.
unsafe fn free_chain(mut segment: *mut Segment) {
    while !segment.is_null() {
        // SAFETY: live headers; read before freeing.
        unsafe {
            let next = (*segment).next;
            free(segment);
            segment = next;
        }
    }
}

/// Gives a goroutine its first segment and an initial context that starts `start_fn`.
pub fn prepare_new(g: &G) {
    let mut first = g.first_seg.get();
    if first.is_null() {
        first = alloc(FIRST_SIZE);
        g.first_seg.set(first);
        g.stack_bytes.set(FIRST_SIZE);
    }
    g.seg.set(first);
    // SAFETY: the segment is this goroutine's and unused. The context is what gogo pops: r14 r13 r12 rbx rbp and the address
    // to continue at; above it the stack pointer is 16-byte aligned.
    unsafe {
        (*first).entry_sp = 0;
        let top = (*first).hi() & !15;
        let sp = top - arch::CONTEXT_WORDS * 8 - 16;
        let words = sp as *mut usize;
        for index in 0..arch::CONTEXT_WORDS - 1 {
            words.add(index).write(0);
        }
        words
            .add(arch::CONTEXT_WORDS - 1)
            .write(arch::goroutine_start as *const () as usize);
        g.sched_sp.set(sp);
        g.sched_bp.set(0);
        g.preempt.store(false, Ordering::Relaxed);
        g.stack_limit
            .store((*first).limit as u64, Ordering::Relaxed);
    }
}

/// Frees everything but the first segment: the goroutine ended.
pub fn release_all_but_first(g: &G) {
    let first = g.first_seg.get();
    if first.is_null() {
        return;
    }
    // Before the sum is set: it takes the retired segment off.
    release_retired(g);
    // SAFETY: the goroutine is dead; nothing runs on its segments.
    unsafe {
        free_chain((*first).next);
        (*first).next = ptr::null_mut();
        g.stack_bytes.set((*first).size);
    }
    g.seg.set(first);
}

fn release_retired(g: &G) {
    let retired = g.retired_seg.replace(ptr::null_mut());
    if !retired.is_null() {
        // SAFETY: the goroutine left it in morestack; it is linked nowhere.
        unsafe {
            g.stack_bytes.set(g.stack_bytes.get() - (*retired).size);
            free(retired);
        }
    }
}

/// Frees cached segments beyond the one in use. The caller owns the goroutine (it is stopped or is the caller).
pub fn trim(g: &G) {
    let seg = g.seg.get();
    if seg.is_null() {
        return;
    }
    // SAFETY: segments beyond the current one hold no frames.
    unsafe {
        let mut next = (*seg).next;
        (*seg).next = ptr::null_mut();
        while !next.is_null() {
            let after = (*next).next;
            g.stack_bytes.set(g.stack_bytes.get() - (*next).size);
            free(next);
            next = after;
        }
    }
}

/// `morestack`'s slow path, on the system stack: provides `seg.next` and returns the stack pointer to return to from it.
/// `sp` points at the return address of the function that did not fit.
pub extern "C" fn grow(sp: usize) -> usize {
    let g = G::current();
    release_retired(g);
    let mut seg = g.seg.get();
    let mut origin = sp;
    // SAFETY: the chain belongs to the running goroutine; all accesses are to live headers.
    unsafe {
        let size = ((*seg).size * 2).max(SECOND_SIZE);
        if sp == (*seg).entry_sp {
            // Not even the first function fits: replace this segment by a larger one. We still run on it until morestack
            // hops, so it is freed later.
            let small = seg;
            origin = (*small).origin_sp();
            seg = (*small).prev;
            let beyond = (*small).next;
            if !beyond.is_null() && (*beyond).size >= size {
                // A cached one is large enough to try.
                (*seg).next = beyond;
                (*beyond).prev = seg;
                (*small).next = ptr::null_mut();
            } else {
                free_rest(g, small);
                (*seg).next = ptr::null_mut();
            }
            (*small).prev = ptr::null_mut();
            g.retired_seg.set(small);
            g.seg.set(seg);
        }
        if (*seg).next.is_null() {
            if g.stack_bytes.get() + size > MAX_STACK.load(Ordering::Relaxed).max(SECOND_SIZE * 4) {
                crate::hooks::stack_overflow(g);
            }
            let new = alloc(size);
            (*new).prev = seg;
            (*seg).next = new;
            g.stack_bytes.set(g.stack_bytes.get() + size);
        }
    }
    origin
}

/// Frees the segments cached beyond `segment`.
///
/// # Safety
/// They hold no frames.
unsafe fn free_rest(g: &G, segment: *mut Segment) {
    // SAFETY: passed on to the caller.
    unsafe {
        let mut next = (*segment).next;
        (*segment).next = ptr::null_mut();
        while !next.is_null() {
            let after = (*next).next;
            g.stack_bytes.set(g.stack_bytes.get() - (*next).size);
            free(next);
            next = after;
        }
    }
}

/// Makes the segment that contains `addr` the current one: frames above it in the chain are given up (unwinding).
pub fn unwind_to(g: &G, addr: usize) {
    let mut seg = g.seg.get();
    // SAFETY: walks the chain of the running goroutine towards its base.
    unsafe {
        while !(*seg).contains(addr) {
            if (*seg).prev.is_null() {
                rt_os::throw!(
                    "unwinding: {addr:#x} is not on the stack of goroutine {}",
                    g.goid.get()
                );
            }
            seg = (*seg).prev;
        }
        g.seg.set(seg);
        let limit = (*seg).limit as u64;
        g.stack_limit.store(limit, Ordering::Relaxed);
    }
    if g.preempt.load(Ordering::Relaxed) {
        g.stack_limit
            .store(abi::g::STACK_LIMIT_POISON, Ordering::Relaxed);
    }
}

/// Calls `visit(low, high)` for each range of words in use by a goroutine that is not running, from its stack pointer on.
pub fn for_each_range(g: &G, sp: usize, mut visit: impl FnMut(usize, usize)) {
    let mut seg = g.seg.get();
    let mut sp = sp;
    // SAFETY: the caller holds the goroutine still; headers of its chain are live.
    unsafe {
        while !seg.is_null() {
            if !(*seg).contains(sp) {
                rt_os::throw!(
                    "goroutine {}: stack pointer {sp:#x} outside of its segment {:#x}..{:#x}",
                    g.goid.get(),
                    (*seg).lo,
                    (*seg).hi()
                );
            }
            visit(sp & !7, (*seg).hi());
            if (*seg).prev.is_null() {
                return;
            }
            sp = (*seg).origin_sp();
            seg = (*seg).prev;
        }
    }
}

/// Whether the address is on one of the goroutine's segments in use.
pub fn on_stack(g: &G, addr: usize) -> bool {
    let mut seg = g.seg.get();
    while !seg.is_null() {
        // SAFETY: the chain of a goroutine that does not change meanwhile.
        unsafe {
            if (*seg).contains(addr) {
                return true;
            }
            seg = (*seg).prev;
        }
    }
    false
}

/// The return address of the frame whose rbp is `fp`, segment boundaries hidden.
///
/// # Safety
/// `fp` is a live frame of a goroutine that does not move meanwhile.
pub unsafe fn frame_return(fp: usize) -> usize {
    // SAFETY: rbp chain: [fp] the caller's rbp, [fp + 8] the return address. At a segment's first frame the
    // slot above the return address is the older stack pointer, which points at the real return address.
    unsafe {
        let pc = ((fp + 8) as *const usize).read();
        if pc == arch::lessstack as *const () as usize {
            return *(((fp + 16) as *const usize).read() as *const usize);
        }
        pc
    }
}

/// Return address into the Go code that called the system function in progress.
pub fn return_of_saved(g: &G) -> usize {
    if g.sched_bp.get() == 0 {
        return 0;
    }
    // SAFETY: the stub's frame: rbp chain of a goroutine inside a system function.
    unsafe { frame_return(g.sched_bp.get()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_goroutine_has_an_aligned_context_within_its_first_segment() {
        let g = G::new();
        prepare_new(&g);
        // SAFETY: just made.
        let seg = unsafe { &*g.seg.get() };
        let start = g.sched_sp.get() + arch::CONTEXT_WORDS * 8;
        assert!(seg.contains(g.sched_sp.get()) && start.is_multiple_of(16));
        assert_eq!(seg.limit, seg.lo + abi::g::STACK_SLACK as usize);
        assert_eq!(g.stack_limit.load(Ordering::Relaxed), seg.limit as u64);
        let mut ranges = vec![];
        for_each_range(&g, g.sched_sp.get(), |lo, hi| ranges.push((lo, hi)));
        assert_eq!(ranges, [(g.sched_sp.get(), seg.hi())]);
    }

    /// Builds the chain that morestack makes, then unwinds and trims it.
    #[test]
    fn chain_of_segments_is_walked_unwound_and_trimmed() {
        let g = G::new();
        prepare_new(&g);
        // SAFETY: segments made here, linked as morestack does.
        unsafe {
            let first = g.seg.get();
            let origin = (*first).hi() - 256;
            let second = alloc(SECOND_SIZE);
            (*second).prev = first;
            (*first).next = second;
            (((*second).entry_sp + 8) as *mut usize).write(origin);
            g.seg.set(second);
            g.stack_bytes.set(FIRST_SIZE + SECOND_SIZE);
            assert_eq!(
                (((*second).entry_sp) as *const usize).read(),
                arch::lessstack as *const () as usize
            );
            let sp = (*second).entry_sp - 64;
            let mut ranges = vec![];
            for_each_range(&g, sp, |lo, hi| ranges.push((lo, hi)));
            assert_eq!(ranges, [(sp, (*second).hi()), (origin, (*first).hi())]);
            assert!(on_stack(&g, sp) && on_stack(&g, origin) && !on_stack(&g, 64));
            unwind_to(&g, origin);
            assert!(
                ptr::eq(g.seg.get(), first)
                    && g.stack_limit.load(Ordering::Relaxed) == (*first).limit as u64
            );
            assert!(!(*first).next.is_null(), "the next segment stays cached");
            trim(&g);
            assert!((*first).next.is_null() && g.stack_bytes.get() == FIRST_SIZE);
            assert!(
                ptr::eq(alloc(SECOND_SIZE), second),
                "freed segments are used again"
            );
        }
    }

    /// The return address of a segment's first frame is found through the older stack pointer.
    #[test]
    fn segment_boundaries_are_hidden_from_walks() {
        let real_return = [0x1234usize];
        let frame = [
            0usize,
            arch::lessstack as *const () as usize,
            real_return.as_ptr() as usize,
        ];
        // SAFETY: laid out like the first frame of a segment.
        assert_eq!(unsafe { frame_return(frame.as_ptr() as usize) }, 0x1234);
        let plain = [0usize, 0x5678];
        // SAFETY: laid out like a frame.
        assert_eq!(unsafe { frame_return(plain.as_ptr() as usize) }, 0x5678);
    }
}
